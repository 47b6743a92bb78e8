//! `zone_reclaim_mode`: a node that is full drops its page cache, and waits for it, before it borrows from the other.

use super::{Check, Goal, Knob, Root, Severity, exactly, needs_nodes};

pub const KNOB: Knob = Knob {
    name: "zone_reclaim",
    guide: "memory.md",
    why: "a full node makes allocations wait although the other has memory",
    check,
};

const FILE: &str = "/proc/sys/vm/zone_reclaim_mode";

fn check(root: &Root, _: &Goal) -> Check {
    needs_nodes(root)?;
    exactly(root, FILE, 0, Severity::High)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn on_off_and_without_nodes() {
        machine("metal").with(FILE, "0").good(&KNOB);
        machine("metal").with(FILE, "1").bad(&KNOB, Severity::High);
        machine("vm").with(FILE, "1").absent(&KNOB);
    }
}
