//! `redis-cli --cluster` on processes of one core and of several.

use std::fs;

use kit::{Client, Process, ringmaster, ringmaster_with_file, wait_until};

use crate::nodes::{answer, ask, manage};

/// Processes and the addresses of all their nodes, in order.
struct Nodes {
    processes: Vec<Process>,
    addresses: Vec<String>,
}

impl Nodes {
    fn start(processes: usize, cores: u16) -> Nodes {
        // CONFIG REWRITE wants a file.
        let processes: Vec<Process> = (0..processes).map(|_| ringmaster_with_file(cores, "")).collect();
        let ports = processes.iter().flat_map(|process| (0..cores).map(|core| process.port + core));
        let addresses = ports.map(|port| format!("127.0.0.1:{port}")).collect();
        Nodes { processes, addresses }
    }

    fn ports(&self) -> impl Iterator<Item = u16> {
        self.addresses.iter().map(|address| port_of(address))
    }

    fn check(&self) -> Result<String, String> {
        manage(&["check", &self.addresses[0]])
    }

    /// Waits until every node knows so many, and redis-cli finds nothing to complain of.
    fn settle(&self, count: usize) {
        for port in self.ports() {
            wait_until("all know all", || {
                let info = Client::connect(port).line("CLUSTER INFO").text();
                info.contains("cluster_state:ok") && info.contains(&format!("cluster_known_nodes:{count}\r"))
            });
        }
        wait_until("check finds all well", || self.check().is_ok());
    }
}

fn port_of(address: &str) -> u16 {
    address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("an address")
}

/// Every command of `redis-cli --cluster` that moves no keys, on six nodes and a seventh that comes and goes.
fn all_commands(processes: usize, cores: u16) {
    let nodes = Nodes::start(processes, cores);
    let first = nodes.addresses[0].as_str();
    let words = ["create"].into_iter().chain(nodes.addresses.iter().map(String::as_str));
    let words: Vec<&str> = words.chain(["--cluster-replicas", "1"]).collect();
    let text = manage(&words).expect("the cluster is made");
    assert!(text.contains("[OK] All 16384 slots covered."), "{text}");
    nodes.settle(6);
    let text = manage(&["info", first]).expect("info");
    assert!(text.contains("[OK] 0 keys in 3 masters."), "{text}");
    let text = manage(&["call", first, "PING"]).expect("call");
    assert_eq!(text.matches("PONG").count(), 6, "{text}");
    let text = manage(&["set-timeout", first, "4000"]).expect("set-timeout");
    assert!(text.contains("6 OK, 0 ERR"), "{text}");
    for port in nodes.ports() {
        let timeout = Client::connect(port).line("CONFIG GET cluster-node-timeout");
        assert!(timeout.to_string().contains("4000"), "{timeout}");
    }
    for process in &nodes.processes {
        let file = fs::read_to_string(process.folder.join("redis.conf")).expect("the file is there");
        assert!(file.contains("cluster-node-timeout 4000"), "{file}");
    }
    mend(&nodes);
    come_and_go(&nodes, &[]);
    let master = Client::connect(port_of(first)).line("CLUSTER MYID").text();
    come_and_go(&nodes, &["--cluster-slave", "--cluster-master-id", &master]);
}

/// Slots without an owner, and slots left open by a move that was broken off.
fn mend(nodes: &Nodes) {
    let first = &nodes.addresses[0];
    let mut master = Client::connect(port_of(first));
    let id = master.line("CLUSTER MYID").text();
    for port in nodes.ports() {
        Client::connect(port).line("CLUSTER DELSLOTS 1 2");
    }
    assert!(nodes.check().is_err(), "slots without an owner are seen");
    answer(&["fix", first], "yes\n");
    nodes.settle(6);
    let other = masters(nodes).into_iter().find(|other| *other != id).expect("three masters");
    assert_eq!(master.line(&format!("CLUSTER SETSLOT 0 MIGRATING {other}")).text(), "OK");
    assert!(nodes.check().is_err(), "an open slot is seen");
    answer(&["fix", first], "yes\n");
    nodes.settle(6);
}

fn masters(nodes: &Nodes) -> Vec<String> {
    let text = Client::connect(port_of(&nodes.addresses[0])).line("CLUSTER NODES").text();
    let masters = text.lines().filter(|line| line.contains("master"));
    masters.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// A node is added, as `how` says, and removed.
fn come_and_go(nodes: &Nodes, how: &[&str]) {
    let (first, new) = (&nodes.addresses[0], ringmaster(1, &[]));
    let address = format!("127.0.0.1:{}", new.port);
    manage(&[&["add-node", &address, first], how].concat()).expect("it is added");
    nodes.settle(7);
    let id = ask(&new, "CLUSTER MYID");
    manage(&["del-node", first, &id]).expect("it is removed");
    nodes.settle(6);
    assert!(ask(&new, "CLUSTER INFO").contains("cluster_known_nodes:1\r"), "it was told to forget all");
}

#[test]
fn six_processes_of_one_core() {
    all_commands(6, 1);
}

#[test]
fn two_processes_of_three_cores() {
    all_commands(2, 3);
}
