//! A run of bytes of fixed length behind one thin pointer: what a table's members and fields are made of.
//!
//! A table of a million members keeps a million of these. `Box<[u8]>` is two words in its owner and tells
//! the allocator its length; here the length is in front of the bytes, in one byte when it can be:
//!
//! ```text
//! [length: u8][bytes ...]                   up to 254 bytes
//! [FF][length: u32][bytes ...]              more; little-endian
//! ```

use std::ptr::NonNull;

use crate::slab;
use crate::table::{Item, Ref};

/// First byte of a blob whose length stands in the next four.
const LONG: u8 = 0xFF;
/// Most bytes of the length in front.
const PREFIX_MAX: usize = 5;

/// An owned run of bytes. As a table's item it is its own key.
pub struct Blob(NonNull<u8>);

// SAFETY: the allocation is owned by this value alone and holds plain bytes.
unsafe impl Send for Blob {}
// SAFETY: through a shared reference the bytes can only be read.
unsafe impl Sync for Blob {}

/// Where the bytes of a blob begin when there are `length` of them.
fn prefix_len(length: usize) -> usize {
    if length < usize::from(LONG) { 1 } else { PREFIX_MAX }
}

impl Blob {
    /// The bytes of all `parts`, in order.
    pub(crate) fn concat(parts: &[&[u8]]) -> Blob {
        let length = parts.iter().map(|part| part.len()).sum();
        let start = slab::alloc(prefix_len(length) + length);
        let blob = Blob(start);
        let write = |at: usize, bytes: &[u8]| {
            // SAFETY: the offsets below add up to the size allocated, and the memory is new, so it cannot
            // overlap with `bytes`.
            unsafe { start.add(at).copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) }
        };
        match u8::try_from(length) {
            Ok(short) if short != LONG => write(0, &[short]),
            _ => {
                let long = u32::try_from(length).expect("an element is at most 512 MB");
                write(0, &[LONG]);
                write(1, &long.to_le_bytes());
            }
        }
        let mut at = prefix_len(length);
        for part in parts {
            write(at, part);
            at += part.len();
        }
        blob
    }

    /// Number of bytes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // SAFETY: the first byte is always allocated and written, and when it says so the next four too.
        unsafe {
            match self.0.read() {
                LONG => u32::from_le_bytes(self.0.add(1).cast().read()) as usize,
                short => usize::from(short),
            }
        }
    }

    /// The bytes.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        let length = self.len();
        // SAFETY: `length` bytes behind the prefix are allocated and written, and borrowed with `self`.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(prefix_len(length)), length) }
    }

    /// The bytes, to change in place.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let length = self.len();
        // SAFETY: as in `bytes`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_ptr().add(prefix_len(length)), length) }
    }

    /// Bytes taken from the allocator.
    pub(crate) fn allocated(&self) -> usize {
        (prefix_len(self.len()) + self.len()).next_multiple_of(8)
    }

    /// The address of the allocation: the blob's identity as long as it lives.
    pub(crate) fn address(&self) -> NonNull<u8> {
        self.0
    }

    /// The bytes, for as long as someone else keeps the blob.
    ///
    /// # Safety
    /// The blob is neither dropped nor changed during `'a`; that `self` may end earlier is the point.
    #[inline]
    pub(crate) unsafe fn bytes_during<'a>(&self) -> &'a [u8] {
        // SAFETY: the caller's promise; the bytes do not lie in `self` but in its allocation.
        unsafe { &*std::ptr::from_ref(self.bytes()) }
    }
}

// SAFETY: the allocation keeps its address until the blob made of it again drops. Its bytes change only
// through `bytes_mut`, which needs the owner.
unsafe impl Item for Blob {
    #[inline]
    fn key(&self) -> &[u8] {
        self.bytes()
    }

    fn into_raw(self) -> NonNull<u8> {
        std::mem::ManuallyDrop::new(self).0
    }

    #[inline]
    unsafe fn from_raw(pointer: NonNull<u8>) -> Blob {
        Blob(pointer)
    }
}

/// The bytes of a table's blob, for as long as the table is borrowed.
#[inline]
pub(crate) fn bytes_of<'a>(blob: &Ref<'a, Blob>) -> &'a [u8] {
    // SAFETY: a `Ref<'a>` keeps the table borrowed during `'a`, and so the blob neither freed nor changed.
    unsafe { blob.bytes_during() }
}

impl Drop for Blob {
    fn drop(&mut self) {
        let size = prefix_len(self.len()) + self.len();
        // SAFETY: allocated with this very size, and not used again.
        unsafe { slab::free(self.0, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_its_bytes() {
        for length in [0, 1, 7, 253, 254, 255, 256, 70_000] {
            let bytes: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let (left, right) = bytes.split_at(length / 3);
            let mut blob = Blob::concat(&[left, &[], right]);
            assert_eq!(blob.bytes(), bytes);
            blob.bytes_mut().reverse();
            // SAFETY: given away one line before.
            let blob = unsafe { <Blob as Item>::from_raw(blob.into_raw()) };
            assert!(blob.bytes().iter().eq(bytes.iter().rev()));
            assert!(blob.allocated() > length && blob.allocated() <= length + 13);
        }
    }
}
