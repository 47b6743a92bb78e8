//! Walking a table a little at a time, while it changes in between.
//!
//! SCAN promises that an element present from the first call to the last is returned at least once, though
//! the table may grow and shrink between calls and the server remembers nothing but the cursor (Redis
//! command page of SCAN, "Scan guarantees"). So a cursor must name a part of *hash space* that is done, in
//! terms that no growth changes:
//!
//! - Within a segment, tags below the cursor's are done. A segment is in the order of its tags whatever its
//!   number of lines, so this survives every resize.
//! - Among segments, the cursor counts through the low bits of the hash with the bits reversed (Pieter
//!   Noordhuis' idea in Redis's dict): the segments that one splits into come right after each other. A
//!   segment of the smaller power of two is visited together with the sibling it may have split into.
//! - Where the table has shrunk below the cursor's power of two, several segments have become one, of which
//!   the cursor's was a part: unless it was the last part, the merged one is visited from its first tag.

use super::directory::Place;
use super::segment::{LINE_CELLS, Segment};
use super::word::{TAG_BITS, Word};
use super::{Item, Table, borrow};
use crate::hash::key_hash;

/// One past the highest tag number.
pub(super) const TAG_END: u32 = 1 << TAG_BITS;
const LEVEL_BITS: u32 = 5;
const INDEX_BITS: u32 = 29;

/// How far a scan has come: 49 bits; 0 before the first call and after the last.
pub type Cursor = u64;

/// Bits of a [`Cursor`].
pub const CURSOR_BITS: u32 = TAG_BITS + LEVEL_BITS + INDEX_BITS;

/// Where a key stands in the order of [`Table::walk`]: the bits that tell segments apart come first.
#[inline]
pub fn walk_place(key: &[u8]) -> u64 {
    key_hash(key).reverse_bits()
}

/// The parts of a cursor: next are the items with tags from `tag` on of segment `index` of `2^level`.
#[derive(Clone, Copy)]
struct Position {
    index: u32,
    level: u32,
    tag: u32,
}

impl Position {
    fn decode(cursor: Cursor) -> Position {
        let field = |shift: u32, bits: u32| (cursor >> shift) as u32 & ((1 << bits) - 1);
        let level = field(TAG_BITS, LEVEL_BITS);
        Position { index: field(TAG_BITS + LEVEL_BITS, INDEX_BITS), level, tag: field(0, TAG_BITS) }
    }

    fn encode(self) -> Cursor {
        u64::from(self.index) << (TAG_BITS + LEVEL_BITS)
            | u64::from(self.level) << TAG_BITS
            | u64::from(self.tag)
    }

    /// The same position in a table that now has `2^level` segments or more, but fewer than twice as many.
    fn at_level(self, level: u32) -> Position {
        let index = self.index & ((1 << level) - 1);
        let merged_bits = u64::from(self.level.saturating_sub(level));
        // The bits that no longer tell segments apart are all ones in the part that is visited last.
        let all_ones = (1 << merged_bits) - 1;
        let was_last_part = u64::from(self.index >> level) & all_ones == all_ones;
        let tag = if was_last_part { self.tag } else { 0 };
        Position { index, level, tag }
    }

    /// The position after the last tag of this segment, or `None` after the last segment.
    fn next_segment(self) -> Option<Position> {
        let unused = 32 - self.level;
        let reversed = self.index.reverse_bits() as u64 >> unused;
        let next = reversed + 1;
        if next >> self.level != 0 {
            return None;
        }
        let index = ((next << unused) as u32).reverse_bits();
        Some(Position { index, level: self.level, tag: 0 })
    }
}

impl<T: Item> Table<T> {
    /// Calls `emit` with a few items (one cache line's, or two, or none) and returns where to go on; 0 is
    /// both the start and the end. Any number is a valid cursor. See the module's header for the guarantee.
    pub fn scan(&self, cursor: Cursor, emit: &mut impl FnMut(&T)) -> Cursor {
        let level = self.segment_count().ilog2();
        let mut position = Position::decode(cursor).at_level(level);
        let index = position.index as usize;
        let segment = self.segment(index);
        let end = if segment.line_count() == 0 { TAG_END } else { segment.home_end(position.tag) };
        // SAFETY: the words are of this table, which stays borrowed.
        let mut emit = |word: Word| emit(&*unsafe { borrow::<T>(word) });
        segment.for_tags(position.tag, end, &mut emit);
        let sibling = index + (1 << level);
        if sibling < self.segment_count() {
            self.segment(sibling).for_tags(position.tag, end, &mut emit);
        }
        if end < TAG_END {
            position.tag = end;
            return position.encode();
        }
        position.next_segment().map_or(0, Position::encode)
    }

    /// Calls `emit` with every item from place `from` on, up to the place returned; `None`: up to the end. 0 is
    /// the first place. Exact, unlike [`Table::scan`]: whatever grew or shrank between two calls, an item that
    /// stays in the table is met once, in the call whose range its key's [place](walk_place) is in. A call visits
    /// some 250 items, more than which no segment holds for long.
    pub fn walk(&self, from: u64, emit: &mut impl FnMut(&T)) -> Option<u64> {
        let level = self.segment_count().ilog2();
        let index = from.reverse_bits() as usize & ((1 << level) - 1);
        let sibling = index + (1 << level);
        let split = (sibling < self.segment_count()).then(|| self.segment(sibling));
        for word in self.segment(index).words().chain(split.into_iter().flat_map(Segment::words)) {
            // SAFETY: the words are of this table, which stays borrowed.
            let item = unsafe { borrow::<T>(word) };
            if walk_place(item.key()) >= from {
                emit(&item);
            }
        }
        // Places whose first `level` bits are the same lie in the segments visited.
        let width = 1u64.checked_shl(u64::BITS - level)?;
        (from & !(width - 1)).checked_add(width)
    }

    /// Visits the marked items of one cache line of cells, hands those for which `expired` to `removed`, and
    /// returns where to go on; 0 is both the start and the end of a round. Unlike [`Table::scan`] it may miss
    /// items that move meanwhile: they are met in the next round.
    pub fn sweep_marked(
        &mut self,
        cursor: u64,
        expired: &mut impl FnMut(&T) -> bool,
        removed: &mut impl FnMut(T),
    ) -> u64 {
        let (segment, line) = ((cursor >> 32) as usize, cursor as u32 as usize);
        let mut cell = 0;
        // Removals may shrink the segment, or merge it away: look again each time.
        while let Some(position) = self.marked_in_line(segment, line, cell) {
            // SAFETY: the word is of this table, which stays borrowed.
            let item = unsafe { borrow::<T>(self.segment(segment).word(position)) };
            if expired(&item) {
                removed(self.remove_at(Place { segment, position }));
            } else {
                cell = position % LINE_CELLS + 1;
            }
        }
        if segment < self.segment_count() && line + 1 < self.segment(segment).line_count() {
            cursor + 1
        } else if segment + 1 < self.segment_count() {
            (segment as u64 + 1) << 32
        } else {
            0
        }
    }

    fn marked_in_line(&self, segment: usize, line: usize, cell: usize) -> Option<usize> {
        if segment >= self.segment_count() {
            return None;
        }
        self.segment(segment).marked_in_line(line, cell)
    }
}
