//! The queue of events, and what each does.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use base::NodeId;
use cluster::{Cluster, ConnectFailure, Effect, Random, Replication, SiblingMessage};

use crate::checks::Checks;
use crate::disk::Saying;
use crate::faults::Fault;
use crate::moves::{Move, Moves};
use crate::network::{ConnId, Network, Parcel};
use crate::node::{SimNode, Waiting};
use crate::setup::Options;

/// How a run went.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Events worked on.
    pub events: u64,
    /// Virtual time it took, ms.
    pub virtual_ms: u64,
    /// Failovers: masters that took over.
    pub promotions: u64,
    /// Moves of slots begun.
    pub moves: u64,
    /// Faults injected.
    pub faults: u64,
    /// How long convergence took after the last fault, ms.
    pub healed_in_ms: u64,
    /// How long a master served at most after it lost the majority, in hundredths of the node timeout.
    pub minority_percent: u64,
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
    Saved { node: usize, life: u32, number: u64 },
    Fault(Fault),
    Move(Move),
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
    /// Chance of disks, of its own, so that they leave the course of all else as it is.
    pub(crate) disk: Random,
    /// All nodes.
    pub nodes: Vec<SimNode>,
    /// What connects them.
    pub net: Network,
    /// The invariants.
    pub checks: Checks,
    /// Slots that move.
    pub(crate) moves: Moves,
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
    if world.options.moves {
        world.start_moves(Random::from_number(seed ^ 0x510_7500));
    }
    let until = world.options.fault_ms;
    world.run(until)?;
    world.end_faults();
    let healed_at = world.now;
    world.run_until_whole()?;
    world.outcome.healed_in_ms = world.now - healed_at;
    if world.options.moves {
        world.fix_slots();
        world.run(world.now + 5000)?;
        world.run_until_whole()?;
        if let Some(why) = world.wrong_after_moves() {
            return Err(format!("after the repair: {why}"));
        }
    }
    world.outcome.virtual_ms = world.now;
    world.outcome.minority_percent = world.checks.longest_in_minority * 100 / world.options.node_timeout;
    Ok(world.outcome)
}

/// More events at one instant, for each node, are no work but a ring of messages.
const AT_ONCE_MAX: u64 = 25_000;

impl World {
    /// A world without nodes.
    pub fn empty(options: Options, random: Random, hosts: usize) -> World {
        let disk = Random::from_number(random.clone().next());
        World {
            options,
            now: 0,
            random,
            disk,
            nodes: Vec::new(),
            net: Network::new(hosts),
            checks: Checks::default(),
            moves: Moves::new(Random::from_number(0), 0),
            outcome: Outcome::default(),
            faults_on: false,
            by_address: BTreeMap::new(),
            by_id: BTreeMap::new(),
            queue: BinaryHeap::new(),
            seq: 0,
        }
    }

    pub(crate) fn push(&mut self, at: u64, event: Event) {
        self.seq += 1;
        self.queue.push(Reverse(Queued { at, seq: self.seq, event }));
    }

    /// Works on until the cluster is whole and no slot moves any more.
    fn run_until_whole(&mut self) -> Result<(), String> {
        let deadline = self.now + self.options.heal_ms;
        loop {
            self.run(self.now + 500)?;
            match self.not_converged() {
                None if !self.moves.under_way() => return Ok(()),
                Some(why) if self.now >= deadline => return Err(format!("no convergence: {why}")),
                None | Some(_) => {}
            }
        }
    }

    /// Works on all events up to `until`.
    ///
    /// # Errors
    /// The first broken invariant.
    pub fn run(&mut self, until: u64) -> Result<(), String> {
        let mut at_once = 0;
        while self.queue.peek().is_some_and(|next| next.0.at <= until) {
            let Some(Reverse(next)) = self.queue.pop() else { break };
            at_once = if next.at == self.now { at_once + 1 } else { 0 };
            if at_once > AT_ONCE_MAX * self.nodes.len() as u64 {
                return Err(format!("at {} ms: nodes keep answering each other without end", self.now));
            }
            self.now = next.at;
            self.outcome.events += 1;
            self.tell(|_| format!("{:?}", Brief(&next.event)));
            if let Some(node) = self.work(next.event).filter(|_| self.options.fault_ms > 0) {
                self.check(node).map_err(|why| format!("at {} ms: {why}", self.now))?;
            }
        }
        self.now = until;
        Ok(())
    }

    /// Says what happens where somebody follows a seed.
    pub(crate) fn tell(&self, what: impl FnOnce(&World) -> String) {
        if self.options.trace {
            eprintln!("{} {}", self.now, what(self));
        }
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
            Event::Saved { node, life, number } => self.disk_answers(node, life, number),
            Event::Move(step) => {
                self.go_on_moving(step);
                None
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
        self.sync(i);
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
        let in_step = reachable && now >= synced_at;
        if in_step {
            self.nodes[i].offset = self.nodes[m].offset;
            self.nodes[i].master_last_seen = clock;
        }
        self.follow_moves(i, m, in_step);
    }

    /// Calls a node's brain and does what it wants done.
    pub fn with(&mut self, i: usize, call: impl FnOnce(&mut Cluster, u64)) {
        let clock = self.nodes[i].clock(self.now);
        self.nodes[i].report_replication();
        let Some(brain) = &mut self.nodes[i].cluster else { return };
        call(brain, clock);
        let mut saved = false;
        while let Some(effect) = self.nodes[i].cluster.as_mut().and_then(Cluster::poll_effect) {
            if self.faults_on && self.random.one_in(200_000) {
                // Between two effects: what comes later never happens. What it claims is known, or will be, if it is saved.
                if saved {
                    self.note_claims(i);
                }
                match self.options.moves {
                    true => self.crash_process(self.nodes[i].process, false),
                    false => self.crash(i, false),
                }
                return;
            }
            saved |= matches!(effect, Effect::SaveConfig { .. });
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
            Effect::Send { link, bytes } => self.say_when_saved(i, Saying::Packet(link, bytes)),
            Effect::Close { link } => self.close(i, link),
            Effect::Sibling { to, message } => self.say_when_saved(i, Saying::Message(to, message)),
            // Where nobody restarts, nobody reads it.
            Effect::SaveConfig { .. } if self.options.fault_ms == 0 => {}
            Effect::SaveConfig { save } => self.save(i, save),
            Effect::BecomeReplicaOf { id, full_sync, .. } => {
                let wait = if full_sync { 100 + self.random.below(400) } else { 5 };
                if full_sync {
                    self.nodes[i].offset = 0;
                }
                self.nodes[i].following = Some((id, self.now + wait));
            }
            Effect::BecomeMaster => {
                if let Some((master, _)) = self.nodes[i].following.take() {
                    self.promoted_with_keys(i, master);
                }
                self.outcome.promotions += 1;
            }
            Effect::PauseClients { until } => {
                self.nodes[i].paused_until = self.nodes[i].world_time(until);
                let life = self.nodes[i].life;
                self.push(self.now + 1, Event::Paused { node: i, life });
            }
            Effect::ResumeClients => self.nodes[i].paused_until = 0,
            Effect::Log { text, .. } => self.tell(|_| format!("node {i}: {text}")),
            Effect::DeleteKeys(slots) if self.options.moves => self.moves.delete(i, &slots),
            Effect::DeleteKeys(_)
            | Effect::SlotsReleased(_)
            | Effect::SlotsMoved { .. }
            | Effect::FlushData
            | Effect::Publish { .. }
            | Effect::Module { .. } => {}
        }
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
