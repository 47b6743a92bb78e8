//! The one hash table: keys of a slot, fields of a hash, members of a set or a sorted set.
//!
//! A core holds 16384 of these with some 60 keys each, and a client may put millions of members into one. A
//! general-purpose hash map fails at both ends: it doubles (half of it empty after that, and all items moved
//! in one stall), and it keeps per item what the item's own allocation already holds. Here an item is one
//! pointer to an allocation that carries its key, and a table is made of segments (`segment`): open-addressed
//! arrays of tagged pointers, each sized exactly to what it holds. Up to some 250 items a table is one
//! segment. Beyond, a `directory` of segments grows by linear hashing, one segment of about 200
//! items split for every 128 insertions: nothing else ever moves, so no call takes more than microseconds.
//!
//! A lookup costs a cache miss for the cells and one for the item; 15 bits of hash in the cell keep it from
//! reading wrong items. Memory beside the items is about 9 bytes each, at every size above a few.

mod directory;
mod handle;
mod scan;
mod segment;
#[cfg(test)]
mod tests;
mod word;

use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::ptr::NonNull;

use base::prefetch;

pub use handle::{Lookup, Ref, RefMut, Vacancy};
pub use scan::{CURSOR_BITS, Cursor, walk_place};

use crate::hash::key_hash;
use directory::{Directory, Place};
use segment::Segment;
use word::{Tag, Word};

/// Most items of a table of one segment.
const SINGLE_MAX: usize = 2 * directory::ITEMS_PER_SEGMENT;

const CACHE_LINE: usize = 64;

/// An owned pointer to an allocation that carries its own key.
///
/// # Safety
/// - `into_raw` gives up an allocation that stays valid, at the same address, until `from_raw` takes it back.
///   The address is below 2^48.
/// - `from_raw` may also make values that are never dropped, to look at the item in place: so the type is a
///   plain pointer (`NonNull`, not `Box`, which claims to be the only one).
/// - The key of an item in a table does not change.
pub unsafe trait Item: Sized {
    /// Cache lines from its start that using an item mostly takes: they are loaded together.
    const LINES: usize = 1;

    /// The key; a table holds no two items of one key.
    fn key(&self) -> &[u8];

    /// Gives the allocation up.
    fn into_raw(self) -> NonNull<u8>;

    /// Takes the allocation back, or looks at it in place.
    ///
    /// # Safety
    /// `pointer` came from [`Item::into_raw`]. Either the result is its only owner from now on, or it is never
    /// dropped and follows the rules of a borrow from the owner.
    unsafe fn from_raw(pointer: NonNull<u8>) -> Self;
}

/// What a table does to overlap the cache misses of a batch of lookups: the first step with each key, then the second
/// with each hash that it gave, then the lookups themselves.
pub trait LoadAhead {
    /// Asks the CPU to load the cells that a lookup of `key` reads first; the key's hash.
    fn load_cells(&self, key: &[u8]) -> u64;

    /// Asks the CPU to load the item that a lookup of the key with this hash is likely to find. Waits for the cells.
    fn load_item(&self, hash: u64);
}

impl<T: Item> LoadAhead for Table<T> {
    #[inline]
    fn load_cells(&self, key: &[u8]) -> u64 {
        let hash = key_hash(key);
        self.segment_of(hash).prefetch(Tag::of(hash));
        hash
    }

    #[inline]
    fn load_item(&self, hash: u64) {
        if let Some(address) = self.segment_of(hash).likely(Tag::of(hash)).and_then(Word::address) {
            (0..T::LINES).for_each(|line| prefetch::read(address.as_ptr().wrapping_add(line * CACHE_LINE)));
        }
    }
}

/// A hash table of [`Item`]s; an empty one allocates nothing. See the module's header.
pub struct Table<T: Item> {
    body: Body,
    items: PhantomData<T>,
}

enum Body {
    Single(Segment),
    Many(Box<Directory>),
}

// Collections and slots hold tables by the million.
const _: () = assert!(size_of::<Body>() == 16);

impl<T: Item> Default for Table<T> {
    fn default() -> Self {
        Table::new()
    }
}

impl<T: Item> Table<T> {
    /// An empty table.
    pub const fn new() -> Table<T> {
        Table { body: Body::Single(Segment::EMPTY), items: PhantomData }
    }

    /// Number of items.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.body {
            Body::Single(segment) => segment.len(),
            Body::Many(directory) => directory.len(),
        }
    }

    /// Whether there is no item.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes the table has allocated, without the items' own.
    pub fn memory_bytes(&self) -> usize {
        match &self.body {
            Body::Single(segment) => segment.memory_bytes(),
            Body::Many(directory) => directory.memory_bytes(),
        }
    }

    /// The item of this key.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Option<Ref<'_, T>> {
        self.get_hashed(key_hash(key), key)
    }

    /// As [`Table::get`], for a caller that has the key's hash already.
    #[inline]
    pub fn get_hashed(&self, hash: u64, key: &[u8]) -> Option<Ref<'_, T>> {
        let segment = self.segment_of(hash);
        let word = segment.word(segment.find(Tag::of(hash), |word| T::is_at(word, key))?);
        // SAFETY: the word is of this table, which `self` keeps borrowed as long as the result lives.
        Some(Ref::new(unsafe { borrow(word) }))
    }

    /// The item of this key, to change, replace or remove it.
    #[inline]
    pub fn get_mut(&mut self, key: &[u8]) -> Option<RefMut<'_, T>> {
        let place = self.find(key_hash(key), key)?;
        Some(RefMut::new(self, place))
    }

    /// The item of this key, or the place to put one: one search for both.
    #[inline(always)]
    pub fn lookup(&mut self, key: &[u8]) -> Lookup<'_, T> {
        self.lookup_hashed(key_hash(key), key)
    }

    /// As [`Table::lookup`], for a caller that has the key's hash already.
    #[inline(always)]
    pub fn lookup_hashed(&mut self, hash: u64, key: &[u8]) -> Lookup<'_, T> {
        match self.find(hash, key) {
            Some(place) => Lookup::Found(RefMut::new(self, place)),
            None => Lookup::Vacant(Vacancy::new(self, hash)),
        }
    }

    /// Adds `item`, or gives it back when its key is there already.
    pub fn insert(&mut self, item: T) -> Result<(), T> {
        let hash = key_hash(item.key());
        if self.find(hash, item.key()).is_some() {
            return Err(item);
        }
        self.insert_new(hash, item, false);
        Ok(())
    }

    /// Takes the item of this key out.
    pub fn remove(&mut self, key: &[u8]) -> Option<T> {
        Some(self.get_mut(key)?.remove())
    }

    /// Takes out a segment's items, some two hundred: none when the table is empty. Those left can no longer be found
    /// by their keys: the table is good for nothing but more of this, and for being dropped. (To take items out one by
    /// one, and keep the table in order in between, took 3.6 s for a million where this takes 0.04.)
    pub fn take_some(&mut self) -> impl ExactSizeIterator<Item = T> + use<T> {
        let segment = match &mut self.body {
            Body::Single(segment) => mem::replace(segment, Segment::EMPTY),
            Body::Many(directory) => directory.take_last(),
        };
        if self.is_empty() {
            self.body = Body::Single(Segment::EMPTY);
        }
        let words: Vec<Word> = segment.words().collect();
        // SAFETY: the words were this table's, and with the segment they are taken out of it.
        words.into_iter().map(|word| ManuallyDrop::into_inner(unsafe { borrow::<T>(word) }))
    }

    /// Drops about `count` items, as [`Table::take_some`] takes them; true when none is left.
    pub fn drain_some(&mut self, count: usize) -> bool {
        let mut dropped = 0;
        while dropped < count && !self.is_empty() {
            dropped += self.take_some().map(drop).count();
        }
        self.is_empty()
    }

    /// Every item, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = Ref<'_, T>> {
        // SAFETY: the word is of this table, which `self` keeps borrowed as long as the result lives.
        self.words().map(|word| Ref::new(unsafe { borrow(word) }))
    }

    /// An item drawn fairly: each is as likely as any other. `random` supplies 64 random bits a call.
    pub fn random(&self, random: &mut impl FnMut() -> u64) -> Option<Ref<'_, T>> {
        if self.is_empty() {
            return None;
        }
        loop {
            let segment = self.random_segment(random);
            let Some(position) = below(random(), segment.cell_count()) else { continue };
            let word = segment.word(position);
            if !word.is_empty() {
                // SAFETY: the word is of this table, which `self` keeps borrowed as long as the result lives.
                return Some(Ref::new(unsafe { borrow(word) }));
            }
        }
    }

    /// A marked item from a random place; not exactly fair. `None` when there is none.
    pub fn random_marked(&self, random: &mut impl FnMut() -> u64) -> Option<Ref<'_, T>> {
        let segments = self.segment_count();
        let first = below(random(), segments)?;
        let word = (0..segments).find_map(|ahead| {
            let segment = self.segment((first + ahead) % segments);
            segment.marked_from(below(random(), segment.cell_count())?)
        })?;
        // SAFETY: the word is of this table, which `self` keeps borrowed as long as the result lives.
        Some(Ref::new(unsafe { borrow(word) }))
    }

    /// A segment, drawn in proportion to its number of cells.
    fn random_segment(&self, random: &mut impl FnMut() -> u64) -> &Segment {
        let Body::Many(directory) = &self.body else { return self.segment(0) };
        loop {
            let index = below(random(), directory.segment_count()).unwrap_or(0);
            let segment = directory.segment(index);
            // Twice the cells that a segment has before it splits: none has more, short of a miracle.
            if below(random(), 2 * SINGLE_MAX) < Some(segment.cell_count()) {
                return segment;
            }
        }
    }

    fn words(&self) -> impl Iterator<Item = Word> {
        let (single, many) = match &self.body {
            Body::Single(segment) => (Some(segment), None),
            Body::Many(directory) => (None, Some(directory.segments())),
        };
        single.into_iter().chain(many.into_iter().flatten()).flat_map(Segment::words)
    }

    #[inline(always)]
    fn find(&self, hash: u64, key: &[u8]) -> Option<Place> {
        let matches = |word: Word| T::is_at(word, key);
        match &self.body {
            Body::Single(segment) => {
                Some(Place { segment: 0, position: segment.find(Tag::of(hash), matches)? })
            }
            Body::Many(directory) => directory.find(hash, matches),
        }
    }

    fn insert_new(&mut self, hash: u64, item: T, mark: bool) -> Place {
        let word = Word::new(item.into_raw(), Tag::of(hash), mark);
        if let Body::Single(segment) = &mut self.body {
            if segment.len() < SINGLE_MAX {
                return Place { segment: 0, position: segment.insert(word) };
            }
            let first = mem::replace(segment, Segment::EMPTY);
            self.body = Body::Many(Box::new(Directory::new(first)));
        }
        let Body::Many(directory) = &mut self.body else { unreachable!("made so above") };
        // SAFETY: the words a directory asks about are its own, and are only looked at here.
        directory.insert(hash, word, |word| key_hash(unsafe { borrow::<T>(word) }.key()))
    }

    fn remove_at(&mut self, place: Place) -> T {
        let word = match &mut self.body {
            Body::Single(segment) => segment.remove(place.position),
            Body::Many(directory) => {
                let word = directory.remove(place);
                if directory.segment_count() == 1 {
                    self.join();
                }
                word
            }
        };
        // SAFETY: the word has just left the table, so this is the only owner of the item.
        ManuallyDrop::into_inner(unsafe { borrow(word) })
    }

    fn join(&mut self) {
        match mem::replace(&mut self.body, Body::Single(Segment::EMPTY)) {
            Body::Many(directory) => match directory.into_single() {
                Ok(segment) => self.body = Body::Single(segment),
                Err(directory) => self.body = Body::Many(directory),
            },
            single => self.body = single,
        }
    }

    #[inline]
    fn segment_of(&self, hash: u64) -> &Segment {
        match &self.body {
            Body::Single(segment) => segment,
            Body::Many(directory) => directory.segment_of(hash),
        }
    }

    #[inline]
    fn segment(&self, index: usize) -> &Segment {
        match &self.body {
            Body::Single(segment) => segment,
            Body::Many(directory) => directory.segment(index),
        }
    }

    #[inline]
    fn segment_mut(&mut self, index: usize) -> &mut Segment {
        match &mut self.body {
            Body::Single(segment) => segment,
            Body::Many(directory) => directory.segment_mut(index),
        }
    }

    fn segment_count(&self) -> usize {
        match &self.body {
            Body::Single(_) => 1,
            Body::Many(directory) => directory.segment_count(),
        }
    }
}

impl<T: Item> Drop for Table<T> {
    fn drop(&mut self) {
        if mem::needs_drop::<T>() {
            // SAFETY: the table owns what its words point at, and nobody can read them after this.
            self.words().for_each(|word| drop(ManuallyDrop::into_inner(unsafe { borrow::<T>(word) })));
        }
    }
}

/// What every item can do with a word.
trait Cell: Item {
    #[inline]
    fn is_at(word: Word, key: &[u8]) -> bool {
        if let Some(address) = word.address() {
            // The first line is about to be read anyway: only the others gain.
            (1..Self::LINES)
                .for_each(|line| prefetch::read(address.as_ptr().wrapping_add(line * CACHE_LINE)));
        }
        // SAFETY: called by a table with words of its own, and the item is only looked at.
        unsafe { borrow::<Self>(word) }.key() == key
    }
}

impl<T: Item> Cell for T {}

/// The item a word points at, which stays the table's.
///
/// # Safety
/// The word is not empty and of a table of `T`; the result is used only while that table is borrowed and the
/// item in it, unless the word was taken out of it.
#[inline]
unsafe fn borrow<T: Item>(word: Word) -> ManuallyDrop<T> {
    debug_assert!(!word.is_empty());
    // SAFETY: a word of a table holds what `into_raw` returned (the caller's promise: not empty).
    ManuallyDrop::new(unsafe { T::from_raw(word.address().unwrap_unchecked()) })
}

/// A number below `bound`, if that is not 0, made of 64 random bits.
#[inline]
fn below(bits: u64, bound: usize) -> Option<usize> {
    (bound > 0).then(|| ((u128::from(bits) * bound as u128) >> 64) as usize)
}
