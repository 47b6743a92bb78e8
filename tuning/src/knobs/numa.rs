//! NUMA nodes: memory and cards of the other node are further away.
//!
//! A core's memory is on its own node, because the kernel gives a page from the node of the CPU that first touches it and
//! a core touches no memory but its own. What remains is the way to the network card.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step, needs_nodes};
use crate::machine::{cpus, nic};

pub const KNOB: Knob = Knob {
    name: "numa",
    guide: "cpu.md",
    why: "packets of a card on the other node cross the link between sockets",
    check,
};

fn check(root: &Root, goal: &Goal) -> Check {
    needs_nodes(root)?;
    let nodes = cpus::nodes(root);
    let used: Vec<usize> = nodes
        .iter()
        .filter(|(_, cpus)| goal.cpus().iter().any(|cpu| cpus.contains(cpu)))
        .map(|(node, _)| *node)
        .collect();
    let now = format!("cores on node {}", cpus::format(&used));
    let Some(node) = goal.nic.as_deref().and_then(|nic| nic::node(root, nic)) else {
        return Ok(Finding::good(format!("{now}; the card's node is not known")));
    };
    let here = nodes.iter().find(|(number, _)| *number == node).map_or(&[][..], |(_, cpus)| cpus);
    if used == [node] {
        return Ok(Finding::good(format!("{now}, as the card")));
    }
    if goal.cores > here.len() {
        return Ok(Finding::good(format!("{now}: more cores than the card's node has CPUs")));
    }
    let list = cpus::format(here);
    let step = format!(
        "CPUAffinity={list} in the unit, or: numactl --physcpubind={list} --localalloc ringmaster ..."
    );
    Ok(Finding::bad(Severity::Low, now, format!("node {node}, the card's"), vec![Step::Hand(step)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn cores_beside_their_card() {
        let node = "/sys/class/net/eth0/device/numa_node";
        machine("metal").cores(8).with(node, "0").good(&KNOB);
        machine("metal").cores(8).with(node, "1").bad(&KNOB, Severity::Low);
        machine("metal").cores(24).with(node, "1").good(&KNOB);
        machine("vm").absent(&KNOB);
    }
}
