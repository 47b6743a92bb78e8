//! A Lua state: its life, compiling and calling.

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;

use mlua_sys as ffi;

use super::function::Native;
use super::memory::{self, Memory};
use super::stack::Stack;
use crate::host::Host;

/// One Lua state and what belongs to it.
pub(crate) struct Lua {
    state: NonNull<ffi::lua_State>,
    host: Box<Host>,
}

/// A value that a state keeps for Rust; see [`Stack::keep`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kept(pub(super) c_int);

/// How a call failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// An error was raised; the handler has seen it.
    Raised,
    /// Lua itself gave up, for want of memory or because the handler failed too: its words.
    Lua(String),
}

/// A library of Lua's own.
type Open = unsafe extern "C-unwind" fn(*mut ffi::lua_State) -> c_int;

/// Bytes that a compiled chunk begins with.
const BINARY_MARK: &[u8] = b"\x1bLua";

impl Lua {
    /// A state with Lua's libraries that scripts may use, and nothing else; `None` when there is no memory for it.
    pub fn new(host: Host) -> Option<Lua> {
        let host = Box::new(host);
        let memory = (&raw const host.memory).cast_mut();
        // SAFETY: the memory is in a box that the state does not outlive.
        let state = NonNull::new(unsafe { ffi::lua_newstate(memory::allocate, memory.cast()) })?;
        let lua = Lua { state, host };
        let libraries: [(Open, &CStr); 5] = [
            (ffi::luaopen_base, c""),
            (ffi::luaopen_table, c"table"),
            (ffi::luaopen_string, c"string"),
            (ffi::luaopen_math, c"math"),
            (ffi::luaopen_os, c"os"),
        ];
        for (open, name) in libraries {
            // SAFETY: opens a library as Lua's own programs do; memory is not bounded, so nothing is raised.
            unsafe {
                ffi::lua_pushcfunction(state.as_ptr(), open);
                ffi::lua_pushstring_(state.as_ptr(), name.as_ptr());
                ffi::lua_call(state.as_ptr(), 1, 0);
            }
        }
        Some(lua)
    }

    /// What belongs to the state.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The state's own stack; empty between scripts.
    pub fn stack(&self) -> Stack<'_> {
        // SAFETY: the state lives as long as this borrow, and memory is bounded only inside calls.
        unsafe { Stack::new(self.state) }
    }

    /// Works on the state's own stack, which is left as it was.
    pub fn with<R>(&self, work: impl FnOnce(&mut Stack<'_>) -> R) -> R {
        let mut stack = self.stack();
        let top = stack.top();
        let result = work(&mut stack);
        stack.truncate(top);
        result
    }
}

impl Drop for Lua {
    fn drop(&mut self) {
        // SAFETY: closed once; no finalizers run, for scripts cannot make any.
        unsafe { ffi::lua_close(self.state.as_ptr()) }
    }
}

impl Stack<'_> {
    /// Pushes the table of global variables.
    pub fn push_globals(&mut self) {
        self.push_nil();
        self.pop();
        // SAFETY: there is room for a value.
        unsafe { ffi::lua_pushvalue(self.raw(), ffi::LUA_GLOBALSINDEX) }
    }

    /// Makes the table on top that of global variables, for all that is compiled from now on, and takes it.
    pub fn set_globals(&mut self) {
        assert!(self.kind(self.top()) == super::Kind::Table, "not a table");
        // SAFETY: a table is on top.
        unsafe { ffi::lua_replace(self.raw(), ffi::LUA_GLOBALSINDEX) }
    }

    /// Collects garbage when there may be much of it: Lua would rather fail to allocate than collect, and a script may
    /// have stopped its collector.
    pub fn collect_if_filling(&mut self) {
        if self.host().memory.is_filling() {
            // SAFETY: no finalizers run, for scripts cannot make any.
            unsafe {
                ffi::lua_gc(self.raw(), ffi::LUA_GCRESTART, 0);
                ffi::lua_gc(self.raw(), ffi::LUA_GCCOLLECT, 0);
            }
        }
    }

    /// Compiles `code`, whose lines errors name after `name`, and pushes it as a function.
    ///
    /// # Errors
    /// Lua's words.
    pub fn compile(&mut self, code: &[u8], name: &CStr) -> Result<(), String> {
        if code.starts_with(&BINARY_MARK[..1]) {
            return Err("compiled code cannot be loaded".to_owned());
        }
        assert!(self.has_room(2), "too many values on the stack");
        // SAFETY: compiling is protected by Lua itself: the function or a message is pushed, for which there is room.
        let status =
            unsafe { ffi::luaL_loadbuffer(self.raw(), code.as_ptr().cast(), code.len(), name.as_ptr()) };
        if status == ffi::LUA_OK {
            return Ok(());
        }
        let message = self.bytes(self.top()).map(|text| String::from_utf8_lossy(text).into_owned());
        self.pop();
        Err(message.unwrap_or_default())
    }

    /// Calls the function below its `arguments` on top, and leaves one result in their place. Memory is bounded
    /// meanwhile. `handler` is called with the value of an error where it is raised.
    pub fn call(&mut self, arguments: c_int, handler: Native) -> Result<(), CallError> {
        let function = self.top() - arguments;
        assert!(function >= 1, "no function to call");
        self.push_function(handler);
        self.insert(function);
        let memory: &Memory = &self.host().memory;
        let was_bound = memory.bound(true);
        // SAFETY: the handler, the function and the arguments are there; errors end here.
        let status = unsafe { ffi::lua_pcall(self.raw(), arguments, 1, function) };
        memory.bound(was_bound);
        // SAFETY: the handler's place is there; the result moves down to it.
        unsafe { ffi::lua_remove(self.raw(), function) };
        let result = match status {
            ffi::LUA_OK => return Ok(()),
            ffi::LUA_ERRRUN => CallError::Raised,
            _ => {
                let text = self.text(function).unwrap_or_default();
                CallError::Lua(String::from_utf8_lossy(text).into_owned())
            }
        };
        self.pop();
        Err(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lua::Fail;

    fn lua(limit: usize) -> Lua {
        Lua::new(Host::for_tests(limit)).unwrap()
    }

    fn ignore(_: &mut Stack<'_>) -> Result<usize, Fail> {
        Ok(0)
    }

    fn run(lua: &Lua, code: &str) -> Result<String, CallError> {
        lua.with(|stack| {
            stack.compile(code.as_bytes(), c"@test").unwrap();
            stack.call(0, ignore)?;
            let top = stack.top();
            Ok(String::from_utf8_lossy(stack.text(top).unwrap_or(b"?")).into_owned())
        })
    }

    #[test]
    fn compiles_and_calls() {
        let lua = lua(1 << 20);
        assert_eq!(run(&lua, "return 1 + 1"), Ok("2".to_owned()));
        assert_eq!(run(&lua, "error('x')"), Err(CallError::Raised));
        let error = lua.with(|stack| stack.compile(b"return +", c"@test"));
        assert_eq!(error.unwrap_err(), "test:1: unexpected symbol near '+'");
        let dump = run(&lua, "return string.dump(function() end)").unwrap();
        assert!(lua.with(|stack| stack.compile(dump.as_bytes(), c"@test")).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let lua = lua(1 << 20);
        let without_end = "local s = 'x' while true do s = s .. s end";
        assert_eq!(run(&lua, without_end), Err(CallError::Lua("not enough memory".to_owned())));
        assert_eq!(run(&lua, "return 'goes on'"), Ok("goes on".to_owned()));
    }

    #[test]
    fn functions_of_rust() {
        fn add(stack: &mut Stack<'_>) -> Result<usize, Fail> {
            let sum = stack.number_argument(1)? + stack.number_argument(2)?;
            if sum > 10.0 {
                return Err(Fail::Text("too much".to_owned()));
            }
            stack.push_number(sum);
            Ok(1)
        }
        let lua = lua(1 << 20);
        lua.with(|stack| {
            stack.push_globals();
            let globals = stack.top();
            stack.push_function(add);
            stack.set_field(globals, "add");
        });
        assert_eq!(run(&lua, "return add(1, '2')"), Ok("3".to_owned()));
        assert_eq!(
            run(&lua, "return select(2, pcall(function() add(9, 2) end))").unwrap(),
            "test:1: too much"
        );
        let error = run(&lua, "local _, e = pcall(function() return 1 + add(9) end) return e").unwrap();
        assert_eq!(error, "test:1: bad argument #2 to 'add' (number expected, got no value)");
    }
}
