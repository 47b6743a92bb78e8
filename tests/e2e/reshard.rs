//! Slots moved between nodes by redis-cli, while clients write: nothing that was acknowledged is lost, and no client
//! sees an error.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use kit::{Client, Process, Value, empty_peer, lone_peer, ringmaster, wait_until};
use redis::Commands;

use crate::cluster::{create, three};
use crate::nodes::{address, ask, manage};

/// Keys that the writer writes over and over.
const KEYS: u64 = 2000;
/// Slot of `foo`.
const FOO: u16 = 12182;

/// A cluster client that writes all the while; any error is the end of it.
pub struct Writer {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    thread: JoinHandle<()>,
    port: u16,
}

fn connect(port: u16) -> redis::cluster::ClusterConnection {
    let client = redis::cluster::ClusterClientBuilder::new([format!("redis://127.0.0.1:{port}")]).retries(30);
    client.build().expect("an address").get_connection().expect("the cluster answers")
}

impl Writer {
    pub fn start(node: &Process) -> Writer {
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted, port) = (stop.clone(), count.clone(), node.port);
        let thread = thread::spawn(move || {
            let mut client = connect(port);
            let mut i = 0;
            while !stopped.load(Ordering::Relaxed) {
                let key = format!("key:{}", i % KEYS);
                let () = client.set(&key, i).unwrap_or_else(|e| panic!("SET {key}: {e}"));
                let read: u64 = client.get(&key).unwrap_or_else(|e| panic!("GET {key}: {e}"));
                assert_eq!(read, i, "{key}");
                i += 1;
                counted.store(i, Ordering::Relaxed);
            }
        });
        let writer = Writer { stop, count, thread, port };
        wait_until("every key is there", || writer.thread.is_finished() || writer.writes() > KEYS);
        writer
    }

    pub fn writes(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Ends it and looks whether all it wrote is there.
    pub fn check(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("no error");
        let (writes, mut client) = (self.count.load(Ordering::Relaxed), connect(self.port));
        for i in writes - KEYS..writes {
            let key = format!("key:{}", i % KEYS);
            let read: Option<u64> = client.get(&key).unwrap_or_else(|e| panic!("GET {key}: {e}"));
            assert_eq!(read, Some(i), "{key}");
        }
    }
}

pub fn add(node: &Process, port: u16, to: &Process) {
    manage(&["add-node", &format!("127.0.0.1:{port}"), &address(to)]).expect("it is added");
    agreed(node);
    wait_until("all know it", || knows_all(node));
    let mut added = Client::connect(port);
    wait_until("it serves", || added.line("CLUSTER INFO").text().contains("cluster_state:ok"));
}

/// Whether each node that `node` knows has heard of as many.
fn knows_all(node: &Process) -> bool {
    let known = ask(node, "CLUSTER NODES");
    let port = |line: &str| line.split_once(':')?.1.split_once('@')?.0.parse::<u16>().ok();
    let count = |port: u16| Client::connect(port).line("CLUSTER NODES").text().lines().count();
    known.lines().filter_map(port).all(|port| count(port) == known.lines().count())
}

fn agreed(node: &Process) {
    wait_until("all agree", || manage(&["check", &address(node)]).is_ok());
}

/// How many slots the node on `port` serves.
pub fn slots(port: u16) -> usize {
    let text = Client::connect(port).line("CLUSTER NODES").text();
    let me = text.lines().find(|line| line.contains("myself")).expect("it knows itself");
    let count = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(last.parse::<usize>().ok()? + 1 - first.parse::<usize>().ok()?)
    };
    me.split(' ').skip(8).filter_map(count).sum()
}

#[test]
fn slots_come_and_go_while_clients_write() {
    let nodes = three();
    create(&nodes.each_ref());
    let writer = Writer::start(&nodes[0]);
    let fourth = ringmaster(1, &[]);
    add(&nodes[0], fourth.port, &nodes[0]);
    let id = ask(&fourth, "CLUSTER MYID");
    let reshard = ["reshard", &address(&nodes[0]), "--cluster-from", "all", "--cluster-to", &id];
    manage(&[&reshard[..], &["--cluster-slots", "300"]].concat()).expect("slots move");
    // redis-cli rounds each giver's part.
    assert!((298..=300).contains(&slots(fourth.port)));
    agreed(&nodes[0]);
    let weight = format!("{id}=0");
    manage(&["rebalance", &address(&nodes[0]), "--cluster-weight", &weight]).expect("slots move");
    assert_eq!(slots(fourth.port), 0);
    agreed(&nodes[0]);
    writer.check();
    manage(&["del-node", &address(&nodes[0]), &id]).expect("it is removed");
}

#[test]
fn a_process_of_three_cores_joins_and_takes_its_share() {
    let (first, second) = (ringmaster(3, &["--bootstrap", "yes"]), ringmaster(3, &[]));
    let writer = Writer::start(&first);
    (0..3).for_each(|core| add(&first, second.port + core, &first));
    // A fiftieth of the others' share each, as thousands of moves take minutes.
    let weights = [0, 1, 2].map(|core| {
        let id = Client::connect(second.port + core).line("CLUSTER MYID").text();
        format!("{id}=0.02")
    });
    let mut rebalance = vec!["rebalance", "--cluster-use-empty-masters", "--cluster-weight"];
    let first_address = address(&first);
    rebalance.insert(1, &first_address);
    rebalance.extend(weights.iter().map(String::as_str));
    manage(&rebalance).expect("slots move");
    agreed(&first);
    // 16384 * 0.02 / (3 + 3 * 0.02)
    (0..3).for_each(|core| assert!((105..=109).contains(&slots(second.port + core))));
    writer.check();
}

#[test]
fn slots_move_to_redis_and_back() {
    let (ours, theirs) = (ringmaster(1, &["--bootstrap", "yes"]), empty_peer("REDIS_SERVER"));
    let writer = Writer::start(&ours);
    add(&ours, theirs.port, &ours);
    for (from, to) in [(&ours, &theirs), (&theirs, &ours)] {
        let (giver, taker) = (ask(from, "CLUSTER MYID"), ask(to, "CLUSTER MYID"));
        let reshard = ["reshard", &address(&ours), "--cluster-from", &giver, "--cluster-to", &taker];
        manage(&[&reshard[..], &["--cluster-slots", "200"]].concat()).expect("slots move");
        agreed(&ours);
    }
    writer.check();
}

#[test]
fn a_move_that_was_interrupted_is_repaired() {
    let nodes = three();
    create(&nodes.each_ref());
    let ids = nodes.each_ref().map(|node| ask(node, "CLUSTER MYID"));
    // 12182 is the last third's: it was moving to the first when the tool died.
    for i in 0..20 {
        ask(&nodes[2], &format!("SET {{foo}}:{i} {i}"));
    }
    ask(&nodes[0], &format!("CLUSTER SETSLOT {FOO} IMPORTING {}", ids[2]));
    ask(&nodes[2], &format!("CLUSTER SETSLOT {FOO} MIGRATING {}", ids[0]));
    let some: String = (0..7).map(|i| format!(" {{foo}}:{i}")).collect();
    let mut giver = Client::connect(nodes[2].port);
    let mut words = vec!["MIGRATE".to_owned(), "127.0.0.1".into(), nodes[0].port.to_string(), String::new()];
    words.extend(["0", "5000", "KEYS"].map(str::to_owned));
    words.extend(some.split_whitespace().map(str::to_owned));
    assert_eq!(giver.call(&words), Value::Simple("OK".into()));
    assert!(giver.line("GET {foo}:1").text().starts_with("ASK "));
    assert!(giver.line("MGET {foo}:1 {foo}:19").text().starts_with("TRYAGAIN"));
    assert!(manage(&["check", &address(&nodes[1])]).is_err(), "a slot is open");
    manage(&["fix", &address(&nodes[1])]).expect("it is repaired");
    agreed(&nodes[1]);
    let mut client = connect(nodes[1].port);
    for i in 0..20 {
        let value: u64 = client.get(format!("{{foo}}:{i}")).expect("an answer");
        assert_eq!(value, i);
    }
}

#[test]
fn keys_of_a_lone_server_are_imported() {
    let nodes = three();
    create(&nodes.each_ref());
    let lone = lone_peer("REDIS_SERVER", &[]);
    let mut source = Client::connect(lone.port);
    for i in 0..100 {
        source.line(&format!("SET key:{i} {i}"));
    }
    let import = ["import", &address(&nodes[0]), "--cluster-from", &address(&lone), "--cluster-copy"];
    manage(&import).expect("it is imported");
    let mut client = connect(nodes[0].port);
    for i in 0..100u64 {
        let value: u64 = client.get(format!("key:{i}")).expect("an answer");
        assert_eq!(value, i);
    }
    assert_eq!(source.line("DBSIZE"), Value::Integer(100));
}

#[test]
fn what_setslot_says_outlives_a_master() {
    let mut nodes = three();
    create(&nodes.each_ref());
    let replica = ringmaster(1, &[]);
    let ids = nodes.each_ref().map(|node| ask(node, "CLUSTER MYID"));
    let first = address(&nodes[0]);
    let follow = ["add-node", &address(&replica), &first, "--cluster-slave", "--cluster-master-id", &ids[0]];
    manage(&follow).expect("it follows");
    wait_until("the link is up", || ask(&replica, "INFO replication").contains("master_link_status:up"));
    wait_until("it is online", || ask(&nodes[0], "INFO replication").contains("state=online"));
    assert_eq!(ask(&nodes[0], &format!("CLUSTER SETSLOT 0 MIGRATING {}", ids[1])), "OK");
    let says = |word: &str| ask(&replica, "CLUSTER NODES").contains(word);
    assert!(says(&format!("[0->-{}]", ids[1])), "the replica has obeyed before the master answers");
    nodes[0].kill();
    wait_until("the replica is master", || ask(&replica, "INFO replication").contains("role:master"));
    assert!(says(&format!("[0->-{}]", ids[1])));
    assert_eq!(ask(&replica, "CLUSTER SETSLOT 0 STABLE"), "OK");
}
