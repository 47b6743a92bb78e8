//! A packet came in: who sent it, what it means for epochs and roles, and which idea handles the rest.

use base::NodeId;

use crate::effects::{Effect, Save};
use crate::links::LinkId;
use crate::node::{Flags, NodeIndex};
use crate::state::Cluster;
use crate::wire::{Body, Header, Heartbeat, HeartbeatKind, Packet, message_flag};

/// How a packet came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    /// On a link.
    Link(LinkId),
    /// From a sibling, about itself, through the mesh.
    Sibling,
    /// From a peer to a sibling, which passed it on because it was news.
    Relay,
}

impl Via {
    pub(crate) fn link(self) -> Option<LinkId> {
        match self {
            Via::Link(id) => Some(id),
            Via::Sibling | Via::Relay => None,
        }
    }
}

impl Cluster {
    pub(crate) fn process(&mut self, via: Via, packet: Packet, now: u64) {
        let (header, body) = match packet {
            Packet::Full(header, body) => (header, body),
            Packet::Light(body) => return self.process_light(via, body, now),
        };
        if let Body::Heartbeat(beat) = &body
            && !self.settle_link(via, &header, beat, now)
        {
            return;
        }
        let sender = self.sender(via, header.sender);
        if let Some(sender) = sender {
            self.note_sender(sender, via, &header, now);
        }
        match (body, sender) {
            (Body::Heartbeat(beat), _) => self.heartbeat_received(via, sender, &header, &beat, now),
            (Body::Fail(about), Some(sender)) => self.fail_received(sender, about, now),
            (Body::Fail(about), None) => {
                self.log_notice(format!(
                    "Ignoring FAIL message from unknown node {} about {about}",
                    header.sender
                ));
            }
            (_, None) => {} // Strangers are not listened to.
            (Body::Publish { channel, message, sharded, hand_on }, _) => {
                let (channel, message) = (channel.to_vec(), message.to_vec());
                self.effects.push_back(Effect::Publish { channel, message, sharded, hand_on });
            }
            (Body::AuthRequest, Some(sender)) => self.vote_requested(sender, &header, now),
            (Body::AuthAck, Some(sender)) => self.vote_received(sender, &header),
            (Body::MfStart, Some(sender)) => self.manual_failover_requested(sender, now),
            (Body::Update { epoch, id, slots }, _) => self.update_received(id, epoch, slots),
            (Body::Module { module, kind, payload }, Some(sender)) => {
                let (from, payload) = (self.nodes[sender].id, payload.to_vec());
                self.effects.push_back(Effect::Module { from, module, kind, payload });
            }
            (Body::Unknown(kind), _) => self.log_warning(format!("Received unknown packet type: {kind}")),
        }
    }

    /// A light packet does not name its sender: the link has to have done so before.
    fn process_light(&mut self, via: Via, body: Body, now: u64) {
        let Some(id) = via.link() else {
            return self.deliver_light(None, body);
        };
        let node = self.links.get(id).and_then(|link| link.node);
        match node.filter(|node| !self.nodes[*node].in_handshake()) {
            Some(node) => {
                self.nodes[node].data_received = now;
                self.deliver_light(Some(self.nodes[node].id), body);
            }
            None => {
                let kind = body.kind();
                self.log_notice(format!(
                    "Closing link for node that sent a lightweight message of type {kind} as its first message \
                     on the link"
                ));
                self.close_link(id);
            }
        }
    }

    fn deliver_light(&mut self, from: Option<NodeId>, body: Body) {
        match (body, from) {
            (Body::Publish { channel, message, sharded, hand_on }, _) => {
                let (channel, message) = (channel.to_vec(), message.to_vec());
                self.effects.push_back(Effect::Publish { channel, message, sharded, hand_on });
            }
            (Body::Module { module, kind, payload }, Some(from)) => {
                let payload = payload.to_vec();
                self.effects.push_back(Effect::Module { from, module, kind, payload });
            }
            _ => {}
        }
    }

    /// The known node that `id` names; an accepted link is tied to it from then on.
    fn sender(&mut self, via: Via, id: NodeId) -> Option<NodeIndex> {
        let sender = self.nodes.find(id).filter(|n| *n != self.me && !self.nodes[*n].in_handshake())?;
        if let Some(link_id) = via.link() {
            let link = self.links.get(link_id)?;
            match link.node {
                // The other end of a link this node opened must be whom it was opened to.
                Some(node) if node != sender && !link.inbound => return None,
                Some(node) if node != sender => self.untie_inbound(link_id, node),
                _ => {}
            }
            if self.links.get(link_id).is_some_and(|link| link.inbound && link.node.is_none()) {
                self.tie_inbound(link_id, sender);
            }
        }
        Some(sender)
    }

    /// Ties an accepted link to its node; an older one from the same node is outdated and closed.
    pub(crate) fn tie_inbound(&mut self, id: LinkId, node: NodeIndex) {
        if let Some(old) = self.nodes[node].inbound {
            self.close_link(old);
        }
        self.nodes[node].inbound = Some(id);
        if let Some(link) = self.links.get_mut(id) {
            link.node = Some(node);
        }
    }

    /// The node at the other end of an accepted link took a new name (RESET HARD).
    fn untie_inbound(&mut self, id: LinkId, node: NodeIndex) {
        self.nodes[node].inbound = None;
        if let Some(link) = self.links.get_mut(id) {
            link.node = None;
        }
    }

    /// What any packet tells about its sender: it lives, what it can read, its epochs and its offset.
    fn note_sender(&mut self, sender: NodeIndex, via: Via, header: &Header, now: u64) {
        let claims_master = header.master.is_none();
        let node = &mut self.nodes[sender];
        node.flags.set(Flags::LIGHT_HEADER, header.flags.has(Flags::LIGHT_HEADER));
        (node.heard, node.process) = (true, header.process);
        if header.message_flags & message_flag::EXTENSIONS != 0 {
            node.flags.set(Flags::EXTENSIONS, true);
        }
        if via != Via::Relay {
            node.data_received = now;
        }
        self.current_epoch = self.current_epoch.max(header.current_epoch);
        if claims_master && header.config_epoch > node.config_epoch {
            node.config_epoch = header.config_epoch;
            self.todo.keep(Save::Promised);
        }
        node.offset = header.offset as i64;
        let paused = header.message_flags & message_flag::PAUSED != 0;
        if paused && self.nodes[self.me].master == Some(sender) && via != Via::Relay {
            self.master_paused_at(header.offset as i64);
        }
    }

    /// PING, PONG and MEET from a known node, or a ping or MEET from a stranger.
    fn heartbeat_received(
        &mut self,
        via: Via,
        sender: Option<NodeIndex>,
        header: &Header,
        beat: &Heartbeat,
        now: u64,
    ) {
        let is_question = beat.kind != HeartbeatKind::Pong;
        if let (true, Via::Link(link)) = (is_question, via) {
            self.learn_my_ip(link, beat.kind);
            if sender.is_none() && beat.kind == HeartbeatKind::Meet {
                self.met_by(link, header, now);
                self.gossip_received(None, true, beat, now);
            }
            self.send_heartbeat_on(link, HeartbeatKind::Pong, now);
        }
        let Some(sender) = sender else { return };
        self.handshake_done(sender);
        self.nodes[sender].flags.set(Flags::NOFAILOVER, header.flags.has(Flags::NOFAILOVER));
        match (beat.kind, via) {
            (HeartbeatKind::Ping, Via::Link(link)) => self.follow_address(sender, link, header),
            (HeartbeatKind::Pong, Via::Link(link)) => self.pong_received(sender, link, now),
            (_, Via::Sibling) => self.follow_sibling(sender, header),
            _ => {}
        }
        let was_replica = self.nodes[sender].is_replica();
        self.note_role(sender, header);
        let is_news = was_replica || self.are_news(sender, header.slots);
        if header.master.is_none() && (is_news || self.is_overtaken(sender, header.config_epoch)) {
            self.take_claims(sender, header.config_epoch, header.slots);
            if via != Via::Relay {
                self.correct_stale_claims(sender, header);
            }
        }
        self.resolve_epoch_collision(sender, header.config_epoch);
        self.gossip_received(Some(sender), false, beat, now);
        self.extensions_received(sender, beat, now);
    }

    /// The answer to a ping on the link this node opened.
    fn pong_received(&mut self, sender: NodeIndex, link: LinkId, now: u64) {
        if self.nodes[sender].link != Some(link) {
            return;
        }
        let node = &mut self.nodes[sender];
        node.pong_received = now;
        node.ping_sent = 0;
        self.pong_on_own_link(sender);
        if self.siblings.any() {
            self.siblings.heard.push((self.nodes[sender].id, now));
        }
        self.reachable_again(sender, now);
    }
}
