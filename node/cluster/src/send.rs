//! Packets this node sends: the header that speaks of itself, and the ways to address them.
//!
//! Packets collect in the outbox while an event is worked on and leave after the configuration they speak of
//! is saved (see [`crate::Effect`]). A sibling gets the same bytes through the mesh instead of a socket.

use base::NodeId;
use bytes::Bytes;

use crate::effects::Effect;
use crate::links::LinkId;
use crate::node::NodeIndex;
use crate::siblings::SiblingMessage;
use crate::state::Cluster;
use crate::wire::{self, Body, Header, Packet, message_flag};

/// Most bytes held for a link that is still being opened; more than that is dropped, as on a broken link.
const MAX_HELD_BYTES: usize = 1024 * 1024;

impl Cluster {
    /// The header of every packet this node sends: a replica speaks of its master's slots and epoch.
    pub(crate) fn header(&self, message_flags: u8) -> Header<'_> {
        let myself = self.myself();
        let master = &self.nodes[self.my_master()];
        let ports = self.config.announced_ports();
        let (port, second_port) =
            if self.config.tls_cluster { (ports.tls, ports.tcp) } else { (ports.tcp, ports.tls) };
        let paused = if myself.is_master() && self.manual.paused { message_flag::PAUSED } else { 0 };
        Header {
            port,
            current_epoch: self.current_epoch,
            config_epoch: master.config_epoch,
            offset: self.replication.offset as u64,
            sender: myself.id,
            slots: master.slots.bits(),
            master: myself.master.map(|master| self.nodes[master].id),
            ip: self.config.announce_ip.as_deref().unwrap_or(""),
            second_port,
            bus_port: ports.bus,
            flags: myself.flags,
            state_fail: !self.is_ok(),
            message_flags: message_flags | paused,
            process: self.process,
        }
    }

    /// A packet with the full header.
    pub(crate) fn packet(&self, message_flags: u8, body: Body) -> Bytes {
        wire::encode(&Packet::Full(self.header(message_flags), body)).into()
    }

    /// Sends to a node by this node's link to it, or through the mesh; nothing happens when there is no way to it. Where that
    /// link is closed, its own serves: one that has just joined may want a vote before the other is open. (Published messages
    /// do not come here: they are lost then.)
    pub(crate) fn send_to(&mut self, node: NodeIndex, bytes: Bytes) {
        if self.nodes[node].sibling {
            self.count_sent(&bytes);
            let to = self.nodes[node].id;
            self.outbox.push(Effect::Sibling { to, message: SiblingMessage::Packet(bytes) });
        } else if let Some(link) = self.nodes[node].link.or(self.nodes[node].inbound) {
            self.send_on(link, bytes);
        }
    }

    /// Sends on a link; what a link cannot carry yet is held until it is open.
    pub(crate) fn send_on(&mut self, id: LinkId, bytes: Bytes) {
        let Some(link) = self.links.get_mut(id) else { return };
        if !link.connected {
            if link.held_bytes + bytes.len() > MAX_HELD_BYTES {
                return;
            }
            link.held_bytes += bytes.len();
            link.held.push(bytes.clone());
        } else {
            self.outbox.push(Effect::Send { link: id, bytes: bytes.clone() });
        }
        self.count_sent(&bytes);
    }

    fn count_sent(&mut self, bytes: &Bytes) {
        let kind = u16::from_be_bytes([bytes[12], bytes[13]]) & !wire::LIGHT;
        if let Some(count) = self.stats.sent.get_mut(usize::from(kind)) {
            *count += 1;
        }
        self.stats.bytes_sent += bytes.len() as u64;
    }

    /// Every other node whose handshake is done.
    pub(crate) fn others(&self) -> Vec<NodeIndex> {
        self.nodes.iter().filter(|(i, n)| *i != self.me && !n.in_handshake()).map(|(i, _)| i).collect()
    }

    /// Sends the same packet to every other node.
    pub(crate) fn broadcast(&mut self, bytes: &Bytes) {
        for node in self.others() {
            self.send_to(node, bytes.clone());
        }
    }

    /// Tells everyone that `node` failed.
    pub(crate) fn send_fail(&mut self, node: NodeIndex) {
        let bytes = self.packet(0, Body::Fail(self.nodes[node].id));
        self.broadcast(&bytes);
    }

    /// Tells `to` who serves the slots of `about`; slots it stopped claiming are left out.
    pub(crate) fn send_update(&mut self, to: NodeIndex, about: NodeIndex) {
        let node = &self.nodes[about];
        let mut slots = *node.slots.bits();
        for (byte, gone) in slots.iter_mut().zip(self.slots.not_claimed.bits()) {
            *byte &= !gone;
        }
        let bytes = self.packet(0, Body::Update { epoch: node.config_epoch, id: node.id, slots: &slots });
        self.send_to(to, bytes);
    }

    /// Sends a module's message to one node, or to all when `to` is `None`. False when there is no such node.
    pub fn send_module(&mut self, to: Option<NodeId>, module: u64, kind: u8, payload: &[u8]) -> bool {
        let bytes = self.packet(0, Body::Module { module, kind, payload });
        match to.map(|id| self.nodes.find(id)) {
            None => self.broadcast(&bytes),
            Some(None) => return false,
            Some(Some(node)) => self.send_to(node, bytes),
        }
        self.effects.extend(self.outbox.drain(..));
        true
    }
}
