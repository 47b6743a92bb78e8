//! The numbers behind `math.random`: the same for a seed on every machine.
//!
//! Scripts seed it and expect the same sequence everywhere, so it is the linear congruential generator of POSIX's
//! `srand48` and `lrand48`, as in Redis.

use std::cell::Cell;

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const INCREMENT: u64 = 0xB;
const LOW_WORD: u64 = 0x330E;
const MASK: u64 = (1 << 48) - 1;

/// A generator.
#[derive(Debug)]
pub(crate) struct Rand48(Cell<u64>);

impl Rand48 {
    pub fn new(seed: u32) -> Rand48 {
        let random = Rand48(Cell::new(0));
        random.seed(seed);
        random
    }

    /// Begins the sequence of `seed`.
    pub fn seed(&self, seed: u32) {
        self.0.set(u64::from(seed) << 16 | LOW_WORD);
    }

    /// The next number, of 31 bits.
    pub fn next(&self) -> u32 {
        let next = self.0.get().wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT) & MASK;
        self.0.set(next);
        (next >> 17) as u32
    }

    /// The next number in `[0, 1)`, of the 31 bits.
    pub fn unit(&self) -> f64 {
        const MAX: u32 = i32::MAX as u32;
        f64::from(self.next() % MAX) / f64::from(MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_posix() {
        // srand48(42); lrand48() on any system.
        let random = Rand48::new(42);
        assert_eq!([random.next(), random.next(), random.next()], [1_598_855_263, 735_945_821, 238_553_827]);
    }
}
