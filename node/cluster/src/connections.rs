//! Opening, using and losing connections of the bus.

use bytes::Bytes;

use crate::effects::Effect;
use crate::links::{ConnectFailure, Link, LinkId};
use crate::node::{Flags, NodeIndex};
use crate::receive::Via;
use crate::state::Cluster;
use crate::wire::{self, HeartbeatKind, Packet, WireError};

/// Most links at once: two for each node the table can hold.
const MAX_LINKS: usize = 2 * crate::nodes::MAX_NODES;

impl Cluster {
    /// Opens the link to a node that has none.
    pub(crate) fn open_link(&mut self, node: NodeIndex, now: u64) {
        let address = self.nodes[node].address.clone();
        let link = self.links.add(Link::outbound(node, address.ip.clone(), now));
        self.nodes[node].link = Some(link);
        self.outbox.push(Effect::Connect { link, ip: address.ip, port: address.ports.bus });
    }

    /// Someone connected to the bus port; the number of the new link, or `None` when it must be closed
    /// because there are too many. `local_ip` is the address of this end.
    pub fn link_accepted(&mut self, peer_ip: &str, local_ip: &str, now: u64) -> Option<LinkId> {
        if self.links.len() >= MAX_LINKS {
            return None;
        }
        Some(self.links.add(Link::inbound(peer_ip, local_ip, now)))
    }

    /// A connection asked for by [`Effect::Connect`] is open.
    pub fn link_connected(&mut self, id: LinkId, local_ip: &str, now: u64) {
        let Some(link) = self.links.get_mut(id) else { return };
        link.connected = true;
        link.local_ip = local_ip.into();
        link.held_bytes = 0;
        let held = std::mem::take(&mut link.held);
        let node = link.node;
        self.outbox.extend(held.into_iter().map(|bytes| Effect::Send { link: id, bytes }));
        if let Some(node) = node {
            self.someone_listens(node);
            // A ping at once, so that a healthy node is not taken for a silent one. An older ping that is
            // still unanswered keeps its time: a new connection is no sign of life.
            let unanswered = self.nodes[node].ping_sent;
            let meet = self.nodes[node].flags.has(Flags::MEET);
            let kind = if meet { HeartbeatKind::Meet } else { HeartbeatKind::Ping };
            self.send_heartbeat_on(id, kind, now);
            if unanswered != 0 {
                self.nodes[node].ping_sent = unanswered;
            }
        }
        self.finish(now);
    }

    /// A connection asked for by [`Effect::Connect`] could not be opened.
    pub fn link_failed(&mut self, id: LinkId, failure: ConnectFailure, now: u64) {
        let Some(link) = self.links.remove(id) else { return };
        self.unlink(id, &link);
        if let Some(node) = link.node {
            if self.nodes[node].ping_sent == 0 {
                self.nodes[node].ping_sent = now; // Without it no timeout would ever start.
            }
            if failure == ConnectFailure::Refused {
                self.connection_refused(node, now);
            }
        }
        self.finish(now);
    }

    /// The other end closed an open connection, or it broke.
    pub fn link_closed(&mut self, id: LinkId, now: u64) {
        let Some(link) = self.links.remove(id) else { return };
        self.unlink(id, &link);
        if let Some(node) = link.node {
            self.connection_lost(node, link.inbound, now);
        }
        self.finish(now);
    }

    /// How many bytes the driver could not send yet on a link; to be told when it changes much. A link
    /// over `cluster-link-sendbuf-limit` is closed at the next tick.
    pub fn set_link_backlog(&mut self, id: LinkId, bytes: usize) {
        if let Some(link) = self.links.get_mut(id) {
            link.backlog = bytes;
        }
    }

    /// Bytes came in on a link: whole packets are acted on, the rest is kept.
    pub fn handle_data(&mut self, id: LinkId, data: &[u8], now: u64) {
        let Some(link) = self.links.get_mut(id) else { return };
        self.stats.bytes_received += data.len() as u64;
        if link.input.is_empty() {
            let used = self.handle_packets(id, data, now);
            // The link may be gone by now, and then so is what it still had to say.
            if let Some(link) = self.links.get_mut(id) {
                link.input.extend_from_slice(&data[used..]);
            }
        } else {
            link.input.extend_from_slice(data);
            let input = std::mem::take(&mut link.input);
            let used = self.handle_packets(id, &input, now);
            if let Some(link) = self.links.get_mut(id) {
                link.input = input;
                link.input.drain(..used);
            }
        }
        self.finish(now);
    }

    /// Acts on the whole packets at the start of `input` and returns their length.
    fn handle_packets(&mut self, id: LinkId, input: &[u8], now: u64) -> usize {
        let mut used = 0;
        while self.links.get(id).is_some() {
            let rest = &input[used..];
            let len = match wire::frame_len(rest) {
                Ok(Some(len)) if len <= rest.len() => len,
                Ok(_) => break,
                Err(error) => {
                    self.refuse_packet(id, error);
                    break;
                }
            };
            self.handle_packet(id, &rest[..len], now);
            used += len;
        }
        used
    }

    fn handle_packet(&mut self, id: LinkId, bytes: &[u8], now: u64) {
        let kind = u16::from_be_bytes([bytes[12], bytes[13]]);
        if let Some(count) = self.stats.received.get_mut(usize::from(kind & !wire::LIGHT)) {
            *count += 1;
        }
        if self.debug.drop_packet_type == Some(kind & !wire::LIGHT) {
            self.log_warning("Dropping packet that matches debug drop filter".into());
            if self.debug.close_link_on_drop {
                self.log_warning(format!("Closing link for matching packet type {kind}"));
                self.close_link(id);
            }
            return;
        }
        match wire::decode(bytes) {
            Ok(packet) => {
                // What makes this node save changed its view of the cluster: siblings want to know it too.
                // Votes and messages are meant for this node alone and must never be passed on.
                let is_news = matches!(&packet, Packet::Full(_, body) if body.is_about_topology());
                let saved_before = std::mem::take(&mut self.todo.save);
                self.process(Via::Link(id), packet, now);
                if is_news && self.todo.save.is_some() && self.siblings.any() {
                    self.siblings.relays.push(Bytes::copy_from_slice(bytes));
                }
                self.todo.save = self.todo.save.max(saved_before);
            }
            Err(error) => self.refuse_packet(id, error),
        }
    }

    /// Closes a link whose other end does not speak the protocol.
    fn refuse_packet(&mut self, id: LinkId, error: WireError) {
        self.stats.malformed += 1;
        let peer = self.links.get(id).map(|link| link.peer_ip.clone()).unwrap_or_default();
        self.log_warning(match error {
            WireError::Signature => {
                format!("Bad message length or signature received on the Cluster bus from {peer}")
            }
            _ => format!("Received invalid packet on the Cluster bus from {peer}: {error}"),
        });
        self.close_link(id);
    }
}
