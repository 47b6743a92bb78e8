//! Walking a tree's items by position.

use std::ops::Range;

use super::{Item, Tree};

/// Items by position, from [`Tree::range`].
pub(crate) struct Items<'a, T> {
    tree: &'a Tree<T>,
    start: usize,
    end: usize,
    /// What is left of the leaf at `start`, beginning there.
    front: &'a [T],
    /// What is left of the leaf before `end`, ending there.
    back: &'a [T],
}

impl<'a, T> Items<'a, T> {
    /// The items at `positions`, which end within the tree.
    pub(super) fn new(tree: &'a Tree<T>, positions: Range<usize>) -> Self {
        Items { tree, start: positions.start, end: positions.end, front: &[], back: &[] }
    }
}

impl<T: Item> Iterator for Items<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.start == self.end {
            return None;
        }
        if self.front.is_empty() {
            let (leaf, offset) = self.tree.leaf_at(self.start);
            self.front = &leaf[offset..];
        }
        let (item, rest) = self.front.split_first()?;
        self.front = rest;
        self.start += 1;
        Some(*item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.start, Some(self.end - self.start))
    }
}

impl<T: Item> DoubleEndedIterator for Items<'_, T> {
    fn next_back(&mut self) -> Option<T> {
        if self.start == self.end {
            return None;
        }
        if self.back.is_empty() {
            let (leaf, offset) = self.tree.leaf_at(self.end - 1);
            self.back = &leaf[..=offset];
        }
        let (item, rest) = self.back.split_last()?;
        self.back = rest;
        self.end -= 1;
        Some(*item)
    }
}

impl<T: Item> ExactSizeIterator for Items<'_, T> {}
