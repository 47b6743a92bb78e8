//! Reading many keys: SCAN, RANDOMKEY, GETKEYSINSLOT, and walks over everything.

use base::{SLOT_COUNT, Slot};

use super::Keyspace;
use crate::entry::{Entry, EntryRef};
use crate::table::{CURSOR_BITS, Cursor};

/// Low bits of a cursor that name the slot, as in Redis's cluster mode.
const SLOT_BITS: u32 = SLOT_COUNT.ilog2();

/// Keys tried for one that expires before settling for a less fair one.
const FAIR_TRIES: usize = 8;

// A cursor stays positive for clients that read it as a signed number.
const _: () = assert!(SLOT_BITS + CURSOR_BITS <= 63);

impl Keyspace {
    /// Calls `emit` with a few keys and returns the cursor to go on with; 0 is both the start and the end.
    /// Keys there from the first call to the last come at least once (command page of SCAN, "Scan
    /// guarantees"). Any number is a valid cursor.
    pub fn scan(&self, cursor: u64, emit: &mut impl FnMut(&Entry)) -> u64 {
        let from = cursor as usize % SLOT_COUNT;
        let Some(slot) = self.totals.keys.next_filled(from) else { return 0 };
        let in_slot = if slot.index() == from { cursor >> SLOT_BITS } else { 0 };
        let next = self.scan_slot(slot, in_slot, emit);
        if next != 0 {
            return next << SLOT_BITS | u64::from(slot.number());
        }
        self.totals.keys.next_filled(slot.index() + 1).map_or(0, |slot| u64::from(slot.number()))
    }

    /// As [`Keyspace::scan`] for the keys of one slot; the cursors are not the same ones.
    pub fn scan_slot(&self, slot: Slot, cursor: Cursor, emit: &mut impl FnMut(&Entry)) -> Cursor {
        self.slots[slot.index()].table.scan(cursor, emit)
    }

    /// The keys of a slot, some at a time and each exactly once: see [`Table::walk`](crate::table::Table::walk).
    pub fn walk_slot(&self, slot: Slot, from: u64, emit: &mut impl FnMut(&Entry)) -> Option<u64> {
        self.slots[slot.index()].table.walk(from, emit)
    }

    /// The first slot from `from` (0 to 16384) on that holds keys.
    pub fn next_filled_slot(&self, from: usize) -> Option<Slot> {
        self.totals.keys.next_filled(from)
    }

    /// A key, each as likely as any other. `random` supplies 64 random bits a call.
    pub fn random_key(&self, random: &mut impl FnMut() -> u64) -> Option<(Slot, EntryRef<'_>)> {
        let rank = (u128::from(random()) * u128::from(self.totals.keys.total())) >> 64;
        let slot = self.totals.keys.slot_of(rank as u64)?;
        let entry = self.slots[slot.index()].table.random(random)?;
        Some((slot, entry.into()))
    }

    /// A key that has an expiry, for eviction's samples: fair where they are common. Where they are rare,
    /// the first one after a random place.
    pub fn random_expiring_key(&self, random: &mut impl FnMut() -> u64) -> Option<(Slot, EntryRef<'_>)> {
        let mut slot = self.totals.expiring.next_around(random() as usize % SLOT_COUNT)?;
        for _ in 0..FAIR_TRIES {
            let (tried, entry) = self.random_key(random)?;
            if entry.expire_at().is_some() {
                return Some((tried, entry));
            }
            if self.slot_expires(tried) > 0 {
                slot = tried;
            }
        }
        // A marked key may be a hash of which only fields expire: rare, so the next try finds another.
        let table = &self.slots[slot.index()].table;
        let mut tries = (0..FAIR_TRIES).filter_map(|_| table.random_marked(random));
        let entry = tries.find(|entry| entry.expire_at().is_some())?;
        Some((slot, entry.into()))
    }

    /// Calls `emit` with up to `max` keys of a slot.
    pub fn keys_in_slot(&self, slot: Slot, max: usize, emit: impl FnMut(EntryRef<'_>)) {
        self.slots[slot.index()].iter().take(max).for_each(emit);
    }

    /// Every key of every slot.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, EntryRef<'_>)> {
        Slot::all().flat_map(|slot| self.slots[slot.index()].iter().map(move |entry| (slot, entry)))
    }
}
