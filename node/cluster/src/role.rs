//! Masters become replicas and the reverse: others, as they say; this node, as it must.

use base::NodeId;

use crate::effects::{Effect, Save};
use crate::handover::counted;
use crate::node::{Flags, NodeIndex};
use crate::state::Cluster;
use crate::wire::Header;

/// What replication was last told to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Following {
    master: NodeId,
    ip: String,
    port: u16,
}

impl Cluster {
    pub(crate) fn same_shard(&self, a: NodeIndex, b: NodeIndex) -> bool {
        self.nodes[a].shard_id == self.nodes[b].shard_id
    }

    /// Brings the table in step with the role a sender announces.
    pub(crate) fn note_role(&mut self, sender: NodeIndex, header: &Header) {
        let Some(master_id) = header.master else {
            return self.set_as_master(sender);
        };
        let master = self.nodes.find(master_id).filter(|master| *master != sender);
        if self.is_of_the_past(sender, master, header) {
            let (label, epoch) = (self.nodes[sender].label(), header.config_epoch);
            let current = self.nodes[sender].config_epoch;
            return self.log_notice(format!(
                "Ignore stale message from {label}; gossip config epoch: {epoch}, current config epoch: {current}"
            ));
        }
        if self.nodes[sender].is_master() {
            self.master_turned_replica(sender, master, header.config_epoch);
        }
        let flags = &mut self.nodes[sender].flags;
        if !flags.has(Flags::REPLICA) {
            flags.set(Flags::MASTER.with(Flags::MIGRATE_TO), false);
            flags.set(Flags::REPLICA, true);
            self.todo.keep(Save::Soon);
            self.todo.update_state = true;
        }
        if let Some(master) = master.filter(|master| self.nodes[sender].master != Some(*master)) {
            self.log_notice(format!(
                "Node {} is now a replica of node {} in shard {}",
                self.nodes[sender].label(),
                self.nodes[master].label(),
                self.nodes[master].shard_id
            ));
            self.set_master_of(sender, Some(master));
            self.leave_chain();
            let shard = self.nodes[master].shard_id;
            self.set_shard(sender, shard);
            self.todo.keep(Save::Soon);
        }
    }

    /// Whether a packet by which a master is a replica was sent before it became the master: packets may lie in a connection
    /// that is cut and mended. A node's current epoch is never below its own config epoch; and within a shard the role,
    /// with the slots, goes to a greater epoch. (Valkey 8 takes the sender for a replica then, until its next packet; the
    /// majority counts a master less so long, and one with fewer votes won.)
    fn is_of_the_past(&self, sender: NodeIndex, master: Option<NodeIndex>, header: &Header) -> bool {
        let node = &self.nodes[sender];
        let in_shard = master.is_some_and(|master| self.same_shard(master, sender));
        let is_older = header.config_epoch < node.config_epoch && in_shard && !node.slots.is_empty();
        node.is_master() && (header.current_epoch < node.config_epoch || is_older)
    }

    /// A master gave its role up: to a node of its own shard by failover, or by moving to another shard.
    fn master_turned_replica(&mut self, sender: NodeIndex, master: Option<NodeIndex>, epoch: u64) {
        let label = self.nodes[sender].label();
        let Some(master) = master.filter(|master| self.same_shard(*master, sender)) else {
            let shard = self.nodes[sender].shard_id;
            let slots = self.slots.unbind_all(&mut self.nodes, sender);
            self.log_notice(format!(
                "Node {label} is no longer primary of shard {shard}; removed all {slots} slot(s) it used to own"
            ));
            return;
        };
        if self.nodes[sender].config_epoch > epoch {
            return; // It had no slots left, or this would be of the past.
        }
        if master == self.me && self.myself().is_replica() {
            return; // Only an election, or an operator, makes this node a master.
        }
        self.set_as_master(master);
        if self.nodes[master].config_epoch < epoch && master != self.me {
            self.nodes[master].config_epoch = epoch;
        }
        self.log_notice(format!(
            "A failover occurred in shard {}; node {label} failed over to node {} with a config epoch of {epoch}",
            self.nodes[master].shard_id,
            self.nodes[master].label()
        ));
        if master == self.me {
            self.take_back_slots(sender);
        }
    }

    /// A replica of this node serves nothing. A slot that a tool's late word gave to it, when it was the master, is this node's
    /// still, and all others believe so; what it had given away before is not.
    fn take_back_slots(&mut self, from: NodeIndex) {
        let given_up = &self.slots.not_claimed;
        let slots: Vec<_> = self.nodes[from].slots.iter().filter(|slot| !given_up.contains(*slot)).collect();
        for &slot in &slots {
            self.slots.rebind(&mut self.nodes, slot, self.me);
        }
        if !slots.is_empty() {
            let label = self.nodes[from].label();
            self.log_notice(format!("{} of node {label}, which replicates me, taken back", counted(&slots)));
            self.todo.update_state = true;
            self.save_later(true);
        }
    }

    /// A replica of a replica has no valid source: it follows the master at the head of the chain.
    fn leave_chain(&mut self) {
        let Some(master) = self.nodes[self.me].master else { return };
        let Some(head) = self.head_of_chain(master).filter(|head| *head != master) else { return };
        self.log_notice(format!(
            "I'm a sub-replica! Reconfiguring myself as a replica of {} from {}",
            self.nodes[head].id, self.nodes[master].id
        ));
        let full_sync = !self.same_shard(head, self.me);
        self.become_replica_of(head, true, full_sync);
    }

    /// The node that `node` replicates by way of others, or itself. None where the chain is a ring: what is known of its nodes
    /// is of different times, and one who follows it from one to the next never arrives.
    fn head_of_chain(&self, node: NodeIndex) -> Option<NodeIndex> {
        let mut head = node;
        for _ in 0..self.nodes.len() {
            match self.nodes[head].master {
                None => return (head != self.me).then_some(head),
                Some(next) => head = next,
            }
        }
        None
    }

    /// Turns this node into a replica of `master`, or lets it change masters. It must own no slots.
    pub(crate) fn become_replica_of(&mut self, master: NodeIndex, close_slots: bool, full_sync: bool) {
        assert!(master != self.me && self.myself().slots.is_empty(), "a replica owns no slots");
        let flags = &mut self.nodes[self.me].flags;
        flags.set(Flags::MASTER.with(Flags::MIGRATE_TO), false);
        flags.set(Flags::REPLICA, true);
        if close_slots {
            self.slots.close_all();
        }
        self.set_master_of(self.me, Some(master));
        self.nodes[self.me].shard_id = self.nodes[master].shard_id;
        self.following = None;
        self.needs_full_sync = full_sync;
        if full_sync {
            self.replication.offset = 0; // What this node has counts for nothing in the new shard.
        }
        self.follow_master();
        self.reset_manual_failover();
        self.election.forget();
        self.save_later(true);
        self.todo.update_state = true;
    }

    /// Tells replication whom to follow, when that is known and not what it was told last.
    pub(crate) fn follow_master(&mut self) {
        let Some(master) = self.nodes[self.me].master else { return };
        let node = &self.nodes[master];
        let port = node.main_port(self.config.tls_replication);
        if node.address.ip.is_empty() || port == 0 {
            return;
        }
        let following = Following { master: node.id, ip: node.address.ip.clone(), port };
        if self.following.as_ref() == Some(&following) {
            return;
        }
        let full_sync = std::mem::take(&mut self.needs_full_sync);
        let (id, ip) = (following.master, following.ip.clone());
        self.effects.push_back(Effect::BecomeReplicaOf { id, ip, port, full_sync });
        self.following = Some(following);
    }

    /// Makes this replica the master of its shard, with all slots its master claimed: those it stopped claiming somebody else
    /// has, who would lose them to a newer epoch. The caller has given it a
    /// config epoch already.
    pub(crate) fn take_over_from_master(&mut self, now: u64) {
        let Some(old_master) = self.nodes[self.me].master else { return };
        self.set_as_master(self.me);
        self.following = None;
        self.effects.push_back(Effect::BecomeMaster);
        let given_up = &self.slots.not_claimed;
        let slots = self.nodes[old_master].slots.iter().filter(|slot| !given_up.contains(*slot));
        let slots: Vec<_> = slots.collect();
        let taken_over = std::mem::take(&mut self.slots.taken_over);
        for slot in slots {
            self.slots.rebind(&mut self.nodes, slot, self.me);
        }
        self.slots.taken_over = taken_over;
        self.reset_manual_failover();
        self.election.forget();
        self.update_state(now);
        self.save_later(true);
        self.broadcast_pong(now);
    }
}
