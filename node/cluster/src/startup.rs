//! After a start: do the keys found on disk agree with the slots of `nodes.conf`?
//!
//! They may not, when the files are of different ages. Keys of a slot that nobody serves give this node that
//! slot; keys of a slot that another node serves are not this node's any more. A slot being imported may well
//! have keys.

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
}
