//! Coalescing: how long the card waits for more packets before it interrupts. Each request waits with them.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step, Unread};
use crate::machine::ethtool;

pub const KNOB: Knob = Knob {
    name: "coalescing",
    guide: "nic.md",
    why: "every request waits as long as the card waits for more packets",
    check,
};

/// The longest wait that latency does not show much.
const WAIT_MAX_US: u64 = 32;
/// A wait that still gathers packets under load.
const WAIT_US: u64 = 16;

fn check(root: &Root, goal: &Goal) -> Check {
    let nic = goal.nic()?;
    let adaptive = ethtool::value(root, "-c", nic, "Adaptive RX");
    if adaptive.is_ok_and(|text| text.starts_with("on")) {
        return Ok(Finding::good("adaptive"));
    }
    let wait = ethtool::value(root, "-c", nic, "rx-usecs")?;
    let wait: u64 = wait.parse().map_err(|_| Unread::Absent(format!("{nic} has no wait to set")))?;
    Ok(if wait <= WAIT_MAX_US {
        Finding::good(format!("{wait} us"))
    } else {
        let set = |wait| format!("ethtool -C {nic} rx-usecs {wait}");
        let steps = vec![Step::run(set(WAIT_US), set(wait))];
        Finding::bad(Severity::Low, format!("{wait} us"), format!("adaptive, or {WAIT_US} us"), steps)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn short_waits() {
        machine("metal").good(&KNOB);
        machine("cloud")
            .bad(&KNOB, Severity::Low)
            .runs("ethtool -C ens5 rx-usecs 16", "ethtool -C ens5 rx-usecs 64");
        machine("cloud").with("$ ethtool -c ens5", "Adaptive RX: off  TX: off\nrx-usecs:\t8").good(&KNOB);
        machine("metal").without("$ ethtool -c eth0").absent(&KNOB);
        machine("container").unseen(&KNOB);
    }
}
