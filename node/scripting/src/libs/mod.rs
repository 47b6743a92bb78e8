//! The libraries that scripts of Redis find besides Lua's own: `cjson`, `cmsgpack`, `bit`, `struct`.
//!
//! Each follows the C library that Redis has under this name, in what it accepts, produces and complains about.

mod bit;
mod json;
pub(crate) mod math;
mod msgpack;
mod structs;

use std::ffi::c_int;

use crate::lua::{Native, Stack};

/// Pushes a library's table.
type Push = fn(&mut Stack<'_>);

/// Each library.
pub(crate) const ALL: &[(&str, Push)] =
    &[("cjson", json::push), ("cmsgpack", msgpack::push), ("bit", bit::push), ("struct", structs::push)];

/// Pushes a table of functions.
fn push_functions(stack: &mut Stack<'_>, functions: &[(&str, Native)]) {
    stack.push_table(0, functions.len());
    let table = stack.top();
    fill(stack, table, functions);
}

/// Adds functions to a table.
fn fill(stack: &mut Stack<'_>, table: c_int, functions: &[(&str, Native)]) {
    for (name, native) in functions {
        stack.push_function(*native);
        stack.set_field(table, name);
    }
}
