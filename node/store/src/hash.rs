//! The one hash function of every table: keys of slots, fields, members.
//!
//! Clients choose the keys, so a fixed function would let one of them build keys that all land in one cell
//! and turn a core into a linked list. A cryptographic hash would stop that, but costs more than the lookup
//! itself. So: foldhash, a few multiplications for a 16-byte key, with *all* its secrets (the multipliers as
//! well as the start value, either of which alone can be cancelled out by chosen keys) drawn from one seed.
//!
//! The seed belongs to the process, not to a table: a slot's table moves between cores, and two tables
//! merge, without hashing anything again.

use std::hash::Hasher;
use std::sync::OnceLock;

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;

/// What hashing uses until [`set_hash_seed`] is called: tests then see the same order every time.
const DEFAULT_SEED: u64 = 0x243F_6A88_85A3_08D3;

/// Spreads a small number over 64 bits; 2^64 divided by the golden ratio.
const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

struct Secrets {
    start: u64,
    multipliers: SharedSeed,
}

static SECRETS: OnceLock<Secrets> = OnceLock::new();

impl Secrets {
    fn new(seed: u64) -> Secrets {
        // The start value must not be the number the multipliers are made of.
        let start = (seed ^ ODD).wrapping_mul(ODD);
        Secrets { start, multipliers: SharedSeed::from_u64(seed) }
    }
}

/// Sets the process's seed. To be called once, at start, before any table exists: returns false and changes
/// nothing when a seed was set or a key was hashed already.
pub fn set_hash_seed(seed: u64) -> bool {
    SECRETS.set(Secrets::new(seed)).is_ok()
}

/// The hash of `key` under the process's seed; every bit depends on every byte.
#[inline]
pub fn key_hash(key: &[u8]) -> u64 {
    let secrets = SECRETS.get_or_init(|| Secrets::new(DEFAULT_SEED));
    // Foldhash leaves the length to its caller: without it all keys of zeros are alike.
    let start = secrets.start.wrapping_add((key.len() as u64).wrapping_mul(ODD));
    let mut hasher = FoldHasher::with_seed(start, &secrets.multipliers);
    hasher.write(key);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_similar_keys_are_even() {
        const KEYS: u32 = 20_000;
        let mut set = [0u32; 64];
        for i in 0..KEYS {
            let hash = key_hash(format!("key:{i:012}").as_bytes());
            for (bit, count) in set.iter_mut().enumerate() {
                *count += (hash >> bit) as u32 & 1;
            }
        }
        // Five standard deviations of a fair coin.
        let slack = 5 * (KEYS as f64).sqrt() as u32 / 2;
        assert!(set.iter().all(|c| c.abs_diff(KEYS / 2) < slack), "{set:?}");
    }

    #[test]
    fn length_and_zeros_count() {
        let zeros = [0u8; 300];
        let mut hashes: Vec<u64> = (0..300).map(|len| key_hash(&zeros[..len])).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 300);
        // A zero half must not cancel the other half out.
        let mut key = [0u8; 16];
        key[15] = 1;
        assert_ne!(key_hash(&key), key_hash(&zeros[..16]));
    }

    #[test]
    fn seed_is_set_once() {
        key_hash(b"any");
        assert!(!set_hash_seed(1));
    }
}
