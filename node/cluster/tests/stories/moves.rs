//! Slots on the move while something else happens.

use std::collections::BTreeSet;

use base::{NodeId, Slot};
use cluster::{Cluster, Config, Random};

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

/// A failover takes all slots of a master but one, which goes to another shard: without slots, it follows its successor all
/// the same, whichever it hears of last.
#[test]
fn a_master_emptied_by_a_failover_and_a_move_follows_its_successor() {
    let mut net = Net::cluster(3, 3);
    let successor = net.id(3);
    let slots: Vec<Slot> = net.nodes[0].myself().slots.iter().collect();
    let last = &slots[slots.len() - 1..];
    let staying = Config { allow_replica_migration: false, ..config(0) };
    net.with(0, |node, now| node.set_config(staying, now));
    net.silent.insert(0);
    net.advance(12_000);
    assert!(net.nodes[3].myself().is_master());
    net.ok(3, &format!("DELSLOTS {}", last[0].number()));
    // It hears of its successor first, and only then of the move of its last slot.
    net.silent = BTreeSet::from([1, 2, 4, 5]);
    net.advance(1000);
    assert_eq!(net.nodes[0].myself().slots.iter().collect::<Vec<_>>(), last);
    net.with(1, |node, now| node.take_slots(last, successor, now));
    net.silent.clear();
    net.advance(6000);
    assert!(net.nodes[0].myself().is_replica());
    let master = net.nodes[0].myself().master.and_then(|master| net.nodes[0].node(master));
    assert_eq!(master.map(|node| node.id), Some(successor));
}

/// Node `i` takes itself for the owner of `slot`, and everyone agrees.
fn is_served_by(net: &Net, slot: Slot, i: usize) -> bool {
    let id = net.id(i);
    net.nodes.iter().all(|node| node.find_node(id).is_some_and(|owner| owner.slots.contains(slot)))
}

/// Three masters, the third of which imports a slot of the first: that slot, and their names.
fn importing() -> (Net, Slot, NodeId, NodeId) {
    let mut net = Net::cluster(3, 0);
    let (a, c) = (net.id(0), net.id(2));
    let slot = net.nodes[0].myself().slots.iter().next().unwrap();
    net.ok(2, &format!("setslot {slot} importing {a}"));
    (net, slot, a, c)
}

/// The source finished a move of which the target missed the end.
#[test]
fn a_missed_import_ends_when_all_have_been_asked() {
    let (mut net, slot, _, c) = importing();
    net.ok(0, &format!("setslot {slot} node {c}"));
    net.advance(4000);
    assert!(is_served_by(&net, slot, 2));
}

/// The target of a move hears that the source does not claim the slot any more, before it hears that another node does.
#[test]
fn an_import_does_not_take_what_somebody_else_has() {
    let (mut net, slot, a, _) = importing();
    net.silent.insert(2);
    net.with(1, |node, now| node.take_slots(&[slot], a, now));
    net.advance(100);
    net.silent = BTreeSet::from([1]);
    net.advance(1500);
    assert!(net.nodes[2].importing_from(slot).is_some());
    net.silent.clear();
    net.advance(6000);
    assert!(is_served_by(&net, slot, 1));
    assert!(net.nodes[2].importing_from(slot).is_none());
}

/// The source of a move takes a newer epoch than the target's before it hears that the move has ended. The keys are with the
/// target.
#[test]
fn a_slot_that_was_imported_is_not_lost_to_a_newer_epoch_of_its_source() {
    let (mut net, slot, a, c) = importing();
    net.ok(0, &format!("setslot {slot} migrating {c}"));
    net.silent.insert(0);
    net.ok(2, &format!("setslot {slot} node {c}"));
    net.command(0, "bumpepoch").unwrap();
    net.silent.clear();
    net.advance(4000);
    assert!(is_served_by(&net, slot, 2));
    // Later it is given back, and nobody holds on to it.
    net.ok(0, &format!("setslot {slot} importing {c}"));
    net.ok(2, &format!("setslot {slot} migrating {a}"));
    net.ok(0, &format!("setslot {slot} node {a}"));
    net.advance(4000);
    assert!(is_served_by(&net, slot, 0));
}

/// A replica that takes over leaves alone what its master had stopped to claim.
#[test]
fn a_successor_does_not_claim_what_its_master_gave_away() {
    let mut net = Net::cluster(3, 3);
    let c = net.id(2);
    let slot = net.nodes[0].myself().slots.iter().next().unwrap();
    net.ok(0, &format!("setslot {slot} node {c}")); // Who does not claim it yet.
    net.advance(1500);
    net.kill(0);
    net.advance(12_000);
    assert!(net.nodes[3].myself().is_master());
    assert!(!net.nodes[3].myself().slots.contains(slot));
}

/// A tool's late word gives a slot to a former master, of which the successor has not heard that it is its replica now.
#[test]
fn a_replica_is_not_left_with_a_slot() {
    let mut net = Net::cluster(3, 3);
    let (a, slot) = (net.id(0), net.nodes[0].myself().slots.iter().next().unwrap());
    net.command(1, "bumpepoch").unwrap(); // So that the takeover needs a newer one.
    net.advance(1500);
    net.silent.insert(0);
    net.ok(3, "failover takeover");
    net.advance(500);
    net.silent = BTreeSet::from([3]);
    net.advance(2000);
    assert!(net.nodes[0].myself().is_replica(), "it has heard from others");
    net.ok(3, &format!("setslot {slot} node {a}"));
    assert!(!net.nodes[3].myself().slots.contains(slot));
    net.silent.clear();
    net.advance(4000);
    assert!(is_served_by(&net, slot, 3));
}
