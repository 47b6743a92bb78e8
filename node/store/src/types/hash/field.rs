//! A field of a large hash: name, value and expiry in one allocation.
//!
//! ```text
//! [x nnnnnnn][expiry: u64, if x][name ...][value ...]
//! [x 1111111][name's length: u32][expiry: u64, if x][name ...][value ...]     names of 127 bytes and more
//! ```
//!
//! The value ends where the [`Blob`] does, so a field of short strings costs two bytes beside them.

use std::ptr::NonNull;

use super::super::blob::Blob;
use super::super::listpack::Item;
use super::FieldRef;
use crate::table::{self, Ref};

const EXPIRES: u8 = 0x80;
const LONG_NAME: u8 = 0x7F;

/// A field that its hash's table owns.
pub(super) struct Field(Blob);

/// Where the parts of a field's bytes are.
struct Parts<'a> {
    name: &'a [u8],
    value: &'a [u8],
    expiry: Option<u64>,
}

impl Field {
    pub(super) fn new(name: &[u8], value: &[u8], expiry: Option<u64>) -> Field {
        let flag = if expiry.is_some() { EXPIRES } else { 0 };
        let at = expiry.unwrap_or(0).to_le_bytes();
        let at = if expiry.is_some() { &at[..] } else { &[] };
        if name.len() < usize::from(LONG_NAME) {
            return Field(Blob::concat(&[&[flag | name.len() as u8], at, name, value]));
        }
        let length = u32::try_from(name.len()).expect("a name is at most 512 MB").to_le_bytes();
        Field(Blob::concat(&[&[flag | LONG_NAME], &length, at, name, value]))
    }

    pub(super) fn name(&self) -> &[u8] {
        parts(self.0.bytes()).name
    }

    pub(super) fn expiry(&self) -> Option<u64> {
        parts(self.0.bytes()).expiry
    }

    pub(super) fn value(&self) -> &[u8] {
        parts(self.0.bytes()).value
    }

    /// All of it, to look at as long as the field lives.
    pub(super) fn as_ref(&self) -> FieldRef<'_> {
        let parts = parts(self.0.bytes());
        FieldRef { field: Item::Str(parts.name), value: Item::Str(parts.value), expiry: parts.expiry }
    }

    /// Gives the field another value and expiry; the name, its key in the table, stays.
    pub(super) fn change(&mut self, value: &[u8], expiry: Option<u64>) {
        let now = parts(self.0.bytes());
        // A counter mostly keeps its length: then nothing is allocated.
        if now.expiry == expiry && now.value.len() == value.len() {
            let at = self.0.len() - value.len();
            self.0.bytes_mut()[at..].copy_from_slice(value);
        } else {
            *self = Field::new(now.name, value, expiry);
        }
    }

    /// Bytes taken from the allocator.
    pub(super) fn allocated(&self) -> usize {
        self.0.allocated()
    }

    /// Where the field is, which names it among the fields of its hash.
    pub(super) fn address(&self) -> NonNull<u8> {
        self.0.address()
    }
}

fn parts(bytes: &[u8]) -> Parts<'_> {
    const WHOLE: &str = "a field is written whole";
    let (&first, rest) = bytes.split_first().expect(WHOLE);
    let (name_len, rest) = match first & !EXPIRES {
        LONG_NAME => {
            let (length, rest) = rest.split_first_chunk().expect(WHOLE);
            (u32::from_le_bytes(*length) as usize, rest)
        }
        short => (usize::from(short), rest),
    };
    let (expiry, rest) = if first & EXPIRES == 0 {
        (None, rest)
    } else {
        let (at, rest) = rest.split_first_chunk().expect(WHOLE);
        (Some(u64::from_le_bytes(*at)), rest)
    };
    let (name, value) = rest.split_at(name_len);
    Parts { name, value, expiry }
}

// SAFETY: a field is its blob, which keeps these promises; nothing here changes the name.
unsafe impl table::Item for Field {
    #[inline]
    fn key(&self) -> &[u8] {
        self.name()
    }

    fn into_raw(self) -> NonNull<u8> {
        self.0.into_raw()
    }

    #[inline]
    unsafe fn from_raw(pointer: NonNull<u8>) -> Field {
        // SAFETY: the caller's promise, which is the same.
        Field(unsafe { Blob::from_raw(pointer) })
    }
}

/// The field, to look at as long as its table is borrowed.
pub(super) fn field_ref<'a>(field: &Ref<'a, Field>) -> FieldRef<'a> {
    // SAFETY: a `Ref<'a>` keeps the table borrowed during `'a`, and so the field neither freed nor changed.
    let parts = parts(unsafe { field.0.bytes_during() });
    FieldRef { field: Item::Str(parts.name), value: Item::Str(parts.value), expiry: parts.expiry }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back() {
        for name_len in [0, 1, 126, 127, 128, 300, 70_000] {
            for value_len in [0, 5, 300] {
                for expiry in [None, Some(1), Some(u64::MAX)] {
                    let (name, value) = (vec![b'n'; name_len], vec![b'v'; value_len]);
                    let field = Field::new(&name, &value, expiry);
                    assert_eq!(
                        (field.name(), field.value(), field.expiry()),
                        (&name[..], &value[..], expiry)
                    );
                }
            }
        }
    }

    #[test]
    fn changes_in_place_or_not() {
        let mut field = Field::new(b"name", b"123", Some(7));
        let before = field.address();
        field.change(b"456", Some(7));
        assert_eq!((field.value(), field.address()), (&b"456"[..], before));
        field.change(b"4567", Some(7));
        assert_eq!((field.name(), field.value(), field.expiry()), (&b"name"[..], &b"4567"[..], Some(7)));
        field.change(b"4567", None);
        assert_eq!((field.name(), field.value(), field.expiry()), (&b"name"[..], &b"4567"[..], None));
    }
}
