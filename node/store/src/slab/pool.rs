//! The process's empty pages.
//!
//! Pages come from the kernel in chunks and are never unmapped, but the memory of a page that comes back is:
//! only its addresses are kept, for the next heap that needs a page.

use std::alloc::{Layout, handle_alloc_error};
use std::ptr::{self, NonNull};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::page::PAGE_BYTES;

/// Bytes asked of the kernel at a time: a multiple of its large pages.
const CHUNK_BYTES: usize = 4 << 20;
const CHUNK_ALIGN: usize = 2 << 20;

static POOL: Mutex<Pool> = Mutex::new(Pool { free: Vec::new(), fresh: ptr::null_mut(), fresh_pages: 0 });

struct Pool {
    /// Pages given back.
    free: Vec<NonNull<u8>>,
    /// The rest of the last chunk.
    fresh: *mut u8,
    fresh_pages: usize,
}

// SAFETY: the pool owns the memory that it points at.
unsafe impl Send for Pool {}

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An unused page: [`PAGE_BYTES`] of zeros, aligned to that.
pub(super) fn take() -> NonNull<u8> {
    let mut pool = pool();
    if let Some(page) = pool.free.pop() {
        return page;
    }
    if pool.fresh_pages == 0 {
        pool.fresh = map_chunk().as_ptr();
        pool.fresh_pages = CHUNK_BYTES / PAGE_BYTES;
    }
    let page = pool.fresh;
    pool.fresh_pages -= 1;
    pool.fresh = page.wrapping_add(PAGE_BYTES);
    NonNull::new(page).expect("a chunk is not at address 0")
}

/// Takes a page back, whose memory goes back to the kernel.
///
/// # Safety
/// The page came from [`take`] and nobody uses it any more.
pub(super) unsafe fn give_back(page: NonNull<u8>) {
    // SAFETY: whole private anonymous pages, which are nobody's; they read as zeros afterwards.
    let result = unsafe { libc::madvise(page.as_ptr().cast(), PAGE_BYTES, libc::MADV_DONTNEED) };
    assert!(result == 0, "the kernel refuses to take memory back: {}", std::io::Error::last_os_error());
    pool().free.push(page);
}

/// [`CHUNK_BYTES`] of zeros, aligned to [`CHUNK_ALIGN`].
fn map_chunk() -> NonNull<u8> {
    let mapped_len = CHUNK_BYTES + CHUNK_ALIGN;
    // SAFETY: a new private anonymous mapping, wherever the kernel likes.
    let start = unsafe {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        libc::mmap(ptr::null_mut(), mapped_len, protection, flags, -1, 0)
    };
    if start == libc::MAP_FAILED {
        handle_alloc_error(Layout::new::<[u8; CHUNK_BYTES]>());
    }
    let start = start.cast::<u8>();
    let before = start.addr().next_multiple_of(CHUNK_ALIGN) - start.addr();
    let chunk = start.wrapping_add(before);
    for (at, len) in [(start, before), (chunk.wrapping_add(CHUNK_BYTES), CHUNK_ALIGN - before)] {
        if len > 0 {
            // SAFETY: part of the mapping just made, on page boundaries, and outside the chunk. A failure
            // leaves some addresses in use, no more.
            unsafe { libc::munmap(at.cast(), len) };
        }
    }
    NonNull::new(chunk).expect("a mapping is not at address 0")
}
