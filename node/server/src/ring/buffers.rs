//! Receive buffers that the kernel picks from: a provided buffer ring.
//!
//! A buffer per connection would cost memory for every idle one. Instead all connections of a core share
//! one ring of buffers; the kernel takes one when bytes arrive, and it is given back as soon as they were
//! parsed. Where the kernel can (6.12), it fills one big buffer with many receives in turn
//! (`IOU_PBUF_RING_INC`), so that a thousand small requests touch a few pages; else each receive takes a
//! buffer of its own.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::{IoUring, types::BufRingEntry};

/// The one buffer group of a client ring.
pub const GROUP: u16 = 0;
/// `IOU_PBUF_RING_INC` of the kernel's `io_uring.h`.
const INCREMENTAL: u16 = 2;
const PAGE: usize = 4096;

/// Number and size of buffers: few big ones filled in turn, or many small ones filled once.
const SHARED: (u16, usize) = (4, 128 * 1024);
const SINGLE: (u16, usize) = (256, 8 * 1024);

/// The buffers, and the ring that hands them to the kernel. Lives as long as the client ring.
pub struct Buffers {
    entries: NonNull<BufRingEntry>,
    memory: NonNull<u8>,
    count: u16,
    size: usize,
    tail: u16,
    /// Whether receives share a buffer; then `offsets` says how much of each is used.
    incremental: bool,
    offsets: Vec<usize>,
}

fn layouts(count: u16, size: usize) -> (Layout, Layout) {
    let ring = Layout::array::<BufRingEntry>(usize::from(count)).and_then(|l| l.align_to(PAGE));
    let memory = Layout::from_size_align(usize::from(count) * size, PAGE);
    (ring.expect("a small constant"), memory.expect("a small constant"))
}

fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: both layouts have a size above zero.
    let memory = unsafe { alloc_zeroed(layout) };
    NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
}

impl Buffers {
    /// Registers buffers with `ring`, incremental ones where the kernel has them.
    pub fn register(ring: &IoUring) -> io::Result<Buffers> {
        Buffers::register_as(ring, SHARED, INCREMENTAL).or_else(|_| Buffers::register_as(ring, SINGLE, 0))
    }

    fn register_as(ring: &IoUring, (count, size): (u16, usize), flags: u16) -> io::Result<Buffers> {
        let (ring_layout, memory_layout) = layouts(count, size);
        let mut buffers = Buffers {
            entries: allocate(ring_layout).cast(),
            memory: allocate(memory_layout),
            count,
            size,
            tail: 0,
            incremental: flags == INCREMENTAL,
            offsets: vec![0; usize::from(count)],
        };
        let address = buffers.entries.as_ptr() as u64;
        // SAFETY: the entries are `count` zeroed, page-aligned entries that live as long as `Buffers`, which
        // the owner keeps until after the ring is gone.
        unsafe { ring.submitter().register_buf_ring_with_flags(address, count, GROUP, flags)? };
        (0..count).for_each(|id| buffers.provide(id));
        Ok(buffers)
    }

    fn base(&self, id: u16) -> *mut u8 {
        assert!(id < self.count, "the kernel names only buffers it was given");
        self.memory.as_ptr().wrapping_add(usize::from(id) * self.size)
    }

    /// The bytes of one receive.
    pub fn bytes(&self, id: u16, len: usize) -> &[u8] {
        let start = self.offsets[usize::from(id)];
        assert!(start + len <= self.size, "the kernel stays inside the buffer");
        // SAFETY: in bounds by the assert; zeroed at first, so initialised; the kernel wrote these bytes before
        // the completion and writes them again only after `release`, which takes `&mut self`.
        unsafe { std::slice::from_raw_parts(self.base(id).wrapping_add(start), len) }
    }

    /// Gives back what one receive took. `more`: the kernel goes on filling the same buffer.
    pub fn release(&mut self, id: u16, len: usize, more: bool) {
        if self.incremental && more {
            self.offsets[usize::from(id)] += len;
        } else {
            self.offsets[usize::from(id)] = 0;
            self.provide(id);
        }
    }

    fn provide(&mut self, id: u16) {
        let base = self.base(id);
        let index = usize::from(self.tail & (self.count - 1));
        // SAFETY: `index` is below `count`, the number of entries allocated; this entry is behind the tail, so
        // the kernel does not read it now.
        let entry = unsafe { &mut *self.entries.as_ptr().add(index) };
        entry.set_addr(base as u64);
        entry.set_len(self.size as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the ring's tail lies in the first entry, as `BufRingEntry::tail` says; the kernel reads it
        // atomically, and Release orders the entry's fields before it.
        unsafe {
            (*BufRingEntry::tail(self.entries.as_ptr()).cast::<AtomicU16>())
                .store(self.tail, Ordering::Release)
        }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        let (ring_layout, memory_layout) = layouts(self.count, self.size);
        // SAFETY: allocated with these layouts in `register_as`; the owner drops the ring, the only other user,
        // first.
        unsafe {
            dealloc(self.entries.as_ptr().cast(), ring_layout);
            dealloc(self.memory.as_ptr(), memory_layout);
        }
    }
}
