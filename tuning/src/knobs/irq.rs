//! Interrupts of the card's queues: one on each core's CPU.
//!
//! Then a packet is taken in where the core that reads it runs, with its lines in the right cache. The other good way is
//! CPUs of their own for all interrupts: then no core's CPU may have one.

use std::collections::BTreeMap;

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};
use crate::machine::cpus;
use crate::machine::nic::{self, Irq};

pub const KNOB: Knob = Knob {
    name: "irq",
    guide: "nic.md",
    why: "packets taken in on another CPU than their core's cost cache misses",
    check,
};

fn check(root: &Root, goal: &Goal) -> Check {
    let irqs = nic::irqs(root, goal.nic()?)?;
    let mut queues_on: BTreeMap<usize, usize> = BTreeMap::new();
    for irq in &irqs {
        if let [cpu] = irq.cpus[..] {
            *queues_on.entry(cpu).or_default() += 1;
        }
    }
    let loose = irqs.iter().filter(|irq| irq.cpus.len() != 1).count();
    let most = queues_on.values().copied().max().unwrap_or(0);
    let fair = irqs.len().div_ceil(goal.cpus().len().max(1));
    let apart = queues_on.keys().all(|cpu| !goal.cpus().contains(cpu));
    let home = queues_on.keys().all(|cpu| goal.cpus().contains(cpu));
    if loose == 0 && (apart || home && most <= fair) {
        let list: Vec<usize> = queues_on.keys().copied().collect();
        return Ok(Finding::good(format!("{} on CPUs {}", irqs.len(), cpus::format(&list))));
    }
    let now = match loose {
        0 => format!("{} on {} CPUs, {most} on one", irqs.len(), queues_on.len()),
        _ => format!("{loose} of {} not pinned", irqs.len()),
    };
    let severity = if irqs.len() > 1 && most > fair { Severity::High } else { Severity::Low };
    Ok(Finding::bad(severity, now, "one on each core's CPU", spread(&irqs, goal.cpus())))
}

/// The steps that give queue i to core i.
fn spread(irqs: &[Irq], home: &[usize]) -> Vec<Step> {
    let places = irqs.iter().zip(home.iter().cycle());
    let moves = places.filter(|(irq, cpu)| irq.cpus != [**cpu]);
    moves.map(|(irq, cpu)| Step::write(nic::affinity(irq.number), cpus::format(&irq.cpus), cpu)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn one_a_core_or_all_apart() {
        machine("metal").cores(16).good(&KNOB);
        machine("metal").cores(8).with("/proc/irq/103/smp_affinity_list", "0-31").bad(&KNOB, Severity::Low);
        machine("metal").cores(16).with("/proc/irq/103/smp_affinity_list", "0").bad(&KNOB, Severity::High);
        machine("metal").cores(16).with("/proc/irq/103/smp_affinity_list", "0-31").bad(&KNOB, Severity::Low);
        let apart = (0..16).fold(machine("metal").cores(8), |machine, queue| {
            machine.with(&format!("/proc/irq/{}/smp_affinity_list", 100 + queue), &(16 + queue).to_string())
        });
        apart.good(&KNOB);
        machine("container").absent(&KNOB);
    }
}
