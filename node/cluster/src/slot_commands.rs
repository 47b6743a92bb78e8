//! Commands that assign slots by hand: ADDSLOTS, DELSLOTS, their RANGE forms, FLUSHSLOTS and SETSLOT.

use base::{NodeId, Slot};

use crate::command_error::CommandError;
use crate::effects::Save;
use crate::node::NodeIndex;
use crate::slot_set::SlotSet;
use crate::slots::Owner;
use crate::state::Cluster;

/// What CLUSTER SETSLOT does to a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetSlot {
    /// MIGRATING: this node gives the slot to that one.
    Migrating(NodeId),
    /// IMPORTING: this node takes the slot from that one.
    Importing(NodeId),
    /// STABLE: the slot is not on the move.
    Stable,
    /// NODE: that node serves the slot.
    Node(NodeId),
}

impl Cluster {
    /// ADDSLOTS and ADDSLOTSRANGE: takes all of these slots, or none.
    ///
    /// # Errors
    /// A slot has an owner, is named twice, or a range runs backwards.
    pub fn add_slots(&mut self, ranges: &[(Slot, Slot)], now: u64) -> Result<(), CommandError> {
        let free = |cluster: &Cluster, slot| match cluster.owner(slot) {
            Owner::None => Ok(()),
            _ => Err(CommandError::SlotBusy(slot)),
        };
        for slot in self.checked_slots(ranges, free)?.iter() {
            self.slots.importing.remove(&slot);
            self.slots.bind(&mut self.nodes, slot, self.me);
        }
        self.slots_changed(now);
        Ok(())
    }

    /// DELSLOTS and DELSLOTSRANGE: forgets who serves these slots, of all or of none.
    ///
    /// # Errors
    /// A slot has no owner, is named twice, or a range runs backwards.
    pub fn del_slots(&mut self, ranges: &[(Slot, Slot)], now: u64) -> Result<(), CommandError> {
        let bound = |cluster: &Cluster, slot| match cluster.owner(slot) {
            Owner::None => Err(CommandError::SlotUnassigned(slot)),
            _ => Ok(()),
        };
        for slot in self.checked_slots(ranges, bound)?.iter() {
            self.slots.importing.remove(&slot);
            self.slots.unbind(&mut self.nodes, slot);
        }
        self.slots_changed(now);
        Ok(())
    }

    fn checked_slots(
        &self,
        ranges: &[(Slot, Slot)],
        check: impl Fn(&Cluster, Slot) -> Result<(), CommandError>,
    ) -> Result<SlotSet, CommandError> {
        let mut named = SlotSet::default();
        for &(first, last) in ranges {
            if first > last {
                return Err(CommandError::BadRange(first, last));
            }
            for slot in (first.number()..=last.number()).filter_map(Slot::new) {
                check(self, slot)?;
                if !named.insert(slot) {
                    return Err(CommandError::SlotRepeated(slot));
                }
            }
        }
        Ok(named)
    }

    /// FLUSHSLOTS: this node serves no slot any more.
    ///
    /// # Errors
    /// It still has keys.
    pub fn flush_slots(&mut self, has_keys: bool, now: u64) -> Result<(), CommandError> {
        if has_keys {
            return Err(CommandError::FlushSlotsWithKeys);
        }
        self.slots.unbind_all(&mut self.nodes, self.me);
        self.slots_changed(now);
        Ok(())
    }

    fn slots_changed(&mut self, now: u64) {
        self.todo.update_state = true;
        self.save_later(false);
        self.finish(now);
    }

    /// Checks a SETSLOT without doing it: a master replicates the command to its replicas before it obeys.
    ///
    /// # Errors
    /// As Redis has them; see [`CommandError`]. `from_master` says that the command came by replication.
    pub fn check_set_slot(
        &self,
        slot: Slot,
        action: SetSlot,
        keys_in_slot: u64,
        from_master: bool,
    ) -> Result<(), CommandError> {
        if self.myself().is_replica() && !from_master {
            return Err(CommandError::SetSlotOnReplica);
        }
        let mine = self.owner(slot) == Owner::Me;
        match action {
            SetSlot::Migrating(_) if self.myself().is_master() && !mine => {
                return Err(CommandError::NotTheOwner(slot));
            }
            SetSlot::Importing(_) if mine => return Err(CommandError::AlreadyTheOwner(slot)),
            _ => {}
        }
        let other = match action {
            SetSlot::Stable => return Ok(()),
            SetSlot::Migrating(id) | SetSlot::Importing(id) => {
                self.nodes.find(id).ok_or_else(|| CommandError::DontKnowNode(id.to_string()))?
            }
            SetSlot::Node(id) => {
                self.nodes.find(id).ok_or_else(|| CommandError::UnknownNode(id.to_string()))?
            }
        };
        if self.nodes[other].is_replica() {
            return Err(CommandError::TargetNotAMaster);
        }
        if matches!(action, SetSlot::Node(_)) && mine && other != self.me && keys_in_slot > 0 {
            return Err(CommandError::SlotHasKeys(slot));
        }
        Ok(())
    }

    /// CLUSTER SETSLOT.
    ///
    /// # Errors
    /// Those of [`Cluster::check_set_slot`].
    pub fn set_slot(
        &mut self,
        slot: Slot,
        action: SetSlot,
        keys_in_slot: u64,
        from_master: bool,
        now: u64,
    ) -> Result<(), CommandError> {
        self.check_set_slot(slot, action, keys_in_slot, from_master)?;
        let find = |cluster: &Cluster, id| cluster.nodes.find(id).expect("checked above");
        match action {
            SetSlot::Migrating(id) => {
                let to = find(self, id);
                self.log_notice(format!("Migrating slot {slot} to node {}", self.nodes[to].label()));
                self.slots.migrating.insert(slot, to);
                self.slots.taken_over.remove(&slot);
            }
            SetSlot::Importing(id) => {
                let from = find(self, id);
                self.log_notice(format!("Importing slot {slot} from node {}", self.nodes[from].label()));
                self.slots.importing.insert(slot, from);
            }
            SetSlot::Stable => {
                self.log_notice(format!("Marking slot {slot} stable"));
                self.slots.importing.remove(&slot);
                self.slots.migrating.remove(&slot);
            }
            SetSlot::Node(id) => {
                let owner = find(self, id);
                self.assign_slot(slot, owner, keys_in_slot, now);
            }
        }
        // Keys will leave a slot that is on the move, so who forgot that it is would not find them again. But a reshard has
        // thousands of these words, and waits for none of them: as Redis, it takes a crash of the machine to lose one.
        self.todo.keep(Save::Synced);
        self.slots_changed(now);
        Ok(())
    }

    /// SETSLOT NODE: the end of a migration on either side.
    fn assign_slot(&mut self, slot: Slot, owner: NodeIndex, keys_in_slot: u64, now: u64) {
        let (label, shard) = (self.nodes[owner].label(), self.nodes[owner].shard_id);
        self.log_notice(format!("Assigning slot {slot} to node {label} in shard {shard}"));
        if keys_in_slot == 0 {
            self.slots.migrating.remove(&slot);
        }
        let my_master = self.my_master();
        let giver = self.slots.owner(slot).filter(|giver| *giver != my_master);
        let was_mine = self.slots.owner(slot) == Some(my_master);
        self.slots.rebind(&mut self.nodes, slot, owner);
        let emptied = was_mine && self.nodes[my_master].slots.is_empty() && owner != my_master;
        if emptied && self.may_follow_slots() {
            self.log_notice(format!(
                "Lost my last slot during slot migration. Reconfiguring myself as a replica of {label} in shard {shard}"
            ));
            if owner != self.me {
                self.become_replica_of(owner, true, true);
            }
        } else if emptied && self.myself().is_master() {
            self.log_notice(format!(
                "My last slot was migrated to node {label} in shard {shard}. I am now an empty primary."
            ));
        }
        if owner == self.my_master() && self.slots.importing.remove(&slot).is_some() {
            if let Some(giver) = giver {
                self.slots.taken_over.insert(slot, (giver, now));
            }
            if owner == self.me {
                // A new epoch lets the others believe the new owner rather than the old one.
                if self.bump_epoch() {
                    self.log_notice(format!("ConfigEpoch updated after importing slot {slot}"));
                }
                self.broadcast_pong(now);
            }
        }
    }
}
