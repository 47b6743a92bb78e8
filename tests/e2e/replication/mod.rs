//! Masters and replicas: ours, redis-server and valkey-server, in every pairing. Data of every type and encoding is
//! written all the while, and master and replica must end up with the same DEBUG DIGEST.

mod failover;
mod following;
mod sync;
pub mod writer;

use kit::{Client, Process, empty_peer, peer, ringmaster, wait_until};

/// Who makes a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Make {
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
    fn master(self) -> Process {
        match self {
            Make::Ours => ringmaster(1, &[&["--bootstrap", "yes"], &DEBUG[..]].concat()),
            _ => peer(self.variable()),
        }
    }

    /// A node without slots.
    fn empty(self) -> Process {
        match self {
            Make::Ours => ringmaster(1, &DEBUG),
            _ => empty_peer(self.variable()),
        }
    }
}

fn ask(node: &Process, line: &str) -> String {
    Client::connect(node.port).line(line).text()
}

/// A field of INFO.
fn info(node: &Process, name: &str) -> String {
    let text = ask(node, "INFO");
    let field = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    field.unwrap_or_default().trim().to_owned()
}

/// `replica` follows `master` from now on.
fn attach(replica: &Process, master: &Process) {
    ask(replica, &format!("CLUSTER MEET 127.0.0.1 {}", master.port));
    let id = ask(master, "CLUSTER MYID");
    let mut client = Client::connect(replica.port);
    let command = format!("CLUSTER REPLICATE {id}");
    wait_until("the replica knows its master", || client.line(&command).text() == "OK");
    wait_until("the link is up", || info(replica, "master_link_status") == "up");
}

/// Waits until `replica` has all of the stream of `master`, which nobody writes any more, then compares all keys.
fn same_data(master: &Process, replica: &Process) {
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
