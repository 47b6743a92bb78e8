//! Consumer groups: who was given which entry and has not acknowledged it yet.
//!
//! Each pending entry belongs to exactly one consumer. Both sides are asked for: "what is pending in the
//! group from this ID on" and "what is pending for this consumer". So an entry is in two ordered sets, one of
//! the group, with the delivery's data and its owner, and one of the consumer, with the ID alone. Consumers
//! are named by a small number, [`ConsumerId`], so that an entry's owner costs four bytes.

use super::id::StreamId;
use super::log::Log;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names a consumer within its group, until the consumer is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerId(u32);

/// A delivery that was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When the entry was last delivered, milliseconds since 1970.
    pub delivered_at_ms: u64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// The consumer it was last delivered to.
    pub owner: ConsumerId,
}

/// One consumer of a group.
#[derive(Clone)]
pub struct Consumer {
    name: Arc<[u8]>,
    /// When it last asked for anything, milliseconds since 1970.
    pub seen_at_ms: u64,
    /// When it last got an entry; None before the first.
    pub active_at_ms: Option<u64>,
    pending: BTreeSet<StreamId>,
}

impl Consumer {
    /// Its name within the group.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The entries delivered to it and not acknowledged.
    pub fn pending(&self) -> &BTreeSet<StreamId> {
        &self.pending
    }
}

/// A consumer group.
#[derive(Clone, Default)]
pub struct Group {
    /// The last entry delivered to any consumer as new.
    pub last_id: StreamId,
    /// How many entries of the stream lie up to `last_id`, deleted ones included; None if it is not known.
    pub entries_read: Option<u64>,
    pending: BTreeMap<StreamId, Pending>,
    names: BTreeMap<Arc<[u8]>, ConsumerId>,
    /// By [`ConsumerId`]; None where a consumer was deleted.
    consumers: Vec<Option<Consumer>>,
    /// The numbers of deleted consumers.
    free: Vec<ConsumerId>,
}

impl Group {
    /// A group without consumers that has read up to `last_id`.
    pub fn new(last_id: StreamId, entries_read: Option<u64>) -> Group {
        Group { last_id, entries_read, ..Group::default() }
    }

    /// The unacknowledged entries of all consumers.
    pub fn pending(&self) -> &BTreeMap<StreamId, Pending> {
        &self.pending
    }

    /// The consumers in the order of their names.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.names.values().map(|&id| self.consumer(id))
    }

    /// The consumer's number.
    pub fn find_consumer(&self, name: &[u8]) -> Option<ConsumerId> {
        self.names.get(name).copied()
    }

    /// The consumer with this number, which must not have been deleted.
    pub fn consumer(&self, id: ConsumerId) -> &Consumer {
        self.consumers[id.0 as usize].as_ref().expect("no entry and no name leads to a deleted consumer")
    }

    /// As [`Self::consumer`], to set its times.
    pub fn consumer_mut(&mut self, id: ConsumerId) -> &mut Consumer {
        self.consumers[id.0 as usize].as_mut().expect("no entry and no name leads to a deleted consumer")
    }

    /// Adds a consumer, seen at `now_ms`; None if the name is taken.
    pub fn create_consumer(&mut self, name: &[u8], now_ms: u64) -> Option<ConsumerId> {
        if self.names.contains_key(name) {
            return None;
        }
        let name: Arc<[u8]> = name.into();
        let consumer =
            Consumer { name: name.clone(), seen_at_ms: now_ms, active_at_ms: None, pending: BTreeSet::new() };
        let id = self.free.pop().unwrap_or_else(|| {
            self.consumers.push(None);
            ConsumerId(u32::try_from(self.consumers.len() - 1).expect("fewer than 2^32 consumers"))
        });
        self.consumers[id.0 as usize] = Some(consumer);
        self.names.insert(name, id);
        Some(id)
    }

    /// Deletes a consumer and all that is pending for it; the answer is how much that was.
    pub fn delete_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let id = self.names.remove(name)?;
        let consumer = self.consumers[id.0 as usize].take()?;
        self.free.push(id);
        for entry in &consumer.pending {
            self.pending.remove(entry);
        }
        Some(consumer.pending.len())
    }

    /// Notes that `entry` was delivered, taking it from its present owner if it has one.
    pub fn assign(&mut self, entry: StreamId, delivery: Pending) {
        match self.pending.insert(entry, delivery) {
            Some(before) if before.owner == delivery.owner => return,
            Some(before) => {
                self.consumer_mut(before.owner).pending.remove(&entry);
            }
            None => {}
        }
        self.consumer_mut(delivery.owner).pending.insert(entry);
    }

    /// Notes that a pending entry was delivered to its owner once more.
    pub fn redeliver(&mut self, entry: StreamId, now_ms: u64) {
        if let Some(pending) = self.pending.get_mut(&entry) {
            pending.delivered_at_ms = now_ms;
            pending.deliveries = pending.deliveries.wrapping_add(1);
        }
    }

    /// Takes an entry off the pending ones, acknowledged or gone; what it was, if it was pending.
    pub fn remove_pending(&mut self, entry: StreamId) -> Option<Pending> {
        let pending = self.pending.remove(&entry)?;
        self.consumer_mut(pending.owner).pending.remove(&entry);
        Some(pending)
    }

    /// Notes that the entry `id` of `log` is delivered as new; false if it lies behind the group already.
    pub fn advance(&mut self, log: &Log, id: StreamId) -> bool {
        if id <= self.last_id {
            return false;
        }
        // A count is only worth adding to if every entry since was delivered, none trimmed or deleted.
        let is_whole = self.last_id >= log.counters().first_id && !log.has_gap_from(self.last_id);
        self.entries_read = match self.entries_read {
            Some(read) if is_whole && read < i64::MAX as u64 => Some(read + 1),
            _ => log.added_up_to(id),
        };
        self.last_id = id;
        true
    }

    /// How many entries the group has not read yet; None where deletions make it unknowable.
    pub fn lag(&self, log: &Log) -> Option<i64> {
        let added = log.counters().entries_added;
        if added == 0 {
            return Some(0);
        }
        let known = self.entries_read.filter(|_| !log.has_gap_from(self.last_id));
        let read = known.or_else(|| log.added_up_to(self.last_id))?;
        Some(added.wrapping_sub(read) as i64)
    }

    /// Bytes taken from the allocator below this value, estimated.
    pub fn memory_bytes(&self) -> usize {
        let names = super::tree_bytes::<Arc<[u8]>, ConsumerId>(self.names.len());
        let slots = self.consumers.capacity() * size_of::<Option<Consumer>>();
        let own = |consumer: &Consumer| {
            consumer.name.len()
                + 2 * size_of::<usize>()
                + super::tree_bytes::<StreamId, ()>(consumer.pending.len())
        };
        let pending = super::tree_bytes::<StreamId, Pending>(self.pending.len());
        pending + names + slots + self.consumers().map(own).sum::<usize>()
    }

    /// Frees up to `items` pending entries, or consumers once those are gone; true when nothing is left.
    pub(super) fn drain(&mut self, items: usize) -> bool {
        for _ in 0..items {
            if let Some((entry, pending)) = self.pending.pop_first() {
                self.consumer_mut(pending.owner).pending.remove(&entry);
            } else if let Some((_, id)) = self.names.pop_first() {
                self.consumers[id.0 as usize] = None;
            }
        }
        self.names.is_empty()
    }
}
