//! From elements to registers, and from registers back to a count.
//!
//! The hash is MurmurHash2's 64-bit variant A with Redis's seed: values written by one server are added to
//! by another, so the hash is part of the format. The estimator is the "improved raw estimator" of Otmar
//! Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (arXiv:1702.01284, algorithm 6):
//! it needs only how often each register value occurs, and no bias tables.

/// Bits of the hash that choose the register.
pub const INDEX_BITS: u32 = 14;
/// Bits of the hash in which the run of zeros is counted.
const RANK_BITS: u32 = 64 - INDEX_BITS;

const REGISTERS: f64 = (1u32 << INDEX_BITS) as f64;
/// 1 / (2 ln 2): the bias factor for infinitely many registers.
const ALPHA_INF: f64 = 0.721_347_520_444_481_7;
const HASH_SEED: u64 = 0xadc8_3b19;

/// The register an element falls into, and the rank it asks for there: 1 + the zeros that end its hash,
/// 1..=51.
pub fn register_of(element: &[u8]) -> (usize, u8) {
    let hash = murmur64a(element, HASH_SEED);
    let index = (hash & ((1 << INDEX_BITS) - 1)) as usize;
    // The bit above the hash bounds the run.
    let run = (hash >> INDEX_BITS) | (1 << RANK_BITS);
    (index, run.trailing_zeros() as u8 + 1)
}

/// MurmurHash64A (Austin Appleby), reading the input as little-endian words on every machine.
fn murmur64a(data: &[u8], seed: u64) -> u64 {
    const MUL: u64 = 0xc6a4_a793_5bd1_e995;
    const SHIFT: u32 = 47;
    let mut hash = seed ^ (data.len() as u64).wrapping_mul(MUL);
    let mut words = data.chunks_exact(8);
    for word in &mut words {
        let mut word = word.iter().rev().fold(0u64, |acc, &byte| acc << 8 | u64::from(byte));
        word = word.wrapping_mul(MUL);
        word ^= word >> SHIFT;
        hash = (hash ^ word.wrapping_mul(MUL)).wrapping_mul(MUL);
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        let word = tail.iter().rev().fold(0u64, |acc, &byte| acc << 8 | u64::from(byte));
        hash = (hash ^ word).wrapping_mul(MUL);
    }
    hash ^= hash >> SHIFT;
    hash = hash.wrapping_mul(MUL);
    hash ^ (hash >> SHIFT)
}

/// How many registers hold each rank: all that the estimator needs to know.
pub struct Histogram([u32; 64]);

impl Default for Histogram {
    fn default() -> Self {
        Histogram([0; 64])
    }
}

impl Histogram {
    /// Counts `registers` more registers that hold `rank` (0..=63).
    pub fn add(&mut self, rank: u8, registers: usize) {
        self.0[usize::from(rank & 63)] += registers as u32;
    }

    /// The estimated number of distinct elements. Ranks above 51, which no hash gives but a hand-made dense
    /// value can hold, count for nothing.
    pub fn estimate(&self) -> u64 {
        let share = |rank: u32| f64::from(self.0[rank as usize]);
        let mut z = REGISTERS * tau((REGISTERS - share(RANK_BITS + 1)) / REGISTERS);
        for rank in (1..=RANK_BITS).rev() {
            z = (z + share(rank)) * 0.5;
        }
        z += REGISTERS * sigma(share(0) / REGISTERS);
        (ALPHA_INF * REGISTERS * REGISTERS / z).round() as u64
    }
}

/// x + sum over k >= 1 of x^(2^k) * 2^(k-1): the correction for registers still at zero.
fn sigma(x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (x, 1.0, x);
    loop {
        power *= power;
        let before = sum;
        sum += power * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

/// (1 - x - sum over k >= 1 of (1 - x^(2^-k))^2 * 2^-k) / 3: the correction for registers at their highest.
fn tau(x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (x, 1.0, 1.0 - x);
    loop {
        root = root.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - root) * (1.0 - root) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_set_counts_zero_and_a_full_histogram_stays_finite() {
        let mut empty = Histogram::default();
        empty.add(0, 16384);
        assert_eq!(empty.estimate(), 0);
        let mut top = Histogram::default();
        top.add(51, 16384);
        assert!(top.estimate() > 1 << 60);
    }

    #[test]
    fn every_tail_length_of_the_hash_is_its_own() {
        let data = b"abcdefghijklmnopq";
        let mut seen: Vec<u64> = (0..=data.len()).map(|len| murmur64a(&data[..len], HASH_SEED)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), data.len() + 1);
    }
}
