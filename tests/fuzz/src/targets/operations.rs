//! Inputs as lists of operations.
//!
//! The first byte of an input chooses the thresholds: small ones, so that encodings change often, or the usual. Then
//! each operation takes a byte, and its words as `Reader::word` reads them.

use base::Random;
use store::types::Limits;

use super::Target;

/// Seeds made, and bytes of each.
const SEEDS: u64 = 8;
const SEED_LEN: usize = 2_000;

/// A target whose input is such a list.
pub(super) const fn target(name: &'static str, about: &'static str, run: fn(&[u8]) -> u64) -> Target {
    Target { name, about, words: &[], seeds, run, brief_runs: 2_000 }
}

/// Any bytes are operations.
fn seeds() -> Vec<Vec<u8>> {
    let seed = |number| {
        let mut random = Random::new(number);
        (0..SEED_LEN).map(|_| random.bits() as u8).collect()
    };
    (1..=SEEDS).map(seed).collect()
}

/// Bytes of long words that an input may ask for: it may take memory by its own length, and they are asked for by three
/// bytes each.
const LONG_WORDS: usize = 1 << 20;

/// An input as it is read.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    room: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(input: &'a [u8]) -> Reader<'a> {
        Reader { rest: input, room: LONG_WORDS }
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// The thresholds.
    pub(super) fn limits(&mut self) -> Limits {
        let usual = Limits::default();
        match self.byte().unwrap_or(0) % 2 {
            0 => usual,
            _ => Limits {
                hash_max_listpack_entries: 6,
                hash_max_listpack_value: 12,
                set_max_intset_entries: 4,
                set_max_listpack_entries: 6,
                set_max_listpack_value: 12,
                list_max_listpack_size: 3,
                zset_max_listpack_entries: 6,
                zset_max_listpack_value: 12,
                stream_node_max_entries: 5,
                stream_node_max_bytes: 400,
                hll_sparse_max_bytes: 60,
                ..usual
            },
        }
    }

    /// A number at the edge of a width that encodings have, a short text, or a long one.
    pub(super) fn word(&mut self) -> Vec<u8> {
        let (kind, value) = (self.byte().unwrap_or(0), self.byte().unwrap_or(0));
        let number = |bits: u32| (1i64 << bits).wrapping_sub(2 - i64::from(value % 4));
        match kind % 8 {
            0 | 1 => (value % 16).to_string().into_bytes(),
            2 => number(u32::from(kind / 8) * 2).to_string().into_bytes(),
            3 => number(63).to_string().into_bytes(),
            4 => format!("-{value}").into_bytes(),
            5 => vec![value; usize::from(kind)],
            6 => {
                let len = (64 * usize::from(value)).min(self.room);
                self.room -= len;
                vec![b'x'; len]
            }
            _ => format!("member:{}", value % 32).into_bytes(),
        }
    }

    /// A number up to `len`.
    pub(super) fn index(&mut self, len: usize) -> usize {
        usize::from(self.byte().unwrap_or(0)) % (len + 1)
    }
}
