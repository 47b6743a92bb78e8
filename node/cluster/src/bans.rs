//! Nodes that were forgotten on purpose and must not come back by gossip.
//!
//! CLUSTER FORGET has to be sent to every node; until the last one got it, the others still gossip about the
//! node and would bring it back. So a forgotten name stays banned for `cluster-blacklist-ttl` seconds, and
//! the ban travels in ping extensions (Redis 7.2), which makes one FORGET enough.

use std::collections::BTreeMap;

use base::NodeId;

/// Most bans kept at once: what others gossip cannot grow the list further.
const MAX_BANS: usize = 4096;

/// Banned names and until when (ms since 1970).
#[derive(Debug, Default)]
pub(crate) struct Bans {
    until: BTreeMap<NodeId, u64>,
}

impl Bans {
    /// Bans `id` until then; a full list drops the ban that ends first.
    pub(crate) fn add(&mut self, id: NodeId, until: u64, now: u64) {
        self.expire(now);
        if self.until.len() >= MAX_BANS
            && let Some((&first, _)) = self.until.iter().min_by_key(|(_, until)| **until)
        {
            self.until.remove(&first);
        }
        self.until.insert(id, until);
    }

    /// Whether `id` is banned.
    pub(crate) fn contains(&self, id: NodeId, now: u64) -> bool {
        self.until.get(&id).is_some_and(|until| *until >= now)
    }

    /// Every ban in force with the whole seconds it has left.
    pub(crate) fn remaining_s(&self, now: u64) -> impl Iterator<Item = (NodeId, u64)> + '_ {
        self.until.iter().filter(move |(_, until)| **until >= now).map(move |(id, t)| (*id, (t - now) / 1000))
    }

    /// Drops what is over.
    pub(crate) fn expire(&mut self, now: u64) {
        self.until.retain(|_, until| *until >= now);
    }

    pub(crate) fn clear(&mut self) {
        self.until.clear();
    }
}
