//! A command's arguments, borrowed from where they were received.

use std::ops::Deref;

use bytes::Bytes;
use resp::{Parser, parse_double, parse_integer};

use crate::error::{Error, NOT_FLOAT, NOT_INTEGER};

/// The arguments of one command, its name first. Indices are as in Redis: 0 is the name; of a subcommand, 1
/// is the subcommand's name.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    items: &'a [&'a [u8]],
    parser: Option<&'a Parser>,
}

impl<'a> Args<'a> {
    /// Arguments that lie anywhere.
    pub fn new(items: &'a [&'a [u8]]) -> Args<'a> {
        Args { items, parser: None }
    }

    /// Arguments that `parser` read; those that it collected apart can be kept without a copy.
    pub fn from_parser(items: &'a [&'a [u8]], parser: &'a Parser) -> Args<'a> {
        Args { items, parser: Some(parser) }
    }

    /// Argument `index` as a buffer to keep: shared where it was received in a buffer of its own, else
    /// copied.
    pub fn to_bytes(&self, index: usize) -> Bytes {
        let owned = self.parser.and_then(|parser| parser.owned(index));
        owned.cloned().unwrap_or_else(|| Bytes::copy_from_slice(self.items[index]))
    }

    /// Argument `index` as a buffer to keep, when keeping it costs no copy.
    pub fn shared(&self, index: usize) -> Option<&'a Bytes> {
        self.parser.and_then(|parser| parser.owned(index))
    }

    /// Argument `index` as an integer.
    pub fn integer(&self, index: usize) -> Result<i64, Error> {
        parse_integer(self.items[index]).ok_or(NOT_INTEGER)
    }

    /// Argument `index` as a double, infinities included.
    pub fn double(&self, index: usize) -> Result<f64, Error> {
        parse_double(self.items[index]).ok_or(NOT_FLOAT)
    }

    /// Length of these arguments as a request, in bytes.
    pub fn request_len(&self) -> usize {
        let line = |number: usize| 1 + number.checked_ilog10().unwrap_or(0) as usize + 1 + 2;
        line(self.len()) + self.iter().map(|arg| line(arg.len()) + arg.len() + 2).sum::<usize>()
    }

    /// Whether argument `index` is there and is `word`, in any case.
    pub fn is(&self, index: usize, word: &str) -> bool {
        self.items.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }
}

impl<'a> Deref for Args<'a> {
    type Target = [&'a [u8]];

    fn deref(&self) -> &[&'a [u8]] {
        self.items
    }
}
