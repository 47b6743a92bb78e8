//! `bit`: operations on 32 bits (Lua BitOp 1.0).
//!
//! Numbers are taken modulo 2^32 and results are signed.

use crate::lua::{Fail, Stack};

/// Pushes the library's table.
pub(super) fn push(stack: &mut Stack<'_>) {
    super::push_functions(
        stack,
        &[
            ("tobit", |stack| unary(stack, |bits| bits)),
            ("bnot", |stack| unary(stack, |bits| !bits)),
            ("bswap", |stack| unary(stack, u32::swap_bytes)),
            ("band", |stack| fold(stack, |a, b| a & b)),
            ("bor", |stack| fold(stack, |a, b| a | b)),
            ("bxor", |stack| fold(stack, |a, b| a ^ b)),
            ("lshift", |stack| shift(stack, |bits, by| bits << by)),
            ("rshift", |stack| shift(stack, |bits, by| bits >> by)),
            ("arshift", |stack| shift(stack, |bits, by| (bits as i32 >> by) as u32)),
            ("rol", |stack| shift(stack, u32::rotate_left)),
            ("ror", |stack| shift(stack, u32::rotate_right)),
            ("tohex", tohex),
        ],
    );
}

/// Argument `index` modulo 2^32.
fn bits(stack: &Stack<'_>, index: usize) -> Result<u32, Fail> {
    // Adding 2^52 + 2^51 leaves the integer, rounded to even, in the low bits of a double.
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    Ok((stack.number_argument(index)? + SHIFT).to_bits() as u32)
}

fn push_bits(stack: &mut Stack<'_>, bits: u32) -> Result<usize, Fail> {
    stack.push_number(f64::from(bits as i32));
    Ok(1)
}

fn unary(stack: &mut Stack<'_>, operation: fn(u32) -> u32) -> Result<usize, Fail> {
    let result = operation(bits(stack, 1)?);
    push_bits(stack, result)
}

fn fold(stack: &mut Stack<'_>, operation: fn(u32, u32) -> u32) -> Result<usize, Fail> {
    let mut result = bits(stack, 1)?;
    for i in 2..=stack.top() as usize {
        result = operation(result, bits(stack, i)?);
    }
    push_bits(stack, result)
}

fn shift(stack: &mut Stack<'_>, operation: fn(u32, u32) -> u32) -> Result<usize, Fail> {
    let result = operation(bits(stack, 1)?, bits(stack, 2)? & 31);
    push_bits(stack, result)
}

/// bit.tohex(x [, n]): the lowest n digits, of capital letters when n is negative.
fn tohex(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    let value = bits(stack, 1)?;
    let digits = if stack.top() < 2 { 8 } else { bits(stack, 2)? as i32 };
    let text = if digits < 0 { format!("{value:08X}") } else { format!("{value:08x}") };
    let count = digits.unsigned_abs().min(8) as usize;
    stack.push_bytes(&text.as_bytes()[8 - count..]);
    Ok(1)
}
