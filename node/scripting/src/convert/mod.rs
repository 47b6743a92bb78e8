//! Between RESP and Lua's values.

mod to_lua;
mod to_reply;

pub(crate) use to_lua::{error_text, push_reply};
pub(crate) use to_reply::{error_line, write_reply};
