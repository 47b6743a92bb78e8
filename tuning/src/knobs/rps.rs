//! RPS: the kernel hands packets on to other CPUs. It helps where the card has too few queues, and costs where it has not.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step, Unread};
use crate::machine::{cpus, nic};

pub const KNOB: Knob = Knob {
    name: "rps",
    guide: "nic.md",
    why: "with too few queues it spreads the network work; with enough it costs",
    check,
};

/// With this many cores to a queue, the queue's CPU is what limits.
const CROWD: usize = 4;

fn check(root: &Root, goal: &Goal) -> Check {
    let nic = goal.nic()?;
    let queues = nic::queues(root, nic, "rx");
    if queues.is_empty() {
        return Err(Unread::Absent(format!("{nic} has no queues")));
    }
    let needed = lacking(root, goal)?;
    let want = if needed { goal.cpus() } else { &[] };
    let mut steps = Vec::new();
    for queue in &queues {
        let path = nic::path(nic, &format!("queues/rx-{queue}/rps_cpus"));
        let now = root.read(&path)?;
        if cpus::parse_mask(&now) != want {
            steps.push(Step::write(path, now, cpus::mask(want)));
        }
    }
    let counts = format!("{} for {} cores", queues.len(), goal.cores);
    let severity = if needed && goal.cores >= CROWD * queues.len() { Severity::High } else { Severity::Low };
    Ok(match (steps.is_empty(), needed) {
        (true, true) => Finding::good(format!("on: {counts}")),
        (true, false) => Finding::good("off, and not needed"),
        (false, true) => Finding::bad(
            severity,
            format!("off: {counts}"),
            format!("on, for CPUs {}", cpus::format(want)),
            steps,
        ),
        (false, false) => Finding::bad(severity, format!("on: {counts}"), "off", steps),
    })
}

/// Whether the card has fewer receive queues than there are cores.
pub fn lacking(root: &Root, goal: &Goal) -> Result<bool, Unread> {
    Ok(nic::queues(root, goal.nic()?, "rx").len() < goal.cpus().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn only_where_queues_lack() {
        machine("metal").cores(16).good(&KNOB);
        machine("metal")
            .cores(16)
            .with("/sys/class/net/eth0/queues/rx-0/rps_cpus", "ff")
            .bad(&KNOB, Severity::Low);
        machine("cloud").cores(8).bad(&KNOB, Severity::High);
        machine("vm").bad(&KNOB, Severity::Low);
        machine("vm").nic(None).absent(&KNOB);
    }
}
