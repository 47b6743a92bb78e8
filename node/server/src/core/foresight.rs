//! Loading the memory that requests will need before they run.
//!
//! Keys lie anywhere in memory, and one cache miss after the other would cost more than the commands themselves. But
//! what will run soon is known: the requests of a pipeline, and those of all clients heard from in one round. So
//! each step on the way to what they need is taken for several at once: the slots, the cells, the entries, and in large
//! collections the cells and the elements.

use base::{Slot, key_slot};
use cluster::Owner;
use commands::Args;
use commands::table::{self, Found};
use smallvec::SmallVec;

use crate::core::Core;
use crate::route::Keys;

/// Most requests looked ahead to at once: more would only drive each other's memory from the cache.
pub const REQUESTS: usize = 16;

/// What a request will look for.
pub struct Need<'a> {
    slot: Slot,
    key: &'a [u8],
    /// An element of the collection at the key.
    element: Option<&'a [u8]>,
}

impl<'a> Need<'a> {
    /// What any request on `key` needs.
    pub fn of_key(slot: Slot, key: &'a [u8]) -> Need<'a> {
        Need { slot, key, element: None }
    }

    /// What the request `args` needs, whose row is `found` and whose keys are in `keys`.
    #[inline]
    pub fn of(found: Found, keys: Keys, args: &Args<'a>) -> Option<Need<'a>> {
        let Keys::In(slot) = keys else { return None };
        let key = table::first_key(found.command, args)?;
        let element = match found.command.element {
            0 => None,
            index => args.get(index).copied(),
        };
        Some(Need { slot, key, element })
    }
}

impl Core {
    /// Fetches what the first requests in these buffers will need, one buffer a client. A guess: a request of which
    /// only a part is there, or whose key is not its first argument, fetches nothing of use, and costs little.
    pub fn foresee<'a>(&self, received: impl Iterator<Item = &'a [u8]>) {
        self.fetch(received.filter_map(|bytes| {
            let key = resp::peek_key(bytes)?;
            Some(Need::of_key(key_slot(key), key))
        }));
    }

    /// Asks for the memory in which all this lies, at most [`REQUESTS`] of them.
    pub fn fetch<'a>(&self, needs: impl Iterator<Item = Need<'a>>) {
        let own = |need: &Need<'_>| self.cluster.owner(need.slot) == Owner::Me;
        let needs: SmallVec<[_; REQUESTS]> = needs.take(REQUESTS).filter(own).collect();
        needs.iter().for_each(|need| self.keys.prefetch_slot(need.slot));
        let cells: SmallVec<[_; REQUESTS]> =
            needs.iter().map(|need| self.keys.prefetch(need.slot, need.key)).collect();
        cells.into_iter().for_each(|key| self.keys.prefetch_entry(key));
        if needs.iter().any(|need| need.element.is_some()) {
            self.fetch_elements(&needs);
        }
    }

    /// The same for elements of collections that are tables.
    fn fetch_elements(&self, needs: &[Need<'_>]) {
        let load_cells = |need: &Need<'_>| {
            let element = need.element?;
            let table = self.keys.get(need.slot, need.key)?.elements()?;
            Some((table, table.load_cells(element)))
        };
        let cells: SmallVec<[_; REQUESTS]> = needs.iter().filter_map(load_cells).collect();
        cells.into_iter().for_each(|(table, hash)| table.load_item(hash));
    }
}
