//! The look at the clock: every so many instructions a script asks its core whether to go on.
//!
//! Lua calls a hook after a number of instructions. The hook leaves the fiber with [`Step::Slice`]; the core resumes it
//! at once, or later, or never. A script that is to end gets an error; should it catch that with `pcall`, the next
//! instruction raises it again, until nothing is left that could catch it.

use std::cell::Cell;
use std::ffi::c_int;
use std::ptr::{self, NonNull};

use mlua_sys as ffi;

use super::function::host_of;
use super::stack::Stack;
use crate::step::{Answer, Step};

/// Instructions between two looks; some tens of microseconds.
const SLICE_INSTRUCTIONS: c_int = 10_000;

/// A state's hook.
#[derive(Debug)]
pub(crate) struct Hook {
    /// The state of which all coroutines are.
    main: Cell<*mut ffi::lua_State>,
    killed: Cell<Option<&'static str>>,
}

impl Default for Hook {
    fn default() -> Hook {
        Hook { main: Cell::new(ptr::null_mut()), killed: Cell::new(None) }
    }
}

impl Stack<'_> {
    /// Makes what runs from now on look at the clock; to be called on the state's own stack before each script.
    pub fn arm_hook(&mut self) {
        let hook = &self.host().hook;
        if hook.main.get().is_null() || hook.killed.take().is_some() {
            hook.main.set(self.raw());
            set(self.raw(), SLICE_INSTRUCTIONS);
        }
    }
}

fn set(state: *mut ffi::lua_State, instructions: c_int) {
    // SAFETY: the state is live, as its users are; setting a hook takes no memory.
    unsafe { ffi::lua_sethook(state, Some(on_count), ffi::LUA_MASKCOUNT, instructions) };
}

unsafe extern "C-unwind" fn on_count(state: *mut ffi::lua_State, _: *mut ffi::lua_Debug) {
    // SAFETY: a hook may use the state as a C function does. `look` leaves no frame of Rust behind, and nothing is owned
    // here that the error could leak.
    unsafe {
        if look(state) {
            ffi::lua_error(state);
        }
    }
}

/// Asks whether to go on; if not, pushes the error to raise.
///
/// # Safety
/// In a hook of a live state.
#[inline(never)]
unsafe fn look(state: *mut ffi::lua_State) -> bool {
    // SAFETY: as the caller promises.
    let (host, thread) = unsafe { (&*host_of(state), NonNull::new_unchecked(state)) };
    let hook = &host.hook;
    if hook.killed.get().is_none() {
        match host.line.ask(Step::Slice) {
            Some(Answer::Kill(text)) => hook.killed.set(Some(text)),
            Some(_) => {}
            None => hook.killed.set(Some("ERR no script is running")),
        }
    }
    let Some(text) = hook.killed.get() else { return false };
    set(state, 1);
    set(hook.main.get(), 1);
    let was_bound = host.memory.bound(false);
    // SAFETY: the state is live, and its memory is not bounded now.
    let mut stack = unsafe { Stack::new(thread) };
    stack.push_error_table(text.as_bytes());
    host.memory.bound(was_bound);
    true
}
