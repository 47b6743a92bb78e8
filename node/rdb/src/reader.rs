//! Bytes on their way in: numbers and strings of a buffer that may not hold all of them yet.
//!
//! Nothing that is read decides how much memory is taken: a string is looked at only when all of its bytes are
//! there, and a compressed one can stand for so and so many bytes at most.

use std::borrow::Cow;

use store::lzf;
use store::types::int::{self, IntText};

use crate::format::{len, string};

/// The longest string taken. Longer ones are no strings of any server, but a broken length.
const STRING_MAX: u64 = u32::MAX as u64;

/// Why something cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The buffer ends too soon: at least so many bytes from where the reading began are needed.
    Short(usize),
    /// The bytes are not what they should be.
    Bad(&'static str),
}

/// What a read gives.
pub type Read<T> = Result<T, Fault>;

/// A string as it stands in the format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text<'a> {
    /// The text of a number.
    Int(i64),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
}

impl Text<'_> {
    /// The bytes; `buffer` is where a number's digits go.
    pub fn as_bytes<'b>(&'b self, buffer: &'b mut IntText) -> &'b [u8] {
        match self {
            Text::Int(number) => int::to_text(*number, buffer),
            Text::Bytes(bytes) => bytes,
        }
    }

    /// The bytes, owned.
    pub fn into_vec(self) -> Vec<u8> {
        match self {
            Text::Int(number) => int::to_text(number, &mut IntText::default()).to_vec(),
            Text::Bytes(bytes) => bytes.into_owned(),
        }
    }
}

/// Reads a buffer from its start on.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    /// Bytes read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Goes back to where `position` was.
    pub fn rewind(&mut self, position: usize) {
        self.at = position;
    }

    /// Bytes not read.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Reads `count` bytes.
    pub fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        let end = self.at.saturating_add(count);
        let bytes = self.bytes.get(self.at..end).ok_or(Fault::Short(end))?;
        self.at = end;
        Ok(bytes)
    }

    /// Reads `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// Reads one byte.
    pub fn byte(&mut self) -> Read<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// Reads a length.
    pub fn length(&mut self) -> Read<u64> {
        match self.length_or_form()? {
            Ok(number) => Ok(number),
            Err(_) => Err(Fault::Bad("a string's form where a length should be")),
        }
    }

    /// A length, or (`Err`) the form of a string that has one of its own.
    fn length_or_form(&mut self) -> Read<Result<u64, u8>> {
        let first = self.byte()?;
        Ok(match first & len::SPECIAL {
            len::SPECIAL => Err(first & !len::SPECIAL),
            len::BITS_14 => Ok(u64::from(first & !len::SPECIAL) << 8 | u64::from(self.byte()?)),
            0 => Ok(u64::from(first)),
            _ if first == len::BITS_32 => Ok(u64::from(u32::from_be_bytes(self.array()?))),
            _ if first == len::BITS_64 => Ok(u64::from_be_bytes(self.array()?)),
            _ => return Err(Fault::Bad("a length of an unknown form")),
        })
    }

    /// Reads a string.
    pub fn text(&mut self) -> Read<Text<'a>> {
        match self.length_or_form()? {
            Ok(count) => Ok(Text::Bytes(Cow::Borrowed(self.take(string_len(count)?)?))),
            Err(string::INT_8) => Ok(Text::Int(i64::from(i8::from_le_bytes(self.array()?)))),
            Err(string::INT_16) => Ok(Text::Int(i64::from(i16::from_le_bytes(self.array()?)))),
            Err(string::INT_32) => Ok(Text::Int(i64::from(i32::from_le_bytes(self.array()?)))),
            Err(string::LZF) => {
                let (packed_len, count) = (self.length()?, self.length()?);
                let packed = self.take(string_len(packed_len)?)?;
                let text = lzf::decompress(packed, string_len(count)?);
                text.map(|text| Text::Bytes(Cow::Owned(text))).ok_or(Fault::Bad("a malformed LZF string"))
            }
            Err(_) => Err(Fault::Bad("a string of an unknown form")),
        }
    }

    /// Reads a string that is never one of the texts of numbers.
    pub fn blob(&mut self) -> Read<Cow<'a, [u8]>> {
        match self.text()? {
            Text::Bytes(bytes) => Ok(bytes),
            Text::Int(_) => Err(Fault::Bad("a number where a packed value should be")),
        }
    }

    /// Reads a time, unix ms.
    pub fn millis(&mut self) -> Read<i64> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// Reads a double of 8 bytes.
    pub fn double(&mut self) -> Read<f64> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// Reads a double kept as text, as before RDB version 8.
    pub fn double_text(&mut self) -> Read<f64> {
        match self.byte()? {
            255 => Ok(f64::NEG_INFINITY),
            254 => Ok(f64::INFINITY),
            253 => Ok(f64::NAN),
            count => {
                let text = std::str::from_utf8(self.take(usize::from(count))?).ok();
                text.and_then(|text| text.trim().parse().ok()).ok_or(Fault::Bad("a score that is no number"))
            }
        }
    }
}

fn string_len(count: u64) -> Read<usize> {
    if count > STRING_MAX {
        return Err(Fault::Bad("a string of more than 4 GiB"));
    }
    Ok(count as usize)
}
