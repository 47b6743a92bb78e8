//! Whether this node may serve commands: `cluster_state`.
//!
//! A master on the smaller side of a partition must stop accepting writes, and must not rush back: the other
//! side may have elected someone else meanwhile. So the state follows three rules (cluster specification,
//! "Availability"): all slots covered when the configuration asks for it, a majority of voting masters
//! reachable, and a delay before a master turns from fail to ok, long enough to hear of a new configuration.

use base::Slot;

use crate::node::{Flags, NodeIndex};
use crate::state::Cluster;

/// Longest delay before a master that was in a minority serves again, ms.
const MAX_REJOIN_DELAY_MS: u64 = 5000;
/// Shortest such delay, ms.
const MIN_REJOIN_DELAY_MS: u64 = 500;
/// How long a master that just started stays closed, ms: others may have replaced it while it was away. One whose
/// cluster is its own process need not wait: there is nobody else.
const WRITABLE_DELAY_MS: u64 = 2000;

/// Why a node does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownReason {
    /// It just started and does not trust its configuration yet.
    Starting,
    /// Some slot has no owner, or a failed one, and full coverage is required.
    SlotsUncovered,
    /// It cannot reach a majority of the voting masters.
    Minority,
    /// It could until a moment ago; it waits for news before it serves again.
    Rejoining,
}

/// `cluster_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Serving.
    Ok,
    /// Not serving, and why.
    Fail(DownReason),
}

/// What a command wants to do, as far as a cluster that is down cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read keys.
    Read,
    /// Write keys.
    Write,
    /// Use shard channels.
    ShardChannels,
}

#[derive(Debug)]
pub(crate) struct Health {
    state: State,
    first_update: Option<u64>,
    last_in_minority: Option<u64>,
}

impl Default for Health {
    fn default() -> Health {
        Health { state: State::Fail(DownReason::Starting), first_update: None, last_in_minority: None }
    }
}

impl Cluster {
    /// The state and, when it is fail, why.
    pub fn state(&self) -> State {
        self.health.state
    }

    /// Whether commands are served.
    pub fn is_ok(&self) -> bool {
        self.health.state == State::Ok
    }

    /// The error for a command that a cluster in state fail does not serve; `None` when it is served.
    /// `cluster-allow-reads-when-down` and `cluster-allow-pubsubshard-when-down` make exceptions.
    pub fn down_error(&self, access: Access) -> Option<&'static str> {
        if self.is_ok() {
            return None;
        }
        let down = "CLUSTERDOWN The cluster is down";
        match access {
            Access::ShardChannels if self.config.allow_pubsubshard_when_down => None,
            Access::Read if self.config.allow_reads_when_down => None,
            Access::Write if self.config.allow_reads_when_down => {
                Some("CLUSTERDOWN The cluster is down and only accepts read commands")
            }
            _ => Some(down),
        }
    }

    /// Number of masters with at least one slot: those who vote (`cluster_size`).
    pub fn size(&self) -> usize {
        self.nodes().filter(|node| node.is_voter()).count()
    }

    /// Votes that make a majority. A master that is said to be a replica now counts as long as its slots have no other
    /// owner here: its successor votes though this node has not heard of it yet. (By `cluster_size`, as Redis counts, a
    /// replica cut off while two shards changed masters needed two votes of five, and had them.)
    pub fn quorum(&self) -> usize {
        self.nodes().filter(|node| !node.slots.is_empty()).count() / 2 + 1
    }

    /// Siblings that bootstrap together trust their configuration from the first moment.
    pub(crate) fn start_whole(&mut self) {
        self.health.state = State::Ok;
    }

    /// Applies the rules above; logs a change.
    pub(crate) fn update_state(&mut self, now: u64) {
        let master = self.myself().is_master();
        let first = *self.health.first_update.get_or_insert(now);
        let delay = if self.knows_others() { WRITABLE_DELAY_MS } else { 0 };
        if master && !self.is_ok() && now.saturating_sub(first) < delay {
            return;
        }
        let mut state = State::Ok;
        if self.config.require_full_coverage && !self.all_slots_covered() {
            state = State::Fail(DownReason::SlotsUncovered);
        }
        let reachable = self.nodes().filter(|n| n.is_voter() && !n.is_unreachable()).count();
        if reachable < self.quorum() {
            state = State::Fail(DownReason::Minority);
            self.health.last_in_minority = Some(now);
        }
        let rejoin_delay = self.config.node_timeout.clamp(MIN_REJOIN_DELAY_MS, MAX_REJOIN_DELAY_MS);
        let since_minority = self.health.last_in_minority.map_or(u64::MAX, |at| now.saturating_sub(at));
        if state == State::Ok && !self.is_ok() && master && since_minority < rejoin_delay {
            state = State::Fail(DownReason::Rejoining);
        }
        let was_ok = self.is_ok();
        self.health.state = state;
        match (was_ok, state) {
            (false, State::Ok) => self.log_notice("Cluster state changed: ok".into()),
            (true, State::Fail(_)) => self.log_warning("Cluster state changed: fail".into()),
            _ => {}
        }
    }

    /// Whether any node lives outside this process.
    fn knows_others(&self) -> bool {
        self.nodes().any(|node| !node.is_myself() && !node.sibling)
    }

    fn all_slots_covered(&self) -> bool {
        // Nodes are few and slots many: count what healthy nodes own instead of looking at every slot.
        let failed = |index: NodeIndex| self.nodes[index].flags.has(Flags::FAIL);
        let covered: usize =
            self.nodes.iter().filter(|(index, _)| !failed(*index)).map(|(_, node)| node.slots.len()).sum();
        covered == Slot::all().len()
    }
}
