//! How nodes get to know each other: MEET, handshakes, addresses.
//!
//! A node accepts others only when someone vouches for them: an operator (CLUSTER MEET makes both ends shake
//! hands) or a node already known (gossip). Until its first answer a node has a made-up name and the flag
//! `handshake`; it is dropped when no answer comes in time.

use std::net::IpAddr;

use crate::command_error::CommandError;
use crate::effects::Save;
use crate::links::LinkId;
use crate::node::{Flags, Node, NodeIndex};
use crate::receive::Via;
use crate::state::Cluster;
use crate::wire::{Header, Heartbeat, HeartbeatKind, message_flag};

/// Shortest life of a handshake, ms.
const MIN_HANDSHAKE_TIMEOUT_MS: u64 = 1000;

impl Cluster {
    /// CLUSTER MEET: starts a handshake with an address. One already under way there is left to it.
    ///
    /// # Errors
    /// The address is no IP address and ports.
    pub fn meet(&mut self, ip: &str, port: i64, bus_port: i64, now: u64) -> Result<(), CommandError> {
        let bad = || CommandError::BadAddress(ip.into(), port.to_string());
        let address: IpAddr = ip.parse().map_err(|_| bad())?;
        let in_range = |port: i64| u16::try_from(port).ok().filter(|port| *port != 0).ok_or_else(bad);
        let (port, bus_port) = (in_range(port)?, in_range(bus_port)?);
        let ip = address.to_string();
        let tls = self.config.tls_cluster;
        let under_way = self.nodes().any(|node| {
            let there = node.address.ip == ip && node.address.ports.bus == bus_port;
            node.in_handshake() && there && node.main_port(tls) == port
        });
        if !under_way && let Some(node) = self.add_handshake(Flags::HANDSHAKE.with(Flags::MEET), now) {
            let address = &mut self.nodes[node].address;
            address.ip = ip;
            address.ports.bus = bus_port;
            *(if tls { &mut address.ports.tls } else { &mut address.ports.tcp }) = port;
            self.open_link(node, now);
        }
        self.finish(now);
        Ok(())
    }

    fn add_handshake(&mut self, flags: Flags, now: u64) -> Option<NodeIndex> {
        let (id, shard) = (self.random.node_id(), self.random.node_id());
        self.nodes.insert(Node::new(id, shard, flags, now))
    }

    /// Someone unknown said MEET: shake hands with the address it has.
    pub(crate) fn met_by(&mut self, link: LinkId, header: &Header, now: u64) {
        let Some(known) = self.links.get(link) else { return };
        if known.node.is_some() {
            return; // It said so before on this link; the handshake is under way.
        }
        let ip = announced_or_seen_ip(header, &known.peer_ip);
        let Some(node) = self.add_handshake(Flags::HANDSHAKE, now) else { return };
        self.nodes[node].address.ip = ip;
        self.set_ports(node, header);
        let reads = header.message_flags & message_flag::EXTENSIONS != 0;
        self.nodes[node].flags.set(Flags::EXTENSIONS, reads);
        self.tie_inbound(link, node);
        self.open_link(node, now);
        self.todo.keep(Save::Soon);
    }

    pub(crate) fn set_ports(&mut self, node: NodeIndex, header: &Header) {
        let ports = &mut self.nodes[node].address.ports;
        ports.bus = header.bus_port;
        (ports.tcp, ports.tls) = if self.config.tls_cluster {
            (header.second_port, header.port)
        } else {
            (header.port, header.second_port)
        };
    }

    /// Checks a heartbeat against the link it came on; false when it is not to be used any further.
    pub(crate) fn settle_link(&mut self, via: Via, header: &Header, beat: &Heartbeat, now: u64) -> bool {
        let Some(id) = via.link() else { return true };
        let Some((Some(node), false)) = self.links.get(id).map(|link| (link.node, link.inbound)) else {
            return true;
        };
        if self.nodes[node].in_handshake() {
            return self.complete_handshake(node, id, header, now);
        }
        if self.nodes[node].id == header.sender {
            return true;
        }
        // Another node lives at that address now.
        let label = self.nodes[node].label();
        let age = now.saturating_sub(self.nodes[node].created);
        self.log_notice(format!(
            "{:?} contains mismatching sender ID. About node {label} added {age} ms ago",
            beat.kind
        ));
        self.nodes[node].flags.set(Flags::NOADDR, true);
        self.nodes[node].address = Default::default();
        self.close_link(id);
        self.todo.keep(Save::Soon);
        false
    }

    /// The first answer of a node: it says its real name.
    fn complete_handshake(&mut self, node: NodeIndex, link: LinkId, header: &Header, now: u64) -> bool {
        if header.sender == self.my_id() {
            self.remove_node(node); // An operator had this node meet itself.
            return false;
        }
        if let Some(known) = self.nodes.find(header.sender) {
            self.log_verbose(format!(
                "Handshake: we already know node {}, updating the address if needed.",
                self.nodes[known].label()
            ));
            self.follow_address(known, link, header);
            self.remove_node(node);
            return false;
        }
        self.nodes.rename(node, header.sender);
        let roles = Flags::MASTER.with(Flags::REPLICA);
        let row = &mut self.nodes[node];
        row.flags.set(Flags::HANDSHAKE, false);
        row.flags.set(Flags(header.flags.0 & roles.0), true);
        self.todo.keep(Save::Soon);
        self.todo.update_state = true;
        self.recognise_sibling(node, now);
        true
    }

    /// A node that was sent MEET answered as a node that knows us.
    pub(crate) fn handshake_done(&mut self, node: NodeIndex) {
        if self.nodes[node].flags.has(Flags::MEET) {
            self.nodes[node].flags.set(Flags::MEET, false);
            let label = self.nodes[node].label();
            self.log_notice(format!("Successfully completed handshake with {label}"));
        }
    }

    /// Milliseconds after which a handshake without an answer is given up.
    pub(crate) fn handshake_timeout(&self) -> u64 {
        self.config.node_timeout.max(MIN_HANDSHAKE_TIMEOUT_MS)
    }

    /// A node learns its own address from the one others reached it at.
    pub(crate) fn learn_my_ip(&mut self, link: LinkId, kind: HeartbeatKind) {
        let unknown = self.myself().address.ip.is_empty();
        if self.config.announce_ip.is_some() || !(unknown || kind == HeartbeatKind::Meet) {
            return;
        }
        let ip = self.links.get(link).map(|link| link.local_ip.clone()).unwrap_or_default();
        if !ip.is_empty() && ip != self.myself().address.ip {
            self.log_notice(format!("IP address for this node updated to {ip}"));
            self.nodes[self.me].address.ip = ip;
            self.todo.keep(Save::Soon);
        }
    }

    /// A node known by name may have moved: its pings come from where it is now.
    pub(crate) fn follow_address(&mut self, node: NodeIndex, link: LinkId, header: &Header) {
        let Some(known) = self.links.get(link) else { return };
        if self.nodes[node].link == Some(link) || self.nodes[node].sibling {
            return;
        }
        let before = self.nodes[node].address.clone();
        let ip = announced_or_seen_ip(header, &known.peer_ip);
        if ip.is_empty() {
            return;
        }
        self.nodes[node].address.ip = ip;
        self.set_ports(node, header);
        if self.nodes[node].address != before {
            self.address_changed(node);
        }
    }

    /// Drops the link to the old address; the next tick opens one to the new.
    pub(crate) fn address_changed(&mut self, node: NodeIndex) {
        self.nodes[node].flags.set(Flags::NOADDR, false);
        if let Some(link) = self.nodes[node].link {
            self.close_link(link);
        }
        let (label, address) = (self.nodes[node].label(), &self.nodes[node].address);
        let port = if self.config.tls_cluster { address.ports.tls } else { address.ports.tcp };
        let text = format!("Address updated for node {label}, now {}:{port}", address.ip);
        self.log_notice(text);
        self.todo.keep(Save::Soon);
        self.todo.update_state = true;
    }
}

fn announced_or_seen_ip(header: &Header, seen: &str) -> String {
    if header.ip.is_empty() { seen.into() } else { header.ip.into() }
}
