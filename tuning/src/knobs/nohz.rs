//! `nohz_full`: a CPU with one task to run needs no timer tick.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step, Unread};
use crate::machine::cpus::{self, FOLDER};

pub const KNOB: Knob = Knob {
    name: "nohz",
    guide: "cpu.md",
    why: "a core that has its CPU alone needs no timer tick; each costs a microsecond",
    check,
};

fn check(root: &Root, goal: &Goal) -> Check {
    let file = format!("{FOLDER}/nohz_full");
    let text = root.read(&file).map_err(|_| Unread::Absent("the kernel is built without it".into()))?;
    let without_tick = cpus::parse(&text);
    if goal.cpus().iter().all(|cpu| without_tick.contains(cpu)) {
        return Ok(Finding::good(format!("CPUs {}", cpus::format(&without_tick))));
    }
    if goal.cores >= cpus::online(root).len() {
        return Err(Unread::Absent("the cores take all CPUs: one must keep the time".into()));
    }
    let list = cpus::format(goal.cpus());
    let now = if without_tick.is_empty() { "none".to_owned() } else { cpus::format(&without_tick) };
    let step = Step::Hand(format!("kernel command line: nohz_full={list} rcu_nocbs={list}"));
    Ok(Finding::bad(Severity::Low, now, list, vec![step]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn cores_without_tick() {
        let file = "/sys/devices/system/cpu/nohz_full";
        machine("metal").cores(8).with(file, "0-7").good(&KNOB);
        machine("metal").cores(8).with(file, "(null)").bad(&KNOB, Severity::Low);
        machine("metal").cores(8).without(file).absent(&KNOB);
        machine("metal").cores(32).with(file, "").absent(&KNOB);
    }
}
