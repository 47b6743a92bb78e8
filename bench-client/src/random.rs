//! The one source of chance of a run: everything random about a request follows from its number.
//!
//! A generator with a running state would make a request depend on all before it, so a request that has to be
//! sent again (MOVED, a lost connection) would need its bytes kept. Here request `n` of a run seeds its own
//! little generator; whoever knows `n` can make the same request again, and two runs with one seed ask for
//! the same things.

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub struct Random(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The mixing step of SplitMix64: a bijection that spreads every input bit over the whole word.
pub fn mix(value: u64) -> u64 {
    let z = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random {
    /// The generator of item `number` (a request, a key) in the stream that `seed` names.
    pub fn of(seed: u64, number: u64) -> Random {
        Random(mix(seed.wrapping_add(GOLDEN)) ^ mix(number.wrapping_mul(GOLDEN).wrapping_add(1)))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A number below `bound`; 0 when `bound` is 0. The bias is under `bound / 2^64`.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below((high - low).saturating_add(1))
    }

    /// A real number in `[0, 1)` with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_always_gives_the_same_stream() {
        let take = |seed, number| {
            let mut random = Random::of(seed, number);
            [random.bits(), random.bits()]
        };
        assert_eq!(take(1, 7), take(1, 7));
        assert_ne!(take(1, 7), take(1, 8));
        assert_ne!(take(1, 7), take(2, 7));
    }

    #[test]
    fn first_draws_of_neighbours_are_spread_evenly() {
        const CELLS: usize = 64;
        const DRAWS: u64 = 640_000;
        let mut seen = [0f64; CELLS];
        for number in 0..DRAWS {
            seen[Random::of(3, number).below(CELLS as u64) as usize] += 1.0;
        }
        let expected = DRAWS as f64 / CELLS as f64;
        let chi2: f64 = seen.iter().map(|n| (n - expected).powi(2) / expected).sum();
        // 63 degrees of freedom: 0.001 of honest runs lie above 103.4.
        assert!(chi2 < 103.4, "chi2 {chi2}");
    }

    #[test]
    fn bounds_hold() {
        let mut random = Random::of(0, 0);
        assert_eq!(random.below(0), 0);
        assert!((0..1000).all(|_| (5..=9).contains(&random.between(5, 9))));
        assert!((0..1000).all(|_| (0.0..1.0).contains(&random.unit())));
    }
}
