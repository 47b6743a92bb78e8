//! irqbalance moves interrupts every ten seconds, and with them undoes what was set by hand.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};
use crate::machine::nic;

pub const KNOB: Knob = Knob {
    name: "irqbalance",
    guide: "nic.md",
    why: "it moves the queues' interrupts away from their cores every 10 seconds",
    check,
};

fn check(root: &Root, goal: &Goal) -> Check {
    nic::irqs(root, goal.nic()?)?;
    Ok(match root.process("irqbalance") {
        None => Finding::good("does not run"),
        Some(pid) => {
            let step = Step::run("systemctl stop irqbalance", "systemctl start irqbalance");
            let keep = Step::Hand("systemctl disable irqbalance, or it comes back at the next start".into());
            Finding::bad(Severity::High, format!("runs (process {pid})"), "off", vec![step, keep])
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn it_runs_or_not() {
        machine("metal").good(&KNOB);
        let steps = machine("metal").with("/proc/812/comm", "irqbalance").bad(&KNOB, Severity::High);
        steps.runs("systemctl stop irqbalance", "systemctl start irqbalance");
        machine("container").absent(&KNOB);
    }
}
