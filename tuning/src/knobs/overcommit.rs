//! Overcommit: the allocator reserves address space far ahead of what it uses. Strict accounting counts it as used.
//!
//! Redis and Valkey ask for 1, because a fork doubles what they have promised to need. Ringmaster does not fork: the
//! kernel's default, 0, is as good.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};

pub const KNOB: Knob = Knob {
    name: "overcommit",
    guide: "memory.md",
    why: "strict accounting refuses memory that is only reserved, and the server ends",
    check,
};

const FILE: &str = "/proc/sys/vm/overcommit_memory";

fn check(root: &Root, _: &Goal) -> Check {
    Ok(match root.number(FILE)? {
        0 => Finding::good("0 (enough: nothing forks here)"),
        1 => Finding::good(1),
        now => Finding::bad(Severity::High, format!("{now} (strict)"), 1, vec![Step::write(FILE, now, 1)]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn only_strict_accounting_is_wrong() {
        machine("metal").with(FILE, "0").good(&KNOB);
        machine("metal").with(FILE, "1").good(&KNOB);
        machine("metal").with(FILE, "2").bad(&KNOB, Severity::High);
        machine("metal").without(FILE).absent(&KNOB);
    }
}
