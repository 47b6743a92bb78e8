//! Hyper-threads: two cores on one physical core share its caches and units.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};
use crate::machine::cpus;

pub const KNOB: Knob = Knob {
    name: "smt",
    guide: "cpu.md",
    why: "two cores on hyper-threads of one CPU share its caches: each is slower",
    check,
};

fn check(root: &Root, goal: &Goal) -> Check {
    // The first sibling stands for the physical core.
    let physical = |cpu: &usize| Ok(cpus::siblings(root, *cpu)?.first().copied().unwrap_or(*cpu));
    let mut used = goal.cpus().iter().map(physical).collect::<Result<Vec<usize>, _>>()?;
    used.sort_unstable();
    used.dedup();
    let mut have = goal.allowed.iter().map(physical).collect::<Result<Vec<usize>, _>>()?;
    have.sort_unstable();
    have.dedup();
    let (cores, shared) = (goal.cpus().len(), goal.cpus().len() - used.len());
    if shared == 0 {
        return Ok(Finding::good(format!("{cores} cores on {cores} physical ones")));
    }
    let cores_wanted = cores.min(have.len());
    let list = cpus::format(&have[..cores_wanted]);
    let step = Step::Hand(format!("start with --cores {cores_wanted} and CPUAffinity={list} in the unit"));
    let now = format!("{cores} cores on {} physical ones", used.len());
    Ok(Finding::bad(Severity::Low, now, "one core a physical one", vec![step]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn siblings_are_counted_once() {
        machine("metal").cores(8).good(&KNOB);
        machine("metal").cores(32).bad(&KNOB, Severity::Low);
        machine("cloud").cores(8).bad(&KNOB, Severity::Low);
        machine("vm").good(&KNOB);
        machine("vm").without("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list").absent(&KNOB);
    }
}
