//! One node of a quicklist, and the rules for how large nodes get.
//!
//! A node is a listpack of neighbouring elements. An element that alone is larger than a listpack should
//! become stands by itself as plain bytes: moving it about whenever a neighbour comes or goes would make
//! every push cost what the large element costs.

use std::borrow::Cow;
use std::ops::Range;

use super::super::Limits;
use super::super::listpack::{Item, Listpack};
use super::pressed::Pressed;
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
    Pressed(Pressed),
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

    /// The elements to read, unless it is a plain node.
    pub(super) fn listpack(&self) -> Option<Cow<'_, Listpack>> {
        match &self.body {
            Body::Packed(listpack) => Some(Cow::Borrowed(listpack)),
            Body::Pressed(pressed) => Some(Cow::Owned(pressed.listpack())),
            Body::Plain(_) => None,
        }
    }

    /// The one element of a plain node.
    pub(super) fn as_plain(&self) -> Option<&[u8]> {
        match &self.body {
            Body::Plain(own) => Some(own),
            _ => None,
        }
    }

    /// The elements, unless it is a plain node.
    pub(super) fn into_listpack(self) -> Option<Listpack> {
        match self.body {
            Body::Packed(listpack) => Some(listpack),
            Body::Pressed(pressed) => Some(pressed.listpack()),
            Body::Plain(_) => None,
        }
    }

    /// Bytes of the listpack, pressed or not, unless it is a plain node.
    pub(super) fn listpack_bytes(&self) -> Option<usize> {
        match &self.body {
            Body::Packed(listpack) => Some(listpack.byte_len()),
            Body::Pressed(pressed) => Some(pressed.opened_len()),
            Body::Plain(_) => None,
        }
    }

    /// Presses it, if that saves enough.
    pub(super) fn press(&mut self) {
        if let Body::Packed(listpack) = &self.body
            && let Some(pressed) = Pressed::of(listpack)
        {
            self.body = Body::Pressed(pressed);
        }
    }

    /// Opens it, if it is pressed.
    pub(super) fn open(&mut self) {
        if let Body::Pressed(pressed) = &self.body {
            self.body = Body::Packed(pressed.listpack());
        }
    }

    /// Whether an element of `bytes` may be added here.
    pub(super) fn accepts(&self, bytes: usize, rules: Rules) -> bool {
        let Some(own) = self.listpack_bytes() else { return false };
        !rules.is_large(bytes) && rules.allow(own + bytes + ENTRY_OVERHEAD, self.count() + 1)
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
        let listpack = self.listpack_mut();
        let pos = listpack.seek(offset as isize).expect("the offset is below the count");
        listpack.insert_before(pos, value);
        self.count += 1;
    }

    /// Puts `value` in the place of the element at `offset`, if a node like this may hold it.
    pub(super) fn replace(&mut self, offset: usize, value: &[u8], rules: Rules) -> bool {
        let large = rules.is_large(value.len());
        if let Body::Plain(own) = &mut self.body {
            if large {
                *own = value.into();
            }
            return large;
        }
        let listpack = self.listpack_mut();
        let fits = !large && listpack.would_fit(value.len() + ENTRY_OVERHEAD);
        if fits {
            let pos = listpack.seek(offset as isize).expect("the offset is below the count");
            listpack.replace(pos, value);
        }
        fits
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
        if limit == 0 {
            return 0;
        }
        let removed = match &mut self.body {
            Body::Packed(listpack) => remove_equal(listpack, probe, limit, from),
            Body::Pressed(pressed) => {
                let mut listpack = pressed.listpack();
                let removed = remove_equal(&mut listpack, probe, limit, from);
                if removed > 0 {
                    self.body = Body::Packed(listpack);
                }
                removed
            }
            Body::Plain(own) => usize::from(probe.is(Item::Str(own))),
        };
        self.count -= removed as u32;
        removed
    }

    /// Cuts off the elements from `offset` (0 < offset < count) on as a node of their own.
    pub(super) fn split_off(&mut self, offset: usize) -> Node {
        let listpack = self.listpack_mut();
        let pos = listpack.seek(offset as isize).expect("the offset is below the count");
        let tail = listpack.split_off(pos);
        let count = self.count - offset as u32;
        self.count = offset as u32;
        Node { count, body: Body::Packed(tail) }
    }

    /// Takes over the elements of the `next` node when the rules allow one node for both.
    pub(super) fn merge(&mut self, next: &Node, rules: Rules) -> bool {
        let (Some(own), Some(other)) = (self.listpack_bytes(), next.listpack_bytes()) else { return false };
        let count = self.count() + next.count();
        if !rules.allow(own + other - Listpack::new().byte_len(), count) {
            return false;
        }
        if let Some(other) = next.listpack() {
            self.listpack_mut().append(&other);
            self.count = count as u32;
        }
        true
    }

    pub(super) fn as_ref(&self) -> NodeRef<'_> {
        match &self.body {
            Body::Packed(listpack) => NodeRef::Packed(listpack),
            Body::Pressed(pressed) => NodeRef::Pressed(pressed),
            Body::Plain(own) => NodeRef::Plain(own),
        }
    }

    /// Bytes taken from the allocator below this value.
    pub(super) fn memory_bytes(&self) -> usize {
        match &self.body {
            Body::Packed(listpack) => listpack.memory_bytes(),
            Body::Pressed(pressed) => pressed.memory_bytes(),
            Body::Plain(own) => own.len(),
        }
    }

    /// The elements of a node that is not plain, opened.
    fn listpack_mut(&mut self) -> &mut Listpack {
        self.open();
        match &mut self.body {
            Body::Packed(listpack) => listpack,
            Body::Pressed(_) => unreachable!("it was opened above"),
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
