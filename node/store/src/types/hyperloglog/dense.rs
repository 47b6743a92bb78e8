//! The dense registers: 16384 numbers of 6 bits, packed from the lowest bit up.
//!
//! ```text
//!   byte 0     byte 1     byte 2       four registers fill three bytes exactly
//! +--------+ +--------+ +--------+
//! |11000000| |22221111| |33333322|
//! +--------+ +--------+ +--------+
//! ```

use super::REGISTERS;

const BITS: usize = 6;
const MASK: u32 = (1 << BITS) - 1;
/// Bytes of all registers.
pub const LEN: usize = REGISTERS * BITS / 8;

/// Sets register `index` to `rank` if it is lower; true if it was.
pub fn raise(registers: &mut [u8], index: usize, rank: u8) -> bool {
    let group = &mut registers[index / 4 * 3..][..3];
    let shift = index % 4 * BITS;
    let word = u32::from_le_bytes([group[0], group[1], group[2], 0]);
    if word >> shift & MASK >= u32::from(rank) {
        return false;
    }
    let word = word & !(MASK << shift) | u32::from(rank) << shift;
    group.copy_from_slice(&word.to_le_bytes()[..3]);
    true
}

/// Calls `visit(index, rank)` for every register in order.
pub fn each(registers: &[u8], mut visit: impl FnMut(usize, u8)) {
    for (group, bytes) in registers.chunks_exact(3).enumerate() {
        let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
        for slot in 0..4 {
            visit(group * 4 + slot, (word >> (slot * BITS) & MASK) as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_do_not_touch_their_neighbours() {
        let mut registers = vec![0; LEN];
        let rank = |index: usize| (index * 7 % 63 + 1) as u8;
        for index in (0..REGISTERS).rev() {
            assert!(raise(&mut registers, index, rank(index)));
            assert!(!raise(&mut registers, index, rank(index)));
        }
        let mut seen = 0;
        each(&registers, |index, value| {
            assert_eq!(value, rank(index), "register {index}");
            seen += 1;
        });
        assert_eq!(seen, REGISTERS);
    }
}
