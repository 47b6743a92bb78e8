//! What a Lua state allocates, counted and bounded.
//!
//! A script that takes more than it may gets Lua's own error for it. Code in Rust must never be left by such an error,
//! for Lua leaves by `longjmp`; so the bound holds only while Lua itself runs ([`Memory::bound`]), and what Rust took
//! beyond it is looked at when Lua goes on ([`Memory::is_over`]).

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

/// Alignment of all blocks, enough for every type of C.
const ALIGN: usize = 16;

/// One state's memory.
#[derive(Debug)]
pub(crate) struct Memory {
    used: Cell<usize>,
    /// Bytes it may hold.
    limit: Cell<usize>,
    is_bound: Cell<bool>,
}

impl Memory {
    /// Memory of which `limit` bytes may be used.
    pub fn new(limit: usize) -> Memory {
        Memory { used: Cell::new(0), limit: Cell::new(limit), is_bound: Cell::new(false) }
    }

    /// Changes how many bytes may be used.
    pub fn set_limit(&self, limit: usize) {
        self.limit.set(limit);
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used.get()
    }

    /// Whether more is used than may be.
    pub fn is_over(&self) -> bool {
        self.is_over_with(0)
    }

    /// Whether it would be, with `more` bytes.
    pub fn is_over_with(&self, more: usize) -> bool {
        self.used.get().saturating_add(more) > self.limit.get()
    }

    /// Whether so much is used that collecting garbage is due.
    pub fn is_filling(&self) -> bool {
        self.used.get() > self.limit.get() / 2
    }

    /// Sets whether allocating above the limit fails; what it was.
    pub fn bound(&self, on: bool) -> bool {
        self.is_bound.replace(on)
    }

    fn may_grow(&self, old: usize, new: usize) -> bool {
        !self.is_bound.get() || new <= old || self.used.get() - old + new <= self.limit.get()
    }
}

/// Lua's allocation function (`lua_Alloc`).
///
/// # Safety
/// For Lua: `memory` points to the [`Memory`] of the state, `block` is null or a block of `old` bytes from here.
pub(super) unsafe extern "C" fn allocate(
    memory: *mut c_void,
    block: *mut c_void,
    old: usize,
    new: usize,
) -> *mut c_void {
    // SAFETY: the state was made with a pointer to its memory, which outlives it.
    let memory = unsafe { &*memory.cast::<Memory>() };
    let old = if block.is_null() { 0 } else { old };
    let layout = |size| Layout::from_size_align(size, ALIGN);
    let (Ok(old_layout), Ok(_)) = (layout(old), layout(new)) else { return ptr::null_mut() };
    if new > 0 && !memory.may_grow(old, new) {
        return ptr::null_mut();
    }
    // SAFETY: `block` was allocated here with `old` bytes; sizes are neither zero where that is asked nor too big.
    let moved = unsafe {
        match (old, new) {
            (0, 0) => ptr::null_mut(),
            (0, _) => alloc(Layout::from_size_align_unchecked(new, ALIGN)),
            (_, 0) => {
                dealloc(block.cast(), old_layout);
                ptr::null_mut()
            }
            _ => realloc(block.cast(), old_layout, new),
        }
    };
    if new == 0 || !moved.is_null() {
        memory.used.set(memory.used.get() - old + new);
    }
    moved.cast()
}
