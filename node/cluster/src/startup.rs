//! Do the keys that are here agree with the slots?
//!
//! After a start they may not, when the files are of different ages. Keys of a slot that nobody serves give this node
//! that slot; keys of a slot that another node serves are not this node's any more. A slot being imported may well
//! have keys.
//!
//! After a failover they may not, when slots were coming in to the old master as a whole: its replica has what came, and
//! nobody sends the rest.

use base::Slot;

use crate::effects::Effect;
use crate::slot_set::SlotSet;
use crate::slots::Owner;
use crate::state::Cluster;

impl Cluster {
    /// To be called once, after loading the data set: `with_keys` are the slots that have keys.
    pub fn reconcile_keys(&mut self, with_keys: &SlotSet, now: u64) {
        if self.myself().is_replica() {
            return; // Its master's stream is what counts.
        }
        let mut foreign: Vec<Slot> = Vec::new();
        for slot in with_keys.iter() {
            match self.owner(slot) {
                Owner::Me => {}
                _ if self.importing_from(slot).is_some() => {}
                Owner::None => {
                    self.log_notice(format!(
                        "I have keys for unassigned slot {slot}. Taking responsibility for it."
                    ));
                    self.slots.bind(&mut self.nodes, slot, self.me);
                    self.todo.update_state = true;
                    self.save_later(true);
                }
                Owner::Node(_) => {
                    self.log_notice(format!(
                        "I have keys for slot {slot}, but the slot is assigned to another node. Deleting keys \
                         in the slot."
                    ));
                    foreign.push(slot);
                }
            }
        }
        if !foreign.is_empty() {
            self.effects.push_back(Effect::DeleteKeys(foreign));
        }
        self.finish(now);
    }

    /// Which of the slots `with_keys` another node serves, though this one, master since `since`, has keys of them. Only
    /// what such a node has said since counts: it may have given the slot to the old master with its last breath.
    pub fn strays(&self, with_keys: &SlotSet, since: u64) -> Strays {
        let mut strays = Strays::default();
        for slot in with_keys.iter().filter(|slot| self.importing_from(*slot).is_none()) {
            let Owner::Node(owner) = self.owner(slot) else { continue };
            let owner = &self.nodes[owner];
            let heard = owner.sibling || owner.data_received > since;
            if heard && !owner.is_unreachable() && !self.slots.not_claimed.contains(slot) {
                strays.confirmed.push(slot);
            } else {
                strays.unsettled = true;
            }
        }
        strays
    }
}

/// Slots that have keys at a node that does not serve them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Strays {
    /// Another node does, by its own word.
    pub confirmed: Vec<Slot>,
    /// There are others, of which it is not known yet.
    pub unsettled: bool,
}
