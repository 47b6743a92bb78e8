//! How much memory a core and its process use, and whether that is too much.
//!
//! Each core counts its own (`allocator`) and publishes the figure once a round, so that every core can sum the
//! process up without asking anybody. `maxmemory` is for the process. Above it, cores that hold more than an even
//! share must give way and the others need not: so one core may use all of it as long as no sibling wants its part,
//! and gets no less than its part when all want theirs. Siblings give way within a cron round; a core that outgrows
//! the limit by more than [`PATIENCE`] in between does not wait for them.

use std::sync::atomic::Ordering;

use crate::allocator;
use crate::core::Core;

/// A core within its share waits for its siblings to give way up to one part in so many above the limit.
const PATIENCE: u64 = 64;

impl Core {
    /// Memory of this core, in bytes.
    pub fn used_memory(&self) -> u64 {
        allocator::held_bytes().max(0) as u64
    }

    /// Memory of the whole process, in bytes; siblings' parts are at most a round old.
    pub fn process_memory(&self) -> u64 {
        let own = self.used_memory() as i64;
        let others = self.process.cores.iter().enumerate().filter(|(i, _)| *i != usize::from(self.index));
        let others: i64 = others.map(|(_, place)| place.held_bytes.load(Ordering::Relaxed)).sum();
        // What moved from one core to another makes one count too high and the other too low: the sum is right.
        (own + others).max(0) as u64
    }

    /// Lets the siblings know how much this core uses.
    pub fn publish_memory(&self) {
        self.place().held_bytes.store(allocator::held_bytes() as i64, Ordering::Relaxed);
    }

    /// Whether the process uses more than `maxmemory` allows.
    pub fn is_over_limit(&self) -> bool {
        let limit = self.config.limits.maxmemory;
        limit > 0 && self.countable(self.process_memory()) > limit
    }

    /// Whether it is for this core to give way.
    pub fn must_give_way(&self) -> bool {
        let limit = self.config.limits.maxmemory;
        let total = self.countable(self.process_memory());
        let share = limit / self.process.cores.len() as u64;
        limit > 0 && total > limit && (self.used_memory() >= share || total - limit > limit / PATIENCE)
    }

    /// What of `bytes` eviction may count: not what waits for replicas and the disk, or evicting keys, which
    /// writes to both, would make room for nothing.
    fn countable(&self, bytes: u64) -> u64 {
        bytes.saturating_sub(self.not_counted_for_eviction())
    }

    /// Bytes of this core that eviction does not count (`mem_not_counted_for_evict`).
    pub fn not_counted_for_eviction(&self) -> u64 {
        self.replication.held_back(self.config.replication.repl_backlog_size)
    }
}
