//! A page: 64 KiB of blocks of one class, with a header that the address of any block leads to.
//!
//! ```text
//! 64 KiB boundary
//! +--------+-------+-------+-------+-----
//! | header | block | block | block | ...      blocks from `bump` on were never used
//! +--------+-------+-------+-------+-----
//! ```
//! The owner's fields are `Cell`s: only the thread that owns the heap touches them. Other threads touch the two
//! atomics, the owner (which never changes), and a block of theirs.

use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::class::Class;
use super::heap::Heap;
use super::pool;

/// Size and alignment of a page.
pub(super) const PAGE_BYTES: usize = 64 << 10;
const HEADER: usize = size_of::<Page>();

/// A free block: the link to the next one.
pub(super) struct Block {
    next: *mut Block,
}

/// The header of a page. Always behind a reference into the page itself.
#[repr(C, align(64))]
pub(super) struct Page {
    owner: &'static Heap,
    class: Class,
    /// Whether the page is in its heap's list: a page known to be full is not.
    pub(super) listed: Cell<bool>,
    /// Blocks not free: those in use, and those on the remote list.
    used: Cell<u32>,
    /// Offset of the first block that was never used.
    bump: Cell<u32>,
    size: u32,
    free: Cell<*mut Block>,
    /// Neighbours in the heap's list.
    pub(super) next: Cell<Option<PageRef>>,
    pub(super) previous: Cell<Option<PageRef>>,
    /// Blocks freed by other threads.
    remote: AtomicPtr<Block>,
    /// The next page in the heap's pending list.
    next_pending: AtomicPtr<Page>,
}

// The header fits a line, so blocks are aligned to what divides their size, up to 64.
const _: () = assert!(HEADER == super::class::MAX_ALIGN);

/// A page that lives: it is in the hands of its owner, or a block of it is in the hands of the caller.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct PageRef(NonNull<Page>);

impl std::ops::Deref for PageRef {
    type Target = Page;

    #[inline]
    fn deref(&self) -> &Page {
        // SAFETY: the type's invariant: the page lives, and its header is only ever used as shared.
        unsafe { self.0.as_ref() }
    }
}

impl PageRef {
    /// A new page of empty blocks.
    pub(super) fn new(owner: &'static Heap, class: Class) -> PageRef {
        let page: NonNull<Page> = pool::take().cast();
        let header = Page {
            owner,
            class,
            listed: Cell::new(false),
            used: Cell::new(0),
            bump: Cell::new(HEADER as u32),
            size: class.size() as u32,
            free: Cell::new(ptr::null_mut()),
            next: Cell::new(None),
            previous: Cell::new(None),
            remote: AtomicPtr::new(ptr::null_mut()),
            next_pending: AtomicPtr::new(ptr::null_mut()),
        };
        // SAFETY: the page is new, large enough and aligned.
        unsafe { page.write(header) };
        PageRef(page)
    }

    /// The page of a block.
    ///
    /// # Safety
    /// The block came from [`PageRef::pop`] and has not been freed.
    #[inline]
    pub(super) unsafe fn of_block(block: NonNull<u8>) -> PageRef {
        let start = block.as_ptr().map_addr(|address| address & !(PAGE_BYTES - 1));
        // SAFETY: the start of the page of a block, which is not address 0.
        PageRef(unsafe { NonNull::new_unchecked(start.cast()) })
    }

    /// Gives the page, of which no block is used, back to the pool.
    ///
    /// # Safety
    /// The owner calls it, and nobody uses the page afterwards.
    pub(super) unsafe fn retire(self) {
        debug_assert!(self.is_unused() && !self.listed.get());
        // SAFETY: no block is in use or on the remote list, so no other thread has a way to the page.
        unsafe { pool::give_back(self.0.cast()) };
    }

    /// Takes a free block. Only for the owner.
    #[inline]
    pub(super) fn pop(self) -> Option<NonNull<u8>> {
        let block = match NonNull::new(self.free.get()) {
            Some(block) => {
                // SAFETY: a block on the free list holds a link, and is nobody else's.
                self.free.set(unsafe { block.as_ref() }.next);
                block.cast()
            }
            None => {
                let (bump, end) = (self.bump.get(), self.bump.get() + self.size);
                if end as usize > PAGE_BYTES {
                    return None;
                }
                self.bump.set(end);
                // SAFETY: the offset is within the page.
                unsafe { self.0.cast::<u8>().add(bump as usize) }
            }
        };
        self.used.set(self.used.get() + 1);
        Some(block)
    }

    /// Puts a block back. Only for the owner.
    ///
    /// # Safety
    /// The block is of this page and not used any more.
    #[inline]
    pub(super) unsafe fn push(self, block: NonNull<u8>) {
        let block: NonNull<Block> = block.cast();
        // SAFETY: the block is free, so at least 8 bytes, aligned to 8, are there for the link.
        unsafe { block.write(Block { next: self.free.get() }) };
        self.free.set(block.as_ptr());
        self.used.set(self.used.get() - 1);
    }

    /// Puts a block back, from a thread that is not the owner.
    ///
    /// # Safety
    /// The block is of this page and not used any more.
    pub(super) unsafe fn push_remote(self, block: NonNull<u8>) {
        let (owner, block) = (self.owner, block.cast::<Block>().as_ptr());
        let mut head = self.remote.load(Ordering::Relaxed);
        loop {
            // SAFETY: the block is this thread's until the exchange below succeeds.
            unsafe { block.write(Block { next: head }) };
            // Once this succeeds the block no longer keeps the page alive. Only the thread that put the first
            // block there may go on to touch the page: the owner reads the list only of pages that are
            // pending, and it is this thread that makes it so.
            match self.remote.compare_exchange_weak(head, block, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        if head.is_null() {
            owner.push_pending(self);
        }
    }

    /// Puts back what other threads have freed, and returns the next pending page. Only for the owner, with a
    /// page that was pending.
    pub(super) fn collect(self) -> Option<PageRef> {
        // Before the exchange: after it, the page may become pending again. That order is why both the
        // exchange here and the one in `push_remote` release as well as acquire.
        let next = NonNull::new(self.next_pending.load(Ordering::Relaxed)).map(PageRef);
        let mut block = NonNull::new(self.remote.swap(ptr::null_mut(), Ordering::AcqRel));
        while let Some(free) = block {
            // SAFETY: a block on the list holds a link, and is of this page and free.
            unsafe {
                block = NonNull::new(free.as_ref().next);
                self.push(free.cast());
            }
        }
        next
    }

    /// Makes `next` follow this page in the list of pending ones.
    pub(super) fn set_next_pending(self, next: *mut Page) {
        self.next_pending.store(next, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn as_ptr(self) -> *mut Page {
        self.0.as_ptr()
    }

    /// A page that was put into the pending list.
    ///
    /// # Safety
    /// The pointer came from [`PageRef::as_ptr`] and the page lives.
    pub(super) unsafe fn from_ptr(page: *mut Page) -> Option<PageRef> {
        NonNull::new(page).map(PageRef)
    }
}

impl Page {
    #[inline]
    pub(super) fn owner(&self) -> &'static Heap {
        self.owner
    }

    #[inline]
    pub(super) fn class(&self) -> Class {
        self.class
    }

    #[inline]
    pub(super) fn is_unused(&self) -> bool {
        self.used.get() == 0
    }
}
