//! The stack of a Lua state: how C, and here Rust, passes values to and from Lua.
//!
//! Every method is safe. Lua's functions used here raise no errors while memory is not bounded (see `memory`), as long
//! as indices are valid, tables are tables and keys are neither nil nor NaN; the methods see to that. Indices count
//! from 1, the bottom of the running function's part of the stack.

use std::any::TypeId;
use std::ffi::c_int;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;

use mlua_sys as ffi;

use super::function::{self, Native};
use super::state::Kept;
use crate::host::Host;

/// A value's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Absent,
    Nil,
    Boolean,
    Pointer,
    Number,
    String,
    Table,
    Function,
    Userdata,
    Thread,
}

impl Kind {
    /// Its name in Lua's words.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Absent => "no value",
            Kind::Nil => "nil",
            Kind::Boolean => "boolean",
            Kind::Number => "number",
            Kind::String => "string",
            Kind::Table => "table",
            Kind::Function => "function",
            Kind::Pointer | Kind::Userdata => "userdata",
            Kind::Thread => "thread",
        }
    }
}

/// The running function's part of a state's stack.
pub(crate) struct Stack<'a> {
    state: NonNull<ffi::lua_State>,
    host: PhantomData<&'a Host>,
}

/// A value of Rust in Lua's hands, to be found again by a function that has it as its upvalue.
#[repr(C)]
struct Data<T> {
    kind: TypeId,
    value: T,
}

impl<'a> Stack<'a> {
    /// The stack of `state`.
    ///
    /// # Safety
    /// `state` was made by [`super::Lua`], which outlives `'a`; its memory is not bounded while the stack is used.
    pub unsafe fn new(state: NonNull<ffi::lua_State>) -> Stack<'a> {
        Stack { state, host: PhantomData }
    }

    pub(super) fn raw(&self) -> *mut ffi::lua_State {
        self.state.as_ptr()
    }

    /// What belongs to the state.
    pub fn host(&self) -> &'a Host {
        // SAFETY: the state lives, and its host with it, for `'a`.
        unsafe { &*function::host_of(self.raw()) }
    }

    /// The index of the topmost value; 0 when there is none.
    pub fn top(&self) -> c_int {
        // SAFETY: reads only.
        unsafe { ffi::lua_gettop(self.raw()) }
    }

    /// Drops all values above `top`.
    pub fn truncate(&mut self, top: c_int) {
        assert!((0..=self.top()).contains(&top), "no such place on the stack");
        // SAFETY: the stack only gets shorter.
        unsafe { ffi::lua_settop(self.raw(), top) }
    }

    /// Drops the topmost value.
    pub fn pop(&mut self) {
        self.truncate(self.top() - 1);
    }

    /// Whether `count` more values fit; a function may hold 8000.
    pub fn has_room(&mut self, count: c_int) -> bool {
        // SAFETY: may allocate, which cannot fail while memory is not bounded.
        unsafe { ffi::lua_checkstack(self.raw(), count) != 0 }
    }

    /// Makes room for a value: a function that pushes without bound asks `has_room` before.
    fn reserve(&mut self) {
        assert!(self.has_room(2), "too many values on the stack");
    }

    fn check(&self, index: c_int) {
        assert!(index >= 1 && index <= self.top(), "no such place on the stack");
    }

    /// The type of the value at `index`, which may be above the top.
    pub fn kind(&self, index: c_int) -> Kind {
        assert!(index >= 1, "places count from 1");
        // SAFETY: any positive index may be asked for.
        match unsafe { ffi::lua_type(self.raw(), index) } {
            ffi::LUA_TNIL => Kind::Nil,
            ffi::LUA_TBOOLEAN => Kind::Boolean,
            ffi::LUA_TLIGHTUSERDATA => Kind::Pointer,
            ffi::LUA_TNUMBER => Kind::Number,
            ffi::LUA_TSTRING => Kind::String,
            ffi::LUA_TTABLE => Kind::Table,
            ffi::LUA_TFUNCTION => Kind::Function,
            ffi::LUA_TUSERDATA => Kind::Userdata,
            ffi::LUA_TTHREAD => Kind::Thread,
            _ => Kind::Absent,
        }
    }

    /// The bytes of the string at `index`; `None` for all else, numbers too.
    pub fn bytes(&self, index: c_int) -> Option<&[u8]> {
        if self.kind(index) != Kind::String {
            return None;
        }
        let mut len = 0;
        // SAFETY: a string is neither changed nor freed while it is on the stack, and for that this borrow sees: all
        // that takes values off needs it exclusively.
        unsafe {
            let start = ffi::lua_tolstring(self.raw(), index, &raw mut len).cast::<u8>();
            Some(slice::from_raw_parts(start, len))
        }
    }

    /// Makes a number at `index` the string that Lua prints for it; then the bytes, as [`Stack::bytes`].
    pub fn text(&mut self, index: c_int) -> Option<&[u8]> {
        if self.kind(index) == Kind::Number {
            // SAFETY: converts the number in place.
            unsafe { ffi::lua_tolstring(self.raw(), index, ptr::null_mut()) };
        }
        self.bytes(index)
    }

    /// The number at `index`, also where it is written as a string.
    pub fn number(&self, index: c_int) -> Option<f64> {
        assert!(index >= 1, "places count from 1");
        // SAFETY: reads only.
        unsafe { (ffi::lua_isnumber(self.raw(), index) != 0).then(|| ffi::lua_tonumber(self.raw(), index)) }
    }

    /// Whether the value at `index` is true: all but nil and false.
    pub fn boolean(&self, index: c_int) -> bool {
        assert!(index >= 1, "places count from 1");
        // SAFETY: reads only.
        unsafe { ffi::lua_toboolean(self.raw(), index) != 0 }
    }

    /// Whether the value at `index` is the null pointer, `cjson.null`.
    pub fn is_null(&self, index: c_int) -> bool {
        // SAFETY: reads only.
        self.kind(index) == Kind::Pointer && unsafe { ffi::lua_touserdata(self.raw(), index) }.is_null()
    }

    pub fn push_nil(&mut self) {
        self.reserve();
        // SAFETY: there is room.
        unsafe { ffi::lua_pushnil(self.raw()) }
    }

    pub fn push_boolean(&mut self, value: bool) {
        self.reserve();
        // SAFETY: there is room.
        unsafe { ffi::lua_pushboolean(self.raw(), c_int::from(value)) }
    }

    pub fn push_number(&mut self, value: f64) {
        self.reserve();
        // SAFETY: there is room.
        unsafe { ffi::lua_pushnumber(self.raw(), value) }
    }

    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.reserve();
        // SAFETY: there is room; the bytes are copied.
        unsafe { ffi::lua_pushlstring_(self.raw(), bytes.as_ptr().cast(), bytes.len()) }
    }

    /// Pushes the null pointer.
    pub fn push_null(&mut self) {
        self.reserve();
        // SAFETY: there is room.
        unsafe { ffi::lua_pushlightuserdata(self.raw(), ptr::null_mut()) }
    }

    /// Pushes the value at `index` once more.
    pub fn push_copy(&mut self, index: c_int) {
        self.check(index);
        self.reserve();
        // SAFETY: there is room, and the value is there.
        unsafe { ffi::lua_pushvalue(self.raw(), index) }
    }

    /// Pushes an empty table with room for `items` in sequence and `fields` others.
    pub fn push_table(&mut self, items: usize, fields: usize) {
        // What a reply announces is there, so such a room is used; more grows as it comes.
        const ROOM_MAX: usize = 1 << 20;
        self.reserve();
        let room = |count: usize| count.min(ROOM_MAX) as c_int;
        // SAFETY: there is room on the stack.
        unsafe { ffi::lua_createtable(self.raw(), room(items), room(fields)) }
    }

    /// Pushes `native` as a function of Lua.
    pub fn push_function(&mut self, native: Native) {
        self.reserve();
        // SAFETY: there is room for the upvalue, which the closure takes.
        unsafe {
            ffi::lua_pushlightuserdata(self.raw(), native as *mut _);
            ffi::lua_pushcclosure(self.raw(), function::trampoline, 1);
        }
    }

    /// Pushes `native` with the value on top, which it takes, as its own: see [`Stack::own`].
    pub fn push_function_owning(&mut self, native: Native) {
        self.check(self.top());
        self.reserve();
        // SAFETY: there is room; the closure takes both upvalues.
        unsafe {
            ffi::lua_pushlightuserdata(self.raw(), native as *mut _);
            ffi::lua_insert(self.raw(), -2);
            ffi::lua_pushcclosure(self.raw(), function::trampoline, 2);
        }
    }

    /// Pushes `value` as a userdata, for [`Stack::push_function_owning`].
    pub fn push_data<T: Copy + 'static>(&mut self, value: T) {
        self.reserve();
        // SAFETY: the block is large enough and, as all blocks, aligned for any type of C, which `T` is not above.
        unsafe {
            const { assert!(align_of::<Data<T>>() <= 8) };
            let block = ffi::lua_newuserdata(self.raw(), size_of::<Data<T>>()).cast::<Data<T>>();
            block.write(Data { kind: TypeId::of::<T>(), value });
        }
    }

    /// The running function's own value; `None` when it has none of this type.
    pub fn own<T: Copy + 'static>(&self) -> Option<T> {
        // SAFETY: `own_block` gives a block with a value of this type.
        self.own_block::<T>().map(|block| unsafe { (*block).value })
    }

    /// Changes the running function's own value.
    pub fn set_own<T: Copy + 'static>(&mut self, value: T) {
        if let Some(block) = self.own_block::<T>() {
            // SAFETY: as above.
            unsafe { (*block).value = value };
        }
    }

    fn own_block<T: 'static>(&self) -> Option<*mut Data<T>> {
        let index = ffi::lua_upvalueindex(2);
        // SAFETY: an upvalue's index may be asked for whether it is there or not. Only `push_data` makes userdata, and
        // each begins with its type.
        unsafe {
            if ffi::lua_type(self.raw(), index) != ffi::LUA_TUSERDATA {
                return None;
            }
            let block = ffi::lua_touserdata(self.raw(), index).cast::<Data<T>>();
            ((*block.cast::<TypeId>()) == TypeId::of::<T>()).then_some(block)
        }
    }

    fn check_table(&self, table: c_int) {
        assert!(self.kind(table) == Kind::Table, "not a table");
    }

    /// Puts the value of the key on top in its place, without metamethods.
    pub fn get(&mut self, table: c_int) {
        self.check_table(table);
        self.check(self.top());
        // SAFETY: it is a table, and a key is on top.
        unsafe { ffi::lua_rawget_(self.raw(), table) }
    }

    /// Pushes field `name`, without metamethods.
    pub fn get_field(&mut self, table: c_int, name: &str) {
        self.push_bytes(name.as_bytes());
        self.get(table);
    }

    /// Pushes item `index`, without metamethods.
    pub fn get_item(&mut self, table: c_int, index: usize) {
        self.check_table(table);
        self.reserve();
        // SAFETY: it is a table, and there is room.
        unsafe { ffi::lua_rawgeti_(self.raw(), table, index as c_int) }
    }

    /// Sets the key below the top to the value on top and takes both; not when the key is nil or NaN, which no table
    /// holds.
    pub fn set(&mut self, table: c_int) {
        self.check_table(table);
        let top = self.top();
        self.check(top - 1);
        let fits = match self.kind(top - 1) {
            Kind::Nil => false,
            Kind::Number => self.number(top - 1).is_some_and(|number| !number.is_nan()),
            _ => true,
        };
        if !fits {
            return self.truncate(top - 2);
        }
        // SAFETY: it is a table; key and value are on top, and the key is one that tables take.
        unsafe { ffi::lua_rawset(self.raw(), table) }
    }

    /// Sets field `name` to the value on top and takes it.
    pub fn set_field(&mut self, table: c_int, name: &str) {
        self.check(self.top());
        self.push_bytes(name.as_bytes());
        // SAFETY: two values are on top; they change places.
        unsafe { ffi::lua_insert(self.raw(), -2) };
        self.set(table);
    }

    /// Sets item `index` to the value on top and takes it.
    pub fn set_item(&mut self, table: c_int, index: usize) {
        self.check_table(table);
        self.check(self.top());
        // SAFETY: it is a table, and a value is on top.
        unsafe { ffi::lua_rawseti_(self.raw(), table, index as c_int) }
    }

    /// Calls `each` for every pair of a table, the key below the value on top; `each` leaves the stack as high as it
    /// was, and the table's keys as they are. Ends at the first error.
    pub fn each_pair<E>(
        &mut self,
        table: c_int,
        mut each: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.check_table(table);
        self.push_nil();
        let key = self.top();
        loop {
            self.reserve();
            // SAFETY: it is a table; the key is nil at first, then the one that the last step left.
            if unsafe { ffi::lua_next(self.raw(), table) } == 0 {
                return Ok(());
            }
            let result = each(self);
            assert_eq!(self.top(), key + 1, "a pair was taken off the stack");
            self.truncate(if result.is_ok() { key } else { key - 1 });
            result?;
        }
    }

    /// Moves the value on top to `index`.
    pub fn insert(&mut self, index: c_int) {
        self.check(index);
        // SAFETY: the place is there.
        unsafe { ffi::lua_insert(self.raw(), index) }
    }

    /// Makes the table on top the metatable of the one at `table`, and takes it.
    pub fn set_metatable(&mut self, table: c_int) {
        self.check_table(table);
        self.check_table(self.top());
        // SAFETY: both are tables.
        unsafe { ffi::lua_setmetatable(self.raw(), table) };
    }

    /// Keeps the value on top, which is taken, until [`Stack::release`].
    pub fn keep(&mut self) -> Kept {
        self.check(self.top());
        // SAFETY: a value is on top; the registry is a table.
        Kept(unsafe { ffi::luaL_ref(self.raw(), ffi::LUA_REGISTRYINDEX) })
    }

    /// Pushes a kept value.
    pub fn push_kept(&mut self, kept: &Kept) {
        self.reserve();
        // SAFETY: the registry is a table, and there is room.
        unsafe { ffi::lua_rawgeti_(self.raw(), ffi::LUA_REGISTRYINDEX, kept.0) }
    }

    /// Keeps a value no longer; to be said once.
    pub fn release(&mut self, kept: &Kept) {
        // SAFETY: the registry is a table; a place given back twice would be used twice, which Lua survives.
        unsafe { ffi::luaL_unref(self.raw(), ffi::LUA_REGISTRYINDEX, kept.0) }
    }
}
