//! Strings of an entry: which of them are embedded, and how they change.

use std::mem;

use bytes::{Bytes, BytesMut};

use super::Entry;
use super::layout::Form;
use super::raw::Shape;
use crate::types::int::IntText;
use crate::value::Value;

/// Longest string that is kept in its key's own allocation, in bytes. Above it one allocation more costs
/// little beside the string, and a reply can hold on to the string instead of copying it.
pub const EMBED_MAX: usize = 1024;

const _: () = assert!(EMBED_MAX < u16::MAX as usize);

impl Entry {
    pub(super) fn with_bytes(key: &[u8], bytes: &[u8], raw: bool, expire_ms: Option<u64>) -> Entry {
        if bytes.len() > EMBED_MAX {
            return Entry::with_payload(key, Form::Blob, Bytes::copy_from_slice(bytes), expire_ms);
        }
        let entry = Entry::allocate(key, Form::Embedded, bytes.len(), expire_ms);
        // SAFETY: the entry is new and nobody else's, and was made for a string of this length.
        unsafe {
            entry.raw.write_embedded(bytes);
            entry.raw.set_flags(entry.raw.flags().with_raw(raw));
        }
        entry
    }

    pub(super) fn with_blob(key: &[u8], blob: Bytes, expire_ms: Option<u64>) -> Entry {
        if blob.len() > EMBED_MAX {
            return Entry::with_payload(key, Form::Blob, blob, expire_ms);
        }
        Entry::with_bytes(key, &blob, false, expire_ms)
    }

    /// Overwrites the string without moving the entry, or gives the value back when that cannot be.
    #[inline]
    pub(super) fn write_string_in_place<'v>(
        &mut self,
        value: Value<'v>,
        expire_ms: Option<u64>,
    ) -> Result<(), Value<'v>> {
        let flags = self.raw.flags();
        if flags.expires() != expire_ms.is_some() {
            return Err(value);
        }
        match (flags.form(), value) {
            (Form::Embedded, Value::Bytes(bytes)) if self.has_room_for(bytes.len()) => {
                // SAFETY: borrowed exclusively, and `has_room_for` compared the sizes.
                unsafe { self.raw.write_embedded(bytes) };
            }
            (Form::Int, Value::Int(number)) => self.write_int(number),
            (_, value) => return Err(value),
        }
        if let Some(at_ms) = expire_ms {
            // SAFETY: borrowed exclusively, and the entry has an expiry.
            unsafe { self.raw.set_expiry(at_ms) };
        }
        if flags.is_raw() {
            // SAFETY: borrowed exclusively, and this flag moves no part.
            unsafe { self.raw.set_flags(flags.with_raw(false)) };
        }
        Ok(())
    }

    /// Whether an embedded string of this length makes an entry of the same size.
    #[inline]
    fn has_room_for(&self, len: usize) -> bool {
        let shape = self.raw.shape();
        len <= EMBED_MAX && shape.size() == Shape { val_len: len, ..shape }.size()
    }

    /// Sets the number of a string that is one.
    fn write_int(&mut self, number: i64) {
        debug_assert!(self.raw.flags().form() == Form::Int);
        // SAFETY: borrowed exclusively, and the payload of this form is an `i64`.
        unsafe { self.raw.payload().write(number) };
    }

    /// Makes the string `len` bytes long, cutting its end off or filling up with zeros, and lets `edit`
    /// change the bytes in place: APPEND, SETRANGE, SETBIT and the like. To clients it is `raw` from then on.
    /// Amortized over growing calls, the cost is that of the bytes added; a blob that somebody else still
    /// holds is copied first. Must not be called on a collection.
    pub fn edit_bytes<R>(&mut self, len: usize, edit: impl FnOnce(&mut [u8]) -> R) -> R {
        if self.raw.flags().form() == Form::Blob {
            // SAFETY: borrowed exclusively, and the payload of this form is a `Bytes`.
            let blob: &mut Bytes = unsafe { self.raw.payload().as_mut() };
            let shared = |blob: Bytes| {
                let mut copy = BytesMut::with_capacity(len.max(blob.len()));
                copy.extend_from_slice(&blob);
                copy
            };
            let mut bytes = mem::take(blob).try_into_mut().unwrap_or_else(shared);
            bytes.resize(len, 0);
            let result = edit(&mut bytes);
            *blob = bytes.freeze();
            return result;
        }
        self.edit_short(len, edit)
    }

    /// [`Entry::edit_bytes`] for a string that is not a blob yet.
    fn edit_short<R>(&mut self, len: usize, edit: impl FnOnce(&mut [u8]) -> R) -> R {
        let mut digits = IntText::default();
        let string = self.string().expect("only strings are edited as bytes");
        let old_len = string.len();
        if len > EMBED_MAX {
            let mut bytes = BytesMut::with_capacity(len);
            bytes.extend_from_slice(string.as_bytes(&mut digits));
            bytes.resize(len, 0);
            let result = edit(&mut bytes);
            self.become_string(Value::Blob(bytes.freeze()));
            return result;
        }
        if self.raw.flags().form() == Form::Embedded && self.has_room_for(len) {
            // SAFETY: borrowed exclusively, and `has_room_for` compared the sizes.
            unsafe { self.raw.pad_embedded(old_len.min(len), len) };
        } else {
            let kept = &string.as_bytes(&mut digits)[..old_len.min(len)];
            let new = Entry::allocate(self.key(), Form::Embedded, len, self.expire_at());
            // SAFETY: the entry is new and nobody else's, and was made for a string of this length.
            unsafe {
                new.raw.pad_embedded(0, len);
                new.raw.embedded_mut()[..kept.len()].copy_from_slice(kept);
            }
            new.set_clock(self.clock());
            *self = new;
        }
        // SAFETY: borrowed exclusively; the form is `Embedded` by now, and the flag moves no part.
        unsafe {
            self.raw.set_flags(self.raw.flags().with_raw(true));
            edit(self.raw.embedded_mut())
        }
    }

    fn become_string(&mut self, value: Value<'_>) {
        let new = Entry::new(self.key(), value, self.expire_at());
        new.set_clock(self.clock());
        *self = new;
    }
}
