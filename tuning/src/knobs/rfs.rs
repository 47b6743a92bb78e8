//! RFS: RPS that knows on which CPU a connection's reader runs. Of use only together with it.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step, Unread, rps};
use crate::machine::nic;

pub const KNOB: Knob = Knob {
    name: "rfs",
    guide: "nic.md",
    why: "RPS alone hands packets to any CPU; RFS to the one whose core reads them",
    check,
};

const ENTRIES: &str = "/proc/sys/net/core/rps_sock_flow_entries";
/// Connections it can tell apart: the kernel's own advice for a busy server.
const FLOWS: u64 = 32_768;

fn check(root: &Root, goal: &Goal) -> Check {
    if !rps::lacking(root, goal)? {
        return Err(Unread::Absent("queues are enough".into()));
    }
    let nic = goal.nic()?;
    let queues = nic::queues(root, nic, "rx");
    let share = FLOWS / queues.len().max(1).next_power_of_two() as u64;
    let wanted =
        queues.iter().map(|queue| (nic::path(nic, &format!("queues/rx-{queue}/rps_flow_cnt")), share));
    let mut steps = Vec::new();
    for (path, want) in std::iter::once((ENTRIES.to_owned(), FLOWS)).chain(wanted) {
        let now = root.number(&path)?;
        if now < want {
            steps.push(Step::write(path, now, want));
        }
    }
    Ok(if steps.is_empty() {
        Finding::good(format!("{FLOWS} flows"))
    } else {
        Finding::bad(Severity::Low, "off", format!("{FLOWS} flows"), steps)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn only_beside_rps() {
        machine("vm").bad(&KNOB, Severity::Low);
        let flows = "/sys/class/net/eth0/queues/rx-0/rps_flow_cnt";
        machine("vm").with(ENTRIES, "32768").with(flows, "32768").good(&KNOB);
        machine("metal").cores(16).absent(&KNOB);
    }
}
