//! The memory plan against the machine's memory, or the container's.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step, Unread};
use crate::machine::{cgroup, memory};
use crate::units::bytes;

pub const KNOB: Knob = Knob {
    name: "memory_plan",
    guide: "memory.md",
    why: "a server that is to hold more than there is ends when it does",
    check,
};

fn check(root: &Root, goal: &Goal) -> Check {
    let plan = goal.plan.as_ref().ok_or(Unread::Absent("no --memory-plan".into()))?;
    let total = memory::meminfo(root, "MemTotal")?;
    let limit = cgroup::memory_limit(root, &goal.process()).filter(|limit| *limit < total);
    // A limit is for the process alone; the machine's memory is for the system too.
    let (have, need, whose) = match limit {
        Some(limit) => (limit, plan.resident_bytes, "limit of the control group"),
        None => (total, plan.ram_bytes, "in all"),
    };
    let now = format!("{} {whose}", bytes(have));
    Ok(if need <= have {
        Finding::good(now)
    } else {
        let step =
            Step::Hand("more memory, more hosts, or a smaller maxmemory: see ringmaster-tune size".into());
        Finding::bad(Severity::Critical, now, format!("{} or more", bytes(need)), vec![step])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::size::plan::Plan;
    use crate::testing::machine;

    fn plan(gib: u64) -> Plan {
        Plan {
            cores: 4,
            maxmemory_bytes: gib << 29,
            maxmemory_core_bytes: gib << 27,
            resident_bytes: gib << 30,
            data_bytes: gib << 28,
            quiet_bytes: gib << 28,
            ram_bytes: (gib + 1) << 30,
            memlock_bytes: 1 << 20,
            arithmetic: Vec::new(),
        }
    }

    #[test]
    fn machines_and_containers() {
        machine("metal").absent(&KNOB);
        machine("metal").plan(plan(200)).good(&KNOB);
        machine("metal").plan(plan(400)).bad(&KNOB, Severity::Critical);
        machine("container").plan(plan(8)).good(&KNOB);
        machine("container").plan(plan(9)).bad(&KNOB, Severity::Critical);
    }
}
