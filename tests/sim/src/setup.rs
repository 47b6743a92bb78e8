//! How a world comes to be: its options, its nodes and what they know of each other at first.

use std::fmt::Write as _;

use base::NodeId;
use cluster::{Cluster, Config, Random, share_slots};

use crate::node::SimNode;
use crate::world::World;

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct Options {
    /// Masters at the start.
    pub masters: usize,
    /// Replicas of each.
    pub replicas: usize,
    /// Cores of a process.
    pub cores: usize,
    /// `cluster-node-timeout`, ms.
    pub node_timeout: u64,
    /// `cluster-fast-failure-detection`.
    pub fast: bool,
    /// How long things go wrong, ms.
    pub fault_ms: u64,
    /// How long the cluster may take to converge afterwards, ms.
    pub heal_ms: u64,
    /// The longest a disk takes to keep a `nodes.conf`, ms; 0: no time.
    pub disk_ms: u64,
    /// Whether slots move meanwhile.
    pub moves: bool,
    /// Print every event.
    pub trace: bool,
}

impl Options {
    /// Thirty nodes with everything drawn from the seed.
    pub fn of_seed(seed: u64) -> Options {
        let mut random = Random::from_number(seed ^ 0x5EED);
        let (masters, replicas) = [(10, 2), (15, 1), (6, 4), (5, 5)][random.below(4) as usize];
        Options {
            masters,
            replicas,
            cores: [1, 1, 2, 3][random.below(4) as usize],
            node_timeout: [1000, 2000, 5000][random.below(3) as usize],
            fast: !random.one_in(4),
            fault_ms: 40_000,
            heal_ms: 120_000,
            disk_ms: 20,
            moves: false,
            trace: false,
        }
    }
}

impl World {
    /// A cluster whose nodes know each other and share all slots.
    pub fn whole(options: Options, random: Random) -> World {
        let count = options.masters * (1 + options.replicas);
        let mut world = World::empty(options, random, count);
        for i in 0..count {
            world.add_node(i);
        }
        for i in 0..count {
            let conf = world.first_conf(i);
            world.nodes[i].synced_conf.clone_from(&conf);
            world.nodes[i].conf = conf;
        }
        for i in 0..count {
            world.boot(i);
        }
        world
    }

    /// A node that is down, with the address of its place.
    pub fn add_node(&mut self, i: usize) {
        let (process, core) = (i / self.options.cores, (i % self.options.cores) as u16);
        let ip = format!("10.{}.{}.1", process / 250, process % 250 + 1);
        let config = Config {
            port: 7000 + core,
            announce_ip: Some(ip.clone()),
            node_timeout: self.options.node_timeout,
            fast_failure_detection: self.options.fast,
            ..Config::default()
        };
        let id = self.random.node_id();
        let skew = self.random.below(4001) as i64 - 2000;
        self.by_address.insert((ip, 17000 + core), i);
        self.by_id.insert(id, i);
        self.nodes.push(SimNode::new(id, config, process, skew));
    }

    /// The file of a cluster where node `m` is a master for each `m` below the number of masters, and the
    /// others replicate them round robin, one process further on.
    fn first_conf(&self, me: usize) -> String {
        let masters = self.options.masters;
        let shares = share_slots(masters);
        let mut text = String::new();
        for (i, node) in self.nodes.iter().enumerate() {
            let ip = node.config.announce_ip.as_deref().expect("set above");
            let (port, shard) = (node.config.port, self.nodes[i % masters].id);
            let flags = if i < masters { "master" } else { "slave" };
            let myself = if i == me { "myself," } else { "" };
            let master = if i < masters { "-".to_string() } else { self.nodes[i % masters].id.to_string() };
            let epoch = i % masters + 1;
            let _ = write!(
                text,
                "{} {ip}:{port}@{},,tls-port=0,shard-id={shard} {myself}{flags} {master} 0 0 {epoch} connected",
                node.id,
                port + 10000
            );
            if i < masters {
                let _ = write!(text, " {}-{}", shares[i].0, shares[i].1);
            }
            text.push('\n');
        }
        let _ = writeln!(text, "vars currentEpoch {masters} lastVoteEpoch 0");
        text
    }

    /// Starts all cores of a process that is down, which agree on their slots before they speak.
    pub(crate) fn boot_process(&mut self, cores: &[usize]) {
        for &i in cores {
            self.nodes[i].boot(self.now, &mut self.random).expect("a node reads what it wrote");
        }
        let mut brains: Vec<Cluster> = cores.iter().filter_map(|i| self.nodes[*i].cluster.take()).collect();
        cluster::settle_handovers(&mut brains, self.nodes[cores[0]].clock(self.now));
        for (&i, brain) in cores.iter().zip(brains) {
            self.nodes[i].cluster = Some(brain);
        }
        cores.iter().for_each(|i| self.introduce_siblings(*i));
    }

    /// Starts the process of node `i` from its file.
    pub fn boot(&mut self, i: usize) {
        self.nodes[i].boot(self.now, &mut self.random).expect("a node reads what it wrote");
        self.introduce_siblings(i);
    }

    fn introduce_siblings(&mut self, i: usize) {
        let process = self.nodes[i].process;
        let siblings: Vec<NodeId> =
            self.nodes.iter().filter(|n| n.process == process).map(|n| n.id).collect();
        self.with(i, |brain, now| brain.set_siblings(siblings, now));
    }

    /// Nodes that do not know each other, without slots.
    pub fn strangers(options: Options, random: Random, count: usize) -> World {
        let mut world = World::empty(options, random, count);
        for i in 0..count {
            world.add_node(i);
            let node = &world.nodes[i];
            let (ip, port) = (node.config.announce_ip.as_deref().unwrap_or(""), node.config.port);
            let slot = i % base::SLOT_COUNT;
            let line = format!(
                "{0} {ip}:{port}@{1},,tls-port=0,shard-id={0} myself,master - 0 0 {2} connected {slot}\n",
                node.id,
                port + 10000,
                i + 1
            );
            world.nodes[i].conf = line;
        }
        for i in 0..count {
            world.boot(i);
        }
        world
    }

    /// CLUSTER MEET of another node.
    pub fn meet(&mut self, i: usize, other: usize) {
        let config = self.nodes[other].config.clone();
        let (ip, port) = (config.announce_ip.unwrap_or_default(), i64::from(config.port));
        self.with(i, |brain, now| brain.meet(&ip, port, port + 10000, now).expect("the address is one"));
    }

    /// Kills a node's process; nobody starts it again.
    pub fn crash_for_good(&mut self, i: usize) {
        self.crash(i, false);
    }
}
