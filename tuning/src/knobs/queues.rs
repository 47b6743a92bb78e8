//! Queues of the card: one for each core, so that each core's packets have a way of their own.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step, Unread};
use crate::machine::ethtool::{self, Ranged};
use crate::machine::nic;

pub const KNOB: Knob = Knob {
    name: "queues",
    guide: "nic.md",
    why: "fewer queues than cores: some CPU does the network work of several cores",
    check,
};

fn check(root: &Root, goal: &Goal) -> Check {
    let nic = goal.nic()?;
    let queues = nic::queues(root, nic, "rx").len() as u64;
    let cores = goal.cores as u64;
    if queues >= cores {
        return Ok(Finding::good(format!("{queues} for {cores} cores")));
    }
    // Cards without a driver of their own, such as a container's, have what they have.
    nic::driver(root, nic).ok_or(Unread::Absent(format!("{nic} is no card")))?;
    // Some drivers set both directions together, others apart.
    let (name, channels) = match ethtool::ranged(root, "-l", nic, "Combined") {
        Ok(channels @ Ranged { max: 1.., .. }) => ("combined", channels),
        Err(Unread::Unseen(why)) => {
            return Err(Unread::Unseen(format!("{queues} for {cores} cores; can it more? {why}")));
        }
        _ => match ethtool::ranged(root, "-l", nic, "RX") {
            Ok(channels) => ("rx", channels),
            Err(_) => return Ok(Finding::good(format!("{queues} for {cores} cores: all it has"))),
        },
    };
    let want = channels.max.min(cores);
    if channels.now >= want {
        return Ok(Finding::good(format!("{} for {cores} cores: all it has", channels.now)));
    }
    let set = |count| format!("ethtool -L {nic} {name} {count}");
    let steps = vec![Step::run(set(want), set(channels.now))];
    Ok(Finding::bad(Severity::High, format!("{} for {cores} cores", channels.now), want, steps))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn as_many_as_cores() {
        machine("metal").cores(16).good(&KNOB);
        machine("cloud")
            .cores(8)
            .bad(&KNOB, Severity::High)
            .runs("ethtool -L ens5 combined 8", "ethtool -L ens5 combined 2");
        machine("vm").without_tools().unseen(&KNOB);
        machine("container").absent(&KNOB);
    }
}
