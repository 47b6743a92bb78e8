//! Tables that scripts can read but not change.
//!
//! All scripts of a core share a Lua state, so whatever a script could leave behind in it, another would find: a changed
//! `string.format`, a global. Redis forbids it in a Lua of its own, whose tables have a read-only mark. Plain Lua 5.1
//! has none; here a protected table is an empty *proxy* whose metatable reads from the real table and refuses to write.
//! Scripts never hold the real one. The functions of Lua that pass metatables by (`rawset`, `next`, `table.insert`, ...)
//! are put behind guards which know the proxies: writing ones refuse them, reading ones look at the real table instead.
//! A guard runs the original function in its own frame, so errors name it as ever.
//!
//! What else could change the state for others is refused or absent: `setfenv` of the state itself, loading compiled
//! code, `newproxy` (its finalizers would run at any time). And patterns so long that matching would use up the stack.

use std::ffi::{CStr, c_int, c_void};

use mlua_sys as ffi;

use super::stack::Stack;

const READ_ONLY: &CStr = c"Attempt to modify a readonly table";
const BINARY: &CStr = c"compiled code cannot be loaded";
/// First byte of a compiled chunk.
const BINARY_MARK: u8 = 0x1b;
/// Longest pattern: matching calls itself up to once for two of its bytes, with some 250 bytes of stack each.
const PATTERN_MAX: usize = 32 * 1024;

/// The protected tables of a state, while it is being set up: places on its stack.
#[derive(Clone, Copy)]
pub(crate) struct Protection {
    /// Proxy to real table.
    real: c_int,
    /// Proxy to what `getmetatable` shows for it; `true` to that of strings.
    shown: c_int,
}

impl Protection {
    /// Pushes what it needs, to stay on the stack during the set-up.
    pub fn push(stack: &mut Stack<'_>) -> Protection {
        stack.push_table(0, 32);
        let real = stack.top();
        stack.push_table(0, 4);
        Protection { real, shown: stack.top() }
    }

    /// Pushes a proxy of the table on top in its place; what scripts read is `__index` of its metatable, which is
    /// pushed above it.
    pub fn proxy(self, stack: &mut Stack<'_>) {
        let real = stack.top();
        stack.push_table(0, 0);
        let proxy = stack.top();
        stack.push_table(0, 2);
        let metatable = stack.top();
        stack.push_copy(real);
        stack.set_field(metatable, "__index");
        push_c_function(stack, refuse);
        stack.set_field(metatable, "__newindex");
        stack.push_copy(metatable);
        stack.set_metatable(proxy);
        stack.push_copy(proxy);
        stack.push_copy(real);
        stack.set(self.real);
        // Take the real table out from below.
        stack.remove(real);
    }

    /// As [`Protection::proxy`], without the metatable.
    pub fn seal(self, stack: &mut Stack<'_>) {
        self.proxy(stack);
        stack.pop();
    }

    /// Reading what is not in `table` is an error from now on.
    pub fn forbid_missing(stack: &mut Stack<'_>, table: c_int) {
        stack.push_table(0, 1);
        let metatable = stack.top();
        push_c_function(stack, missing_global);
        stack.set_field(metatable, "__index");
        stack.set_metatable(table);
    }

    /// Scripts that ask for the metatable of `proxy` see one that refuses changes too.
    pub fn show_metatable(self, stack: &mut Stack<'_>, proxy: c_int) {
        stack.push_copy(proxy);
        stack.push_table(0, 1);
        let metatable = stack.top();
        push_c_function(stack, missing_global);
        stack.set_field(metatable, "__index");
        self.seal(stack);
        stack.set(self.shown);
    }

    /// Likewise for that of strings, whose methods are in the proxy `strings`.
    pub fn show_string_metatable(self, stack: &mut Stack<'_>, strings: c_int) {
        stack.push_boolean(true);
        stack.push_table(0, 1);
        let metatable = stack.top();
        stack.push_copy(strings);
        stack.set_field(metatable, "__index");
        self.seal(stack);
        stack.set(self.shown);
    }

    /// Puts guards before the functions of the library at `strings` that match patterns.
    pub fn guard_patterns(self, stack: &mut Stack<'_>, strings: c_int) {
        for name in ["match", "gmatch", "gsub"] {
            self.replace(stack, strings, name, guarded_pattern);
        }
        self.replace(stack, strings, "find", guarded_find);
    }

    /// Puts guards before the functions of the tables `globals` and `tables` (the library) that metatables do not stop.
    pub fn guard(self, stack: &mut Stack<'_>, globals: c_int, tables: c_int) {
        stack.get_field(globals, "next");
        let next = stack.top();
        for name in ["insert", "remove", "sort"] {
            self.replace(stack, tables, name, guarded_write);
        }
        self.replace(stack, tables, "foreach", guarded_read);
        for name in ["rawset", "setmetatable"] {
            self.replace(stack, globals, name, guarded_write);
        }
        for name in ["next", "rawget"] {
            self.replace(stack, globals, name, guarded_read);
        }
        self.replace(stack, globals, "getmetatable", guarded_getmetatable);
        self.replace(stack, globals, "setfenv", guarded_setfenv);
        self.replace(stack, globals, "loadstring", guarded_loadstring);
        self.replace(stack, globals, "load", guarded_load);
        stack.push_copy(self.real);
        stack.push_copy(next);
        stack.get_field(globals, "next");
        push_closure(stack, guarded_pairs, 3);
        stack.set_field(globals, "pairs");
        push_c_function(stack, plain_pcall);
        stack.set_field(globals, "pcall");
        stack.pop();
    }

    /// Puts `guard` in the place of the C function `name` of `table`; the guard knows it and the proxies.
    fn replace(self, stack: &mut Stack<'_>, table: c_int, name: &str, guard: ffi::lua_CFunction) {
        stack.push_copy(self.real);
        stack.get_field(table, name);
        // SAFETY: the function is on top; its address takes its place.
        unsafe {
            let original = ffi::lua_tocfunction(stack.raw(), -1);
            let address = original.map_or(std::ptr::null_mut(), |original| original as *mut c_void);
            assert!(!address.is_null(), "Lua's {name} is there");
            ffi::lua_settop(stack.raw(), -2);
            ffi::lua_pushlightuserdata(stack.raw(), address);
        }
        stack.push_copy(self.shown);
        push_closure(stack, guard, 3);
        stack.set_field(table, name);
    }
}

impl Stack<'_> {
    /// Takes the value at `index` out.
    fn remove(&mut self, index: c_int) {
        assert!(index >= 1 && index <= self.top(), "no such place on the stack");
        // SAFETY: the place is there.
        unsafe { ffi::lua_remove(self.raw(), index) }
    }
}

fn push_c_function(stack: &mut Stack<'_>, function: ffi::lua_CFunction) {
    push_closure(stack, function, 0);
}

/// Pushes a C function with the topmost `upvalues` values, which it takes.
fn push_closure(stack: &mut Stack<'_>, function: ffi::lua_CFunction, upvalues: c_int) {
    assert!(stack.top() >= upvalues && stack.has_room(1), "upvalues are on the stack");
    // SAFETY: the upvalues are there, and there is room; all functions given are C functions as Lua expects them.
    unsafe { ffi::lua_pushcclosure(stack.raw(), function, upvalues) }
}

// The upvalues of all guards.
const REAL: c_int = ffi::lua_upvalueindex(1);
const ORIGINAL: c_int = ffi::lua_upvalueindex(2);
const SHOWN: c_int = ffi::lua_upvalueindex(3);

/// Whether argument 1 is a proxy; then its real table is pushed.
///
/// # Safety
/// In a guard, with a free place on the stack.
unsafe fn push_real(state: *mut ffi::lua_State) -> bool {
    // SAFETY: as the caller promises.
    unsafe {
        if ffi::lua_type(state, 1) != ffi::LUA_TTABLE {
            return false;
        }
        ffi::lua_pushvalue(state, 1);
        ffi::lua_rawget_(state, REAL);
        if ffi::lua_type(state, -1) == ffi::LUA_TNIL {
            ffi::lua_settop(state, -2);
            return false;
        }
        true
    }
}

/// Runs the function that a guard stands before, in the guard's frame.
///
/// # Safety
/// In a guard.
unsafe fn run_original(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: `Protection::replace` put the address of a C function there.
    unsafe {
        let address = ffi::lua_touserdata(state, ORIGINAL);
        let original = std::mem::transmute::<*mut c_void, ffi::lua_CFunction>(address);
        original(state)
    }
}

/// `__newindex` of every proxy.
unsafe extern "C-unwind" fn refuse(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: raises; nothing here is to be dropped.
    unsafe { ffi::luaL_error(state, READ_ONLY.as_ptr()) }
}

/// `__index` of tables whose missing names are errors.
unsafe extern "C-unwind" fn missing_global(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: reads argument 2, then raises; nothing here is to be dropped.
    unsafe {
        if ffi::lua_isstring(state, 2) == 0 {
            return ffi::luaL_error(
                state,
                c"Second argument to luaProtectedTableError must be a string or number".as_ptr(),
            );
        }
        let name = ffi::lua_tolstring(state, 2, std::ptr::null_mut());
        ffi::luaL_error(state, c"Script attempted to access nonexistent global variable '%s'".as_ptr(), name)
    }
}

unsafe extern "C-unwind" fn guarded_write(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: in a guard; the stack is as the original expects it.
    unsafe {
        if push_real(state) {
            // Not at a line of the script: the function is what failed.
            ffi::lua_pushstring_(state, READ_ONLY.as_ptr());
            ffi::lua_error(state);
        }
        run_original(state)
    }
}

unsafe extern "C-unwind" fn guarded_read(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: in a guard; the real table takes the proxy's place among the arguments.
    unsafe {
        if push_real(state) {
            ffi::lua_replace(state, 1);
        }
        run_original(state)
    }
}

/// `pairs`: upvalue 2 is the plain `next`, 3 the guarded one; the real table stays hidden.
unsafe extern "C-unwind" fn guarded_pairs(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: in a guard, with room for 20 values.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        let next = if push_real(state) { 3 } else { 2 };
        ffi::lua_settop(state, 1);
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(next));
        ffi::lua_pushvalue(state, 1);
        ffi::lua_pushnil(state);
        3
    }
}

unsafe extern "C-unwind" fn guarded_getmetatable(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: in a guard, with room for 20 values.
    unsafe {
        if push_real(state) {
            ffi::lua_pushvalue(state, 1);
        } else if ffi::lua_type(state, 1) == ffi::LUA_TSTRING {
            ffi::lua_pushboolean(state, 1);
        } else {
            return run_original(state);
        }
        ffi::lua_rawget_(state, SHOWN);
        1
    }
}

/// `setfenv`: 0 means the state itself, which is everybody's.
unsafe extern "C-unwind" fn guarded_setfenv(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: in a guard.
    unsafe {
        if ffi::lua_isnumber(state, 1) != 0 && ffi::lua_tonumber(state, 1) == 0.0 {
            return ffi::luaL_error(state, READ_ONLY.as_ptr());
        }
        run_original(state)
    }
}

unsafe extern "C-unwind" fn guarded_pattern(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: in a guard.
    unsafe {
        if ffi::lua_type(state, 2) == ffi::LUA_TSTRING && ffi::lua_objlen(state, 2) > PATTERN_MAX {
            return ffi::luaL_error(state, c"pattern too complex".as_ptr());
        }
        run_original(state)
    }
}

/// `find`: its pattern may be plain text, as argument 4 says.
unsafe extern "C-unwind" fn guarded_find(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: in a guard.
    unsafe { if ffi::lua_toboolean(state, 4) != 0 { run_original(state) } else { guarded_pattern(state) } }
}

/// Whether the value at `index` is a string that begins as compiled code does.
///
/// # Safety
/// In a C function of Lua; `index` is valid.
unsafe fn is_binary(state: *mut ffi::lua_State, index: c_int) -> bool {
    // SAFETY: as the caller promises; a string of Lua has at least its closing zero to read.
    unsafe {
        ffi::lua_type(state, index) == ffi::LUA_TSTRING
            && *ffi::lua_tolstring(state, index, std::ptr::null_mut()).cast::<u8>() == BINARY_MARK
    }
}

unsafe extern "C-unwind" fn guarded_loadstring(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: in a guard, with room for 20 values.
    unsafe {
        if is_binary(state, 1) {
            ffi::lua_pushnil(state);
            ffi::lua_pushstring_(state, BINARY.as_ptr());
            return 2;
        }
        run_original(state)
    }
}

/// `load` reads pieces from a function; the first one tells what they are.
unsafe extern "C-unwind" fn guarded_load(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: in a guard, with room for 20 values; the closure has two upvalues.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TFUNCTION);
        ffi::lua_pushvalue(state, 1);
        ffi::lua_pushboolean(state, 0);
        ffi::lua_pushcclosure(state, checked_piece, 2);
        ffi::lua_replace(state, 1);
        run_original(state)
    }
}

/// Calls upvalue 1 for a piece of code and looks at it if it is the first (upvalue 2 is false).
unsafe extern "C-unwind" fn checked_piece(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: in a C function with two upvalues and room for 20 values.
    unsafe {
        ffi::lua_settop(state, 0);
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(1));
        ffi::lua_call(state, 0, 1);
        if ffi::lua_toboolean(state, ffi::lua_upvalueindex(2)) == 0 {
            ffi::lua_pushboolean(state, 1);
            ffi::lua_replace(state, ffi::lua_upvalueindex(2));
            if is_binary(state, 1) {
                return ffi::luaL_error(state, BINARY.as_ptr());
            }
        }
        1
    }
}

/// `pcall` as scripts know it from before errors were tables: of an error table, the message is returned.
unsafe extern "C-unwind" fn plain_pcall(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: in a C function; the stack holds the function and its arguments, then its results or one error.
    unsafe {
        ffi::luaL_checkany(state, 1);
        let arguments = ffi::lua_gettop(state) - 1;
        let status = ffi::lua_pcall(state, arguments, ffi::LUA_MULTRET, 0);
        if status != ffi::LUA_OK && ffi::lua_type(state, -1) == ffi::LUA_TTABLE {
            ffi::lua_getfield_(state, -1, c"err".as_ptr());
            if ffi::lua_isstring(state, -1) != 0 {
                ffi::lua_replace(state, -2);
            } else {
                ffi::lua_settop(state, -2);
            }
        }
        ffi::lua_pushboolean(state, c_int::from(status == ffi::LUA_OK));
        ffi::lua_insert(state, 1);
        ffi::lua_gettop(state)
    }
}
