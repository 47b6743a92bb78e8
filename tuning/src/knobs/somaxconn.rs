//! The longest queue of connections that wait to be accepted: the kernel cuts `tcp-backlog` to it.

use super::{Check, Goal, Knob, Root, Severity, at_least};

pub const KNOB: Knob = Knob {
    name: "somaxconn",
    guide: "kernel.md",
    why: "tcp-backlog is cut to it: clients that come back all at once are dropped",
    check,
};

const FILE: &str = "/proc/sys/net/core/somaxconn";

fn check(root: &Root, goal: &Goal) -> Check {
    at_least(root, FILE, goal.backlog, Severity::High)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn against_the_backlog() {
        machine("metal").with(FILE, "511").good(&KNOB);
        machine("metal").with(FILE, "128").bad(&KNOB, Severity::High);
        machine("metal").without(FILE).absent(&KNOB);
    }
}
