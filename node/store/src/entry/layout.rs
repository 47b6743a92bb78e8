//! Where the parts of an entry lie.
//!
//! ```text
//! +-------+----------+---------+---------+
//! | flags | clock    | key_len | val_len |   8 bytes: u8, [u8; 3], u16, u16
//! +-------+----------+---------+---------+
//! | key length                           |   8, only when key_len is 0xFFFF
//! | expiry, unix ms                      |   8, only when the key has one
//! | payload                              |   0, 8, 16 or 32: the value, or where it is
//! +--------------------------------------+
//! | key bytes | value bytes              |   value bytes: of an embedded string, val_len of them
//! +--------------------------------------+
//! ```
//! So a 16-byte key with a 64-byte value is 88 bytes, and GET reads two adjacent cache lines.

use bytes::Bytes;

use crate::types::{Hash, List, Set, Stream, Zset};

/// The kind of value, and with that the payload. Three bits of the flags. (Public only in name, for the
/// sealed trait that mentions it: the module is private.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Form {
    /// A string behind the key.
    Embedded,
    /// A string that is a number's text: the number.
    Int,
    /// A long string: a `Bytes`.
    Blob,
    /// A `List`.
    List,
    /// A `Set`.
    Set,
    /// A `Zset`.
    Zset,
    /// A `Hash`.
    Hash,
    /// A `Stream`.
    Stream,
}

const FORMS: [Form; 8] =
    [Form::Embedded, Form::Int, Form::Blob, Form::List, Form::Set, Form::Zset, Form::Hash, Form::Stream];

impl Form {
    const fn payload_len(self) -> usize {
        match self {
            Form::Embedded => 0,
            Form::Int => size_of::<i64>(),
            Form::Blob => size_of::<Bytes>(),
            Form::List => size_of::<List>(),
            Form::Set => size_of::<Set>(),
            Form::Zset => size_of::<Zset>(),
            Form::Hash => size_of::<Hash>(),
            Form::Stream => size_of::<Stream>(),
        }
    }
}

/// The first byte of an entry: all that is needed to find its parts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Flags(u8);

const FORM_MASK: u8 = 0b111;
const EXPIRES: u8 = 1 << 3;
const LONG_KEY: u8 = 1 << 4;
const RAW: u8 = 1 << 5;
/// The flags that move parts.
const LAYOUT_MASK: u8 = FORM_MASK | EXPIRES | LONG_KEY;

/// Size of the header.
pub(super) const HEADER: usize = 8;
const WORD: usize = 8;

impl Flags {
    pub(super) fn new(form: Form, expires: bool, long_key: bool) -> Flags {
        Flags(form as u8 | if expires { EXPIRES } else { 0 } | if long_key { LONG_KEY } else { 0 })
    }

    #[inline]
    pub(super) const fn form(self) -> Form {
        FORMS[(self.0 & FORM_MASK) as usize]
    }

    #[inline]
    pub(super) const fn expires(self) -> bool {
        self.0 & EXPIRES != 0
    }

    #[inline]
    pub(super) const fn has_long_key(self) -> bool {
        self.0 & LONG_KEY != 0
    }

    /// Whether the string was changed in place, which clients see as `raw`.
    pub(super) const fn is_raw(self) -> bool {
        self.0 & RAW != 0
    }

    pub(super) fn with_raw(self, raw: bool) -> Flags {
        Flags(if raw { self.0 | RAW } else { self.0 & !RAW })
    }

    pub(super) fn with_expires(self, expires: bool) -> Flags {
        Flags(if expires { self.0 | EXPIRES } else { self.0 & !EXPIRES })
    }

    /// Offset of the expiry, in an entry that has one.
    #[inline]
    pub(super) const fn expiry_at(self) -> usize {
        HEADER + if self.has_long_key() { WORD } else { 0 }
    }

    /// Offset of the payload.
    #[inline]
    pub(super) const fn payload_at(self) -> usize {
        self.expiry_at() + if self.expires() { WORD } else { 0 }
    }

    /// Offset of the key, from a table: every lookup asks.
    #[inline]
    pub(super) fn key_at(self) -> usize {
        usize::from(KEY_AT[usize::from(self.0 & LAYOUT_MASK)])
    }
}

const KEY_AT: [u8; LAYOUT_MASK as usize + 1] = {
    let mut offsets = [0; LAYOUT_MASK as usize + 1];
    let mut bits = 0;
    while bits < offsets.len() {
        let flags = Flags(bits as u8);
        offsets[bits] = (flags.payload_at() + flags.form().payload_len()) as u8;
        bits += 1;
    }
    offsets
};

/// The `key_len` that says that the length stands in the next word.
pub(super) const LONG_KEY_LEN: u16 = u16::MAX;

/// The first eight bytes of an entry.
#[repr(C, align(8))]
pub(super) struct Header {
    pub(super) flags: Flags,
    pub(super) clock: [u8; 3],
    pub(super) key_len: u16,
    pub(super) val_len: u16,
}

const _: () = assert!(size_of::<Header>() == HEADER);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets() {
        let key_at = |form, expires, long| Flags::new(form, expires, long).key_at();
        assert_eq!(key_at(Form::Embedded, false, false), 8);
        assert_eq!(key_at(Form::Embedded, true, false), 16);
        assert_eq!(key_at(Form::Int, false, false), 16);
        assert_eq!(key_at(Form::Blob, true, true), 56);
        assert_eq!(key_at(Form::Stream, false, true), 24);
        assert_eq!(key_at(Form::Set, false, false), 24);
        for form in FORMS {
            assert_eq!(Flags::new(form, true, false).with_raw(true).form(), form);
        }
    }
}
