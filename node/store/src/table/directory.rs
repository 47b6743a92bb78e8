//! The segments of a table that has more than one: linear hashing (Litwin, "Linear Hashing", VLDB 1980),
//! with a segment where the paper has a bucket.
//!
//! With `n` segments and `2^l <= n < 2^(l+1)`, a hash belongs to the segment its low `l + 1` bits name, or,
//! when that one does not exist yet, to the one its low `l` bits name. So the segment to split next is
//! always `n - 2^l`, and only its items need a look. Segments not yet split in a round hold twice what
//! the split ones do, which costs nothing here because each is sized to what it holds.

use super::segment::Segment;
use super::word::{Tag, Word};

/// A split happens when the segments hold more than this on average: half of it to twice it in each.
pub(super) const ITEMS_PER_SEGMENT: usize = 128;
/// Segments of one chunk. Only the first chunk is ever copied as it grows: at most 16 KiB.
const CHUNK: usize = 1024;

/// Where an item lies.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) segment: usize,
    pub(super) position: usize,
}

/// See the module's header.
pub(super) struct Directory {
    chunks: Vec<Vec<Segment>>,
    segment_count: usize,
    len: usize,
}

/// The segment that `hash` belongs to among `count`.
#[inline]
fn index_of(hash: u64, count: usize) -> usize {
    let mask = count.next_power_of_two() - 1;
    let index = hash as usize & mask;
    if index < count { index } else { index & (mask >> 1) }
}

impl Directory {
    /// A directory of one segment; it splits as it is inserted into.
    pub(super) fn new(first: Segment) -> Directory {
        Directory { len: first.len(), chunks: vec![vec![first]], segment_count: 1 }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn segment_count(&self) -> usize {
        self.segment_count
    }

    #[inline]
    pub(super) fn segment(&self, index: usize) -> &Segment {
        &self.chunks[index / CHUNK][index % CHUNK]
    }

    #[inline]
    pub(super) fn segment_mut(&mut self, index: usize) -> &mut Segment {
        &mut self.chunks[index / CHUNK][index % CHUNK]
    }

    #[inline]
    pub(super) fn segment_of(&self, hash: u64) -> &Segment {
        self.segment(index_of(hash, self.segment_count))
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.chunks.iter().flatten()
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, matches: impl FnMut(Word) -> bool) -> Option<Place> {
        let segment = index_of(hash, self.segment_count);
        let position = self.segment(segment).find(Tag::of(hash), matches)?;
        Some(Place { segment, position })
    }

    /// Adds an item; `hash_of` tells an item's hash when a segment has to be split.
    pub(super) fn insert(&mut self, hash: u64, word: Word, hash_of: impl Fn(Word) -> u64) -> Place {
        if self.len >= self.segment_count * ITEMS_PER_SEGMENT {
            self.split(hash_of);
        }
        let segment = index_of(hash, self.segment_count);
        self.len += 1;
        Place { segment, position: self.segment_mut(segment).insert(word) }
    }

    pub(super) fn remove(&mut self, place: Place) -> Word {
        let word = self.segment_mut(place.segment).remove(place.position);
        self.len -= 1;
        if self.segment_count > 1 && self.len < self.segment_count * ITEMS_PER_SEGMENT / 2 {
            self.merge();
        }
        word
    }

    /// The only segment, when merging has left just one.
    pub(super) fn into_single(mut self: Box<Self>) -> Result<Segment, Box<Directory>> {
        if self.segment_count > 1 {
            return Err(self);
        }
        Ok(self.pop())
    }

    /// The last segment that has items, taken out with those behind it; an empty one when there is none. The items
    /// left are no longer where their hashes say.
    pub(super) fn take_last(&mut self) -> Segment {
        while self.segment_count > 0 {
            let segment = self.pop();
            if segment.len() > 0 {
                self.len -= segment.len();
                return segment;
            }
        }
        Segment::EMPTY
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(|c| c.capacity() * size_of::<Segment>()).sum();
        let lines: usize = self.segments().map(Segment::memory_bytes).sum();
        size_of::<Directory>() + self.chunks.capacity() * size_of::<Vec<Segment>>() + chunks + lines
    }

    fn split(&mut self, hash_of: impl Fn(Word) -> u64) {
        let (new, grown) = (self.segment_count, self.segment_count + 1);
        let source = new - (1 << new.ilog2());
        let moved = self.segment_mut(source).split_off(|word| index_of(hash_of(word), grown) == new);
        if new.is_multiple_of(CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        self.chunks[new / CHUNK].push(moved);
        self.segment_count = grown;
    }

    fn merge(&mut self) {
        let removed = self.pop();
        let source = self.segment_count - (1 << self.segment_count.ilog2());
        self.segment_mut(source).absorb(removed);
    }

    fn pop(&mut self) -> Segment {
        self.segment_count -= 1;
        let chunk = &mut self.chunks[self.segment_count / CHUNK];
        let segment = chunk.pop().expect("the last chunk is not empty");
        if chunk.is_empty() {
            self.chunks.pop();
        }
        segment
    }
}
