//! Ziplists and zipmaps: what listpacks were before Redis 7.0, read to be made listpacks.
//!
//! ```text
//! ziplist  [bytes: u32][last entry's offset: u32][entries: u16][entry]...[FF]     little-endian
//! entry    [length of the entry before: 1 byte, or FE and 4][encoding][data]
//! encoding 00nnnnnn | 01nnnnnn n8 | 80 n32 (big-endian)   string of n bytes
//!          C0 | D0 | E0 | F0 | FE                         integer of 16, 32, 64, 24, 8 bits
//!          F1 to FD                                       the integer 0 to 12
//! zipmap   [entries: u8][length field][length unused value unused bytes]...[FF]
//! ```

use store::types::listpack::{Item, Listpack};

use crate::reader::{Fault, Read, Reader};

const BAD_ZIPLIST: Fault = Fault::Bad("a malformed ziplist");
const BAD_ZIPMAP: Fault = Fault::Bad("a malformed zipmap");
const HEADER: usize = 10;
const END: u8 = 0xFF;
/// The entry count that says "too many to count here".
const UNKNOWN: u16 = u16::MAX;
/// In a length's first byte: four bytes follow.
const LONG: u8 = 0xFE;

/// The entries of a ziplist, as a listpack; every length is followed before anything trusts it.
pub(super) fn to_listpack(bytes: &[u8]) -> Read<Listpack> {
    let mut listpack = Listpack::new();
    read_ziplist(bytes, &mut listpack).ok_or(BAD_ZIPLIST)?;
    Ok(listpack)
}

fn read_ziplist(bytes: &[u8], listpack: &mut Listpack) -> Option<()> {
    let mut reader = Reader::new(bytes);
    let total = u32::from_le_bytes(reader.array().ok()?) as usize;
    let tail = u32::from_le_bytes(reader.array().ok()?) as usize;
    let count = u16::from_le_bytes(reader.array().ok()?);
    if total != bytes.len() || bytes.last() != Some(&END) {
        return None;
    }
    let (mut entries, mut before_len, mut last) = (0usize, 0, HEADER);
    while reader.left() > 1 {
        last = reader.position();
        if entry_before(&mut reader)? != before_len {
            return None;
        }
        match entry(&mut reader)? {
            Item::Int(value) => listpack.push_back_int(value),
            Item::Str(text) => listpack.push_back(text),
        }
        before_len = reader.position() - last;
        entries += 1;
    }
    let is_counted = count == UNKNOWN || usize::from(count) == entries;
    (reader.left() == 1 && is_counted && tail == last && listpack.would_fit(0)).then_some(())
}

/// The length of the entry before, as an entry begins with it.
fn entry_before(reader: &mut Reader<'_>) -> Option<usize> {
    match reader.byte().ok()? {
        LONG => Some(u32::from_le_bytes(reader.array().ok()?) as usize),
        END => None,
        short => Some(usize::from(short)),
    }
}

fn entry<'a>(reader: &mut Reader<'a>) -> Option<Item<'a>> {
    let first = reader.byte().ok()?;
    let text_len = match first {
        0x00..=0x3F => usize::from(first),
        0x40..=0x7F => usize::from(first & 0x3F) << 8 | usize::from(reader.byte().ok()?),
        0x80 => u32::from_be_bytes(reader.array().ok()?) as usize,
        0xC0 => return Some(Item::Int(i64::from(i16::from_le_bytes(reader.array().ok()?)))),
        0xD0 => return Some(Item::Int(i64::from(i32::from_le_bytes(reader.array().ok()?)))),
        0xE0 => return Some(Item::Int(i64::from_le_bytes(reader.array().ok()?))),
        0xF0 => {
            let [low, middle, high] = reader.array().ok()?;
            return Some(Item::Int(i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8)));
        }
        0xFE => return Some(Item::Int(i64::from(i8::from_le_bytes(reader.array().ok()?)))),
        0xF1..=0xFD => return Some(Item::Int(i64::from(first & 0x0F) - 1)),
        _ => return None,
    };
    reader.take(text_len).ok().map(Item::Str)
}

/// The fields and values of a zipmap, as a listpack.
pub(super) fn zipmap_to_listpack(bytes: &[u8]) -> Read<Listpack> {
    let mut listpack = Listpack::new();
    read_zipmap(bytes, &mut listpack).ok_or(BAD_ZIPMAP)?;
    Ok(listpack)
}

fn read_zipmap(bytes: &[u8], listpack: &mut Listpack) -> Option<()> {
    let mut reader = Reader::new(bytes);
    let count = reader.byte().ok()?;
    let mut pairs = 0;
    loop {
        let field_len = match reader.byte().ok()? {
            END => break,
            first => zipmap_len(first, &mut reader)?,
        };
        listpack.push_back(reader.take(field_len).ok()?);
        let first = reader.byte().ok().filter(|first| *first != END)?;
        let value_len = zipmap_len(first, &mut reader)?;
        let unused = usize::from(reader.byte().ok()?);
        listpack.push_back(reader.take(value_len).ok()?);
        reader.take(unused).ok()?;
        pairs += 1;
    }
    let is_counted = count >= LONG || usize::from(count) == pairs;
    (reader.left() == 0 && is_counted && listpack.would_fit(0)).then_some(())
}

fn zipmap_len(first: u8, reader: &mut Reader<'_>) -> Option<usize> {
    match first {
        LONG => Some(u32::from_le_bytes(reader.array().ok()?) as usize),
        short => Some(usize::from(short)),
    }
}
