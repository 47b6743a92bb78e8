//! A growable run of bytes behind one thin pointer.
//!
//! `Vec<u8>` is 24 bytes in its owner, `Box<[u8]>` 16. Millions of small values cannot afford that, so here
//! the length stands at the start of the allocation, and the capacity is not kept at all: it is the length
//! rounded up to the size classes that allocators use anyway.
//!
//! ```text
//! [length: u32, little-endian, counts itself][bytes ...][unused, up to capacity(length)]
//! ```
//!
//! The first four bytes belong to this module, and only it writes them: they decide what is freed.

use std::ptr::NonNull;

use crate::slab;

/// Bytes of the length at the start.
pub(crate) const PREFIX: usize = size_of::<u32>();

/// An owned run of at least [`PREFIX`] bytes that starts with its own length.
#[repr(transparent)]
pub(crate) struct ThinBytes(NonNull<u8>);

// SAFETY: the allocation is owned by this value alone and holds plain bytes.
unsafe impl Send for ThinBytes {}
// SAFETY: through a shared reference the bytes can only be read.
unsafe impl Sync for ThinBytes {}

/// Up to this length a run's capacity is as near to it as the slab can give.
const EXACT_MAX: usize = 512;

/// The allocated size of a run of `length` bytes: multiples of 8, then eight sizes a doubling, so that a
/// growing run is not copied for every byte.
pub(crate) fn capacity(length: usize) -> usize {
    if length <= EXACT_MAX {
        return length.max(1).next_multiple_of(8);
    }
    length.next_multiple_of(1 << ((length - 1).ilog2() - 3))
}

/// The length as the prefix keeps it. Callers bound sizes long before; past 4 GiB is a bug of ours.
fn prefix(length: usize) -> [u8; PREFIX] {
    u32::try_from(length).expect("a packed value stays below 4 GiB").to_le_bytes()
}

impl ThinBytes {
    /// A run of `length` bytes: the prefix, then zeroes.
    pub(crate) fn new(length: usize) -> ThinBytes {
        assert!(length >= PREFIX);
        let bytes = prefix(length);
        let start = slab::alloc(capacity(length));
        // SAFETY: the allocation is new and has at least `length` bytes, which is at least PREFIX.
        unsafe {
            start.copy_from_nonoverlapping(NonNull::from(&bytes).cast(), PREFIX);
            start.add(PREFIX).write_bytes(0, length - PREFIX);
        }
        ThinBytes(start)
    }

    /// A run with `body` behind its prefix.
    pub(crate) fn from_body(body: &[u8]) -> ThinBytes {
        let mut run = ThinBytes::new(PREFIX + body.len());
        run.body_mut().copy_from_slice(body);
        run
    }

    /// Length in bytes, prefix included.
    pub(crate) fn len(&self) -> usize {
        // SAFETY: the first PREFIX bytes are always allocated and written.
        let bytes: [u8; PREFIX] = unsafe { self.0.cast().read() };
        u32::from_le_bytes(bytes) as usize
    }

    /// All bytes, prefix included.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `len` bytes are allocated and written, and borrowed as long as `self`.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr(), self.len()) }
    }

    /// The bytes behind the prefix.
    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes()[PREFIX..]
    }

    /// The bytes behind the prefix, to write.
    pub(crate) fn body_mut(&mut self) -> &mut [u8] {
        let length = self.len() - PREFIX;
        // SAFETY: `len` bytes are allocated and written, and borrowed as long as `self`, mutably.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_ptr().add(PREFIX), length) }
    }

    /// Makes the run `length` bytes long; new bytes at its end are zero.
    pub(crate) fn resize(&mut self, length: usize) {
        assert!(length >= PREFIX);
        let old = self.len();
        let bytes = prefix(length);
        if capacity(length) != capacity(old) {
            let start = slab::alloc(capacity(length));
            // SAFETY: both allocations have at least as many bytes as are copied, and one is new. The old
            // one has the capacity of the old length and is not used again.
            unsafe {
                start.copy_from_nonoverlapping(self.0, old.min(length));
                slab::free(self.0, capacity(old));
            }
            self.0 = start;
        }
        // SAFETY: the allocation now has at least `length` bytes.
        unsafe {
            self.0.copy_from_nonoverlapping(NonNull::from(&bytes).cast(), PREFIX);
            self.0.add(old.min(length)).write_bytes(0, length.saturating_sub(old));
        }
    }

    /// Replaces the `removed` bytes at offset `at` of [`Self::bytes`] by `added` bytes, whose content is up
    /// to the caller to write.
    pub(crate) fn splice(&mut self, at: usize, removed: usize, added: usize) -> &mut [u8] {
        let old = self.len();
        let new = old - removed + added;
        assert!(at >= PREFIX && at + removed <= old);
        if new > old {
            self.resize(new);
        }
        if added != removed {
            self.body_mut().copy_within(at + removed - PREFIX..old - PREFIX, at + added - PREFIX);
        }
        if new < old {
            self.resize(new);
        }
        &mut self.body_mut()[at - PREFIX..at - PREFIX + added]
    }

    /// Bytes taken from the allocator.
    pub(crate) fn allocated(&self) -> usize {
        capacity(self.len())
    }
}

impl Clone for ThinBytes {
    fn clone(&self) -> ThinBytes {
        ThinBytes::from_body(self.body())
    }
}

impl Drop for ThinBytes {
    fn drop(&mut self) {
        // SAFETY: the allocation has the capacity of its current length and is not used again.
        unsafe { slab::free(self.0, self.allocated()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacities() {
        for (length, want) in [(1, 8), (16, 16), (17, 24), (129, 136), (512, 512), (513, 576), (1024, 1024)] {
            assert_eq!(capacity(length), want, "{length}");
        }
        assert_eq!((capacity(1025), capacity(8193)), (1152, 9216));
        assert!((1..100_000).all(|n| capacity(n) >= n && capacity(capacity(n)) == capacity(n)));
    }

    #[test]
    fn splices_like_a_vec() {
        let mut run = ThinBytes::from_body(b"hello world");
        let mut model = b"hello world".to_vec();
        for (step, (at, removed, added)) in
            [(0, 0, 3), (5, 2, 2), (4, 6, 0), (8, 0, 500), (20, 480, 1), (0, 9, 0)].into_iter().enumerate()
        {
            let fill = vec![step as u8; added];
            run.splice(PREFIX + at, removed, added).copy_from_slice(&fill);
            model.splice(at..at + removed, fill);
            assert_eq!(run.body(), model);
            assert_eq!(run.len(), PREFIX + model.len());
        }
        assert_eq!(run.clone().bytes(), run.bytes());
    }
}
