//! The entries of a stream: nodes in the order of their first IDs, and the counters that outlive entries.
//!
//! Entries are only ever added behind the last one, so a node is filled once and then only loses entries.
//! Its ID stays its key, even when its first entry is deleted. A tree keeps adding, trimming from the front
//! and deleting anywhere logarithmic, with no move of what stays.
//!
//! The IDs of entries rise from one to the next. Those of deleted entries need not: XSETID can set the last ID
//! back behind them. So whoever looks for an ID leaves the deleted ones out first.
//!
//! Which entries share a node is visible from outside: `~` trims by whole nodes, and RDB files carry them. So
//! a node is closed by the rules of Redis, on the length its listpack would have.

use super::super::Limits;
use super::super::listpack::Listpack;
use super::id::{NewId, StreamId};
use super::node::{Entry, Node};
use std::collections::BTreeMap;

/// Most bytes of fields and values in one entry, and of a node whatever the configuration says.
const NODE_MAX_BYTES: usize = 1 << 30;

/// Why an entry cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddError {
    /// The stream has used its largest ID.
    Exhausted,
    /// The ID is not above the last one.
    TooSmall,
    /// The fields and values are larger together than a node may be.
    TooLarge,
}

/// Why a stream's last ID cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetIdError {
    /// It is below the largest ID ever deleted.
    BelowDeleted,
    /// It is below the last entry.
    BelowTop,
    /// The count of entries ever added is below the count of entries there are.
    AddedBelowLength,
}

/// What a stream is trimmed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trim {
    /// At most this many entries.
    MaxLen(u64),
    /// No entry below this ID.
    MinId(StreamId),
}

/// The bytes given are no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// The counters of a stream, beside its nodes all that RDB files say of its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Entries there are.
    pub length: u64,
    /// The largest ID ever given out.
    pub last_id: StreamId,
    /// The first entry's ID; 0-0 without entries.
    pub first_id: StreamId,
    /// The largest ID ever deleted by name; trimming does not count.
    pub max_deleted_id: StreamId,
    /// Entries ever added.
    pub entries_added: u64,
}

/// The entries of a stream and their counters.
#[derive(Clone, Default)]
pub struct Log {
    nodes: BTreeMap<StreamId, Node>,
    /// The sum of the nodes' allocations.
    node_bytes: usize,
    counters: Counters,
}

impl Log {
    /// The log that nodes from outside and their counters describe. `first_id` is not believed but found.
    ///
    /// # Errors
    /// [`Corrupt`] for a malformed node, IDs out of order, a wrong length, or a last ID below an entry.
    pub fn restore(
        nodes: impl IntoIterator<Item = (StreamId, Listpack)>,
        counters: Counters,
    ) -> Result<Log, Corrupt> {
        let mut log = LogBuilder::default();
        nodes.into_iter().try_for_each(|(base, listpack)| log.push(base, &listpack))?;
        log.finish(counters)
    }

    /// The counters.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Number of entries.
    pub fn len(&self) -> u64 {
        self.counters.length
    }

    /// Whether there is no entry. The key stays even then.
    pub fn is_empty(&self) -> bool {
        self.counters.length == 0
    }

    /// The nodes as RDB files carry them.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (StreamId, Listpack)> {
        self.nodes.iter().map(|(&base, node)| (base, node.to_listpack(base)))
    }

    /// As [`Self::nodes`], from the ID `from` on.
    pub fn nodes_from(&self, from: StreamId) -> impl Iterator<Item = (StreamId, Listpack)> {
        self.nodes.range(from..).map(|(&base, node)| (base, node.to_listpack(base)))
    }

    /// The IDs of the nodes.
    pub fn node_ids(&self) -> impl ExactSizeIterator<Item = StreamId> {
        self.nodes.keys().copied()
    }

    /// Bytes taken from the allocator below this value, the tree's own nodes estimated.
    pub fn memory_bytes(&self) -> usize {
        self.node_bytes + super::tree_bytes::<StreamId, Node>(self.nodes.len())
    }

    /// The ID that an XADD at `now_ms` (milliseconds since 1970) gets.
    ///
    /// # Errors
    /// [`AddError::Exhausted`], [`AddError::TooSmall`].
    pub fn new_id(&self, wanted: NewId, now_ms: u64) -> Result<StreamId, AddError> {
        let last = self.counters.last_id;
        let after_last = last.next().ok_or(AddError::Exhausted)?;
        let id = match wanted {
            NewId::Auto if now_ms > last.ms => StreamId::new(now_ms, 0),
            NewId::Auto => after_last,
            NewId::AutoSeq(ms) if ms == last.ms => StreamId::new(ms, last.seq.checked_add(1).unwrap_or(0)),
            NewId::AutoSeq(ms) => StreamId::new(ms, 0),
            NewId::Exact(id) => id,
        };
        if id > last { Ok(id) } else { Err(AddError::TooSmall) }
    }

    /// Adds an entry; `pairs` is field, value, field, value...
    ///
    /// # Errors
    /// [`AddError::TooSmall`] if `id` is not above the last one; [`AddError::TooLarge`].
    pub fn add<A: AsRef<[u8]>>(
        &mut self,
        id: StreamId,
        pairs: &[A],
        limits: &Limits,
    ) -> Result<(), AddError> {
        let text_bytes: usize = pairs.iter().map(|text| text.as_ref().len()).sum();
        if id <= self.counters.last_id {
            return Err(AddError::TooSmall);
        }
        if text_bytes > NODE_MAX_BYTES {
            return Err(AddError::TooLarge);
        }
        let (base, is_full) = match self.nodes.last_key_value() {
            Some((&base, node)) => (base, id < base || is_full(node, text_bytes, limits)),
            None => (id, true),
        };
        let base = if is_full { id } else { base };
        let node = self.nodes.entry(base).or_insert_with(|| {
            let fields: Vec<&[u8]> = pairs.iter().step_by(2).map(AsRef::as_ref).collect();
            Node::new(fields.into_iter())
        });
        let before = if is_full { 0 } else { node.memory_bytes() };
        node.push(base, id, pairs);
        self.node_bytes = self.node_bytes - before + node.memory_bytes();
        self.counters.length += 1;
        self.counters.entries_added = self.counters.entries_added.wrapping_add(1);
        self.counters.last_id = id;
        if self.counters.length == 1 {
            self.counters.first_id = id;
        }
        Ok(())
    }

    /// The entries from `start` to `end`, both included, in order.
    pub fn range(&self, start: StreamId, end: StreamId) -> impl Iterator<Item = Entry<'_>> {
        let from = self.nodes.range(..=start).next_back().map_or(start, |(&base, _)| base);
        self.nodes
            .range(from.min(end)..=end)
            .flat_map(|(&base, node)| node.entries(base))
            .filter(|entry| !entry.is_deleted())
            .skip_while(move |entry| entry.id < start)
            .take_while(move |entry| entry.id <= end)
    }

    /// The entries from `end` back to `start`, both included.
    pub fn range_rev(&self, start: StreamId, end: StreamId) -> impl Iterator<Item = Entry<'_>> {
        self.nodes
            .range(..=end)
            .rev()
            .flat_map(|(&base, node)| node.entries(base).rev())
            .filter(|entry| !entry.is_deleted())
            .skip_while(move |entry| entry.id > end)
            .take_while(move |entry| entry.id >= start)
    }

    /// The entry with this ID.
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        self.range(id, id).next()
    }

    /// The ID of the last entry there is.
    pub fn top(&self) -> Option<StreamId> {
        self.range_rev(StreamId::MIN, StreamId::MAX).next().map(|entry| entry.id)
    }

    /// The first ID in the nodes, be its entry deleted or not; [`StreamId::MAX`] without nodes. Trimming to
    /// it removes what an approximate trim removed, and nothing more.
    pub fn first_slot(&self) -> StreamId {
        let first = self.nodes.first_key_value();
        first.and_then(|(&base, node)| node.entries(base).next()).map_or(StreamId::MAX, |entry| entry.id)
    }

    /// Deletes entries by their IDs; the answer is how many there were.
    pub fn delete(&mut self, ids: &[StreamId]) -> u64 {
        let before = self.counters.length;
        let first = self.counters.first_id;
        let mut is_first_gone = false;
        for &id in ids.iter() {
            if self.delete_one(id) {
                is_first_gone |= id == first;
                self.counters.max_deleted_id = self.counters.max_deleted_id.max(id);
            }
        }
        if is_first_gone {
            self.find_first();
        }
        before - self.counters.length
    }

    /// Trims from the front; the answer is how many entries went. An approximate trim removes whole nodes
    /// only. With a `limit` above 0, at most that many entries go.
    pub fn trim(&mut self, to: Trim, is_approximate: bool, limit: u64) -> u64 {
        let before = self.counters.length;
        while let Some(first) = self.nodes.first_entry() {
            let (base, node) = (*first.key(), first.get());
            let live = node.live() as u64;
            let removed = before - self.counters.length;
            let goes_whole = match to {
                Trim::MaxLen(max) if self.counters.length <= max => break,
                Trim::MaxLen(max) => self.counters.length - live >= max,
                Trim::MinId(min) => node.entries(base).next_back().is_none_or(|last| last.id < min),
            };
            if limit > 0 && removed + live > limit {
                break;
            }
            if !goes_whole {
                if !is_approximate {
                    self.trim_first_node(to);
                }
                break;
            }
            self.node_bytes -= first.remove().memory_bytes();
            self.counters.length -= live;
        }
        let removed = before - self.counters.length;
        if removed > 0 {
            self.find_first();
        }
        removed
    }

    /// Sets the last ID, and the other counters if given.
    ///
    /// # Errors
    /// [`SetIdError`]; nothing is changed then.
    pub fn set_id(
        &mut self,
        last_id: StreamId,
        entries_added: Option<u64>,
        max_deleted_id: Option<StreamId>,
    ) -> Result<(), SetIdError> {
        if last_id < self.counters.max_deleted_id {
            return Err(SetIdError::BelowDeleted);
        }
        if self.top().is_some_and(|top| last_id < top) {
            return Err(SetIdError::BelowTop);
        }
        if entries_added.is_some_and(|added| added < self.counters.length) {
            return Err(SetIdError::AddedBelowLength);
        }
        self.counters.last_id = last_id;
        self.counters.entries_added = entries_added.unwrap_or(self.counters.entries_added);
        self.counters.max_deleted_id = max_deleted_id.unwrap_or(self.counters.max_deleted_id);
        Ok(())
    }

    /// How many entries were added up to and including `id`; None where deletions make it unknowable.
    pub fn added_up_to(&self, id: StreamId) -> Option<u64> {
        let Counters { length, last_id, first_id, max_deleted_id, entries_added } = self.counters;
        if entries_added == 0 {
            return Some(0);
        }
        if id == last_id || (length == 0 && id < last_id) {
            return Some(entries_added);
        }
        let is_gap_behind = max_deleted_id > id && id != StreamId::MIN;
        let is_gap_inside = max_deleted_id != StreamId::MIN && max_deleted_id >= first_id;
        if id > first_id || id > last_id || is_gap_behind || is_gap_inside {
            return None;
        }
        Some(entries_added.wrapping_sub(length).wrapping_add(u64::from(id == first_id)))
    }

    /// Whether an entry at or behind `start` may have been deleted.
    pub fn has_gap_from(&self, start: StreamId) -> bool {
        let Counters { length, max_deleted_id, .. } = self.counters;
        length > 0 && max_deleted_id != StreamId::MIN && start <= max_deleted_id
    }

    /// Frees up to `nodes` nodes; true when none is left. The counters mean nothing afterwards.
    pub(super) fn drain(&mut self, nodes: usize) -> bool {
        (0..nodes).for_each(|_| drop(self.nodes.pop_first()));
        self.nodes.is_empty()
    }

    #[cfg(test)]
    pub(super) fn check_listpack_lengths(&self) {
        for (&base, node) in &self.nodes {
            assert_eq!(node.listpack_len(), node.to_listpack(base).byte_len());
        }
    }

    fn delete_one(&mut self, id: StreamId) -> bool {
        let Some((&base, node)) = self.nodes.range_mut(..=id).next_back() else { return false };
        let entry = node.entries(base).find(|entry| entry.id >= id && !entry.is_deleted());
        let Some(entry) = entry.filter(|entry| entry.id == id) else { return false };
        let at = entry.place();
        node.delete(at);
        if node.live() == 0 {
            self.node_bytes -= node.memory_bytes();
            self.nodes.remove(&base);
        }
        self.counters.length -= 1;
        true
    }

    /// Deletes entry by entry at the front of the first node. It stays, even if only deleted entries are left:
    /// so it is in Redis, and an RDB file shows it.
    fn trim_first_node(&mut self, to: Trim) {
        let Some(mut first) = self.nodes.first_entry() else { return };
        let base = *first.key();
        let excess = match to {
            Trim::MaxLen(max) => (self.counters.length - max) as usize,
            Trim::MinId(_) => usize::MAX,
        };
        let is_below = |id: StreamId| !matches!(to, Trim::MinId(min) if id >= min);
        let node = first.get_mut();
        let doomed: Vec<_> = node
            .entries(base)
            .take_while(|entry| is_below(entry.id))
            .filter(|entry| !entry.is_deleted())
            .take(excess)
            .map(|entry| entry.place())
            .collect();
        doomed.iter().for_each(|&at| node.delete(at));
        self.counters.length -= doomed.len() as u64;
    }

    fn find_first(&mut self) {
        let first = self.range(StreamId::MIN, StreamId::MAX).next().map(|entry| entry.id);
        self.counters.first_id = first.unwrap_or(StreamId::MIN);
    }
}

/// A log whose nodes come one by one from outside.
#[derive(Default)]
pub struct LogBuilder {
    log: Log,
    last: Option<StreamId>,
}

impl LogBuilder {
    /// Adds a node behind those before.
    ///
    /// # Errors
    /// [`Corrupt`] for a malformed node, or IDs out of order.
    pub fn push(&mut self, base: StreamId, listpack: &Listpack) -> Result<(), Corrupt> {
        let node = Node::from_listpack(base, listpack).ok_or(Corrupt)?;
        if self.last.is_some_and(|last| base <= last) {
            return Err(Corrupt);
        }
        let top = node.entries(base).rev().find(|entry| !entry.is_deleted()).map(|entry| entry.id);
        self.last = top.or(self.last);
        self.log.counters.length += node.live() as u64;
        self.log.node_bytes += node.memory_bytes();
        self.log.nodes.insert(base, node);
        Ok(())
    }

    /// The log of these nodes and counters; see [`Log::restore`].
    ///
    /// # Errors
    /// [`Corrupt`] for a wrong length, or a last ID below an entry.
    pub fn finish(self, counters: Counters) -> Result<Log, Corrupt> {
        let LogBuilder { mut log, last } = self;
        let length = log.counters.length;
        log.counters = counters;
        log.find_first();
        let is_sound = length == counters.length && last.is_none_or(|id| id <= counters.last_id);
        if is_sound { Ok(log) } else { Err(Corrupt) }
    }
}

/// Whether an entry with this many bytes of text has to start a new node.
fn is_full(node: &Node, text_bytes: usize, limits: &Limits) -> bool {
    let max_bytes = match limits.stream_node_max_bytes {
        0 => NODE_MAX_BYTES,
        max => max.min(NODE_MAX_BYTES),
    };
    let max_entries = limits.stream_node_max_entries;
    node.listpack_len() + text_bytes >= max_bytes || (max_entries > 0 && node.slots() >= max_entries)
}
