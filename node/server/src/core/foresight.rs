//! Loading the memory that requests will need before they run.
//!
//! Keys lie anywhere in memory, and one cache miss after the other would cost more than the commands themselves. But
//! what will run soon is known: the requests of a pipeline, and those of all clients heard from in one round. So
//! each step on the way to what they need is taken for several at once: the slots, the cells, the entries, and in large
//! collections the cells and the elements.

use base::{Slot, key_slot};
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

    /// What the request of these words needs, whose row is `found` and whose keys are in `keys`.
    #[inline]
    pub fn of(found: Found, keys: Keys, words: &[&'a [u8]]) -> Option<Need<'a>> {
        let Keys::In(slot) = keys else { return None };
        let key = table::first_key(found.command, words)?;
        let element = match found.command.element {
            0 => None,
            index => words.get(index).copied(),
        };
        Some(Need { slot, key, element })
    }
}

/// What the next requests need, in their order; at most [`REQUESTS`].
#[derive(Default)]
pub struct Needs<'a>(SmallVec<[Need<'a>; REQUESTS]>);

impl Core {
    /// Fetches what the first requests in these buffers will need, one buffer a client. A guess: a request of which
    /// only a part is there, or whose key is not its first argument, fetches nothing of use, and costs little.
    pub fn foresee<'a>(&self, received: impl Iterator<Item = &'a [u8]>) {
        let mut needs = Needs::default();
        for key in received.filter_map(resp::peek_key) {
            self.note_need(&mut needs, Need::of_key(key_slot(key), key));
        }
        self.fetch(&needs);
    }

    /// The first step, to be taken for each request as soon as it is read: what is done until the next step is time
    /// for the memory to come. What there is no room for, or is not here, is not noted; of the latter it will be asked who has
    /// it.
    #[inline]
    pub fn note_need<'a>(&self, needs: &mut Needs<'a>, need: Need<'a>) {
        if !self.cluster.serves(need.slot) {
            self.cluster.prefetch_owner(need.slot);
        } else if needs.0.len() < REQUESTS {
            self.keys.prefetch_slot(need.slot);
            needs.0.push(need);
        }
    }

    /// The other steps, for all that was noted.
    #[inline]
    pub fn fetch(&self, needs: &Needs<'_>) {
        let mut cells: SmallVec<[_; REQUESTS]> = SmallVec::new();
        let mut elements = false;
        for need in &needs.0 {
            cells.push(self.keys.prefetch(need.slot, need.key));
            elements |= need.element.is_some();
        }
        cells.into_iter().for_each(|key| self.keys.prefetch_entry(key));
        if elements {
            self.fetch_elements(&needs.0);
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
