//! The tree against a sorted vector, and what its nodes promise.

use base::Random;

use super::*;

impl Item for u64 {
    fn key(self) -> f64 {
        (self / 10) as f64
    }

    fn prefetch(self) {}
}

/// Checks a node's invariants and gives (depth, first, count).
fn check(node: &Node<u64>, is_root: bool) -> (usize, u64, usize) {
    match node {
        Node::Leaf(items) => {
            assert!(items.len() <= LEAF_MAX && items.capacity() <= LEAF_MAX);
            (0, items[0], items.len())
        }
        Node::Inner(children) => {
            assert!(children.len() <= INNER_MAX && children.len() > usize::from(is_root));
            let below: Vec<_> = children.iter().map(|c| check(&c.node, false)).collect();
            for (child, seen) in children.iter().zip(&below) {
                assert_eq!((child.first, child.count, below[0].0), (seen.1, seen.2, seen.0));
            }
            (below[0].0 + 1, below[0].1, below.iter().map(|b| b.2).sum())
        }
    }
}

fn check_same(tree: &Tree<u64>, model: &[u64]) {
    assert_eq!(tree.len(), model.len());
    if !model.is_empty() {
        assert_eq!(check(&tree.root, true).2, model.len());
    }
    assert!(tree.range(0..usize::MAX).eq(model.iter().copied()));
    assert!(tree.range(0..usize::MAX).rev().eq(model.iter().rev().copied()));
}

#[test]
fn behaves_as_a_sorted_vec() {
    for seed in 1..=8 {
        let (mut random, mut tree, mut model) = (Random::new(seed), Tree::default(), Vec::<u64>::new());
        for round in 0..12_000u64 {
            let value = random.below(50_000);
            // Grow for two thirds of the run, then shrink, with a few range removals.
            if random.below(100) < if round < 8_000 { 80 } else { 25 } {
                let at = tree.partition_point(|v, key| key < value.key() || key == value.key() && v < value);
                assert_eq!(at, model.partition_point(|&v| v < value));
                tree.insert(at, value);
                model.insert(at, value);
            } else if !model.is_empty() {
                let start = (value as usize) % model.len();
                let many = if value.is_multiple_of(50) { value as usize % 200 } else { 1 };
                let range = start..(start + many).min(model.len());
                let mut removed = Vec::new();
                tree.remove_range(range.clone(), |v| removed.push(v));
                assert_eq!(removed, model.drain(range).collect::<Vec<_>>());
            }
            if round % 500 == 0 {
                check_same(&tree, &model);
            }
        }
        while !model.is_empty() {
            let at = random.below(model.len() as u64) as usize;
            assert_eq!(tree.remove(at), model.remove(at));
        }
        check_same(&tree, &model);
        assert!(tree.memory_bytes() <= STEP * size_of::<u64>());
    }
}

#[test]
fn edges_fill_whole_leaves() {
    for front in [false, true] {
        let (mut tree, mut model) = (Tree::default(), std::collections::VecDeque::new());
        for value in 0..10_000u64 {
            tree.insert(if front { 0 } else { tree.len() }, value);
            if front { model.push_front(value) } else { model.push_back(value) }
        }
        check_same(&tree, model.make_contiguous());
        assert!(tree.memory_bytes() < 10_000 * 9 + 2_000, "{}", tree.memory_bytes());
        for _ in 0..9_990 {
            let at = if front { tree.len() - 1 } else { 0 };
            assert_eq!(Some(tree.remove(at)), if front { model.pop_back() } else { model.pop_front() });
        }
        check_same(&tree, model.make_contiguous());
    }
}

#[test]
fn ranges_and_positions() {
    let mut tree = Tree::default();
    (0..1_000u64).for_each(|v| tree.insert(v as usize, v));
    assert!(tree.range(100..103).eq([100, 101, 102]));
    assert!(tree.range(998..5_000).rev().eq([999, 998]));
    assert_eq!(tree.range(5_000..6_000).len(), 0);
    let mut both = tree.range(60..70);
    let mut seen = Vec::new();
    while let (Some(a), Some(b)) = (both.next(), both.next_back()) {
        seen.extend([a, b]);
    }
    assert_eq!(seen, [60, 69, 61, 68, 62, 67, 63, 66, 64, 65]);
    assert_eq!(tree.partition_point(|_, _| true), 1_000);
    assert_eq!(tree.partition_point(|_, _| false), 0);
}
