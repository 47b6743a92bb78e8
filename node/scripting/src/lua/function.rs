//! Functions in Rust that Lua calls, and the errors they raise.
//!
//! Lua raises an error by `longjmp`, which must not pass frames of Rust that own something. So a [`Native`] returns its
//! error as a [`Fail`]; when all its frames are gone, the trampoline, which owns nothing, raises what Redis's function
//! of that name would, at the caller's line.

use std::ffi::{c_int, c_void};
use std::ptr::NonNull;

use mlua_sys as ffi;

use super::memory::Memory;
use super::stack::{Kind, Stack};
use crate::host::Host;

/// A function: its arguments are on the stack from 1 on, and it leaves its results on top; how many they are.
pub(crate) type Native = fn(&mut Stack<'_>) -> Result<usize, Fail>;

/// Why a function does not return.
#[derive(Debug)]
pub(crate) enum Fail {
    /// An error message; the caller's position goes before it.
    Text(String),
    /// Argument `.0`, counted from 1, is wrong.
    Argument(usize, String),
    /// Redis's error table, whose `err` is this.
    Table(String),
    /// The value on top of the stack.
    Top,
    /// More memory was asked for than the state may have.
    Memory,
}

/// What Lua says then.
const NO_MEMORY: &[u8] = b"not enough memory";

const RAISE_TOP: c_int = -1;
const RAISE_TEXT: c_int = -2;
/// And below: the message on top is about argument `RAISE_ARGUMENT - code`.
const RAISE_ARGUMENT: c_int = -3;

impl Stack<'_> {
    /// Pushes Redis's error table: `{err = text}`.
    pub fn push_error_table(&mut self, text: &[u8]) {
        self.push_table(0, 2);
        let table = self.top();
        self.push_bytes(text);
        self.set_field(table, "err");
    }

    /// Argument `index` as a number, also where it is written as a string.
    pub fn number_argument(&self, index: usize) -> Result<f64, Fail> {
        self.number(index as c_int).ok_or_else(|| self.wrong_type(index, "number"))
    }

    /// Argument `index` as an integer, cut off; `default`, if there is one, when it is absent or nil.
    pub fn integer_argument(&self, index: usize, default: Option<i64>) -> Result<i64, Fail> {
        match (self.kind(index as c_int), default) {
            (Kind::Absent | Kind::Nil, Some(default)) => Ok(default),
            _ => self.number_argument(index).map(|number| number as i64),
        }
    }

    /// Argument `index` as a string; a number is written out.
    pub fn text_argument(&mut self, index: usize) -> Result<&[u8], Fail> {
        if !matches!(self.kind(index as c_int), Kind::String | Kind::Number) {
            return Err(self.wrong_type(index, "string"));
        }
        Ok(self.text(index as c_int).unwrap_or_default())
    }

    /// An error when the state, or a result of `result` bytes still outside of it, is too big: to be asked by what makes
    /// more than it was given.
    pub fn check_memory(&self, result: usize) -> Result<(), Fail> {
        if self.host().memory.is_over_with(result) { Err(Fail::Memory) } else { Ok(()) }
    }

    /// Says that argument `index` is not what is expected.
    pub fn wrong_type(&self, index: usize, expected: &str) -> Fail {
        Fail::Argument(index, format!("{expected} expected, got {}", self.kind(index as c_int).name()))
    }
}

/// What belongs to `state`.
///
/// # Safety
/// `state` was made by `super::Lua`.
pub(super) unsafe fn host_of(state: *mut ffi::lua_State) -> *const Host {
    let mut memory: *mut c_void = std::ptr::null_mut();
    // SAFETY: `super::Lua` made the state with a pointer to the memory that is the host's first field.
    unsafe {
        ffi::lua_getallocf(state, &raw mut memory);
        memory.cast::<Memory>().cast_const().cast::<Host>()
    }
}

/// What Lua calls: runs the [`Native`] in upvalue 1.
pub(super) unsafe extern "C-unwind" fn trampoline(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: Lua calls this with a live state; `run` leaves no frame of Rust behind, and from there on nothing is owned
    // that an error could leak.
    unsafe {
        let code = run(state);
        if code >= 0 {
            return code;
        }
        if code == RAISE_TEXT {
            ffi::luaL_where(state, 1);
            ffi::lua_insert(state, -2);
            ffi::lua_concat(state, 2);
        } else if code <= RAISE_ARGUMENT {
            let text = ffi::lua_tolstring(state, -1, std::ptr::null_mut());
            return ffi::luaL_argerror(state, RAISE_ARGUMENT - code, text);
        }
        ffi::lua_error(state)
    }
}

/// Runs the function; how many results it left, or what is to be raised.
///
/// # Safety
/// `state` is live, and this is the trampoline's frame.
#[inline(never)]
unsafe fn run(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as the caller promises. Only `Stack::push_function` makes closures of the trampoline, with a `Native` as
    // their first upvalue. Memory is not bounded from here until the function is done.
    let (mut stack, native, memory) = unsafe {
        let native = ffi::lua_touserdata(state, ffi::lua_upvalueindex(1));
        let native = std::mem::transmute::<*mut c_void, Native>(native);
        let memory = &(*host_of(state)).memory;
        (Stack::new(NonNull::new_unchecked(state)), native, memory)
    };
    let was_bound = memory.bound(false);
    let code = match native(&mut stack) {
        Ok(_) if was_bound && memory.is_over() => {
            stack.push_bytes(NO_MEMORY);
            RAISE_TOP
        }
        Ok(results) => results as c_int,
        Err(fail) => push_failure(&mut stack, fail),
    };
    memory.bound(was_bound);
    code
}

fn push_failure(stack: &mut Stack<'_>, fail: Fail) -> c_int {
    if matches!(fail, Fail::Top) {
        return RAISE_TOP;
    }
    // What the function left on the stack may have used it up.
    let arguments = stack.top().min(FAILED_KEEPS);
    stack.truncate(arguments);
    match fail {
        Fail::Text(text) => {
            stack.push_bytes(text.as_bytes());
            RAISE_TEXT
        }
        Fail::Argument(index, text) => {
            stack.push_bytes(text.as_bytes());
            RAISE_ARGUMENT - index as c_int
        }
        Fail::Table(text) => {
            stack.push_error_table(text.as_bytes());
            RAISE_TOP
        }
        Fail::Memory | Fail::Top => {
            stack.push_bytes(NO_MEMORY);
            RAISE_TOP
        }
    }
}

/// Values that stay on the stack when a function fails; none of them is looked at any more.
const FAILED_KEEPS: c_int = 8;
