//! `struct`: numbers and strings as C structures lay them out (Roberto Ierusalimschy's `struct` 0.2).
//!
//! A format is a sequence of options: `b B h H l L T i[n] I[n]` integers, `f d` floats, `s` a string ended by zero,
//! `c[n]` n bytes (`c0`: as many as the number before tells), `x` a byte of padding, `> <` the order of bytes, `![n]`
//! alignment.

use crate::lua::{Fail, Kind, Stack};

/// Pushes the library's table.
pub(super) fn push(stack: &mut Stack<'_>) {
    super::push_functions(stack, &[("pack", pack), ("unpack", unpack), ("size", size)]);
}

/// Largest integer, in bytes.
const INTEGER_MAX: usize = 32;
/// Bytes of an integer that carry its value; the rest are its sign or zeros.
const VALUE_BYTES: usize = 8;
const ALIGN_MAX: usize = 8;

/// A format, read option by option.
struct Format {
    text: Vec<u8>,
    at: usize,
    is_big_endian: bool,
    align: usize,
}

impl Format {
    fn of_argument(stack: &mut Stack<'_>) -> Result<Format, Fail> {
        let text = stack.text_argument(1)?;
        let end = text.iter().position(|b| *b == 0).unwrap_or(text.len());
        Ok(Format { text: text[..end].to_vec(), at: 0, is_big_endian: cfg!(target_endian = "big"), align: 1 })
    }

    /// The next option and its size in bytes.
    fn next(&mut self) -> Result<Option<(u8, usize)>, Fail> {
        let Some(option) = self.text.get(self.at).copied() else { return Ok(None) };
        self.at += 1;
        let size = match option {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'f' => 4,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'c' => self.number(1)?,
            b'i' | b'I' => match self.number(4)? {
                size if size > INTEGER_MAX => {
                    return Err(Fail::Text(format!(
                        "integral size {size} is larger than limit of {INTEGER_MAX}"
                    )));
                }
                size => size,
            },
            _ => 0,
        };
        Ok(Some((option, size)))
    }

    /// The number that stands here; `default` where none does.
    fn number(&mut self, default: usize) -> Result<usize, Fail> {
        let digits = self.text[self.at..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return Ok(default);
        }
        let text = &self.text[self.at..self.at + digits];
        self.at += digits;
        let number = text
            .iter()
            .try_fold(0i32, |number, digit| number.checked_mul(10)?.checked_add(i32::from(digit - b'0')));
        number.map(|n| n as usize).ok_or_else(|| Fail::Text("integral size overflow".to_owned()))
    }

    /// Bytes of padding before an option of `size` bytes at `position`.
    fn padding(&self, position: usize, option: u8, size: usize) -> usize {
        if size == 0 || option == b'c' {
            return 0;
        }
        // As in C, where the size is taken for a power of two.
        let align = size.min(self.align);
        (align.wrapping_sub(position & (align - 1))) & (align - 1)
    }

    /// Obeys an option that is no item.
    fn control(&mut self, option: u8) -> Result<(), Fail> {
        match option {
            b' ' => {}
            b'>' => self.is_big_endian = true,
            b'<' => self.is_big_endian = false,
            b'!' => {
                let align = self.number(ALIGN_MAX)?;
                if !align.is_power_of_two() {
                    return Err(Fail::Text(format!("alignment {align} is not a power of 2")));
                }
                self.align = align;
            }
            other => {
                return Err(Fail::Argument(1, format!("invalid format option '{}'", char::from(other))));
            }
        }
        Ok(())
    }

    /// Bytes in the format's order, from the lowest on.
    fn ordered<const N: usize>(&self, mut little: [u8; N]) -> [u8; N] {
        if self.is_big_endian {
            little.reverse();
        }
        little
    }
}

/// struct.pack(format, value, ...)
fn pack(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    let mut format = Format::of_argument(stack)?;
    // The C library finds a nil behind the last argument.
    stack.push_nil();
    let (mut out, mut argument) = (Vec::new(), 2);
    while let Some((option, size)) = format.next()? {
        let padding = format.padding(out.len(), option, size);
        stack.check_memory(out.len() + padding)?;
        out.resize(out.len() + padding, 0);
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                push_integer(&mut out, stack.number_argument(argument)?, size, format.is_big_endian);
                argument += 1;
            }
            b'x' => out.push(0),
            b'f' => {
                out.extend(format.ordered((stack.number_argument(argument)? as f32).to_le_bytes()));
                argument += 1;
            }
            b'd' => {
                out.extend(format.ordered(stack.number_argument(argument)?.to_le_bytes()));
                argument += 1;
            }
            b'c' | b's' => {
                let text = stack.text_argument(argument)?;
                argument += 1;
                let size = if size == 0 { text.len() } else { size };
                let bytes = text.get(..size);
                let bytes = bytes.ok_or_else(|| Fail::Argument(argument, "string too short".to_owned()))?;
                out.extend_from_slice(bytes);
                if option == b's' {
                    out.push(0);
                }
            }
            other => format.control(other)?,
        }
    }
    stack.push_bytes(&out);
    Ok(1)
}

fn push_integer(out: &mut Vec<u8>, number: f64, size: usize, is_big_endian: bool) {
    let value = if number < 0.0 { number as i64 as u64 } else { number as u64 };
    let start = out.len();
    out.extend((0..size).map(|i| if i < VALUE_BYTES { (value >> (8 * i)) as u8 } else { 0 }));
    if is_big_endian {
        out[start..].reverse();
    }
}

fn read_integer(bytes: &[u8], is_signed: bool, is_big_endian: bool) -> f64 {
    let byte = |i: usize| bytes[if is_big_endian { bytes.len() - 1 - i } else { i }];
    let used = bytes.len().min(VALUE_BYTES);
    let value = (0..used).fold(0u64, |value, i| value | u64::from(byte(i)) << (8 * i));
    if !is_signed {
        return value as f64;
    }
    let unused = 64 - 8 * used as u32;
    if unused == 64 { 0.0 } else { ((value << unused) as i64 >> unused) as f64 }
}

/// struct.unpack(format, text [, from]): the values and where the next one begins.
fn unpack(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    let mut format = Format::of_argument(stack)?;
    let data = stack.text_argument(2)?.to_vec();
    let from = stack.integer_argument(3, Some(1))?;
    if from <= 0 {
        return Err(Fail::Argument(3, "offset must be 1 or greater".to_owned()));
    }
    let mut position = from as usize - 1;
    let first = stack.top();
    while let Some((option, mut size)) = format.next()? {
        position = position.saturating_add(format.padding(position, option, size));
        let bytes = item(&data, position, size)?;
        if !stack.has_room(2) {
            return Err(Fail::Text("stack overflow (too many results)".to_owned()));
        }
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                stack.push_number(read_integer(bytes, option.is_ascii_lowercase(), format.is_big_endian));
            }
            b'x' => {}
            b'f' => {
                let bytes = bytes.try_into().unwrap_or_default();
                stack.push_number(f64::from(f32::from_le_bytes(format.ordered::<4>(bytes))));
            }
            b'd' => {
                let bytes = bytes.try_into().unwrap_or_default();
                stack.push_number(f64::from_le_bytes(format.ordered::<8>(bytes)));
            }
            b'c' => {
                if size == 0 {
                    size = take_size(stack, first)?;
                }
                stack.push_bytes(item(&data, position, size)?);
            }
            b's' => {
                let rest = &data[position..];
                let end = rest.iter().position(|b| *b == 0);
                let end = end.ok_or_else(|| Fail::Text("unfinished string in data".to_owned()))?;
                stack.push_bytes(&rest[..end]);
                size = end + 1;
            }
            other => format.control(other)?,
        }
        position += size;
    }
    stack.push_number((position + 1) as f64);
    Ok((stack.top() - first) as usize)
}

fn item(data: &[u8], position: usize, size: usize) -> Result<&[u8], Fail> {
    let end = position.checked_add(size);
    let bytes = end.and_then(|end| data.get(position..end));
    bytes.ok_or_else(|| Fail::Argument(2, "data string too short".to_owned()))
}

/// Takes the number on top, the last result, as the size of the string that follows.
fn take_size(stack: &mut Stack<'_>, first: std::ffi::c_int) -> Result<usize, Fail> {
    let top = stack.top();
    if top == first || stack.kind(top) != Kind::Number && stack.number(top).is_none() {
        return Err(Fail::Text("format 'c0' needs a previous size".to_owned()));
    }
    let size = stack.number(top).unwrap_or_default();
    stack.pop();
    // A negative size is a huge one in C.
    Ok(if size < 0.0 { usize::MAX } else { size as usize })
}

/// struct.size(format)
fn size(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    let mut format = Format::of_argument(stack)?;
    let mut position = 0usize;
    while let Some((option, size)) = format.next()? {
        position = position.saturating_add(format.padding(position, option, size));
        match (option, size) {
            (b's', _) => return Err(Fail::Argument(1, "option 's' has no fixed size".to_owned())),
            (b'c', 0) => return Err(Fail::Argument(1, "option 'c0' has no fixed size".to_owned())),
            _ if !option.is_ascii_alphanumeric() => format.control(option)?,
            _ => {}
        }
        position = position.saturating_add(size);
    }
    stack.push_number(position as f64);
    Ok(1)
}
