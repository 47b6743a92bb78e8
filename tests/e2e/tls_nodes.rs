//! TLS between nodes: the bus and replication, among our own processes and with redis-server.

use std::io::{Read, Write};
use std::net::TcpStream;

use kit::{Client, Process, Value, empty_peer_with, free_ports, ringmaster, wait_until};

use crate::tls::Paper;

/// A node whose links are encrypted; its plain port is the tests' way in.
struct Node {
    process: Process,
    tls_port: u16,
}

impl Node {
    fn ours(paper: &Paper) -> Node {
        Node::start(paper, |args| ringmaster(1, args))
    }

    fn redis(paper: &Paper) -> Node {
        Node::start(paper, |args| empty_peer_with("REDIS_SERVER", args))
    }

    fn start(paper: &Paper, start: impl Fn(&[&str]) -> Process) -> Node {
        let tls_port = free_ports(1);
        let (port, own, key, ca) =
            (tls_port.to_string(), paper.path("own.crt"), paper.path("own.key"), paper.path("ca.crt"));
        let files = ["--tls-cert-file", &own, "--tls-key-file", &key, "--tls-ca-cert-file", &ca];
        let links = ["--tls-port", &port, "--tls-cluster", "yes", "--tls-replication", "yes"];
        let process = start(&[&files[..], &links, &["--cluster-node-timeout", "3000"]].concat());
        Node { process, tls_port }
    }

    fn ask(&self, line: &str) -> String {
        Client::connect(self.process.port).line(line).text()
    }

    fn meet(&self, other: &Node) {
        assert_eq!(self.ask(&format!("CLUSTER MEET 127.0.0.1 {}", other.tls_port)), "OK");
    }

    /// Follows `master`, and waits until it does.
    fn follow(&self, master: &Node) {
        let id = master.ask("CLUSTER MYID");
        wait_until("the node can follow", || self.ask(&format!("CLUSTER REPLICATE {id}")) == "OK");
        wait_until("the link is up", || self.ask("INFO replication").contains("master_link_status:up"));
        assert!(self.ask("INFO replication").contains(&format!("master_port:{}", master.tls_port)));
    }
}

/// Makes a cluster of two masters, with the slots shared out, and `others` as empty masters.
fn cluster(first: &Node, second: &Node, others: &[&Node]) {
    assert_eq!(first.ask("CLUSTER ADDSLOTSRANGE 0 8191"), "OK");
    assert_eq!(second.ask("CLUSTER ADDSLOTSRANGE 8192 16383"), "OK");
    assert_eq!(second.ask("CLUSTER SET-CONFIG-EPOCH 2"), "OK");
    let all: Vec<&Node> = [second].into_iter().chain(others.iter().copied()).collect();
    all.iter().for_each(|node| first.meet(node));
    let known = format!("cluster_known_nodes:{}", all.len() + 1);
    for node in all.into_iter().chain([first]) {
        wait_until("the cluster is up at every node", || {
            let info = node.ask("CLUSTER INFO");
            info.contains("cluster_state:ok") && info.contains(&known)
        });
    }
}

/// Keys of slots below 8192, and values large enough to need several records.
fn write(master: &Node) -> usize {
    let mut client = Client::connect(master.process.port);
    let value = "x".repeat(30_000);
    let set = |i: &usize| client.line(&format!("SET key:{i} {value}")) == Value::Simple("OK".into());
    (0..200).filter(set).count()
}

fn holds(node: &Node, keys: usize) {
    wait_until("all keys are there", || node.ask("DBSIZE") == Value::Integer(keys as i64).text());
}

#[test]
fn a_cluster_of_ours_and_its_replica() {
    let paper = Paper::new();
    let [first, second, replica] = [(); 3].map(|()| Node::ours(&paper));
    cluster(&first, &second, &[&replica]);
    let before = write(&first);
    assert!(before > 0);
    replica.follow(&first);
    holds(&replica, before);
    assert_eq!(first.ask("FLUSHALL"), "OK");
    let after = write(&first);
    holds(&replica, after);
    // Messages of clients go over the same links.
    let mut listener = Client::connect(second.process.port);
    listener.line("SUBSCRIBE news");
    first.ask("PUBLISH news hello");
    assert!(listener.read().expect("a message").to_string().contains("hello"));
    // They change places.
    assert_eq!(replica.ask("CLUSTER FAILOVER"), "OK");
    wait_until("the replica is a master", || replica.ask("INFO replication").contains("role:master"));
    wait_until("the master is a replica", || first.ask("INFO replication").contains("master_link_status:up"));
    assert_eq!(write(&replica), after);
    holds(&first, after);
}

#[test]
fn a_cluster_with_redis() {
    let paper = Paper::new();
    let (ours, theirs) = (Node::ours(&paper), Node::redis(&paper));
    let (our_replica, their_replica) = (Node::ours(&paper), Node::redis(&paper));
    cluster(&ours, &theirs, &[&our_replica, &their_replica]);
    their_replica.follow(&ours);
    our_replica.follow(&theirs);
    let (here, there) = (write(&ours), write(&theirs));
    assert!(here > 0 && there > 0);
    holds(&their_replica, here);
    holds(&our_replica, there);
}

#[test]
fn a_stranger_is_no_node_until_its_certificate_is_replaced() {
    let (paper, strangers) = (Paper::new(), Paper::new());
    let (node, stranger) = (Node::ours(&paper), Node::ours(&strangers));
    stranger.meet(&node);
    wait_until("the handshake is given up", || {
        stranger.ask("CLUSTER INFO").contains("cluster_known_nodes:1")
    });
    assert!(node.ask("CLUSTER INFO").contains("cluster_known_nodes:1"));
    let (own, key, ca) = (paper.path("own.crt"), paper.path("own.key"), paper.path("ca.crt"));
    let set = format!("CONFIG SET tls-cert-file {own} tls-key-file {key} tls-ca-cert-file {ca}");
    assert_eq!(stranger.ask(&set), "OK");
    stranger.meet(&node);
    for node in [&node, &stranger] {
        wait_until("both know each other", || node.ask("CLUSTER INFO").contains("cluster_known_nodes:2"));
    }
}

#[test]
fn noise_on_an_encrypted_bus_is_closed() {
    let paper = Paper::new();
    let node = Node::ours(&paper);
    // A plain packet of the bus begins so.
    for noise in [&b"RCmb\x00\x00\x08\xb0\x00\x01"[..], &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0], &[0xff; 70_000]] {
        let mut stream = TcpStream::connect(("127.0.0.1", node.tls_port + 10_000)).expect("the bus listens");
        let _ = stream.write_all(noise);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(node.ask("PING"), "PONG");
}

#[test]
fn slots_move_over_encrypted_links() {
    let paper = Paper::new();
    let [first, second] = [(); 2].map(|()| Node::ours(&paper));
    cluster(&first, &second, &[]);
    let keys = write(&first);
    let target = second.ask("CLUSTER MYID");
    // The target has no plain port any more: what comes in is encrypted. A slot stays, or the first would follow the second.
    assert_eq!(second.ask("CONFIG SET port 0"), "OK");
    assert_eq!(first.ask(&format!("CLUSTER MIGRATESLOTS SLOTSRANGE 0 8190 NODE {target}")), "OK");
    let mut client = Client::connect(first.process.port);
    wait_until("the slots are there", || {
        client.line("CLUSTER GETSLOTMIGRATIONS").to_string().contains("success")
    });
    assert_eq!(client.line("DBSIZE"), Value::Integer(0));
    assert_eq!(paper.cli_with_certificate(second.tls_port, &["DBSIZE"]), format!("{keys}\n"));
}
