//! What `redis-cli --cluster fix` does once all is well again, and what must be true after it.
//!
//! A slot that is open somewhere is closed: one move with both ends goes on to its end, any other ends where it began. Slots
//! without an owner are not given one: no move may leave any.

use base::Slot;
use cluster::{Cluster, Owner, SetSlot};

use crate::moves::KEYS;
use crate::world::World;

impl World {
    /// Closes every slot on the move.
    pub fn fix_slots(&mut self) {
        for slot in self.moves.touched.clone().iter() {
            self.fix_slot(slot);
        }
    }

    fn masters_where(&self, is: impl Fn(&Cluster) -> bool) -> Vec<usize> {
        let holds = |brain: &Cluster| brain.myself().is_master() && is(brain);
        (0..self.nodes.len()).filter(|i| self.nodes[*i].cluster.as_ref().is_some_and(holds)).collect()
    }

    fn fix_slot(&mut self, slot: Slot) {
        let migrating = self.masters_where(|brain| brain.migrating_to(slot).is_some());
        let importing = self.masters_where(|brain| brain.importing_from(slot).is_some());
        let owners = self.masters_where(|brain| brain.owner(slot) == Owner::Me);
        let [owner] = owners[..] else { return };
        if migrating.is_empty() && importing.is_empty() {
            return;
        }
        let with_keys: Vec<usize> =
            self.masters_where(|_| true).into_iter().filter(|i| self.moves.count(*i, slot) > 0).collect();
        let heir = match (&migrating[..], &importing[..]) {
            ([from], [to]) if *from == owner && *to != owner => *to,
            _ => owner,
        };
        for from in with_keys.into_iter().filter(|from| *from != heir) {
            let keys: Vec<_> = KEYS
                .map(|key| (slot, key))
                .into_iter()
                .filter(|key| self.moves.keys[from].remove(key))
                .collect();
            self.moves.keys[heir].extend(keys);
            self.share_keys(from);
        }
        self.share_keys(heir);
        let id = self.nodes[heir].id;
        if heir != owner {
            let others = self.masters_where(|_| true).into_iter().filter(|i| *i != heir && *i != owner);
            for i in [heir, owner].into_iter().chain(others) {
                self.set_slot(i, slot, SetSlot::Node(id));
            }
        }
        for i in migrating.into_iter().chain(importing) {
            self.set_slot(i, slot, SetSlot::Stable);
        }
    }

    /// What moves have left behind that they must not.
    pub fn wrong_after_moves(&self) -> Option<String> {
        for (i, node) in self.nodes.iter().enumerate() {
            let Some(brain) = node.cluster.as_ref().filter(|brain| brain.myself().is_master()) else {
                continue;
            };
            if brain.has_open_slots() {
                return Some(format!("node {i} still has open slots: {}", brain.open_slots_text()));
            }
            let served = self.moves.touched.iter().filter(|slot| brain.owner(*slot) == Owner::Me);
            for slot in served.filter(|slot| !self.moves.untracked.contains(*slot)) {
                let found = self.moves.count(i, slot);
                if found < KEYS.len() as u64 {
                    let who: Vec<usize> =
                        (0..self.nodes.len()).filter(|i| self.moves.count(*i, slot) > 0).collect();
                    return Some(format!(
                        "node {i} serves slot {slot} with {found} of its {} keys; nodes with keys: {who:?}",
                        KEYS.len()
                    ));
                }
            }
        }
        None
    }
}
