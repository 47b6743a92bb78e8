//! Lists against a model, and the encodings they show.

use std::collections::VecDeque;

use base::Random;

use super::*;

/// Few distinct values, so that searches find something; some of them integers, some large.
fn value(random: &mut Random) -> Vec<u8> {
    match random.below(12) {
        0 => vec![b'x'; (random.below(300)) as usize],
        1 if random.below(8) == 0 => vec![b'L'; 9_000],
        2..=5 => (random.below(2_000)).to_string().into_bytes(),
        _ => format!("v{}", random.below(20)).into_bytes(),
    }
}

fn texts(list: &List, from: Side, skip: usize, count: usize) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    list.for_each(from, skip, count, |item| texts.push(item.to_vec()));
    texts
}

fn all(list: &List, from: Side) -> Vec<Vec<u8>> {
    texts(list, from, 0, usize::MAX)
}

fn check_same(list: &List, model: &VecDeque<Vec<u8>>) {
    assert_eq!(list.len(), model.len());
    assert!(all(list, Side::Front).iter().eq(model));
    assert!(all(list, Side::Back).iter().eq(model.iter().rev()));
    if let Form::Large(quick) = list.0.get() {
        assert!(quick.nodes().iter().all(|node| node.count() > 0));
        assert!(quick.nodes().iter().all(|n| n.listpack().is_none_or(|l| l.len() == n.count())));
        assert_eq!(quick.nodes().iter().map(Node::count).sum::<usize>(), model.len());
    }
    // Through its parts and back, as an RDB file does it.
    let mut copy = List::new();
    for node in list.nodes() {
        match node {
            NodeRef::Packed(listpack) => copy.push_packed(listpack.clone()),
            NodeRef::Pressed(pressed) => copy.push_packed(pressed.listpack()),
            NodeRef::Plain(bytes) => copy.push_plain(bytes.into()),
        }
    }
    assert!(all(&copy, Side::Front).iter().eq(model));
}

fn remove_from_model(model: &mut VecDeque<Vec<u8>>, wanted: &[u8], limit: usize, from: Side) -> usize {
    let mut gone: Vec<usize> = (0..model.len()).filter(|&i| model[i] == wanted).collect();
    if from == Side::Back {
        gone.reverse();
    }
    gone.truncate(limit);
    gone.sort_unstable();
    gone.iter().rev().for_each(|&i| drop(model.remove(i)));
    gone.len()
}

fn step(list: &mut List, model: &mut VecDeque<Vec<u8>>, limits: &Limits, random: &mut Random, growing: bool) {
    let (new, side) = (value(random), if random.below(2) == 0 { Side::Front } else { Side::Back });
    let index = random.below(model.len() as u64 + 1) as usize;
    match random.below(if growing { 14 } else { 22 }) {
        0..=4 => {
            list.push(side, &new, limits);
            if side == Side::Front { model.push_front(new) } else { model.push_back(new) }
        }
        5..=7 => {
            let after = random.below(2) == 0;
            let found = model.iter().position(|v| *v == new);
            assert_eq!(list.insert(&new, after, b"ins", limits), found.is_some());
            found.iter().for_each(|at| model.insert(at + usize::from(after), b"ins".to_vec()));
        }
        8..=9 => {
            assert_eq!(list.set(index, &new, limits), index < model.len());
            if let Some(own) = model.get_mut(index) {
                *own = new;
            }
        }
        10 => {
            let limit = random.below(4) as usize;
            let removed = list.remove(&new, limit, side, limits);
            assert_eq!(removed, remove_from_model(model, &new, limit, side));
        }
        11 => {
            let end = (index + random.below(100) as usize).min(model.len());
            let count = end + 7 - index;
            assert!(texts(list, Side::Front, index, count).iter().eq(model.range(index..).take(count)));
            let behind = model.iter().rev().skip(index).take(count);
            assert!(texts(list, Side::Back, index, count).iter().eq(behind));
            assert_eq!(list.look(index, |item| item.to_vec()), model.get(index).cloned());
        }
        12 => {
            let (skip, limit, max) = (index % 3, 1 + index % 4, index + 40);
            let last = model.len().wrapping_sub(1);
            let from = |i: usize| if side == Side::Front { i } else { last - i };
            let hits = (0..model.len().min(max)).map(from).filter(|&i| model[i] == new);
            let hits: Vec<usize> = hits.skip(skip).take(limit).collect();
            assert_eq!(list.positions(&new, side, skip, limit, max), hits);
        }
        13 => {
            let expect = if side == Side::Front { model.pop_front() } else { model.pop_back() };
            expect.iter().for_each(|value| model.push_front(value.clone()));
            assert_eq!(list.rotate(side, Side::Front, limits), expect);
        }
        14..=17 => {
            let popped = list.pop(side, limits, |item| item.to_vec());
            assert_eq!(popped, if side == Side::Front { model.pop_front() } else { model.pop_back() });
        }
        _ => {
            let end = (index + random.below(30) as usize).min(model.len());
            list.remove_range(index..end, limits);
            model.drain(index..end);
        }
    }
}

#[test]
fn behaves_as_a_deque() {
    let sizes = [-2, -1, 1, 2, 3, 16, 128, 0, -5, -99];
    for (seed, size) in (1u64..).zip(sizes) {
        for threshold in [0, 200] {
            let mut random = Random::new(seed + threshold as u64);
            let limits = Limits {
                list_max_listpack_size: size,
                quicklist_packed_threshold: threshold,
                ..Limits::default()
            };
            let (mut list, mut model) = (List::new(), VecDeque::new());
            let mut most_pressed = 0;
            for round in 0..4_000 {
                step(&mut list, &mut model, &limits, &mut random, round < 2_500);
                if round % 250 == 0 {
                    check_same(&list, &model);
                    most_pressed =
                        most_pressed.max(pressed(&list).iter().filter(|pressed| **pressed).count());
                }
            }
            assert!(most_pressed > 0 || size != 16);
            check_same(&list, &model);
            while !list.drain(3) {}
            assert!(list.is_empty());
        }
    }
}

/// Pushes with a size limit, then removals: the encoding after each step of `script`.
fn encodings(size: i32, script: &[(&str, usize)]) -> Vec<&'static str> {
    let limits = Limits { list_max_listpack_size: size, ..Limits::default() };
    let mut list = List::new();
    let run = |&(what, many): &(&str, usize)| {
        match what {
            "push" => (0..many).for_each(|_| list.push(Side::Back, b"value", &limits)),
            "big" => list.push(Side::Front, &vec![b'b'; many], &limits),
            "pop" => list.remove_range(0..many, &limits),
            _ => drop(list.set(0, &vec![b's'; many], &limits)),
        }
        list.encoding_name()
    };
    script.iter().map(run).collect()
}

#[test]
fn encodings_follow_redis() {
    let (packed, quick) = ("listpack", "quicklist");
    // Grows past the limit, shrinks back at half of it (t_list.c, listTypeTryConversionRaw).
    let got = encodings(4, &[("push", 4), ("push", 1), ("pop", 2), ("pop", 1), ("pop", 1)]);
    assert_eq!(got, [packed, quick, quick, quick, packed]);
    // Bytes: the header's 7 and the value's own length count, an entry's overhead before it is there not.
    assert_eq!(encodings(-1, &[("big", 4096 - 7), ("big", 1)]), [packed, quick]);
    assert_eq!(encodings(-1, &[("big", 4096 - 6)]), [quick]);
    assert_eq!(encodings(-2, &[("big", 8192), ("push", 3), ("pop", 1)]), [quick, quick, packed]);
    // LSET of a large value, and back to a small one.
    assert_eq!(encodings(-2, &[("push", 2), ("set", 9_000), ("set", 1)]), [packed, quick, packed]);
    assert_eq!(encodings(0, &[("push", 1), ("push", 1)]), [packed, quick]);
}

#[test]
fn positions_of_many_nodes_are_found_fast_from_both_ends() {
    let limits = Limits { list_max_listpack_size: 8, ..Limits::default() };
    let numbers: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
    let mut list = List::new();
    list.extend(Side::Back, numbers.iter().map(|n| n.as_bytes()), &limits);
    for index in [0, 1, 7, 8, 4_999, 5_000, 9_999] {
        assert_eq!(list.look(index, |item| item == Item::Int(index as i64)), Some(true));
    }
    assert!(list.look(10_000, |_| ()).is_none());
    assert_eq!(texts(&list, Side::Front, 9_990, 20_000).len(), 10);
    assert_eq!(list.positions(b"9999", Side::Back, 0, 1, 10), [9_999]);
    assert!(list.positions(b"0", Side::Back, 0, 1, 10).is_empty());
    assert!(list.memory_bytes() > 10_000);
}

/// Which nodes of a list are pressed.
fn pressed(list: &List) -> Vec<bool> {
    list.nodes().map(|node| matches!(node, NodeRef::Pressed(_))).collect()
}

#[test]
fn nodes_far_from_both_ends_are_pressed() {
    let limits = Limits { list_max_listpack_size: 32, ..Limits::default() };
    let element = |n: usize| format!("element:{n:05}").into_bytes();
    let mut list = List::new();
    (0..32 * 100).for_each(|n| list.push(Side::Back, &element(n), &limits));
    assert_eq!(pressed(&list), (0..100).map(|n| (16..84).contains(&n)).collect::<Vec<_>>());
    let whole: Vec<Vec<u8>> = (0..32 * 100).map(element).collect();
    assert_eq!(all(&list, Side::Front), whole);
    assert!(list.memory_bytes() < whole.concat().len());

    // A node is opened when an element in it changes, or an end comes near; who reads opens nothing.
    let before = pressed(&list);
    let middle = 50 * 32 + 5;
    assert_eq!(list.look(middle, |item| item.to_vec()), Some(element(middle)));
    assert_eq!(list.positions(&element(middle), Side::Front, 0, 1, usize::MAX), [middle]);
    assert_eq!(list.remove(b"element:none", usize::MAX, Side::Front, &limits), 0);
    assert_eq!(pressed(&list), before);
    list.set(middle, b"new", &limits);
    assert!(before[50] && !pressed(&list)[50]);
    list.remove_range(0..32 * 60, &limits);
    assert_eq!(pressed(&list), (0..40).map(|n| (8..24).contains(&n)).collect::<Vec<_>>());
    assert_eq!(all(&list, Side::Front), whole[32 * 60..]);
}

#[test]
fn what_pressing_does_not_shrink_stays_as_it_is() {
    let mut random = Random::new(5);
    let limits = Limits { list_max_listpack_size: 32, ..Limits::default() };
    let mut list = List::new();
    for _ in 0..32 * 100 {
        let text: Vec<u8> = (0..16).map(|_| random.below(256) as u8).collect();
        list.push(Side::Back, &text, &limits);
    }
    assert!(pressed(&list).iter().all(|pressed| !pressed));
}
