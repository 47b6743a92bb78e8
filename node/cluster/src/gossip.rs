//! What others say: about nodes they know (gossip) and about themselves (ping extensions).

use crate::effects::Save;
use crate::node::{Flags, Node, NodeIndex};
use crate::state::Cluster;
use crate::wire::{Extension, GossipEntry, Heartbeat};

/// How far another node's clock may be ahead before its pong times are not believed, ms.
const CLOCK_TOLERANCE_MS: u64 = 500;

impl Cluster {
    /// Takes in the gossip of `sender`; of a stranger only when `trusted` because it said MEET.
    pub(crate) fn gossip_received(
        &mut self,
        sender: Option<NodeIndex>,
        trusted: bool,
        beat: &Heartbeat,
        now: u64,
    ) {
        if sender.is_none() && !trusted {
            return;
        }
        let mut suspects = Vec::new();
        for entry in &beat.gossip {
            match self.nodes.find(entry.id) {
                Some(node) if node == self.me => {}
                Some(node) => {
                    self.gossip_about_known(sender, node, entry, now);
                    if self.nodes[node].flags.has(Flags::PFAIL) {
                        suspects.push(node);
                    }
                }
                // An address alone proves nothing: only a known node vouches for one that is not.
                None if sender.is_some() => self.gossip_about_unknown(entry, now),
                None => {}
            }
        }
        self.fail_if_agreed(&suspects, now);
    }

    fn gossip_about_known(
        &mut self,
        sender: Option<NodeIndex>,
        node: NodeIndex,
        entry: &GossipEntry,
        now: u64,
    ) {
        let fails = entry.flags.has(Flags::FAIL.with(Flags::PFAIL));
        if let Some(sender) = sender.filter(|sender| self.nodes[*sender].is_voter()) {
            if fails {
                self.failure_reported(node, sender, now);
            } else {
                self.failure_withdrawn(node, sender, now);
            }
        }
        let row = &mut self.nodes[node];
        if !fails && row.ping_sent == 0 && row.reports.is_empty() {
            // Someone else had a pong from it: this node need not ping it so soon.
            let pong = u64::from(entry.pong_received_s) * 1000;
            if pong <= now + CLOCK_TOLERANCE_MS && pong > row.pong_received {
                row.pong_received = pong;
            }
        }
        let moved = row.is_unreachable() && !fails && !entry.flags.has(Flags::NOADDR) && !entry.ip.is_empty();
        if moved {
            let before = row.address.clone();
            self.set_gossiped_address(node, entry);
            if self.nodes[node].address != before {
                self.address_changed(node);
            }
        }
    }

    fn set_gossiped_address(&mut self, node: NodeIndex, entry: &GossipEntry) {
        let tls = self.config.tls_cluster;
        let address = &mut self.nodes[node].address;
        address.ip = entry.ip.into();
        address.ports.bus = entry.bus_port;
        (address.ports.tcp, address.ports.tls) =
            if tls { (entry.second_port, entry.port) } else { (entry.port, entry.second_port) };
    }

    /// A node new to this one joins the table with its real name, unless it is banned.
    fn gossip_about_unknown(&mut self, entry: &GossipEntry, now: u64) {
        let unusable = entry.flags.has(Flags::NOADDR.with(Flags::HANDSHAKE)) || entry.ip.is_empty();
        if unusable || entry.bus_port == 0 || self.bans.contains(entry.id, now) {
            return;
        }
        // What it is and owns it will say itself; that others suspect it counts by their reports.
        let told = Flags::MASTER.0 | Flags::REPLICA.0 | Flags::FAIL.0 | Flags::PFAIL.0 | Flags::NOFAILOVER.0;
        let mut node = Node::new(entry.id, self.random.node_id(), Flags(entry.flags.0 & told), now);
        if node.is_failed() {
            node.fail_time = now;
        }
        node.data_received = now;
        if let Some(index) = self.nodes.insert(node) {
            self.set_gossiped_address(index, entry);
            self.recognise_sibling(index, now);
            self.todo.keep(Save::Soon);
        }
    }

    /// Takes in what `sender` says about itself. What it no longer says no longer holds.
    pub(crate) fn extensions_received(&mut self, sender: NodeIndex, beat: &Heartbeat, now: u64) {
        let (mut hostname, mut human_name, mut ipv4, mut ipv6, mut zone) = ("", "", "", "", "");
        let (mut tcp_port, mut tls_port, mut shard) = (0, 0, None);
        for extension in &beat.extensions {
            match extension {
                Extension::Hostname(text) => hostname = text,
                Extension::HumanName(text) => human_name = text,
                Extension::ClientIpv4(text) => ipv4 = text,
                Extension::ClientIpv6(text) => ipv6 = text,
                Extension::Zone(text) => zone = text,
                Extension::ClientPort(port) => tcp_port = *port,
                Extension::ClientTlsPort(port) => tls_port = *port,
                Extension::ShardId(id) => shard = Some(*id),
                Extension::Forgotten(id, ttl_s) => self.forget_by_gossip(*id, *ttl_s, now),
                Extension::Unknown(..) => {} // Newer servers say more; no need to fill the log with it.
            }
        }
        let Some(node) = self.nodes.get(sender) else { return };
        // A server without shards (Redis 7.0) is in the shard of its master.
        let shard = shard.unwrap_or(self.nodes[node.master.unwrap_or(sender)].shard_id);
        let node = &mut self.nodes[sender];
        let mut changed = false;
        for (field, value) in [
            (&mut node.hostname, hostname),
            (&mut node.human_name, human_name),
            (&mut node.client_ipv4, ipv4),
            (&mut node.client_ipv6, ipv6),
            (&mut node.zone, zone),
        ] {
            if field != value {
                value.clone_into(field);
                changed = true;
            }
        }
        if (node.client_tcp_port, node.client_tls_port) != (tcp_port, tls_port) {
            (node.client_tcp_port, node.client_tls_port) = (tcp_port, tls_port);
            changed = true;
        }
        if changed {
            self.todo.keep(Save::Soon);
        }
        self.set_shard(sender, shard);
    }

    /// Puts a node into a shard; a replica follows its master there.
    pub(crate) fn set_shard(&mut self, node: NodeIndex, shard: base::NodeId) {
        if self.nodes[node].shard_id != shard {
            self.nodes[node].shard_id = shard;
            self.todo.keep(Save::Soon);
        }
        if node != self.me && self.nodes[self.me].master == Some(node) && self.my_shard_id() != shard {
            self.nodes[self.me].shard_id = shard;
            self.save_later(true);
        }
    }

    /// Another node forgot `id` and asks everyone to do so too.
    fn forget_by_gossip(&mut self, id: base::NodeId, ttl_s: u64, now: u64) {
        let Some(node) = self.nodes.find(id) else { return };
        if node == self.me || self.nodes[self.me].master == Some(node) || self.bans.contains(id, now) {
            return;
        }
        let ttl_ms = ttl_s.saturating_mul(1000).min(MAX_BAN_MS);
        self.bans.add(id, now + ttl_ms, now);
        self.remove_node(node);
    }
}

/// Longest ban taken from others, ms (a day): a bad number must not ban a node for ever.
const MAX_BAN_MS: u64 = 24 * 3600 * 1000;
