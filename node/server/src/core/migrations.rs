//! The log of slot migrations: those under way and those that ended, for CLUSTER GETSLOTMIGRATIONS.

use std::collections::VecDeque;

use base::{NodeId, Slot};
use cluster::SlotSet;

/// Which side of a migration this node is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It takes slots.
    Import,
    /// It gives slots.
    Export,
}

/// One migration.
#[derive(Debug, Clone)]
pub struct Migration {
    /// Its name, the same on both sides.
    pub name: NodeId,
    /// This node's side.
    pub direction: Direction,
    /// The slots, as ranges.
    pub ranges: Vec<(Slot, Slot)>,
    /// Who gives.
    pub source: NodeId,
    /// Who takes.
    pub target: NodeId,
    /// When it was asked for, unix seconds.
    pub created_s: u64,
    /// When its state last changed, unix seconds.
    pub updated_s: u64,
    /// When the other side was last heard, unix seconds.
    pub acked_s: u64,
    /// How far it is, in Valkey's words.
    pub state: &'static str,
    /// Why it failed.
    pub message: String,
}

impl Migration {
    /// A migration that begins at `now_s`.
    pub fn new(
        name: NodeId,
        direction: Direction,
        slots: &[Slot],
        source: NodeId,
        target: NodeId,
        now_s: u64,
    ) -> Migration {
        let set: SlotSet = slots.iter().copied().collect();
        let (created_s, updated_s, acked_s) = (now_s, now_s, now_s);
        let (ranges, state, message) = (set.ranges(), "", String::new());
        Migration { name, direction, ranges, source, target, created_s, updated_s, acked_s, state, message }
    }

    /// Whether it is over.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, "success" | "failed" | "cancelled")
    }
}

/// All migrations that a node remembers, the newest first.
#[derive(Debug, Default)]
pub struct Migrations(VecDeque<Migration>);

impl Migrations {
    /// Adds a migration; of those that ended at most `keep` are remembered.
    pub fn begin(&mut self, job: Migration, state: &'static str, keep: u64) {
        self.0.push_front(Migration { state, ..job });
        let mut ended = 0;
        self.0.retain(|job| {
            ended += u64::from(job.has_ended());
            !job.has_ended() || ended <= keep
        });
    }

    /// A migration has come so far.
    pub fn enter(&mut self, name: NodeId, state: &'static str, now_s: u64) {
        if let Some(job) = self.0.iter_mut().find(|job| job.name == name) {
            (job.state, job.updated_s, job.acked_s) = (state, now_s, now_s);
        }
    }

    /// Ends a migration.
    pub fn end(&mut self, name: NodeId, state: &'static str, message: &str, now_s: u64) {
        if let Some(job) = self.0.iter_mut().find(|job| job.name == name) {
            (job.state, job.updated_s, job.acked_s) = (state, now_s, now_s);
            job.message = message.to_owned();
        }
    }

    /// All, the newest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Migration> {
        self.0.iter()
    }
}
