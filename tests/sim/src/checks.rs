//! The invariants, looked at after every event, and what convergence means.

use std::collections::{BTreeMap, BTreeSet};

use base::NodeId;
use cluster::wire::{Body, HEADER_LEN, Packet, decode};
use cluster::{Cluster, Flags, SLOT_BYTES, SlotBits, slots_of};

use crate::world::World;

/// Type of a vote on the wire.
const AUTH_ACK: u8 = 6;

/// What has been seen so far that must not be contradicted.
#[derive(Debug)]
pub struct Checks {
    /// Who voted in which epoch.
    votes: BTreeSet<(NodeId, u64)>,
    /// Who claimed which slots by which epoch.
    claims: BTreeMap<u64, Vec<(NodeId, Box<SlotBits>)>>,
    /// What each node claimed when last looked at.
    last: BTreeMap<NodeId, (u64, Box<SlotBits>)>,
    broken: Option<String>,
    /// Slots that moved: whose they are is looked at in the end. Who took one took an epoch too, without asking anyone: so
    /// may others, even its own replica by an election, and epochs are equal until they notice.
    pub(crate) moved: SlotBits,
    /// How long a master served at most after it lost the majority, ms.
    pub longest_in_minority: u64,
    /// Packets and bytes sent by all.
    pub packets: u64,
    /// Bytes of them.
    pub bytes: u64,
}

impl Default for Checks {
    fn default() -> Checks {
        Checks {
            votes: BTreeSet::new(),
            claims: BTreeMap::new(),
            last: BTreeMap::new(),
            broken: None,
            moved: [0; SLOT_BYTES],
            longest_in_minority: 0,
            packets: 0,
            bytes: 0,
        }
    }
}

impl Checks {
    /// Looks at a packet that leaves.
    pub fn sent(&mut self, bytes: &[u8]) {
        self.packets += 1;
        self.bytes += bytes.len() as u64;
        if bytes[13] != AUTH_ACK || bytes.len() != HEADER_LEN {
            return;
        }
        let Ok(Packet::Full(header, Body::AuthAck)) = decode(bytes) else { return };
        // The header was written when the vote was given: its current epoch is the one voted in.
        let (voter, epoch) = (header.sender, header.current_epoch);
        if !self.votes.insert((voter, epoch)) {
            self.broken = Some(format!("{voter} voted twice in epoch {epoch}"));
        }
    }

    /// Looks at what a node claims to be.
    pub(crate) fn claims(&mut self, Claim { id, epoch, slots }: Claim) {
        let serves: &SlotBits = &std::array::from_fn(|i| slots[i] & !self.moved[i]);
        if let Some((before_epoch, before)) = self.last.get(&id) {
            if *before_epoch == epoch && **before == *serves {
                return;
            }
            let (before_epoch, given_up) =
                (*before_epoch, std::array::from_fn(|i| before[i] & !serves[i] & !self.moved[i]));
            self.check_given_up(id, before_epoch, &given_up);
        }
        self.last.insert(id, (epoch, Box::new(*serves)));
        let claims = self.claims.entry(epoch).or_default();
        let alone = self.moved != [0; SLOT_BYTES];
        for (other, slots) in claims.iter().filter(|(other, _)| !alone && *other != id) {
            if slots.iter().zip(serves).any(|(a, b)| a & b != 0) {
                self.broken = Some(format!("{other} and {id} serve the same slot by epoch {epoch}"));
            }
        }
        claims.push((id, Box::new(*serves)));
    }

    /// No slot is lost: a master gives one up only to somebody who claims it by a greater epoch.
    fn check_given_up(&mut self, id: NodeId, epoch: u64, given_up: &SlotBits) {
        let mut left = *given_up;
        for slots in self.claims.range(epoch + 1..).flat_map(|(_, claims)| claims).map(|(_, slots)| slots) {
            left.iter_mut().zip(slots.iter()).for_each(|(left, taken)| *left &= !taken);
        }
        if left.iter().any(|byte| *byte != 0) {
            let lost = slots_of(&left).count();
            self.broken = Some(format!("{id} gave up {lost} slots that nobody claims"));
        }
    }
}

/// What a node claims to be.
#[derive(Debug)]
pub struct Claim {
    id: NodeId,
    epoch: u64,
    slots: Box<SlotBits>,
}

impl Claim {
    pub(crate) fn of(brain: &Cluster) -> Claim {
        let me = brain.myself();
        let slots = if me.is_master() { *me.slots.bits() } else { [0; SLOT_BYTES] };
        Claim { id: me.id, epoch: me.config_epoch, slots: Box::new(slots) }
    }
}

impl World {
    /// Looks at what node `i` claims to be, unless that is on its way to the disk: nobody hears of it before.
    pub(crate) fn note_claims(&mut self, i: usize) {
        let brain = self.nodes[i].cluster.as_ref().filter(|_| !self.nodes[i].disk.owes());
        if let Some(claim) = brain.map(Claim::of) {
            self.checks.claims(claim);
        }
    }

    /// The invariants that node `i` could have broken.
    pub(crate) fn check(&mut self, i: usize) -> Result<(), String> {
        self.note_claims(i);
        self.check_minority(i)?;
        match self.checks.broken.take() {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    fn silence_limit(&self) -> u64 {
        3 * self.options.node_timeout + 1000
    }

    /// A master out of touch with a majority stops serving: it counts a voter as lost that it could not talk to, and heard
    /// no answer from, for [`World::silence_limit`]. (Where only one direction is cut, the answer to an earlier ping may
    /// come late: seed 803466, from a process that had stood still.)
    fn check_minority(&mut self, i: usize) -> Result<(), String> {
        let Some(brain) = &self.nodes[i].cluster else { return Ok(()) };
        let (process, now, limit) = (self.nodes[i].process, self.now, self.silence_limit());
        let talks_to = |id: &NodeId| {
            let other = &self.nodes[self.by_id[id]];
            other.runs() && (other.process == process || self.net.talk(process, other.process))
        };
        let voters: Vec<NodeId> = brain.nodes().filter(|node| node.is_voter()).map(|node| node.id).collect();
        let serves = brain.is_ok() && brain.myself().is_master();
        let (here, away): (Vec<NodeId>, Vec<NodeId>) = voters.iter().partition(|id| talks_to(id));
        let answered = |id: &NodeId| {
            let at = brain.find_node(*id).map_or(0, |node| node.pong_received.min(node.data_received));
            self.nodes[i].world_time(at)
        };
        let answers: Vec<u64> = away.iter().map(answered).collect();
        let out_of_touch = &mut self.nodes[i].out_of_touch;
        out_of_touch.retain(|id, _| !here.contains(id));
        let silent = |(id, answered): (&NodeId, u64)| {
            let since = *out_of_touch.entry(*id).or_insert(now);
            now.saturating_sub(since.max(answered))
        };
        let mut silence: Vec<u64> = away.iter().zip(answers).map(silent).collect();
        // As many silent voters as leave no majority: since when the last of them has been.
        silence.sort_unstable_by(|a, b| b.cmp(a));
        let Some(decisive) = silence.get(voters.len().saturating_sub(1) / 2).copied().filter(|_| serves)
        else {
            return Ok(());
        };
        self.checks.longest_in_minority = self.checks.longest_in_minority.max(decisive);
        if decisive > limit {
            return Err(format!(
                "node {i} serves {decisive} ms after it lost a majority of {}",
                voters.len()
            ));
        }
        Ok(())
    }

    /// Why the cluster is not whole yet; `None` when it is.
    pub fn not_converged(&self) -> Option<String> {
        let mut view: Option<(usize, Vec<String>)> = None;
        for (i, node) in self.nodes.iter().enumerate() {
            let Some(brain) = &node.cluster else { return Some(format!("node {i} is down")) };
            let bound: usize = brain.nodes().map(|node| node.slots.len()).sum();
            if bound != base::SLOT_COUNT {
                return Some(format!("node {i} knows owners of {bound} slots only"));
            }
            if !brain.is_ok() {
                return Some(format!("node {i} is not ok: {:?}", brain.state()));
            }
            if brain.nodes().count() != self.nodes.len() {
                return Some(format!("node {i} knows {} nodes", brain.nodes().count()));
            }
            let bad = Flags::FAIL.with(Flags::PFAIL).with(Flags::HANDSHAKE).with(Flags::NOADDR);
            if let Some(other) = brain.nodes().find(|other| other.flags.has(bad)) {
                let j = self.by_id[&other.id];
                return Some(format!(
                    "node {i} sees node {j} as {} (ping {} pong {} addr {:?} sib {} link {:?} {:?})",
                    other.flags,
                    other.ping_sent,
                    other.pong_received,
                    other.address,
                    other.sibling,
                    other.link,
                    brain.links_view().into_iter().filter(|l| l.node == other.id).collect::<Vec<_>>()
                ));
            }
            let lines = topology(brain);
            match &view {
                None => view = Some((i, lines)),
                Some((first, known)) if *known != lines => {
                    let (a, b) = known.iter().zip(&lines).find(|(a, b)| a != b)?;
                    return Some(format!("node {first} sees {a}, node {i} sees {b}"));
                }
                Some(_) => {}
            }
        }
        None
    }
}

/// Who is what and serves what, as CLUSTER NODES would show it to anyone.
fn topology(brain: &Cluster) -> Vec<String> {
    let line = |node: &cluster::Node| {
        let master = node.master.and_then(|master| brain.node(master)).map(|master| master.id);
        let epoch = if node.is_master() { node.config_epoch } else { 0 };
        let role = if node.is_master() { "master" } else { "replica" };
        format!("{} {role} of {master:?} epoch {epoch} slots {:?}", node.id, node.slots.ranges())
    };
    brain.nodes().map(line).collect()
}
