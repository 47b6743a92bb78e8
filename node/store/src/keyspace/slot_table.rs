//! One slot's keys, and the counters that are kept for them.

use base::Slot;

use super::fenwick::Fenwick;
use super::slot_set::SlotSet;
use crate::entry::{Entry, EntryRef};
use crate::table::Table;
use crate::types::Hash;

/// One slot's keys: what moves when a slot changes cores. Marked in the table are those that expire, and hashes
/// with fields that do.
#[derive(Default)]
pub struct SlotTable {
    pub(super) table: Table<Entry>,
    pub(super) counts: Counts,
}

/// What a slot counts beside its keys.
#[derive(Default, Clone, Copy)]
pub(super) struct Counts {
    pub(super) expires: usize,
    pub(super) bytes: usize,
}

impl SlotTable {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Number of keys that have an expiry.
    pub fn expires(&self) -> usize {
        self.counts.expires
    }

    /// Bytes of the entries: keys, headers, strings; not what collections hold, nor the table's cells.
    pub fn bytes(&self) -> usize {
        self.counts.bytes
    }

    /// Every entry.
    pub fn iter(&self) -> impl Iterator<Item = EntryRef<'_>> {
        self.table.iter().map(EntryRef::from)
    }
}

/// The sums over all slots.
pub(super) struct Totals {
    pub(super) keys: Fenwick,
    /// The slots that have keys with an expiry.
    pub(super) expiring: SlotSet,
    /// Slots that may have hashes with fields that expire.
    pub(super) timed: SlotSet,
    pub(super) expires: usize,
    pub(super) bytes: usize,
}

/// When the first field of a hash expires, if any does.
pub(super) fn field_expiry(entry: &Entry) -> Option<u64> {
    entry.get::<Hash>().and_then(Hash::next_expiry)
}

impl Totals {
    pub(super) fn new() -> Totals {
        Totals { keys: Fenwick::new(), expiring: SlotSet::new(), timed: SlotSet::new(), expires: 0, bytes: 0 }
    }
}

/// The counters that a change in one slot touches.
pub(super) struct Account<'a> {
    pub(super) slot: Slot,
    pub(super) counts: &'a mut Counts,
    pub(super) totals: &'a mut Totals,
}

/// What an entry adds to the counters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Measure {
    bytes: usize,
    expires: bool,
}

impl Measure {
    pub(super) fn of(entry: &Entry) -> Measure {
        Measure { bytes: entry.size(), expires: entry.expire_at().is_some() }
    }
}

impl Account<'_> {
    /// Whether the entry is to be marked in the slot's table.
    #[inline]
    pub(super) fn marks(&mut self, entry: &Entry) -> bool {
        let timed = field_expiry(entry).is_some();
        if timed {
            self.totals.timed.set(self.slot, true);
        }
        timed || entry.expire_at().is_some()
    }

    pub(super) fn added(&mut self, entry: Measure) {
        self.totals.keys.add(self.slot, 1);
        self.came(entry);
    }

    pub(super) fn removed(&mut self, entry: Measure) {
        self.totals.keys.add(self.slot, -1);
        self.went(entry);
    }

    /// Another entry, or a changed one, has taken an entry's place.
    pub(super) fn replaced(&mut self, before: Measure, after: Measure) {
        if before != after {
            self.came(after);
            self.went(before);
        }
    }

    fn came(&mut self, entry: Measure) {
        self.counts.bytes += entry.bytes;
        self.totals.bytes += entry.bytes;
        if entry.expires {
            self.counts.expires += 1;
            self.totals.expires += 1;
            self.totals.expiring.set(self.slot, true);
        }
    }

    fn went(&mut self, entry: Measure) {
        self.counts.bytes -= entry.bytes;
        self.totals.bytes -= entry.bytes;
        if entry.expires {
            self.counts.expires -= 1;
            self.totals.expires -= 1;
            self.totals.expiring.set(self.slot, self.counts.expires > 0);
        }
    }
}
