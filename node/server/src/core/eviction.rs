//! Eviction: what goes when memory is over `maxmemory`.
//!
//! The best victim by a policy would need all keys in order of use: memory and work on every access. Redis's way,
//! taken here too: each look samples a few keys at random and keeps the best seen so far in a small pool, so that
//! after a few rounds the victims are nearly those that a full order would give
//! ("Key eviction", redis.io/docs/latest/develop/reference/eviction/).
//!
//! It runs before every command while memory is over the limit, for at most a time that
//! `maxmemory-eviction-tenacity` sets; what is left to do is done in cron's slices meanwhile.

use std::time::{Duration, Instant};

use base::Slot;
use commands::{Lfu, discard, idle_seconds, lfu_counter};
use store::EntryRef;

use crate::config::MaxmemoryPolicy;
use crate::core::Core;

/// Candidates remembered between looks.
const POOL: usize = 16;
/// Keys evicted between two looks at the clock.
const BATCH: usize = 16;
/// Removed keys freed before another is evicted, or as many segments of a collection (`Garbage::free_some`).
const FREE_STEP: usize = 8;

/// Whether there is room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Memory is below the limit, or it is for others to give way.
    Enough,
    /// Not yet, but more can be evicted.
    Soon,
    /// No, and nothing can be evicted.
    None,
}

/// A key that may have to go.
struct Candidate {
    slot: Slot,
    key: Vec<u8>,
    /// The greater, the sooner it goes.
    score: u64,
}

/// Candidates seen so far, the best last.
#[derive(Default)]
pub struct Eviction {
    pool: Vec<Candidate>,
    policy: Option<MaxmemoryPolicy>,
    /// Since when memory is over the limit.
    over_since: Option<Instant>,
}

impl Eviction {
    /// Takes a key in, if it is better than the worst of a full pool.
    fn offer(&mut self, slot: Slot, key: &[u8], score: u64) {
        if self.pool.iter().any(|candidate| candidate.slot == slot && candidate.key == key) {
            return;
        }
        if self.pool.len() == POOL {
            if self.pool[0].score >= score {
                return;
            }
            self.pool.remove(0);
        }
        let place = self.pool.partition_point(|candidate| candidate.score < score);
        self.pool.insert(place, Candidate { slot, key: key.to_vec(), score });
    }

    /// How long memory has been over the limit.
    pub fn over_for(&self) -> Duration {
        self.over_since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// How soon a key should go; the greater, the sooner.
fn score(policy: MaxmemoryPolicy, entry: EntryRef<'_>, now_ms: u64, lfu: Option<Lfu>) -> u64 {
    match policy {
        MaxmemoryPolicy::VolatileTtl => u64::MAX - entry.expire_at().unwrap_or(u64::MAX),
        MaxmemoryPolicy::VolatileLfu | MaxmemoryPolicy::AllkeysLfu => {
            255 - lfu.map_or(0, |lfu| u64::from(lfu_counter(entry.clock(), now_ms, lfu)))
        }
        _ => idle_seconds(entry.clock(), now_ms),
    }
}

fn only_expiring(policy: MaxmemoryPolicy) -> bool {
    use MaxmemoryPolicy::{VolatileLfu, VolatileLru, VolatileRandom, VolatileTtl};
    matches!(policy, VolatileLru | VolatileLfu | VolatileRandom | VolatileTtl)
}

impl Core {
    /// Evicts keys while memory is over the limit; remembers whether a command that needs more may run.
    #[inline]
    pub fn make_room(&mut self) {
        // Nothing changes under a script that stands.
        if self.scripting.is_standing() {
            return;
        }
        if self.config.limits.maxmemory == 0 {
            self.out_of_memory = false;
            return;
        }
        self.out_of_memory = self.evict(self.eviction_time()) == Room::None;
    }

    /// The time that a client's command may have to wait for eviction.
    fn eviction_time(&self) -> Duration {
        match self.config.limits.maxmemory_eviction_tenacity {
            tenacity @ 0..=10 => Duration::from_micros(50 * u64::from(tenacity)),
            // 15% more with each step: about two minutes at 99.
            tenacity @ 11..100 => Duration::from_micros((500.0 * 1.15f64.powi(tenacity as i32 - 10)) as u64),
            _ => Duration::MAX,
        }
    }

    /// Evicts keys until there is room, or `limit` has passed.
    pub fn evict(&mut self, limit: Duration) -> Room {
        let policy = self.config.limits.maxmemory_policy;
        if !self.is_over_limit() {
            self.note_room();
            return Room::Enough;
        }
        if self.leaves_memory_to_others() {
            return Room::Enough;
        }
        self.laps.cut();
        let start = Instant::now();
        self.eviction.over_since.get_or_insert(start);
        if policy == MaxmemoryPolicy::NoEviction {
            return Room::None;
        }
        let room = self.evict_until(policy, start, limit);
        let waited = start.elapsed();
        let threshold = self.config.insight.latency_monitor_threshold;
        if threshold > 0 {
            self.latency.observe("eviction-cycle", waited, threshold, self.now_ms);
        }
        if room == Room::Enough {
            self.note_room();
        }
        room
    }

    fn evict_until(&mut self, policy: MaxmemoryPolicy, start: Instant, limit: Duration) -> Room {
        let mut evicted = 0;
        while self.must_give_way() {
            if !self.garbage.is_empty() {
                self.garbage.free_some(FREE_STEP);
            } else {
                let Some((slot, key)) = self.next_victim(policy) else { return Room::None };
                self.evict_key(slot, &key);
                evicted += 1;
            }
            if evicted % BATCH == 0 && start.elapsed() >= limit {
                return Room::Soon;
            }
        }
        Room::Enough
    }

    /// A replica's keys are its master's to evict, and a paused core changes nothing.
    fn leaves_memory_to_others(&self) -> bool {
        let replica = self.cluster.myself().is_replica() && self.config.replication.replica_ignore_maxmemory;
        replica || self.pause.until_ms(self.now_ms).is_some()
    }

    /// Milliseconds that memory was over the limit, in all (`total_eviction_exceeded_time`).
    pub fn total_eviction_ms(&self) -> u64 {
        (self.stats.eviction_exceeded_us + self.eviction.over_for().as_micros() as u64) / 1000
    }

    fn note_room(&mut self) {
        if let Some(since) = self.eviction.over_since.take() {
            self.stats.eviction_exceeded_us += since.elapsed().as_micros() as u64;
        }
    }

    /// The key to go next.
    fn next_victim(&mut self, policy: MaxmemoryPolicy) -> Option<(Slot, Vec<u8>)> {
        if self.eviction.policy.replace(policy) != Some(policy) {
            self.eviction.pool.clear();
        }
        if matches!(policy, MaxmemoryPolicy::AllkeysRandom | MaxmemoryPolicy::VolatileRandom) {
            return self.sample(policy).map(|(slot, entry)| (slot, entry.key().to_vec()));
        }
        loop {
            self.fill_pool(policy)?;
            while let Some(Candidate { slot, key, .. }) = self.eviction.pool.pop() {
                let entry = self.keys.get(slot, &key);
                // It may have gone, or lost its expiry, since it was seen.
                if entry.is_some_and(|e| !only_expiring(policy) || e.expire_at().is_some()) {
                    return Some((slot, key));
                }
            }
        }
    }

    /// Looks at some more keys; `None` when there are none.
    fn fill_pool(&mut self, policy: MaxmemoryPolicy) -> Option<()> {
        let (now_ms, lfu) = (self.now_ms, self.settings.lfu);
        for _ in 0..self.config.limits.maxmemory_samples {
            let (slot, entry) = self.sample(policy)?;
            let score = score(policy, entry, now_ms, lfu);
            let key = entry.key().to_vec();
            self.eviction.offer(slot, &key, score);
        }
        Some(())
    }

    fn sample(&mut self, policy: MaxmemoryPolicy) -> Option<(Slot, EntryRef<'_>)> {
        let random = &mut self.random;
        let mut bits = || random.bits();
        if only_expiring(policy) {
            self.keys.random_expiring_key(&mut bits)
        } else {
            self.keys.random_key(&mut bits)
        }
    }

    fn evict_key(&mut self, slot: Slot, key: &[u8]) {
        let Some(entry) = self.keys.remove(slot, key) else { return };
        self.snapshots.removed(slot, entry.view());
        discard(&mut self.garbage, entry);
        self.key_evicted(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_keeps_the_best() {
        let mut eviction = Eviction::default();
        for score in (0..100u64).map(|i| i * 37 % 101) {
            eviction.offer(Slot::ZERO, score.to_string().as_bytes(), score);
        }
        let scores: Vec<u64> = eviction.pool.iter().map(|candidate| candidate.score).collect();
        let mut best: Vec<u64> = (0..100u64).map(|i| i * 37 % 101).collect();
        best.sort_unstable();
        assert_eq!(scores, best[best.len() - POOL..]);
    }

    #[test]
    fn a_key_stands_in_the_pool_once() {
        let mut eviction = Eviction::default();
        eviction.offer(Slot::ZERO, b"a", 1);
        eviction.offer(Slot::ZERO, b"a", 1);
        assert_eq!(eviction.pool.len(), 1);
    }
}
