//! Where the running code stands.

use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;

use mlua_sys as ffi;

use super::stack::Stack;

/// A function on the way to the running one.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Whether it is written in C (or Rust).
    pub is_native: bool,
    /// Its chunk, with the `@` that marks a name.
    pub source: String,
    /// The line it is at; -1 where there are none.
    pub line: c_int,
}

impl Stack<'_> {
    /// The function `level` calls above the running one, which is 0.
    pub fn frame(&self, level: c_int) -> Option<Frame> {
        let mut record = MaybeUninit::<ffi::lua_Debug>::zeroed();
        // SAFETY: all zeros are a valid record. Lua fills in what is asked for; its strings are of chunks that are on the
        // stack of calls.
        unsafe {
            let record = record.as_mut_ptr();
            if ffi::lua_getstack(self.raw(), level, record) == 0 {
                return None;
            }
            ffi::lua_getinfo(self.raw(), c"Sl".as_ptr(), record);
            let source = CStr::from_ptr((*record).source).to_string_lossy().into_owned();
            let is_native = CStr::from_ptr((*record).what) == c"C";
            Some(Frame { is_native, source, line: (*record).currentline })
        }
    }
}
