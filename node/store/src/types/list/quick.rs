//! Quicklists: long lists as a deque of nodes.
//!
//! Redis links its nodes both ways and walks the links to an index. Here the nodes stand side by side in a
//! deque with their counts, so finding an index reads 24 contiguous bytes for each node it skips, and a node
//! costs no links. Both ends stay O(1); adding or dropping a node in the middle moves at most half of the
//! deque's entries, which for nodes of 8 KiB is less than what the node itself costs.
//!
//! A node that new ones have moved far from its end is pressed: reading one takes 8 us instead of one, so lists of less than
//! 256 KiB have none. It is opened when others go and it comes near an end again, but not at the place where it was
//! pressed: who pushes and pops there would do both all the time.

use std::collections::VecDeque;
use std::ops::Range;

use super::super::listpack::Listpack;
use super::node::{Node, Rules};
use super::{Probe, Side};

/// A node with so many nodes between it and an end is pressed.
const PRESSED_FROM: usize = 16;
/// One with fewer is opened.
const OPEN_TO: usize = 8;

/// A list of nodes, none of them empty.
#[derive(Clone)]
pub(super) struct Quick {
    nodes: VecDeque<Node>,
    len: usize,
}

impl Quick {
    pub(super) fn new() -> Quick {
        Quick { nodes: VecDeque::new(), len: 0 }
    }

    /// The number of elements.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn nodes(&self) -> &VecDeque<Node> {
        &self.nodes
    }

    /// Adds a node at the back, unless it is empty.
    pub(super) fn push_node(&mut self, node: Node) {
        if node.count() > 0 {
            self.len += node.count();
            self.nodes.push_back(node);
            self.moved_inwards(Side::Back);
        }
    }

    /// A node was added at the `side`: the one that has come so far from it is pressed.
    fn moved_inwards(&mut self, side: Side) {
        if self.nodes.len() > 2 * PRESSED_FROM {
            let n = if side == Side::Front { PRESSED_FROM } else { self.nodes.len() - 1 - PRESSED_FROM };
            self.nodes[n].press();
        }
    }

    /// Nodes went: those that are near an end now are opened.
    fn moved_outwards(&mut self) {
        let last = self.nodes.len();
        self.nodes.iter_mut().take(OPEN_TO).for_each(Node::open);
        self.nodes.range_mut(last.saturating_sub(OPEN_TO)..).for_each(Node::open);
    }

    /// Drops the last node; false when there is none.
    pub(super) fn drop_node(&mut self) -> bool {
        let node = self.nodes.pop_back();
        self.len -= node.as_ref().map_or(0, Node::count);
        node.is_some()
    }

    /// The only node's listpack, taken out, if it is within `max_bytes` and `max_count`.
    pub(super) fn take_single(&mut self, max_bytes: usize, max_count: usize) -> Option<Listpack> {
        let fits = self.nodes.front()?.listpack_bytes()? <= max_bytes && self.len <= max_count;
        if self.nodes.len() > 1 || !fits {
            return None;
        }
        self.len = 0;
        self.nodes.pop_back()?.into_listpack()
    }

    /// The node that holds element `index` (below `len`), and the place in it.
    pub(super) fn locate(&self, index: usize) -> (usize, usize) {
        if index < self.len / 2 {
            let mut before = 0;
            for (n, node) in self.nodes.iter().enumerate() {
                if index < before + node.count() {
                    return (n, index - before);
                }
                before += node.count();
            }
        } else {
            let mut before = self.len;
            for (n, node) in self.nodes.iter().enumerate().rev() {
                before -= node.count();
                if index >= before {
                    return (n, index - before);
                }
            }
        }
        unreachable!("the counts of the nodes add up to len")
    }

    /// Adds an element at one end.
    pub(super) fn push(&mut self, side: Side, value: &[u8], rules: Rules) {
        let end = match side {
            Side::Front => self.nodes.front_mut(),
            Side::Back => self.nodes.back_mut(),
        };
        self.len += 1;
        if let Some(node) = end.filter(|node| node.accepts(value.len(), rules)) {
            return node.push(side, value);
        }
        let node = Node::of(value, rules);
        match side {
            Side::Front => self.nodes.push_front(node),
            Side::Back => self.nodes.push_back(node),
        }
        self.moved_inwards(side);
    }

    /// Adds an element before or behind the one at `offset` of node `n`.
    pub(super) fn insert(&mut self, n: usize, offset: usize, after: bool, value: &[u8], rules: Rules) {
        self.len += 1;
        let cut = offset + usize::from(after);
        let node = &mut self.nodes[n];
        if node.accepts(value.len(), rules) {
            return node.insert(cut, value);
        }
        if cut > 0 && cut < node.count() {
            return self.insert_in_cut(n, cut, after, value, rules);
        }
        // At the edge of a full node: the neighbour beyond it may have room.
        let neighbour = if after { n + 1 } else { n.wrapping_sub(1) };
        match self.nodes.get_mut(neighbour) {
            Some(next) if next.accepts(value.len(), rules) => {
                next.push(if after { Side::Front } else { Side::Back }, value)
            }
            _ => self.nodes.insert(n + usize::from(after), Node::of(value, rules)),
        }
    }

    /// Cuts node `n` at `cut` and adds the element between the parts.
    fn insert_in_cut(&mut self, n: usize, cut: usize, after: bool, value: &[u8], rules: Rules) {
        let left = &mut self.nodes[n];
        let mut right = left.split_off(cut);
        if rules.is_large(value.len()) {
            self.nodes.insert(n + 1, right);
            return self.nodes.insert(n + 1, Node::of(value, rules));
        }
        if after {
            right.push(Side::Front, value);
        } else {
            left.push(Side::Back, value);
        }
        self.nodes.insert(n + 1, right);
        self.merge_around(if after { n } else { n + 1 }, rules);
    }

    /// Joins neighbours around node `center` that fit into one node: pairs beside it first, then with it.
    fn merge_around(&mut self, center: usize, rules: Rules) {
        let mut center = center;
        if center >= 2 && self.merge(center - 2, rules) {
            center -= 1;
        }
        self.merge(center + 1, rules);
        if center >= 1 && self.merge(center - 1, rules) {
            center -= 1;
        }
        self.merge(center, rules);
    }

    /// Joins node `left` with the next one, if there is one and the rules allow.
    fn merge(&mut self, left: usize, rules: Rules) -> bool {
        if left + 1 >= self.nodes.len() {
            return false;
        }
        let mut pair = self.nodes.range_mut(left..left + 2);
        let merged = pair.next().zip(pair.next()).is_some_and(|(a, b)| a.merge(b, rules));
        if merged {
            self.nodes.remove(left + 1);
        }
        merged
    }

    /// Puts `value` in the place of the element at `index`, which must be below `len`.
    pub(super) fn set(&mut self, index: usize, value: &[u8], rules: Rules) {
        let (n, offset) = self.locate(index);
        let node = &mut self.nodes[n];
        if node.replace(offset, value, rules) {
            return;
        }
        // It belongs into another kind of node: add it behind the old one, then drop that.
        let count = node.count();
        if node.as_plain().is_some() {
            self.insert(n, offset, true, value, rules);
            return self.remove_in_node(n, 0..1);
        }
        if offset + 1 < count {
            let right = node.split_off(offset + 1);
            self.nodes.insert(n + 1, right);
        }
        self.nodes.insert(n + 1, Node::of(value, rules));
        self.len += 1;
        let is_alone = self.nodes[n].count() == 1;
        self.remove_in_node(n, offset..offset + 1);
        if !is_alone {
            self.merge_around(n + 1, rules);
        }
    }

    /// Removes the elements of `range`, which must end within `len`.
    pub(super) fn remove_range(&mut self, range: Range<usize>) {
        let mut left = range.len();
        if left == 0 {
            return;
        }
        let before = self.nodes.len();
        let (mut n, offset) = self.locate(range.start);
        if offset > 0 {
            let end = self.nodes[n].count().min(offset + left);
            left -= end - offset;
            self.remove_in_node(n, offset..end);
            n += 1;
        }
        let mut whole = n;
        while left > 0 && self.nodes[whole].count() <= left {
            left -= self.nodes[whole].count();
            self.len -= self.nodes[whole].count();
            whole += 1;
        }
        self.nodes.drain(n..whole);
        if left > 0 {
            self.remove_in_node(n, 0..left);
        }
        if self.nodes.len() < before {
            self.moved_outwards();
        }
    }

    /// Removes up to `limit` elements equal to the probe, from the given side on; gives their number.
    pub(super) fn remove_equal(&mut self, probe: &Probe<'_>, limit: usize, from: Side) -> usize {
        let mut removed = 0;
        let mut visit = |node: &mut Node| removed += node.remove_equal(probe, limit - removed, from);
        match from {
            Side::Front => self.nodes.iter_mut().for_each(&mut visit),
            Side::Back => self.nodes.iter_mut().rev().for_each(&mut visit),
        }
        // One pass for all emptied nodes: dropping each at once would move the others each time.
        self.nodes.retain(|node| node.count() > 0);
        self.len -= removed;
        self.moved_outwards();
        removed
    }

    /// Bytes taken from the allocator below this value.
    pub(super) fn memory_bytes(&self) -> usize {
        let nodes: usize = self.nodes.iter().map(Node::memory_bytes).sum();
        self.nodes.capacity() * size_of::<Node>() + nodes
    }

    fn remove_in_node(&mut self, n: usize, range: Range<usize>) {
        self.len -= range.len();
        self.nodes[n].remove(range);
        if self.nodes[n].count() == 0 {
            self.nodes.remove(n);
        }
    }
}
