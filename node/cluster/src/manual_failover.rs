//! CLUSTER FAILOVER: an operator moves the role of master to a replica without losing a write.
//!
//! The replica asks its master to pause its clients (MFSTART); the master does, and says in every packet
//! that it is paused and at which offset. When the replica has processed the stream up to there it stands
//! for election with a flag that lets masters vote although the master is up. FORCE skips the master,
//! TAKEOVER skips the vote too.
//!
//! The offset must be read after the pause is in force, not before: a write in between would be lost. So the
//! pause is an effect, and the brain says "paused" to the replica only once the driver has called
//! [`Cluster::clients_paused`] with the offset of that moment.

use crate::command_error::CommandError;
use crate::effects::Effect;
use crate::node::NodeIndex;
use crate::state::{Cluster, Replication};
use crate::wire::{Body, HeartbeatKind};

/// How long the pause lasts at most, in times of the failover's own limit.
const PAUSE_FACTOR: u64 = 2;

/// How CLUSTER FAILOVER was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailoverMode {
    /// With the consent of the master.
    Agreed,
    /// FORCE: without asking the master.
    Force,
    /// TAKEOVER: without asking anyone.
    Takeover,
}

/// A manual failover under way, on either side.
#[derive(Debug, Default)]
pub(crate) struct ManualFailover {
    /// When it is given up; 0 for none under way.
    end: u64,
    /// On the master: the replica that takes over.
    pub(crate) replica: Option<NodeIndex>,
    /// On the master: clients are paused.
    pub(crate) paused: bool,
    /// On the replica: the master's offset when its clients were paused.
    master_offset: Option<i64>,
    /// On the replica: everything up to there is processed.
    ready: bool,
}

impl ManualFailover {
    pub(crate) fn in_progress(&self) -> bool {
        self.end != 0
    }

    /// Whether the replica may ask for votes.
    pub(crate) fn can_start(&self) -> bool {
        self.end != 0 && self.ready
    }
}

impl Cluster {
    /// CLUSTER FAILOVER. `client` describes the asking client for the log.
    ///
    /// # Errors
    /// This node is no replica, or its master is not known, or down without FORCE.
    pub fn failover(&mut self, mode: FailoverMode, client: &str, now: u64) -> Result<(), CommandError> {
        if self.myself().is_master() {
            return Err(CommandError::FailoverOnMaster);
        }
        let master = self.myself().master.ok_or(CommandError::MasterUnknown)?;
        let row = &self.nodes[master];
        if mode == FailoverMode::Agreed && (row.is_failed() || (row.link.is_none() && !row.sibling)) {
            return Err(CommandError::MasterDown);
        }
        self.reset_manual_failover();
        self.election.forget();
        self.manual.end = now + self.config.manual_failover_timeout;
        match mode {
            FailoverMode::Takeover => {
                self.log_notice(format!("Taking over the primary (user request from '{client}')."));
                self.bump_epoch();
                self.take_over_from_master(now);
            }
            FailoverMode::Force => {
                self.log_notice(format!(
                    "Forced failover user request accepted (user request from '{client}')."
                ));
                self.manual.ready = true;
                self.todo.failover = true;
            }
            FailoverMode::Agreed => {
                self.log_notice(format!(
                    "Manual failover user request accepted (user request from '{client}')."
                ));
                let bytes = self.packet(0, Body::MfStart);
                self.send_to(master, bytes);
            }
        }
        self.finish(now);
        Ok(())
    }

    /// MFSTART: one of this master's replicas wants to take over.
    pub(crate) fn manual_failover_requested(&mut self, sender: NodeIndex, now: u64) {
        if self.nodes[sender].master != Some(self.me) || self.myself().is_replica() {
            return;
        }
        self.reset_manual_failover();
        self.manual.end = now + self.config.manual_failover_timeout;
        self.manual.replica = Some(sender);
        let until = now + self.config.manual_failover_timeout * PAUSE_FACTOR;
        self.effects.push_back(Effect::PauseClients { until });
        let label = self.nodes[sender].label();
        self.log_notice(format!("Manual failover requested by replica {label}."));
    }

    /// Whether a manual failover is under way that this node takes part in.
    pub fn is_failing_over(&self) -> bool {
        self.manual.in_progress()
    }

    /// The driver has paused writing clients, and this is the offset since then.
    pub fn clients_paused(&mut self, replication: Replication, now: u64) {
        self.replication = replication;
        if let Some(replica) = self.manual.replica {
            self.manual.paused = true;
            self.send_heartbeat(replica, HeartbeatKind::Ping, now);
        }
        self.finish(now);
    }

    /// The master says it is paused, at this offset.
    pub(crate) fn master_paused_at(&mut self, offset: i64) {
        if self.manual.end != 0 && self.manual.master_offset.is_none() {
            self.manual.master_offset = Some(offset);
            self.todo.manual_failover = true;
            self.log_notice(format!(
                "Received replication offset for paused primary manual failover: {offset}"
            ));
        }
    }

    /// On the replica: has everything arrived? To be asked again when the offset moves.
    pub(crate) fn continue_manual_failover(&mut self) {
        if self.manual.end == 0 || self.manual.ready {
            return;
        }
        if self.manual.master_offset.is_some_and(|offset| self.replication.offset >= offset) {
            self.manual.ready = true;
            self.todo.failover = true;
            self.log_notice("All primary replication stream processed, manual failover can start.".into());
        }
    }

    /// Gives up a manual failover that took too long.
    pub(crate) fn expire_manual_failover(&mut self, now: u64) {
        if self.manual.end != 0 && self.manual.end < now {
            self.log_warning("Manual failover timed out.".into());
            self.reset_manual_failover();
        }
    }

    pub(crate) fn reset_manual_failover(&mut self) {
        if self.manual.replica.is_some() {
            self.effects.push_back(Effect::ResumeClients);
        }
        self.manual = ManualFailover::default();
    }
}
