//! The MTU: below 1500 a tunnel or a mistake cuts packets small. Jumbo frames help big values, if the whole way has them.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};
use crate::machine::nic;

pub const KNOB: Knob = Knob {
    name: "mtu",
    guide: "nic.md",
    why: "small packets cost CPU for each; jumbo frames need the whole way",
    check,
};

const USUAL: u64 = 1500;

fn check(root: &Root, goal: &Goal) -> Check {
    let nic = goal.nic()?;
    let now = root.number(&nic::path(nic, "mtu"))?;
    Ok(if now >= USUAL {
        Finding::good(now)
    } else {
        let set = |mtu| format!("ip link set dev {nic} mtu {mtu}");
        Finding::bad(
            Severity::Low,
            now,
            format!("{USUAL}, unless a tunnel needs less"),
            vec![Step::run(set(USUAL), set(now))],
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn small_usual_and_jumbo() {
        machine("metal").with("/sys/class/net/eth0/mtu", "9000").good(&KNOB);
        machine("metal").good(&KNOB);
        let steps = machine("container").with("/sys/class/net/eth0/mtu", "1450").bad(&KNOB, Severity::Low);
        steps.runs("ip link set dev eth0 mtu 1500", "ip link set dev eth0 mtu 1450");
        machine("vm").nic(None).absent(&KNOB);
    }
}
