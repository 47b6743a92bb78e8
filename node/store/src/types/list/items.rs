//! Walking a list's elements.

use std::collections::vec_deque;

use super::super::listpack::{Item, Listpack};
use super::node::{Node, NodeItems};
use super::quick::Quick;

/// Elements of a list, front to back; from [`super::List::iter`] also back to front.
pub struct Items<'a> {
    /// The node being read from the front.
    front: NodeItems<'a>,
    /// Nodes not begun yet.
    nodes: vec_deque::Iter<'a, Node>,
    /// The node being read from the back.
    back: NodeItems<'a>,
    /// Elements still to give.
    left: usize,
}

impl<'a> Items<'a> {
    pub(super) fn of_listpack(listpack: &'a Listpack, start: usize, count: usize) -> Items<'a> {
        let front = match listpack.seek(start as isize) {
            Some(_) if start == 0 => NodeItems::Packed(listpack.iter()),
            Some(pos) => NodeItems::Packed(listpack.iter_from(pos)),
            None => NodeItems::Plain(None),
        };
        Items { front, nodes: Default::default(), back: NodeItems::Plain(None), left: count }
    }

    pub(super) fn of_quick(quick: &'a Quick, start: usize, count: usize) -> Items<'a> {
        if count == 0 {
            let none = || NodeItems::Plain(None);
            return Items { front: none(), nodes: Default::default(), back: none(), left: 0 };
        }
        let (n, offset) = quick.locate(start);
        let front = quick.nodes()[n].items_from(offset);
        Items { front, nodes: quick.nodes().range(n + 1..), back: NodeItems::Plain(None), left: count }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        self.left = self.left.checked_sub(1)?;
        loop {
            if let Some(item) = self.front.next() {
                return Some(item);
            }
            match self.nodes.next() {
                Some(node) => self.front = node.items_from(0),
                None => return self.back.next(),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for Items<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        loop {
            if let Some(item) = self.back.next_back() {
                return Some(item);
            }
            match self.nodes.next_back() {
                Some(node) => self.back = node.items_from(0),
                None => return self.front.next_back(),
            }
        }
    }
}

impl ExactSizeIterator for Items<'_> {}
