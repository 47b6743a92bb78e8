//! Config epochs: the version numbers by which the newest claim to a slot wins.
//!
//! An election gives its winner an epoch by the consent of a majority. Resharding by hand and TAKEOVER bump
//! epochs without asking, so two masters may end up with the same one; the one with the lesser name then
//! moves on, until all differ (cluster specification, "configEpoch conflicts resolution").

use crate::command_error::CommandError;
use crate::node::NodeIndex;
use crate::state::Cluster;

impl Cluster {
    /// Gives this node the newest epoch without asking anyone; false when it has it already.
    pub(crate) fn bump_epoch(&mut self) -> bool {
        let mine = self.myself().config_epoch;
        if mine != 0 && mine == self.max_epoch() {
            return false;
        }
        self.current_epoch = self.max_epoch() + 1;
        self.nodes[self.me].config_epoch = self.current_epoch;
        self.save_later(true);
        self.log_notice(format!("New configEpoch set to {}", self.current_epoch));
        true
    }

    /// CLUSTER BUMPEPOCH: the reply, `BUMPED N` or `STILL N`.
    pub fn bump_config_epoch(&mut self, now: u64) -> String {
        let word = if self.bump_epoch() { "BUMPED" } else { "STILL" };
        let reply = format!("{word} {}", self.myself().config_epoch);
        self.finish(now);
        reply
    }

    /// Moves this node's epoch on when `sender` has the same and the greater name.
    pub(crate) fn resolve_epoch_collision(&mut self, sender: NodeIndex, epoch: u64) {
        let (myself, other) = (self.myself(), &self.nodes[sender]);
        let collides = myself.is_master() && other.is_master() && epoch == myself.config_epoch;
        if !collides || other.config_epoch != epoch || other.id <= myself.id {
            return;
        }
        let label = other.label();
        self.current_epoch += 1;
        self.nodes[self.me].config_epoch = self.current_epoch;
        self.save_later(true);
        let epoch = self.current_epoch;
        self.log_notice(format!("configEpoch collision with node {label}. configEpoch set to {epoch}"));
    }

    /// CLUSTER SET-CONFIG-EPOCH: distinct epochs from the start when a cluster is created.
    ///
    /// # Errors
    /// The node is not fresh, or the epoch is negative.
    pub fn set_config_epoch(&mut self, epoch: i64, now: u64) -> Result<(), CommandError> {
        let wanted = u64::try_from(epoch).map_err(|_| CommandError::BadConfigEpoch(epoch))?;
        if self.nodes.len() > 1 {
            return Err(CommandError::KnowsOthers);
        }
        if self.myself().config_epoch != 0 {
            return Err(CommandError::HasConfigEpoch);
        }
        self.nodes[self.me].config_epoch = wanted;
        self.current_epoch = self.current_epoch.max(wanted);
        self.log_notice(format!("configEpoch set to {wanted} via CLUSTER SET-CONFIG-EPOCH"));
        self.todo.update_state = true;
        self.save_later(false);
        self.finish(now);
        Ok(())
    }
}
