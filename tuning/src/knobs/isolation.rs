//! Isolated CPUs: the scheduler puts nothing else there.
//!
//! What runs on a core's CPU beside the core stops it for a time slice. The kernel keeps CPUs of `isolcpus=` free of
//! everything that does not ask for them, which a process does by its affinity.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step, Unread};
use crate::machine::cpus::{self, FOLDER};

pub const KNOB: Knob = Knob {
    name: "isolation",
    guide: "cpu.md",
    why: "anything else on a core's CPU stops the core for milliseconds",
    check,
};

fn check(root: &Root, goal: &Goal) -> Check {
    let isolated = cpus::parse(&root.read(&format!("{FOLDER}/isolated"))?);
    let online = cpus::online(root);
    if goal.cpus().iter().all(|cpu| isolated.contains(cpu)) {
        return Ok(Finding::good(format!("CPUs {}", cpus::format(&isolated))));
    }
    if goal.cores >= online.len() {
        return Err(Unread::Absent("the cores take all CPUs: none is left to isolate them from".into()));
    }
    let (now, want, step) = if isolated.is_empty() {
        let list = cpus::format(goal.cpus());
        let step = format!(
            "kernel command line: isolcpus=managed_irq,domain,{list}; and CPUAffinity={list} in the unit"
        );
        ("none".to_owned(), list, step)
    } else {
        let list = cpus::format(&isolated);
        let now = format!("CPUs {list}, but the cores are on {}", cpus::format(goal.cpus()));
        (
            now,
            format!("cores on {list}"),
            format!("CPUAffinity={list} in the unit, and --cores {}", isolated.len()),
        )
    };
    Ok(Finding::bad(Severity::Low, now, want, vec![Step::Hand(step)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn cores_belong_on_isolated_cpus() {
        let file = "/sys/devices/system/cpu/isolated";
        machine("metal").cores(8).with(file, "0-7").good(&KNOB);
        machine("metal").cores(8).with(file, "").bad(&KNOB, Severity::Low);
        machine("metal").cores(8).with(file, "16-23").bad(&KNOB, Severity::Low);
        machine("vm").absent(&KNOB);
    }
}
