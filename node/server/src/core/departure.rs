//! Keys that go without a command: those whose time is over, found by the sweep, and evicted ones.
//!
//! Whoever listens to keys must hear of these as of a command's effects: WATCH, notifications, replicas.

use std::time::{Duration, Instant};

use commands::Class;

use crate::clock;
use crate::core::Core;

/// Cache lines of keys looked at between two looks at the clock.
const EXPIRE_LINES: usize = 64;
/// A slice that finds more expired keys than one in ten is worth another.
const EXPIRE_WORTH: usize = 10;
/// Allocations freed between two looks at the clock.
const FREE_STEP: usize = 256;

impl Core {
    /// `key` is gone, though no command deleted it: its time was over, or it was evicted.
    pub fn key_left(&mut self, key: &[u8], why: Class) {
        if why == Class::Expired {
            self.watch.expired(key);
            return self.propagate_expired(key);
        }
        self.watch.written(key);
        let lazy = self.config.keyspace.lazyfree_lazy_eviction;
        self.propagate(&[if lazy { b"UNLINK" } else { &b"DEL"[..] }, key]);
    }

    /// One slice of active expiry, at most about `limit` long; whether another is worth its time.
    pub fn expire_slice(&mut self, limit: Duration) -> bool {
        let start = Instant::now();
        let now_ms = clock::unix_ms();
        let (mut looked, mut expired) = (0, 0);
        while start.elapsed() < limit {
            let mut gone = Vec::new();
            let slice = self.keys.expire_slice(now_ms, EXPIRE_LINES, &mut |_, entry| gone.push(entry));
            looked += slice.looked;
            expired += slice.expired;
            for entry in gone {
                self.stats.expired_keys += 1;
                self.key_left(entry.key(), Class::Expired);
                self.garbage.push(entry);
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
