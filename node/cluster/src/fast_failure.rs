//! Fast failure detection: a killed process is noticed by its closed connections, not by silence.
//!
//! When a process dies the kernel of its host closes its connections and answers every new one with a
//! refusal. That is far better evidence than silence, and it is there at once, while the node timeout of
//! several seconds is meant for the doubtful cases. So when a link that had been answered on is closed by the
//! other end, it is opened again at once; a node that refuses is probed at every tick, and suspected when
//!
//! 1. a pong has come on a link this process opened (a node never reached before gets the whole timeout:
//!    while a cluster starts, refusals mean nothing), and
//! 2. its port refused [`REFUSALS`] connections in a row, over at least [`SPAN_MS`], and
//! 3. it has no connection open to this node, and
//! 4. not a byte came from it since the first refusal.
//!
//! A slow or paused process fails 2, because its kernel still accepts; a process whose listener alone is
//! shut off by a firewall fails 3; a lost or partitioned host fails 2, because nobody refuses. These all keep
//! the whole node timeout. A process that restarts within the span is not suspected.
//!
//! Safety is untouched. Suspicion stays one node's opinion (PFAIL): it counts as one failure report, FAIL
//! still takes a majority of the voting masters within the report window, and a promotion still takes one
//! vote each of a majority, once per epoch, for a replica whose master is FAIL. Among real servers, which
//! report only by their timeouts, nothing happens before a majority's timeouts are over. A wrong suspicion is
//! withdrawn by the first pong, as any other. What a false verdict could cost is what it costs at the end of
//! a timeout: one failover to a replica with asynchronous data, and the old master demoted by epoch.
//!
//! A suspicion, by silence too, is told at once to a few collectors instead of waiting for the next ping: the replicas
//! of the suspect, which want to know, and the [`COLLECTORS`] voters after it by name, the same for everyone. That
//! costs a handful of packets per node where telling everyone would cost the square of the cluster. A packet speaks of
//! all suspects, so of many at once (a rack is gone) only the first few decide who collects, and what is suspected within
//! [`GATHER_MS`] goes together.

use std::collections::BTreeSet;

use crate::node::{Flags, NodeIndex};
use crate::state::Cluster;
use crate::wire::HeartbeatKind;

/// Refusals in a row that make a suspicion.
const REFUSALS: u8 = 3;
/// Time they have to span at least, ms.
const SPAN_MS: u64 = 150;
/// How long suspicions gather when one was told just before, ms.
const GATHER_MS: u64 = 20;
/// Of how many suspects, the first by name, collectors are told.
const LEADING: usize = 4;
/// Voters, besides the suspect's replicas, that are told of a fresh suspicion.
const COLLECTORS: usize = 8;

/// What was seen of one node.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    /// Condition 1.
    reached: bool,
    /// Whether a pong came on the last link that could be opened.
    answered: bool,
    refusals: u8,
    first_refusal: u64,
}

/// When suspicions are told.
#[derive(Debug, Default)]
pub(crate) struct Suspicions {
    /// When some were told last.
    told: u64,
    /// When those that have gathered are to be told.
    pub(crate) due: Option<u64>,
}

impl Cluster {
    /// The other end closed a link: find out at once whether it still lives.
    pub(crate) fn connection_lost(&mut self, node: NodeIndex, inbound: bool, now: u64) {
        if self.nodes[node].in_handshake() || !self.config.fast_failure_detection {
            return;
        }
        let answered = self.nodes[node].probe.answered;
        match self.nodes[node].link {
            None if answered => self.open_link(node, now),
            // A dead process answers this with a reset, which closes the link too.
            Some(link) if inbound && self.nodes[node].ping_sent == 0 => {
                self.send_heartbeat_on(link, HeartbeatKind::Ping, now);
            }
            _ => {}
        }
    }

    /// The host of `node` says that nobody listens there.
    pub(crate) fn connection_refused(&mut self, node: NodeIndex, now: u64) {
        let probe = &mut self.nodes[node].probe;
        if !probe.reached || !self.config.fast_failure_detection {
            return;
        }
        if probe.refusals == 0 {
            probe.first_refusal = now;
        }
        probe.refusals = probe.refusals.saturating_add(1);
        let (refusals, since) = (probe.refusals, probe.first_refusal);
        let row = &self.nodes[node];
        let gone = refusals >= REFUSALS && now.saturating_sub(since) >= SPAN_MS;
        if gone && row.inbound.is_none() && row.data_received <= since && !row.is_unreachable() {
            self.suspect(node, now);
        }
    }

    /// The port of `node` accepted a connection: what it refused before is over, and until a pong comes on
    /// the new link it is not trusted with being opened again at once, or two nodes that cannot agree would
    /// do nothing but reconnect. What it refuses then counts again: the port of a process that ends accepts to the last.
    pub(crate) fn someone_listens(&mut self, node: NodeIndex) {
        let probe = &mut self.nodes[node].probe;
        *probe = Probe { reached: probe.reached, ..Probe::default() };
    }

    /// `node` answered on a link that this one opened.
    pub(crate) fn pong_on_own_link(&mut self, node: NodeIndex) {
        let probe = &mut self.nodes[node].probe;
        (probe.reached, probe.answered) = (true, true);
    }

    /// Tells the collectors of a fresh suspicion, now or soon.
    pub(crate) fn tell_collectors(&mut self, now: u64) {
        if !self.myself().is_voter() || !self.config.fast_failure_detection {
            return; // This node's opinion does not count, or the next ping will do.
        }
        let told = self.suspicions.told;
        if now < told + GATHER_MS {
            self.suspicions.due = Some(told + GATHER_MS);
        } else {
            self.tell_suspicions(now);
        }
    }

    /// Tells the suspicions that have gathered, when it is time to.
    pub(crate) fn tell_gathered(&mut self, now: u64) {
        if self.suspicions.due.is_some_and(|due| now >= due) {
            self.tell_suspicions(now);
        }
    }

    fn tell_suspicions(&mut self, now: u64) {
        self.suspicions = Suspicions { told: now, due: None };
        let suspects = self.nodes.iter().filter(|(_, node)| node.flags.has(Flags::PFAIL));
        let suspects: Vec<NodeIndex> = suspects.map(|(i, _)| i).collect();
        let voters: Vec<NodeIndex> =
            self.nodes.iter().filter(|(_, n)| n.is_voter() && !n.is_unreachable()).map(|(i, _)| i).collect();
        let mut told: BTreeSet<NodeIndex> =
            suspects.iter().flat_map(|suspect| self.nodes[*suspect].replicas.clone()).collect();
        for suspect in suspects.iter().take(LEADING) {
            let id = self.nodes[*suspect].id;
            let first = voters.partition_point(|voter| self.nodes[*voter].id < id);
            told.extend(voters[first..].iter().chain(&voters[..first]).take(COLLECTORS));
        }
        told.remove(&self.me);
        self.send_same_pong(told.into_iter().collect(), now);
    }
}
