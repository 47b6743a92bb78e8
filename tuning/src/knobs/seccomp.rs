//! Containers filter system calls, and most of their default profiles leave io_uring out.
//!
//! What a filter passes cannot be read. A server that runs is proof enough.

use super::{Check, Finding, Goal, Knob, Root, Unread};
use crate::machine::limits;

pub const KNOB: Knob = Knob {
    name: "seccomp",
    guide: "kernel.md",
    why: "default profiles of container engines forbid io_uring",
    check,
};

fn check(root: &Root, goal: &Goal) -> Check {
    if goal.pid.is_some() {
        return Ok(Finding::good("the server runs, so io_uring passes"));
    }
    match limits::status(root, "/proc/self", "Seccomp").as_deref() {
        Some("0") => Ok(Finding::good("no filter")),
        Some(_) => {
            Err(Unread::Unseen("a filter is in force; the server says at start if it stops io_uring".into()))
        }
        None => Err(Unread::Absent("the kernel has no seccomp".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn a_filter_cannot_be_seen_through() {
        let status = "/proc/self/status";
        machine("metal").with(status, "Seccomp:\t0").good(&KNOB);
        machine("container").unseen(&KNOB);
        machine("container").running(77).good(&KNOB);
        machine("metal").with(status, "Name:\tx").absent(&KNOB);
    }
}
