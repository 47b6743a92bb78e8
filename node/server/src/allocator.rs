//! The global allocator: mimalloc, and a count of the bytes each thread holds.
//!
//! `used_memory`, and `maxmemory` with it, must be true at every moment: a sum over clients, tables and values that
//! is made once a second and forgets some is neither. So every allocation is counted where it is made, by what the
//! allocator really sets aside for it. A core is a thread, so a count per thread is one per core, and needs no
//! atomics. The slab for small entries (`store::slab`) takes its pages from the kernel and counts for itself.
//!
//! What needs no more alignment than every block has goes to mimalloc's plain functions. Asked with an alignment, as
//! its own crate always asks, it sets aside the next size up and cuts that: 10 KiB for a list's node of 8.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

use libmimalloc_sys::{mi_malloc, mi_realloc, mi_usable_size, mi_zalloc};
use mimalloc::MiMalloc;

/// Every block of mimalloc's is aligned to a word.
const ALWAYS_ALIGNED: usize = size_of::<usize>();

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

/// mimalloc, counted.
pub struct Allocator;

/// Bytes that this thread has allocated less those it has freed. Negative on a thread that frees what others have
/// allocated: only the sum over all threads is what is in use.
pub fn held_bytes() -> isize {
    HELD.get() + store::slab::allocated_bytes()
}

/// What this thread holds is another's from now on: its bytes, for [`adopt`] there.
pub fn disown() -> isize {
    let bytes = held_bytes();
    HELD.set(HELD.get() - bytes);
    bytes
}

/// Counts as this thread's what another has disowned.
pub fn adopt(bytes: isize) {
    HELD.set(HELD.get() + bytes);
}

/// Takes note of a block: `sign` 1 when it comes, -1 when it goes.
///
/// # Safety
/// `pointer` is null or a live block of mimalloc's.
#[inline]
unsafe fn count(pointer: *mut u8, sign: isize) {
    // SAFETY: the caller's promise; the function takes null too.
    let bytes = unsafe { mi_usable_size(pointer.cast()) };
    HELD.set(HELD.get() + sign * bytes as isize);
}

// SAFETY: every call goes to mimalloc with the caller's own arguments; counting allocates nothing, and a constant
// thread-local without a destructor can be used at any time of a thread's life.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise; the block is new or null.
        unsafe {
            let pointer = match layout.align() {
                ..=ALWAYS_ALIGNED => mi_malloc(layout.size()).cast(),
                _ => MiMalloc.alloc(layout),
            };
            count(pointer, 1);
            pointer
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise; the block is new or null.
        unsafe {
            let pointer = match layout.align() {
                ..=ALWAYS_ALIGNED => mi_zalloc(layout.size()).cast(),
                _ => MiMalloc.alloc_zeroed(layout),
            };
            count(pointer, 1);
            pointer
        }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise; the block is live until the second call.
        unsafe {
            count(pointer, -1);
            MiMalloc.dealloc(pointer, layout);
        }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise. Where there is no memory for the new block, the old one stays.
        unsafe {
            let before = mi_usable_size(pointer.cast()) as isize;
            let new: *mut u8 = match layout.align() {
                ..=ALWAYS_ALIGNED => mi_realloc(pointer.cast(), new_size).cast(),
                _ => MiMalloc.realloc(pointer, layout, new_size),
            };
            if !new.is_null() {
                HELD.set(HELD.get() - before);
                count(new, 1);
            }
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_and_goes_is_counted() {
        let before = HELD.get();
        let layout = Layout::from_size_align(5000, 8).unwrap();
        // SAFETY: the block is used as GlobalAlloc asks: made, made longer, given back with its layout.
        unsafe {
            let pointer = Allocator.alloc(layout);
            assert!(HELD.get() - before >= 5000);
            let pointer = Allocator.realloc(pointer, layout, 50_000);
            assert!(HELD.get() - before >= 50_000);
            Allocator.dealloc(pointer, Layout::from_size_align(50_000, 8).unwrap());
        }
        assert_eq!(HELD.get(), before);
    }
}
