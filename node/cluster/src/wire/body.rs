//! What the types of packets carry after the header.

use base::NodeId;

use super::{Extension, kind};
use crate::node::Flags;
use crate::slot_set::SlotBits;

/// PING, PONG and MEET are the same packet with a different intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeartbeatKind {
    /// Answer me.
    Ping,
    /// An answer, or news sent unasked.
    Pong,
    /// A ping that also asks to be taken into the cluster.
    Meet,
}

/// A PING, PONG or MEET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat<'a> {
    /// Which of the three.
    pub kind: HeartbeatKind,
    /// What the sender knows of some other nodes.
    pub gossip: Vec<GossipEntry<'a>>,
    /// More about the sender.
    pub extensions: Vec<Extension<'a>>,
}

/// What a sender knows of one other node. Times are seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GossipEntry<'a> {
    /// The node's name.
    pub id: NodeId,
    /// When the sender sent it the ping that is still unanswered.
    pub ping_sent_s: u32,
    /// When the sender last had a pong from it.
    pub pong_received_s: u32,
    /// Its IP address.
    pub ip: &'a str,
    /// Client port (plain, or TLS when the bus is TLS).
    pub port: u16,
    /// Bus port.
    pub bus_port: u16,
    /// Its flags in the eyes of the sender.
    pub flags: Flags,
    /// The other client port.
    pub second_port: u16,
}

/// The part of a packet that depends on its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body<'a> {
    /// PING, PONG, MEET.
    Heartbeat(Heartbeat<'a>),
    /// FAIL: a majority agreed that this node failed.
    Fail(NodeId),
    /// PUBLISH and PUBLISHSHARD.
    Publish {
        /// Channel name.
        channel: &'a [u8],
        /// Message.
        message: &'a [u8],
        /// PUBLISHSHARD.
        sharded: bool,
        /// The receiver is to hand it on to the other nodes of its process (Ringmaster).
        hand_on: bool,
    },
    /// FAILOVER_AUTH_REQUEST: vote for me.
    AuthRequest,
    /// FAILOVER_AUTH_ACK: you have my vote.
    AuthAck,
    /// UPDATE: who serves which slots by which epoch, for a receiver that claims otherwise.
    Update {
        /// Config epoch of that node.
        epoch: u64,
        /// Its name.
        id: NodeId,
        /// Its slots.
        slots: &'a SlotBits,
    },
    /// MFSTART: pause your clients, I want to take over.
    MfStart,
    /// A message between modules.
    Module {
        /// Which module, in the byte order of the sender.
        module: u64,
        /// The module's own type.
        kind: u8,
        /// Its bytes.
        payload: &'a [u8],
    },
    /// A type from the future; only its header is understood.
    Unknown(u16),
}

impl Body<'_> {
    /// Whether it tells who is who and who serves what: of use to any node, not only to its receiver.
    pub fn is_about_topology(&self) -> bool {
        matches!(self, Body::Heartbeat(_) | Body::Fail(_) | Body::Update { .. })
    }

    /// The type's number on the wire.
    pub fn kind(&self) -> u16 {
        match self {
            Body::Heartbeat(beat) => match beat.kind {
                HeartbeatKind::Ping => kind::PING,
                HeartbeatKind::Pong => kind::PONG,
                HeartbeatKind::Meet => kind::MEET,
            },
            Body::Fail(_) => kind::FAIL,
            Body::Publish { sharded: false, .. } => kind::PUBLISH,
            Body::Publish { sharded: true, .. } => kind::PUBLISH_SHARD,
            Body::AuthRequest => kind::AUTH_REQUEST,
            Body::AuthAck => kind::AUTH_ACK,
            Body::Update { .. } => kind::UPDATE,
            Body::MfStart => kind::MFSTART,
            Body::Module { .. } => kind::MODULE,
            Body::Unknown(kind) => *kind,
        }
    }
}
