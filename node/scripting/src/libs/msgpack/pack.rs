//! Lua's values to MessagePack: each in the shortest form that holds it.

use std::ffi::c_int;

use crate::lua::{Fail, Kind, Stack};
use crate::number::as_integer;

/// Tables nested deeper are packed as nil.
const NESTING_MAX: usize = 16;

/// cmsgpack.pack(value, ...)
pub(super) fn pack(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    let count = stack.top();
    if count == 0 {
        return Err(Fail::Argument(0, "MessagePack pack needs input.".to_owned()));
    }
    let mut out = Vec::with_capacity(64);
    for i in 1..=count {
        value(stack, i, 0, &mut out)?;
    }
    stack.push_bytes(&out);
    Ok(1)
}

fn value(stack: &mut Stack<'_>, index: c_int, depth: usize, out: &mut Vec<u8>) -> Result<(), Fail> {
    stack.check_memory(out.len())?;
    match stack.kind(index) {
        Kind::String => string(stack.bytes(index).unwrap_or_default(), out),
        Kind::Boolean => out.push(if stack.boolean(index) { 0xc3 } else { 0xc2 }),
        Kind::Number => number(stack.number(index).unwrap_or_default(), out),
        Kind::Table if depth < NESTING_MAX => table(stack, index, depth, out)?,
        _ => out.push(0xc0),
    }
    Ok(())
}

/// A header: `short`, which takes a length below `room`, or one of the others with one, two or four bytes of length.
fn header(len: usize, room: usize, short: u8, [one, two, four]: [Option<u8>; 3], out: &mut Vec<u8>) {
    match (len, one, two, four) {
        (len, ..) if len < room => out.push(short | len as u8),
        (0..=0xff, Some(mark), ..) => out.extend_from_slice(&[mark, len as u8]),
        (0..=0xffff, _, Some(mark), _) => {
            out.push(mark);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        (_, _, _, mark) => {
            out.extend(mark);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }
}

fn string(text: &[u8], out: &mut Vec<u8>) {
    header(text.len(), 32, 0xa0, [Some(0xd9), Some(0xda), Some(0xdb)], out);
    out.extend_from_slice(text);
}

fn number(number: f64, out: &mut Vec<u8>) {
    match as_integer(number) {
        Some(integer) => self::integer(integer, out),
        None if f64::from(number as f32) == number => {
            out.push(0xca);
            out.extend_from_slice(&(number as f32).to_be_bytes());
        }
        None => {
            out.push(0xcb);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

fn integer(integer: i64, out: &mut Vec<u8>) {
    let bytes = integer.to_be_bytes();
    let (mark, len) = match integer {
        -32..=127 => return out.push(integer as u8),
        128..=0xff => (0xcc, 1),
        0x100..=0xffff => (0xcd, 2),
        0x1_0000..=0xffff_ffff => (0xce, 4),
        0x1_0000_0000.. => (0xcf, 8),
        -0x80..=-33 => (0xd0, 1),
        -0x8000..=-0x81 => (0xd1, 2),
        -0x8000_0000..=-0x8001 => (0xd2, 4),
        _ => (0xd3, 8),
    };
    out.push(mark);
    out.extend_from_slice(&bytes[8 - len..]);
}

fn table(stack: &mut Stack<'_>, table: c_int, depth: usize, out: &mut Vec<u8>) -> Result<(), Fail> {
    if !stack.has_room(4) {
        return Err(Fail::Text("stack overflow (in function mp_encode_lua_table_as_map)".to_owned()));
    }
    let (mut pairs, mut max, mut is_array) = (0usize, 0f64, true);
    let _ = stack.each_pair(table, |stack| -> Result<(), ()> {
        let key = stack.top() - 1;
        let number = stack.number(key).filter(|_| stack.kind(key) == Kind::Number);
        let index = number.filter(|n| *n > 0.0 && as_integer(*n).is_some_and(|i| i32::try_from(i).is_ok()));
        is_array &= index.is_some();
        max = max.max(index.unwrap_or_default());
        pairs += 1;
        Ok(())
    });
    if is_array && max == pairs as f64 {
        header(pairs, 16, 0x90, [None, Some(0xdc), Some(0xdd)], out);
        for i in 1..=pairs {
            stack.get_item(table, i);
            let item = stack.top();
            value(stack, item, depth + 1, out)?;
            stack.pop();
        }
        return Ok(());
    }
    header(pairs, 16, 0x80, [None, Some(0xde), Some(0xdf)], out);
    stack.each_pair(table, |stack| {
        let (key, item) = (stack.top() - 1, stack.top());
        value(stack, key, depth + 1, out)?;
        value(stack, item, depth + 1, out)
    })
}
