//! A counted B+-tree: a sequence of small `Copy` items with positions.
//!
//! Problem: a sorted set needs "the n-th member", "the position of this member" and "all from here
//! on", each in O(log n), over millions of members. Redis answers with a skiplist, which pays about
//! 37 bytes a member for links and spans, and one cache miss for each step of a search. A plain
//! balanced tree needs counts in every node and is no smaller; `BTreeMap` keeps no counts at all.
//!
//! Plan: wide leaves of items and inner nodes that know, for each child, its number of items and its
//! first item. A position is found by adding up counts; an ordered search is one `partition_point`
//! that looks at first items on the way down. The tree itself knows no order: the caller inserts at
//! the position it searched, so every kind of bound (by score, by member, exclusive, infinite) is a
//! closure and not a key type. Iteration walks leaf slices and finds the next leaf by position: one
//! descent per leaf, so there are no links between leaves and no `unsafe` here.
//!
//! Items are pointers, and looking at what one points at is a cache miss, the only real cost of a search.
//! So inner nodes keep a copy of what usually decides (the score, see [`Item::key`]), and a leaf asks for
//! eight items at once before it compares the first: two waits instead of six.
//!
//! Memory: a leaf's buffer grows and shrinks by [`STEP`] items, so a half full leaf costs half a leaf.
//! Appending (or prepending) to a full edge leaf starts a new leaf instead of cutting the old one in
//! half: sets filled in order end up with full leaves.
//!
//! Invariants (`check` in the tests): all leaves have one depth; no node is empty unless the tree is;
//! a node holds at most [`LEAF_MAX`] or [`INNER_MAX`] entries and, off the two edges of the tree, at
//! least a third of that after a removal beside it.

mod items;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub(crate) use self::items::Items;

/// Items in a leaf: 512 bytes of pointers; moving half of that costs less than one cache miss.
const LEAF_MAX: usize = 64;
/// Children of an inner node.
const INNER_MAX: usize = 32;
/// Entries by which a node's buffer grows.
const STEP: usize = 8;

/// A sequence of items with O(log n) access by position; see the module's header.
pub(crate) struct Tree<T> {
    root: Node<T>,
    len: usize,
}

/// What a tree holds: something small that stands for something bigger.
pub(crate) trait Item: Copy {
    /// The leading part of the order. It may change only while the item is in no tree.
    fn key(self) -> f64;

    /// Asks the CPU to load what [`Self::key`] reads.
    fn prefetch(self);
}

enum Node<T> {
    Leaf(Vec<T>),
    Inner(Vec<Child<T>>),
}

struct Child<T> {
    node: Node<T>,
    /// The first item below and its key, so that a search needs no visit to the child.
    first: T,
    key: f64,
    /// The number of items below.
    count: usize,
}

/// Where in the whole sequence an insertion happens: decides how a full node is cut.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    First,
    Middle,
    Last,
}

impl<T> Default for Tree<T> {
    /// An empty tree; allocates nothing.
    fn default() -> Self {
        Tree { root: Node::Leaf(Vec::new()), len: 0 }
    }
}

impl<T: Item> Tree<T> {
    /// The number of items.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The number of leading items for which `before(item, its key)` holds. That must be a prefix, as with
    /// [`slice::partition_point`]. O(log n) calls.
    pub(crate) fn partition_point(&self, mut before: impl FnMut(T, f64) -> bool) -> usize {
        let (mut node, mut skipped) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(items) => return skipped + search_leaf(items, |item| before(item, item.key())),
                Node::Inner(children) => {
                    let after = children.partition_point(|c| before(c.first, c.key));
                    let Some(index) = after.checked_sub(1) else { return skipped };
                    skipped += children[..index].iter().map(|c| c.count).sum::<usize>();
                    node = &children[index].node;
                }
            }
        }
    }

    /// Puts `item` at `position` (at most `len`), moving what stands there one place on. O(log n).
    pub(crate) fn insert(&mut self, position: usize, item: T) {
        assert!(position <= self.len);
        let place = match position {
            p if p == self.len => Place::Last,
            0 => Place::First,
            _ => Place::Middle,
        };
        self.len += 1;
        if let Some(right) = self.root.insert(position, item, place) {
            let left = std::mem::replace(&mut self.root, Node::Inner(Vec::with_capacity(2)));
            if let Node::Inner(children) = &mut self.root {
                children.extend([Child::of(left), Child::of(right)]);
            }
        }
    }

    /// Removes and returns the item at `position`, which must be below `len`. O(log n).
    pub(crate) fn remove(&mut self, position: usize) -> T {
        let mut removed = None;
        self.remove_range(position..position + 1, |item| removed = Some(item));
        removed.expect("the position is below len")
    }

    /// Removes the items of `range` in order, handing each to `each`. O(log n + items).
    pub(crate) fn remove_range(&mut self, range: Range<usize>, mut each: impl FnMut(T)) {
        assert!(range.end <= self.len);
        let mut left = range.len();
        while left > 0 {
            let removed = self.root.remove(range.start, left, &mut each);
            left -= removed;
            self.len -= removed;
            self.root.lower();
        }
    }

    /// The items at the positions of `range` (clipped to `len`), both ways.
    pub(crate) fn range(&self, range: Range<usize>) -> Items<'_, T> {
        let end = range.end.min(self.len);
        Items::new(self, range.start.min(end)..end)
    }

    /// Bytes of all nodes below this value, not of the items' own targets.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.root.memory_bytes()
    }

    /// The leaf that holds `position` (below `len`), and the place in it.
    fn leaf_at(&self, mut position: usize) -> (&[T], usize) {
        let mut node = &self.root;
        loop {
            match node {
                Node::Leaf(items) => return (items, position),
                Node::Inner(children) => {
                    let (index, inside) = find_child(children, position, |at, count| at < count);
                    position = inside;
                    node = &children[index].node;
                }
            }
        }
    }
}

/// [`slice::partition_point`] in two steps, for each of which the items are loaded all at once.
fn search_leaf<T: Item>(items: &[T], mut before: impl FnMut(T) -> bool) -> usize {
    let firsts = || items.chunks(STEP).skip(1).map(|chunk| chunk[0]);
    firsts().for_each(Item::prefetch);
    let skipped = STEP * firsts().take_while(|&first| before(first)).count();
    let chunk = &items[skipped..items.len().min(skipped + STEP)];
    chunk.iter().for_each(|item| item.prefetch());
    skipped + chunk.partition_point(|&item| before(item))
}

/// The first child for which `holds(position inside it, its count)`, and that position.
fn find_child<T>(
    children: &[Child<T>],
    mut position: usize,
    holds: impl Fn(usize, usize) -> bool,
) -> (usize, usize) {
    for (index, child) in children.iter().enumerate() {
        if holds(position, child.count) {
            return (index, position);
        }
        position -= child.count;
    }
    unreachable!("the counts of the children add up to more than the position")
}

impl<T: Item> Child<T> {
    fn of(node: Node<T>) -> Self {
        let (first, count) = match &node {
            Node::Leaf(items) => (items[0], items.len()),
            Node::Inner(children) => (children[0].first, children.iter().map(|c| c.count).sum()),
        };
        Child { node, first, key: first.key(), count }
    }
}

impl<T: Item> Child<T> {
    fn set_first(&mut self, first: T) {
        (self.first, self.key) = (first, first.key());
    }
}

impl<T: Item> Node<T> {
    /// Inserts below; gives back the new right neighbour when this node was full and had to be cut.
    fn insert(&mut self, position: usize, item: T, place: Place) -> Option<Node<T>> {
        match self {
            Node::Leaf(items) => insert_or_cut(items, position, item, LEAF_MAX, place).map(Node::Leaf),
            Node::Inner(children) => {
                let (index, inside) = find_child(children, position, |at, count| at <= count);
                let child = &mut children[index];
                child.count += 1;
                if inside == 0 {
                    child.set_first(item);
                }
                let right = Child::of(child.node.insert(inside, item, place)?);
                child.count -= right.count;
                insert_or_cut(children, index + 1, right, INNER_MAX, place).map(Node::Inner)
            }
        }
    }

    /// Removes up to `limit` (at least 1) items of one leaf from `position` on; gives their number.
    fn remove(&mut self, position: usize, limit: usize, each: &mut impl FnMut(T)) -> usize {
        match self {
            Node::Leaf(items) => {
                let end = items.len().min(position.saturating_add(limit));
                items.drain(position..end).for_each(each);
                trim(items);
                end - position
            }
            Node::Inner(children) => {
                let (index, inside) = find_child(children, position, |at, count| at < count);
                let child = &mut children[index];
                let removed = child.node.remove(inside, limit, each);
                child.count -= removed;
                if child.count == 0 && children.len() == 1 {
                    children.clear();
                } else if children[index].node.is_thin() {
                    rebalance(children, index);
                } else if inside == 0 {
                    let first = children[index].node.first();
                    children[index].set_first(first);
                }
                removed
            }
        }
    }

    /// After removals: a root with one child is that child, one without is an empty leaf.
    fn lower(&mut self) {
        while let Node::Inner(children) = self
            && children.len() < 2
        {
            *self = children.pop().map_or(Node::Leaf(Vec::new()), |child| child.node);
        }
    }

    fn first(&self) -> T {
        match self {
            Node::Leaf(items) => items[0],
            Node::Inner(children) => children[0].first,
        }
    }

    /// Too few entries to stand alone beside a neighbour.
    fn is_thin(&self) -> bool {
        match self {
            Node::Leaf(items) => items.len() < LEAF_MAX / 3,
            Node::Inner(children) => children.len() < INNER_MAX / 3,
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Node::Leaf(items) => items.is_empty(),
            Node::Inner(children) => children.is_empty(),
        }
    }

    fn memory_bytes(&self) -> usize {
        match self {
            Node::Leaf(items) => items.capacity() * size_of::<T>(),
            Node::Inner(children) => {
                let below: usize = children.iter().map(|c| c.node.memory_bytes()).sum();
                children.capacity() * size_of::<Child<T>>() + below
            }
        }
    }
}

/// Inserts into `entries`; when they are `max` already, cuts them and gives back the right part.
fn insert_or_cut<E>(
    entries: &mut Vec<E>,
    position: usize,
    entry: E,
    max: usize,
    place: Place,
) -> Option<Vec<E>> {
    if entries.len() < max {
        insert_grown(entries, position, entry);
        return None;
    }
    let cut = match place {
        Place::First => position,
        Place::Middle => max / 2,
        Place::Last => entries.len(),
    };
    let mut right = Vec::new();
    make_room(&mut right, (max - cut).max(1));
    right.extend(entries.drain(cut..));
    trim(entries);
    if position < cut || (position == cut && place != Place::Last) {
        insert_grown(entries, position, entry);
    } else {
        insert_grown(&mut right, position - cut, entry);
    }
    Some(right)
}

/// `Vec::insert` that grows by [`STEP`] entries instead of doubling.
fn insert_grown<E>(entries: &mut Vec<E>, position: usize, entry: E) {
    make_room(entries, 1);
    entries.insert(position, entry);
}

/// Room for `more` entries, in whole steps.
fn make_room<E>(entries: &mut Vec<E>, more: usize) {
    let wanted = entries.len() + more;
    if wanted > entries.capacity() {
        entries.reserve_exact(wanted.next_multiple_of(STEP) - entries.len());
    }
}

/// Gives back buffer space beyond two steps.
fn trim<E>(entries: &mut Vec<E>) {
    if entries.capacity() - entries.len() >= 2 * STEP {
        entries.shrink_to((entries.len() + 1).next_multiple_of(STEP));
    }
}

/// Joins the thin child at `index` with a neighbour, or takes entries from it.
fn rebalance<T: Item>(children: &mut Vec<Child<T>>, index: usize) {
    if children.len() == 1 {
        let first = children[0].node.first();
        return children[0].set_first(first);
    }
    let left_index = index.saturating_sub(1);
    let mut right = children.remove(left_index + 1).node;
    let left = &mut children[left_index];
    match (&mut left.node, &mut right) {
        (Node::Leaf(a), Node::Leaf(b)) => level(a, b, LEAF_MAX),
        (Node::Inner(a), Node::Inner(b)) => level(a, b, INNER_MAX),
        _ => unreachable!("all leaves have one depth"),
    }
    let node = std::mem::replace(&mut left.node, Node::Leaf(Vec::new()));
    *left = Child::of(node);
    if !right.is_empty() {
        insert_grown(children, left_index + 1, Child::of(right));
    }
    trim(children);
}

/// Moves all of `right` to `left` if it fits into `max`, else makes them equally long.
fn level<E>(left: &mut Vec<E>, right: &mut Vec<E>, max: usize) {
    let total = left.len() + right.len();
    let keep = if total <= max { total } else { total / 2 };
    if left.len() < keep {
        let moved = keep - left.len();
        make_room(left, moved);
        left.extend(right.drain(..moved));
    } else {
        make_room(right, left.len() - keep);
        right.splice(..0, left.drain(keep..));
    }
    trim(left);
    trim(right);
}
