//! A tool that moves a slot walks it: CLUSTER GETKEYSINSLOT for some keys, MIGRATE with just these, and so on until none is
//! left (`redis-cli --cluster reshard`, ten keys a step). With small keys the time goes into round trips, not into keys.
//!
//! So when a client shows that it walks, small keys that it would come to next go along with those it named, in the same
//! packet to the same server. To the tool the slot is just done sooner. It is no promise: a key that did not make it stays
//! here, and the walk comes to it. See `docs/adr/2026-11-29-slot-walk.md`.

use std::collections::HashSet;

use base::Slot;
use bytes::Bytes;

use super::Words;
use crate::core::Core;
use crate::core::blocking::SessionId;

/// Who asks for fewer keys may be interested in just these.
const STEP_MIN: usize = 10;
/// Most keys that go along with one step, their memory in bytes all together, and that of each: what takes time is the
/// client's to ask for.
const KEYS_MAX: usize = 1000;
const BYTES_MAX: usize = 256 * 1024;
const KEY_BYTES_MAX: usize = 4 * 1024;

/// The last step that somebody may be about to take.
pub struct Step {
    session: SessionId,
    slot: Slot,
    keys: Vec<Bytes>,
}

impl Core {
    /// CLUSTER GETKEYSINSLOT named `count` keys of `slot` to `session`.
    pub fn note_walk(&mut self, session: SessionId, slot: Slot, count: usize) {
        self.migrate.step = None;
        if count < STEP_MIN || self.cluster.migrating_to(slot).is_none() {
            return;
        }
        let mut keys = Vec::with_capacity(count);
        self.keys.keys_in_slot(slot, count, |entry| keys.push(Bytes::copy_from_slice(entry.key())));
        if keys.len() == count {
            self.migrate.step = Some(Step { session, slot, keys });
        }
    }

    /// What goes along with the keys of `words`, if they are the step that `session` was about to take.
    pub fn keys_ahead(&mut self, session: SessionId, words: &Words) -> Vec<Bytes> {
        let Some(step) = self.migrate.step.take() else { return Vec::new() };
        let is_step = step.session == session && step.slot == words.slot && step.keys == words.keys;
        if !is_step || words.copy || !self.goes_to(step.slot, &words.host, words.port) {
            return Vec::new();
        }
        let (named, mut bytes): (HashSet<&[u8]>, _) = (step.keys.iter().map(|key| &key[..]).collect(), 0);
        let mut ahead = Vec::new();
        self.keys.keys_in_slot(step.slot, named.len() + KEYS_MAX, |entry| {
            let memory = entry.memory_usage();
            let fits = memory <= KEY_BYTES_MAX && bytes + memory <= BYTES_MAX && !entry.is_over(self.now_ms);
            if fits && !named.contains(entry.key()) && !self.migrate.leaving.holds_key(entry.key()) {
                bytes += memory;
                ahead.push(Bytes::copy_from_slice(entry.key()));
            }
        });
        ahead
    }

    /// Whether `slot` is on its way to the node at this address.
    fn goes_to(&self, slot: Slot, host: &str, port: u16) -> bool {
        let target = self.cluster.migrating_to(slot).and_then(|node| self.cluster.node(node));
        target.is_some_and(|node| {
            let address = &node.address;
            address.ip == host && [address.ports.tcp, address.ports.tls].contains(&port)
        })
    }
}
