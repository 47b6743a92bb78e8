//! The other cores of this process: full nodes of the cluster, but reached through the mesh.
//!
//! N nodes of one process would keep N times the links and pings to every peer and gossip with each other
//! over loopback. Instead siblings exchange plain messages:
//!
//! - the packets they have for each other (votes, news), without a socket;
//! - *relays*: a packet of a peer that changed one sibling's view is handed to all, so that a change of
//!   topology reaches the whole process with the speed of the mesh;
//! - *heard*: whose pongs came in lately, so that the others need not ping those peers too. It is sent at least
//!   once a second and is thus a sibling's own sign of life: a core that hangs for a node timeout is suspected;
//! - a heartbeat with gossip: at once when it says something new of its sender, at the next tick when its sender has heard
//!   something new of others (a thousand nodes that meet are a thousand times news), and once a second to one of them, for
//!   what all that left out.
//!
//! Siblings die together. A process that holds half of the votes cannot be replaced when it dies, and a
//! replica beside its master protects from nothing: both are said in the log and in CLUSTER INFO.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base::NodeId;
use bytes::Bytes;

use crate::effects::{Effect, Save};
use crate::node::{Address, Flags, Node, NodeIndex};
use crate::receive::Via;
use crate::slot_set::SlotSet;
use crate::state::Cluster;
use crate::wire::{self, Body, Header, HeartbeatKind, Packet};

/// The longest that siblings do not hear of each other, ms; a quarter of the node timeout if that is less. Not every tick:
/// each message wakes a core, and an idle process should sleep.
const SIGN_OF_LIFE_MS: u64 = 1000;

/// What siblings give each other. Plain data: it may cross threads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SiblingMessage {
    /// A bus packet of the sibling itself.
    Packet(Bytes),
    /// A bus packet that a peer sent to the sibling and that was news to it.
    Relayed(Bytes),
    /// Peers whose pongs the sibling received, and when (ms since 1970).
    Heard(Vec<(NodeId, u64)>),
}

/// What this node knows of its process.
#[derive(Debug, Default)]
pub(crate) struct Siblings {
    /// Names of all siblings, in this cluster or not, each with its number.
    ids: BTreeMap<NodeId, u16>,
    /// Pongs received since the last tick.
    pub(crate) heard: Vec<(NodeId, u64)>,
    /// When the siblings were last told what was heard, ms.
    told: u64,
    /// News to hand on at the end of the event.
    pub(crate) relays: Vec<Bytes>,
    /// What the siblings were last told of this node.
    told_of_me: Option<Myself>,
    /// Whether there is news of others to speak of at the next tick.
    pub(crate) heard_news: bool,
    /// What was last warned of: half of the votes here, a replica beside its master.
    warned: (bool, bool),
}

/// What siblings want to know of a node at once.
#[derive(Debug, PartialEq, Eq)]
struct Myself {
    epoch: u64,
    slots: SlotSet,
    flags: Flags,
    master: Option<NodeIndex>,
    address: Address,
}

impl Siblings {
    pub(crate) fn any(&self) -> bool {
        !self.ids.is_empty()
    }
}

impl Cluster {
    /// Names the cores of this process, in order; again when one took a new name (RESET HARD).
    pub fn set_siblings(&mut self, ids: impl IntoIterator<Item = NodeId>, now: u64) {
        let cores = ids.into_iter().zip(0..);
        self.siblings.ids = cores.filter(|(id, _)| *id != self.my_id()).collect();
        for node in self.nodes.indexes() {
            (self.nodes[node].sibling, self.nodes[node].core) = (false, None);
            self.recognise_sibling(node, now);
        }
        self.finish(now);
    }

    /// From now on this node is reached through the mesh, if it is a sibling.
    pub(crate) fn recognise_sibling(&mut self, node: NodeIndex, now: u64) {
        let Some(core) = self.siblings.ids.get(&self.nodes[node].id).copied() else { return };
        for link in [self.nodes[node].link, self.nodes[node].inbound].into_iter().flatten() {
            self.close_link(link);
        }
        let row = &mut self.nodes[node];
        (row.sibling, row.core) = (true, Some(core));
        row.ping_sent = 0;
        (row.pong_received, row.data_received) = (now, now);
        row.flags.set(Flags::EXTENSIONS.with(Flags::LIGHT_HEADER), true);
        self.send_heartbeat(node, HeartbeatKind::Meet, now);
    }

    /// Siblings that are in this cluster.
    fn present_siblings(&self) -> Vec<NodeIndex> {
        self.siblings.ids.keys().filter_map(|id| self.nodes.find(*id)).collect()
    }

    /// A sibling gave this node a message.
    pub fn handle_sibling(&mut self, from: NodeId, message: SiblingMessage, now: u64) {
        if let Some(sender) = self.nodes.find(from) {
            self.nodes[sender].data_received = now;
        }
        match message {
            SiblingMessage::Packet(bytes) => self.sibling_packet(from, &bytes, now),
            SiblingMessage::Relayed(bytes) => {
                if let Ok(packet @ Packet::Full(..)) = wire::decode(&bytes) {
                    self.process(Via::Relay, packet, now);
                }
            }
            SiblingMessage::Heard(pongs) => {
                for (id, at) in pongs {
                    self.heard_by_sibling(id, at, now);
                }
            }
        }
        self.finish(now);
    }

    fn sibling_packet(&mut self, from: NodeId, bytes: &[u8], now: u64) {
        let packet = wire::decode(bytes).expect("siblings run the same code");
        if let Packet::Full(header, Body::Heartbeat(beat)) = &packet
            && beat.kind == HeartbeatKind::Meet
        {
            self.met_by_sibling(from, header, now);
        }
        if self.nodes.find(from).is_some_and(|node| self.nodes[node].sibling) {
            self.process(Via::Sibling, packet, now);
        }
    }

    /// A sibling was told to meet this node: there is nothing left to shake hands about.
    fn met_by_sibling(&mut self, from: NodeId, header: &Header, now: u64) {
        if self.nodes.find(from).is_none() {
            let mut node = Node::new(from, self.random.node_id(), Flags(header.flags.0 & 3), now);
            (node.sibling, node.core) = (true, self.siblings.ids.get(&from).copied());
            (node.pong_received, node.data_received) = (now, now);
            if let Some(index) = self.nodes.insert(node) {
                self.set_ports(index, header);
                let ip = if header.ip.is_empty() { self.myself().address.ip.as_str() } else { header.ip };
                self.nodes[index].address.ip = ip.into();
                self.nodes[index].flags.set(Flags::EXTENSIONS, true);
                self.save_later(false);
            }
        }
        if let Some(node) = self.nodes.find(from) {
            self.send_heartbeat(node, HeartbeatKind::Pong, now);
        }
    }

    /// A sibling's address changes when it is told to listen elsewhere, or to announce another one.
    pub(crate) fn follow_sibling(&mut self, node: NodeIndex, header: &Header) {
        let before = self.nodes[node].address.clone();
        if !header.ip.is_empty() {
            self.nodes[node].address.ip = header.ip.into();
        }
        self.set_ports(node, header);
        if self.nodes[node].address != before {
            self.todo.keep(Save::Soon);
        }
    }

    /// As gossip would, only sooner and to the millisecond.
    fn heard_by_sibling(&mut self, id: NodeId, at: u64, now: u64) {
        let Some(node) = self.nodes.find(id) else { return };
        let row = &mut self.nodes[node];
        let doubtful = row.ping_sent != 0 || !row.reports.is_empty() || row.is_unreachable();
        if !doubtful && at <= now && at > row.pong_received {
            row.pong_received = at;
        }
    }

    /// Hands news to all siblings: what made this node save its configuration, they want to know.
    pub(crate) fn tell_siblings(&mut self, now: u64) {
        if !self.siblings.any() {
            return;
        }
        let relays = std::mem::take(&mut self.siblings.relays);
        for node in if relays.is_empty() { Vec::new() } else { self.present_siblings() } {
            for bytes in &relays {
                self.give_sibling(node, SiblingMessage::Relayed(bytes.clone()));
            }
        }
        if self.todo.save.is_none() {
            return;
        }
        let me = self.myself();
        let (epoch, slots, flags, master) = (me.config_epoch, me.slots.clone(), me.flags, me.master);
        let of_me = Some(Myself { epoch, slots, flags, master, address: me.address.clone() });
        self.siblings.heard_news = of_me == self.siblings.told_of_me;
        if !self.siblings.heard_news {
            self.siblings.told_of_me = of_me;
            self.speak_to_siblings(now);
        }
    }

    /// At every tick: what was heard since the last.
    pub(crate) fn tell_siblings_news(&mut self, now: u64) {
        if std::mem::take(&mut self.siblings.heard_news) {
            self.speak_to_siblings(now);
        }
    }

    fn speak_to_siblings(&mut self, now: u64) {
        for node in self.present_siblings() {
            self.send_heartbeat(node, HeartbeatKind::Pong, now);
        }
    }

    /// Once a second, to one sibling after the other: what was no news to all, or was when it could not be told yet
    /// (a node without a link), reaches them too.
    pub(crate) fn gossip_to_a_sibling(&mut self, turn: u64, now: u64) {
        let present = self.present_siblings();
        if !present.is_empty() {
            self.send_heartbeat(present[turn as usize % present.len()], HeartbeatKind::Pong, now);
        }
    }

    fn give_sibling(&mut self, node: NodeIndex, message: SiblingMessage) {
        let to = self.nodes[node].id;
        self.outbox.push(Effect::Sibling { to, message });
    }

    /// At every tick: what was heard and signs of life out, silence judged.
    pub(crate) fn judge_siblings(&mut self, now: u64) {
        if !self.siblings.any() {
            return;
        }
        let heard = std::mem::take(&mut self.siblings.heard);
        let silent = now.saturating_sub(self.siblings.told);
        let tell = !heard.is_empty() || silent >= SIGN_OF_LIFE_MS.min(self.config.node_timeout / 4);
        if tell {
            self.siblings.told = now;
        }
        for node in self.present_siblings() {
            if tell {
                self.give_sibling(node, SiblingMessage::Heard(heard.clone()));
            }
            if self.nodes[node].address.ip.is_empty() {
                self.nodes[node].address.ip = self.myself().address.ip.clone();
            }
            if now.saturating_sub(self.nodes[node].data_received) > self.config.node_timeout {
                self.suspect(node, now);
            } else {
                self.nodes[node].pong_received = now;
                self.reachable_again(node, now);
            }
        }
    }

    /// Place of this node among the siblings of its cluster, by name, and how many they are.
    pub(crate) fn place_among_siblings(&self) -> (u64, u64) {
        let present = self.present_siblings();
        let before = present.iter().filter(|node| self.nodes[**node].id < self.my_id()).count();
        (before as u64, present.len() as u64 + 1)
    }

    /// Voting masters in this process.
    pub fn process_votes(&self) -> usize {
        let siblings =
            self.present_siblings().into_iter().filter(|node| self.nodes[*node].is_voter()).count();
        siblings + usize::from(self.myself().is_voter())
    }

    /// Whether this process holds half of the votes or more, so that nobody could replace it.
    pub fn holds_half_of_votes(&self) -> bool {
        self.siblings.any() && self.size() > 0 && self.process_votes() * 2 >= self.size()
    }

    /// Whether this node is a replica of a sibling.
    pub fn is_beside_its_master(&self) -> bool {
        self.myself().master.is_some_and(|master| self.nodes[master].sibling)
    }

    pub(crate) fn warn_of_placement(&mut self) {
        if !self.siblings.any() {
            return;
        }
        let (half, beside) = (self.holds_half_of_votes(), self.is_beside_its_master());
        let (half_before, beside_before) = std::mem::replace(&mut self.siblings.warned, (half, beside));
        if half && !half_before {
            let (votes, all) = (self.process_votes(), self.size());
            self.log_warning(format!(
                "This process holds {votes} of the cluster's {all} votes: if it dies, no majority is left to \
                 replace its masters. Run masters in at least three processes."
            ));
        }
        if beside && !beside_before {
            self.log_warning(
                "This replica runs in the same process as its master and will die with it. Let it replicate a \
                 master of another process."
                    .into(),
            );
        }
    }

    /// The lines of CLUSTER INFO about this process; none when it has one core.
    pub(crate) fn write_sibling_info(&self, text: &mut String) {
        if !self.siblings.any() {
            return;
        }
        let rows = [
            ("cluster_process_nodes", self.present_siblings().len() + 1),
            ("cluster_process_votes", self.process_votes()),
            ("cluster_process_holds_half_of_votes", usize::from(self.holds_half_of_votes())),
            ("cluster_replica_beside_its_master", usize::from(self.is_beside_its_master())),
        ];
        for (name, value) in rows {
            let _ = write!(text, "{name}:{value}\r\n");
        }
    }
}
