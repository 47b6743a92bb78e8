//! Automatic NUMA balancing unmaps pages to see who uses them. Pinned cores have nothing to gain from it.

use super::{Check, Goal, Knob, Root, Severity, exactly, needs_nodes};

pub const KNOB: Knob = Knob {
    name: "numa_balancing",
    guide: "cpu.md",
    why: "the kernel takes pages away to see who uses them: page faults for nothing",
    check,
};

const FILE: &str = "/proc/sys/kernel/numa_balancing";

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
