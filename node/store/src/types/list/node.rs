//! One node of a quicklist, and the rules for how large nodes get.
//!
//! A node is a listpack of neighbouring elements. An element that alone is larger than a listpack should
//! become stands by itself as plain bytes: moving it about whenever a neighbour comes or goes would make
//! every push cost what the large element costs.

use std::ops::Range;

use super::super::Limits;
use super::super::listpack::{self, Item, Listpack, Pos};
use super::{NodeRef, Probe, Side};

/// Node sizes for `list-max-listpack-size` -1 to -5, in bytes.
const SIZE_CLASSES: [usize; 5] = [4096, 8192, 16384, 32768, 65536];
/// Largest node in bytes when `list-max-listpack-size` counts entries.
const COUNTED_MAX_BYTES: usize = 8192;
/// Most entries `list-max-listpack-size` can ask for.
const COUNT_MAX: i32 = i16::MAX as i32;
/// What an entry costs beside its text, at most.
const ENTRY_OVERHEAD: usize = 8;

/// `list-max-listpack-size` and `DEBUG QUICKLIST-PACKED-THRESHOLD` in a form to compare with.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// Most bytes of a listpack.
    pub max_bytes: usize,
    /// Most entries of a listpack.
    pub max_count: usize,
    /// An element of this many bytes gets a node of its own.
    large: usize,
}

impl Rules {
    pub(super) fn of(limits: &Limits) -> Rules {
        let size = limits.list_max_listpack_size;
        let (max_bytes, max_count) = if size >= 0 {
            (COUNTED_MAX_BYTES, size.clamp(1, COUNT_MAX) as usize)
        } else {
            let class = (size.unsigned_abs() as usize).min(SIZE_CLASSES.len());
            (SIZE_CLASSES[class - 1], usize::MAX)
        };
        let large = match limits.quicklist_packed_threshold {
            0 => max_bytes + 1,
            bytes => bytes,
        };
        Rules { max_bytes, max_count, large }
    }

    /// Whether a listpack of this size and count is allowed.
    pub(super) fn allow(&self, bytes: usize, count: usize) -> bool {
        bytes <= self.max_bytes && count <= self.max_count
    }

    /// Whether an element of `bytes` gets a node of its own.
    pub(super) fn is_large(&self, bytes: usize) -> bool {
        bytes >= self.large
    }
}

/// A part of a list; never empty while it is in a quicklist.
#[derive(Clone)]
pub(super) struct Node {
    count: u32,
    body: Body,
}

#[derive(Clone)]
enum Body {
    Packed(Listpack),
    Plain(Box<[u8]>),
}

impl Node {
    /// A node of one element.
    pub(super) fn of(value: &[u8], rules: Rules) -> Node {
        if rules.is_large(value.len()) {
            return Node::plain(value.into());
        }
        let mut listpack = Listpack::new();
        listpack.push_back(value);
        Node { count: 1, body: Body::Packed(listpack) }
    }

    pub(super) fn plain(value: Box<[u8]>) -> Node {
        Node { count: 1, body: Body::Plain(value) }
    }

    pub(super) fn packed(listpack: Listpack) -> Node {
        let count = u32::try_from(listpack.len()).expect("a listpack has below 2^32 bytes");
        Node { count, body: Body::Packed(listpack) }
    }

    pub(super) fn count(&self) -> usize {
        self.count as usize
    }

    pub(super) fn as_listpack(&self) -> Option<&Listpack> {
        match &self.body {
            Body::Packed(listpack) => Some(listpack),
            Body::Plain(_) => None,
        }
    }

    pub(super) fn into_listpack(self) -> Option<Listpack> {
        match self.body {
            Body::Packed(listpack) => Some(listpack),
            Body::Plain(_) => None,
        }
    }

    /// Whether an element of `bytes` may be added here.
    pub(super) fn accepts(&self, bytes: usize, rules: Rules) -> bool {
        let Some(listpack) = self.as_listpack() else { return false };
        !rules.is_large(bytes) && rules.allow(listpack.byte_len() + bytes + ENTRY_OVERHEAD, self.count() + 1)
    }

    /// Adds an element at one end; only for a node that accepts it.
    pub(super) fn push(&mut self, side: Side, value: &[u8]) {
        let listpack = self.listpack_mut();
        match side {
            Side::Front => listpack.push_front(value),
            Side::Back => listpack.push_back(value),
        }
        self.count += 1;
    }

    /// Adds an element before `offset` (at most the count); only for a node that accepts it.
    pub(super) fn insert(&mut self, offset: usize, value: &[u8]) {
        if offset == self.count() {
            return self.push(Side::Back, value);
        }
        let pos = self.seek(offset);
        self.listpack_mut().insert_before(pos, value);
        self.count += 1;
    }

    /// Puts `value` in the place of the element at `offset`, if a node like this may hold it.
    pub(super) fn replace(&mut self, offset: usize, value: &[u8], rules: Rules) -> bool {
        let large = rules.is_large(value.len());
        match &mut self.body {
            Body::Plain(own) if large => {
                *own = value.into();
                true
            }
            Body::Packed(listpack) if !large && listpack.would_fit(value.len() + ENTRY_OVERHEAD) => {
                let pos = listpack.seek(offset as isize).expect("the offset is below the count");
                listpack.replace(pos, value);
                true
            }
            _ => false,
        }
    }

    /// Removes the elements at the offsets of `range`. The caller drops a node that is then empty.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        if range.len() < self.count() {
            self.listpack_mut().remove_range(range.start as isize, range.len());
        }
        self.count -= range.len() as u32;
    }

    /// Removes up to `limit` elements equal to the probe, from the given side on; gives their number.
    pub(super) fn remove_equal(&mut self, probe: &Probe<'_>, limit: usize, from: Side) -> usize {
        let removed = match &mut self.body {
            Body::Packed(listpack) => remove_equal(listpack, probe, limit, from),
            Body::Plain(own) => usize::from(limit > 0 && probe.is(Item::Str(own))),
        };
        self.count -= removed as u32;
        removed
    }

    /// Cuts off the elements from `offset` (0 < offset < count) on as a node of their own.
    pub(super) fn split_off(&mut self, offset: usize) -> Node {
        let pos = self.seek(offset);
        let tail = self.listpack_mut().split_off(pos);
        let count = self.count - offset as u32;
        self.count = offset as u32;
        Node { count, body: Body::Packed(tail) }
    }

    /// Takes over the elements of the `next` node when the rules allow one node for both.
    pub(super) fn merge(&mut self, next: &Node, rules: Rules) -> bool {
        let (Body::Packed(own), Body::Packed(other)) = (&mut self.body, &next.body) else { return false };
        let count = self.count as usize + next.count();
        let allowed = rules.allow(own.byte_len() + other.byte_len() - Listpack::new().byte_len(), count);
        if allowed {
            own.append(other);
            self.count = count as u32;
        }
        allowed
    }

    /// The elements from `offset` on.
    pub(super) fn items_from(&self, offset: usize) -> NodeItems<'_> {
        match &self.body {
            Body::Packed(listpack) if offset == 0 => NodeItems::Packed(listpack.iter()),
            Body::Packed(listpack) => NodeItems::Packed(listpack.iter_from(self.seek(offset))),
            Body::Plain(own) => NodeItems::Plain(Some(own)),
        }
    }

    pub(super) fn as_ref(&self) -> NodeRef<'_> {
        match &self.body {
            Body::Packed(listpack) => NodeRef::Packed(listpack),
            Body::Plain(own) => NodeRef::Plain(own),
        }
    }

    /// Bytes taken from the allocator below this value.
    pub(super) fn memory_bytes(&self) -> usize {
        match &self.body {
            Body::Packed(listpack) => listpack.memory_bytes(),
            Body::Plain(own) => own.len(),
        }
    }

    fn seek(&self, offset: usize) -> Pos {
        let pos = self.as_listpack().and_then(|listpack| listpack.seek(offset as isize));
        pos.expect("the offset is below the count of a packed node")
    }

    fn listpack_mut(&mut self) -> &mut Listpack {
        match &mut self.body {
            Body::Packed(listpack) => listpack,
            Body::Plain(_) => unreachable!("a plain node accepts nothing and has nothing to cut"),
        }
    }
}

/// Removes up to `limit` entries equal to the probe, from the given side on; gives their number.
pub(super) fn remove_equal(listpack: &mut Listpack, probe: &Probe<'_>, limit: usize, from: Side) -> usize {
    let mut removed = 0;
    let mut at = match from {
        Side::Front => listpack.first(),
        Side::Back => listpack.last(),
    };
    while let Some(pos) = at
        && removed < limit
    {
        let equal = probe.is(listpack.get(pos));
        // What is before an entry stays where it is when the entry goes; what is behind moves to it.
        at = match from {
            Side::Back => listpack.prev(pos),
            Side::Front if equal => Some(pos),
            Side::Front => listpack.next(pos),
        };
        if equal {
            let behind = listpack.remove(pos);
            removed += 1;
            at = if from == Side::Front { behind } else { at };
        }
    }
    removed
}

/// The elements of one node, both ways.
pub(super) enum NodeItems<'a> {
    Packed(listpack::Iter<'a>),
    Plain(Option<&'a [u8]>),
}

impl<'a> NodeItems<'a> {
    pub(super) fn next(&mut self) -> Option<Item<'a>> {
        match self {
            NodeItems::Packed(items) => items.next().map(|(_, item)| item),
            NodeItems::Plain(item) => item.take().map(Item::Str),
        }
    }

    pub(super) fn next_back(&mut self) -> Option<Item<'a>> {
        match self {
            NodeItems::Packed(items) => items.next_back().map(|(_, item)| item),
            NodeItems::Plain(item) => item.take().map(Item::Str),
        }
    }
}
