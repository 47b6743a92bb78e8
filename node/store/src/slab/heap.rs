//! A thread's heap: for each class the list of its pages that may have room.
//!
//! A heap belongs to one thread at a time and is never freed: when its thread ends it waits for another to
//! take it over, with all its pages, and meanwhile other threads free into it as before. So a page's owner is
//! fixed, and no block is ever without one.

use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::class::{CLASS_COUNT, Class};
use super::page::{Page, PageRef};

/// See the module's header. All but `pending` is for the thread that owns it.
pub(super) struct Heap {
    /// The first of the pages that may have room.
    pages: [Cell<Option<PageRef>>; CLASS_COUNT],
    page_count: Cell<usize>,
    /// Pages that other threads have freed into: a stack, linked by `next_pending`.
    pending: AtomicPtr<Page>,
}

// SAFETY: the cells are touched only by the thread that owns the heap, and ownership passes through a mutex;
// what other threads use is atomic.
unsafe impl Sync for Heap {}

/// Heaps whose threads have ended.
static ORPHANS: Mutex<Vec<&'static Heap>> = Mutex::new(Vec::new());

thread_local! {
    /// This thread's heap. Without a destructor, so that it can be read at any time, cheaply.
    static HEAP: Cell<Option<&'static Heap>> = const { Cell::new(None) };
    /// Gives the heap up when the thread ends.
    static GUARD: Guard = const { Guard };
}

struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(heap) = HEAP.take() {
            orphan(heap);
        }
    }
}

fn orphan(heap: &'static Heap) {
    ORPHANS.lock().unwrap_or_else(PoisonError::into_inner).push(heap);
}

/// A block of this class.
#[inline]
pub(super) fn alloc(class: Class) -> NonNull<u8> {
    if let Some(heap) = HEAP.get()
        && let Some(page) = heap.pages[class.index()].get()
        && let Some(block) = page.pop()
    {
        return block;
    }
    with_heap(|heap| heap.alloc_slow(class))
}

/// Puts a block back, whichever thread it came from.
///
/// # Safety
/// The block came from [`alloc`] and is not used any more.
#[inline]
pub(super) unsafe fn free(block: NonNull<u8>) {
    // SAFETY: the block is in use until it is pushed below, so its page lives; and it is of that page.
    unsafe {
        let page = PageRef::of_block(block);
        match HEAP.get() {
            Some(heap) if ptr::eq(heap, page.owner()) => {
                page.push(block);
                if page.is_unused() || !page.listed.get() {
                    heap.settle(page);
                }
            }
            _ => page.push_remote(block),
        }
    }
}

/// Pages of this thread's heap.
pub(super) fn page_count() -> usize {
    HEAP.get().map_or(0, |heap| heap.page_count.get())
}

/// Takes back what other threads have freed.
pub(super) fn collect() {
    if let Some(heap) = HEAP.get() {
        heap.collect();
    }
}

/// Calls `use_it` with this thread's heap, which it may have to get first.
#[cold]
fn with_heap<R>(use_it: impl FnOnce(&'static Heap) -> R) -> R {
    if let Some(heap) = HEAP.get() {
        return use_it(heap);
    }
    let orphan_heap = ORPHANS.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let heap = orphan_heap.unwrap_or_else(|| Box::leak(Box::new(Heap::new())));
    // A destructor of this thread may allocate after the guard's: then the heap is borrowed for this once.
    let guarded = GUARD.try_with(|_| HEAP.set(Some(heap))).is_ok();
    let result = use_it(heap);
    if !guarded {
        orphan(heap);
    }
    result
}

impl Heap {
    fn new() -> Heap {
        Heap {
            pages: [const { Cell::new(None) }; CLASS_COUNT],
            page_count: Cell::new(0),
            pending: AtomicPtr::new(ptr::null_mut()),
        }
    }

    fn alloc_slow(&'static self, class: Class) -> NonNull<u8> {
        self.collect();
        while let Some(page) = self.pages[class.index()].get() {
            if let Some(block) = page.pop() {
                return block;
            }
            self.unlink(page);
        }
        let page = PageRef::new(self, class);
        self.page_count.set(self.page_count.get() + 1);
        self.link(page);
        page.pop().expect("a new page has room")
    }

    /// Puts a page that a block came back to where it belongs: into the list, or, when it is empty and not the
    /// only one there, back to the pool.
    fn settle(&self, page: PageRef) {
        if !page.listed.get() {
            self.link(page);
        }
        let alone = page.next.get().is_none() && page.previous.get().is_none();
        if page.is_unused() && !alone {
            self.unlink(page);
            self.page_count.set(self.page_count.get() - 1);
            // SAFETY: this thread owns the heap, which has just forgotten the page.
            unsafe { page.retire() };
        }
    }

    fn link(&self, page: PageRef) {
        let first = &self.pages[page.class().index()];
        page.listed.set(true);
        page.previous.set(None);
        page.next.set(first.get());
        if let Some(next) = first.replace(Some(page)) {
            next.previous.set(Some(page));
        }
    }

    fn unlink(&self, page: PageRef) {
        page.listed.set(false);
        let (previous, next) = (page.previous.take(), page.next.take());
        match previous {
            Some(previous) => previous.next.set(next),
            None => self.pages[page.class().index()].set(next),
        }
        if let Some(next) = next {
            next.previous.set(previous);
        }
    }

    /// Tells the owner, from another thread, that there is something on a page's remote list.
    pub(super) fn push_pending(&self, page: PageRef) {
        let mut head = self.pending.load(Ordering::Relaxed);
        loop {
            page.set_next_pending(head);
            match self.pending.compare_exchange_weak(
                head,
                page.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    fn collect(&self) {
        if self.pending.load(Ordering::Relaxed).is_null() {
            return;
        }
        // SAFETY: a pending page has blocks on its remote list, so it lives.
        let mut pending = unsafe { PageRef::from_ptr(self.pending.swap(ptr::null_mut(), Ordering::Acquire)) };
        while let Some(page) = pending {
            pending = page.collect();
            self.settle(page);
        }
    }
}
