//! After an idle moment TCP begins again with ten packets in flight.

use super::{Check, Goal, Knob, Root, Severity, exactly};

pub const KNOB: Knob = Knob {
    name: "slow_start",
    guide: "nic.md",
    why: "after a pause a pooled connection sends big replies in several round trips",
    check,
};

const FILE: &str = "/proc/sys/net/ipv4/tcp_slow_start_after_idle";

fn check(root: &Root, _: &Goal) -> Check {
    exactly(root, FILE, 0, Severity::Low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn on_and_off() {
        machine("metal").with(FILE, "0").good(&KNOB);
        machine("metal").with(FILE, "1").bad(&KNOB, Severity::Low);
        machine("metal").without(FILE).absent(&KNOB);
    }
}
