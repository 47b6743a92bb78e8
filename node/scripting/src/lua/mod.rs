//! Lua 5.1, made safe to use from Rust.
//!
//! The binding (`mlua-sys`, which builds Lua itself) is C's interface: errors leave by `longjmp` over the frames of
//! whoever called, indices are not checked, strings are borrowed from the collector. Everything unsafe about that is in
//! this folder; what is built on it (Redis's functions, the libraries, the conversions) is plain safe Rust.
//!
//! mlua's own safe layer is not used: it keeps each value it hands out in a stack of 8000 places and panics when they
//! are used up, which a script can bring about, and its errors are userdata where scripts expect strings and tables.

mod debug;
mod function;
mod hook;
mod memory;
mod protect;
mod stack;
mod state;

pub(crate) use function::{Fail, Native};
pub(crate) use hook::Hook;
pub(crate) use memory::Memory;
pub(crate) use protect::Protection;
pub(crate) use stack::{Kind, Stack};
pub(crate) use state::{CallError, Kept, Lua};
