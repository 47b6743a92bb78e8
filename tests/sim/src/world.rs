//! The queue of events, and what each does.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt::Write as _;

use base::NodeId;
use bytes::Bytes;
use cluster::{
    Cluster, Config, ConnectFailure, Effect, LinkId, Random, Replication, SiblingMessage, share_slots,
};

use crate::checks::Checks;
use crate::faults::Fault;
use crate::network::{ConnId, End, Network, Parcel};
use crate::node::{SimNode, Waiting};

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
            trace: false,
        }
    }
}

/// How a run went.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Events worked on.
    pub events: u64,
    /// Virtual time it took, ms.
    pub virtual_ms: u64,
    /// Failovers: masters that took over.
    pub promotions: u64,
    /// Faults injected.
    pub faults: u64,
    /// How long convergence took after the last fault, ms.
    pub healed_in_ms: u64,
}

#[derive(Debug)]
pub(crate) enum Event {
    Tick(usize),
    ConnectArrives(ConnId),
    Connected(ConnId),
    ConnectFails(ConnId, ConnectFailure),
    Arrives(ConnId, usize, Parcel),
    Sibling { to: usize, life: u32, from: NodeId, message: SiblingMessage },
    Paused { node: usize, life: u32 },
    Fault(Fault),
}

struct Queued {
    at: u64,
    seq: u64,
    event: Event,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Queued) -> bool {
        (self.at, self.seq) == (other.at, other.seq)
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Queued) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Queued) -> std::cmp::Ordering {
        (self.at, self.seq).cmp(&(other.at, other.seq))
    }
}

/// Everything there is.
pub struct World {
    /// How it was set up.
    pub options: Options,
    /// Virtual time, ms.
    pub now: u64,
    /// The one source of chance.
    pub random: Random,
    /// All nodes.
    pub nodes: Vec<SimNode>,
    /// What connects them.
    pub net: Network,
    /// The invariants.
    pub checks: Checks,
    /// Counters.
    pub outcome: Outcome,
    /// Whether things go wrong at present.
    pub faults_on: bool,
    pub(crate) by_address: BTreeMap<(String, u16), usize>,
    pub(crate) by_id: BTreeMap<NodeId, usize>,
    queue: BinaryHeap<Reverse<Queued>>,
    seq: u64,
}

/// Runs the seed's world to its end.
///
/// # Errors
/// The broken invariant, in words.
pub fn run_seed(seed: u64, options: Options) -> Result<Outcome, String> {
    let mut world = World::whole(options, Random::from_number(seed));
    world.start_faults();
    let until = world.options.fault_ms;
    world.run(until)?;
    world.end_faults();
    let healed_at = world.now;
    let deadline = healed_at + world.options.heal_ms;
    loop {
        world.run(world.now + 500)?;
        match world.not_converged() {
            None => break,
            Some(why) if world.now >= deadline => return Err(format!("no convergence: {why}")),
            Some(_) => {}
        }
    }
    world.outcome.healed_in_ms = world.now - healed_at;
    world.outcome.virtual_ms = world.now;
    Ok(world.outcome)
}

impl World {
    /// A world without nodes.
    pub fn empty(options: Options, random: Random, hosts: usize) -> World {
        World {
            options,
            now: 0,
            random,
            nodes: Vec::new(),
            net: Network::new(hosts),
            checks: Checks::default(),
            outcome: Outcome::default(),
            faults_on: false,
            by_address: BTreeMap::new(),
            by_id: BTreeMap::new(),
            queue: BinaryHeap::new(),
            seq: 0,
        }
    }

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

    /// Starts the process of node `i` from its file.
    pub fn boot(&mut self, i: usize) {
        self.nodes[i].boot(self.now, &mut self.random).expect("a node reads what it wrote");
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

    pub(crate) fn push(&mut self, at: u64, event: Event) {
        self.seq += 1;
        self.queue.push(Reverse(Queued { at, seq: self.seq, event }));
    }

    /// Works on all events up to `until`.
    ///
    /// # Errors
    /// The first broken invariant.
    pub fn run(&mut self, until: u64) -> Result<(), String> {
        while self.queue.peek().is_some_and(|next| next.0.at <= until) {
            let Some(Reverse(next)) = self.queue.pop() else { break };
            self.now = next.at;
            self.outcome.events += 1;
            if self.options.trace {
                eprintln!("{} {:?}", self.now, Brief(&next.event));
            }
            if let Some(node) = self.work(next.event) {
                self.check(node).map_err(|why| format!("at {} ms: {why}", self.now))?;
            }
        }
        self.now = until;
        Ok(())
    }

    /// Works on one event; the node it touched.
    fn work(&mut self, event: Event) -> Option<usize> {
        match event {
            Event::Tick(i) => self.tick(i),
            Event::ConnectArrives(conn) => self.connect_arrives(conn),
            Event::Connected(conn) => self.connected(conn),
            Event::ConnectFails(conn, failure) => self.connect_fails(conn, failure),
            Event::Arrives(conn, end, parcel) => self.arrives(conn, end, parcel),
            Event::Sibling { to, life, from, message } => {
                if self.nodes[to].life != life || self.nodes[to].cluster.is_none() {
                    return None;
                }
                if self.nodes[to].stopped {
                    self.nodes[to].waiting.push(Waiting::Sibling(from, message));
                    return None;
                }
                self.with(to, |brain, now| brain.handle_sibling(from, message, now));
                Some(to)
            }
            Event::Paused { node, life } => {
                if self.nodes[node].life != life || !self.nodes[node].runs() {
                    return None;
                }
                let (offset, master_last_seen) = (self.nodes[node].offset, self.nodes[node].master_last_seen);
                let replication = Replication { offset, master_last_seen };
                self.with(node, |brain, now| brain.clients_paused(replication, now));
                Some(node)
            }
            Event::Fault(fault) => {
                self.apply(fault);
                None
            }
        }
    }

    fn tick(&mut self, i: usize) -> Option<usize> {
        if self.nodes[i].tick_at != self.now {
            return None; // An earlier deadline took its place.
        }
        self.nodes[i].tick_at = u64::MAX;
        if !self.nodes[i].runs() {
            return None;
        }
        self.replicate(i);
        self.with(i, |brain, now| brain.tick(now));
        Some(i)
    }

    /// Lets the made-up replication of a node go on.
    fn replicate(&mut self, i: usize) {
        let (now, clock) = (self.now, self.nodes[i].clock(self.now));
        let node = &self.nodes[i];
        let Some(brain) = &node.cluster else { return };
        if brain.myself().is_master() {
            if brain.is_ok() && now >= node.paused_until {
                let written = self.random.below(20) as i64;
                self.nodes[i].offset += written;
            }
            return;
        }
        let Some((master, synced_at)) = node.following else { return };
        let Some(m) = self.by_id.get(&master).copied() else { return };
        let reachable = self.nodes[m].runs() && self.net.talk(node.process, self.nodes[m].process);
        if reachable && now >= synced_at {
            self.nodes[i].offset = self.nodes[m].offset;
            self.nodes[i].master_last_seen = clock;
        }
    }

    /// Calls a node's brain and does what it wants done.
    pub fn with(&mut self, i: usize, call: impl FnOnce(&mut Cluster, u64)) {
        let clock = self.nodes[i].clock(self.now);
        self.nodes[i].report_replication();
        let Some(brain) = &mut self.nodes[i].cluster else { return };
        call(brain, clock);
        while let Some(effect) = self.nodes[i].cluster.as_mut().and_then(Cluster::poll_effect) {
            if self.faults_on && self.random.one_in(200_000) {
                self.crash(i, false); // Between two effects: what comes later never happens.
                return;
            }
            self.perform(i, effect);
        }
        let Some(brain) = &self.nodes[i].cluster else { return };
        let due = self.nodes[i].world_time(brain.next_deadline()).max(self.now + 1);
        if due < self.nodes[i].tick_at {
            self.nodes[i].tick_at = due;
            self.push(due, Event::Tick(i));
        }
    }

    fn perform(&mut self, i: usize, effect: Effect) {
        match effect {
            Effect::Connect { link, ip, port } => self.connect(i, link, &ip, port),
            Effect::Send { link, bytes } => {
                self.checks.sent(&bytes);
                self.send(i, link, bytes);
            }
            Effect::Close { link } => self.close(i, link),
            Effect::Sibling { to, message } => {
                if let SiblingMessage::Packet(bytes) = &message {
                    self.checks.sent(bytes);
                }
                let (to, from) = (self.by_id[&to], self.nodes[i].id);
                let life = self.nodes[to].life;
                self.push(self.now, Event::Sibling { to, life, from, message });
            }
            Effect::SaveConfig { fsync } => {
                let text = self.nodes[i].cluster.as_ref().map(Cluster::nodes_conf).unwrap_or_default();
                if fsync {
                    self.nodes[i].synced_conf.clone_from(&text);
                }
                self.nodes[i].conf = text;
            }
            Effect::BecomeReplicaOf { id, full_sync, .. } => {
                let wait = if full_sync { 100 + self.random.below(400) } else { 5 };
                if full_sync {
                    self.nodes[i].offset = 0;
                }
                self.nodes[i].following = Some((id, self.now + wait));
            }
            Effect::BecomeMaster => {
                self.nodes[i].following = None;
                self.outcome.promotions += 1;
            }
            Effect::PauseClients { until } => {
                self.nodes[i].paused_until = self.nodes[i].world_time(until);
                let life = self.nodes[i].life;
                self.push(self.now + 1, Event::Paused { node: i, life });
            }
            Effect::ResumeClients => self.nodes[i].paused_until = 0,
            Effect::Log { text, .. } => {
                if self.options.trace {
                    eprintln!("{} node {i}: {text}", self.now);
                }
            }
            Effect::DeleteKeys(_)
            | Effect::SlotsReleased(_)
            | Effect::FlushData
            | Effect::Publish { .. }
            | Effect::Module { .. } => {}
        }
    }

    fn connect(&mut self, i: usize, link: LinkId, ip: &str, port: u16) {
        let Some(&to) = self.by_address.get(&(ip.to_string(), port)) else { return };
        let from = End { node: i, life: self.nodes[i].life, link: Some(link), open: true };
        let target = End { node: to, life: self.nodes[to].life, link: None, open: false };
        let conn = self.net.open(from, target);
        self.nodes[i].links.insert(link, (conn, 0));
        let at = self.now + self.net.trip_ms(&mut self.random);
        self.push(at, Event::ConnectArrives(conn));
    }

    fn connect_arrives(&mut self, id: ConnId) -> Option<usize> {
        let conn = self.net.conns.get(&id)?;
        let (a, b) = (conn.ends[0].node, conn.ends[1].node);
        let (host_a, host_b) = (self.nodes[a].process, self.nodes[b].process);
        let back = self.now + self.net.trip_ms(&mut self.random);
        if !self.net.talk(host_a, host_b) || !self.nodes[b].host_up {
            self.push(self.now + 3000, Event::ConnectFails(id, ConnectFailure::Unreachable));
            return None;
        }
        if self.nodes[b].cluster.is_none() {
            self.push(back, Event::ConnectFails(id, ConnectFailure::Refused));
            return None;
        }
        self.push(back, Event::Connected(id));
        if self.nodes[b].stopped {
            self.nodes[b].waiting.push(Waiting::Accept(id));
            return None;
        }
        self.accept(id);
        Some(b)
    }

    /// The process at end 1 takes a new connection from its kernel.
    pub(crate) fn accept(&mut self, id: ConnId) {
        let Some(conn) = self.net.conns.get(&id) else { return };
        let (a, b) = (conn.ends[0].node, conn.ends[1].node);
        let ip = |i: usize| self.nodes[i].config.announce_ip.clone().unwrap_or_default();
        let (peer, local) = (ip(a), ip(b));
        let mut accepted = None;
        self.with(b, |brain, now| accepted = brain.link_accepted(&peer, &local, now));
        let life = self.nodes[b].life;
        if let (Some(conn), Some(link)) = (self.net.conns.get_mut(&id), accepted) {
            conn.ends[1] = End { node: b, life, link: Some(link), open: true };
            self.nodes[b].links.insert(link, (id, 1));
        }
    }

    fn connected(&mut self, id: ConnId) -> Option<usize> {
        let end = self.net.conns.get(&id)?.ends[0];
        if !end.open || self.nodes[end.node].life != end.life {
            return None;
        }
        if self.nodes[end.node].stopped {
            self.push(self.now + 50, Event::Connected(id));
            return None;
        }
        let (link, ip) = (end.link?, self.nodes[end.node].config.announce_ip.clone().unwrap_or_default());
        self.with(end.node, |brain, now| brain.link_connected(link, &ip, now));
        Some(end.node)
    }

    fn connect_fails(&mut self, id: ConnId, failure: ConnectFailure) -> Option<usize> {
        let end = self.net.conns.get(&id)?.ends[0];
        if end.open && self.nodes[end.node].stopped {
            self.push(self.now + 50, Event::ConnectFails(id, failure));
            return None;
        }
        self.net.conns.remove(&id);
        if !end.open || self.nodes[end.node].life != end.life {
            return None;
        }
        let link = end.link?;
        self.nodes[end.node].links.remove(&link);
        self.with(end.node, |brain, now| brain.link_failed(link, failure, now));
        Some(end.node)
    }

    fn send(&mut self, i: usize, link: LinkId, bytes: Bytes) {
        if let Some(&(conn, end)) = self.nodes[i].links.get(&link) {
            self.post(conn, 1 - end, Parcel::Data(bytes));
        }
    }

    fn close(&mut self, i: usize, link: LinkId) {
        let Some((conn, end)) = self.nodes[i].links.remove(&link) else { return };
        if let Some(open) = self.net.conns.get_mut(&conn) {
            open.ends[end].open = false;
            self.post(conn, 1 - end, Parcel::Fin);
        }
    }

    /// Puts a parcel on its way to end `to`.
    pub(crate) fn post(&mut self, conn: ConnId, to: usize, parcel: Parcel) {
        if self.net.conns.contains_key(&conn) {
            let at = self.net.arrival(conn, to, self.now, &mut self.random);
            self.push(at, Event::Arrives(conn, to, parcel));
        }
    }

    fn arrives(&mut self, id: ConnId, end: usize, parcel: Parcel) -> Option<usize> {
        let conn = self.net.conns.get_mut(&id)?;
        let (receiver, sender) = (conn.ends[end], conn.ends[1 - end]);
        let hosts = (self.nodes[sender.node].process, self.nodes[receiver.node].process);
        if !self.net.blocked_or_queued(id, end, hosts, &parcel) {
            return self.deliver(id, end, parcel);
        }
        None
    }

    /// Gives a parcel to the process at end `end`, or to its kernel while it is stopped.
    pub(crate) fn deliver(&mut self, id: ConnId, end: usize, parcel: Parcel) -> Option<usize> {
        let receiver = self.net.conns.get(&id)?.ends[end];
        let node = receiver.node;
        if !self.nodes[node].host_up {
            return None;
        }
        if self.nodes[node].stopped {
            self.nodes[node].waiting.push(Waiting::Parcel(id, end, parcel));
            return None;
        }
        if !receiver.open || self.nodes[node].life != receiver.life || self.nodes[node].cluster.is_none() {
            return None;
        }
        let link = receiver.link?;
        match parcel {
            Parcel::Data(bytes) => self.with(node, |brain, now| brain.handle_data(link, &bytes, now)),
            Parcel::Fin => {
                self.nodes[node].links.remove(&link);
                if let Some(conn) = self.net.conns.get_mut(&id) {
                    conn.ends[end].open = false;
                }
                self.net.forget_if_closed(id);
                self.with(node, |brain, now| brain.link_closed(link, now));
            }
        }
        Some(node)
    }
}

/// An event in a few words.
struct Brief<'a>(&'a Event);

impl std::fmt::Debug for Brief<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Event::Arrives(conn, end, Parcel::Data(bytes)) => {
                write!(f, "Arrives({conn}, {end}, type {} of {} bytes)", bytes[13], bytes.len())
            }
            Event::Sibling { to, .. } => write!(f, "Sibling(to {to})"),
            other => other.fmt(f),
        }
    }
}
