//! Messages beyond one core.
//!
//! A classic channel is heard in the whole cluster: the siblings get a message by the mesh, other processes by
//! the bus. A shard channel is heard in the shard that owns its slot. A client of the ingress sees the process as
//! one server, but its subscriptions are on the core that accepted it: so what is meant for the server is handed to
//! the ingress clients of all siblings too.

use base::{Slot, key_slot};
use bytes::Bytes;
use cluster::Owner;

use super::Kind;
use super::deliver::Audience;
use crate::core::Core;
use crate::mesh::Message;

/// What a core's clients want of its siblings, which tell it nothing else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wants {
    /// Keyspace events, for subscribers of the ingress.
    pub events: bool,
    /// The commands that the core itself runs, for its monitors.
    pub commands: bool,
    /// All commands, for monitors of the ingress.
    pub all_commands: bool,
}

/// A message on its way to a sibling.
pub struct Published {
    kind: Kind,
    channel: Bytes,
    message: Bytes,
    audience: Audience,
}

impl Core {
    /// PUBLISH and SPUBLISH: to subscribers here, at the siblings and at other nodes; how many were here.
    pub fn publish(&mut self, kind: Kind, channel: &[u8], message: &Bytes) -> usize {
        let receivers = self.publish_here(kind, channel, message, Audience::All);
        self.publish_to_siblings(kind, channel, message);
        self.publish_to_peers(kind, channel, message);
        receivers
    }

    /// Sends a message to the nodes outside this process that are to hear it.
    pub fn publish_to_peers(&mut self, kind: Kind, channel: &[u8], message: &[u8]) {
        self.cluster.publish(channel, message, kind == Kind::Shard);
        self.carry_out();
    }

    /// Sends a message to the siblings that are to hear it.
    pub fn publish_to_siblings(&mut self, kind: Kind, channel: &[u8], message: &Bytes) {
        if self.mesh.cores() == 1 {
            return;
        }
        for core in self.mesh.siblings() {
            let Some(audience) = self.audience_at(core, kind) else { continue };
            let (channel, message) = (Bytes::copy_from_slice(channel), message.clone());
            let published = Published { kind, channel, message, audience };
            self.mesh.send(core, Message::Published(Box::new(published)));
        }
    }

    /// Hands a message that is a core's own affair to those who subscribed to the process.
    pub fn publish_to_ingress(&mut self, channel: &[u8], message: &Bytes) {
        for core in self.mesh.siblings().filter(|core| self.siblings_want[usize::from(*core)].events) {
            let (channel, message) = (Bytes::copy_from_slice(channel), message.clone());
            let published = Published { kind: Kind::Channel, channel, message, audience: Audience::Ingress };
            self.mesh.send(core, Message::Published(Box::new(published)));
        }
    }

    /// Clients subscribed or unsubscribed, or their wishes changed otherwise: what is recorded for them follows,
    /// and the siblings hear of it.
    pub fn wants_changed(&mut self) {
        self.update_listening();
        self.update_monitors();
        let wants = Wants {
            events: self.pubsub.has_ingress_listeners(),
            commands: self.monitors.any(false),
            all_commands: self.monitors.any(true),
        };
        if std::mem::replace(&mut self.told_wants, wants) != wants {
            self.mesh.siblings().for_each(|core| self.mesh.send(core, Message::Wants(wants)));
        }
    }

    /// A sibling's clients want something else now.
    pub fn hear_wants(&mut self, core: u16, wants: Wants) {
        self.siblings_want[usize::from(core)] = wants;
        self.update_listening();
        self.update_monitors();
    }

    /// Who hears this core's messages at a sibling: all, when it is of the same cluster (and shard).
    fn audience_at(&self, core: u16, kind: Kind) -> Option<Audience> {
        let node = self.cluster.find_node(self.core_ids[usize::from(core)]);
        let all = node.is_some_and(|node| kind != Kind::Shard || node.shard_id == self.cluster.my_shard_id());
        match all {
            true => Some(Audience::All),
            false => (self.process.ingress_port != 0).then_some(Audience::Ingress),
        }
    }

    /// One core's part of PUBLISH and SPUBLISH: its own subscribers. Of all parts one also tells the other processes: that
    /// of the core that has the shard channel's slot; those of a classic channel are told by the core that was asked.
    pub fn publish_part(&mut self, kind: Kind, channel: &[u8], message: &Bytes) -> usize {
        let receivers = self.publish_here(kind, channel, message, Audience::All);
        if kind == Kind::Shard && self.cluster.owner(key_slot(channel)) == Owner::Me {
            self.publish_to_peers(kind, channel, message);
        }
        receivers
    }

    /// A sibling has a message for this core's subscribers.
    pub fn hear_published(&mut self, published: Published) {
        let Published { kind, channel, message, audience } = published;
        self.publish_here(kind, &channel, &message, audience);
    }

    /// This core may be of another shard now: channels of slots that are not its shard's end.
    pub fn shard_changed(&mut self) {
        let slots = self.pubsub.shard_slots();
        let foreign: Vec<Slot> = slots.filter(|slot| !self.cluster.is_mine_or_my_masters(*slot)).collect();
        self.slots_released(&foreign);
    }

    /// Slots left this core's shard: their channels end here, and for clients of the ingress everywhere, unless a
    /// sibling has the slot now.
    pub fn slots_released(&mut self, slots: &[Slot]) {
        self.end_shard_channels(slots, false);
        let ours = |slot: &Slot| match self.cluster.owner(*slot) {
            Owner::Me => true,
            Owner::Node(node) => self.sibling(node).is_some(),
            Owner::None => false,
        };
        let gone: Vec<Slot> = slots.iter().copied().filter(|slot| !ours(slot)).collect();
        if !gone.is_empty() && self.process.ingress_port != 0 {
            for core in self.mesh.siblings() {
                self.mesh.send(core, Message::SlotsGone(gone.clone()));
            }
            self.end_shard_channels(&gone, true);
        }
    }
}
