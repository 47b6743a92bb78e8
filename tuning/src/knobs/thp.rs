//! Transparent huge pages: a small write into new memory clears two MiB, and freed keys leave huge pages half empty.
//!
//! The server switches them off for itself (`disable-thp`, on by default), so this matters to it only where it may not;
//! what else runs on the machine is on its own.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};

pub const KNOB: Knob = Knob {
    name: "thp",
    guide: "memory.md",
    why: "memory comes in pieces of 2 MiB to clear: uneven latency, more resident",
    check,
};

const FILE: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

fn check(root: &Root, _: &Goal) -> Check {
    let text = root.read(FILE)?;
    // The one in force stands in brackets.
    let now = text.split_once('[').and_then(|(_, rest)| rest.split(']').next()).unwrap_or(&text);
    Ok(match now {
        "always" => Finding::bad(Severity::Low, now, "madvise", vec![Step::write(FILE, now, "madvise")]),
        _ => Finding::good(now),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn always_is_too_often() {
        machine("metal").with(FILE, "always [madvise] never").good(&KNOB);
        machine("metal").with(FILE, "always madvise [never]").good(&KNOB);
        machine("metal").with(FILE, "[always] madvise never").bad(&KNOB, Severity::Low);
        machine("metal").without(FILE).absent(&KNOB);
    }
}
