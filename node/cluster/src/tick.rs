//! What happens by itself: ten times a second, links are kept open, nodes pinged, silence judged; more rarely while
//! all is well and nothing is due.

use crate::links::LinkId;
use crate::node::{Flags, Node, NodeIndex};
use crate::state::Cluster;
use crate::wire::HeartbeatKind;

/// Time between ticks, ms.
const TICK_MS: u64 = 100;
/// The longest between ticks, where a tick would find nothing to do.
const CALM_TICK_MS: u64 = 500;
/// Time between two pings of the longest unheard of a few random nodes, ms.
const RANDOM_PING_MS: u64 = 1000;
/// How much longer each further sibling waits before it pings a quiet node, ms.
const SIBLING_DELAY_MS: u64 = 250;
/// Calm ticks that a node timeout must be long: with a shorter one, ticks stay short.
const CALM_TIMEOUTS: u64 = 4;
/// How many nodes that few is.
const RANDOM_PING_CHOICE: usize = 5;

impl Cluster {
    /// When [`Cluster::tick`] wants to be called next, ms since 1970.
    pub fn next_deadline(&self) -> u64 {
        let election = self.election_deadline().unwrap_or(u64::MAX);
        self.next_tick.min(election).min(self.suspicions.due.unwrap_or(u64::MAX))
    }

    /// Lets time pass. Calling it too often does no harm.
    pub fn tick(&mut self, now: u64) {
        if now >= self.next_tick {
            self.run_tick(now);
            self.next_tick = now + self.rest(now);
        } else {
            self.todo.failover = true;
        }
        self.tell_gathered(now);
        self.finish(now);
    }

    fn run_tick(&mut self, now: u64) {
        self.bans.expire(now);
        self.close_slow_links();
        self.judge_siblings(now);
        self.tell_siblings_news(now);
        for node in self.nodes.indexes() {
            self.keep_link(node, now);
        }
        let (place, siblings) = self.place_among_siblings();
        if now >= self.next_turn {
            self.next_turn = now + RANDOM_PING_MS;
            self.turns += 1;
            if self.turns % siblings == place {
                self.ping_someone(now);
            }
            self.gossip_to_a_sibling(self.turns, now);
            self.warn_of_placement();
        }
        let interval = self.ping_interval(place);
        for node in self.others() {
            self.check_node(node, interval, now);
        }
        self.follow_master();
        self.end_missed_imports(now);
        self.forget_takeovers();
        self.expire_manual_failover(now);
        if self.myself().is_replica() {
            self.continue_manual_failover();
            self.continue_failover(now);
            self.migrate_replica(now);
        }
        if !self.is_ok() {
            self.todo.update_state = true;
        }
    }

    /// How long a node may be quiet before this one, of that place among its siblings, pings it, ms.
    fn ping_interval(&self, place: u64) -> u64 {
        // Siblings tell each other of pongs, so the first of them pings and the others need not.
        let interval = self.config.ping_interval_ms();
        interval + (place * SIBLING_DELAY_MS).min(interval / 4)
    }

    /// How long until the next tick has something to do, ms.
    fn rest(&self, now: u64) -> u64 {
        if !self.is_calm(now) {
            return TICK_MS;
        }
        let interval = self.ping_interval(self.place_among_siblings().0);
        let peers = self.nodes.iter().filter(|(_, node)| !node.is_myself() && !node.sibling);
        let pings = peers.map(|(_, node)| node.pong_received + interval + 1);
        let due = pings.min().unwrap_or(u64::MAX).min(self.next_turn);
        due.saturating_sub(now).clamp(TICK_MS, CALM_TICK_MS)
    }

    /// Whether all nodes are there and answer, and this one is about nothing.
    fn is_calm(&self, now: u64) -> bool {
        let at_rest = |node: &Node| {
            node.is_myself()
                || !node.is_unreachable()
                    && !node.in_handshake()
                    && (node.sibling || node.link.is_some())
                    && (node.ping_sent == 0 || now.saturating_sub(node.ping_sent) < TICK_MS)
        };
        self.is_ok()
            && !self.manual.in_progress()
            && self.siblings.heard.is_empty()
            && !self.siblings.heard_news
            && self.config.node_timeout >= CALM_TIMEOUTS * CALM_TICK_MS
            && self.nodes.iter().all(|(_, node)| at_rest(node))
    }

    /// Ticks soon after all if what has just happened is a reason to.
    pub(crate) fn stay_alert(&mut self, now: u64) {
        if self.next_tick > now + TICK_MS && !self.is_calm(now) {
            self.next_tick = now + TICK_MS;
        }
    }

    /// `cluster-link-sendbuf-limit`.
    fn close_slow_links(&mut self) {
        let limit = self.config.link_sendbuf_limit;
        if limit == 0 {
            return;
        }
        let slow: Vec<(LinkId, String)> = self
            .links
            .iter()
            .filter(|(_, link)| link.backlog + link.held_bytes > limit && link.node.is_some())
            .map(|(id, link)| {
                let direction = if link.inbound { "from" } else { "to" };
                let node = link.node.map(|n| self.nodes[n].id.to_string()).unwrap_or_default();
                let used = link.backlog + link.held_bytes;
                (id, format!("{direction} node {node}, used memory: {used}"))
            })
            .collect();
        for (id, what) in slow {
            self.log_warning(format!(
                "Freeing cluster link({what}) due to exceeding send buffer memory limit."
            ));
            self.close_link(id);
            self.stats.buffer_limit_exceeded += 1;
        }
    }

    /// Opens the link to a node that has none, and gives up handshakes without an answer.
    fn keep_link(&mut self, node: NodeIndex, now: u64) {
        let row = &self.nodes[node];
        if row.flags.has(Flags::MYSELF.with(Flags::NOADDR)) || row.sibling {
            return;
        }
        if row.in_handshake() && now.saturating_sub(row.created) > self.handshake_timeout() {
            self.remove_node(node);
        } else if row.link.is_none() && !row.address.ip.is_empty() {
            self.open_link(node, now);
        }
    }

    /// Pings the longest unheard of a few random nodes.
    fn ping_someone(&mut self, now: u64) {
        let mut longest: Option<NodeIndex> = None;
        for _ in 0..RANDOM_PING_CHOICE {
            let index = self.nodes.random(&mut self.random);
            let node = &self.nodes[index];
            let skip = node.link.is_none() || node.ping_sent != 0 || node.is_myself() || node.in_handshake();
            if !skip && longest.is_none_or(|old| node.pong_received < self.nodes[old].pong_received) {
                longest = Some(index);
            }
        }
        if let Some(node) = longest {
            self.send_heartbeat(node, HeartbeatKind::Ping, now);
        }
    }

    /// Pings a node that was quiet for long, renews a link that seems stuck, and suspects a silent node.
    fn check_node(&mut self, node: NodeIndex, ping_interval: u64, now: u64) {
        let timeout = self.config.node_timeout;
        let row = &self.nodes[node];
        if row.flags.has(Flags::NOADDR) || row.sibling {
            return;
        }
        let since = |at: u64| now.saturating_sub(at);
        let (waiting, silent) = (since(row.ping_sent), since(row.data_received));
        if let Some(link) = row.link {
            let age = self.links.get(link).map_or(0, |link| since(link.created));
            let unanswered = row.ping_sent != 0 && waiting > timeout / 2 && silent > timeout / 2;
            let open = self.links.get(link).is_some_and(|link| link.connected);
            if age > timeout && (unanswered || !open) {
                self.close_link(link); // Maybe the connection is dead and the node is not.
                let ping_sent = &mut self.nodes[node].ping_sent;
                *ping_sent = if *ping_sent == 0 { now } else { *ping_sent }; // So that a timeout runs.
            }
        }
        let row = &self.nodes[node];
        let takes_over = self.myself().is_master() && self.manual.paused && self.manual.replica == Some(node);
        if row.ping_sent == 0 && (since(row.pong_received) > ping_interval || takes_over) {
            if row.link.is_some_and(|link| self.links.get(link).is_some_and(|link| link.connected)) {
                self.send_heartbeat(node, HeartbeatKind::Ping, now);
            }
            return;
        }
        // Any byte is a sign of life: under load a pong may be late.
        if row.ping_sent != 0 && waiting.min(silent) > timeout {
            self.suspect(node, now);
        }
    }
}
