//! Bytes on their way out: numbers and strings as the format has them, in a queue of parts.
//!
//! A value of hundreds of megabytes must not be copied to be written, nor compressed in one go. So a long string
//! that is shared anyway is queued as it is, and only strings of up to [`COMPRESS_MAX`] bytes are compressed.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use store::StrRef;
use store::lzf::Compressor;
use store::types::int::{self, IntText};
use store::types::listpack::Item;

use crate::format::{len, string};

/// Shorter strings are not worth compressing (Redis's own limit).
const COMPRESS_MIN: usize = 21;
/// Longer strings would take too long to compress between two commands of clients.
const COMPRESS_MAX: usize = 64 * 1024;
/// A compressed string must be at least this much shorter.
const COMPRESS_GAIN: usize = 4;
/// The longest text that may be a number of 32 bits.
const NUMBER_MAX: usize = 11;
/// Shared strings from this length on are queued, not copied.
const SHARE_MIN: usize = 16 * 1024;

/// A queue of bytes that ends where they are written, and begins where they are taken.
pub struct Writer {
    /// Finished parts, oldest first.
    parts: VecDeque<Bytes>,
    /// What is being written.
    tail: Vec<u8>,
    /// Bytes of the parts.
    parts_len: usize,
    compressor: Option<Box<Compressor>>,
}

impl Writer {
    /// A writer that compresses strings if `compress` (`rdbcompression`).
    pub fn new(compress: bool) -> Writer {
        let compressor = compress.then(Box::default);
        Writer { parts: VecDeque::new(), tail: Vec::new(), parts_len: 0, compressor }
    }

    /// Bytes written and not taken.
    pub fn len(&self) -> usize {
        self.parts_len + self.tail.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// Writes one byte.
    pub fn byte(&mut self, byte: u8) {
        self.tail.push(byte);
    }

    /// Writes bytes as they are, without a copy when there are many.
    pub fn shared(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARE_MIN {
            return self.raw(bytes);
        }
        self.close_tail();
        self.parts_len += bytes.len();
        self.parts.push_back(bytes.clone());
    }

    /// Writes a length.
    pub fn length(&mut self, number: u64) {
        match number {
            0..0x40 => self.byte(number as u8),
            0x40..0x4000 => self.raw(&[len::BITS_14 | (number >> 8) as u8, number as u8]),
            0x4000..=0xFFFF_FFFF => {
                self.byte(len::BITS_32);
                self.raw(&(number as u32).to_be_bytes());
            }
            _ => {
                self.byte(len::BITS_64);
                self.raw(&number.to_be_bytes());
            }
        }
    }

    /// Writes a time, unix ms.
    pub fn millis(&mut self, ms: i64) {
        self.raw(&ms.to_le_bytes());
    }

    /// Writes a score.
    pub fn double(&mut self, score: f64) {
        self.raw(&score.to_le_bytes());
    }

    /// Writes a string: as a number if it is the text of one of 32 bits, compressed if that helps.
    pub fn string(&mut self, text: &[u8]) {
        if text.len() <= NUMBER_MAX
            && let Some(number) = int::from_text(text)
            && i32::try_from(number).is_ok()
        {
            return self.integer(number);
        }
        self.blob(text);
    }

    /// Writes a string that is no number.
    pub fn blob(&mut self, bytes: &[u8]) {
        if !self.compressed(bytes) {
            self.length(bytes.len() as u64);
            self.raw(bytes);
        }
    }

    /// Writes the text of a number.
    pub fn integer(&mut self, number: i64) {
        let bytes = number.to_le_bytes();
        let (form, width) = match number {
            -0x80..=0x7F => (string::INT_8, 1),
            -0x8000..=0x7FFF => (string::INT_16, 2),
            -0x8000_0000..=0x7FFF_FFFF => (string::INT_32, 4),
            _ => {
                let mut digits = IntText::default();
                let text = int::to_text(number, &mut digits);
                self.length(text.len() as u64);
                return self.raw(text);
            }
        };
        self.byte(len::SPECIAL | form);
        self.raw(&bytes[..width]);
    }

    /// Writes an element of a collection.
    pub fn item(&mut self, item: Item<'_>) {
        match item {
            Item::Int(number) => self.integer(number),
            Item::Str(text) => self.string(text),
        }
    }

    /// Writes a string value.
    pub fn value(&mut self, value: StrRef<'_>) {
        match value {
            StrRef::Int(number) => self.integer(number),
            StrRef::Bytes(bytes) => self.string(bytes),
            StrRef::Blob(blob) if blob.len() > COMPRESS_MAX || self.compressor.is_none() => {
                self.length(blob.len() as u64);
                self.shared(blob);
            }
            StrRef::Blob(blob) => self.blob(blob),
        }
    }

    fn compressed(&mut self, text: &[u8]) -> bool {
        let Some(compressor) = self.compressor.as_mut() else { return false };
        if !(COMPRESS_MIN..=COMPRESS_MAX).contains(&text.len()) {
            return false;
        }
        // The lengths stand before the bytes, and are not known before them: room for the longest, then moved up.
        const ROOM: usize = 1 + 5 + 5;
        let start = self.tail.len();
        self.tail.resize(start + ROOM, 0);
        if !compressor.compress(text, text.len() - COMPRESS_GAIN, &mut self.tail) {
            self.tail.truncate(start);
            return false;
        }
        let packed_len = self.tail.len() - start - ROOM;
        let end = self.tail.len();
        self.lzf_head(packed_len, text.len());
        let head_len = self.tail.len() - end;
        self.tail.copy_within(end.., start);
        self.tail.copy_within(start + ROOM..end, start + head_len);
        self.tail.truncate(start + head_len + packed_len);
        true
    }

    /// Writes bytes of which `packed` is the LZF and `len` the number; false, and nothing written, if this writer
    /// does not compress.
    pub fn lzf(&mut self, packed: &[u8], len: usize) -> bool {
        if self.compressor.is_some() {
            self.lzf_head(packed.len(), len);
            self.raw(packed);
        }
        self.compressor.is_some()
    }

    fn lzf_head(&mut self, packed_len: usize, len: usize) {
        self.byte(len::SPECIAL | string::LZF);
        self.length(packed_len as u64);
        self.length(len as u64);
    }

    /// Moves all that `other` holds to the end of this one.
    pub fn append(&mut self, other: &mut Writer) {
        if other.parts.is_empty() {
            self.tail.append(&mut other.tail);
        } else {
            self.close_tail();
            other.close_tail();
            self.parts_len += std::mem::take(&mut other.parts_len);
            self.parts.append(&mut other.parts);
        }
    }

    /// Takes up to `max` bytes from the front into `out`.
    pub fn take(&mut self, max: usize, out: &mut Vec<u8>) {
        let mut left = max;
        while left > 0 {
            let Some(part) = self.parts.front_mut() else { break };
            let count = part.len().min(left);
            out.extend_from_slice(&part[..count]);
            part.advance(count);
            self.parts_len -= count;
            left -= count;
            if part.is_empty() {
                self.parts.pop_front();
            }
        }
        if left >= self.tail.len() {
            out.append(&mut self.tail);
        } else if left > 0 {
            self.close_tail();
            self.take(left, out);
        }
    }

    /// All bytes as one vector.
    pub fn into_vec(mut self) -> Vec<u8> {
        if self.parts.is_empty() {
            return self.tail;
        }
        let mut all = Vec::with_capacity(self.len());
        self.take(usize::MAX, &mut all);
        all
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            self.parts_len += self.tail.len();
            self.parts.push_back(Bytes::from(std::mem::take(&mut self.tail)));
        }
    }
}
