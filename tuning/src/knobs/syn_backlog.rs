//! Connections half open: their queue is cut to this before `tcp-backlog` counts.

use super::{Check, Goal, Knob, Root, Severity, at_least};

pub const KNOB: Knob = Knob {
    name: "syn_backlog",
    guide: "kernel.md",
    why: "half-open connections beyond it are dropped or cost SYN cookies",
    check,
};

const FILE: &str = "/proc/sys/net/ipv4/tcp_max_syn_backlog";

fn check(root: &Root, goal: &Goal) -> Check {
    at_least(root, FILE, goal.backlog, Severity::Low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn against_the_backlog() {
        machine("metal").with(FILE, "2048").good(&KNOB);
        machine("metal").with(FILE, "128").bad(&KNOB, Severity::Low);
        machine("metal").without(FILE).absent(&KNOB);
    }
}
