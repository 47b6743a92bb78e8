//! Whether bytes from outside are a listpack: every length is followed before anything trusts it.

use super::entry;
use super::{Corrupt, END, HEADER, PREFIX, UNKNOWN};

/// Checks what stands at both ends: the total, and the terminator.
pub(super) fn frame(bytes: &[u8]) -> Result<(), Corrupt> {
    let total = bytes.first_chunk().map(|total| u32::from_le_bytes(*total) as usize);
    let framed = total == Some(bytes.len()) && bytes.len() > HEADER && bytes.last() == Some(&END);
    if framed { Ok(()) } else { Err(Corrupt) }
}

/// Checks every entry of framed bytes, and the count. An entry ends before the terminator, its back length
/// says its size, and the count is the number of entries or unknown.
pub(super) fn entries(bytes: &[u8]) -> Result<(), Corrupt> {
    let mut rest = &bytes[HEADER..bytes.len() - 1];
    let mut entries = 0usize;
    while !rest.is_empty() {
        let total = entry::check(rest).ok_or(Corrupt)?;
        rest = &rest[total..];
        entries += 1;
    }
    let count = u16::from_le_bytes([bytes[PREFIX], bytes[PREFIX + 1]]);
    if count == UNKNOWN || usize::from(count) == entries { Ok(()) } else { Err(Corrupt) }
}
