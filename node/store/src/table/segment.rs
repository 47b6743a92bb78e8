//! A segment: one small open-addressed table of cells, the unit a [`Table`](super::Table) grows by.
//!
//! Cells lie in cache lines of eight. A tag's *home* is the line at its fraction of the segment (tag 0x4000
//! of 0x8000: the middle), and an item that finds its home full goes to the next line with room. Two rules
//! hold between calls, and every operation below leans on them:
//!
//! 1. The cells of a line are filled from the left: a line is full exactly when its last cell is.
//! 2. Every line between an item's home and the line it lies in is full, so a search ends at the first line
//!    that is not.
//!
//! Since a cell holds the whole tag, a segment grows or shrinks to any number of lines by moving words,
//! without reading an item. It does so in steps of about a sixteenth: the cells stay 85 to 92 percent used
//! at every size, about 9 bytes an item, and never are more than a few hundred words moved at once.

use std::mem::size_of;
use std::ptr::NonNull;
use std::slice;

use super::word::{TAG_BITS, Tag, Word};
use crate::slab;

/// Cells of a cache line.
pub(super) const LINE_CELLS: usize = 8;

/// One cache line of cells.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line([Word; LINE_CELLS]);

impl Line {
    /// The cells that hold `tag`, as a bit set.
    #[inline]
    fn matching(&self, tag: Tag) -> u32 {
        self.0.iter().enumerate().fold(0, |set, (cell, word)| set | u32::from(word.tag() == tag) << cell)
    }

    #[inline]
    fn is_full(&self) -> bool {
        !self.0[LINE_CELLS - 1].is_empty()
    }

    fn len(&self) -> usize {
        self.0.iter().take_while(|w| !w.is_empty()).count()
    }

    fn items(&self) -> &[Word] {
        &self.0[..self.len()]
    }

    /// Puts `word` into the first empty cell of a line that has one.
    #[inline]
    fn push(&mut self, word: Word) -> usize {
        let cell = self.len();
        self.0[cell] = word;
        cell
    }

    /// Empties `cell`, keeping rule 1.
    fn take(&mut self, cell: usize) -> Word {
        let last = self.len() - 1;
        let word = self.0[cell];
        self.0[cell] = self.0[last];
        self.0[last] = Word::EMPTY;
        word
    }
}

/// Most items that `lines` lines hold before the segment grows.
#[inline]
fn capacity(lines: usize) -> usize {
    let cells = lines * LINE_CELLS;
    cells - cells / 12
}

/// The fewest lines that hold `len` items.
fn lines_for(len: usize) -> usize {
    let mut lines = len.div_ceil(LINE_CELLS);
    while capacity(lines) < len {
        lines += 1;
    }
    lines
}

/// See the module's header. It owns its lines, not the items its words point at.
pub(super) struct Segment {
    /// Dangling while `line_count` is 0.
    lines: NonNull<Line>,
    line_count: u32,
    len: u32,
}

// SAFETY: a segment is the only owner of its lines; what its words point at is the table's concern.
unsafe impl Send for Segment {}

impl Segment {
    pub(super) const EMPTY: Segment = Segment { lines: NonNull::dangling(), line_count: 0, len: 0 };

    fn with_lines(count: usize) -> Segment {
        if count == 0 {
            return Segment::EMPTY;
        }
        let lines: NonNull<Line> = slab::alloc_lines(count).cast();
        // SAFETY: the allocation has room for `count` lines, is aligned for them, and zeros are empty cells.
        unsafe { lines.write_bytes(0, count) };
        Segment { lines, line_count: u32::try_from(count).expect("a segment is small"), len: 0 }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub(super) fn line_count(&self) -> usize {
        self.line_count as usize
    }

    /// Cells, used or not.
    #[inline]
    pub(super) fn cell_count(&self) -> usize {
        self.line_count() * LINE_CELLS
    }

    /// Bytes of the lines.
    pub(super) fn memory_bytes(&self) -> usize {
        self.line_count() * size_of::<Line>()
    }

    #[inline]
    fn lines(&self) -> &[Line] {
        // SAFETY: `lines` is this segment's own allocation of `line_count` initialized lines, or dangling
        // and aligned when that is 0.
        unsafe { slice::from_raw_parts(self.lines.as_ptr(), self.line_count()) }
    }

    #[inline]
    fn lines_mut(&mut self) -> &mut [Line] {
        // SAFETY: as in `lines`, and `self` is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.lines.as_ptr(), self.line_count()) }
    }

    #[inline]
    fn home(&self, tag: Tag) -> usize {
        self.home_of(tag.number())
    }

    #[inline]
    fn home_of(&self, tag: u32) -> usize {
        ((u64::from(tag) * u64::from(self.line_count)) >> TAG_BITS) as usize
    }

    #[inline]
    fn next(&self, line: usize) -> usize {
        if line + 1 == self.line_count() { 0 } else { line + 1 }
    }

    /// Lines from `from` forward to `to`, around the end.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.line_count() - from }
    }

    /// Asks the CPU to load the line where a search for `tag` starts.
    #[inline]
    pub(super) fn prefetch(&self, tag: Tag) {
        base::prefetch::read(self.lines.as_ptr().wrapping_add(self.home(tag)));
    }

    /// The first item of the tag's home line that may be the one, by its tag.
    #[inline]
    pub(super) fn likely(&self, tag: Tag) -> Option<Word> {
        let line = self.lines().get(self.home(tag))?;
        line.0.get(line.matching(tag).trailing_zeros() as usize).copied()
    }

    /// The position of the item with this tag that `matches`.
    #[inline]
    pub(super) fn find(&self, tag: Tag, mut matches: impl FnMut(Word) -> bool) -> Option<usize> {
        let lines = self.lines();
        let mut at = self.home(tag);
        for _ in 0..lines.len() {
            let line = &lines[at];
            let mut candidates = line.matching(tag);
            while candidates != 0 {
                let cell = candidates.trailing_zeros() as usize;
                if matches(line.0[cell]) {
                    return Some(at * LINE_CELLS + cell);
                }
                candidates &= candidates - 1;
            }
            if !line.is_full() {
                return None;
            }
            at = self.next(at);
        }
        None
    }

    /// The word at `position`, empty or not.
    #[inline]
    pub(super) fn word(&self, position: usize) -> Word {
        self.lines()[position / LINE_CELLS].0[position % LINE_CELLS]
    }

    /// Puts `word`, of the same tag, in the place of the one at `position`.
    #[inline]
    pub(super) fn set_word(&mut self, position: usize, word: Word) {
        debug_assert!(self.word(position).tag() == word.tag());
        self.lines_mut()[position / LINE_CELLS].0[position % LINE_CELLS] = word;
    }

    /// Adds an item, growing when it must, and tells its position.
    pub(super) fn insert(&mut self, word: Word) -> usize {
        if self.len() >= capacity(self.line_count()) {
            let lines = self.line_count();
            self.resize(lines + (lines / 16).max(1));
        }
        self.place(word)
    }

    fn place(&mut self, word: Word) -> usize {
        let mut at = self.home(word.tag());
        while self.lines()[at].is_full() {
            at = self.next(at);
        }
        self.len += 1;
        at * LINE_CELLS + self.lines_mut()[at].push(word)
    }

    /// Takes the item at `position` out; other items may move.
    pub(super) fn remove(&mut self, position: usize) -> Word {
        let line = position / LINE_CELLS;
        let was_full = self.lines()[line].is_full();
        let word = self.lines_mut()[line].take(position % LINE_CELLS);
        self.len -= 1;
        if was_full {
            self.refill(line);
        }
        if self.len() < capacity(self.line_count()) * 2 / 3 {
            let lines = lines_for(self.len() + self.len() / 8);
            if lines < self.line_count() {
                self.resize(lines);
            }
        }
        word
    }

    /// Restores rule 2 after a full line lost an item: a later item that had to pass the line moves back
    /// into it, and so on for the gap which that leaves.
    fn refill(&mut self, line: usize) {
        let mut gap = line;
        let mut from = self.next(gap);
        while from != gap {
            let was_full = self.lines()[from].is_full();
            let reach = self.distance(gap, from);
            let passed_gap = |w: &Word| self.distance(self.home(w.tag()), from) >= reach;
            let cell = self.lines()[from].items().iter().position(passed_gap);
            if let Some(cell) = cell {
                let word = self.lines_mut()[from].take(cell);
                self.lines_mut()[gap].push(word);
                gap = from;
            }
            if !was_full {
                return;
            }
            from = self.next(from);
        }
    }

    fn resize(&mut self, lines: usize) {
        let mut resized = Segment::with_lines(lines);
        self.words().for_each(|word| {
            resized.place(word);
        });
        *self = resized;
    }

    /// Moves every item for which `moves` to a new segment (when a table splits this one).
    pub(super) fn split_off(&mut self, mut moves: impl FnMut(Word) -> bool) -> Segment {
        let (leave, stay): (Vec<Word>, Vec<Word>) = self.words().partition(|&word| moves(word));
        *self = Segment::of(&stay);
        Segment::of(&leave)
    }

    /// Takes in the items of another segment (when a table merges two).
    pub(super) fn absorb(&mut self, other: Segment) {
        let lines = lines_for(self.len() + other.len());
        if lines > self.line_count() {
            self.resize(lines);
        }
        other.words().for_each(|word| {
            self.place(word);
        });
    }

    fn of(words: &[Word]) -> Segment {
        let mut segment = Segment::with_lines(lines_for(words.len()));
        words.iter().for_each(|&word| {
            segment.place(word);
        });
        segment
    }

    /// Every item's word.
    pub(super) fn words(&self) -> impl Iterator<Item = Word> + use<'_> {
        self.lines().iter().flat_map(|line| line.items().iter().copied())
    }

    /// The position of the first marked item of line `line` at or after its cell `cell`.
    pub(super) fn marked_in_line(&self, line: usize, cell: usize) -> Option<usize> {
        let marked = self.lines().get(line)?.0.iter().skip(cell).position(|w| w.is_marked());
        marked.map(|found| line * LINE_CELLS + cell + found)
    }

    /// The first marked item at or after `position`, going on at the start after the end.
    pub(super) fn marked_from(&self, position: usize) -> Option<Word> {
        let words = || self.lines().iter().flat_map(|line| line.0.iter());
        let mut around = words().skip(position).chain(words().take(position));
        around.find(|word| word.is_marked()).copied()
    }

    /// The first tag number whose home is the line after `tag`'s, or one past the highest there is.
    pub(super) fn home_end(&self, tag: u32) -> u32 {
        let next = self.home_of(tag) as u64 + 1;
        (next << TAG_BITS).div_ceil(u64::from(self.line_count)) as u32
    }

    /// Calls `emit` with every item whose tag number is in `from..to`.
    pub(super) fn for_tags(&self, from: u32, to: u32, mut emit: impl FnMut(Word)) {
        let lines = self.lines();
        if lines.is_empty() || from >= to {
            return;
        }
        let mut at = self.home_of(from);
        let homes = self.home_of(to - 1) - at;
        for step in 0..lines.len() {
            for word in lines[at].items() {
                if (from..to).contains(&word.tag().number()) {
                    emit(*word);
                }
            }
            if step >= homes && !lines[at].is_full() {
                return;
            }
            at = self.next(at);
        }
    }

    /// Panics unless rules 1 and 2 hold and the length is right.
    #[cfg(test)]
    pub(super) fn check(&self) {
        assert_eq!(self.words().count(), self.len());
        for (at, line) in self.lines().iter().enumerate() {
            assert!(line.0[line.len()..].iter().all(|w| w.is_empty()), "rule 1");
            for word in line.items() {
                let mut passed = self.home(word.tag());
                while passed != at {
                    assert!(self.lines()[passed].is_full(), "rule 2");
                    passed = self.next(passed);
                }
            }
        }
        assert!(self.len() <= capacity(self.line_count()));
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if self.line_count > 0 {
            // SAFETY: allocated by `with_lines` with this very count, and nobody else has the pointer.
            unsafe { slab::free_lines(self.lines.cast(), self.line_count()) };
        }
    }
}
