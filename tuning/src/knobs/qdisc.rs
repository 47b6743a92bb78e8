//! The queueing discipline: one at the root of several queues is a lock that all cores share. `mq` has one for each.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step, Unread};
use crate::machine::nic;

pub const KNOB: Knob = Knob {
    name: "qdisc",
    guide: "nic.md",
    why: "one queueing discipline over several queues is a lock all cores share",
    check,
};

fn check(root: &Root, goal: &Goal) -> Check {
    let nic = goal.nic()?;
    if nic::queues(root, nic, "tx").len() < 2 {
        return Err(Unread::Absent(format!("{nic} has one transmit queue")));
    }
    let text = root.tool(&format!("tc qdisc show dev {nic}"))?;
    let at_root = text.lines().find(|line| line.contains(" root"));
    let now = at_root.and_then(|line| line.split_whitespace().nth(1)).unwrap_or("none");
    Ok(match now {
        "mq" | "mqprio" | "noqueue" | "none" => Finding::good(now),
        _ => {
            let step = Step::run(
                format!("tc qdisc replace dev {nic} root mq"),
                format!("tc qdisc replace dev {nic} root {now}"),
            );
            Finding::bad(Severity::Low, now, "mq", vec![step])
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn one_lock_or_many() {
        machine("metal").good(&KNOB);
        let one = "qdisc fq_codel 8001: root refcnt 17 limit 10240p";
        let steps = machine("metal").with("$ tc qdisc show dev eth0", one).bad(&KNOB, Severity::Low);
        steps.runs("tc qdisc replace dev eth0 root mq", "tc qdisc replace dev eth0 root fq_codel");
        machine("vm").absent(&KNOB);
        machine("metal").without_tools().unseen(&KNOB);
    }
}
