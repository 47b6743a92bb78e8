//! Elections: a replica asks the masters for the right to replace its failed master.
//!
//! The replica with the newest data should win, so each delays by its rank among its fellows; it then takes a
//! new epoch and asks everyone. A master votes once per epoch, for a replica whose master is FAIL and whose
//! claims are not overtaken; a majority of votes makes the replica master with that epoch (cluster
//! specification, "Replica election and promotion").
//!
//! Redis waits half a second and more before it asks, so that FAIL can reach every voter first. Here the
//! candidate sends FAIL along on the same links just before it asks, so voters always know; after a fast
//! detection (see `fast_failure`) the delay only has to let fellow replicas tell their offsets.

use std::collections::BTreeSet;

use base::NodeId;

use crate::node::{Flags, NodeIndex};
use crate::state::Cluster;
use crate::wire::{Body, Header, message_flag};

/// Delay before asking, and the random part on top, ms.
const DELAY_MS: u64 = 500;
/// The same after a fast detection.
const FAST_DELAY_MS: u64 = 100;
/// Further delay per rank, ms.
const RANK_DELAY_MS: u64 = 1000;
/// The same after a fast detection.
const FAST_RANK_DELAY_MS: u64 = 400;
/// Shortest time an election may take, ms.
const MIN_ELECTION_MS: u64 = 2000;
/// Time after which unanswered voters are asked again in the same epoch, ms.
const ASK_AGAIN_MS: u64 = 1000;
/// How often the same obstacle is logged at most, ms.
const RELOG_MS: u64 = 1000;
/// How long a voter that voted does not vote about the same master again, in node timeouts.
const VOTE_PAUSE: u64 = 2;

/// Why a replica cannot take over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obstacle {
    DataAge,
    WaitingDelay,
    Expired,
    WaitingVotes,
}

/// The election this node stands in.
#[derive(Debug, Default)]
pub(crate) struct Election {
    /// When it starts or started to ask; 0 for none yet.
    start: u64,
    fast: bool,
    rank: usize,
    /// When it last asked; 0 for not yet.
    asked: u64,
    epoch: u64,
    votes: BTreeSet<NodeId>,
    obstacle: Option<(Obstacle, u64)>,
}

impl Election {
    /// Drops an election about a master that is followed no longer.
    pub(crate) fn forget(&mut self) {
        self.start = 0;
        self.asked = 0;
        self.votes.clear();
    }
}

impl Cluster {
    /// When the election this node waits for starts; `None` when it has started or there is none.
    pub(crate) fn election_deadline(&self) -> Option<u64> {
        let waits = self.myself().is_replica() && self.election.asked == 0;
        (waits && self.election.start > self.clock).then_some(self.election.start)
    }

    fn election_timeout(&self) -> u64 {
        (self.config.node_timeout * 2).max(MIN_ELECTION_MS)
    }

    /// Takes the next step of replacing the master, if there is cause to.
    pub(crate) fn continue_failover(&mut self, now: u64) {
        let manual = self.manual.can_start();
        let Some(master) = self.nodes[self.me].master.filter(|_| self.myself().is_replica()) else {
            self.election.obstacle = None;
            return;
        };
        let cause = manual || (self.nodes[master].is_failed() && !self.config.replica_no_failover);
        if !cause {
            self.election.obstacle = None;
            return;
        }
        if !manual && self.is_data_too_old(now) {
            return self.log_obstacle(Obstacle::DataAge, now);
        }
        if self.election.start == 0 || now > self.election.start + self.election_timeout() * 2 {
            return self.schedule_election(master, now);
        }
        if self.election.asked == 0 && !manual {
            self.update_rank();
        }
        if now < self.election.start {
            return self.log_obstacle(Obstacle::WaitingDelay, now);
        }
        if now > self.election.start + self.election_timeout() {
            return self.log_obstacle(Obstacle::Expired, now);
        }
        if self.election.asked == 0 {
            self.current_epoch += 1;
            self.election.epoch = self.current_epoch;
            let epoch = self.current_epoch;
            self.log_notice(format!("Starting a failover election for epoch {epoch}."));
            self.ask_for_votes(master, now);
            self.todo.update_state = true;
            self.save_later(true);
        } else if self.election.votes.len() >= self.quorum() {
            self.win(now);
        } else {
            if now >= self.election.asked + ASK_AGAIN_MS && self.election.epoch == self.current_epoch {
                self.ask_for_votes(master, now);
            }
            self.log_obstacle(Obstacle::WaitingVotes, now);
        }
    }

    /// `cluster-replica-validity-factor`: a replica too long without its master must not replace it.
    fn is_data_too_old(&self, now: u64) -> bool {
        let factor = self.config.replica_validity_factor;
        let age = now.saturating_sub(self.replication.master_last_seen);
        // The time the master needed to be found failing is no fault of the replica.
        let age = if age > self.config.node_timeout { age - self.config.node_timeout } else { age };
        factor != 0 && age > self.config.repl_ping_period_s * 1000 + self.config.node_timeout * factor
    }

    fn schedule_election(&mut self, master: NodeIndex, now: u64) {
        // Silence would have taken the whole timeout: a verdict before that came by fast detection.
        let silent = now.saturating_sub(self.nodes[master].data_received.max(self.nodes[master].created));
        let fast = self.config.fast_failure_detection && silent < self.config.node_timeout;
        let manual = self.manual.in_progress();
        let rank = if manual { 0 } else { self.rank() };
        let (delay, per_rank) =
            if fast { (FAST_DELAY_MS, FAST_RANK_DELAY_MS) } else { (DELAY_MS, RANK_DELAY_MS) };
        let wait = if manual { 0 } else { delay + self.random.below(delay) + rank as u64 * per_rank };
        self.election = Election { start: now + wait, fast, rank, ..Election::default() };
        let offset = self.replication.offset;
        self.log_notice(format!(
            "Start of election delayed for {wait} milliseconds (rank #{rank}, offset {offset})."
        ));
        self.broadcast_pong_to_shard(now);
        if manual {
            self.continue_failover(now);
        }
    }

    /// How many fellow replicas that could win have newer data; names break ties.
    fn rank(&self) -> usize {
        let (offset, id) = (self.replication.offset, self.my_id());
        let fellows = &self.nodes[self.my_master()].replicas;
        let better = |fellow: &&NodeIndex| {
            let node = &self.nodes[**fellow];
            let stands = **fellow != self.me && !node.is_unreachable() && !node.flags.has(Flags::NOFAILOVER);
            stands && (node.offset > offset || (node.offset == offset && node.id < id))
        };
        fellows.iter().filter(better).count()
    }

    /// Fellows may have told newer offsets since the election was scheduled.
    fn update_rank(&mut self) {
        let (rank, old) = (self.rank(), self.election.rank);
        if rank > old {
            let per_rank = if self.election.fast { FAST_RANK_DELAY_MS } else { RANK_DELAY_MS };
            let added = (rank - old) as u64 * per_rank;
            self.election.start += added;
            self.election.rank = rank;
            self.log_notice(format!("Replica rank updated to #{rank}, added {added} milliseconds of delay."));
        }
    }

    fn ask_for_votes(&mut self, master: NodeIndex, now: u64) {
        self.election.asked = now;
        if self.nodes[master].is_failed() {
            self.send_fail(master);
        }
        let force = if self.manual.in_progress() { message_flag::FORCE_ACK } else { 0 };
        let bytes = self.packet(force, Body::AuthRequest);
        self.broadcast(&bytes);
    }

    fn win(&mut self, now: u64) {
        self.log_notice("Failover election won: I'm the new primary.".into());
        let epoch = self.election.epoch;
        if self.myself().config_epoch < epoch {
            self.nodes[self.me].config_epoch = epoch;
            self.log_notice(format!("configEpoch set to {epoch} after successful failover"));
        }
        self.take_over_from_master(now);
    }

    fn log_obstacle(&mut self, obstacle: Obstacle, now: u64) {
        if self.election.obstacle.is_some_and(|(last, at)| last == obstacle && now < at + RELOG_MS) {
            return;
        }
        self.election.obstacle = Some((obstacle, now));
        let text = match obstacle {
            Obstacle::DataAge => {
                "Disconnected from primary for longer than allowed. Please check the \
                 'cluster-replica-validity-factor' configuration option."
            }
            Obstacle::WaitingDelay => "Waiting the delay before I can start a new failover.",
            Obstacle::Expired => "Failover attempt expired.",
            Obstacle::WaitingVotes => "Waiting for votes, but majority still not reached.",
        };
        self.log_notice(format!("Currently unable to failover: {text}"));
        if matches!(obstacle, Obstacle::WaitingVotes | Obstacle::Expired) {
            let (quorum, votes) = (self.quorum(), self.election.votes.len());
            self.log_notice(format!("Needed quorum: {quorum}. Number of votes received so far: {votes}"));
        }
    }

    /// A master voted for this node.
    pub(crate) fn vote_received(&mut self, sender: NodeIndex, header: &Header) {
        let counts = self.nodes[sender].is_voter()
            && self.election.asked != 0
            && header.current_epoch >= self.election.epoch;
        if counts {
            self.election.votes.insert(self.nodes[sender].id);
            self.todo.failover = true;
        }
    }

    /// A replica wants this node's vote. It is given once per epoch, and written to disk before it leaves.
    pub(crate) fn vote_requested(&mut self, candidate: NodeIndex, request: &Header, now: u64) {
        if !self.myself().is_voter() {
            return;
        }
        let label = self.nodes[candidate].label();
        if let Some(reason) = self.reason_to_deny(candidate, request, now) {
            return self.log_warning(format!("Failover auth denied to {label} {reason}"));
        }
        if let Some((slot, owner)) = self.overtaken_claim(candidate, request) {
            let (epoch, asked) = (self.nodes[owner].config_epoch, request.config_epoch);
            let reason = format!(": slot {slot} epoch ({epoch}) > reqEpoch ({asked})");
            self.log_warning(format!("Failover auth denied to {label} {reason}"));
            // The owner may be the very master that is gone, which cannot say so any more: without this nobody ever would.
            return self.send_update(candidate, owner);
        }
        let epoch = self.current_epoch;
        self.last_vote_epoch = epoch;
        if let Some(master) = self.nodes[candidate].master {
            self.nodes[master].voted_time = now;
        }
        self.save_later(true);
        let bytes = self.packet(0, Body::AuthAck);
        self.send_to(candidate, bytes);
        self.log_notice(format!("Failover auth granted to {label} for epoch {epoch}"));
    }

    fn reason_to_deny(&self, candidate: NodeIndex, request: &Header, now: u64) -> Option<String> {
        let (asked, current) = (request.current_epoch, self.current_epoch);
        if asked < current {
            return Some(format!(": reqEpoch ({asked}) < curEpoch({current})"));
        }
        if self.last_vote_epoch == current {
            return Some(format!(": already voted for epoch {current}"));
        }
        let node = &self.nodes[candidate];
        let Some(master) = node.master.filter(|_| !node.is_master()) else {
            let why = if node.is_master() { "it is a primary node" } else { "I don't know its primary" };
            return Some(format!("for epoch {asked}: {why}"));
        };
        if !self.nodes[master].is_failed() && request.message_flags & message_flag::FORCE_ACK == 0 {
            return Some(format!("for epoch {asked}: its primary is up"));
        }
        let (voted, pause) = (self.nodes[master].voted_time, self.config.node_timeout * VOTE_PAUSE);
        if voted != 0 && now < voted + pause {
            return Some(format!(
                ": can't vote about this primary before {} milliseconds",
                voted + pause - now
            ));
        }
        None
    }
}
