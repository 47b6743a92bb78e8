//! Slots on the move while something else happens.

use base::Slot;
use cluster::{Cluster, Random};

use crate::kit::{Net, config};

/// The last slot leaves a master that imports another: it stays, for the keys that have come are nowhere else.
#[test]
fn a_master_that_imports_keeps_its_keys_when_its_last_slot_goes() {
    let mut net = Net::cluster(3, 0);
    let (a, c) = (net.id(0), net.id(2));
    let slots: Vec<Slot> = net.nodes[0].myself().slots.iter().collect();
    let open = net.nodes[2].myself().slots.iter().next().unwrap();
    net.ok(0, &format!("setslot {open} importing {c}"));
    net.with(1, |node, now| node.take_slots(&slots, a, now));
    net.advance(1000);
    assert!(net.nodes[0].myself().is_master() && net.nodes[0].myself().slots.is_empty());
    // Without a slot on its way it follows them.
    net.ok(0, &format!("setslot {open} stable"));
    let slots: Vec<Slot> = net.nodes[2].myself().slots.iter().collect();
    net.with(1, |node, now| node.take_slots(&slots, c, now));
    net.advance(1000);
    assert!(net.nodes[2].myself().is_replica());
}

/// A node knows that an owner stopped claiming a slot, but not who took it. After a restart it must not say that the owner
/// claims it: by its epoch the taker would give the slot back to somebody who does not want it.
#[test]
fn a_restart_does_not_revive_a_claim() {
    let mut net = Net::cluster(3, 0);
    let (a, c) = (net.id(0), net.id(2));
    let slot = net.nodes[0].myself().slots.iter().next().unwrap();
    net.ok(0, &format!("setslot {slot} node {c}")); // Who does not claim it yet.
    net.advance(1500);
    let named = |node: &Cluster| node.find_node(a).unwrap().slots.contains(slot);
    let observer = &net.nodes[1];
    assert!(named(observer), "clients are still redirected");
    let after = Cluster::load(&observer.nodes_conf(), config(1), Random::from_number(9), net.now).unwrap();
    assert!(!named(&after));
    assert_eq!(after.find_node(a).unwrap().slots.len() + 1, observer.find_node(a).unwrap().slots.len());
}
