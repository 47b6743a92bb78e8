//! Collections as lists of operations: whatever encoding they are in, and through every change of it, they hold what
//! a plain map, set or deque holds.
//!
//! The first byte of an input chooses the thresholds: small ones, so that encodings change often, or the usual. Then
//! each operation takes a byte, and its words as `Reader::word` reads them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use base::Random;
use store::types::hash::Expiry;
use store::types::list::Side;
use store::types::{Hash, Limits, List, Set, Zset};

use super::Target;
use crate::answer;

pub(super) const HASH: Target = target("hash", "hashes as lists of operations", run_hash);
pub(super) const LIST: Target = target("list", "lists as lists of operations", run_list);
pub(super) const SET: Target = target("set", "sets as lists of operations", run_set);
pub(super) const ZSET: Target = target("zset", "sorted sets as lists of operations", run_zset);

/// Seeds made, and bytes of each.
const SEEDS: u64 = 8;
const SEED_LEN: usize = 2_000;

const fn target(name: &'static str, about: &'static str, run: fn(&[u8]) -> u64) -> Target {
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

/// An input as it is read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The thresholds.
    fn limits(&mut self) -> Limits {
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
                ..usual
            },
        }
    }

    /// A number at the edge of a width that encodings have, a short text, or a long one.
    fn word(&mut self) -> Vec<u8> {
        let (kind, value) = (self.byte().unwrap_or(0), self.byte().unwrap_or(0));
        let number = |bits: u32| (1i64 << bits).wrapping_sub(2 - i64::from(value % 4));
        match kind % 8 {
            0 | 1 => (value % 16).to_string().into_bytes(),
            2 => number(u32::from(kind / 8) * 2).to_string().into_bytes(),
            3 => number(63).to_string().into_bytes(),
            4 => format!("-{value}").into_bytes(),
            5 => vec![value; usize::from(kind)],
            6 => vec![b'x'; 64 * usize::from(value)],
            _ => format!("member:{}", value % 32).into_bytes(),
        }
    }

    fn index(&mut self, len: usize) -> usize {
        usize::from(self.byte().unwrap_or(0)) % (len + 1)
    }
}

fn run_hash(input: &[u8]) -> u64 {
    let mut reader = Reader(input);
    let limits = reader.limits();
    let (mut hash, mut model) = (Hash::new(), BTreeMap::new());
    while let Some(operation) = reader.byte() {
        let field = reader.word();
        match operation % 4 {
            0 => assert_eq!(hash.remove(&field, 0), model.remove(&field).is_some()),
            1 => {
                let found = hash.get(&field, 0).map(|found| found.value.to_vec());
                assert_eq!(found, model.get(&field).cloned());
            }
            _ => {
                let value = reader.word();
                let is_new = hash.set(&field, &value, Expiry::Never, 0, &limits);
                assert_eq!(is_new, model.insert(field, value).is_none());
            }
        }
        assert_eq!(hash.len(0), model.len());
    }
    let held: BTreeMap<_, _> =
        hash.iter(0).map(|found| (found.field.to_vec(), found.value.to_vec())).collect();
    assert_eq!(held, model);
    answer((hash.encoding_name(), model.len()))
}

fn run_list(input: &[u8]) -> u64 {
    let mut reader = Reader(input);
    let limits = reader.limits();
    let (mut list, mut model) = (List::new(), VecDeque::new());
    while let Some(operation) = reader.byte() {
        let side = if operation & 0x80 == 0 { Side::Front } else { Side::Back };
        match operation % 8 {
            0 => {
                let popped = list.pop(side, &limits, |item| item.to_vec());
                assert_eq!(popped, if side == Side::Front { model.pop_front() } else { model.pop_back() });
            }
            1 => {
                let (index, value) = (reader.index(model.len()), reader.word());
                assert_eq!(list.set(index, &value, &limits), index < model.len());
                model.get_mut(index).into_iter().for_each(|place| *place = value.clone());
            }
            2 => {
                let (pivot, value) = (reader.word(), reader.word());
                let found = model.iter().position(|held| *held == pivot);
                assert_eq!(list.insert(&pivot, side == Side::Back, &value, &limits), found.is_some());
                found
                    .into_iter()
                    .for_each(|at| model.insert(at + usize::from(side == Side::Back), value.clone()));
            }
            3 => {
                let value = reader.word();
                let before = model.len();
                model.retain(|held| *held != value);
                assert_eq!(list.remove(&value, usize::MAX, side, &limits), before - model.len());
            }
            4 => {
                let from = reader.index(model.len());
                let until = from + reader.index(model.len() - from).min(3);
                list.remove_range(from..until, &limits);
                model.drain(from..until);
            }
            _ => {
                let value = reader.word();
                list.push(side, &value, &limits);
                if side == Side::Front { model.push_front(value) } else { model.push_back(value) }
            }
        }
        assert_eq!(list.len(), model.len());
    }
    assert!(list.iter().map(|item| item.to_vec()).eq(model.iter().cloned()));
    answer((list.encoding_name(), list.nodes().len()))
}

fn run_set(input: &[u8]) -> u64 {
    let mut reader = Reader(input);
    let limits = reader.limits();
    let (mut set, mut model) = (Set::new(), BTreeSet::new());
    while let Some(operation) = reader.byte() {
        let member = reader.word();
        match operation % 4 {
            0 => assert_eq!(set.remove(&member), model.remove(&member)),
            1 => assert_eq!(set.contains(&member), model.contains(&member)),
            _ => assert_eq!(set.add(&member, &limits), model.insert(member)),
        }
        assert_eq!(set.len(), model.len());
    }
    assert_eq!(set.iter().map(|member| member.to_vec()).collect::<BTreeSet<_>>(), model);
    answer((set.encoding_name(), model.len()))
}

fn run_zset(input: &[u8]) -> u64 {
    let mut reader = Reader(input);
    let limits = reader.limits();
    let (mut zset, mut model) = (Zset::new(), BTreeMap::new());
    while let Some(operation) = reader.byte() {
        let member = reader.word();
        match operation % 4 {
            0 => assert_eq!(zset.remove(&member), model.remove(&member)),
            1 => assert_eq!(zset.score(&member), model.get(&member).copied()),
            _ => {
                let score = f64::from(reader.byte().unwrap_or(0)) / 8.0 - 16.0;
                let is_new = zset.insert(&member, score, &limits);
                assert_eq!(is_new, model.insert(member, score).is_none());
            }
        }
        assert_eq!(zset.len(), model.len());
    }
    let mut ordered: Vec<_> = model.into_iter().map(|(member, score)| (score, member)).collect();
    ordered.sort_by(|(a, first), (b, second)| a.total_cmp(b).then_with(|| first.cmp(second)));
    for (rank, (score, member)) in ordered.iter().enumerate() {
        assert_eq!(zset.rank(member), Some((rank, *score)));
    }
    assert!(zset.iter().map(|(member, score)| (score, member.to_vec())).eq(ordered));
    answer((zset.encoding_name(), zset.len()))
}
