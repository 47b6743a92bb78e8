//! Nodes of any make, clusters of them, and what tests ask them.

use std::io::Write;
use std::process::{Command, Stdio};

use kit::{Client, Process, Value, empty_peer, peer, ringmaster, run, wait_until};

/// Who makes a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    Ours,
    Redis,
    Valkey,
}

const DEBUG: [&str; 2] = ["--enable-debug-command", "yes"];

impl Make {
    fn variable(self) -> &'static str {
        if self == Make::Redis { "REDIS_SERVER" } else { "VALKEY_SERVER" }
    }

    /// A node that owns all slots.
    pub fn master(self) -> Process {
        match self {
            Make::Ours => ringmaster(1, &[&["--bootstrap", "yes"], &DEBUG[..]].concat()),
            _ => peer(self.variable()),
        }
    }

    /// A node without slots.
    pub fn empty(self) -> Process {
        match self {
            Make::Ours => ringmaster(1, &DEBUG),
            _ => empty_peer(self.variable()),
        }
    }
}

/// The text of a node's answer to a command.
pub fn ask(node: &Process, line: &str) -> String {
    Client::connect(node.port).line(line).text()
}

/// A field of INFO.
pub fn info(node: &Process, name: &str) -> String {
    let text = ask(node, "INFO");
    let field = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    field.unwrap_or_default().trim().to_owned()
}

pub fn is_master(node: &Process) -> bool {
    info(node, "role") == "master"
}

/// Where a node's first core listens.
pub fn address(node: &Process) -> String {
    format!("127.0.0.1:{}", node.port)
}

/// `replica` follows `master` from now on.
pub fn attach(replica: &Process, master: &Process) {
    ask(replica, &format!("CLUSTER MEET 127.0.0.1 {}", master.port));
    let id = ask(master, "CLUSTER MYID");
    let mut client = Client::connect(replica.port);
    let command = format!("CLUSTER REPLICATE {id}");
    wait_until("the replica knows its master", || client.line(&command).text() == "OK");
    wait_until("the link is up", || info(replica, "master_link_status") == "up");
}

/// Waits until `replica` has all of the stream of `master`, which nobody writes any more, then compares all keys.
pub fn same_data(master: &Process, replica: &Process) {
    wait_until("the replica has caught up", || {
        let offset = info(master, "master_repl_offset");
        info(replica, "master_link_status") == "up" && info(replica, "slave_repl_offset") == offset
    });
    // Keys whose time is over may still be on their way out.
    wait_until("master and replica hold the same", || {
        let digests = [master, replica].map(|node| (ask(node, "DBSIZE"), ask(node, "DEBUG DIGEST")));
        digests[0] == digests[1]
    });
}

/// Runs `redis-cli --cluster words... --cluster-yes`; its output, as an error when it failed.
pub fn manage(words: &[&str]) -> Result<String, String> {
    let output = run("redis-cli", &[&["--cluster"], words, &["--cluster-yes"]].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(text) } else { Err(text) }
}

/// Runs `redis-cli --cluster words`, which asks and is given these answers, a line each.
pub fn answer(words: &[&str], answers: &str) -> String {
    let mut cli = Command::new("redis-cli")
        .arg("--cluster")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-cli runs");
    cli.stdin.take().expect("piped").write_all(answers.as_bytes()).expect("it reads");
    let output = cli.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

/// Three masters of these makes that share all slots, and replicas with the place of their master. Timeouts are short.
pub fn cluster(masters: [Make; 3], replicas: &[(Make, usize)]) -> (Vec<Process>, Vec<Process>) {
    let masters: Vec<Process> = masters.iter().map(|make| make.empty()).collect();
    let made: Vec<Process> = replicas.iter().map(|(make, _)| make.empty()).collect();
    for node in masters.iter().chain(&made) {
        ask(node, "CONFIG SET cluster-node-timeout 2000");
        ask(node, "CONFIG SET repl-diskless-sync-delay 0");
    }
    let addresses: Vec<String> = masters.iter().map(address).collect();
    let words: Vec<&str> = ["create"].into_iter().chain(addresses.iter().map(String::as_str)).collect();
    manage(&words).expect("the cluster is made");
    for (replica, (_, master)) in made.iter().zip(replicas) {
        attach(replica, &masters[*master]);
    }
    all_agree(&masters.iter().chain(&made).collect::<Vec<_>>());
    (masters, made)
}

/// Waits until these nodes, and no others, are a cluster that is up, in which all say the same of all, by CLUSTER NODES
/// and by CLUSTER SLOTS.
pub fn all_agree(nodes: &[&Process]) {
    wait_until("all agree", || {
        let said = |node: &&Process| (topology(node), slots(node));
        let first = said(&nodes[0]);
        first.0.len() == nodes.len()
            && nodes
                .iter()
                .all(|node| ask(node, "CLUSTER INFO").contains("cluster_state:ok") && said(node) == first)
    });
}

/// CLUSTER NODES without what each node sees in its own way: times, epochs of replicas, which one it is itself.
pub fn topology(node: &Process) -> Vec<String> {
    let text = ask(node, "CLUSTER NODES");
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let address = words[1].split(',').next().unwrap_or_default();
            let flags = words[2].trim_start_matches("myself,");
            let epoch = if flags == "master" { words[6] } else { "" };
            format!("{} {address} {flags} {} {epoch} {}", words[0], words[3], words[8..].join(" "))
        })
        .collect();
    lines.sort();
    lines
}

/// CLUSTER SLOTS, sorted: the bounds of each range, the name of its master, and those of its replicas, sorted too.
fn slots(node: &Process) -> Vec<String> {
    let Value::Array(ranges) = Client::connect(node.port).line("CLUSTER SLOTS") else {
        panic!("SLOTS is an array")
    };
    let mut lines: Vec<String> = ranges.iter().map(slot_range).collect();
    lines.sort();
    lines
}

fn slot_range(range: &Value) -> String {
    let Value::Array(parts) = range else { panic!("a range is an array") };
    let name = |node: &Value| match node {
        Value::Array(words) => words[2].text(),
        other => panic!("a node is an array, not {other}"),
    };
    let mut names: Vec<String> = parts[2..].iter().map(name).collect();
    names[1..].sort();
    format!("{} {} {}", parts[0], parts[1], names.join(" "))
}
