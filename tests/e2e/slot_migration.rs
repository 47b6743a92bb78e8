//! CLUSTER MIGRATESLOTS to another process: slots move as a whole, while clients write.

use kit::{Client, Process, empty_peer, peer, ringmaster, wait_until};

use crate::cluster::{create, three};
use crate::nodes::ask;
use crate::replication::writer::fill;
use crate::reshard::{Writer, add, slots};

const DEBUG: [&str; 2] = ["--enable-debug-command", "yes"];

/// The last migration's state and message, as node says.
pub fn state(node: &Process) -> String {
    let text = Client::connect(node.port).line("CLUSTER GETSLOTMIGRATIONS").to_string();
    let from = text.find("\"state\", \"").map_or(0, |at| at + 10);
    text[from..].split('"').next().unwrap_or_default().to_owned()
}

/// Has `from` move slots to `to`.
pub fn migrate(from: &Process, to: &Process, ranges: &str) {
    let id = ask(to, "CLUSTER MYID");
    assert_eq!(ask(from, &format!("CLUSTER MIGRATESLOTS SLOTSRANGE {ranges} NODE {id}")), "OK");
}

#[test]
fn slots_move_while_clients_write() {
    let nodes = three();
    create(&nodes.each_ref());
    let writer = Writer::start(&nodes[0]);
    migrate(&nodes[0], &nodes[1], "0 999 2000 2999");
    wait_until("the slots have moved", || state(&nodes[0]) == "success");
    assert_eq!(state(&nodes[1]), "success");
    let (before, now) = (writer.writes(), [slots(nodes[0].port), slots(nodes[1].port)]);
    assert_eq!(now, [5461 - 2000, 5462 + 2000]);
    wait_until("writes go on", || writer.writes() > before + 100);
    migrate(&nodes[1], &nodes[0], "0 999 2000 2999");
    wait_until("they are back", || state(&nodes[1]) == "success" && slots(nodes[0].port) == 5461);
    writer.check();
}

/// Keys of a slot that is imported by hand are nowhere else: it does not come as a whole, too.
#[test]
fn slots_that_are_imported_by_hand_are_refused() {
    let nodes = three();
    create(&nodes.each_ref());
    let source = ask(&nodes[0], "CLUSTER MYID");
    assert_eq!(ask(&nodes[1], &format!("CLUSTER SETSLOT 5 IMPORTING {source}")), "OK");
    migrate(&nodes[0], &nodes[1], "0 10");
    wait_until("it has failed", || state(&nodes[0]) == "failed");
    let text = Client::connect(nodes[0].port).line("CLUSTER GETSLOTMIGRATIONS").to_string();
    assert!(text.contains("Slots are being manually migrated"), "{text}");
    assert_eq!(ask(&nodes[1], "CLUSTER SETSLOT 5 STABLE"), "OK");
    migrate(&nodes[0], &nodes[1], "0 10");
    wait_until("the slots have moved", || state(&nodes[0]) == "success");
}

/// Every type goes from one node to another, and is the same there.
fn all_types_go(from: &Process, to: &Process) {
    add(from, to.port, from);
    fill(&mut Client::connect(from.port));
    let (keys, digest) = (ask(from, "DBSIZE"), ask(from, "DEBUG DIGEST"));
    migrate(from, to, "0 16382");
    wait_until("the slots have moved", || state(from) == "success" && state(to) == "success");
    wait_until("the source has none", || ask(from, "DBSIZE") == ask(from, "CLUSTER COUNTKEYSINSLOT 16383"));
    assert_eq!((ask(to, "DBSIZE"), ask(to, "DEBUG DIGEST")), (keys, digest));
    assert_eq!(slots(to.port), 16383);
}

#[test]
fn every_type_goes_to_another_of_ours() {
    let bootstrap = [&["--bootstrap", "yes"], &DEBUG[..]].concat();
    all_types_go(&ringmaster(1, &bootstrap), &ringmaster(1, &DEBUG));
}

#[test]
fn every_type_goes_to_valkey() {
    let bootstrap = [&["--bootstrap", "yes"], &DEBUG[..]].concat();
    all_types_go(&ringmaster(1, &bootstrap), &empty_peer("VALKEY_SERVER"));
}

#[test]
fn every_type_comes_from_valkey() {
    all_types_go(&peer("VALKEY_SERVER"), &ringmaster(1, &DEBUG));
}

#[test]
fn a_target_that_dies_leaves_all_as_it_was() {
    let mut nodes = three();
    create(&nodes.each_ref());
    let mut client = Client::connect(nodes[0].port);
    // 12182 is the last third's; {6} and its like are the first's.
    let value = "x".repeat(1_000_000);
    let mut keys = Vec::new();
    for i in 0.. {
        let key = format!("key:{i}");
        if client.call(&["SET", &key, &value]).text() == "OK" {
            keys.push(key);
        }
        if keys.len() == 100 {
            break;
        }
    }
    let id = ask(&nodes[1], "CLUSTER MYID");
    client.send(format!("CLUSTER MIGRATESLOTS SLOTSRANGE 0 5460 NODE {id}\r\n").as_bytes());
    nodes[1].kill();
    assert_eq!(client.read().map(|reply| reply.text()), Some("OK".into()));
    wait_until("it has failed", || state(&nodes[0]) == "failed");
    assert_eq!(slots(nodes[0].port), 5461);
    for key in &keys {
        assert_eq!(client.call(&["STRLEN", key]), kit::Value::Integer(1_000_000));
    }
}
