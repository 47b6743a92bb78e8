//! `cjson`: JSON to and from Lua's values (lua-cjson 2.1).
//!
//! Settings belong to the table of functions: `cjson.new()` makes another one with its own.

mod decode;
mod encode;

use std::ffi::c_int;

use crate::lua::{Fail, Kind, Native, Stack};

/// How it encodes and decodes.
#[derive(Debug, Clone, Copy)]
struct Settings {
    sparse_convert: bool,
    sparse_ratio: i32,
    sparse_safe: i32,
    encode_max_depth: i32,
    decode_max_depth: i32,
    encode_invalid_numbers: InvalidNumbers,
    decode_invalid_numbers: bool,
    encode_keep_buffer: bool,
    encode_number_precision: i32,
}

/// What becomes of NaN and infinities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InvalidNumbers {
    Refused,
    Written,
    Null,
}

const DEFAULTS: Settings = Settings {
    sparse_convert: false,
    sparse_ratio: 2,
    sparse_safe: 10,
    encode_max_depth: 1000,
    decode_max_depth: 1000,
    encode_invalid_numbers: InvalidNumbers::Refused,
    decode_invalid_numbers: true,
    encode_keep_buffer: true,
    encode_number_precision: 14,
};

const FUNCTIONS: &[(&str, Native)] = &[
    ("encode", encode::encode),
    ("decode", decode::decode),
    ("encode_sparse_array", encode_sparse_array),
    ("encode_max_depth", |stack| number(stack, 1, i32::MAX, |settings| &mut settings.encode_max_depth)),
    ("decode_max_depth", |stack| number(stack, 1, i32::MAX, |settings| &mut settings.decode_max_depth)),
    ("encode_number_precision", |stack| {
        number(stack, 1, 14, |settings| &mut settings.encode_number_precision)
    }),
    ("encode_keep_buffer", |stack| switch(stack, |settings| &mut settings.encode_keep_buffer)),
    ("encode_invalid_numbers", encode_invalid_numbers),
    ("decode_invalid_numbers", |stack| switch(stack, |settings| &mut settings.decode_invalid_numbers)),
    ("new", new),
];

/// Pushes the library's table.
pub(super) fn push(stack: &mut Stack<'_>) {
    stack.push_table(0, FUNCTIONS.len() + 3);
    let table = stack.top();
    stack.push_data(DEFAULTS);
    let settings = stack.top();
    for (name, native) in FUNCTIONS {
        stack.push_copy(settings);
        stack.push_function_owning(*native);
        stack.set_field(table, name);
    }
    stack.pop();
    stack.push_null();
    stack.set_field(table, "null");
    stack.push_bytes(b"cjson");
    stack.set_field(table, "_NAME");
    stack.push_bytes(b"2.1.0");
    stack.set_field(table, "_VERSION");
}

/// cjson.new()
fn new(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    push(stack);
    Ok(1)
}

fn settings(stack: &Stack<'_>) -> Settings {
    stack.own().unwrap_or(DEFAULTS)
}

/// At most `most` arguments.
fn limit_arguments(stack: &Stack<'_>, most: usize) -> Result<(), Fail> {
    if stack.top() as usize > most {
        return Err(Fail::Argument(most + 1, "found too many arguments".to_owned()));
    }
    Ok(())
}

fn is_given(stack: &Stack<'_>, index: c_int) -> bool {
    !matches!(stack.kind(index), Kind::Absent | Kind::Nil)
}

/// An integer setting: sets it where an argument is given, and returns it.
fn number(
    stack: &mut Stack<'_>,
    min: i32,
    max: i32,
    field: fn(&mut Settings) -> &mut i32,
) -> Result<usize, Fail> {
    limit_arguments(stack, 1)?;
    let mut settings = settings(stack);
    set_number(stack, 1, min, max, field(&mut settings))?;
    stack.set_own(settings);
    Ok(1)
}

fn set_number(stack: &mut Stack<'_>, index: usize, min: i32, max: i32, field: &mut i32) -> Result<(), Fail> {
    if is_given(stack, index as c_int) {
        let value = stack.integer_argument(index, None)?;
        if value < i64::from(min) || value > i64::from(max) {
            return Err(Fail::Argument(1, format!("expected integer between {min} and {max}")));
        }
        *field = value as i32;
    }
    stack.push_number(f64::from(*field));
    Ok(())
}

/// A setting that is on or off.
fn switch(stack: &mut Stack<'_>, field: fn(&mut Settings) -> &mut bool) -> Result<usize, Fail> {
    limit_arguments(stack, 1)?;
    let mut settings = settings(stack);
    set_switch(stack, 1, field(&mut settings))?;
    stack.set_own(settings);
    Ok(1)
}

fn set_switch(stack: &mut Stack<'_>, index: usize, field: &mut bool) -> Result<(), Fail> {
    if is_given(stack, index as c_int) {
        *field = choice(stack, index, &["off", "on"])? == 1;
    }
    stack.push_boolean(*field);
    Ok(())
}

/// Which of `words` argument `index` is; booleans are the first two.
fn choice(stack: &mut Stack<'_>, index: usize, words: &[&str]) -> Result<usize, Fail> {
    if stack.kind(index as c_int) == Kind::Boolean {
        return Ok(usize::from(stack.boolean(index as c_int)));
    }
    let text = stack.text_argument(index)?;
    let found = words.iter().position(|word| word.as_bytes() == text);
    found.ok_or_else(|| Fail::Argument(index, format!("invalid option '{}'", String::from_utf8_lossy(text))))
}

fn encode_sparse_array(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    limit_arguments(stack, 3)?;
    let mut settings = settings(stack);
    while stack.top() < 3 {
        stack.push_nil();
    }
    set_switch(stack, 1, &mut settings.sparse_convert)?;
    set_number(stack, 2, 0, i32::MAX, &mut settings.sparse_ratio)?;
    set_number(stack, 3, 0, i32::MAX, &mut settings.sparse_safe)?;
    stack.set_own(settings);
    Ok(3)
}

fn encode_invalid_numbers(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    limit_arguments(stack, 1)?;
    let mut settings = settings(stack);
    if is_given(stack, 1) {
        settings.encode_invalid_numbers = match choice(stack, 1, &["off", "on", "null"])? {
            0 => InvalidNumbers::Refused,
            1 => InvalidNumbers::Written,
            _ => InvalidNumbers::Null,
        };
        stack.set_own(settings);
    }
    match settings.encode_invalid_numbers {
        InvalidNumbers::Null => stack.push_bytes(b"null"),
        other => stack.push_boolean(other == InvalidNumbers::Written),
    }
    Ok(1)
}
