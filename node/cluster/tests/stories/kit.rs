//! A few nodes on a perfect network with one clock: for tests that read as stories.
//!
//! Everything a node wants done is done at once, except sockets that a test broke on purpose. The seeded
//! network with faults is `tests/sim`.

use std::collections::{BTreeMap, BTreeSet};

use base::{NodeId, Slot};
use cluster::{
    Client, Cluster, CommandError, Config, ConnectFailure, Effect, Keys, LinkId, Random, Replication, Reply,
};

/// No keys anywhere.
pub struct NoKeys;

impl Keys for NoKeys {
    fn total(&self) -> u64 {
        0
    }

    fn in_slot(&self, _: Slot) -> u64 {
        0
    }
}

/// The nodes and what was seen of them.
pub struct Net {
    pub nodes: Vec<Cluster>,
    pub now: u64,
    /// Effects that are not about the network, and log lines, by node.
    pub seen: Vec<(usize, Effect)>,
    /// Nodes whose process is gone: their port refuses.
    pub dead: BTreeSet<usize>,
    /// Connections that ports of dead nodes still accept before they refuse: a process takes a while to end.
    pub lingering: usize,
    /// Nodes that nothing reaches and that reach nothing.
    pub silent: BTreeSet<usize>,
    /// Replication offsets by node.
    pub offsets: BTreeMap<usize, i64>,
    /// The last bytes that a node sent.
    pub last_sent: BTreeMap<usize, Vec<u8>>,
    pipes: BTreeMap<(usize, LinkId), (usize, LinkId)>,
}

/// The directives of the kit's nodes.
pub fn config(i: usize) -> Config {
    Config {
        port: 7000 + i as u16,
        announce_human_nodename: format!("nodename-{i}"),
        node_timeout: 2000,
        replica_validity_factor: 0,
        ..Config::default()
    }
}

impl Net {
    /// Strangers.
    pub fn new(count: usize) -> Net {
        let now = 1_700_000_000_000;
        let brain = |i: usize| Cluster::new(config(i), Random::from_number(i as u64 + 1), now);
        Net::of((0..count).map(brain).collect(), now)
    }

    /// These nodes.
    pub fn of(nodes: Vec<Cluster>, now: u64) -> Net {
        let mut net = Net {
            nodes,
            now,
            seen: Vec::new(),
            dead: BTreeSet::new(),
            lingering: 0,
            silent: BTreeSet::new(),
            offsets: BTreeMap::new(),
            last_sent: BTreeMap::new(),
            pipes: BTreeMap::new(),
        };
        net.settle();
        net
    }

    /// A cluster of so many masters with all slots and so many replicas, each of the master `i % masters`.
    pub fn cluster(masters: usize, replicas: usize) -> Net {
        let mut net = Net::new(masters + replicas);
        for (i, (first, last)) in cluster::share_slots(masters).into_iter().enumerate() {
            net.ok(i, &format!("set-config-epoch {}", i + 1));
            net.ok(i, &format!("addslotsrange {first} {last}"));
        }
        for i in 1..masters + replicas {
            net.ok(i, "meet 127.0.0.1 7000");
        }
        net.advance(5000);
        for i in masters..masters + replicas {
            let master = net.id(i % masters);
            net.ok(i, &format!("replicate {master}"));
        }
        net.advance(5000);
        for node in &net.nodes {
            assert!(node.is_ok(), "{:?}", node.state());
            assert_eq!(node.nodes().count(), masters + replicas);
        }
        net.seen.clear();
        net
    }

    pub fn id(&self, i: usize) -> NodeId {
        self.nodes[i].my_id()
    }

    /// `CLUSTER words` on a node.
    pub fn command(&mut self, i: usize, words: &str) -> Result<Reply, CommandError> {
        let words: Vec<&str> = words.split(' ').collect();
        let client = Client { description: "test", is_master: false };
        let reply = self.nodes[i].command(&words, &NoKeys, client, self.now).expect("a known subcommand");
        self.settle();
        reply
    }

    /// A command that has to succeed.
    pub fn ok(&mut self, i: usize, words: &str) {
        assert_eq!(self.command(i, words), Ok(Reply::Ok), "{words}");
    }

    /// The words a command is refused with.
    pub fn error(&mut self, i: usize, words: &str) -> String {
        self.command(i, words).expect_err(words).to_string()
    }

    /// Calls a node and does what it wants done.
    pub fn with(&mut self, i: usize, call: impl FnOnce(&mut Cluster, u64)) {
        call(&mut self.nodes[i], self.now);
        self.settle();
    }

    /// Lets time pass in ticks.
    pub fn advance(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.now < end {
            self.now += 50;
            for i in 0..self.nodes.len() {
                if !self.dead.contains(&i) {
                    let offset = self.offsets.get(&i).copied().unwrap_or(1);
                    self.nodes[i].set_replication(Replication { offset, master_last_seen: self.now });
                    self.nodes[i].tick(self.now);
                }
            }
            self.settle();
        }
    }

    /// Bytes of `from` reach `to` now, whenever they were sent, and whoever is silent.
    pub fn deliver(&mut self, from: usize, to: usize, bytes: &[u8]) {
        let ends = |((node, _), (other, link)): (&(usize, LinkId), &(usize, LinkId))| {
            (*node == from && *other == to).then_some(*link)
        };
        let link = self.pipes.iter().find_map(ends).expect("they are connected");
        self.with(to, |node, now| node.handle_data(link, bytes, now));
    }

    /// Ends a process as kill -9 does.
    pub fn kill(&mut self, i: usize) {
        self.dead.insert(i);
        let pipes: Vec<_> = self.pipes.iter().filter(|((node, _), _)| *node == i).map(|(_, p)| *p).collect();
        self.pipes.retain(|(node, _), (other, _)| *node != i && *other != i);
        for (other, link) in pipes {
            self.nodes[other].link_closed(link, self.now);
        }
        self.settle();
    }

    /// Whether a node said so.
    pub fn logged(&self, i: usize, words: &str) -> bool {
        self.seen.iter().any(|(node, effect)| {
            *node == i && matches!(effect, Effect::Log { text, .. } if text.contains(words))
        })
    }

    /// Does what all nodes want done, until they want nothing more.
    pub fn settle(&mut self) {
        loop {
            let mut idle = true;
            for i in 0..self.nodes.len() {
                while let Some(effect) = self.nodes[i].poll_effect() {
                    idle = false;
                    self.perform(i, effect);
                }
            }
            if idle {
                return;
            }
        }
    }

    fn perform(&mut self, i: usize, effect: Effect) {
        if self.dead.contains(&i) {
            return;
        }
        match effect {
            Effect::Connect { link, port, .. } => {
                let to = usize::from(port - 17000);
                let cut = self.silent.contains(&i) || self.silent.contains(&to);
                if self.dead.contains(&to) && !cut && self.lingering > 0 {
                    self.lingering -= 1;
                    self.nodes[i].link_connected(link, "127.0.0.1", self.now);
                    self.nodes[i].link_closed(link, self.now);
                } else if to >= self.nodes.len() || (self.dead.contains(&to) && !cut) {
                    self.nodes[i].link_failed(link, ConnectFailure::Refused, self.now);
                } else if cut {
                    self.nodes[i].link_failed(link, ConnectFailure::Unreachable, self.now);
                } else {
                    let accepted = self.nodes[to].link_accepted("127.0.0.1", "127.0.0.1", self.now).unwrap();
                    self.pipes.insert((i, link), (to, accepted));
                    self.pipes.insert((to, accepted), (i, link));
                    self.nodes[i].link_connected(link, "127.0.0.1", self.now);
                }
            }
            Effect::Send { link, bytes } => {
                self.last_sent.insert(i, bytes.to_vec());
                if let Some(&(to, other)) = self.pipes.get(&(i, link))
                    && !self.silent.contains(&i)
                    && !self.silent.contains(&to)
                {
                    self.nodes[to].handle_data(other, &bytes, self.now);
                }
            }
            Effect::Close { link } => {
                if let Some((to, other)) = self.pipes.remove(&(i, link)) {
                    self.pipes.remove(&(to, other));
                    self.nodes[to].link_closed(other, self.now);
                }
            }
            Effect::Sibling { to, message } => {
                let from = self.id(i);
                let to = self.nodes.iter().position(|node| node.my_id() == to).unwrap();
                self.nodes[to].handle_sibling(from, message, self.now);
            }
            Effect::PauseClients { .. } => {
                self.seen.push((i, effect));
                let offset = self.offsets.get(&i).copied().unwrap_or(1);
                let replication = Replication { offset, master_last_seen: self.now };
                self.nodes[i].clients_paused(replication, self.now);
            }
            other => self.seen.push((i, other)),
        }
    }
}
