//! Streams: an append-only log of small records, and the groups that consume it.
//!
//! The problem is density: a stream may hold millions of entries whose IDs and field names hardly differ, and
//! an allocation or a tree node for each would dwarf them. So a [`Log`] keeps neighbouring entries together
//! in packed nodes ([`node`]), and says of each entry only what its node does not. A [`Group`] keeps, apart
//! from the entries, which of them were delivered and are not acknowledged.
//!
//! The parts are public side by side, because reading for a group walks the log while it changes the group.

mod group;
mod id;
mod log;
mod node;
mod pack;
mod radix;
#[cfg(test)]
mod tests;

pub use group::{Consumer, ConsumerId, Group, Pending};
pub use id::{NewId, StreamId};
pub use log::{AddError, Corrupt, Counters, Log, LogBuilder, SetIdError, Trim};
pub use node::Entry;

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

/// The groups of a stream by name.
pub type Groups = BTreeMap<Box<[u8]>, Group>;

/// A stream, owned through one pointer.
#[derive(Clone, Default)]
pub struct Stream(Box<Parts>);

/// What a stream consists of.
#[derive(Clone, Default)]
pub struct Parts {
    /// The entries.
    pub log: Log,
    /// The consumer groups.
    pub groups: Groups,
}

impl Stream {
    /// A stream without entries and groups.
    pub fn new() -> Stream {
        Stream::default()
    }

    /// What `OBJECT ENCODING` answers.
    pub fn encoding_name(&self) -> &'static str {
        "stream"
    }

    /// Bytes taken from the allocator, the trees' own nodes estimated.
    pub fn memory_bytes(&self) -> usize {
        let groups = tree_bytes::<Box<[u8]>, Group>(self.groups.len());
        let own: usize = self.groups.iter().map(|(name, group)| name.len() + group.memory_bytes()).sum();
        size_of::<Parts>() + self.log.memory_bytes() + groups + own
    }

    /// The number of nodes XINFO STREAM reports as `radix-tree-nodes`.
    pub fn radix_nodes(&self) -> u64 {
        radix::node_count(self.log.node_ids())
    }

    /// Frees up to `items` nodes or pending entries, to take a large stream apart in slices; true when what is
    /// left is small. The stream is of no other use afterwards.
    pub fn drain(&mut self, items: usize) -> bool {
        if !self.log.drain(items) {
            return false;
        }
        match self.groups.first_entry() {
            Some(mut first) => {
                if first.get_mut().drain(items) {
                    first.remove();
                }
                self.groups.is_empty()
            }
            None => true,
        }
    }
}

impl Deref for Stream {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl DerefMut for Stream {
    fn deref_mut(&mut self) -> &mut Parts {
        &mut self.0
    }
}

/// Bytes of the nodes of a `BTreeMap` filled in order: leaves have room for 11 items and keep 6 of them.
fn tree_bytes<K, V>(items: usize) -> usize {
    const LEAF_ITEMS: usize = 11;
    const LEAF_FILL: usize = 6;
    let leaf = LEAF_ITEMS * (size_of::<K>() + size_of::<V>()) + 2 * size_of::<usize>();
    // Each leaf costs its share of the node above: a pointer and an item.
    let share = 2 * (size_of::<K>() + size_of::<V>() + size_of::<usize>());
    items.div_ceil(LEAF_FILL) * (leaf + share)
}
