//! Moves of slots that are interrupted at every step by the death of whoever takes part, and what is left of them.

mod atomic;
mod failover;
mod gate;
mod standard;

use kit::{Client, Process, Value, ringmaster, wait_until};

use crate::nodes::{address, all_agree, ask, manage};
use gate::Gate;

/// Who dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Source,
    Target,
    /// Whoever asked for the move; the nodes live on.
    Tool,
}

const SOURCE: usize = 0;
const TARGET: usize = 1;
/// A node that has no part in it.
const OTHER: usize = 2;

/// What nodes of these tests are started with: what they acknowledge outlives them, `--cluster fix` may compare values, and
/// values travel as they are.
const OPTIONS: &str = "--appendonly yes --appendfsync always --rdbcompression no --enable-debug-command yes \
                       --repl-diskless-sync-delay 0 --cluster-allow-replica-migration no --cluster-manual-failover-timeout 2000";

fn node(more: &[&str]) -> Process {
    ringmaster(1, &OPTIONS.split_whitespace().chain(more.iter().copied()).collect::<Vec<_>>())
}

/// Three masters: the target is known to others by the gate in front of it.
struct Stage {
    nodes: Vec<Process>,
    gate: Gate,
}

impl Stage {
    fn new() -> Stage {
        let mut gate = Gate::new();
        let port = gate.port.to_string();
        let nodes = vec![node(&[]), node(&["--cluster-announce-port", &port]), node(&[])];
        gate.open(nodes[TARGET].port);
        let addresses: Vec<String> = nodes.iter().map(address).collect();
        let words: Vec<&str> = ["create"].into_iter().chain(addresses.iter().map(String::as_str)).collect();
        manage(&words).expect("the cluster is made");
        let stage = Stage { nodes, gate };
        all_agree(&stage.nodes.iter().collect::<Vec<_>>());
        stage
    }

    fn client(&self, node: usize) -> Client {
        Client::connect(self.nodes[node].port)
    }

    fn id(&self, node: usize) -> String {
        ask(&self.nodes[node], "CLUSTER MYID")
    }

    /// Ends a node as a crash does, lets what it had sent arrive, and starts it again.
    fn crash(&mut self, victim: Victim) {
        let node = match victim {
            Victim::Source => SOURCE,
            Victim::Target => TARGET,
            Victim::Tool => return self.gate.release(),
        };
        self.nodes[node].kill();
        self.gate.release();
        self.nodes[node].restart(&[]).expect("it starts again");
    }

    /// The cluster is whole again, if need be with the help of an operator.
    fn repair(&self) {
        let nodes: Vec<&Process> = self.nodes.iter().collect();
        wait_until("the cluster is up", || {
            nodes.iter().all(|node| ask(node, "CLUSTER INFO").contains("cluster_state:ok"))
        });
        let address = address(&self.nodes[OTHER]);
        wait_until("it is repaired", || {
            manage(&["fix", &address]).is_ok() && manage(&["check", &address]).is_ok()
        });
        all_agree(&nodes);
    }
}

/// Keys of one slot, and what was acknowledged of them.
struct Keys {
    tag: String,
    slot: String,
    /// Key and value; `None`: it was deleted.
    acknowledged: Vec<(String, Option<String>)>,
}

impl Keys {
    /// Keys of an empty slot that `node` serves.
    fn of(node: &Process) -> Keys {
        let mut client = Client::connect(node.port);
        let is_empty = |client: &mut Client, slot: &str| {
            client.line(&format!("CLUSTER COUNTKEYSINSLOT {slot}")) == Value::Integer(0)
        };
        for i in 0.. {
            let tag = format!("tag:{i}");
            let Value::Integer(slot) = client.call(&["CLUSTER", "KEYSLOT", &tag]) else { panic!("no slot") };
            let slot = slot.to_string();
            if client.call(&["GET", &tag]) == Value::Null && is_empty(&mut client, &slot) {
                return Keys { tag, slot, acknowledged: Vec::new() };
            }
        }
        unreachable!("it serves some slot")
    }

    fn name(&self, key: &str) -> String {
        format!("{{{}}}{key}", self.tag)
    }

    /// Sets some small ones and a large one.
    fn fill(&mut self, port: u16) {
        self.set(port, &["a", "b", "c", "d", "e", "f"], "written before");
        self.set(port, &["large"], &format!("{}MIDDLE{}", "x".repeat(500_000), "y".repeat(500_000)));
    }

    /// Sets keys wherever they are now.
    fn set(&mut self, port: u16, keys: &[&str], value: &str) {
        for key in keys {
            let name = self.name(key);
            assert_eq!(call(port, &["SET", &name, value]), Value::Simple("OK".into()), "{name}");
            self.note(name, Some(value.to_owned()));
        }
    }

    fn delete(&mut self, port: u16, key: &str) {
        let name = self.name(key);
        assert_eq!(call(port, &["DEL", &name]), Value::Integer(1), "{name}");
        self.note(name, None);
    }

    fn note(&mut self, name: String, value: Option<String>) {
        self.acknowledged.retain(|(other, _)| *other != name);
        self.acknowledged.push((name, value));
    }

    /// All that was acknowledged is there, and only at the owner of the slot.
    fn check(&self, row: &str, nodes: &[&Process]) {
        for (name, value) in &self.acknowledged {
            let is = call(nodes[0].port, &["GET", name]);
            let should = value.as_ref().map_or(Value::Null, |value| Value::Bulk(value.clone().into_bytes()));
            assert!(is == should, "{row}: {name} is {:.60}, not {:.60}", is.to_string(), should.to_string());
        }
        let count = format!("CLUSTER COUNTKEYSINSLOT {}", self.slot);
        let holders = || {
            let counts = nodes.iter().map(|node| Client::connect(node.port).line(&count));
            counts.filter(|count| *count != Value::Integer(0)).count()
        };
        wait_until(&format!("{row}: one has the keys"), || holders() == 1);
    }
}

/// Runs a command where the cluster says, as a client of the cluster does.
fn call(port: u16, words: &[&str]) -> Value {
    let (mut at, mut asking) = (port, false);
    loop {
        let mut client = Client::connect(at);
        if asking {
            client.line("ASKING");
        }
        let reply = client.call(words);
        let text = if let Value::Error(text) = &reply { text.as_str() } else { return reply };
        asking = text.starts_with("ASK ");
        if asking || text.starts_with("MOVED ") {
            at = text.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("an address");
        } else {
            assert!(text.starts_with("TRYAGAIN") || text.starts_with("CLUSTERDOWN"), "{text}");
        }
    }
}
