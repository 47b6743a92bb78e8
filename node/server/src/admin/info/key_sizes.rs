//! Section Keysizes: how many keys of each type have how many elements, or bytes, by powers of two.
//!
//! Redis 8 keeps these counts with every write. Here they are made when asked for: exact for few keys; from a sample of
//! many, which then is said in a line of its own, so that no request pays for it and none waits for long.
//!
//! Source: the command page of INFO, for Redis 8.0, "Keysizes".

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base::Random;
use store::types::{Hash, List, Set, Zset};
use store::{EntryRef, Type};

use super::{Glance, Lines};

/// Keys that are looked at, at most: for about a millisecond.
const LOOKED_AT: usize = 8192;

/// Types that have sizes, and what these are called.
const KINDS: [(Type, &str); 5] = [
    (Type::String, "strings_sizes"),
    (Type::List, "lists_items"),
    (Type::Set, "sets_items"),
    (Type::Zset, "zsets_items"),
    (Type::Hash, "hashes_items"),
];

/// What was counted.
#[derive(Debug, Default)]
pub struct KeySizes {
    /// By kind: how many keys are of a size from this one on, below the next power of two.
    counts: [BTreeMap<usize, f64>; KINDS.len()],
    /// How many keys were looked at, where that was not all.
    sampled: usize,
}

/// Section Keysizes.
pub(super) fn key_sizes(glance: &Glance<'_>) -> Lines {
    let keys = &glance.core.keys;
    let mut sizes = KeySizes::default();
    if keys.len() <= LOOKED_AT {
        keys.iter().for_each(|(_, entry)| sizes.add(entry.value_type(), size_of(entry), 1.0));
    } else {
        let mut random = Random::new(glance.core.now_ms);
        let each = keys.len() as f64 / LOOKED_AT as f64;
        for _ in 0..LOOKED_AT {
            if let Some((_, entry)) = keys.random_key(&mut || random.bits()) {
                sizes.add(entry.value_type(), size_of(entry), each);
            }
        }
        sizes.sampled = LOOKED_AT;
    }
    Lines::KeySizes(sizes)
}

impl KeySizes {
    /// Counts a key for `times` keys.
    fn add(&mut self, kind: Type, size: usize, times: f64) {
        let Some(kind) = KINDS.iter().position(|(known, _)| *known == kind) else { return };
        let from = size.checked_ilog2().map_or(0, |power| 1 << power);
        *self.counts[kind].entry(from).or_default() += times;
    }

    /// Adds another core's.
    pub(super) fn merge(&mut self, other: KeySizes) {
        for (own, more) in self.counts.iter_mut().zip(other.counts) {
            more.into_iter().for_each(|(from, count)| *own.entry(from).or_default() += count);
        }
        self.sampled += other.sampled;
    }

    pub(super) fn write(&self, text: &mut String) {
        for ((_, name), counts) in KINDS.iter().zip(&self.counts) {
            if !counts.is_empty() {
                let bins: Vec<String> =
                    counts.iter().map(|(from, count)| format!("{}={count:.0}", label(*from))).collect();
                let _ = write!(text, "db0_distrib_{name}:{}\r\n", bins.join(","));
            }
        }
        if self.sampled > 0 {
            let _ = write!(text, "keysizes_sampled_keys:{}\r\n", self.sampled);
        }
    }
}

/// Bytes of a string, elements of a collection.
fn size_of(entry: EntryRef<'_>) -> usize {
    match entry.value_type() {
        Type::String => entry.string().map_or(0, |string| string.len()),
        Type::List => entry.get().map_or(0, List::len),
        Type::Set => entry.get().map_or(0, Set::len),
        Type::Zset => entry.get().map_or(0, Zset::len),
        Type::Hash => entry.get().map_or(0, |hash: &Hash| hash.len(0)),
        Type::Stream => 0,
    }
}

/// A power of two as it is shown: 512, 1K, 2K, ... 1M.
fn label(size: usize) -> String {
    const UNITS: [(u32, &str); 5] = [(40, "T"), (30, "G"), (20, "M"), (10, "K"), (0, "")];
    let (shift, unit) = UNITS.into_iter().find(|(shift, _)| size >> shift > 0).unwrap_or((0, ""));
    format!("{}{unit}", size >> shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fall_between_powers_of_two() {
        let mut sizes = KeySizes::default();
        for len in [0, 1, 2, 3, 4, 1023, 1024, 2047, 2048] {
            sizes.add(Type::String, len, 1.0);
        }
        let mut other = KeySizes::default();
        other.add(Type::String, 6, 2.6);
        other.add(Type::Stream, 6, 1.0);
        sizes.merge(other);
        let mut text = String::new();
        sizes.write(&mut text);
        assert_eq!(text, "db0_distrib_strings_sizes:0=1,1=1,2=2,4=4,512=1,1K=2,2K=1\r\n");
    }

    #[test]
    fn labels() {
        assert_eq!(
            [0, 1, 512, 1 << 10, 1 << 19, 1 << 20, 1 << 31].map(label),
            ["0", "1", "512", "1K", "512K", "1M", "2G"]
        );
    }
}
