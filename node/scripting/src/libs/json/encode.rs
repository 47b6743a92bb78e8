//! Lua's values to JSON.
//!
//! A table is an array when all its keys are integers from 1 on and it is not too sparse; an empty one is an object.

use std::ffi::c_int;

use super::{InvalidNumbers, Settings, settings};
use crate::lua::{Fail, Kind, Stack};
use crate::number::format_general;

/// cjson.encode(value)
pub(super) fn encode(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    if stack.top() != 1 {
        return Err(Fail::Argument(1, "expected 1 argument".to_owned()));
    }
    let mut encoder = Encoder { settings: settings(stack), out: Vec::with_capacity(64) };
    encoder.value(stack, 1, 0)?;
    stack.push_bytes(&encoder.out);
    Ok(1)
}

struct Encoder {
    settings: Settings,
    out: Vec<u8>,
}

impl Encoder {
    /// Writes the value at `index`, inside `depth` tables.
    fn value(&mut self, stack: &mut Stack<'_>, index: c_int, depth: i32) -> Result<(), Fail> {
        stack.check_memory(self.out.len())?;
        match stack.kind(index) {
            Kind::String => self.string(stack.bytes(index).unwrap_or_default()),
            Kind::Number => self.number(stack.number(index).unwrap_or_default())?,
            Kind::Boolean => {
                self.out.extend_from_slice(if stack.boolean(index) { b"true" } else { b"false" })
            }
            Kind::Table => self.table(stack, index, depth + 1)?,
            Kind::Nil => self.out.extend_from_slice(b"null"),
            Kind::Pointer if stack.is_null(index) => self.out.extend_from_slice(b"null"),
            other => return Err(refused(other, "type not supported")),
        }
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        self.out.reserve(text.len() + 2);
        self.out.push(b'"');
        for byte in text {
            let escape = match byte {
                b'"' => b'"',
                b'\\' => b'\\',
                b'/' => b'/',
                0x08 => b'b',
                b'\t' => b't',
                b'\n' => b'n',
                0x0c => b'f',
                b'\r' => b'r',
                0..=0x1f | 0x7f => {
                    self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                    continue;
                }
                plain => {
                    self.out.push(*plain);
                    continue;
                }
            };
            self.out.extend_from_slice(&[b'\\', escape]);
        }
        self.out.push(b'"');
    }

    fn number(&mut self, number: f64) -> Result<(), Fail> {
        match (number.is_finite(), self.settings.encode_invalid_numbers) {
            (false, InvalidNumbers::Refused) => return Err(refused(Kind::Number, "must not be NaN or Inf")),
            (false, InvalidNumbers::Null) => self.out.extend_from_slice(b"null"),
            (false, InvalidNumbers::Written) if number.is_nan() => self.out.extend_from_slice(b"nan"),
            _ => {
                let precision = self.settings.encode_number_precision as usize;
                self.out.extend_from_slice(format_general(number, precision).as_bytes());
            }
        }
        Ok(())
    }

    fn table(&mut self, stack: &mut Stack<'_>, table: c_int, depth: i32) -> Result<(), Fail> {
        if depth > self.settings.encode_max_depth || !stack.has_room(6) {
            return Err(Fail::Text(format!("Cannot serialise, excessive nesting ({depth})")));
        }
        match self.array_length(stack, table)? {
            Some(len) if len > 0 => self.array(stack, table, len, depth),
            _ => self.object(stack, table, depth),
        }
    }

    /// The length of the array that a table is; `None` when it is none.
    fn array_length(&self, stack: &mut Stack<'_>, table: c_int) -> Result<Option<usize>, Fail> {
        let (mut max, mut items) = (0f64, 0f64);
        let all_integers = stack.each_pair(table, |stack| {
            let key = stack.top() - 1;
            let number = stack.number(key).filter(|_| stack.kind(key) == Kind::Number);
            let index = number.filter(|number| number.fract() == 0.0 && *number >= 1.0).ok_or(())?;
            max = max.max(index);
            items += 1.0;
            Ok(())
        });
        if all_integers == Err(()) {
            return Ok(None);
        }
        let ratio = f64::from(self.settings.sparse_ratio);
        if ratio > 0.0 && max > items * ratio && max > f64::from(self.settings.sparse_safe) {
            if !self.settings.sparse_convert {
                return Err(refused(Kind::Table, "excessively sparse array"));
            }
            return Ok(None);
        }
        Ok(Some(max as usize))
    }

    fn array(&mut self, stack: &mut Stack<'_>, table: c_int, len: usize, depth: i32) -> Result<(), Fail> {
        for i in 1..=len {
            self.out.push(if i == 1 { b'[' } else { b',' });
            stack.get_item(table, i);
            let item = stack.top();
            self.value(stack, item, depth)?;
            stack.pop();
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, stack: &mut Stack<'_>, table: c_int, depth: i32) -> Result<(), Fail> {
        self.out.push(b'{');
        let mut is_first = true;
        stack.each_pair(table, |stack| {
            if !std::mem::take(&mut is_first) {
                self.out.push(b',');
            }
            let (key, value) = (stack.top() - 1, stack.top());
            match stack.kind(key) {
                Kind::String => self.string(stack.bytes(key).unwrap_or_default()),
                Kind::Number => {
                    self.out.push(b'"');
                    self.number(stack.number(key).unwrap_or_default())?;
                    self.out.push(b'"');
                }
                other => return Err(refused(other, "table key must be a number or string")),
            }
            self.out.push(b':');
            self.value(stack, value, depth)
        })?;
        self.out.push(b'}');
        Ok(())
    }
}

fn refused(kind: Kind, reason: &str) -> Fail {
    Fail::Text(format!("Cannot serialise {}: {reason}", kind.name()))
}
