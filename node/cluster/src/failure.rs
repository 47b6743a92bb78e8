//! Failure detection by agreement: suspicion (PFAIL), reports, verdict (FAIL), and its end.
//!
//! One node's suspicion proves nothing; it may be that node's own link. So a node is FAIL only when a
//! majority of the voting masters reported it within the report window (two node timeouts) and this node
//! suspects it too; the verdict is then told to everyone at once (cluster specification, "Failure
//! detection").

use base::NodeId;

use crate::command_error::CommandError;
use crate::node::{FailureReport, Flags, NodeIndex};
use crate::state::Cluster;

/// How long a report counts, in node timeouts.
const REPORT_VALIDITY: u64 = 2;
/// How long a master that kept its slots stays FAIL after it is reachable again, in node timeouts.
const FAIL_UNDO: u64 = 2;

impl Cluster {
    /// This node cannot reach `node`: suspect it.
    pub(crate) fn suspect(&mut self, node: NodeIndex, now: u64) {
        if self.nodes[node].is_unreachable() {
            return;
        }
        self.nodes[node].flags.set(Flags::PFAIL, true);
        let label = self.nodes[node].label();
        self.log_notice(format!("NODE {label} possibly failing."));
        self.todo.update_state = true;
        self.fail_if_agreed(&[node], now);
        self.tell_collectors(now);
    }

    /// A voting master says it cannot reach `node`. Whether a majority agrees is looked at after all it says.
    pub(crate) fn failure_reported(&mut self, node: NodeIndex, by: NodeIndex, now: u64) {
        match self.nodes[node].reports.iter_mut().find(|report| report.from == by) {
            Some(report) => report.at = now,
            None => {
                self.nodes[node].reports.push(FailureReport { from: by, at: now });
                let (reporter, about) = (self.nodes[by].label(), self.nodes[node].label());
                self.log_notice(format!("Node {reporter} reported node {about} as not reachable."));
            }
        }
    }

    /// A voting master says it reaches `node`.
    pub(crate) fn failure_withdrawn(&mut self, node: NodeIndex, by: NodeIndex, now: u64) {
        let reports = &mut self.nodes[node].reports;
        let Some(at) = reports.iter().position(|report| report.from == by) else { return };
        reports.remove(at);
        self.expire_reports(node, now);
        let (reporter, about) = (self.nodes[by].label(), self.nodes[node].label());
        self.log_notice(format!("Node {reporter} reported node {about} is back online."));
    }

    fn expire_reports(&mut self, node: NodeIndex, now: u64) {
        let window = self.config.node_timeout * REPORT_VALIDITY;
        self.nodes[node].reports.retain(|report| now.saturating_sub(report.at) <= window);
    }

    /// CLUSTER COUNT-FAILURE-REPORTS.
    ///
    /// # Errors
    /// The node is not known.
    pub fn count_failure_reports(&mut self, id: &str, now: u64) -> Result<usize, CommandError> {
        let node = self.find_by_text(id).ok_or_else(|| CommandError::UnknownNode(id.into()))?;
        self.expire_reports(node, now);
        Ok(self.nodes[node].reports.len())
    }

    /// Turns suspicion into the verdict when a majority agrees.
    pub(crate) fn fail_if_agreed(&mut self, suspects: &[NodeIndex], now: u64) {
        if suspects.is_empty() {
            return;
        }
        let needed = self.quorum() - usize::from(self.myself().is_voter());
        for &node in suspects {
            if !self.nodes[node].flags.has(Flags::PFAIL) || self.nodes[node].reports.len() < needed {
                continue;
            }
            self.expire_reports(node, now);
            // Reports are taken from voters only, but a voter may have lost its slots since.
            let voters = self.nodes[node].reports.iter().filter(|r| self.nodes[r.from].is_voter()).count();
            if voters >= needed {
                let label = self.nodes[node].label();
                self.log_notice(format!("Marking node {label} as failing (quorum reached)."));
                self.mark_failed(node, now);
                self.send_fail(node);
            }
        }
    }

    fn mark_failed(&mut self, node: NodeIndex, now: u64) {
        let row = &mut self.nodes[node];
        row.flags.set(Flags::PFAIL, false);
        row.flags.set(Flags::FAIL, true);
        row.fail_time = now;
        self.todo.update_state = true;
        self.todo.failover = true;
        self.save_later(false);
    }

    /// FAIL: another node saw the agreement.
    pub(crate) fn fail_received(&mut self, sender: NodeIndex, about: NodeId, now: u64) {
        let Some(node) = self.nodes.find(about) else { return };
        if node == self.me || self.nodes[node].is_failed() || self.nodes[node].in_handshake() {
            return;
        }
        let (from, label) = (self.nodes[sender].label(), self.nodes[node].label());
        self.log_notice(format!("FAIL message received from {from} about {label}"));
        self.mark_failed(node, now);
    }

    /// A node answered: suspicion ends at once, the verdict when nothing speaks against it.
    pub(crate) fn reachable_again(&mut self, node: NodeIndex, now: u64) {
        let row = &mut self.nodes[node];
        if row.flags.has(Flags::PFAIL) {
            row.flags.set(Flags::PFAIL, false);
            self.todo.update_state = true;
            self.save_later(false);
            return;
        }
        if !row.is_failed() {
            return;
        }
        let (label, replica) = (row.label(), row.is_replica());
        let why = if !row.is_voter() {
            format!("{} is reachable again.", if replica { "replica" } else { "master without slots" })
        } else if now.saturating_sub(row.fail_time) > self.config.node_timeout * FAIL_UNDO {
            "is reachable again and nobody is serving its slots after some time.".into()
        } else {
            return; // A replica may be about to take over.
        };
        row.flags.set(Flags::FAIL, false);
        self.log_notice(format!("Clear FAIL state for node {label}: {why}"));
        self.todo.update_state = true;
        self.save_later(false);
    }
}
