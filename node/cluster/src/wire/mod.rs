//! The packets of the cluster bus, byte for byte as Redis 7 and Valkey 8 and 9 speak it.
//!
//! All numbers are big-endian. A packet starts with this header (offsets in bytes):
//!
//! ```text
//!    0 "RCmb"        4 total length u32     8 version u16 (1)    10 port u16
//!   12 type u16     14 gossip entries u16  16 current epoch u64  24 config epoch u64
//!   32 replication offset u64              40 sender's name (40)
//!   80 slots it or its master serves (2048, bit slot&7 of byte slot>>3)
//! 2128 its master's name (40, zeros: none) 2168 its IP (46, zeros: take the socket's)
//! 2214 ping extensions u16                2216 process (16, ours; zeros: none)     2232 unused (14)
//! 2246 second port u16 (TLS, or plain when the bus is TLS)      2248 bus port u16
//! 2250 flags u16    2252 state u8 (1: fail)  2253 message flags (3)  2256 body
//! ```
//!
//! A *light* packet (type with bit 15 set, Valkey 8, for messages among nodes that announced they read it) has
//! only the first 16 bytes and then the body. Bytes come from outside: every length is checked before it is
//! used, and whatever does not fit is a [`WireError`] for which the link is closed.

mod body;
mod decode;
mod encode;
mod extension;

pub use body::{Body, GossipEntry, Heartbeat, HeartbeatKind};
pub use decode::{decode, frame_len};
pub use encode::encode;
pub use extension::Extension;

use std::fmt;

use base::NodeId;

use crate::node::Flags;
use crate::publish::ProcessId;
use crate::slot_set::SlotBits;

/// Bytes needed to know how long a packet is.
pub const PREFIX_LEN: usize = 14;
/// Bytes of the full header.
pub const HEADER_LEN: usize = 2256;
/// Bytes of the light header.
pub const LIGHT_HEADER_LEN: usize = 16;
/// Bytes of a gossip entry.
pub const GOSSIP_LEN: usize = 104;
/// Longest packet taken: a message as large as Redis lets one be (512 MB), its channel, and some room.
pub const MAX_PACKET_LEN: usize = 2 * 512 * 1024 * 1024 + 64 * 1024;
/// Longest ping taken: all the gossip its count can announce, and as much again for extensions.
pub const MAX_PING_LEN: usize = HEADER_LEN + 2 * GOSSIP_LEN * u16::MAX as usize;

pub(crate) const VERSION: u16 = 1;
pub(crate) const LIGHT: u16 = 0x8000;
/// Where the process stands in the header.
pub(crate) const PROCESS_AT: usize = 2216;
/// Bytes of an IP address field.
pub(crate) const IP_LEN: usize = 46;

/// Types of packets.
pub(crate) mod kind {
    pub const PING: u16 = 0;
    pub const PONG: u16 = 1;
    pub const MEET: u16 = 2;
    pub const FAIL: u16 = 3;
    pub const PUBLISH: u16 = 4;
    pub const AUTH_REQUEST: u16 = 5;
    pub const AUTH_ACK: u16 = 6;
    pub const UPDATE: u16 = 7;
    pub const MFSTART: u16 = 8;
    pub const MODULE: u16 = 9;
    pub const PUBLISH_SHARD: u16 = 10;
}

/// Message flags (first byte).
pub mod message_flag {
    /// The sender paused its clients for a manual failover.
    pub const PAUSED: u8 = 1;
    /// Vote even though the master is up (manual failover).
    pub const FORCE_ACK: u8 = 2;
    /// Ping extensions follow the gossip, or could have.
    pub const EXTENSIONS: u8 = 4;
}

/// What every packet says about its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header<'a> {
    /// Client port: plain, or TLS when the bus is TLS.
    pub port: u16,
    /// The sender's current epoch.
    pub current_epoch: u64,
    /// Its config epoch, or its master's.
    pub config_epoch: u64,
    /// Its replication offset.
    pub offset: u64,
    /// Its name.
    pub sender: NodeId,
    /// The slots it serves, or its master.
    pub slots: &'a SlotBits,
    /// Its master's name.
    pub master: Option<NodeId>,
    /// Its announced IP address; empty: as the socket says.
    pub ip: &'a str,
    /// The other client port (see `port`), 0 for none.
    pub second_port: u16,
    /// Bus port.
    pub bus_port: u16,
    /// Its flags.
    pub flags: Flags,
    /// Whether its cluster state is fail.
    pub state_fail: bool,
    /// First byte of message flags.
    pub message_flags: u8,
    /// The process it is one of several nodes of (Ringmaster).
    pub process: Option<ProcessId>,
}

/// A whole packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// With the full header.
    Full(Header<'a>, Body<'a>),
    /// With the light header.
    Light(Body<'a>),
}

/// What is wrong with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireError {
    /// It does not start with `RCmb`.
    Signature,
    /// A protocol version that is not spoken here.
    Version(u16),
    /// A length that its type cannot have.
    Length {
        /// Type of the packet.
        kind: u16,
        /// Announced length.
        announced: usize,
        /// Length its contents need.
        expected: usize,
    },
    /// A light header with a type that has none.
    NotLight(u16),
    /// A node name that is none.
    NodeId,
    /// An address, host name or other text with bytes such text cannot have.
    Text,
    /// A ping extension whose length is wrong.
    Extension {
        /// Type of the extension.
        kind: u16,
        /// Announced length.
        announced: usize,
    },
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Signature => f.write_str("bad signature"),
            WireError::Version(version) => write!(f, "unknown protocol version {version}"),
            WireError::Length { kind, announced, expected } => {
                write!(f, "packet of type {kind} has length {announced} but expected length {expected}")
            }
            WireError::NotLight(kind) => write!(f, "packet of type {kind} cannot have a light header"),
            WireError::NodeId => f.write_str("invalid node ID"),
            WireError::Text => f.write_str("invalid address or name"),
            WireError::Extension { kind, announced } => {
                write!(f, "ping extension {kind} with invalid length {announced}")
            }
        }
    }
}

impl std::error::Error for WireError {}
