//! The untyped half of an entry: a pointer to its allocation, and the offsets of [`layout`](super::layout).
//!
//! Everything here trusts its caller about lifetimes and about who may write; the types of the modules
//! around it ([`Entry`](super::Entry), [`EntryRef`](super::EntryRef)) are what makes it safe to use.

use std::ptr::NonNull;
use std::slice;

use super::layout::{Flags, HEADER, Header, LONG_KEY_LEN};
use crate::slab;

/// A pointer to an entry's allocation.
#[derive(Clone, Copy)]
pub(super) struct Raw(pub(super) NonNull<Header>);

/// What an entry's size follows from.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) flags: Flags,
    pub(super) key_len: usize,
    /// Of an embedded string, else 0.
    pub(super) val_len: usize,
}

impl Shape {
    /// Bytes of the allocation.
    #[inline]
    pub(super) fn size(&self) -> usize {
        (self.flags.key_at() + self.key_len + self.val_len).next_multiple_of(8)
    }
}

/// Whether a key of this length needs the extra word.
pub(super) fn is_long_key(key_len: usize) -> bool {
    key_len >= usize::from(LONG_KEY_LEN)
}

impl Raw {
    /// Allocates an entry of this shape and writes its header and key; clock 0, the rest unwritten.
    pub(super) fn allocate(shape: Shape, key: &[u8]) -> Raw {
        debug_assert!(shape.key_len == key.len() && shape.flags.has_long_key() == is_long_key(key.len()));
        let raw = Raw(slab::alloc(shape.size()).cast());
        let header = Header {
            flags: shape.flags,
            clock: [0; 3],
            key_len: u16::try_from(key.len()).unwrap_or(LONG_KEY_LEN),
            val_len: u16::try_from(shape.val_len).expect("an embedded string is short"),
        };
        // SAFETY: the new allocation has the size of this shape, so each offset of the shape is within it,
        // and is aligned to 8; nobody else has the pointer.
        unsafe {
            raw.0.write(header);
            if shape.flags.has_long_key() {
                raw.at(HEADER).cast::<u64>().write(key.len() as u64);
            }
            raw.at(shape.flags.key_at()).copy_from_nonoverlapping(NonNull::from(key).cast(), key.len());
        }
        raw
    }

    /// Gives the allocation back; what the payload owns must be gone.
    ///
    /// # Safety
    /// The caller owns the entry, and it is not used afterwards.
    pub(super) unsafe fn free(self) {
        // SAFETY: the caller's promise, and `allocate` asked for the size of the same shape.
        unsafe { slab::free(self.0.cast(), self.shape().size()) }
    }

    /// The byte at `offset`.
    ///
    /// # Safety
    /// The offset is within the allocation.
    #[inline]
    pub(super) unsafe fn at(self, offset: usize) -> NonNull<u8> {
        // SAFETY: the caller's promise.
        unsafe { self.0.cast::<u8>().add(offset) }
    }

    #[inline]
    fn header<'a>(self) -> &'a Header {
        // SAFETY: whoever holds a `Raw` holds or borrows a live entry, and copies of parts of the header,
        // all that is made of this reference, are taken at once.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    pub(super) fn flags(self) -> Flags {
        self.header().flags
    }

    #[inline]
    pub(super) fn clock(self) -> u32 {
        let [low, middle, high] = self.header().clock;
        u32::from_le_bytes([low, middle, high, 0])
    }

    #[inline]
    pub(super) fn key_len(self) -> usize {
        if self.flags().has_long_key() {
            // SAFETY: the flag says that the word is there.
            return unsafe { self.at(HEADER).cast::<u64>().read() } as usize;
        }
        usize::from(self.header().key_len)
    }

    #[inline]
    pub(super) fn shape(self) -> Shape {
        Shape { flags: self.flags(), key_len: self.key_len(), val_len: usize::from(self.header().val_len) }
    }

    #[inline]
    pub(super) fn expiry(self) -> Option<u64> {
        let flags = self.flags();
        // SAFETY: the flag says that the word is there.
        flags.expires().then(|| unsafe { self.at(flags.expiry_at()).cast::<u64>().read() })
    }

    /// The key, for as long as the caller says.
    ///
    /// # Safety
    /// The entry lives, and is not written to, for `'a`.
    #[inline]
    pub(super) unsafe fn key<'a>(self) -> &'a [u8] {
        // SAFETY: `allocate` wrote that many bytes there; the caller vouches for the lifetime.
        unsafe { slice::from_raw_parts(self.at(self.flags().key_at()).as_ptr(), self.key_len()) }
    }

    /// The embedded string.
    ///
    /// # Safety
    /// The form is `Embedded`; the entry lives, and is not written to, for `'a`.
    #[inline]
    pub(super) unsafe fn embedded<'a>(self) -> &'a [u8] {
        let start = self.flags().key_at() + self.key_len();
        // SAFETY: the allocation has that many bytes there, written when the entry was made.
        unsafe { slice::from_raw_parts(self.at(start).as_ptr(), usize::from(self.header().val_len)) }
    }

    /// The payload as what it is.
    #[inline]
    pub(super) fn payload<P>(self) -> NonNull<P> {
        // SAFETY: every shape's payload offset is within its allocation.
        unsafe { self.at(self.flags().payload_at()).cast() }
    }

    /// Overwrites the flags.
    ///
    /// # Safety
    /// The caller may write to the entry, and the new flags keep every part where it is.
    pub(super) unsafe fn set_flags(self, flags: Flags) {
        // SAFETY: the caller's promise.
        unsafe { (*self.0.as_ptr()).flags = flags }
    }

    /// Sets the low 24 bits of the clock.
    ///
    /// # Safety
    /// The caller may write to the entry.
    #[inline]
    pub(super) unsafe fn set_clock(self, clock: u32) {
        let [low, middle, high, _] = clock.to_le_bytes();
        // SAFETY: the caller's promise.
        unsafe { (*self.0.as_ptr()).clock = [low, middle, high] }
    }

    /// Sets the expiry of an entry that has one.
    ///
    /// # Safety
    /// The caller may write to the entry.
    pub(super) unsafe fn set_expiry(self, at_ms: u64) {
        debug_assert!(self.flags().expires());
        // SAFETY: the caller's promise; the flag says that the word is there.
        unsafe { self.at(self.flags().expiry_at()).cast::<u64>().write(at_ms) }
    }

    /// Sets the embedded string's length and bytes.
    ///
    /// # Safety
    /// The caller may write to the entry; its form is `Embedded` and its size the same with this value.
    #[inline]
    pub(super) unsafe fn write_embedded(self, value: &[u8]) {
        // SAFETY: the caller's promise; the bytes are not the entry's own, which is borrowed for writing.
        unsafe {
            self.set_val_len(value.len());
            let start = self.at(self.flags().key_at() + self.key_len());
            start.copy_from_nonoverlapping(NonNull::from(value).cast(), value.len());
        }
    }

    /// Sets the embedded string's length to `len`, its bytes from `from` on to zero.
    ///
    /// # Safety
    /// As for [`Raw::write_embedded`]; the bytes below `from`, which is at most `len`, are written already.
    pub(super) unsafe fn pad_embedded(self, from: usize, len: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            self.set_val_len(len);
            self.at(self.flags().key_at() + self.key_len() + from).write_bytes(0, len - from);
        }
    }

    /// The embedded string, to change.
    ///
    /// # Safety
    /// As for [`Raw::embedded`], and nobody else reads or writes the entry for `'a`.
    pub(super) unsafe fn embedded_mut<'a>(self) -> &'a mut [u8] {
        let start = self.flags().key_at() + self.key_len();
        // SAFETY: as in `embedded`, and the caller vouches for being alone.
        unsafe { slice::from_raw_parts_mut(self.at(start).as_ptr(), usize::from(self.header().val_len)) }
    }

    /// Sets the embedded string's length.
    ///
    /// # Safety
    /// The caller may write to the entry, whose size stays the same, and writes the bytes too.
    #[inline]
    unsafe fn set_val_len(self, len: usize) {
        debug_assert!(Shape { val_len: len, ..self.shape() }.size() == self.shape().size());
        // SAFETY: the caller's promise. The length fits: it is that of an embedded string.
        unsafe { (*self.0.as_ptr()).val_len = len as u16 };
    }
}
