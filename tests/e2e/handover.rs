//! Slots that change hands between cores of one process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use kit::{Client, Process, Value, free_ports, ringmaster, wait_until};

/// Slot of `foo`.
const FOO: u16 = 12182;

fn ok() -> Value {
    Value::Simple("OK".into())
}

fn process(cores: u16) -> (Process, u16) {
    let ingress = free_ports(1);
    let server = ringmaster(cores, &["--bootstrap", "yes", "--ingress-port", &ingress.to_string()]);
    (server, ingress)
}

fn ids(server: &Process, cores: u16) -> Vec<String> {
    (0..cores).map(|i| Client::connect(server.port + i).line("CLUSTER MYID").text()).collect()
}

/// Which core serves `slot`, by the word of core `asked`.
fn owner(server: &Process, ids: &[String], slot: u16, asked: u16) -> usize {
    let text = Client::connect(server.port + asked).line("CLUSTER NODES").text();
    let serves = |line: &str| {
        line.split(' ').skip(8).any(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            (first.parse::<u16>().unwrap_or(u16::MAX)..=last.parse().unwrap_or(0)).contains(&slot)
        })
    };
    let line = text.lines().find(|line| serves(line)).expect("the slot is served");
    ids.iter().position(|id| line.starts_with(id)).expect("by a core of the process")
}

fn hand(server: &Process, ids: &[String], first: u16, last: u16, to: usize) {
    let from = owner(server, ids, first, 0);
    let mut client = Client::connect(server.port + from as u16);
    assert_eq!(
        client.line(&format!("CLUSTER MIGRATESLOTS SLOTSRANGE {first} {last} NODE {}", ids[to])),
        ok()
    );
    wait_until("all see the new owner", || (0..ids.len()).all(|i| owner(server, ids, last, i as u16) == to));
}

#[test]
fn a_slot_moves_with_its_keys_and_their_times() {
    let (server, ingress) = process(2);
    let ids = ids(&server, 2);
    let (mut old, mut new) = (Client::connect(server.port + 1), Client::connect(server.port));
    for i in 0..1000 {
        old.line(&format!("SET {{foo}}{i} {i}"));
    }
    old.line("PEXPIRE {foo}1 100000");
    old.line("PEXPIRE {foo}2 1");
    let mut watcher = Client::connect(ingress);
    assert_eq!(watcher.line("WATCH {foo}5"), ok());
    hand(&server, &ids, FOO, FOO, 0);
    assert_eq!(old.line("GET {foo}1"), Value::Error(format!("MOVED {FOO} 127.0.0.1:{}", server.port)));
    assert_eq!(old.line("DBSIZE"), Value::Integer(0));
    assert!(!old.line("INFO keyspace").text().contains("expires"));
    wait_until("the expired key is gone", || new.line("DBSIZE") == Value::Integer(999));
    assert_eq!(new.line("GET {foo}1"), Value::Bulk("1".into()));
    assert!(matches!(new.line("PTTL {foo}1"), Value::Integer(1000..=100_000)));
    assert_eq!(Client::connect(ingress).line("GET {foo}999"), Value::Bulk("999".into()));
    // Who watched finds its keys changed, and may watch anew.
    assert_eq!(watcher.line("MULTI"), ok());
    assert_eq!(watcher.line("SET {foo}5 other"), Value::Simple("QUEUED".into()));
    assert_eq!(watcher.line("EXEC"), Value::Null);
    assert_eq!(watcher.line("WATCH {foo}5"), ok());
    assert_eq!(watcher.line("MULTI"), ok());
    watcher.line("GET {foo}5");
    assert_eq!(watcher.line("EXEC"), Value::Array(vec![Value::Bulk("5".into())]));
    // The log of both sides.
    let log = |client: &mut Client| format!("{:?}", client.line("CLUSTER GETSLOTMIGRATIONS"));
    wait_until("it has ended", || log(&mut old).contains(&format!("{:?}", Value::Bulk("success".into()))));
    assert!(log(&mut new).contains(&format!("{:?}", Value::Bulk("IMPORT".into()))));
    // SETSLOT NODE does the same for one slot.
    assert_eq!(new.line(&format!("CLUSTER SETSLOT {FOO} NODE {}", ids[1])), ok());
    wait_until("it is back", || old.line("GET {foo}7") == Value::Bulk("7".into()));
}

#[test]
fn who_waits_for_a_key_goes_with_its_slot() {
    let (server, ingress) = process(2);
    let ids = ids(&server, 2);
    let mut direct = Client::connect(server.port + 1);
    direct.send(b"BLPOP foo 0\r\n");
    // Some of these are accepted by the core that has the slot, some by the other.
    let mut waiters: Vec<Client> = (0..6).map(|_| Client::connect(ingress)).collect();
    waiters.iter_mut().for_each(|waiter| waiter.send(b"BLPOP foo 0\r\nPING\r\n"));
    let waiting = |core: u16, count: usize| {
        let text = Client::connect(server.port + core).line("INFO clients").text();
        text.contains(&format!("blocked_clients:{count}\r\n"))
    };
    wait_until("all wait", || waiting(1, 7));
    hand(&server, &ids, FOO, FOO, 0);
    assert_eq!(direct.read(), Some(Value::Error(format!("MOVED {FOO} 127.0.0.1:{}", server.port))));
    wait_until("they wait at the new owner", || waiting(0, 6) && waiting(1, 0));
    let mut pusher = Client::connect(server.port);
    for i in 0..6 {
        assert_eq!(pusher.line(&format!("RPUSH foo {i}")), Value::Integer(1));
    }
    let mut got: Vec<String> = Vec::new();
    for waiter in &mut waiters {
        let Some(Value::Array(pair)) = waiter.read() else { panic!("an answer") };
        got.push(pair[1].text());
        assert_eq!(waiter.read(), Some(Value::Simple("PONG".into())), "behind the answer");
    }
    got.sort();
    assert_eq!(got, ["0", "1", "2", "3", "4", "5"]);
}

#[test]
fn no_command_is_lost_doubled_or_overtaken_while_slots_move() {
    let (server, ingress) = process(3);
    let ids = ids(&server, 3);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let counters: Vec<_> = (0..6)
            .map(|i| {
                let done = &done;
                scope.spawn(move || {
                    let key = format!("{{foo}}counter{i}");
                    let (mut client, mut next) = (Client::connect(ingress), 1);
                    while !done.load(Ordering::Relaxed) {
                        client.send(format!("INCR {key}\r\n").repeat(50).as_bytes());
                        for _ in 0..50 {
                            assert_eq!(client.read(), Some(Value::Integer(next)), "in order, each once");
                            next += 1;
                        }
                        client.send(format!("MULTI\r\nINCR {key}\r\nINCR {key}\r\nEXEC\r\n").as_bytes());
                        (0..3).for_each(|_| drop(client.read()));
                        let both = vec![Value::Integer(next), Value::Integer(next + 1)];
                        assert_eq!(client.read(), Some(Value::Array(both)));
                        next += 2;
                    }
                    (key, next - 1)
                })
            })
            .collect();
        for round in 0..30 {
            let to = (owner(&server, &ids, FOO, 0) + 1 + round % 2) % 3;
            hand(&server, &ids, FOO, FOO, to);
        }
        done.store(true, Ordering::Relaxed);
        for counter in counters {
            let (key, count) = counter.join().expect("replies in order");
            let value = Client::connect(ingress).line(&format!("GET {key}")).text();
            assert_eq!(value, count.to_string());
            assert!(count > 50, "the writers ran meanwhile");
        }
    });
}

#[test]
fn half_of_all_slots_at_once() {
    let (server, ingress) = process(2);
    let ids = ids(&server, 2);
    let mut client = Client::connect(ingress);
    for i in 0..2000 {
        client.line(&format!("SET key:{i} {i}"));
    }
    hand(&server, &ids, 0, 8191, 1);
    assert_eq!(Client::connect(server.port).line("DBSIZE"), Value::Integer(0));
    assert_eq!(Client::connect(server.port + 1).line("DBSIZE"), Value::Integer(2000));
    for i in 0..2000 {
        assert_eq!(client.line(&format!("GET key:{i}")), Value::Bulk(i.to_string().into()));
    }
    let error =
        |words: &str| Client::connect(server.port + 1).line(&format!("CLUSTER MIGRATESLOTS {words}")).text();
    let (me, other) = (&ids[1], &ids[0]);
    assert_eq!(error(&format!("SLOTSRANGE 1 2 NODE {me}")), "ERR Target node can not be this node.");
    assert_eq!(error("SLOTSRANGE 1 2 NODE x"), "ERR Invalid node name: x");
    assert_eq!(error("SLOTSRANGE 2 1 NODE x"), "ERR Start slot number 2 is greater than end slot number 1.");
    assert_eq!(error("SLOTSRANGE 1 5 5 6 NODE x"), "ERR Slot range 5-6 overlaps with previous range 1-5.");
    let twice = format!("SLOTSRANGE 1 2 NODE {other} SLOTSRANGE 2 3 NODE {other}");
    assert_eq!(error(&twice), "ERR Slot ranges in migrations overlap");
    let here = Client::connect(server.port).line(&format!("CLUSTER MIGRATESLOTS SLOTSRANGE 1 2 NODE {me}"));
    assert_eq!(here, Value::Error("ERR Slots are not served by this node.".into()));
}
