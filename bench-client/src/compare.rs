//! `compare A.json B.json`: ratios with their range, and whether they mean anything.
//!
//! Two runs of the same thing never give the same number, and seconds of one run are more alike than runs are:
//! a test that takes seconds for independent calls the drift of a machine a difference. So the sample is the
//! run (`--repeat`, or files given in turn), and the test is Mann and Whitney's, which asks for no bell curve
//! and is not impressed by one bad run ([`spread`]). With fewer than [`spread::SAMPLES_MIN`] runs on a side,
//! runs are cut into as few long parts as make that many; how much runs differ from each other is then not
//! known, and the text says so.

mod spread;

use std::fs;
use std::path::{Path, PathBuf};

use crate::report::{FORM, Point, Report, RunReport};
use crate::text::count;
use spread::{Ratio, SAMPLES_MIN, median, ratio};

/// Fewest whole seconds of a part.
const PART_SECONDS_MIN: usize = 2;

/// Reads the files, given in turn (A, B, A, B, ...), and compares their two sides.
pub fn compare(files: &[PathBuf]) -> Result<String, String> {
    if !files.len().is_multiple_of(2) {
        return Err("give the files in turn: A.json B.json, or A1.json B1.json A2.json B2.json ...".into());
    }
    let reports = files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
    let side = |first: usize| reports.iter().skip(first).step_by(2).collect::<Vec<_>>();
    render(&side(0), &side(1))
}

/// Reads a report that `--json` wrote.
fn read(path: &Path) -> Result<Report, String> {
    let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let text = fs::read_to_string(path).map_err(|e| failed(&e))?;
    let report: Report = serde_json::from_str(&text).map_err(|e| failed(&e))?;
    if report.form != FORM {
        return Err(failed(&format!("has form {}, this program reads {FORM}", report.form)));
    }
    Ok(report)
}

/// The comparison as text: B in relation to A. Neither side is empty.
fn render(a: &[&Report], b: &[&Report]) -> Result<String, String> {
    let mut out = String::new();
    for (name, side) in [("A", a), ("B", b)] {
        out.push_str(&format!("{name}: {} ({})\n", side[0].server, side[0].date));
    }
    for (what, in_a, in_b) in differences(a[0], b[0]) {
        out.push_str(&format!("! different {what}: {in_a} | {in_b}\n"));
    }
    let mut labels: Vec<&str> = Vec::new();
    for run in a.iter().flat_map(|report| &report.runs) {
        let in_b = || b.iter().any(|report| report.runs.iter().any(|other| other.label == run.label));
        if !labels.contains(&&run.label[..]) && in_b() {
            labels.push(&run.label);
        }
    }
    if labels.is_empty() {
        return Err("the two sides have no run in common".into());
    }
    for label in labels {
        let runs = |side: &[&'_ Report]| -> Vec<RunReport> {
            side.iter().flat_map(|report| &report.runs).filter(|run| run.label == label).cloned().collect()
        };
        out.push_str(&format!("\n{label}\n"));
        out.push_str(&compare_runs(&runs(a), &runs(b)));
    }
    Ok(out)
}

fn differences(a: &Report, b: &Report) -> Vec<(&'static str, String, String)> {
    let load = |r: &Report| {
        let l = &r.load;
        let rate = l.rate.map_or("closed loop".into(), |rate| format!("{rate}/s"));
        format!("{} threads, {} connections, pipeline {}, {rate}", l.threads, l.connections, l.pipeline)
    };
    let machine = |r: &Report| format!("{} x {}, Linux {}", r.machine.cpus, r.machine.cpu, r.machine.kernel);
    let workload = |r: &Report| r.workload.0.clone();
    let all = [
        ("workload", workload(a), workload(b)),
        ("load", load(a), load(b)),
        ("machine", machine(a), machine(b)),
    ];
    all.into_iter().filter(|(_, in_a, in_b)| in_a != in_b).collect()
}

/// A figure of a run that is compared: its name, its value, its value in one second, its text.
struct Figure {
    name: &'static str,
    of_run: fn(&RunReport) -> f64,
    of_second: fn(&Point) -> f64,
    more_is_better: bool,
}

const FIGURES: [Figure; 4] = [
    Figure {
        name: "requests/s",
        of_run: |run| run.throughput,
        of_second: |p| p.answered as f64,
        more_is_better: true,
    },
    Figure { name: "p50 ms", of_run: |run| run.latency.p50, of_second: |p| p.p50, more_is_better: false },
    Figure { name: "p99 ms", of_run: |run| run.latency.p99, of_second: |p| p.p99, more_is_better: false },
    Figure { name: "max ms", of_run: |run| run.latency.max, of_second: |p| p.max, more_is_better: false },
];

impl Figure {
    fn text(&self, value: f64) -> String {
        if self.more_is_better { count(value as u64) } else { format!("{value:.3}") }
    }

    /// The side's independent values: its runs, or if these are too few, parts of them.
    fn samples(&self, runs: &[RunReport]) -> Vec<f64> {
        if runs.len() >= SAMPLES_MIN {
            return runs.iter().map(self.of_run).collect();
        }
        let parts = SAMPLES_MIN.div_ceil(runs.len());
        let part = |points: &[Point]| median(points.iter().map(self.of_second).collect());
        let of_run = |run: &RunReport| -> Vec<f64> {
            let seconds = whole_seconds(run);
            let size = seconds.len() / parts;
            if size < PART_SECONDS_MIN { Vec::new() } else { seconds.chunks_exact(size).map(part).collect() }
        };
        runs.iter().flat_map(of_run).collect()
    }
}

fn compare_runs(a: &[RunReport], b: &[RunReport]) -> String {
    let disturbed = |runs: &[RunReport]| runs.iter().any(|run| !run.generator.warnings.is_empty());
    let disturbed = disturbed(a) || disturbed(b);
    let mut out = format!(
        "  {:<11} {:>12} {:>12} {:>8}  {:<18} verdict\n",
        "median of",
        runs_text(a),
        runs_text(b),
        "B/A",
        "range"
    );
    for figure in &FIGURES {
        let middle = |runs: &[RunReport]| median(runs.iter().map(figure.of_run).collect());
        let found = ratio(&figure.samples(a), &figure.samples(b));
        let value = found.as_ref().map_or(middle(b) / middle(a).max(f64::MIN_POSITIVE), |ratio| ratio.value);
        let range = found.as_ref().map_or(String::new(), |r| format!("{:.3} to {:.3}", r.low, r.high));
        out.push_str(&format!(
            "  {:<11} {:>12} {:>12} {value:>8.3}  {range:<18} {}\n",
            figure.name,
            figure.text(middle(a)),
            figure.text(middle(b)),
            verdict(found.as_ref(), figure.more_is_better, disturbed)
        ));
    }
    if a.len().min(b.len()) < SAMPLES_MIN {
        out.push_str(&format!(
            "  ! ranges come from parts of runs; how much runs differ shows only with {SAMPLES_MIN} or more \
             (--repeat)\n"
        ));
    }
    out
}

fn runs_text(runs: &[RunReport]) -> String {
    if runs.len() == 1 { "1 run".into() } else { format!("{} runs", runs.len()) }
}

/// `disturbed`: a generator was a bottleneck, so that a difference may be its own and not the server's.
fn verdict(ratio: Option<&Ratio>, more_is_better: bool, disturbed: bool) -> &'static str {
    match ratio {
        None => "too short to judge",
        Some(ratio) if ratio.is_noise() => "noise",
        _ if disturbed => "not to be trusted: a generator was a bottleneck",
        Some(ratio) if (ratio.value > 1.0) == more_is_better => "better",
        _ => "worse",
    }
}

/// The last second of a run is seldom whole.
fn whole_seconds(run: &RunReport) -> &[Point] {
    &run.timeline[..run.timeline.len().saturating_sub(1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::report::tests::{sample_report, sample_run};

    /// A run whose seconds wobble around `rate`, by this share at most.
    fn run(rate: f64, wobble: f64) -> RunReport {
        let mut run = sample_run(rate, 1.0);
        let mut random = Random::of(5, rate as u64);
        for point in &mut run.timeline {
            point.answered = (rate * (1.0 + (2.0 * random.unit() - 1.0) * wobble)) as u64;
        }
        run
    }

    /// A run that slows down all the time, by `drift` in all.
    fn drifting(rate: f64, drift: f64) -> RunReport {
        let mut run = sample_run(rate, 1.0);
        let last = run.timeline.len() as f64 - 1.0;
        for (second, point) in run.timeline.iter_mut().enumerate() {
            point.answered = (rate * (1.0 + drift * (0.5 - second as f64 / last))) as u64;
        }
        run
    }

    fn judged(a: &[RunReport], b: &[RunReport]) -> String {
        let text = compare_runs(a, b);
        text.lines().find(|line| line.contains("requests/s")).unwrap().to_string()
    }

    #[test]
    fn a_difference_within_the_wobble_is_noise() {
        assert!(judged(&[run(100_000.0, 0.1)], &[run(102_000.0, 0.1)]).ends_with("noise"));
        assert!(judged(&[run(100_000.0, 0.001)], &[run(110_000.0, 0.001)]).ends_with("better"));
        assert!(judged(&[run(100_000.0, 0.001)], &[run(90_000.0, 0.001)]).ends_with("worse"));
    }

    /// The seconds of these two would pass a test that takes them for independent.
    #[test]
    fn a_drift_is_noise() {
        assert!(judged(&[drifting(100_000.0, 0.2)], &[drifting(92_000.0, 0.2)]).ends_with("noise"));
        assert!(judged(&[drifting(100_000.0, 0.2)], &[drifting(60_000.0, 0.2)]).ends_with("worse"));
    }

    #[test]
    fn repeated_runs_are_the_samples() {
        let side = |rates: [f64; 5]| rates.map(|rate| run(rate, 0.001)).to_vec();
        let a = side([100e3, 104e3, 97e3, 101e3, 99e3]);
        // Every single run is steady, so that each pair of them would look different.
        assert!(judged(&a, &side([98e3, 95e3, 103e3, 100e3, 96e3])).ends_with("noise"));
        assert!(judged(&a, &side([110e3, 112e3, 108e3, 111e3, 109e3])).ends_with("better"));
        // One run that something else spoiled does not hide what the others show.
        assert!(judged(&a, &side([110e3, 112e3, 108e3, 111e3, 50e3])).ends_with("noise"));
        let more = [110e3, 112e3, 108e3, 111e3, 109e3, 113e3, 110e3, 50e3].map(|rate| run(rate, 0.001));
        assert!(judged(&[a.clone(), a].concat(), &more).ends_with("better"));
    }

    #[test]
    fn a_disturbed_run_proves_nothing() {
        let mut disturbed = run(80_000.0, 0.001);
        disturbed.generator.warnings.push("waited for a CPU".into());
        let line = judged(&[run(100_000.0, 0.001)], &[disturbed]);
        assert!(line.contains("not to be trusted"), "{line}");
    }

    #[test]
    fn short_runs_are_not_judged() {
        let mut short = run(100_000.0, 0.01);
        short.timeline.truncate(3);
        assert!(judged(&[short.clone()], &[short]).ends_with("too short to judge"));
    }

    #[test]
    fn runs_are_paired_by_their_label() {
        let (mut a, mut b) = (sample_report(), sample_report());
        a.runs.push(RunReport { label: "SET".into(), ..run(1000.0, 0.0) });
        b.runs.push(RunReport { label: "PING".into(), ..run(1000.0, 0.0) });
        let text = render(&[&a], &[&b]).unwrap();
        assert!(text.contains("\nGET\n") && !text.contains("SET") && !text.contains("PING"), "{text}");
        b.runs.remove(0);
        assert!(render(&[&a], &[&b]).is_err());
    }
}
