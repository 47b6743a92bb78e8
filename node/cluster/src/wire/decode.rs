//! Bytes to packets.

use base::{NODE_ID_LEN, NodeId};

use super::{
    Body, Extension, GOSSIP_LEN, GossipEntry, HEADER_LEN, Header, Heartbeat, HeartbeatKind, IP_LEN, LIGHT,
    LIGHT_HEADER_LEN, MAX_PACKET_LEN, MAX_PING_LEN, PREFIX_LEN, PROCESS_AT, Packet, VERSION, WireError, kind,
    message_flag,
};
use crate::node::Flags;
use crate::publish::ProcessId;
use crate::slot_set::{SLOT_BYTES, SlotBits};

/// Length of the packet that starts `input`, or `None` while too little of it came.
///
/// # Errors
/// No packet starts like that, or none of its type can be that long.
pub fn frame_len(input: &[u8]) -> Result<Option<usize>, WireError> {
    let signature = &input[..input.len().min(4)];
    if *signature != b"RCmb"[..signature.len()] {
        return Err(WireError::Signature);
    }
    let Some(prefix) = input.get(..PREFIX_LEN) else { return Ok(None) };
    let announced = u32_at(prefix, 4) as usize;
    let raw = u16_at(prefix, 12);
    let (kind, least) = if raw & LIGHT != 0 { (raw & !LIGHT, LIGHT_HEADER_LEN) } else { (raw, HEADER_LEN) };
    let most = match kind {
        kind::PING | kind::PONG | kind::MEET => MAX_PING_LEN,
        kind::FAIL => HEADER_LEN + NODE_ID_LEN,
        kind::AUTH_REQUEST | kind::AUTH_ACK | kind::MFSTART => HEADER_LEN,
        kind::UPDATE => HEADER_LEN + UPDATE_LEN,
        _ => MAX_PACKET_LEN,
    };
    if announced < least || announced > most {
        let expected = if announced < least { least } else { most };
        return Err(WireError::Length { kind, announced, expected });
    }
    Ok(Some(announced))
}

/// Bytes of an UPDATE's body.
const UPDATE_LEN: usize = 8 + NODE_ID_LEN + SLOT_BYTES;

/// The packet in `bytes`, which are exactly one frame (see [`frame_len`]).
///
/// # Errors
/// Whatever does not fit; nothing of the packet may be used then.
pub fn decode(bytes: &[u8]) -> Result<Packet<'_>, WireError> {
    let len = frame_len(bytes)?.ok_or(WireError::Length {
        kind: u16::MAX,
        announced: bytes.len(),
        expected: PREFIX_LEN,
    })?;
    let raw = u16_at(bytes, 12);
    if bytes.len() != len {
        return Err(WireError::Length { kind: raw, announced: len, expected: bytes.len() });
    }
    let version = u16_at(bytes, 8);
    if version != VERSION {
        return Err(WireError::Version(version));
    }
    if raw & LIGHT != 0 {
        let kind = raw & !LIGHT;
        return match kind {
            kind::PUBLISH | kind::PUBLISH_SHARD => Ok(Packet::Light(publish(kind, bytes, LIGHT_HEADER_LEN)?)),
            kind::MODULE => Ok(Packet::Light(module(&bytes[LIGHT_HEADER_LEN..], len)?)),
            _ => Err(WireError::NotLight(kind)),
        };
    }
    let header = header(bytes)?;
    let body = &bytes[HEADER_LEN..];
    let exact = |expected: usize| {
        let wrong = WireError::Length { kind: raw, announced: len, expected: HEADER_LEN + expected };
        if body.len() == expected { Ok(()) } else { Err(wrong) }
    };
    let body = match raw {
        kind::PING => heartbeat(HeartbeatKind::Ping, bytes, &header)?,
        kind::PONG => heartbeat(HeartbeatKind::Pong, bytes, &header)?,
        kind::MEET => heartbeat(HeartbeatKind::Meet, bytes, &header)?,
        kind::FAIL => {
            exact(NODE_ID_LEN)?;
            Body::Fail(node_id(body)?)
        }
        kind::PUBLISH | kind::PUBLISH_SHARD => publish(raw, bytes, HEADER_LEN)?,
        kind::AUTH_REQUEST => exact(0).map(|()| Body::AuthRequest)?,
        kind::AUTH_ACK => exact(0).map(|()| Body::AuthAck)?,
        kind::MFSTART => exact(0).map(|()| Body::MfStart)?,
        kind::UPDATE => {
            exact(UPDATE_LEN)?;
            let id = node_id(&body[8..8 + NODE_ID_LEN])?;
            Body::Update { epoch: u64_at(body, 0), id, slots: slots_at(body, 8 + NODE_ID_LEN) }
        }
        kind::MODULE => module(body, len)?,
        _ => Body::Unknown(raw),
    };
    Ok(Packet::Full(header, body))
}

fn header(bytes: &[u8]) -> Result<Header<'_>, WireError> {
    let master = &bytes[2128..2128 + NODE_ID_LEN];
    Ok(Header {
        port: u16_at(bytes, 10),
        current_epoch: u64_at(bytes, 16),
        config_epoch: u64_at(bytes, 24),
        offset: u64_at(bytes, 32),
        sender: node_id(&bytes[40..40 + NODE_ID_LEN])?,
        slots: slots_at(bytes, 80),
        master: if master.iter().all(|b| *b == 0) { None } else { Some(node_id(master)?) },
        ip: address(&bytes[2168..2168 + IP_LEN])?,
        second_port: u16_at(bytes, 2246),
        bus_port: u16_at(bytes, 2248),
        flags: Flags(u16_at(bytes, 2250)),
        state_fail: bytes[2252] != 0,
        message_flags: bytes[2253],
        process: process(bytes),
    })
}

fn process(bytes: &[u8]) -> Option<ProcessId> {
    let id: [u8; 16] = bytes[PROCESS_AT..PROCESS_AT + 16].try_into().expect("the range has this length");
    (id != [0; 16]).then_some(ProcessId(id))
}

fn heartbeat<'a>(kind: HeartbeatKind, bytes: &'a [u8], header: &Header) -> Result<Body<'a>, WireError> {
    let count = usize::from(u16_at(bytes, 14));
    let gossip_end = HEADER_LEN + count * GOSSIP_LEN;
    let wrong = |expected| WireError::Length { kind: u16_at(bytes, 12), announced: bytes.len(), expected };
    let gossip = bytes.get(HEADER_LEN..gossip_end).ok_or(wrong(gossip_end))?;
    let gossip = gossip.chunks_exact(GOSSIP_LEN).map(gossip_entry).collect::<Result<_, _>>()?;
    let mut at = gossip_end;
    let mut extensions = Vec::new();
    if header.message_flags & message_flag::EXTENSIONS != 0 {
        for _ in 0..u16_at(bytes, 2214) {
            let (extension, len) = Extension::decode(&bytes[at..])?;
            extensions.push(extension);
            at += len;
        }
    }
    if at != bytes.len() {
        return Err(wrong(at));
    }
    Ok(Body::Heartbeat(Heartbeat { kind, gossip, extensions }))
}

fn gossip_entry(bytes: &[u8]) -> Result<GossipEntry<'_>, WireError> {
    Ok(GossipEntry {
        id: node_id(&bytes[..NODE_ID_LEN])?,
        ping_sent_s: u32_at(bytes, 40),
        pong_received_s: u32_at(bytes, 44),
        ip: address(&bytes[48..48 + IP_LEN])?,
        port: u16_at(bytes, 94),
        bus_port: u16_at(bytes, 96),
        flags: Flags(u16_at(bytes, 98)),
        second_port: u16_at(bytes, 100),
    })
}

fn publish(kind: u16, bytes: &[u8], head: usize) -> Result<Body<'_>, WireError> {
    let body = &bytes[head..];
    let wrong =
        |expected: u64| WireError::Length { kind, announced: bytes.len(), expected: expected as usize };
    if body.len() < 8 {
        return Err(wrong(head as u64 + 8));
    }
    let (channel_len, message_len) = (u32_at(body, 0), u32_at(body, 4));
    let expected = 8 + u64::from(channel_len) + u64::from(message_len);
    if expected != body.len() as u64 {
        return Err(wrong(head as u64 + expected));
    }
    let (channel, message) = body[8..].split_at(channel_len as usize);
    let (sharded, hand_on) = (kind == kind::PUBLISH_SHARD, u16_at(bytes, 14) == 1);
    Ok(Body::Publish { channel, message, sharded, hand_on })
}

/// Bytes of a module message before its payload: module u64, length u32, type u8.
const MODULE_HEAD: usize = 13;

fn module(body: &[u8], announced: usize) -> Result<Body<'_>, WireError> {
    let head = announced - body.len();
    let wrong = |expected| WireError::Length { kind: kind::MODULE, announced, expected };
    if body.len() < MODULE_HEAD {
        return Err(wrong(head + MODULE_HEAD));
    }
    let len = u32_at(body, 8) as usize;
    if body.len() != MODULE_HEAD + len {
        return Err(wrong(head + MODULE_HEAD + len));
    }
    Ok(Body::Module { module: u64_at(body, 0), kind: body[12], payload: &body[MODULE_HEAD..] })
}

fn node_id(bytes: &[u8]) -> Result<NodeId, WireError> {
    NodeId::from_bytes(bytes).map_err(|_| WireError::NodeId)
}

/// An address field: text up to the first zero, or to its end less one as servers terminate it.
fn address(field: &[u8]) -> Result<&str, WireError> {
    let end = field.iter().position(|b| *b == 0).ok_or(WireError::Text)?;
    text(&field[..end])
}

/// Text that will stand in `nodes.conf` and in replies: visible ASCII without the separators used there.
pub(super) fn text(bytes: &[u8]) -> Result<&str, WireError> {
    let fits = |b: &u8| b.is_ascii_graphic() && !matches!(b, b',' | b'@' | b'=' | b'"' | b'\'');
    if !bytes.iter().all(fits) {
        return Err(WireError::Text);
    }
    std::str::from_utf8(bytes).map_err(|_| WireError::Text)
}

fn slots_at(bytes: &[u8], at: usize) -> &SlotBits {
    bytes[at..at + SLOT_BYTES].try_into().expect("the slice has the length of a bitmap")
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) << 32 | u64::from(u32_at(bytes, at + 4))
}
