//! Hash slots: the unit a cluster shares keys out by.

use std::fmt;

/// Number of hash slots of a cluster (cluster specification, "Key distribution model").
pub const SLOT_COUNT: usize = 16384;

/// A hash slot, always below [`SLOT_COUNT`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// The slot with this number, or `None` when it is not below [`SLOT_COUNT`].
    pub const fn new(number: u16) -> Option<Slot> {
        if (number as usize) < SLOT_COUNT { Some(Slot(number)) } else { None }
    }

    /// Slot 0, which a command without keys stands in for.
    pub const ZERO: Slot = Slot(0);

    /// The slot's number, below [`SLOT_COUNT`], as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The slot's number as the wire carries it.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Every slot, in order.
    pub fn all() -> impl DoubleEndedIterator<Item = Slot> + ExactSizeIterator {
        (0..SLOT_COUNT as u16).map(Slot)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot({})", self.0)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The slot of `key`: CRC16 (XMODEM) of its hash tag, or of the whole key when it has none, modulo
/// [`SLOT_COUNT`] (cluster specification, "Hash tags").
pub fn key_slot(key: &[u8]) -> Slot {
    Slot(crc(hash_tag(key)) & (SLOT_COUNT as u16 - 1))
}

/// Bytes taken at a time by [`crc`].
const SLICE: usize = 8;

/// `TABLES[k][b]`: the CRC of byte `b` followed by `k` zero bytes.
static TABLES: [[u16; 256]; SLICE] = tables();

const fn tables() -> [[u16; 256]; SLICE] {
    let mut tables = [[0; 256]; SLICE];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = ((byte as u16) << 8, 0);
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < SLICE {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[zeros - 1][byte];
            tables[zeros][byte] = crc << 8 ^ tables[0][(crc >> 8) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

/// CRC16 (XMODEM), eight bytes at a time: every routed command pays for it, and a byte at a time, as the
/// crate `crc16` does it, took 6% of a pipelined GET. The tests hold it against that crate.
#[inline]
fn crc(bytes: &[u8]) -> u16 {
    let mut crc = 0u16;
    let mut slices = bytes.chunks_exact(SLICE);
    for slice in &mut slices {
        let first = usize::from(slice[0] ^ (crc >> 8) as u8);
        let second = usize::from(slice[1] ^ crc as u8);
        crc = TABLES[7][first] ^ TABLES[6][second];
        for (table, byte) in (0..6).rev().zip(&slice[2..]) {
            crc ^= TABLES[table][usize::from(*byte)];
        }
    }
    for byte in slices.remainder() {
        crc = crc << 8 ^ TABLES[0][usize::from((crc >> 8) as u8 ^ byte)];
    }
    crc
}

/// What stands between the first `{` and the next `}`, when that is not empty; else the whole key.
fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', key) else { return key };
    let rest = &key[open + 1..];
    match rest.iter().position(|&b| b == b'}') {
        None | Some(0) => key,
        Some(close) => &rest[..close],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_slots() {
        // The specification's own check value of the CRC, and slots every client's tests know.
        assert_eq!(crc16::State::<crc16::XMODEM>::calculate(b"123456789"), 0x31C3);
        for (key, slot) in [("foo", 12182), ("bar", 5061), ("", 0), ("123456789", 12739)] {
            assert_eq!(key_slot(key.as_bytes()).number(), slot, "{key}");
        }
    }

    #[test]
    fn crc_by_slices_is_the_crates() {
        let bytes: Vec<u8> = (0..100u32).map(|i| (i * 151 + 7) as u8).collect();
        for len in 0..bytes.len() {
            assert_eq!(crc(&bytes[..len]), crc16::State::<crc16::XMODEM>::calculate(&bytes[..len]), "{len}");
        }
    }

    #[test]
    fn hash_tags() {
        let same = |a: &str, b: &str| key_slot(a.as_bytes()) == key_slot(b.as_bytes());
        assert!(same("{user1000}.following", "user1000"));
        assert!(same("foo{{bar}}zap", "{bar"));
        assert!(same("foo{bar}{zap}", "bar"));
        assert_eq!(hash_tag(b"foo{}{bar}"), b"foo{}{bar}", "an empty tag is no tag");
        assert_eq!(hash_tag(b"foo{bar"), b"foo{bar");
    }

    #[test]
    fn bounds() {
        assert_eq!(Slot::new(16384), None);
        assert_eq!(Slot::new(16383).map(Slot::index), Some(16383));
        assert_eq!(Slot::all().len(), SLOT_COUNT);
    }
}
