//! Packets to bytes.

use super::{
    Body, GOSSIP_LEN, GossipEntry, HEADER_LEN, Header, IP_LEN, LIGHT, LIGHT_HEADER_LEN, PROCESS_AT, Packet,
    VERSION,
};

/// The bytes of `packet`.
pub fn encode(packet: &Packet) -> Vec<u8> {
    let mut out = match packet {
        Packet::Light(body) => {
            let mut out = vec![0; LIGHT_HEADER_LEN];
            put_u16(&mut out, 12, body.kind() | LIGHT);
            put_body(&mut out, body);
            out
        }
        Packet::Full(header, body) => {
            let mut out = vec![0; HEADER_LEN];
            put_header(&mut out, header);
            put_u16(&mut out, 12, body.kind());
            put_body(&mut out, body);
            out
        }
    };
    out[..4].copy_from_slice(b"RCmb");
    let len = u32::try_from(out.len()).expect("messages are bounded well below 4 GB");
    out[4..8].copy_from_slice(&len.to_be_bytes());
    put_u16(&mut out, 8, VERSION);
    out
}

fn put_header(out: &mut [u8], header: &Header) {
    put_u16(out, 10, header.port);
    put(out, 16, &header.current_epoch.to_be_bytes());
    put(out, 24, &header.config_epoch.to_be_bytes());
    put(out, 32, &header.offset.to_be_bytes());
    put(out, 40, header.sender.as_bytes());
    put(out, 80, header.slots);
    if let Some(master) = &header.master {
        put(out, 2128, master.as_bytes());
    }
    put_ip(out, 2168, header.ip);
    if let Some(process) = &header.process {
        put(out, PROCESS_AT, &process.0);
    }
    put_u16(out, 2246, header.second_port);
    put_u16(out, 2248, header.bus_port);
    put_u16(out, 2250, header.flags.0);
    out[2252] = u8::from(header.state_fail);
    out[2253] = header.message_flags;
}

fn put_body(out: &mut Vec<u8>, body: &Body) {
    match body {
        Body::Heartbeat(beat) => {
            put_u16(out, 14, beat.gossip.len() as u16);
            put_u16(out, 2214, beat.extensions.len() as u16);
            for entry in &beat.gossip {
                put_gossip(out, entry);
            }
            for extension in &beat.extensions {
                extension.encode(out);
            }
        }
        Body::Fail(id) => out.extend_from_slice(id.as_bytes()),
        Body::Publish { channel, message, hand_on, .. } => {
            // Of no meaning to others in a packet without gossip.
            put_u16(out, 14, u16::from(*hand_on));
            out.extend_from_slice(&(channel.len() as u32).to_be_bytes());
            out.extend_from_slice(&(message.len() as u32).to_be_bytes());
            out.extend_from_slice(channel);
            out.extend_from_slice(message);
        }
        Body::Update { epoch, id, slots } => {
            out.extend_from_slice(&epoch.to_be_bytes());
            out.extend_from_slice(id.as_bytes());
            out.extend_from_slice(*slots);
        }
        Body::Module { module, kind, payload } => {
            out.extend_from_slice(&module.to_be_bytes());
            out.extend_from_slice(&(payload.len() as u32).to_be_bytes());
            out.push(*kind);
            out.extend_from_slice(payload);
        }
        Body::AuthRequest | Body::AuthAck | Body::MfStart | Body::Unknown(_) => {}
    }
}

fn put_gossip(out: &mut Vec<u8>, entry: &GossipEntry) {
    let start = out.len();
    out.resize(start + GOSSIP_LEN, 0);
    let out = &mut out[start..];
    put(out, 0, entry.id.as_bytes());
    put(out, 40, &entry.ping_sent_s.to_be_bytes());
    put(out, 44, &entry.pong_received_s.to_be_bytes());
    put_ip(out, 48, entry.ip);
    put_u16(out, 94, entry.port);
    put_u16(out, 96, entry.bus_port);
    put_u16(out, 98, entry.flags.0);
    put_u16(out, 100, entry.second_port);
}

/// Writes an address field; what is too long for it is cut as servers do.
fn put_ip(out: &mut [u8], at: usize, ip: &str) {
    let len = ip.len().min(IP_LEN - 1);
    put(out, at, &ip.as_bytes()[..len]);
}

fn put_u16(out: &mut [u8], at: usize, value: u16) {
    put(out, at, &value.to_be_bytes());
}

fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    out[at..at + bytes.len()].copy_from_slice(bytes);
}
