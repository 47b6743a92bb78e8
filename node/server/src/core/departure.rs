//! Keys that go without a command: those whose time is over, found by the sweep, and evicted ones.
//!
//! Whoever listens to keys must hear of these as of a command's effects: WATCH, notifications, replicas.

use std::time::{Duration, Instant};

use base::Slot;
use cluster::SlotSet;
use commands::Class;
use store::Overdue;
use store::types::Hash;

use crate::clock;
use crate::core::Core;
use crate::log::notice;

/// Cache lines of keys looked at between two looks at the clock.
const EXPIRE_LINES: usize = 64;
/// A slice that finds more expired keys than one in ten is worth another.
const EXPIRE_WORTH: usize = 10;
/// Fields of one hash deleted at once.
const FIELDS: usize = 256;
/// Keys freed between two looks at the clock, or as many segments of a collection (`Garbage::free_some`).
const FREE_STEP: usize = 8;

impl Core {
    /// `key`'s time was over: the sweep has deleted it.
    fn key_expired(&mut self, key: &[u8]) {
        self.stats.expired_keys += 1;
        self.effects.reset();
        self.effects.expire(key);
        self.tell_touched(None);
        self.propagate_expired(key);
    }

    /// `key` was evicted.
    pub fn key_evicted(&mut self, key: &[u8]) {
        self.stats.evicted_keys += 1;
        self.effects.reset();
        self.effects.modified(key);
        self.effects.notify(key, Class::Evicted, "evicted");
        self.tell_touched(None);
        let lazy = self.config.keyspace.lazyfree_lazy_eviction;
        self.propagate(&[if lazy { b"UNLINK" } else { &b"DEL"[..] }, key]);
    }

    /// Deletes the fields of the hash at `key` whose time is over, and the hash when none is left.
    fn expire_fields(&mut self, slot: Slot, key: &[u8], now_ms: u64) {
        if self.migrate.leaving.holds_key(key) {
            // It is being encoded, and must not change.
            return;
        }
        self.snapshots.before_look(&self.keys, Some(slot), now_ms);
        let mut entry = self.keys.get_mut(slot, key);
        let Some(hash) = entry.as_mut().and_then(|entry| entry.get_mut::<Hash>()) else { return };
        let mut fields = Vec::new();
        hash.expire_fields(now_ms, FIELDS, |field| fields.push(field.to_vec()));
        let empty = hash.is_empty();
        if let Some(entry) = entry.filter(|_| empty) {
            entry.remove();
        }
        self.stats.expired_fields += fields.len() as u64;
        self.effects.reset();
        self.effects.wrote(key, Class::Hash, "hexpired");
        if empty {
            self.effects.notify(key, Class::Generic, "del");
        }
        self.tell_touched(None);
        let words: Vec<&[u8]> =
            [b"HDEL", key].into_iter().chain(fields.iter().map(|field| &field[..])).collect();
        self.propagate(&words);
    }

    /// Deletes all keys of `slot`, which another node serves now.
    pub fn delete_slot(&mut self, slot: Slot) {
        if self.effects.recording {
            let mut keys = Vec::new();
            self.keys.keys_in_slot(slot, usize::MAX, |entry| keys.push(entry.key().to_vec()));
            let lazy = self.config.keyspace.lazyfree_lazy_server_del;
            keys.iter().for_each(|key| self.propagate(&[if lazy { b"UNLINK" } else { &b"DEL"[..] }, key]));
        }
        self.snapshots.before_slot_change(&self.keys, slot);
        let gone = self.keys.take_slot(slot);
        self.garbage.push_slot(gone);
    }

    /// Deletes what the master that this node replaced had of slots that never became its own.
    pub fn delete_strays(&mut self) {
        let Some(since) = self.replaced_at else { return };
        let mut with_keys = SlotSet::default();
        let slots =
            Slot::all().filter(|slot| self.keys.slot_len(*slot) > 0 && !self.importing.contains(*slot));
        slots.for_each(|slot| with_keys.extend(slot, slot));
        let strays = self.cluster.strays(&with_keys, since);
        if !strays.confirmed.is_empty() {
            let count = strays.confirmed.len();
            notice!("Deleting keys of {count} slots that were coming in to the old primary when it failed.");
        }
        strays.confirmed.into_iter().for_each(|slot| self.delete_slot(slot));
        if !strays.unsettled {
            self.replaced_at = None;
        }
    }

    /// One slice of active expiry, at most about `limit` long; whether another is worth its time.
    pub fn expire_slice(&mut self, limit: Duration) -> bool {
        let start = Instant::now();
        let now_ms = clock::unix_ms();
        let (mut looked, mut expired) = (0, 0);
        while start.elapsed() < limit {
            let mut found = Vec::new();
            let slice =
                self.keys.expire_slice(now_ms, EXPIRE_LINES, &mut |slot, what| found.push((slot, what)));
            looked += slice.looked;
            expired += slice.expired;
            for (slot, overdue) in found {
                match overdue {
                    Overdue::Key(entry) => {
                        self.snapshots.removed(slot, entry.view());
                        self.key_expired(entry.key());
                        // Freed later in slices, or right here (`lazyfree-lazy-expire no`).
                        if self.config.keyspace.lazyfree_lazy_expire {
                            self.garbage.push(entry);
                        }
                    }
                    Overdue::Fields(key) => self.expire_fields(slot, &key, now_ms),
                }
            }
            if slice.lines < EXPIRE_LINES {
                break;
            }
        }
        expired * EXPIRE_WORTH > looked
    }

    /// One slice of freeing, at most about `limit` long; true when nothing is left.
    pub fn free_slice(&mut self, limit: Duration) -> bool {
        let start = Instant::now();
        while !self.garbage.is_empty() && start.elapsed() < limit {
            self.garbage.free_some(FREE_STEP);
        }
        self.garbage.is_empty()
    }
}
