//! One entry of a listpack: its encoding, its data, and its length once more to walk backwards.
//!
//! ```text
//! 0xxxxxxx                       unsigned integer of 7 bits
//! 110xxxxx x                     signed integer of 13 bits, high bits first
//! F1 xx | F2 xxx | F3 x4 | F4 x8 signed integer of 16, 24, 32, 64 bits, little-endian
//! 10nnnnnn ...                   string of up to 63 bytes
//! 1110nnnn n ...                 string of up to 4095 bytes, high bits of the length first
//! F0 n4 ...                      string of any length, little-endian
//! ```
//!
//! Behind that stands the back length, the size of the above in 1 to 5 bytes of 7 bits each, made to be read
//! from its last byte to its first: every byte but the first has its top bit set.

use super::super::int::{self, IntText};

/// Marks the end of a listpack; no entry starts with it.
pub(super) const END: u8 = 0xFF;

/// An entry's value: strings that are canonical integers come back as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// An integer; its text is what was stored.
    Int(i64),
    /// Any other string.
    Str(&'a [u8]),
}

impl<'a> Item<'a> {
    /// The value's text, written to `buffer` when it is an integer.
    pub fn as_bytes<'b>(&self, buffer: &'b mut IntText) -> &'b [u8]
    where
        'a: 'b,
    {
        match *self {
            Item::Int(value) => int::to_text(value, buffer),
            Item::Str(text) => text,
        }
    }

    /// The value's text as a new vector.
    pub fn to_vec(&self) -> Vec<u8> {
        self.as_bytes(&mut IntText::default()).to_vec()
    }

    /// Whether the value's text is `text`.
    pub fn eq_bytes(&self, text: &[u8]) -> bool {
        match *self {
            Item::Int(value) => int::from_text(text) == Some(value),
            Item::Str(own) => own == text,
        }
    }

    /// The value as a number, if its text is a canonical integer.
    pub fn as_int(&self) -> Option<i64> {
        match *self {
            Item::Int(value) => Some(value),
            Item::Str(text) => int::from_text(text),
        }
    }

    /// Length of the value's text in bytes.
    pub fn text_len(&self) -> usize {
        match *self {
            Item::Int(value) => int::text_len(value),
            Item::Str(text) => text.len(),
        }
    }
}

impl<'a, const LEN: usize> From<&'a [u8; LEN]> for Item<'a> {
    fn from(text: &'a [u8; LEN]) -> Item<'a> {
        Item::Str(text)
    }
}

impl<'a> From<&'a Vec<u8>> for Item<'a> {
    fn from(text: &'a Vec<u8>) -> Item<'a> {
        Item::Str(text)
    }
}

impl From<i64> for Item<'_> {
    fn from(value: i64) -> Self {
        Item::Int(value)
    }
}

impl<'a> From<&'a [u8]> for Item<'a> {
    fn from(text: &'a [u8]) -> Item<'a> {
        Item::Str(text)
    }
}

/// Size in bytes of the encoding and data of the entry at the start of `bytes`, without its back length;
/// `None` where no entry starts, or its length field is cut off.
#[inline]
pub(super) fn size(bytes: &[u8]) -> Option<usize> {
    let first = *bytes.first()?;
    Some(match first {
        0x00..=0x7F => 1,
        0x80..=0xBF => 1 + usize::from(first & 0x3F),
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 2 + (usize::from(first & 0x0F) << 8 | usize::from(*bytes.get(1)?)),
        0xF0 => 5 + u32::from_le_bytes(*bytes.get(1..)?.first_chunk()?) as usize,
        0xF1 => 3,
        0xF2 => 4,
        0xF3 => 5,
        0xF4 => 9,
        _ => return None,
    })
}

/// The value of the entry that is all of `bytes`, [`size`] of them.
#[inline]
pub(super) fn value(bytes: &[u8]) -> Item<'_> {
    match bytes[0] {
        first @ 0x00..=0x7F => Item::Int(i64::from(first)),
        0x80..=0xBF => Item::Str(&bytes[1..]),
        // The 13 bits moved to the top of 16, and back down with their sign.
        0xC0..=0xDF => Item::Int(i64::from(i16::from_be_bytes([bytes[0], bytes[1]]) << 3 >> 3)),
        0xE0..=0xEF => Item::Str(&bytes[2..]),
        0xF0 => Item::Str(&bytes[5..]),
        _ => Item::Int(signed(&bytes[1..])),
    }
}

/// The little-endian signed integer of 2 to 8 bytes.
fn signed(bytes: &[u8]) -> i64 {
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    let unused = 64 - 8 * bytes.len() as u32;
    i64::from_le_bytes(wide) << unused >> unused
}

/// How many bytes the back length of an entry of `size` bytes takes. The limits leave out the largest value
/// of each width but the first, as Redis does.
#[inline]
pub(super) fn back_len(size: usize) -> usize {
    match size {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// The size of the entry whose back length ends `bytes`; `None` when it has no end within 5 bytes.
#[inline]
pub(super) fn size_before(bytes: &[u8]) -> Option<usize> {
    let mut size = 0;
    for (i, &byte) in bytes.iter().rev().take(5).enumerate() {
        size |= usize::from(byte & 0x7F) << (7 * i);
        if byte & 0x80 == 0 {
            return Some(size);
        }
    }
    None
}

/// An entry ready to be written.
pub(super) struct Encoded<'a> {
    head: [u8; 9],
    head_len: usize,
    text: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// The entry for `value`: a number in the fewest bytes if its text is a canonical integer.
    pub(super) fn of(value: Item<'a>) -> Encoded<'a> {
        match (value.as_int(), value) {
            (Some(number), _) | (None, Item::Int(number)) => Encoded::of_int(number),
            (None, Item::Str(text)) => Encoded::of_str(text),
        }
    }

    fn of_int(value: i64) -> Encoded<'a> {
        let low = value.to_le_bytes();
        let (first, width) = match value {
            0..=127 => return Encoded::with_head(&low[..1], &[]),
            -4096..=4095 => return Encoded::with_head(&[0xC0 | low[1] & 0x1F, low[0]], &[]),
            -0x8000..=0x7FFF => (0xF1, 2),
            -0x80_0000..=0x7F_FFFF => (0xF2, 3),
            -0x8000_0000..=0x7FFF_FFFF => (0xF3, 4),
            _ => (0xF4, 8),
        };
        let mut encoded = Encoded { head: [first; 9], head_len: 1 + width, text: &[] };
        encoded.head[1..=width].copy_from_slice(&low[..width]);
        encoded
    }

    fn of_str(text: &'a [u8]) -> Encoded<'a> {
        match text.len() {
            len @ 0..=63 => Encoded::with_head(&[0x80 | len as u8], text),
            len @ 64..=4095 => Encoded::with_head(&[0xE0 | (len >> 8) as u8, len as u8], text),
            len => {
                let len = u32::try_from(len).expect("a packed string stays below 4 GiB").to_le_bytes();
                Encoded::with_head(&[0xF0, len[0], len[1], len[2], len[3]], text)
            }
        }
    }

    fn with_head(bytes: &[u8], text: &'a [u8]) -> Encoded<'a> {
        let mut head = [0; 9];
        head[..bytes.len()].copy_from_slice(bytes);
        Encoded { head, head_len: bytes.len(), text }
    }

    fn size(&self) -> usize {
        self.head_len + self.text.len()
    }

    /// Bytes of the whole entry, with its back length if it has one.
    pub(super) fn total<const BACK: bool>(&self) -> usize {
        self.size() + if BACK { back_len(self.size()) } else { 0 }
    }

    /// Writes the entry to `out`, whose length [`Self::total`] says whether a back length is wanted.
    pub(super) fn write(&self, out: &mut [u8]) {
        let (head, rest) = out.split_at_mut(self.head_len);
        head.copy_from_slice(&self.head[..self.head_len]);
        let (text, back) = rest.split_at_mut(self.text.len());
        text.copy_from_slice(self.text);
        let mut size = self.size();
        for byte in back.iter_mut().rev() {
            *byte = 0x80 | (size & 0x7F) as u8;
            size >>= 7;
        }
        if let Some(first) = back.first_mut() {
            *first &= 0x7F;
        }
    }
}

/// Checks the entry at the start of `bytes`, which end where the listpack's terminator stands, and returns
/// its whole size.
pub(super) fn check(bytes: &[u8]) -> Option<usize> {
    let size = size(bytes)?;
    let total = size.checked_add(back_len(size))?;
    let entry = bytes.get(..total)?;
    (size_before(&entry[size..]) == Some(size)).then_some(total)
}
