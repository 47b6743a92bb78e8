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
    let mut out = Writer::new(compress);
    let kind = kind_of(entry);
    out.byte(kind);
    Encoder::default().step(entry, usize::MAX, &mut out);
    finish(out.into_vec(), if kind == kind::HASH_2 { VERSION_VALKEY } else { VERSION })
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
    let (covered, checksum) = payload.split_last_chunk().ok_or(Refused::Footer)?;
    let (_, version) = covered.split_last_chunk().ok_or(Refused::Footer)?;
    let (version, checksum) = (u16::from_le_bytes(*version), u64::from_le_bytes(*checksum));
    if is_version_known(version) && checksum == crc64::update(0, covered) {
        Ok(version)
    } else {
        Err(Refused::Footer)
    }
}

/// The value in a payload.
///
/// # Errors
/// [`Refused`].
pub fn restore(payload: &[u8], limits: &Limits) -> Result<Value<'static>, Refused> {
    let version = check_footer(payload)?;
    let mut reader = Reader::new(&payload[..payload.len() - FOOTER]);
    let kind = reader.byte().map_err(|_| Refused::Value)?;
    let decoded = Decoder::new(kind, version).and_then(|mut decoder| decoder.read(&mut reader, limits));
    match decoded {
        Ok(Decoded::Value(value)) if reader.left() == 0 => Ok(value),
        _ => Err(Refused::Value),
    }
}
