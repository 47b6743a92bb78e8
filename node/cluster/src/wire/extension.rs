//! Ping extensions: more about the sender than the header has room for.
//!
//! ```text
//! 0 length u32, these 8 bytes included, a multiple of 8    4 type u16    6 unused u16    8 data
//! ```
//!
//! Text ends with a zero and is padded with zeros. A type that is not known is stepped over, so that newer
//! servers can be understood.

use base::{NODE_ID_LEN, NodeId};

use super::WireError;
use super::decode::text;

const HOSTNAME: u16 = 0;
const HUMAN_NAME: u16 = 1;
const FORGOTTEN: u16 = 2;
const SHARD_ID: u16 = 3;
const CLIENT_IPV4: u16 = 4;
const CLIENT_IPV6: u16 = 5;
const CLIENT_PORT: u16 = 6;
const CLIENT_TLS_PORT: u16 = 7;
const ZONE: u16 = 8;
const HEADER: usize = 8;
/// Longest host name or human name taken, in bytes.
const MAX_TEXT_LEN: usize = 255;

/// One ping extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension<'a> {
    /// Announced host name (Redis 7.0).
    Hostname(&'a str),
    /// Announced human name (Redis 7.2).
    HumanName(&'a str),
    /// A node to forget, and for how many seconds (Redis 7.2).
    Forgotten(NodeId, u64),
    /// Shard of the sender (Redis 7.2).
    ShardId(NodeId),
    /// Address for IPv4 clients (Valkey 8).
    ClientIpv4(&'a str),
    /// Address for IPv6 clients (Valkey 8).
    ClientIpv6(&'a str),
    /// Plain port for clients (Valkey 9).
    ClientPort(u16),
    /// TLS port for clients (Valkey 9).
    ClientTlsPort(u16),
    /// Availability zone (Valkey 9).
    Zone(&'a str),
    /// Any other type, with its data.
    Unknown(u16, &'a [u8]),
}

impl<'a> Extension<'a> {
    /// The extension at the start of `input`, and its length there.
    pub(super) fn decode(input: &'a [u8]) -> Result<(Extension<'a>, usize), WireError> {
        let cut = WireError::Extension { kind: u16::MAX, announced: input.len() };
        let header = input.get(..HEADER).ok_or(cut)?;
        let len = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let kind = u16::from_be_bytes([header[4], header[5]]);
        let wrong = WireError::Extension { kind, announced: len };
        if len < HEADER || !len.is_multiple_of(8) {
            return Err(wrong);
        }
        let data = input.get(HEADER..len).ok_or(wrong)?;
        let string = || {
            let end = data.iter().position(|b| *b == 0).filter(|end| *end <= MAX_TEXT_LEN).ok_or(wrong)?;
            text(&data[..end])
        };
        let id =
            |bytes: Option<&[u8]>| NodeId::from_bytes(bytes.ok_or(wrong)?).map_err(|_| WireError::NodeId);
        let extension = match kind {
            HOSTNAME => Extension::Hostname(string()?),
            HUMAN_NAME => Extension::HumanName(string()?),
            CLIENT_IPV4 => Extension::ClientIpv4(string()?),
            CLIENT_IPV6 => Extension::ClientIpv6(string()?),
            ZONE => Extension::Zone(string()?),
            CLIENT_PORT if data.len() >= 2 => Extension::ClientPort(u16::from_be_bytes([data[0], data[1]])),
            CLIENT_TLS_PORT if data.len() >= 2 => {
                Extension::ClientTlsPort(u16::from_be_bytes([data[0], data[1]]))
            }
            SHARD_ID if data.len() == NODE_ID_LEN => Extension::ShardId(id(data.get(..NODE_ID_LEN))?),
            FORGOTTEN if data.len() == NODE_ID_LEN + 8 => {
                let ttl: [u8; 8] = data[NODE_ID_LEN..].try_into().map_err(|_| wrong)?;
                Extension::Forgotten(id(data.get(..NODE_ID_LEN))?, u64::from_be_bytes(ttl))
            }
            SHARD_ID | FORGOTTEN | CLIENT_PORT | CLIENT_TLS_PORT => return Err(wrong),
            _ => Extension::Unknown(kind, data),
        };
        Ok((extension, len))
    }

    /// Appends it to `out`.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; HEADER]);
        let kind = match self {
            Extension::Hostname(s) => put_text(out, s, HOSTNAME),
            Extension::HumanName(s) => put_text(out, s, HUMAN_NAME),
            Extension::ClientIpv4(s) => put_text(out, s, CLIENT_IPV4),
            Extension::ClientIpv6(s) => put_text(out, s, CLIENT_IPV6),
            Extension::Zone(s) => put_text(out, s, ZONE),
            Extension::ClientPort(port) => {
                out.extend_from_slice(&port.to_be_bytes());
                CLIENT_PORT
            }
            Extension::ClientTlsPort(port) => {
                out.extend_from_slice(&port.to_be_bytes());
                CLIENT_TLS_PORT
            }
            Extension::Forgotten(id, ttl_s) => {
                out.extend_from_slice(id.as_bytes());
                out.extend_from_slice(&ttl_s.to_be_bytes());
                FORGOTTEN
            }
            Extension::ShardId(id) => {
                out.extend_from_slice(id.as_bytes());
                SHARD_ID
            }
            Extension::Unknown(kind, data) => {
                out.extend_from_slice(data);
                *kind
            }
        };
        let padded = (out.len() - start).next_multiple_of(8);
        out.resize(start + padded, 0);
        out[start..start + 4].copy_from_slice(&(padded as u32).to_be_bytes());
        out[start + 4..start + 6].copy_from_slice(&kind.to_be_bytes());
    }
}

fn put_text(out: &mut Vec<u8>, text: &str, kind: u16) -> u16 {
    out.extend_from_slice(text.as_bytes());
    out.push(0);
    kind
}
