//! PING, PONG and MEET: whom to speak of, and when to send.
//!
//! Each carries gossip about a tenth of the nodes, three at least, picked at random, so that within two node
//! timeouts a failure reaches a majority (cluster specification, "Fault tolerance"); nodes suspected to fail
//! are always spoken of.

use bytes::Bytes;

use crate::links::LinkId;
use crate::node::{Flags, Node, NodeIndex};
use crate::state::Cluster;
use crate::wire::{Body, Extension, GossipEntry, Heartbeat, HeartbeatKind, message_flag};

/// Least gossip entries of a heartbeat.
const MIN_GOSSIP: usize = 3;
/// Most suspected nodes one heartbeat speaks of; the count on the wire has 16 bits.
const MAX_SUSPECTED: usize = 16_384;

impl Cluster {
    /// Sends a heartbeat on a link.
    pub(crate) fn send_heartbeat_on(&mut self, link: LinkId, kind: HeartbeatKind, now: u64) {
        let Some((node, inbound)) = self.links.get(link).map(|l| (l.node, l.inbound)) else { return };
        if let (Some(node), false, HeartbeatKind::Ping) = (node, inbound, kind) {
            self.nodes[node].ping_sent = now;
        }
        let bytes = self.heartbeat(kind, node, now);
        self.send_on(link, bytes);
    }

    /// Sends a heartbeat to a node by the way there is.
    pub(crate) fn send_heartbeat(&mut self, node: NodeIndex, kind: HeartbeatKind, now: u64) {
        if self.nodes[node].sibling {
            let bytes = self.heartbeat(kind, Some(node), now);
            self.send_to(node, bytes);
        } else if let Some(link) = self.nodes[node].link {
            self.send_heartbeat_on(link, kind, now);
        }
    }

    /// Sends a PONG to every other node: news of this node that must not wait for the next ping. All get the same bytes, or
    /// in a big cluster it would take long to write them.
    pub(crate) fn broadcast_pong(&mut self, now: u64) {
        self.send_same_pong(self.others(), now);
    }

    /// Sends one PONG to all of these nodes.
    pub(crate) fn send_same_pong(&mut self, to: Vec<NodeIndex>, now: u64) {
        let (reading, others): (Vec<_>, Vec<_>) =
            to.into_iter().partition(|node| self.nodes[*node].flags.has(Flags::EXTENSIONS));
        for nodes in [reading, others] {
            let Some(first) = nodes.first() else { continue };
            let bytes = self.heartbeat(HeartbeatKind::Pong, Some(*first), now);
            nodes.into_iter().for_each(|node| self.send_to(node, bytes.clone()));
        }
    }

    /// Sends a PONG to the nodes of this shard, so that replicas know each other's offsets.
    pub(crate) fn broadcast_pong_to_shard(&mut self, now: u64) {
        let master = self.my_master();
        for node in self.nodes[master].replicas.clone() {
            if node != self.me && !self.nodes[node].in_handshake() {
                self.send_heartbeat(node, HeartbeatKind::Pong, now);
            }
        }
    }

    fn heartbeat(&mut self, kind: HeartbeatKind, receiver: Option<NodeIndex>, now: u64) -> Bytes {
        self.pings += 1;
        let mut chosen = self.choose_gossip(receiver);
        let suspected = |node: &Node| {
            node.flags.has(Flags::PFAIL) && !node.flags.has(Flags::HANDSHAKE.with(Flags::NOADDR))
        };
        chosen.extend(self.nodes.iter().filter(|(_, n)| suspected(n)).map(|(i, _)| i).take(MAX_SUSPECTED));
        let gossip = chosen.into_iter().map(|node| self.gossip_entry(&self.nodes[node], now)).collect();
        let understood = receiver.is_some_and(|node| self.nodes[node].flags.has(Flags::EXTENSIONS));
        let extensions = if understood { self.extensions(now) } else { Vec::new() };
        self.packet(message_flag::EXTENSIONS, Body::Heartbeat(Heartbeat { kind, gossip, extensions }))
    }

    /// Nodes to speak of to `receiver`: random ones that are reachable or serve slots.
    fn choose_gossip(&mut self, receiver: Option<NodeIndex>) -> Vec<NodeIndex> {
        let known = self.nodes.len();
        let mut fresh = known.saturating_sub(2);
        let wanted = (known / 10).max(MIN_GOSSIP).min(fresh);
        let mut chosen = Vec::with_capacity(wanted);
        for _ in 0..wanted * 3 {
            if fresh == 0 || chosen.len() == wanted {
                break;
            }
            let index = self.nodes.random(&mut self.random);
            let node = &mut self.nodes[index];
            if index == self.me || Some(index) == receiver || node.flags.has(Flags::PFAIL) {
                continue;
            }
            let useless = node.link.is_none() && !node.sibling && node.slots.is_empty();
            if node.flags.has(Flags::HANDSHAKE.with(Flags::NOADDR)) || useless {
                fresh -= 1;
                continue;
            }
            if node.gossiped_in != self.pings {
                node.gossiped_in = self.pings;
                chosen.push(index);
                fresh -= 1;
            }
        }
        chosen
    }

    fn gossip_entry<'a>(&self, node: &'a Node, now: u64) -> GossipEntry<'a> {
        let ports = node.address.ports;
        let (port, second_port) =
            if self.config.tls_cluster { (ports.tls, ports.tcp) } else { (ports.tcp, ports.tls) };
        let pong_received = if node.sibling && !node.is_unreachable() { now } else { node.pong_received };
        GossipEntry {
            id: node.id,
            ping_sent_s: (node.ping_sent / 1000) as u32,
            pong_received_s: (pong_received / 1000) as u32,
            ip: &node.address.ip,
            port,
            bus_port: ports.bus,
            flags: node.flags,
            second_port,
        }
    }

    /// This node's extensions, in the order Valkey 9 writes them.
    fn extensions(&self, now: u64) -> Vec<Extension<'_>> {
        let node = self.myself();
        let texts = [
            (&node.hostname, Extension::Hostname(&node.hostname)),
            (&node.human_name, Extension::HumanName(&node.human_name)),
            (&node.client_ipv4, Extension::ClientIpv4(&node.client_ipv4)),
            (&node.client_ipv6, Extension::ClientIpv6(&node.client_ipv6)),
        ];
        let mut extensions: Vec<Extension> =
            texts.into_iter().filter(|(text, _)| !text.is_empty()).map(|(_, extension)| extension).collect();
        if node.client_tcp_port != 0 {
            extensions.push(Extension::ClientPort(node.client_tcp_port));
        }
        if node.client_tls_port != 0 {
            extensions.push(Extension::ClientTlsPort(node.client_tls_port));
        }
        if !node.zone.is_empty() {
            extensions.push(Extension::Zone(&node.zone));
        }
        extensions.extend(self.bans.remaining_s(now).map(|(id, ttl_s)| Extension::Forgotten(id, ttl_s)));
        extensions.push(Extension::ShardId(node.shard_id));
        extensions
    }
}
