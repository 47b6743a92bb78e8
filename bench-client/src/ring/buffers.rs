//! The receive buffers that a thread lends to the kernel: a provided buffer ring.
//!
//! A buffer for each connection would be memory that mostly waits. Here the kernel picks one of a common
//! stock when bytes are there (`io_uring_register_buf_ring(3)`), and gets it back right after they were read.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::IoUring;
use io_uring::types::BufRingEntry;

/// Number of buffers, a power of two as the kernel wants it.
const COUNT: u16 = 256;
/// Bytes of one buffer.
const SIZE: usize = 16 * 1024;
/// Alignment that the kernel wants of the ring's memory.
const PAGE: usize = 4096;
/// The one buffer group of a ring.
pub const GROUP: u16 = 0;

/// The stock and the ring through which the kernel sees it. Must be dropped after the io_uring it is
/// registered with.
#[derive(Debug)]
pub struct Buffers {
    entries: NonNull<BufRingEntry>,
    stock: NonNull<u8>,
    tail: u16,
    abandoned: bool,
}

/// A buffer with received bytes. It is not `Clone`: whoever holds it is the one that gives it back.
#[derive(Debug)]
pub struct Filled {
    id: u16,
    len: u32,
}

impl Buffers {
    /// Allocates the stock and registers all of it with `ring`.
    pub fn register(ring: &IoUring) -> io::Result<Buffers> {
        let mut buffers = Buffers {
            entries: allocate(entries_layout()),
            stock: allocate(stock_layout()),
            tail: 0,
            abandoned: false,
        };
        let address = buffers.entries.as_ptr() as u64;
        // SAFETY: `entries` is page-aligned, has room for COUNT entries, and `Ring` drops the io_uring first.
        unsafe { ring.submitter().register_buf_ring_with_flags(address, COUNT, GROUP, 0)? };
        for id in 0..COUNT {
            buffers.give(id);
        }
        Ok(buffers)
    }

    /// The buffer that a completion names, with its first `len` bytes received.
    pub fn filled(&self, id: u16, len: u32) -> Filled {
        assert!(id < COUNT && len as usize <= SIZE, "the kernel names a buffer that it was not given");
        Filled { id, len }
    }

    /// The received bytes.
    pub fn bytes(&self, filled: &Filled) -> &[u8] {
        // SAFETY: `filled` was checked to lie in the stock, and until it is given back the kernel does not
        // write to it (io_uring_register_buf_ring(3)).
        unsafe {
            std::slice::from_raw_parts(
                self.stock.as_ptr().add(usize::from(filled.id) * SIZE),
                filled.len as usize,
            )
        }
    }

    /// Returns a buffer to the kernel.
    pub fn recycle(&mut self, filled: Filled) {
        self.give(filled.id);
    }

    /// Never frees the memory: the kernel may still write to it.
    pub fn abandon(&mut self) {
        self.abandoned = true;
    }

    fn give(&mut self, id: u16) {
        let index = usize::from(self.tail & (COUNT - 1));
        // SAFETY: `index` is below COUNT; the kernel reads the entry only once the tail below has passed it.
        unsafe {
            let entry = &mut *self.entries.as_ptr().add(index);
            entry.set_addr(self.stock.as_ptr().add(usize::from(id) * SIZE) as u64);
            entry.set_len(SIZE as u32);
            entry.set_bid(id);
        }
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: `entries` is the start of the ring, where `tail` finds the field; the kernel only reads it.
        unsafe {
            let tail = BufRingEntry::tail(self.entries.as_ptr()).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        if self.abandoned {
            return;
        }
        // SAFETY: both were allocated with these layouts, and the ring that used them is gone.
        unsafe {
            dealloc(self.entries.as_ptr().cast(), entries_layout());
            dealloc(self.stock.as_ptr(), stock_layout());
        }
    }
}

fn entries_layout() -> Layout {
    let size = usize::from(COUNT) * size_of::<BufRingEntry>();
    Layout::from_size_align(size, PAGE).expect("a small constant layout")
}

fn stock_layout() -> Layout {
    Layout::from_size_align(usize::from(COUNT) * SIZE, PAGE).expect("a small constant layout")
}

fn allocate<T>(layout: Layout) -> NonNull<T> {
    // SAFETY: both layouts have a size above zero.
    let memory = unsafe { alloc_zeroed(layout) };
    NonNull::new(memory.cast()).unwrap_or_else(|| handle_alloc_error(layout))
}
