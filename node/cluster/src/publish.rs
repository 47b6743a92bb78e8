//! Published messages: to every node outside this process, or to those of its shard.
//!
//! A process of several cores is several nodes, and each would get its own copy over the network only for the
//! cores to sit beside each other. So a process tells its name in what Redis leaves unused of the header, and a
//! message to it goes to one of its nodes, marked to be handed on to the siblings. Nodes without a process (Redis,
//! Valkey, a single core) get their own packet, unmarked, as they always have.
//!
//! A message must not come twice. A node that was not heard since its link was opened may well be of a process
//! that is told already: it is left out, as one that is not connected is, until its first packet says.

use bytes::Bytes;

use crate::node::{Flags, Node, NodeIndex};
use crate::state::Cluster;
use crate::wire::{self, Body, Packet};

/// The name of a process, drawn at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessId(pub [u8; 16]);

impl Cluster {
    /// Names this node's process, which has several cores.
    pub fn set_process(&mut self, process: ProcessId) {
        self.process = Some(process);
    }

    /// Spreads a published message: to every node outside this process, or to those of this shard when `sharded`.
    /// To be called by the driver for each PUBLISH and SPUBLISH, which tells siblings by itself; ends with
    /// [`Cluster::poll_effect`] like any event.
    pub fn publish(&mut self, channel: &[u8], message: &[u8], sharded: bool) {
        let body = |hand_on| Body::Publish { channel, message, sharded, hand_on };
        let mut packets: [Option<Bytes>; 4] = Default::default();
        for (node, hand_on) in self.receivers(sharded) {
            let light = self.nodes[node].flags.has(Flags::LIGHT_HEADER);
            let packet = &mut packets[usize::from(light) + 2 * usize::from(hand_on)];
            let bytes = match packet {
                Some(bytes) => bytes.clone(),
                None if light => wire::encode(&Packet::Light(body(hand_on))).into(),
                None => self.packet(0, body(hand_on)),
            };
            let bytes = packet.insert(bytes).clone();
            // Not `send_to`: where this node's link is closed the message is lost, as with Redis.
            if let Some(link) = self.nodes[node].link {
                self.send_on(link, bytes);
            }
        }
        self.effects.extend(self.outbox.drain(..));
    }

    /// The nodes that a message goes to, each with whether it is to hand it on to its siblings.
    fn receivers(&self, sharded: bool) -> Vec<(NodeIndex, bool)> {
        let shard = self.myself().shard_id;
        let hears = |node: &Node| !node.sibling && (!sharded || node.shard_id == shard);
        let nodes: Vec<NodeIndex> = self.others().into_iter().filter(|n| hears(&self.nodes[*n])).collect();
        if sharded || nodes.iter().all(|node| self.nodes[*node].process.is_none()) {
            return nodes.into_iter().map(|node| (node, false)).collect();
        }
        let mut receivers: Vec<(NodeIndex, bool)> = Vec::new();
        for node in nodes {
            let process = self.nodes[node].process;
            let told = receivers.iter().position(|(other, _)| self.nodes[*other].process == process);
            match told.filter(|_| process.is_some()) {
                Some(told) if !self.is_connected(receivers[told].0) => receivers[told].0 = node,
                Some(_) => {}
                None if self.nodes[node].heard => receivers.push((node, process.is_some())),
                None => {}
            }
        }
        receivers
    }

    fn is_connected(&self, node: NodeIndex) -> bool {
        let link = self.nodes[node].link.and_then(|link| self.links.get(link));
        link.is_some_and(|link| link.connected)
    }
}
