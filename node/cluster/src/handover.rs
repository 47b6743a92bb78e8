//! Slots that change hands between cores of one process.
//!
//! To the cluster this is a migration like any other: the taker claims the slots with an epoch greater than the
//! giver's, and peers believe it. Between the two nothing can get lost and nobody can die alone, so there is no
//! importing and no migrating: the giver points at the taker in the moment in which it lets go of the keys, and
//! the taker claims in the moment in which it gets them.
//!
//! The order on disk matters, should the whole process die in between: the taker saves its claim at once, the
//! giver only when it is told that the taker has ([`Cluster::slots_were_taken`]). A claim that both files make is
//! settled by epochs at the next start; a slot that neither claims would stay without an owner.

use base::{NodeId, Slot};

use crate::command_error::CommandError;
use crate::effects::Effect;
use crate::node::NodeIndex;
use crate::slots::Owner;
use crate::state::Cluster;

impl Cluster {
    /// Whether this node can give `slots` to its sibling `to` now.
    ///
    /// # Errors
    /// One of the slots is not this node's or already on the move, or `to` is no sibling that can take slots.
    pub fn check_handover(&self, slots: &[Slot], to: NodeId) -> Result<(), CommandError> {
        let taker = self.nodes.find(to).ok_or_else(|| CommandError::UnknownNode(to.to_string()))?;
        let row = &self.nodes[taker];
        if !row.sibling || !row.is_master() || row.is_unreachable() {
            return Err(CommandError::TargetNotAMaster);
        }
        if self.myself().is_replica() {
            return Err(CommandError::SetSlotOnReplica);
        }
        for &slot in slots {
            if self.owner(slot) != Owner::Me {
                return Err(CommandError::NotTheOwner(slot));
            }
            if self.migrating_to(slot).is_some() || self.importing_from(slot).is_some() {
                return Err(CommandError::SlotMoving(slot));
            }
        }
        Ok(())
    }

    /// This node lets go of `slots`; their keys are on the way to `to`.
    ///
    /// # Errors
    /// Those of [`Cluster::check_handover`]; then nothing has changed.
    pub fn give_slots(&mut self, slots: &[Slot], to: NodeId, now: u64) -> Result<(), CommandError> {
        self.check_handover(slots, to)?;
        let taker = self.nodes.find(to).expect("checked above");
        for &slot in slots {
            self.slots.rebind(&mut self.nodes, slot, taker);
        }
        self.log_notice(format!("{} given to sibling {}", counted(slots), self.nodes[taker].label()));
        self.todo.update_state = true;
        self.finish(now);
        Ok(())
    }

    /// Somebody is at `epoch`, and may say so later than what he does by it is known: no claim made from now on is older.
    pub fn heard_of_epoch(&mut self, epoch: u64) {
        self.current_epoch = self.current_epoch.max(epoch);
    }

    /// The keys of `slots` came from `from`, a sibling or a node that has paused for it: this node serves them from now on.
    pub fn take_slots(&mut self, slots: &[Slot], from: NodeId, now: u64) {
        for &slot in slots {
            self.slots.importing.remove(&slot);
            self.slots.migrating.remove(&slot);
            self.slots.rebind(&mut self.nodes, slot, self.me);
        }
        self.bump_epoch();
        self.log_notice(format!("{} taken over from node {from}", counted(slots)));
        self.todo.update_state = true;
        // Between siblings the disk is not waited for: a crash of the process loses nothing of what is written, and after
        // one of the machine the two agree on an owner, whichever of their files is the older.
        let is_sibling = self.nodes.find(from).is_some_and(|giver| self.nodes[giver].sibling);
        self.save_later(!is_sibling);
        self.broadcast_pong(now);
        self.finish(now);
    }

    /// The sibling that was given slots has claimed them, in its file too.
    pub fn slots_were_taken(&mut self, now: u64) {
        self.save_later(false);
        self.finish(now);
    }

    /// Tells who sends commands to siblings which of them serves what from now on: `released` names slots and
    /// those who had them.
    pub(crate) fn report_moves_between_siblings(&mut self, released: &[(Slot, NodeIndex)]) {
        if !self.siblings.any() {
            return;
        }
        let mut moves: Vec<(NodeId, NodeId, Vec<Slot>)> = Vec::new();
        for &(slot, before) in released {
            let Some(after) = self.slots.owner(slot).filter(|after| *after != before) else { continue };
            let here = |node: NodeIndex| self.nodes[node].sibling || node == self.me;
            if self.nodes.get(before).is_none() || !here(before) || !here(after) {
                continue;
            }
            let (from, to) = (self.nodes[before].id, self.nodes[after].id);
            match moves.iter_mut().find(|(f, t, _)| (*f, *t) == (from, to)) {
                Some((_, _, slots)) => slots.push(slot),
                None => moves.push((from, to, vec![slot])),
            }
        }
        let effects = moves.into_iter().map(|(from, to, slots)| Effect::SlotsMoved { from, to, slots });
        self.effects.extend(effects);
    }
}

/// Slots of which two of these nodes each take the other for the owner: the process died between the two halves of a
/// handover. The one with the greater epoch takes them.
pub fn settle_handovers(siblings: &mut [Cluster], now: u64) {
    let ids: Vec<NodeId> = siblings.iter().map(Cluster::my_id).collect();
    for slot in Slot::all() {
        let named = |node: &Cluster| match node.owner(slot) {
            Owner::Node(other) => ids.iter().position(|id| *id == node.nodes[other].id),
            Owner::Me | Owner::None => None,
        };
        let named: Vec<Option<usize>> = siblings.iter().map(named).collect();
        let crossed = (0..siblings.len()).find(|i| named[*i].is_some_and(|other| named[other] == Some(*i)));
        let Some((one, other)) = crossed.and_then(|one| Some((one, named[one]?))) else { continue };
        let epoch = |i: usize| siblings[i].myself().config_epoch;
        let (taker, giver) = if epoch(one) > epoch(other) { (one, other) } else { (other, one) };
        if siblings[taker].myself().is_master() {
            siblings[taker].take_slots(&[slot], ids[giver], now);
        }
    }
}

pub(crate) fn counted(slots: &[Slot]) -> String {
    match slots {
        [slot] => format!("Slot {slot}"),
        _ => format!("{} slots", slots.len()),
    }
}
