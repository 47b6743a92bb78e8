//! Slots that move while things go wrong: by SETSLOT as redis-cli does it, as a whole as MIGRATESLOTS does, and between
//! two cores of a process.
//!
//! What the server does around the brain is made up here in a few lines: SETSLOT goes to the replicas first, a
//! migration's two sides talk over a connection that dies with either, a handover is a message in the mesh. The tool
//! reaches every node, may end after any step, may not hear an answer, and then asks again or gives up.
//!
//! Each slot that moves has two keys, so that a move can be half done. They are where a MIGRATE, a claim or replication put
//! them; at the end whoever serves the slot must have both (`fix` repairs before, as the tool would). What asynchronous
//! replication loses is not looked at: a replica that takes over without its master's last keys takes the slots in question
//! out. So are slots between cores, whose keys need not travel.
//!
//! Chance comes from a generator of its own, so that a seed without moves keeps its course.

use std::collections::BTreeSet;

use base::{NodeId, Slot};
use cluster::{Cluster, Owner, Random, SetSlot, SlotSet};

use crate::world::{Event, World};

/// `cluster-manual-failover-timeout`: how long a source pauses for its target at most, ms.
const PAUSE_MS: u64 = 5000;
/// Keys of a slot.
pub(crate) const KEYS: [u8; 2] = [0, 1];

/// All that is known of slots that moved.
#[derive(Debug)]
pub struct Moves {
    pub(crate) random: Random,
    /// Slots that ever began to move.
    pub(crate) touched: SlotSet,
    /// Those of them whose keys cannot be looked for.
    pub(crate) untracked: SlotSet,
    /// The keys of touched slots, by node.
    pub(crate) keys: Vec<BTreeSet<(Slot, u8)>>,
    /// The master, and since when, whose open slots a replica has heard of, by node.
    informed: Vec<Option<(NodeId, u64)>>,
    /// Slots whose move has not ended. Nothing else moves them meanwhile: two tools at once can lose a slot by the standard
    /// protocol, when the late NODE of one reaches whoever the other gave an empty slot to.
    busy: SlotSet,
}

impl Moves {
    /// None so far, among so many nodes.
    pub(crate) fn new(random: Random, nodes: usize) -> Moves {
        let [touched, untracked, busy] = std::array::from_fn(|_| SlotSet::default());
        let (keys, informed) = (vec![BTreeSet::new(); nodes], vec![None; nodes]);
        Moves { random, touched, untracked, keys, informed, busy }
    }

    /// Whether a move has not ended.
    pub(crate) fn under_way(&self) -> bool {
        !self.busy.is_empty()
    }

    /// A host goes down with words of a tool on their way to its disk: nobody waits for these, so slots may be forgotten to be
    /// on the move.
    pub(crate) fn lose_track(&mut self) {
        self.busy.iter().for_each(|slot| {
            self.untracked.insert(slot);
        });
    }

    /// How many keys of `slot` node `i` has.
    pub(crate) fn count(&self, i: usize, slot: Slot) -> u64 {
        KEYS.iter().filter(|key| self.keys[i].contains(&(slot, **key))).count() as u64
    }

    /// What node `i` has of `slots` goes.
    pub(crate) fn delete(&mut self, i: usize, slots: &[Slot]) {
        if !self.keys[i].is_empty() {
            let gone: BTreeSet<&Slot> = slots.iter().collect();
            self.keys[i].retain(|(slot, _)| !gone.contains(slot));
        }
    }
}

/// A move, or the wish for one.
#[derive(Debug, Clone)]
pub(crate) enum Move {
    /// Begin one.
    Next,
    /// The tool's next word about a slot.
    ByHand { slot: Slot, source: usize, target: usize, step: usize },
    /// The next word between the two sides of a migration.
    Whole(Transfer, Stage),
    /// The next message between two cores.
    Cores(Transfer, Passage),
}

impl Move {
    fn slots(&self) -> Vec<Slot> {
        match self {
            Move::Next => Vec::new(),
            Move::ByHand { slot, .. } => vec![*slot],
            Move::Whole(transfer, _) | Move::Cores(transfer, _) => transfer.slots.clone(),
        }
    }
}

/// Slots on their way, and the lives of both sides without which nothing comes of it.
#[derive(Debug, Clone)]
pub(crate) struct Transfer {
    slots: Vec<Slot>,
    source: usize,
    target: usize,
    lives: (u32, u32),
    /// The giver's epoch, which comes with what a core gives.
    epoch: u64,
}

/// What is heard next in a migration.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stage {
    /// The target: that the source wants to begin.
    Establish,
    /// The source: that all is sent and it may pause.
    Pause,
    /// The target: that the source has paused, at this time.
    Paused(u64),
    /// The source: that the target wants the slots; when it paused, and when the target heard of it.
    Requested(u64, u64),
    /// The target: that it has them; when it heard of the pause.
    Granted(u64),
}

/// What happens next in a handover.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Passage {
    Give,
    Arrive,
    Return,
    Taken,
}

impl World {
    /// Lets slots move from now on, as long as things go wrong.
    pub fn start_moves(&mut self, random: Random) {
        self.moves = Moves::new(random, self.nodes.len());
        self.push(self.now + 3000, Event::Move(Move::Next));
    }

    pub(crate) fn go_on_moving(&mut self, step: Move) {
        let slots = step.slots();
        let next = match step {
            Move::Next => {
                if self.faults_on {
                    self.begin_move();
                    let at = self.now + 20 + self.moves.random.below(800);
                    self.push(at, Event::Move(Move::Next));
                }
                return;
            }
            Move::ByHand { slot, source, target, step } => self.by_hand(slot, source, target, step),
            Move::Whole(transfer, stage) => self.as_a_whole(transfer, stage),
            Move::Cores(transfer, passage) => self.between_cores(transfer, passage),
        };
        match next {
            Some((at, next)) => self.push(at, Event::Move(next)),
            None => slots.iter().for_each(|slot| {
                self.moves.busy.remove(*slot);
            }),
        }
    }

    fn begin_move(&mut self) {
        let source = self.moves.random.below(self.nodes.len() as u64) as usize;
        let Some(brain) = self.nodes[source].cluster.as_ref().filter(|brain| brain.myself().is_master())
        else {
            return;
        };
        let owned = brain.myself().slots.iter().filter(|slot| !self.moves.busy.contains(*slot));
        let owned: Vec<Slot> = owned.collect();
        let masters = brain.nodes().filter(|node| node.is_master() && !node.is_failed() && !node.is_myself());
        let masters: Vec<(usize, bool)> = masters.map(|node| (self.by_id[&node.id], node.sibling)).collect();
        let random = &mut self.moves.random;
        let siblings: Vec<usize> = masters.iter().filter(|(_, sibling)| *sibling).map(|(i, _)| *i).collect();
        let to_sibling = !siblings.is_empty() && random.one_in(2);
        let targets = if to_sibling { siblings } else { masters.into_iter().map(|(i, _)| i).collect() };
        if targets.is_empty() || owned.is_empty() {
            return;
        }
        let target = targets[random.below(targets.len() as u64) as usize];
        let first = random.below(owned.len() as u64) as usize;
        let by_hand = !to_sibling && random.one_in(2);
        let slots = match random.below(12) {
            0 if !by_hand => owned, // Its last one too: it becomes a replica.
            1..=4 if !by_hand => owned[first..].iter().take(8).copied().collect(),
            _ => vec![owned[first]],
        };
        self.touch(&slots, source, to_sibling || slots.len() > 8);
        slots.iter().for_each(|slot| {
            self.moves.busy.insert(*slot);
        });
        self.outcome.moves += 1;
        let lives = (self.nodes[source].life, self.nodes[target].life);
        let step = match by_hand {
            true => Move::ByHand { slot: slots[0], source, target, step: 0 },
            false if to_sibling => {
                Move::Cores(Transfer { slots, source, target, lives, epoch: 0 }, Passage::Give)
            }
            false => Move::Whole(Transfer { slots, source, target, lives, epoch: 0 }, Stage::Establish),
        };
        self.push(self.now, Event::Move(step));
    }

    /// From now on these slots are looked at in another way. Their keys are with whoever takes itself, or its master, for the
    /// owner, and with those who are down and of `source`'s shard.
    fn touch(&mut self, slots: &[Slot], source: usize, untracked: bool) {
        let shard = |i: usize, of: usize| {
            let brain = self.nodes[i].cluster.as_ref()?;
            brain.find_node(self.nodes[of].id).map(|node| node.shard_id)
        };
        let down = |i: &usize| self.nodes[*i].cluster.is_none() && shard(source, *i) == shard(source, source);
        let down: Vec<usize> = (0..self.nodes.len()).filter(down).collect();
        for &slot in slots {
            if untracked {
                self.moves.untracked.insert(slot);
            }
            if !self.moves.touched.insert(slot) {
                continue;
            }
            let has = |brain: &Cluster| match brain.owner(slot) {
                Owner::Me => true,
                Owner::Node(node) => brain.myself().master == Some(node),
                Owner::None => false,
            };
            let up = (0..self.nodes.len()).filter(|i| self.nodes[*i].cluster.as_ref().is_some_and(has));
            for i in up.chain(down.iter().copied()) {
                self.moves.keys[i].extend(KEYS.map(|key| (slot, key)));
            }
        }
        self.checks.moved.clone_from(self.moves.touched.bits());
    }

    fn soon(&mut self) -> u64 {
        let random = &mut self.moves.random;
        let delay = if random.one_in(4) { random.below(3000) } else { random.below(20) };
        self.now + 1 + delay
    }

    /// The tool says one word: IMPORTING, MIGRATING, MIGRATE of each key, and NODE to all, the target first.
    fn by_hand(&mut self, slot: Slot, source: usize, target: usize, step: usize) -> Option<(u64, Move)> {
        if self.moves.random.one_in(30) {
            return None; // The tool dies.
        }
        let (from, to) = (self.nodes[source].id, self.nodes[target].id);
        let (asked, others_from) = (|i: usize| Some(i), 4 + KEYS.len());
        let asked = match step {
            0 | 4 => asked(target),
            step if step < others_from => asked(source),
            step => (0..self.nodes.len()).filter(|i| *i != source && *i != target).nth(step - others_from),
        }?;
        let again = |step| Move::ByHand { slot, source, target, step };
        if self.nodes[asked].stopped {
            return Some((self.now + 100, again(step)));
        }
        let done = match step {
            0 => !self.is_on_the_move(slot) && self.set_slot(asked, slot, SetSlot::Importing(from)),
            1 => self.set_slot(asked, slot, SetSlot::Migrating(to)),
            2 | 3 => self.migrate_key(slot, KEYS[step - 2], source, target),
            _ => self.set_slot(asked, slot, SetSlot::Node(to)) || step >= others_from,
        };
        let unheard = self.moves.random.one_in(30);
        let step = match (done, unheard) {
            (false, _) => return None, // An error, and the tool ends.
            (true, true) if step < others_from => step,
            _ => step + 1,
        };
        Some((self.soon(), again(step)))
    }

    /// CLUSTER SETSLOT at node `i`: its replicas obey first. False if it is refused, or if the node is down.
    pub(crate) fn set_slot(&mut self, i: usize, slot: Slot, action: SetSlot) -> bool {
        let keys = self.moves.count(i, slot);
        let allowed = |brain: &Cluster| brain.check_set_slot(slot, action, keys, false).is_ok();
        if !self.nodes[i].cluster.as_ref().is_some_and(allowed) {
            return false;
        }
        for j in self.attached_to(i) {
            let keys = self.moves.count(j, slot);
            self.with(j, |brain, now| {
                let _ = brain.set_slot(slot, action, keys, true, now);
            });
            self.finish_saves(j);
        }
        if self.faults_on && self.moves.random.one_in(60) {
            let host = self.moves.random.one_in(2);
            self.crash_process(self.nodes[i].process, host);
            return false;
        }
        let mut done = false;
        self.with(i, |brain, now| done = brain.set_slot(slot, action, keys, false, now).is_ok());
        self.finish_saves(i);
        self.note_claims(i);
        done && self.nodes[i].cluster.is_some()
    }

    /// MIGRATE of one key, which the target takes if it serves the slot or is to.
    fn migrate_key(&mut self, slot: Slot, key: u8, source: usize, target: usize) -> bool {
        let serves = |brain: &Cluster| brain.owner(slot) == Owner::Me && brain.myself().is_master();
        let here = |brain: &Cluster| serves(brain) || brain.migrating_to(slot).is_some();
        let takes = |brain: &Cluster| serves(brain) || brain.importing_from(slot).is_some();
        let can = |i: usize, may: &dyn Fn(&Cluster) -> bool| {
            let node = &self.nodes[i];
            node.runs() && node.cluster.as_ref().is_some_and(|brain| brain.myself().is_master() && may(brain))
        };
        let talk = self.net.talk(self.nodes[source].process, self.nodes[target].process);
        if !talk || !can(source, &here) || !can(target, &takes) {
            return false;
        }
        if [source, target].into_iter().any(|i| self.has_rival(i)) {
            self.moves.untracked.insert(slot);
        }
        if self.moves.keys[source].contains(&(slot, key)) {
            self.moves.keys[target].insert((slot, key));
            self.share_keys(target);
            self.moves.keys[source].remove(&(slot, key));
            self.share_keys(source);
        }
        true
    }

    /// Whether another node takes itself for the master of the shard of master `i`. One of them is the other's successor, and
    /// does not know yet or is not known to be: what is written now may be lost, as asynchronous replication loses.
    fn has_rival(&self, i: usize) -> bool {
        let shard = |i: usize| {
            let myself = self.nodes[i].cluster.as_ref()?.myself();
            myself.is_master().then_some(myself.shard_id)
        };
        let of = shard(i);
        of.is_some() && (0..self.nodes.len()).any(|other| other != i && shard(other) == of)
    }

    /// Whether `slot` is on the move as any node knows it: the tool wants that fixed first.
    fn is_on_the_move(&self, slot: Slot) -> bool {
        let open = |brain: &Cluster| brain.migrating_to(slot).or(brain.importing_from(slot)).is_some();
        self.nodes.iter().filter_map(|node| node.cluster.as_ref()).any(open)
    }

    fn is_open(&self, i: usize) -> bool {
        self.nodes[i].cluster.as_ref().is_some_and(Cluster::has_open_slots)
    }

    fn as_a_whole(&mut self, transfer: Transfer, stage: Stage) -> Option<(u64, Move)> {
        let Transfer { slots, source, target, .. } = &transfer;
        let (source, target) = (*source, *target);
        // Cancelled, or the connection is lost, by itself or with one of its ends.
        if self.moves.random.one_in(30) || !self.both_live(&transfer) {
            return None;
        }
        let hears = if matches!(stage, Stage::Pause | Stage::Requested(..)) { source } else { target };
        let talk = self.net.talk(self.nodes[source].process, self.nodes[target].process);
        if !talk || !self.nodes[hears].runs() {
            return Some((self.now + 50, Move::Whole(transfer, stage)));
        }
        let brain = self.nodes[hears].cluster.as_ref()?;
        let from = self.nodes[source].id;
        let agrees = |slot: &Slot| match brain.owner(*slot) {
            Owner::Me => hears == source,
            Owner::Node(node) => hears == target && brain.node(node).is_some_and(|node| node.id == from),
            Owner::None => false,
        };
        if !brain.myself().is_master() || !slots.iter().all(agrees) {
            return None;
        }
        let now = self.now;
        let next = match stage {
            Stage::Establish if brain.has_open_slots() || self.is_open(source) => return None,
            Stage::Establish => Stage::Pause,
            Stage::Pause => Stage::Paused(now),
            Stage::Paused(since) => Stage::Requested(since, now),
            Stage::Requested(since, _) if now - since > PAUSE_MS / 2 => return None,
            Stage::Requested(_, heard) => Stage::Granted(heard),
            Stage::Granted(heard) if now - heard > PAUSE_MS / 4 => return None,
            Stage::Granted(_) => {
                self.moves.delete(target, slots);
                for slot in slots.iter().filter(|slot| !self.moves.untracked.contains(**slot)) {
                    let had = KEYS.map(|key| (*slot, key));
                    let had = had.into_iter().filter(|key| self.moves.keys[source].contains(key));
                    let had: Vec<(Slot, u8)> = had.collect();
                    self.moves.keys[target].extend(had);
                }
                self.share_keys(target);
                self.with(target, |brain, now| brain.take_slots(slots, from, now));
                self.note_claims(target);
                return None;
            }
        };
        Some((self.soon(), Move::Whole(transfer, next)))
    }

    fn between_cores(&mut self, mut transfer: Transfer, passage: Passage) -> Option<(u64, Move)> {
        if !self.both_live(&transfer) {
            return None; // The process died.
        }
        let Transfer { slots, source, target, epoch, .. } = &mut transfer;
        let (source, target) = (*source, *target);
        let (from, to) = (self.nodes[source].id, self.nodes[target].id);
        let acts = if matches!(passage, Passage::Arrive) { target } else { source };
        if self.nodes[acts].stopped {
            return Some((self.now + 10, Move::Cores(transfer, passage)));
        }
        let next = match passage {
            Passage::Give => {
                let mut given = false;
                self.with(source, |brain, now| given = brain.give_slots(slots, to, now).is_ok());
                *epoch = self.nodes[source].cluster.as_ref().map_or(0, Cluster::current_epoch);
                given.then_some(Passage::Arrive)
            }
            Passage::Arrive => {
                if self.nodes[target].cluster.as_ref()?.myself().is_master() {
                    self.with(target, |brain, now| {
                        brain.heard_of_epoch(*epoch);
                        brain.take_slots(slots, from, now);
                    });
                    self.finish_saves(target);
                    Some(Passage::Taken)
                } else {
                    Some(Passage::Return)
                }
            }
            Passage::Return => {
                self.with(source, |brain, now| brain.take_slots(slots, to, now));
                None
            }
            Passage::Taken => {
                self.with(source, |brain, now| brain.slots_were_taken(now));
                None
            }
        };
        self.note_claims(acts);
        let at = self.now + self.moves.random.below(3);
        next.map(|next| (at, Move::Cores(transfer, next)))
    }

    fn both_live(&self, transfer: &Transfer) -> bool {
        let lives = |i: usize, life: u32| self.nodes[i].life == life && self.nodes[i].cluster.is_some();
        lives(transfer.source, transfer.lives.0) && lives(transfer.target, transfer.lives.1)
    }

    /// The replicas that follow node `i` closely.
    fn attached_to(&self, i: usize) -> Vec<usize> {
        let (id, process) = (self.nodes[i].id, self.nodes[i].process);
        let attached = |j: &usize| {
            let node = &self.nodes[*j];
            let synced = node.following.is_some_and(|(master, at)| master == id && at <= self.now);
            synced && node.runs() && self.net.talk(process, node.process)
        };
        (0..self.nodes.len()).filter(attached).collect()
    }

    /// What node `i` has, its replicas have.
    pub(crate) fn share_keys(&mut self, i: usize) {
        for j in self.attached_to(i) {
            self.moves.keys[j] = self.moves.keys[i].clone();
        }
    }

    /// Replica `i` is in step with its master `m`, or out of touch with it.
    pub(crate) fn follow_moves(&mut self, i: usize, m: usize, in_step: bool) {
        if self.moves.touched.is_empty() {
            return;
        }
        let following = self.nodes[i].following.filter(|_| in_step);
        if in_step {
            self.moves.keys[i] = self.moves.keys[m].clone();
        }
        if self.moves.informed[i] != following {
            self.moves.informed[i] = following;
            let text = self.nodes[m].cluster.as_ref().filter(|_| in_step).map(Cluster::open_slots_text);
            if let Some(text) = text {
                self.with(i, |brain, now| {
                    brain.take_open_slots(&text, now).expect("a node reads what it wrote");
                });
            }
        }
    }

    /// Node `i` is no replica of `master` any more: what it lacks of the keys of a master of its shard (its own or one it has
    /// not heard of) is lost as asynchronous replication loses.
    pub(crate) fn promoted_with_keys(&mut self, i: usize, master: NodeId) {
        if self.moves.touched.is_empty() {
            return;
        }
        let keys = &self.moves.keys;
        let mut differ: Vec<Slot> =
            keys[i].symmetric_difference(&keys[self.by_id[&master]]).map(|(slot, _)| *slot).collect();
        let brain = self.nodes[i].cluster.as_ref();
        let shard = |of: NodeId| brain?.find_node(of).map(|node| node.shard_id);
        for (j, node) in self.nodes.iter().enumerate() {
            if node.following.is_none() && shard(node.id) == shard(self.nodes[i].id) {
                differ.extend(keys[j].difference(&keys[i]).map(|(slot, _)| *slot));
            }
        }
        differ.into_iter().for_each(|slot| {
            self.moves.untracked.insert(slot);
        });
    }
}
