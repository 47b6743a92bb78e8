//! Deterministic pseudo-random numbers for the brain of a node.
//!
//! The crate reads no source of randomness: a seed comes in once and every choice (node IDs, whom to gossip
//! about, how long to delay an election) follows from it, so a simulated cluster replays exactly. The
//! generator is xoshiro256** by Blackman and Vigna: 256 bits of state, enough for 160-bit node IDs when the
//! seed is truly random.

use base::{NODE_ID_LEN, NodeId};

/// A seeded generator; equal seeds give equal sequences.
#[derive(Debug, Clone)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// The generator of `seed`. A server passes 256 bits from the system, a test any number it likes.
    pub fn new(seed: [u64; 4]) -> Random {
        let mut random = Random { state: seed };
        if seed == [0; 4] {
            random.state[0] = 1; // The all-zero state would stay zero for ever.
        }
        for _ in 0..8 {
            random.next(); // Spread poor seeds such as [1, 0, 0, 0] over the whole state.
        }
        random
    }

    /// The generator for a plain number, as simulators use it.
    pub fn from_number(seed: u64) -> Random {
        let mut x = seed;
        Random::new(std::array::from_fn(|_| {
            // splitmix64, the seeding its authors recommend.
            x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let z = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        }))
    }

    /// The next 64 bits.
    #[allow(clippy::should_implement_trait, reason = "an endless source, not an iterator")]
    pub fn next(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number below `bound` (0 when `bound` is 0).
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// True once in `n` times on average.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A fresh 160-bit name.
    pub fn node_id(&mut self) -> NodeId {
        let mut bytes = [0; NODE_ID_LEN / 2];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        NodeId::from_random(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_equal_numbers() {
        let (mut a, mut b) = (Random::from_number(7), Random::from_number(7));
        assert!((0..100).all(|_| a.next() == b.next()));
        assert_ne!(a.node_id(), a.node_id());
    }

    #[test]
    fn below_stays_below_and_reaches_all() {
        let mut random = Random::new([0; 4]);
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[random.below(5) as usize] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(random.below(0), 0);
    }
}
