//! Lists: one listpack while small, a quicklist of many beyond.
//!
//! Problem: a list is pushed and popped at both ends, indexed, cut and searched. An array of strings costs
//! a pointer and a header per element and moves all of them for a push at the front; a linked list of
//! strings costs even more. Redis packs neighbours into listpacks and links those, and `OBJECT ENCODING`
//! and dump files show it.
//!
//! Plan: A short list is a single listpack in one allocation. When the next change would take it past
//! `list-max-listpack-size` it becomes [`quick::Quick`], a deque of such nodes; when removals leave a single
//! node of at most half that size it goes back, as Redis 7.2 does (the half keeps a list that hovers around
//! the limit from changing at each command). Nodes far from both ends are [`pressed`]; `list-compress-depth` is a
//! setting without effect.
//!
//! Redis decides about growth once per command, before it changes anything, by the summed length of all
//! arguments: so do [`List::extend`], [`List::set`] and [`List::insert`].

mod node;
mod pressed;
mod quick;
#[cfg(test)]
mod tests;
mod walk;

use std::ops::{ControlFlow, Range};

use self::node::{Node, Rules};
pub use self::pressed::Pressed;
use self::quick::Quick;
use super::Limits;
use super::int;
use super::listpack::{Item, Listpack};
use super::packed_or::{Form, PackedOr};

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The head: LPUSH, LPOP, `LEFT`.
    Front,
    /// The tail: RPUSH, RPOP, `RIGHT`.
    Back,
}

impl Side {
    /// The other end.
    pub fn opposite(self) -> Side {
        match self {
            Side::Front => Side::Back,
            Side::Back => Side::Front,
        }
    }
}

/// A part of a list as RDB files keep it, see [`List::nodes`].
#[derive(Clone, Copy)]
pub enum NodeRef<'a> {
    /// Several elements (RDB `QUICKLIST_NODE_CONTAINER_PACKED`).
    Packed(&'a Listpack),
    /// The same, pressed.
    Pressed(&'a Pressed),
    /// One large element (RDB `QUICKLIST_NODE_CONTAINER_PLAIN`).
    Plain(&'a [u8]),
}

/// A list value: 8 bytes beside its elements' allocations.
#[derive(Clone)]
pub struct List(PackedOr<Quick>);

/// A text to compare many elements with: its number, if it is one, is worked out once.
struct Probe<'a> {
    text: &'a [u8],
    number: Option<i64>,
}

impl<'a> Probe<'a> {
    fn of(text: &'a [u8]) -> Probe<'a> {
        Probe { text, number: int::from_text(text) }
    }

    fn is(&self, item: Item<'_>) -> bool {
        match item {
            Item::Int(value) => self.number == Some(value),
            Item::Str(text) => self.text == text,
        }
    }
}

impl Default for List {
    fn default() -> List {
        List::new()
    }
}

impl List {
    /// An empty list.
    pub fn new() -> List {
        List(PackedOr::packed(Listpack::new()))
    }

    /// The number of elements. O(1).
    pub fn len(&self) -> usize {
        match self.0.get() {
            Form::Packed(listpack) => listpack.len(),
            Form::Large(quick) => quick.len(),
        }
    }

    /// Whether there is no element: the keyspace then drops the key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What `OBJECT ENCODING` answers.
    pub fn encoding_name(&self) -> &'static str {
        match self.0.get() {
            Form::Packed(_) => "listpack",
            Form::Large(_) => "quicklist",
        }
    }

    /// Bytes taken from the allocator below this value.
    pub fn memory_bytes(&self) -> usize {
        match self.0.get() {
            Form::Packed(listpack) => listpack.memory_bytes(),
            Form::Large(quick) => size_of::<Quick>() + quick.memory_bytes(),
        }
    }

    /// Frees up to `nodes` parts (each up to a node of `list-max-listpack-size`); true when nothing is left.
    pub fn drain(&mut self, nodes: usize) -> bool {
        match self.0.get_mut() {
            Form::Packed(listpack) => listpack.clear(),
            Form::Large(quick) => {
                return (0..nodes).any(|_| !quick.drop_node());
            }
        }
        true
    }

    /// Adds an element at one end.
    pub fn push(&mut self, side: Side, value: &[u8], limits: &Limits) {
        self.extend(side, std::iter::once(value), limits);
    }

    /// Adds elements at one end, one after the other: LPUSH, RPUSH.
    pub fn extend<'a>(
        &mut self,
        side: Side,
        values: impl Iterator<Item = &'a [u8]> + Clone,
        limits: &Limits,
    ) {
        let rules = Rules::of(limits);
        let (count, bytes) = values.clone().fold((0, 0), |(count, bytes), v| (count + 1, bytes + v.len()));
        self.grow(bytes, count, rules);
        match self.0.get_mut() {
            Form::Packed(listpack) if side == Side::Front => values.for_each(|v| listpack.push_front(v)),
            Form::Packed(listpack) => values.for_each(|v| listpack.push_back(v)),
            Form::Large(quick) => values.for_each(|v| quick.push(side, v, rules)),
        }
    }

    /// Removes the element at one end after handing it to `take`: LPOP, RPOP, LMOVE.
    pub fn pop<R>(&mut self, side: Side, limits: &Limits, take: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        let index = self.end(side)?;
        let taken = self.look(index, take)?;
        self.remove_range(index..index + 1, limits);
        Some(taken)
    }

    /// Moves the element at one end to an end, and gives it: LMOVE within one list. Between the two steps the
    /// encoding stays as it is.
    pub fn rotate(&mut self, from: Side, to: Side, limits: &Limits) -> Option<Vec<u8>> {
        let index = self.end(from)?;
        let value = self.look(index, |item| item.to_vec())?;
        self.cut(index..index + 1);
        self.push(to, &value, limits);
        self.shrink(Rules::of(limits), 2);
        Some(value)
    }

    /// The index of the element at one end.
    fn end(&self, side: Side) -> Option<usize> {
        match side {
            Side::Front => Some(0),
            Side::Back => self.len().checked_sub(1),
        }
    }

    /// What `look` makes of the element at `index`; `None` beyond the end. O(nodes) to an element in the middle.
    pub fn look<R>(&self, index: usize, look: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        let (mut look, mut seen) = (Some(look), None);
        self.walk(Side::Front, index, &mut |item| {
            seen = look.take().map(|look| look(item));
            ControlFlow::Break(())
        });
        seen
    }

    /// Lends up to `count` elements to `each`, in order as seen from `from`, leaving out the first `skip`.
    pub fn for_each(&self, from: Side, skip: usize, count: usize, mut each: impl FnMut(Item<'_>)) {
        let mut left = count;
        if left == 0 {
            return;
        }
        self.walk(from, skip, &mut |item| {
            each(item);
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }

    /// Puts `value` in the place of the element at `index`; false beyond the end: LSET.
    pub fn set(&mut self, index: usize, value: &[u8], limits: &Limits) -> bool {
        let rules = Rules::of(limits);
        self.grow(value.len(), 1, rules);
        if index >= self.len() {
            return false;
        }
        match self.0.get_mut() {
            Form::Packed(listpack) => {
                let pos = listpack.seek(index as isize).expect("the index is below len");
                listpack.replace(pos, value);
            }
            Form::Large(quick) => quick.set(index, value, rules),
        }
        self.shrink(rules, 2);
        true
    }

    /// Adds `value` before or behind the first element equal to `pivot`; false if there is none: LINSERT.
    pub fn insert(&mut self, pivot: &[u8], after: bool, value: &[u8], limits: &Limits) -> bool {
        let rules = Rules::of(limits);
        self.grow(value.len(), 1, rules);
        let Some(&index) = self.positions(pivot, Side::Front, 0, 1, usize::MAX).first() else { return false };
        match self.0.get_mut() {
            Form::Packed(listpack) => {
                let pos = listpack.seek(index as isize).expect("the index is below len");
                match after {
                    true => listpack.insert_after(pos, value),
                    false => listpack.insert_before(pos, value),
                };
            }
            Form::Large(quick) => {
                let (n, offset) = quick.locate(index);
                quick.insert(n, offset, after, value, rules);
            }
        }
        true
    }

    /// Removes up to `limit` elements equal to `value`, searching from the given side; gives their number:
    /// LREM.
    pub fn remove(&mut self, value: &[u8], limit: usize, from: Side, limits: &Limits) -> usize {
        let probe = Probe::of(value);
        let removed = match self.0.get_mut() {
            Form::Packed(listpack) => node::remove_equal(listpack, &probe, limit, from),
            Form::Large(quick) => quick.remove_equal(&probe, limit, from),
        };
        if removed > 0 {
            self.shrink(Rules::of(limits), 2);
        }
        removed
    }

    /// Removes the elements of `range`, clipped to the list: LPOP with a count, LTRIM.
    pub fn remove_range(&mut self, range: Range<usize>, limits: &Limits) {
        let end = range.end.min(self.len());
        self.cut(range.start.min(end)..end);
        self.shrink(Rules::of(limits), 2);
    }

    /// Removes the elements of `range`, which ends within the list, and leaves the encoding as it is.
    fn cut(&mut self, range: Range<usize>) {
        match self.0.get_mut() {
            Form::Packed(listpack) => listpack.remove_range(range.start as isize, range.len()),
            Form::Large(quick) => quick.remove_range(range),
        }
    }

    /// Positions of elements equal to `value` among the first `max_compared` from the given side on, leaving
    /// out the first `skip` matches and stopping after `limit`: LPOS.
    pub fn positions(
        &self,
        value: &[u8],
        from: Side,
        skip: usize,
        limit: usize,
        max_compared: usize,
    ) -> Vec<usize> {
        let (probe, len) = (Probe::of(value), self.len());
        let (mut found, mut skip, mut index) = (Vec::new(), skip, 0);
        self.walk(from, 0, &mut |item| {
            if index == max_compared || found.len() == limit {
                return ControlFlow::Break(());
            }
            match probe.is(item) {
                true if skip > 0 => skip -= 1,
                true => found.push(if from == Side::Front { index } else { len - 1 - index }),
                false => {}
            }
            index += 1;
            ControlFlow::Continue(())
        });
        found
    }

    /// The parts as RDB files keep them (`RDB_TYPE_LIST_QUICKLIST_2`); a packed list is one part.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = NodeRef<'_>> {
        let (single, many) = match self.0.get() {
            Form::Packed(listpack) => (Some(listpack), None),
            Form::Large(quick) => (None, Some(quick.nodes())),
        };
        let count = many.map_or(1, |nodes| nodes.len());
        (0..count).map(move |n| match (single, many.and_then(|nodes| nodes.get(n))) {
            (_, Some(node)) => node.as_ref(),
            (Some(listpack), None) => NodeRef::Packed(listpack),
            (None, None) => unreachable!("n is below the number of nodes"),
        })
    }

    /// Adds a part of an RDB file at the back; nothing if it is empty. After the last, [`Self::settle`].
    pub fn push_packed(&mut self, listpack: Listpack) {
        self.make_quick().push_node(Node::packed(listpack));
    }

    /// Adds a large element of an RDB file at the back. After the last, [`Self::settle`].
    pub fn push_plain(&mut self, value: Box<[u8]>) {
        self.make_quick().push_node(Node::plain(value));
    }

    /// Chooses the encoding of a list that was put together at once: a single part within the limits is a
    /// listpack (SORT STORE, RESTORE).
    pub fn settle(&mut self, limits: &Limits) {
        let rules = Rules::of(limits);
        self.grow(0, 0, rules);
        self.shrink(rules, 1);
    }

    /// Before a change that adds: a listpack that would pass the limits becomes a quicklist.
    fn grow(&mut self, bytes: usize, count: usize, rules: Rules) {
        if let Form::Packed(listpack) = self.0.get()
            && !rules.allow(listpack.byte_len() + bytes, listpack.len() + count)
        {
            self.make_quick();
        }
    }

    /// After a change that may have removed: a quicklist that is a single listpack within the limits
    /// divided by `divisor` becomes that listpack.
    fn shrink(&mut self, rules: Rules, divisor: usize) {
        if let Form::Large(quick) = self.0.get_mut()
            && let Some(listpack) = quick.take_single(rules.max_bytes / divisor, rules.max_count / divisor)
        {
            self.0 = PackedOr::packed(listpack);
        }
    }

    fn make_quick(&mut self) -> &mut Quick {
        if let Form::Packed(listpack) = self.0.get_mut() {
            let mut quick = Box::new(Quick::new());
            quick.push_node(Node::packed(std::mem::take(listpack)));
            self.0 = PackedOr::large(quick);
        }
        match self.0.get_mut() {
            Form::Large(quick) => quick,
            Form::Packed(_) => unreachable!("it was made a quicklist above"),
        }
    }
}
