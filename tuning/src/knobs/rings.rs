//! Rings of the card: packets that come while a core is busy wait there; what finds no place is lost.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};
use crate::machine::ethtool;

pub const KNOB: Knob = Knob {
    name: "rings",
    guide: "nic.md",
    why: "a burst that overflows the ring is sent again: 200 ms for its clients",
    check,
};

/// Enough for a burst; more only costs cache.
const ENOUGH: u64 = 4096;

fn check(root: &Root, goal: &Goal) -> Check {
    let nic = goal.nic()?;
    let ring = ethtool::ranged(root, "-g", nic, "RX")?;
    let want = ring.max.min(ENOUGH);
    Ok(if ring.now >= want {
        Finding::good(format!("rx {}", ring.now))
    } else {
        let set = |size| format!("ethtool -G {nic} rx {size}");
        let steps = vec![Step::run(set(want), set(ring.now))];
        Finding::bad(Severity::Low, format!("rx {}", ring.now), want, steps)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn as_long_as_useful() {
        machine("metal").good(&KNOB);
        machine("cloud").bad(&KNOB, Severity::Low).runs("ethtool -G ens5 rx 4096", "ethtool -G ens5 rx 1024");
        machine("metal").without("$ ethtool -g eth0").absent(&KNOB);
        machine("container").unseen(&KNOB);
    }
}
