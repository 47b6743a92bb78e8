//! Loading the memory that requests will need before they run.
//!
//! Keys lie anywhere in memory, and one cache miss after the other would cost more than the commands themselves. But
//! what will run soon is known: the requests of a pipeline, and those of all clients heard from in one round. So
//! each step on the way to their keys is taken for several at once: the slots, the cells, the entries.

use base::{Slot, key_slot};
use cluster::Owner;
use smallvec::SmallVec;

use crate::core::Core;

/// Most keys fetched at once: more would only drive each other from the cache.
pub const KEYS: usize = 16;

impl Core {
    /// Fetches what the first requests in these buffers will need, one buffer a client. A guess: a request of which
    /// only a part is there, or whose key is not its first argument, fetches nothing of use, and costs little.
    pub fn foresee<'a>(&self, received: impl Iterator<Item = &'a [u8]>) {
        self.fetch(received.filter_map(|bytes| resp::peek_key(bytes).map(|key| (key_slot(key), key))));
    }

    /// Asks for the memory in which these keys lie, at most [`KEYS`] of them.
    pub fn fetch<'a>(&self, keys: impl Iterator<Item = (Slot, &'a [u8])>) {
        let own = |slot| self.cluster.owner(slot) == Owner::Me;
        let keys: SmallVec<[_; KEYS]> = keys.take(KEYS).filter(|(slot, _)| own(*slot)).collect();
        keys.iter().for_each(|(slot, _)| self.keys.prefetch_slot(*slot));
        let cells: SmallVec<[_; KEYS]> =
            keys.iter().map(|(slot, key)| self.keys.prefetch(*slot, key)).collect();
        cells.into_iter().for_each(|key| self.keys.prefetch_entry(key));
    }
}
