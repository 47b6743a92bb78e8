//! XPS: which queue a CPU sends by. One each, and no core waits for another's lock.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step, Unread};
use crate::machine::{cpus, nic};

pub const KNOB: Knob =
    Knob { name: "xps", guide: "nic.md", why: "cores that send by one queue wait for its lock", check };

fn check(root: &Root, goal: &Goal) -> Check {
    let nic = goal.nic()?;
    let queues = nic::queues(root, nic, "tx");
    if queues.len() < 2 {
        return Err(Unread::Absent(format!("{nic} has one transmit queue")));
    }
    let mut steps = Vec::new();
    for (i, queue) in queues.iter().enumerate() {
        let path = nic::path(nic, &format!("queues/tx-{queue}/xps_cpus"));
        let now = root.read(&path)?;
        let mut senders: Vec<usize> = goal.cpus().iter().copied().skip(i).step_by(queues.len()).collect();
        senders.sort_unstable();
        // Queues that no core needs are left to the rest of the system.
        if !senders.is_empty() && cpus::parse_mask(&now) != senders {
            steps.push(Step::write(path, now, cpus::mask(&senders)));
        }
    }
    let cores = goal.cpus().len();
    Ok(if steps.is_empty() {
        Finding::good(format!("{cores} cores, {} queues", queues.len()))
    } else {
        let now = format!("{} queues not as the cores", steps.len());
        Finding::bad(Severity::Low, now, "queue i sends for core i", steps)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn a_queue_a_core() {
        machine("metal").cores(16).good(&KNOB);
        machine("metal")
            .cores(16)
            .with("/sys/class/net/eth0/queues/tx-3/xps_cpus", "00000000")
            .bad(&KNOB, Severity::Low);
        machine("cloud").cores(8).bad(&KNOB, Severity::Low);
        machine("vm").absent(&KNOB);
    }
}
