//! Slots on the move, and what they cost.

use kit::{Client, Value, ringmaster, wait_until};

use crate::nodes::{Make, ask, attach, same_data};

fn ok() -> Value {
    Value::Simple("OK".into())
}

/// The words that CLUSTER SLOT-STATS says of the only slot that holds something or cost something.
fn cost_of(client: &mut Client, slot: u16) -> Vec<i64> {
    let Value::Array(slots) = client.line(&format!("CLUSTER SLOT-STATS SLOTSRANGE {slot} {slot}")) else {
        panic!("SLOT-STATS answers with an array");
    };
    let Some(Value::Array(parts)) = slots.first() else { panic!("slot {slot} is served") };
    let Some(Value::Array(figures)) = parts.get(1) else { panic!("figures of slot {slot}") };
    let number = |value: &Value| if let Value::Integer(number) = value { Some(*number) } else { None };
    figures.iter().filter_map(number).collect()
}

/// Slot of `foo`, and of `bar`.
const FOO: u16 = 12182;
const BAR: u16 = 5061;

#[test]
fn a_slot_is_billed_for_its_requests() {
    let server = ringmaster(
        1,
        &["--bootstrap", "yes", "--cluster-slot-stats-enabled", "yes", "--latency-tracking", "no"],
    );
    let mut client = Client::connect(server.port);
    client.call(&["SET", "foo", "value"]);
    client.line("PING");
    let cost = cost_of(&mut client, FOO);
    assert_eq!((cost[0], cost[2], cost[3]), (1, 33, 5), "keys, *3 $3 SET $3 foo $5 value, +OK");
    // A wait costs when it ends.
    client.line("CONFIG RESETSTAT");
    let mut waiter = Client::connect(server.port);
    waiter.send(b"*3\r\n$5\r\nblpop\r\n$3\r\nbar\r\n$1\r\n0\r\n");
    wait_until("it waits", || client.line("INFO clients").text().contains("blocked_clients:1"));
    assert_eq!(cost_of(&mut client, BAR)[1..], [0, 0, 0]);
    client.call(&["lpush", "bar", "value"]);
    assert_eq!(cost_of(&mut client, BAR)[2..], [31 + 35, 24 + 4]);
    let stats = client.line("INFO commandstats").text();
    assert!(stats.contains("cmdstat_blpop:calls=1,") && stats.contains("cmdstat_lpush:calls=1,"), "{stats}");
    // What a transaction runs is billed as one.
    client.line("CONFIG RESETSTAT");
    client.call(&["multi"]);
    client.call(&["SET", "foo", "value"]);
    client.call(&["exec"]);
    let cost = cost_of(&mut client, FOO);
    assert_eq!(cost[2], 15 + 33 + 14);
    assert!(
        client.line("INFO commandstats").text().contains(&format!("cmdstat_exec:calls=1,usec={},", cost[1]))
    );
    // Who gives a slot away gives its bill away.
    client.line(&format!("CLUSTER DELSLOTS {FOO}"));
    client.line(&format!("CLUSTER ADDSLOTS {FOO}"));
    assert_eq!(cost_of(&mut client, FOO)[1..], [0, 0, 0]);
}

/// The stream to replicas, shard messages and the master's commands on a replica cost nothing.
#[test]
fn a_slot_is_billed_for_what_it_makes_others_hear() {
    let (server, replica) = (Make::Ours.master(), Make::Ours.empty());
    for node in [&server, &replica] {
        ask(node, "CONFIG SET repl-diskless-sync-delay 0 cluster-slot-stats-enabled yes");
    }
    attach(&replica, &server);
    let (mut client, mut follower) = (Client::connect(server.port), Client::connect(replica.port));
    client.call(&["SET", "foo", "value"]);
    assert_eq!(cost_of(&mut client, FOO)[2..], [33, 5 + 33], "in, +OK and the stream");
    client.call(&["multi"]);
    client.call(&["SET", "bar", "value"]);
    client.call(&["DEL", "bar"]);
    client.call(&["exec"]);
    same_data(&server, &replica);
    assert_eq!(cost_of(&mut follower, FOO)[2..], [33, 0]);
    let unit = 15 + 33 + 22 + 14;
    assert_eq!(cost_of(&mut follower, BAR)[2..], [unit, 0]);

    ask(&server, "CONFIG RESETSTAT");
    let mut listener = Client::connect(server.port);
    listener.line("SSUBSCRIBE foo");
    listener.line("SSUBSCRIBE {foo}");
    let confirmed = cost_of(&mut client, FOO)[3];
    assert_eq!(client.line("SPUBLISH foo hello"), Value::Integer(1));
    let message = "*3\r\n$8\r\nsmessage\r\n$3\r\nfoo\r\n$5\r\nhello\r\n".len() as i64;
    assert_eq!(cost_of(&mut client, FOO)[3], confirmed + 4 + message);
}

#[test]
fn transactions_go_where_their_slot_goes() {
    let server = ringmaster(2, &["--bootstrap", "yes"]);
    let ids: Vec<String> =
        (0..2).map(|i| Client::connect(server.port + i).line("CLUSTER MYID").text()).collect();
    let (here, there) = (server.port, server.port + 1);
    let mut client = Client::connect(here);
    client.line("SET bar 1");
    let begin = |client: &mut Client, lines: &[&str]| {
        assert_eq!(client.line("MULTI"), ok());
        lines.iter().for_each(|line| assert_eq!(client.line(line), Value::Simple("QUEUED".into())));
    };
    begin(&mut client, &["GET bar", "GET bar{bar}"]);
    Client::connect(here).line(&format!("CLUSTER SETSLOT {BAR} MIGRATING {}", ids[1]));
    assert_eq!(
        client.line("EXEC"),
        Value::Error("TRYAGAIN Multiple keys request during rehashing of slot".into())
    );
    begin(&mut client, &["GET bar"]);
    Client::connect(here).line("DEL bar");
    assert_eq!(client.line("EXEC"), Value::Error(format!("ASK {BAR} 127.0.0.1:{there}")));
    // ASKING holds for the whole transaction.
    let mut client = Client::connect(there);
    client.line(&format!("CLUSTER SETSLOT {BAR} IMPORTING {}", ids[0]));
    assert_eq!(client.line("ASKING"), ok());
    begin(&mut client, &["SET bar 2"]);
    assert_eq!(client.line("EXEC"), Value::Array(vec![ok()]));
    assert_eq!(client.line("GET bar"), Value::Error(format!("MOVED {BAR} 127.0.0.1:{here}")));
}

/// A key whose time was over counted as here, so that the client was not sent to where the slot goes.
#[test]
fn a_key_that_is_over_is_gone() {
    let server = ringmaster(2, &["--bootstrap", "yes", "--enable-debug-command", "yes"]);
    let mut client = Client::connect(server.port);
    let there = Client::connect(server.port + 1).line("CLUSTER MYID").text();
    client.line("DEBUG SET-ACTIVE-EXPIRE 0");
    client.line("SET bar 1");
    client.line(&format!("CLUSTER SETSLOT {BAR} MIGRATING {there}"));
    client.line("PEXPIRE bar 1");
    let ask = Value::Error(format!("ASK {BAR} 127.0.0.1:{}", server.port + 1));
    wait_until("its time is over", || client.line("GET bar") == ask);
    assert_eq!(client.line("DBSIZE"), Value::Integer(1), "nothing deleted it");
}

/// Who waited for a key when the cluster went down waited for ever.
#[test]
fn nobody_waits_while_the_cluster_is_down() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let (mut waiter, mut client) = (Client::connect(server.port), Client::connect(server.port));
    waiter.send(b"BLPOP bar 0\r\n");
    wait_until("it waits", || client.line("INFO clients").text().contains("blocked_clients:1"));
    client.line(&format!("CLUSTER DELSLOTS {FOO}"));
    assert_eq!(waiter.read(), Some(Value::Error("CLUSTERDOWN The cluster is down".into())));
}
