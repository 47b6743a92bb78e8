//! io_uring may be switched off for the whole machine (since Linux 6.6).

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};

pub const KNOB: Knob = Knob {
    name: "io_uring",
    guide: "kernel.md",
    why: "a core serves its clients on io_uring; without it the server ends at once",
    check,
};

const FILE: &str = "/proc/sys/kernel/io_uring_disabled";

fn check(root: &Root, _: &Goal) -> Check {
    let now = root.number(FILE)?;
    let meaning = match now {
        0 => return Ok(Finding::good("allowed")),
        1 => "1: for root and one group only",
        _ => "2: off for all",
    };
    Ok(Finding::bad(Severity::Critical, meaning, 0, vec![Step::write(FILE, now, 0)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn off_and_on() {
        machine("metal").with(FILE, "0").good(&KNOB);
        machine("metal").with(FILE, "1").bad(&KNOB, Severity::Critical);
        machine("metal").with(FILE, "2").bad(&KNOB, Severity::Critical);
        machine("metal").without(FILE).absent(&KNOB);
    }
}
