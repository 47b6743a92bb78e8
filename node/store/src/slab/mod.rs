//! Memory for small objects: entries, members, fields, the lines of tables.
//!
//! General allocators round sizes up to a few classes a doubling: an entry of 88 bytes takes 96 or 112, a tenth
//! of all memory for nothing. Here the classes are 8 bytes apart (`class`). What goes beyond that table goes
//! to the global allocator, where rounding no longer matters.
//!
//! Each thread has a `heap` of its own, made of pages (`page`) of 64 KiB that hold blocks of one class, so
//! that allocating and freeing are a few instructions without atomics. A slot's table may move to another
//! core and be freed there: a thread that is not a page's owner puts the block on the page's remote list, and
//! the owner takes those back when it next runs out. Empty pages go back to the process's `pool`, which
//! gives their memory back to the kernel. A heap outlives its thread: the next new thread takes it over.
//!
//! ```text
//! thread: heap -- class 0: page, page       pool: empty pages <- chunks of 4 MiB from the kernel
//!              |- class 1: page
//!              `- pending: pages of ours that others have freed into
//! ```

mod class;
mod heap;
mod page;
mod pool;
#[cfg(test)]
mod tests;

use std::alloc::{Layout, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;

use class::Class;

/// Bytes of a cache line, and its alignment.
const LINE: usize = class::MAX_ALIGN;
/// Alignment of every allocation.
const ALIGN: usize = 8;

thread_local! {
    /// Bytes of blocks this thread has allocated less those it has freed.
    static ALLOCATED: Cell<isize> = const { Cell::new(0) };
}

/// `size` bytes, which is not 0. The address is a multiple of 8.
#[inline]
pub fn alloc(size: usize) -> NonNull<u8> {
    alloc_aligned(size, ALIGN)
}

/// `count` cache lines, at least one, aligned as such.
#[inline]
pub fn alloc_lines(count: usize) -> NonNull<u8> {
    alloc_aligned(count * LINE, LINE)
}

/// `align` is [`ALIGN`], or [`LINE`] for a multiple of it: blocks of a class are aligned to what divides their size.
#[inline]
fn alloc_aligned(size: usize, align: usize) -> NonNull<u8> {
    debug_assert!(size > 0);
    match Class::of(size) {
        Some(class) => {
            ALLOCATED.set(ALLOCATED.get() + class.size() as isize);
            heap::alloc(class)
        }
        None => alloc_large(size, align),
    }
}

/// Gives back, from any thread, what [`alloc`] returned for a size that rounds up to the same multiple of 8.
///
/// # Safety
/// `pointer` came from `alloc` with such a size, and is not used afterwards.
#[inline]
pub unsafe fn free(pointer: NonNull<u8>, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { free_aligned(pointer, size, ALIGN) }
}

/// Gives back, from any thread, what [`alloc_lines`] returned for the same count.
///
/// # Safety
/// `pointer` came from `alloc_lines` with this count, and is not used afterwards.
#[inline]
pub unsafe fn free_lines(pointer: NonNull<u8>, count: usize) {
    // SAFETY: the caller's promise.
    unsafe { free_aligned(pointer, count * LINE, LINE) }
}

/// # Safety
/// `pointer` came from `alloc_aligned` with a size of the same class, or else this very size and alignment, and is
/// not used afterwards.
#[inline]
unsafe fn free_aligned(pointer: NonNull<u8>, size: usize, align: usize) {
    match Class::of(size) {
        Some(class) => {
            ALLOCATED.set(ALLOCATED.get() - class.size() as isize);
            // SAFETY: the caller's promise: a block of this class, which came from some thread's heap.
            unsafe { heap::free(pointer) }
        }
        // SAFETY: the caller's promise: `alloc_large` returned it for the same layout.
        None => unsafe { std::alloc::dealloc(pointer.as_ptr(), large_layout(size, align)) },
    }
}

/// Bytes of blocks that this thread has allocated here less those it has freed, as rounded up. What goes on to the
/// global allocator is that one's to count. Negative on a thread that frees what others have allocated: only the
/// sum over all threads is what is in use.
pub fn allocated_bytes() -> isize {
    ALLOCATED.get()
}

/// Bytes of the pages that this thread's heap holds, used or not.
pub fn page_bytes() -> usize {
    heap::page_count() * page::PAGE_BYTES
}

/// Takes back what other threads have freed of this thread's. An allocation does so when it must; a thread
/// that allocates nothing for long should call this now and then, to give empty pages back.
pub fn collect() {
    heap::collect();
}

fn large_layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(class::rounded(size), align).expect("sizes are far below isize::MAX")
}

#[cold]
fn alloc_large(size: usize, align: usize) -> NonNull<u8> {
    let layout = large_layout(size, align);
    // SAFETY: the size is not 0.
    NonNull::new(unsafe { std::alloc::alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}
