//! Every target for a moment, so that a change that breaks one is seen at once. Long runs: see the crate's header.

use std::path::Path;

use fuzz::{Span, TARGETS, run};

#[test]
fn every_target_holds() {
    fuzz::report_panics(Path::new(env!("CARGO_TARGET_TMPDIR")));
    for target in TARGETS {
        for seed in [1, 2] {
            let report = run(target, seed, Span::Runs(target.brief_runs));
            assert!(report.answers > 1, "{} tells inputs apart: {report:?}", target.name);
        }
    }
}
