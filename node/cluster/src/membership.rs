//! Commands that change who belongs to the cluster and who replicates whom: FORGET, RESET, REPLICATE.

use crate::command_error::CommandError;
use crate::effects::Effect;
use crate::state::Cluster;

impl Cluster {
    /// CLUSTER FORGET: drops a node and bans it, here and by gossip everywhere.
    ///
    /// # Errors
    /// The node is not known (and not just banned), or is this node or its master.
    pub fn forget(&mut self, id: &str, now: u64) -> Result<(), CommandError> {
        let Some(node) = self.find_by_text(id) else {
            // Another node may have been told first, and its ban may have come by gossip already.
            let banned = id.parse().is_ok_and(|id| self.bans.contains(id, now));
            return if banned { Ok(()) } else { Err(CommandError::UnknownNode(id.into())) };
        };
        if node == self.me {
            return Err(CommandError::ForgetMyself);
        }
        if self.myself().master == Some(node) {
            return Err(CommandError::ForgetMyMaster);
        }
        let id = self.nodes[node].id;
        self.bans.add(id, now + self.config.blacklist_ttl_s * 1000, now);
        self.remove_node(node);
        self.finish(now);
        Ok(())
    }

    /// CLUSTER REPLICATE: this node becomes a replica of the master called `id`.
    ///
    /// # Errors
    /// The node is not known, this one, or a replica; or this node is a master with slots or keys.
    pub fn replicate(&mut self, id: &str, has_keys: bool, now: u64) -> Result<(), CommandError> {
        let node = self.find_by_text(id).ok_or_else(|| CommandError::UnknownNode(id.into()))?;
        if node == self.me {
            return Err(CommandError::ReplicateMyself);
        }
        if self.nodes[node].is_replica() {
            return Err(CommandError::ReplicateReplica);
        }
        let myself = self.myself();
        if myself.is_master() && (!myself.slots.is_empty() || has_keys) {
            return Err(CommandError::NotEmpty);
        }
        if myself.master != Some(node) {
            self.become_replica_of(node, true, true);
            self.broadcast_pong(now);
            self.finish(now);
        }
        Ok(())
    }

    /// CLUSTER RESET: forgets all other nodes and slots; HARD takes a new name and forgets all epochs too.
    ///
    /// # Errors
    /// This node is a master that has keys.
    pub fn reset(&mut self, hard: bool, has_keys: bool, now: u64) -> Result<(), CommandError> {
        if self.myself().is_master() && has_keys {
            return Err(CommandError::ResetWithKeys);
        }
        if self.myself().is_replica() {
            self.set_as_master(self.me);
            self.following = None;
            self.effects.push_back(Effect::BecomeMaster);
            self.effects.push_back(Effect::FlushData);
        }
        self.slots.close_all();
        self.reset_manual_failover();
        self.election.forget();
        self.slots.unbind_all(&mut self.nodes, self.me);
        for node in self.nodes.indexes() {
            if node != self.me {
                self.remove_node(node);
            }
        }
        self.bans.clear();
        if hard {
            self.current_epoch = 0;
            self.last_vote_epoch = 0;
            self.nodes[self.me].config_epoch = 0;
            let (id, shard) = (self.random.node_id(), self.random.node_id());
            self.nodes.rename(self.me, id);
            self.nodes[self.me].shard_id = shard;
            self.log_notice("configEpoch set to 0 via CLUSTER RESET HARD".into());
            self.log_notice(format!("Node hard reset, now I'm {id}"));
        }
        self.todo.update_state = true;
        self.save_later(true);
        self.finish(now);
        Ok(())
    }

    /// CLUSTER SAVECONFIG.
    pub fn save_config(&mut self, now: u64) {
        self.save_later(true);
        self.finish(now);
    }
}
