//! Collections as lists of operations: whatever encoding they are in, and through every change of it, they hold what
//! a plain map, set or deque holds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use store::types::hash::Expiry;
use store::types::list::Side;
use store::types::{Hash, List, Set, Zset};

use super::Target;
use super::operations::{Reader, target};
use crate::answer;

pub(super) const HASH: Target = target("hash", "hashes as lists of operations", run_hash);
pub(super) const LIST: Target = target("list", "lists as lists of operations", run_list);
pub(super) const SET: Target = target("set", "sets as lists of operations", run_set);
pub(super) const ZSET: Target = target("zset", "sorted sets as lists of operations", run_zset);

fn run_hash(input: &[u8]) -> u64 {
    let mut reader = Reader::new(input);
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
    let mut reader = Reader::new(input);
    let limits = reader.limits();
    let (mut list, mut model) = (List::new(), VecDeque::new());
    // Enough that some nodes are pressed.
    for n in 0..reader.byte().unwrap_or(0) {
        let value = format!("element:{n}").into_bytes();
        list.push(Side::Back, &value, &limits);
        model.push_back(value);
    }
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
    for side in [Side::Front, Side::Back] {
        let mut texts = Vec::new();
        list.for_each(side, 0, usize::MAX, |item| texts.push(item.to_vec()));
        if side == Side::Back {
            texts.reverse();
        }
        assert!(texts.iter().eq(model.iter()));
    }
    answer((list.encoding_name(), list.nodes().len()))
}

fn run_set(input: &[u8]) -> u64 {
    let mut reader = Reader::new(input);
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
    let mut reader = Reader::new(input);
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
