//! Active expiry: finding keys whose time has come though nobody asks for them.
//!
//! Sampling keys at random, as Redis once did, wastes most looks where few keys expire; an ordering by time
//! costs memory for every key that has an expiry. Here a table's cells say which keys have one, or are hashes with
//! fields that do, so a walk round all slots that hold any reads eight cells a cache line and only the entries that
//! matter. The caller bounds each slice and sees how much it found.

use base::{SLOT_COUNT, Slot};

use super::Keyspace;
use super::slot_table::{Account, Measure, field_expiry};
use crate::entry::Entry;

/// A new observation moves the average TTL by one part in this many.
const TTL_WEIGHT: u64 = 50;

/// Where the walk is, and what it has learned.
#[derive(Default, Clone, Copy)]
pub(super) struct Sweep {
    slot: usize,
    cursor: u64,
    average_ttl_ms: u64,
    /// The walk over this slot has come upon a hash with fields that expire.
    saw_timed: bool,
}

/// What the sweep finds.
pub enum Overdue {
    /// A key whose time is over, taken out.
    Key(Entry),
    /// The key of a hash with fields whose time is over.
    Fields(Vec<u8>),
}

/// What one slice of active expiry did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ExpireSlice {
    /// Cache lines of cells walked; below the maximum asked for only when no key has an expiry.
    pub lines: usize,
    /// Keys whose expiry was looked at.
    pub looked: usize,
    /// Keys that were removed.
    pub expired: usize,
}

impl Keyspace {
    /// Walks at most `max_lines` cache lines of cells round robin over the slots that hold what expires, and hands
    /// out the keys whose time is before or at `now_ms`, already removed, and those with fields whose time is.
    pub fn expire_slice(
        &mut self,
        now_ms: u64,
        max_lines: usize,
        found: &mut impl FnMut(Slot, Overdue),
    ) -> ExpireSlice {
        let mut slice = ExpireSlice::default();
        let mut ttl_sum: u64 = 0;
        while slice.lines < max_lines {
            let Some(slot) = self.next_to_sweep() else { break };
            if slot.index() != self.sweep.slot || self.sweep.cursor == 0 {
                self.sweep = Sweep { slot: slot.index(), cursor: 0, saw_timed: false, ..self.sweep };
            }
            let slot_table = &mut self.slots[slot.index()];
            let mut account = Account { slot, counts: &mut slot_table.counts, totals: &mut self.totals };
            let mut timed: Vec<Vec<u8>> = Vec::new();
            let mut expired = |entry: &Entry| {
                let field_at = field_expiry(entry);
                self.sweep.saw_timed |= field_at.is_some();
                if field_at.is_some_and(|at| at <= now_ms) {
                    timed.push(entry.key().to_vec());
                }
                let Some(at) = entry.expire_at() else { return false };
                slice.looked += 1;
                let left = at.saturating_sub(now_ms);
                ttl_sum = ttl_sum.saturating_add(left);
                left == 0
            };
            self.sweep.cursor =
                slot_table.table.sweep_marked(self.sweep.cursor, &mut expired, &mut |entry| {
                    slice.expired += 1;
                    account.removed(Measure::of(&entry));
                    found(slot, Overdue::Key(entry));
                });
            timed.into_iter().for_each(|key| found(slot, Overdue::Fields(key)));
            if self.sweep.cursor == 0 {
                self.totals.timed.set(slot, self.sweep.saw_timed);
                self.sweep.slot = (self.sweep.slot + 1) % SLOT_COUNT;
            }
            slice.lines += 1;
        }
        self.sweep.learn(ttl_sum, slice.looked - slice.expired);
        slice
    }

    /// The first slot from where the sweep is that holds what expires, going round.
    fn next_to_sweep(&self) -> Option<Slot> {
        let from = self.sweep.slot;
        let distance = |slot: &Slot| (slot.index() + SLOT_COUNT - from) % SLOT_COUNT;
        let sets = [&self.totals.expiring, &self.totals.timed];
        sets.into_iter().filter_map(|set| set.next_around(from)).min_by_key(distance)
    }

    /// An estimate of how long keys with an expiry have yet to live: `avg_ttl` of INFO, in ms.
    pub fn average_ttl_ms(&self) -> u64 {
        if self.expires_len() == 0 { 0 } else { self.sweep.average_ttl_ms }
    }
}

impl Sweep {
    fn learn(&mut self, ttl_sum: u64, keys: usize) {
        let Some(seen) = ttl_sum.checked_div(keys as u64) else { return };
        self.average_ttl_ms = match self.average_ttl_ms {
            0 => seen,
            known => known - known / TTL_WEIGHT + seen / TTL_WEIGHT,
        };
    }
}
