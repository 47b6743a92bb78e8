//! Replica migration: a replica leaves a master that has several for one that lost all of its own.
//!
//! It must be clear to everyone, without talking, which replica goes: among the masters with the most working
//! replicas, the replica with the least name (cluster specification, "Replica migration algorithm"). Here one
//! thing is added: a replica that would end up beside its new master, in one process or on one host, waits
//! twice as long, so that a better placed one can go first.

use crate::node::{Flags, NodeIndex};
use crate::state::Cluster;

/// How long a master has to be orphaned before a replica moves, ms: its own may just be failing over.
const DELAY_MS: u64 = 5000;

impl Cluster {
    /// Replicas of `master` that work as far as this node knows.
    fn working_replicas(&self, master: NodeIndex) -> usize {
        self.nodes[master].replicas.iter().filter(|r| !self.nodes[**r].is_failed()).count()
    }

    /// A master that should have a working replica and has none.
    fn is_orphaned(&self, node: NodeIndex) -> bool {
        let row = &self.nodes[node];
        let should = row.is_master() && !row.is_failed() && row.flags.has(Flags::MIGRATE_TO);
        should && self.working_replicas(node) == 0
    }

    /// Moves this replica to an orphaned master when it is the one that has to go.
    pub(crate) fn migrate_replica(&mut self, now: u64) {
        let Some(my_master) = self.nodes[self.me].master.filter(|_| self.config.allow_replica_migration)
        else {
            return;
        };
        let mut most = 0;
        let mut orphans = Vec::new();
        for node in self.nodes.indexes() {
            if self.nodes[node].is_master() && !self.nodes[node].is_failed() {
                most = most.max(self.working_replicas(node));
            }
            if !self.is_orphaned(node) {
                self.nodes[node].orphaned_since = 0;
                continue;
            }
            if self.nodes[node].orphaned_since == 0 {
                self.nodes[node].orphaned_since = now;
            }
            if !self.nodes[node].slots.is_empty() {
                orphans.push(node);
            }
        }
        if orphans.is_empty() || most < 2 || self.working_replicas(my_master) != most || !self.is_ok() {
            return;
        }
        let reachable = |r: &&NodeIndex| !self.nodes[**r].is_unreachable();
        let mine_reachable = self.nodes[my_master].replicas.iter().filter(reachable).count();
        if mine_reachable <= self.config.migration_barrier as usize || !self.is_candidate(most) {
            return;
        }
        // The best placed orphan first; among equals the first by name, as everyone sees it.
        let target = orphans.into_iter().min_by_key(|node| self.is_beside_me(*node)).expect("not empty");
        let delay = if self.is_beside_me(target) { 2 * DELAY_MS } else { DELAY_MS };
        if now.saturating_sub(self.nodes[target].orphaned_since) > delay {
            let label = self.nodes[target].label();
            let shard = self.nodes[target].shard_id;
            self.log_notice(format!("Migrating to orphaned primary {label} in shard {shard}"));
            self.become_replica_of(target, true, true);
        }
    }

    /// Whether this replica has the least name among those of the masters with the most replicas.
    fn is_candidate(&self, most: usize) -> bool {
        let rich = self.nodes.iter().filter(|(i, n)| n.is_master() && self.working_replicas(*i) == most);
        let least = rich.flat_map(|(_, n)| &n.replicas).map(|r| self.nodes[*r].id).min();
        least == Some(self.my_id())
    }

    /// Whether `node` lives in this process or on this host.
    pub(crate) fn is_beside_me(&self, node: NodeIndex) -> bool {
        let (node, myself) = (&self.nodes[node], self.myself());
        node.sibling || (!node.address.ip.is_empty() && node.address.ip == myself.address.ip)
    }
}
