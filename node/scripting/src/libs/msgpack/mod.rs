//! `cmsgpack`: MessagePack to and from Lua's values (lua-cmsgpack 0.4).

mod pack;
mod unpack;

use crate::lua::Stack;

/// Pushes the library's table.
pub(super) fn push(stack: &mut Stack<'_>) {
    super::push_functions(
        stack,
        &[
            ("pack", pack::pack),
            ("unpack", unpack::unpack),
            ("unpack_one", unpack::unpack_one),
            ("unpack_limit", unpack::unpack_limit),
        ],
    );
    let table = stack.top();
    stack.push_bytes(b"cmsgpack");
    stack.set_field(table, "_NAME");
    stack.push_bytes(b"lua-cmsgpack 0.4.0");
    stack.set_field(table, "_VERSION");
}
