//! DUMP payloads: one value, by itself.
//!
//! ```text
//! [kind][value][version: u16][checksum of all before: u64]       little-endian
//! ```

use store::types::Limits;
use store::{EntryRef, Value};

use crate::crc64;
use crate::decode::{Decoded, Decoder};
use crate::encode::{Encoder, kind_of};
use crate::format::{VERSION, VERSION_VALKEY, is_version_known, kind};
use crate::reader::Reader;
use crate::writer::Writer;

/// Bytes behind the value.
pub(crate) const FOOTER: usize = 2 + 8;

/// Why a payload is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The version is unknown, or the checksum wrong.
    Footer,
    /// The value is malformed.
    Value,
}

/// The payload of an entry's value; strings are compressed if `compress`.
pub fn dump(entry: EntryRef<'_>, compress: bool) -> Vec<u8> {
    let mut dumper = Dumper::new(entry, compress);
    while !dumper.step(entry, usize::MAX) {}
    dumper.into_payload().chunks.concat()
}

/// A chunk of this many bytes or more is full.
const CHUNK: usize = 256 * 1024;

/// A payload in chunks: in one piece that of a large value would be copied again and again while it grows, each time at
/// the cost of a pause.
#[derive(Default)]
pub struct Payload {
    /// Its bytes, one chunk after the other.
    pub chunks: Vec<Vec<u8>>,
}

impl Payload {
    /// Bytes of all chunks.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The chunk to go on with, for about `more` bytes.
    fn tail(&mut self, more: usize) -> &mut Vec<u8> {
        let full = |chunk: &Vec<u8>| chunk.len() >= CHUNK;
        if self.chunks.last().is_none_or(full) {
            // Many small values have one chunk only, which is to be no longer than it needs.
            let room = if self.chunks.is_empty() { 0 } else { CHUNK + more.min(CHUNK) };
            self.chunks.push(Vec::with_capacity(room));
        }
        self.chunks.last_mut().expect("one was pushed")
    }
}

/// A payload that is made some bytes at a time. Between two steps the value must not change.
pub struct Dumper {
    encoder: Encoder,
    /// What is encoded and not yet summed.
    encoded: Writer,
    is_encoded: bool,
    version: u16,
    payload: Payload,
    checksum: u64,
}

impl Dumper {
    /// Begins the payload of `entry`; strings are compressed if `compress`.
    pub fn new(entry: EntryRef<'_>, compress: bool) -> Dumper {
        let (mut encoded, kind) = (Writer::new(compress), kind_of(entry));
        encoded.byte(kind);
        let version = if kind == kind::HASH_2 { VERSION_VALKEY } else { VERSION };
        let (encoder, payload) = (Encoder::default(), Payload::default());
        Dumper { encoder, encoded, is_encoded: false, version, payload, checksum: 0 }
    }

    /// Adds about `limit` bytes of the same entry; whether the payload is whole now.
    pub fn step(&mut self, entry: EntryRef<'_>, limit: usize) -> bool {
        self.is_encoded = self.is_encoded || self.encoder.step(entry, limit, &mut self.encoded);
        let tail = self.payload.tail(limit);
        let start = tail.len();
        self.encoded.take(limit, tail);
        let is_whole = self.is_encoded && self.encoded.is_empty();
        if is_whole {
            tail.extend_from_slice(&self.version.to_le_bytes());
        }
        self.checksum = crc64::update(self.checksum, &tail[start..]);
        if is_whole {
            tail.extend_from_slice(&self.checksum.to_le_bytes());
        }
        is_whole
    }

    /// The whole payload.
    pub fn into_payload(self) -> Payload {
        self.payload
    }
}

/// A payload of these bytes.
pub(crate) fn finish(mut payload: Vec<u8>, version: u16) -> Vec<u8> {
    payload.extend_from_slice(&version.to_le_bytes());
    let checksum = crc64::update(0, &payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

/// Checks the end of a payload, its version and its checksum: the version.
///
/// # Errors
/// [`Refused::Footer`].
pub fn check_footer(payload: &[u8]) -> Result<u16, Refused> {
    let (version, covered, checksum) = footer(payload)?;
    if checksum == crc64::update(0, covered) { Ok(version) } else { Err(Refused::Footer) }
}

/// The version, all before the checksum, and the checksum.
fn footer(payload: &[u8]) -> Result<(u16, &[u8], u64), Refused> {
    let (covered, checksum) = payload.split_last_chunk().ok_or(Refused::Footer)?;
    let (_, version) = covered.split_last_chunk().ok_or(Refused::Footer)?;
    let version = u16::from_le_bytes(*version);
    let known = is_version_known(version).then_some((version, covered, u64::from_le_bytes(*checksum)));
    known.ok_or(Refused::Footer)
}

/// The value in a payload.
///
/// # Errors
/// [`Refused`].
pub fn restore(payload: &[u8], limits: &Limits) -> Result<Value<'static>, Refused> {
    read(payload, check_footer(payload)?, limits)
}

/// As [`restore`], whatever the checksum is: for tests of what is damaged elsewhere.
///
/// # Errors
/// [`Refused`].
pub fn restore_unchecked(payload: &[u8], limits: &Limits) -> Result<Value<'static>, Refused> {
    read(payload, footer(payload)?.0, limits)
}

fn read(payload: &[u8], version: u16, limits: &Limits) -> Result<Value<'static>, Refused> {
    let mut reader = Reader::new(&payload[..payload.len() - FOOTER]);
    let kind = reader.byte().map_err(|_| Refused::Value)?;
    let decoded = Decoder::new(kind, version).and_then(|mut decoder| decoder.read(&mut reader, limits));
    match decoded {
        Ok(Decoded::Value(value)) if reader.left() == 0 => Ok(value),
        _ => Err(Refused::Value),
    }
}
