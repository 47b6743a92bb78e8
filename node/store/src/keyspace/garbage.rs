//! What nobody can reach any more, freed a slice at a time.
//!
//! FLUSHALL, UNLINK of a large collection and a slot given away must answer at once, but freeing a million
//! allocations takes a good part of a second. The tables and entries end up here instead, and the core frees
//! some in its idle moments.

use std::collections::VecDeque;

use super::slot_table::SlotTable;
use crate::entry::Entry;
use crate::table::Table;

/// Elements of a collection that are freed in the time of a key, or of a few: a table gives them up by the segment.
const ELEMENTS: usize = 64;

/// Tables and entries to be freed. Dropping it frees the rest at once.
#[derive(Default)]
pub struct Garbage {
    tables: VecDeque<Table<Entry>>,
    entries: VecDeque<Entry>,
    pending: usize,
    freed: u64,
}

impl Garbage {
    /// Nothing to free.
    pub fn new() -> Garbage {
        Garbage::default()
    }

    /// Keys not yet freed: `lazyfree_pending_objects` of INFO.
    pub fn len(&self) -> usize {
        self.pending
    }

    /// Keys freed since the count began anew: `lazyfreed_objects` of INFO.
    pub fn freed(&self) -> u64 {
        self.freed
    }

    /// Begins to count freed keys anew.
    pub fn reset_freed(&mut self) {
        self.freed = 0;
    }

    /// Whether there is nothing to free.
    pub fn is_empty(&self) -> bool {
        self.pending == 0
    }

    /// Adds one key's entry.
    pub fn push(&mut self, entry: Entry) {
        self.pending += 1;
        self.entries.push_back(entry);
    }

    /// Adds a slot's keys.
    pub fn push_slot(&mut self, slot: SlotTable) {
        if !slot.is_empty() {
            self.pending += slot.len();
            self.tables.push_back(slot.table);
        }
    }

    /// Adds all of another one's.
    pub fn append(&mut self, mut other: Garbage) {
        self.pending += other.pending;
        self.tables.append(&mut other.tables);
        self.entries.append(&mut other.entries);
    }

    /// Frees about `count` keys, or as many times [`ELEMENTS`] elements of collections; true when nothing is left.
    pub fn free_some(&mut self, count: usize) -> bool {
        for _ in 0..count {
            if let Some(entry) = self.entries.front_mut() {
                if entry.drain(ELEMENTS) {
                    self.entries.pop_front();
                    self.pending -= 1;
                    self.freed += 1;
                }
            } else if let Some(table) = self.tables.front_mut() {
                self.entries.extend(table.take_some());
                if table.is_empty() {
                    self.tables.pop_front();
                }
            } else {
                break;
            }
        }
        self.is_empty()
    }
}
