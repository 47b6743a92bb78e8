//! All keys of one core: a table per slot.
//!
//! One big table would make everything that is about a slot (COUNTKEYSINSLOT, handing a slot over, flushing
//! it) a walk over all keys, or need a second index of them. With 16384 small tables a slot *is* a table, and
//! moves between cores as one. What a single table gave for free, counts and fair random keys over
//! everything, comes from sums kept beside: see `fenwick`.
//!
//! Expiry is data here, not behaviour: a key whose time has come is still found, and the caller, who has the
//! clock, decides what it sees.

mod expire;
mod fenwick;
mod garbage;
mod handle;
mod slot_set;
mod slot_table;
#[cfg(test)]
mod tests;
mod walk;

use std::mem;

use base::{SLOT_COUNT, Slot, prefetch};

pub use expire::{ExpireSlice, Overdue};
pub use garbage::Garbage;
pub use handle::{EntryMut, KeyLookup, KeyVacancy};
pub use slot_set::SlotSet;
pub use slot_table::SlotTable;

use crate::entry::{Entry, EntryRef};
use crate::table::{LoadAhead, Lookup};
use crate::value::Value;
use expire::Sweep;
use slot_table::{Account, Totals};

/// All keys of one core. Slots of other cores are simply empty in it.
pub struct Keyspace {
    slots: Box<[SlotTable]>,
    totals: Totals,
    sweep: Sweep,
}

/// What [`Keyspace::set`] did.
pub enum Stored {
    /// The key is new.
    New,
    /// The key was there, and its old value was overwritten.
    InPlace,
    /// The key was there: its old entry, perhaps to be freed lazily.
    Replaced(Entry),
}

/// A key that is on its way into the CPU's caches.
#[derive(Clone, Copy)]
pub struct Prefetched {
    slot: Slot,
    hash: u64,
}

impl Default for Keyspace {
    fn default() -> Self {
        Keyspace::new()
    }
}

impl Keyspace {
    /// A keyspace without keys.
    pub fn new() -> Keyspace {
        let slots = Slot::all().map(|_| SlotTable::default()).collect();
        Keyspace { slots, totals: Totals::new(), sweep: Sweep::default() }
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.totals.keys.total() as usize
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of keys that have an expiry.
    pub fn expires_len(&self) -> usize {
        self.totals.expires
    }

    /// Whether there may be keys, or fields of hashes, that expire.
    pub fn may_expire(&self) -> bool {
        self.totals.expires > 0 || self.totals.timed.next_around(0).is_some()
    }

    /// Bytes of all entries: keys, headers, strings; not what collections hold, nor the tables' cells.
    pub fn bytes(&self) -> usize {
        self.totals.bytes
    }

    /// Number of keys in `slot`.
    pub fn slot_len(&self, slot: Slot) -> usize {
        self.slots[slot.index()].len()
    }

    /// Number of keys in `slot` that have an expiry.
    pub fn slot_expires(&self, slot: Slot) -> usize {
        self.slots[slot.index()].expires()
    }

    /// A slot's keys and counters.
    pub fn slot(&self, slot: Slot) -> &SlotTable {
        &self.slots[slot.index()]
    }

    /// Whether hashes may have fields that expire.
    pub fn has_timed_fields(&self) -> bool {
        self.totals.timed.next(0).is_some()
    }

    /// Bytes of the tables themselves, cells and counters, without the entries.
    pub fn table_bytes(&self) -> usize {
        let cells: usize = self.slots.iter().map(|slot| slot.table.memory_bytes()).sum();
        cells + SLOT_COUNT * (mem::size_of::<SlotTable>() + mem::size_of::<u64>())
    }

    /// First of three steps that overlap the cache misses of a batch of commands: call it with each slot, then
    /// [`Keyspace::prefetch`] with each key, [`Keyspace::prefetch_entry`] with each result, then carry the commands
    /// out.
    #[inline]
    pub fn prefetch_slot(&self, slot: Slot) {
        prefetch::read(&self.slots[slot.index()]);
    }

    /// Second step, see [`Keyspace::prefetch_slot`].
    #[inline]
    pub fn prefetch(&self, slot: Slot, key: &[u8]) -> Prefetched {
        Prefetched { slot, hash: self.slots[slot.index()].table.load_cells(key) }
    }

    /// Third step, see [`Keyspace::prefetch_slot`].
    #[inline]
    pub fn prefetch_entry(&self, key: Prefetched) {
        self.slots[key.slot.index()].table.load_item(key.hash);
    }

    /// The key's entry, expired or not.
    #[inline]
    pub fn get(&self, slot: Slot, key: &[u8]) -> Option<EntryRef<'_>> {
        self.slots[slot.index()].table.get(key).map(EntryRef::from)
    }

    /// The key's entry, expired or not, to change.
    #[inline]
    pub fn get_mut(&mut self, slot: Slot, key: &[u8]) -> Option<EntryMut<'_>> {
        match self.lookup(slot, key) {
            KeyLookup::Found(entry) => Some(entry),
            KeyLookup::Vacant(_) => None,
        }
    }

    /// The key's entry, or the place to put one: one search for both.
    #[inline(always)]
    pub fn lookup(&mut self, slot: Slot, key: &[u8]) -> KeyLookup<'_> {
        let SlotTable { table, counts } = &mut self.slots[slot.index()];
        let account = Account { slot, counts, totals: &mut self.totals };
        match table.lookup(key) {
            Lookup::Found(entry) => KeyLookup::Found(EntryMut { entry, account }),
            Lookup::Vacant(vacancy) => KeyLookup::Vacant(KeyVacancy { vacancy, account }),
        }
    }

    /// Sets the key to `value`, expiring at `expire_ms` (unix time in ms) if at all.
    #[inline]
    pub fn set(&mut self, slot: Slot, key: &[u8], value: Value<'_>, expire_ms: Option<u64>) -> Stored {
        match self.lookup(slot, key) {
            KeyLookup::Found(mut entry) => match entry.overwrite(value, expire_ms) {
                Some(old) => Stored::Replaced(old),
                None => Stored::InPlace,
            },
            KeyLookup::Vacant(vacancy) => {
                vacancy.insert(Entry::new(key, value, expire_ms));
                Stored::New
            }
        }
    }

    /// Puts an entry under its own key, and returns the one that it replaces. To rename a key:
    /// [`Keyspace::remove`], [`Entry::rename`], `put`.
    pub fn put(&mut self, slot: Slot, entry: Entry) -> Option<Entry> {
        match self.lookup(slot, entry.key()) {
            KeyLookup::Found(mut found) => Some(found.replace(entry)),
            KeyLookup::Vacant(vacancy) => {
                vacancy.insert(entry);
                None
            }
        }
    }

    /// Takes the key out.
    pub fn remove(&mut self, slot: Slot, key: &[u8]) -> Option<Entry> {
        Some(self.get_mut(slot, key)?.remove())
    }

    /// Sets or clears when the key expires, unix time in ms; false when there is no such key.
    pub fn set_expire(&mut self, slot: Slot, key: &[u8], expire_ms: Option<u64>) -> bool {
        self.get_mut(slot, key).map(|mut entry| entry.set_expire(expire_ms)).is_some()
    }

    /// Takes all keys of a slot out, without a copy: to hand them to another core, or to
    /// [free](Garbage::push_slot) them.
    pub fn take_slot(&mut self, slot: Slot) -> SlotTable {
        self.swap_slot(slot, SlotTable::default())
    }

    /// Puts a slot's keys in, and returns those that were there before.
    pub fn put_slot(&mut self, slot: Slot, table: SlotTable) -> SlotTable {
        self.swap_slot(slot, table)
    }

    fn swap_slot(&mut self, slot: Slot, new: SlotTable) -> SlotTable {
        let totals = &mut self.totals;
        let old = mem::replace(&mut self.slots[slot.index()], new);
        let new = &self.slots[slot.index()];
        totals.keys.add(slot, new.len() as i64 - old.len() as i64);
        totals.expires = totals.expires + new.expires() - old.expires();
        totals.bytes = totals.bytes + new.bytes() - old.bytes();
        totals.expiring.set(slot, new.expires() > 0);
        // Whether it has hashes with such fields, the sweep will see.
        totals.timed.set(slot, !new.is_empty());
        old
    }

    /// Takes all keys out, to be freed in slices.
    pub fn take_all(&mut self) -> Garbage {
        let mut garbage = Garbage::new();
        let all = mem::take(self);
        all.slots.into_iter().for_each(|slot| garbage.push_slot(slot));
        garbage
    }
}
