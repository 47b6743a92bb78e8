//! Claims to slots: who says it serves what, by which config epoch, and whom to believe.
//!
//! The greater epoch wins (cluster specification, "Hash slots configuration propagation"). A claim that takes
//! slots from this node, or from its master, may make it a replica of the claimer; a claim that others have
//! overtaken is answered with an UPDATE. What happens to slots on the move follows Valkey 8: a failover at
//! either end of a migration keeps the migration going.

use base::Slot;

use crate::effects::Effect;
use crate::node::NodeIndex;
use crate::slot_set::{SlotBits, has_slot, slots_of};
use crate::state::Cluster;
use crate::wire::{Header, HeartbeatKind};

/// What a set of claims took.
#[derive(Default)]
struct Taken {
    /// Slots this node itself lost.
    from_me: Vec<Slot>,
    /// How many slots its shard's master lost.
    from_my_master: usize,
    /// Whether the claimer wants slots back that this node has imported from it.
    contested: bool,
}

impl Cluster {
    /// Whether to look at all the claims of `sender`: they differ from what is known, or end a doubt.
    pub(crate) fn are_news(&self, sender: NodeIndex, claimed: &SlotBits) -> bool {
        let doubted = &self.slots.not_claimed;
        self.nodes[sender].slots.bits() != claimed
            || !doubted.is_empty() && slots_of(claimed).any(|slot| doubted.contains(slot))
    }

    /// Believes those claims of `claimer` that are newer than what is known.
    pub(crate) fn take_claims(&mut self, claimer: NodeIndex, epoch: u64, claimed: &SlotBits) {
        if claimer == self.me {
            return self.log_notice("Discarding UPDATE message about myself.".into());
        }
        let my_master = self.my_master();
        let mut taken = Taken::default();
        for slot in slots_of(claimed) {
            self.take_claim(claimer, epoch, slot, my_master, &mut taken);
        }
        for slot in self.slots.mattering(&self.nodes[claimer].slots).iter() {
            if !has_slot(claimed, slot) {
                self.note_no_claim(claimer, epoch, slot);
            }
        }
        if taken.contested {
            self.bump_epoch();
            self.broadcast_pong(self.clock);
        }
        self.react_to_loss(claimer, epoch, claimed, my_master, taken);
    }

    fn take_claim(
        &mut self,
        claimer: NodeIndex,
        epoch: u64,
        slot: Slot,
        my_master: NodeIndex,
        taken: &mut Taken,
    ) {
        let owner = self.slots.owner(slot);
        if owner == Some(claimer) {
            self.slots.not_claimed.remove(slot);
            return;
        }
        let unclaimed = owner.is_none() || self.slots.not_claimed.contains(slot);
        if !unclaimed && owner.is_some_and(|owner| self.nodes[owner].config_epoch >= epoch) {
            return;
        }
        if owner == Some(self.me) {
            if self.does_not_know_it_gave(claimer, slot) {
                taken.contested = true;
                return;
            }
            taken.from_me.push(slot);
        }
        if owner == Some(my_master) {
            taken.from_my_master += 1;
        }
        if !self.same_shard(claimer, self.me) && self.slots.migrating.remove(&slot).is_some() {
            // Across shards it is an operator's will, which ends the migration; within, it is a failover.
            self.log_notice(format!("Slot {slot} is no longer being migrated."));
        }
        // What others have among themselves is told again after a crash: no disk is waited for, or it would be for each
        // node of a big cluster that meets.
        let is_ours =
            owner == Some(self.me) || owner == Some(my_master) || self.importing_from(slot).is_some();
        self.importing_source_changed(claimer, slot);
        self.slots.rebind(&mut self.nodes, slot, claimer);
        self.todo.update_state = true;
        self.save_later(is_ours);
    }

    /// Whether `claimer` took a new epoch, for whatever reason, before it heard that this node imported `slot` from its
    /// shard. The keys are here, so this node takes a newer one.
    fn does_not_know_it_gave(&self, claimer: NodeIndex, slot: Slot) -> bool {
        let giver = self.slots.taken_over.get(&slot);
        giver.is_some_and(|(giver, _)| self.same_shard(claimer, *giver)) && !self.same_shard(claimer, self.me)
    }

    /// Whom this node has heard of since it took a slot over has heard of that too: its next claim counts.
    pub(crate) fn forget_takeovers(&mut self) {
        if !self.slots.taken_over.is_empty()
            && let Some(heard) = self.all_heard_since()
        {
            self.slots.taken_over.retain(|_, (_, since)| *since >= heard);
        }
    }

    /// The owner of a slot that this node imports changed.
    fn importing_source_changed(&mut self, claimer: NodeIndex, slot: Slot) {
        let Some(source) = self.importing_from(slot).filter(|source| *source != claimer) else { return };
        let label = self.nodes[claimer].label();
        if self.same_shard(claimer, source) {
            self.log_notice(format!(
                "Failover occurred in migration source. Update importing source for slot {slot} to node {label}."
            ));
            self.slots.importing.insert(slot, claimer);
        } else {
            self.log_notice(format!(
                "Slot {slot} is no longer being imported from {}",
                self.nodes[source].label()
            ));
            self.slots.importing.remove(&slot);
        }
    }

    /// `claimer` does not claim `slot`: what that means if it used to, or if the slot is on the move.
    fn note_no_claim(&mut self, claimer: NodeIndex, epoch: u64, slot: Slot) {
        if self.slots.owner(slot) == Some(claimer) && self.slots.not_claimed.insert(slot) {
            self.save_later(false);
        }
        if let Some(target) = self.migrating_to(slot).filter(|target| *target != claimer) {
            let replaced = self.nodes[target].config_epoch < epoch || self.nodes[target].is_replica();
            if replaced && self.same_shard(target, claimer) {
                let label = self.nodes[claimer].label();
                self.log_notice(format!(
                    "Failover occurred in migration target. Slot {slot} is now being migrated to node {label}."
                ));
                self.slots.migrating.insert(slot, claimer);
                self.save_later(true);
            }
        }
        if self.importing_from(slot) == Some(claimer)
            && let Some(owner) = self.slots.owner(slot).filter(|owner| *owner != claimer)
        {
            // Who serves it took the source's place, or the slot from it.
            self.importing_source_changed(owner, slot);
        }
    }

    /// Ends the imports whose sources have finished them, while this node, or the master it replaced, missed that: it takes
    /// the slots.
    ///
    /// Valkey does so as soon as the source does not claim a slot. But it may just have heard that its own successor does,
    /// or somebody else, before this node has, which would then take a slot without its keys. So everyone is asked first.
    pub(crate) fn end_missed_imports(&mut self, now: u64) {
        if self.slots.importing.is_empty() {
            return self.slots.given_up.clear();
        }
        let given_up = |slot: Slot, source| {
            self.slots.owner(slot) == Some(source) && self.slots.not_claimed.contains(slot)
        };
        let waiting = self.slots.importing.iter().filter(|(slot, source)| given_up(**slot, **source));
        let waiting: Vec<Slot> = waiting.map(|(slot, _)| *slot).collect();
        self.slots.given_up.retain(|slot, _| waiting.contains(slot));
        let before = self.slots.given_up.len();
        for slot in waiting {
            self.slots.given_up.entry(slot).or_insert(now);
        }
        if self.slots.given_up.len() > before {
            for node in self.others() {
                if self.nodes[node].ping_sent == 0 {
                    self.send_heartbeat(node, HeartbeatKind::Ping, now);
                }
            }
        }
        let Some(heard) = self.all_heard_since().filter(|_| self.is_ok() && self.myself().is_master()) else {
            return;
        };
        for (slot, since) in self.slots.given_up.clone() {
            if heard > since {
                self.end_missed_import(slot);
            }
        }
    }

    fn end_missed_import(&mut self, slot: Slot) {
        let Some(source) = self.slots.importing.remove(&slot) else { return };
        self.log_notice(format!(
            "Slot {slot} is no longer being imported from node {}; Clear my importing source for the slot.",
            self.nodes[source].label()
        ));
        self.slots.rebind(&mut self.nodes, slot, self.me);
        self.bump_epoch();
        self.todo.update_state = true;
        self.save_later(true);
    }

    /// Since when this node has heard of all others but replicas that are gone; none when a master is gone that nobody has
    /// replaced yet.
    fn all_heard_since(&self) -> Option<u64> {
        let others = self.nodes.iter().filter(|(i, node)| *i != self.me && !node.in_handshake());
        let (gone, here): (Vec<_>, Vec<_>) = others.map(|(_, node)| node).partition(|node| node.is_failed());
        let replaced = !gone.iter().any(|node| node.is_voter());
        replaced.then(|| here.iter().map(|node| node.data_received).min().unwrap_or(u64::MAX))
    }

    /// Claims may have left this node's shard without slots, or this node with keys it no longer serves.
    fn react_to_loss(
        &mut self,
        claimer: NodeIndex,
        epoch: u64,
        claimed: &SlotBits,
        my_master: NodeIndex,
        taken: Taken,
    ) {
        let same_shard = self.same_shard(claimer, self.me);
        let claimed_count = slots_of(claimed).count();
        let emptied = taken.from_my_master > 0 && self.nodes[my_master].slots.is_empty()
            || self.is_overtaken(claimer, epoch);
        if emptied {
            let label = self.nodes[claimer].label();
            let shard = self.nodes[claimer].shard_id;
            if same_shard || self.may_follow_slots() {
                self.log_notice(format!(
                    "Configuration change detected. Reconfiguring myself as a replica of node {label} in shard {shard}"
                ));
                // Within the shard the history is shared: moves go on and a partial synchronisation will do.
                return self.become_replica_of(claimer, !same_shard, !same_shard);
            }
            if self.myself().is_master() && claimed_count >= taken.from_my_master {
                self.log_notice(format!(
                    "My last slot was migrated to node {label} in shard {shard}. I am now an empty primary."
                ));
            }
        }
        if !taken.from_me.is_empty() {
            self.effects.push_back(Effect::DeleteKeys(taken.from_me));
        }
    }

    /// Whether `claimer` is a newer master of this node's shard than its own, or itself, which is without slots: the last
    /// may have gone to another shard after a failover had taken the others.
    pub(crate) fn is_overtaken(&self, claimer: NodeIndex, epoch: u64) -> bool {
        self.nodes[self.me].master != Some(claimer)
            && self.nodes[self.my_master()].slots.is_empty()
            && self.node_epoch(self.me) < epoch
            && self.same_shard(claimer, self.me)
    }

    /// Whether this node may join the shard that took its last slot. A master that imports slots by hand keeps the keys
    /// that have come: they are nowhere else.
    pub(crate) fn may_follow_slots(&self) -> bool {
        self.config.allow_replica_migration && self.slots.importing.is_empty()
    }

    /// The first slot that `sender` claims though somebody else has it by a newer epoch, and who.
    pub(crate) fn overtaken_claim(&self, sender: NodeIndex, header: &Header) -> Option<(Slot, NodeIndex)> {
        slots_of(header.slots).find_map(|slot| {
            let owner = self.slots.owner(slot).filter(|owner| *owner != sender)?;
            let newer = self.nodes[owner].config_epoch > header.config_epoch;
            (newer && !self.slots.not_claimed.contains(slot)).then_some((slot, owner))
        })
    }

    /// Tells a sender whose claims were overtaken who serves the first such slot now.
    pub(crate) fn correct_stale_claims(&mut self, sender: NodeIndex, header: &Header) {
        if let Some((_, owner)) = self.overtaken_claim(sender, header) {
            self.log_verbose(format!(
                "Node {} has old slots configuration, sending an UPDATE message about {}",
                self.nodes[sender].id, self.nodes[owner].id
            ));
            self.send_update(sender, owner);
        }
    }

    /// UPDATE: someone knows a newer owner of slots this node claims or believes in.
    pub(crate) fn update_received(&mut self, about: base::NodeId, epoch: u64, slots: &SlotBits) {
        let Some(node) = self.nodes.find(about).filter(|node| *node != self.me) else { return };
        if self.nodes[node].config_epoch >= epoch || self.nodes[node].in_handshake() {
            return;
        }
        self.set_as_master(node);
        self.nodes[node].config_epoch = epoch;
        self.current_epoch = self.current_epoch.max(epoch);
        self.save_later(true);
        self.take_claims(node, epoch, slots);
        self.todo.update_state = true;
    }
}
