//! The bytes inside a stream node: numbers of variable length, and the texts of fields and values.
//!
//! ```text
//! number   7 bits a byte, lowest first; the top bit says that another byte follows
//! signed   the number 2n for n >= 0, -2n-1 for n < 0
//! text     number 2*length, then the bytes; or, for a canonical integer n, signed n as number 2*n+1
//! back     a number written the other way round, to be read from its last byte to its first
//! ```

use super::super::int;
use super::super::listpack::Item;

/// Writes packed bytes into a slice of the right length.
pub struct Writer<'a>(pub &'a mut [u8]);

impl Writer<'_> {
    /// Writes one byte.
    pub fn byte(&mut self, byte: u8) {
        self.bytes(&[byte]);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let (here, rest) = std::mem::take(&mut self.0).split_at_mut(bytes.len());
        here.copy_from_slice(bytes);
        self.0 = rest;
    }

    /// Writes a number.
    pub fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    /// Writes a signed number.
    pub fn signed(&mut self, number: i64) {
        self.number(fold(number));
    }

    /// Writes a text.
    pub fn text(&mut self, text: Text<'_>) {
        match text.0 {
            Item::Int(value) => self.number(fold(value) << 1 | 1),
            Item::Str(text) => {
                self.number((text.len() as u64) << 1);
                self.bytes(text);
            }
        }
    }

    /// Writes a number to be read backwards.
    pub fn back(&mut self, number: u64) {
        for at in (0..number_len(number)).rev() {
            let more = if at + 1 < number_len(number) { 0x80 } else { 0 };
            self.byte((number >> (7 * at)) as u8 & 0x7f | more);
        }
    }
}

/// Reads packed bytes that a [`Writer`] wrote.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    /// Offset of the next byte to be read.
    pub at: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from offset `at` on.
    pub fn new(bytes: &'a [u8], at: usize) -> Reader<'a> {
        Reader { bytes, at }
    }

    /// Reads one byte.
    pub fn byte(&mut self) -> u8 {
        let byte = self.bytes[self.at];
        self.at += 1;
        byte
    }

    /// Reads a number.
    pub fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
            shift += 7;
        }
    }

    /// Reads a signed number.
    pub fn signed(&mut self) -> i64 {
        unfold(self.number())
    }

    /// Reads a text.
    pub fn text(&mut self) -> Item<'a> {
        let head = self.number();
        if head & 1 != 0 {
            return Item::Int(unfold(head >> 1));
        }
        let from = self.at;
        self.at += (head >> 1) as usize;
        Item::Str(&self.bytes[from..self.at])
    }

    /// Steps over a text.
    pub fn skip_text(&mut self) {
        let head = self.number();
        self.at += if head & 1 == 0 { (head >> 1) as usize } else { 0 };
    }

    /// Reads a number that was written by [`Writer::back`] and ends before the present place, which moves to
    /// its start.
    pub fn back(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            self.at -= 1;
            let byte = self.bytes[self.at];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
            shift += 7;
        }
    }
}

/// A text as it will be packed.
#[derive(Clone, Copy)]
pub struct Text<'a>(Item<'a>);

impl<'a> Text<'a> {
    /// Canonical integers are packed as numbers, but for the few that leave no bit for the mark.
    pub fn new(text: &'a [u8]) -> Text<'a> {
        match int::from_text(text).filter(|&value| fold(value) < 1 << 63) {
            Some(value) => Text(Item::Int(value)),
            None => Text(Item::Str(text)),
        }
    }

    /// Bytes of the packed text.
    pub fn len(self) -> usize {
        match self.0 {
            Item::Int(value) => number_len(fold(value) << 1 | 1),
            Item::Str(text) => number_len((text.len() as u64) << 1) + text.len(),
        }
    }

    /// Bytes of the same text in a listpack.
    pub fn listpack_len(self) -> usize {
        match self.0 {
            Item::Int(value) => listpack_int_len(value),
            // The large integers of `new`: a listpack has room for them.
            Item::Str(text) if int::from_text(text).is_some() => listpack_int_len(i64::MAX),
            Item::Str(text) => {
                let head = match text.len() {
                    0..=63 => 1,
                    64..=4095 => 2,
                    _ => 5,
                };
                head + text.len() + listpack_back_len(head + text.len())
            }
        }
    }
}

/// Bytes of an integer in a listpack, its back length included.
pub fn listpack_int_len(value: i64) -> usize {
    let size = match value {
        0..=0x7f => 1,
        -0x1000..=0xfff => 2,
        -0x8000..=0x7fff => 3,
        -0x80_0000..=0x7f_ffff => 4,
        -0x8000_0000..=0x7fff_ffff => 5,
        _ => 9,
    };
    size + 1
}

/// Bytes of a listpack's back length for an entry of `size` bytes.
fn listpack_back_len(size: usize) -> usize {
    match size {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// Bytes of a number.
pub fn number_len(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

/// Bytes of a signed number.
pub fn signed_len(number: i64) -> usize {
    number_len(fold(number))
}

/// Small numbers of either sign become small.
fn fold(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn unfold(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::super::super::listpack::Listpack;
    use super::*;

    #[test]
    fn numbers_come_back_from_either_side() {
        let edges = [0, 1, 127, 128, 16_383, 16_384, u64::MAX >> 1, u64::MAX];
        for number in edges {
            let mut bytes = [0; 24];
            let len = number_len(number);
            let mut writer = Writer(&mut bytes[..2 * len]);
            writer.number(number);
            writer.back(number);
            assert!(writer.0.is_empty());
            assert_eq!(Reader::new(&bytes, 0).number(), number);
            let mut back = Reader::new(&bytes, 2 * len);
            assert_eq!((back.back(), back.at), (number, len));
        }
        for number in [0, -1, 1, -64, 64, i64::MIN, i64::MAX] {
            let mut bytes = [0; 10];
            Writer(&mut bytes[..signed_len(number)]).signed(number);
            assert_eq!(Reader::new(&bytes, 0).signed(), number);
        }
    }

    #[test]
    fn texts_come_back_and_listpack_lengths_are_right() {
        let long = "x".repeat(100);
        let longer = "y".repeat(20_000);
        let texts = ["", "a", "0", "-1", "007", "4095", "4096", "-4097", "32768", "8388608", "-8388609"];
        let wide = ["2147483648", "4611686018427387903", "4611686018427387904", "-9223372036854775808"];
        for text in texts.into_iter().chain(wide).chain([long.as_str(), longer.as_str()]) {
            let packed = Text::new(text.as_bytes());
            let mut bytes = vec![0; packed.len()];
            Writer(&mut bytes).text(packed);
            let mut reader = Reader::new(&bytes, 0);
            assert_eq!((reader.text().to_vec(), reader.at), (text.as_bytes().to_vec(), bytes.len()));
            let mut skipper = Reader::new(&bytes, 0);
            skipper.skip_text();
            assert_eq!(skipper.at, bytes.len());
            let mut listpack = Listpack::new();
            listpack.push_back(text.as_bytes());
            assert_eq!(listpack.byte_len(), Listpack::new().byte_len() + packed.listpack_len(), "{text}");
        }
    }
}
