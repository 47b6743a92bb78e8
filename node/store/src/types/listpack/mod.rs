//! Listpacks: many short strings and numbers in one allocation, byte for byte as Redis keeps them.
//!
//! Every small collection is one of these, and so is each node of a list or a stream. A vector of strings
//! would cost a pointer and a header per element, and would have to be converted for each RDB file and
//! `DUMP`, which carry a listpack raw. So the bytes are the structure:
//!
//! ```text
//! [total bytes: u32][entries: u16][entry][entry]...[FF]      little-endian; 65535 entries: unknown
//! ```
//!
//! `entry` has the layout of an entry. An entry is named by its byte offset, a [`Pos`], which any change of
//! the listpack before it makes invalid. Finding one is a walk; that is the bargain of a small size.
//!
//! Each entry ends with its own length, to walk backwards. Lists need that; hashes and sets do not, and there
//! it is a tenth of all memory. So a [`Strip`] is the same thing without these lengths and without the
//! terminator, and becomes a [`Listpack`] only to be dumped.

mod check;
mod entry;
mod iter;
#[cfg(test)]
mod tests;

use std::ptr::{self, NonNull};
use std::{fmt, mem};

pub use self::entry::Item;
use self::entry::{END, Encoded};
pub use self::iter::Iter;
use super::int;
use super::thin::{PREFIX, ThinBytes};

/// Bytes before the first entry.
const HEADER: usize = PREFIX + size_of::<u16>();
/// The entry count that says "too many to count here".
const UNKNOWN: u16 = u16::MAX;
/// Largest listpack in bytes that callers may grow one to, see [`Listpack::would_fit`].
pub const MAX_BYTES: usize = 1 << 30;

/// The bytes given are no listpack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("corrupt packed value")
    }
}

impl std::error::Error for Corrupt {}

/// Where an entry stands. Valid until the listpack changes at or before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pos(u32);

impl Pos {
    fn at(offset: usize) -> Pos {
        Pos(u32::try_from(offset).expect("a listpack stays below 4 GiB"))
    }

    fn offset(self) -> usize {
        self.0 as usize
    }
}

/// Packed entries, owned through one thin pointer. The count and the total in the header are always right.
/// `BACK` says whether each entry ends with its length, and all of them with a terminator.
#[derive(Clone)]
#[repr(transparent)]
pub struct Pack<const BACK: bool>(ThinBytes);

/// A listpack.
pub type Listpack = Pack<true>;

/// Entries that are only ever walked forwards.
pub type Strip = Pack<false>;

impl<const BACK: bool> Default for Pack<BACK> {
    fn default() -> Self {
        Pack::new()
    }
}

/// A listpack as the word that it is, for `packed_or`: a pointer that is a multiple of 8.
impl Listpack {
    /// Gives up the listpack for its pointer.
    pub(super) fn into_raw(self) -> NonNull<u8> {
        // SAFETY: both types are transparent over the pointer, and the listpack is not dropped.
        unsafe { mem::transmute::<Listpack, NonNull<u8>>(self) }
    }

    /// # Safety
    /// `raw` came from [`Self::into_raw`], and this is its only owner again.
    pub(super) unsafe fn from_raw(raw: NonNull<u8>) -> Listpack {
        // SAFETY: the caller's promise; both types are transparent over the pointer.
        unsafe { mem::transmute::<NonNull<u8>, Listpack>(raw) }
    }

    /// # Safety
    /// `raw` came from [`Self::into_raw`] and still owns the listpack.
    #[inline]
    pub(super) unsafe fn ref_from_raw(raw: &NonNull<u8>) -> &Listpack {
        // SAFETY: the caller's promise; both types are transparent over the pointer.
        unsafe { &*ptr::from_ref(raw).cast() }
    }

    /// # Safety
    /// As for [`Self::ref_from_raw`].
    #[inline]
    pub(super) unsafe fn mut_from_raw(raw: &mut NonNull<u8>) -> &mut Listpack {
        // SAFETY: the caller's promise; both types are transparent over the pointer.
        unsafe { &mut *ptr::from_mut(raw).cast() }
    }
}

impl Listpack {
    /// The listpack that `bytes` are. `deep` walks every entry and is for bytes from outside; without it only
    /// the header and the end are checked, and a corrupt entry is a panic when it is met.
    pub fn from_bytes(bytes: &[u8], deep: bool) -> Result<Listpack, Corrupt> {
        check::frame(bytes)?;
        if deep {
            check::entries(bytes)?;
        }
        Ok(Pack(ThinBytes::from_body(&bytes[PREFIX..])))
    }

    /// The whole listpack as RDB files and `DUMP` carry it.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// The last entry.
    pub fn last(&self) -> Option<Pos> {
        self.entry_before(self.end())
    }

    /// The entry before `pos`.
    pub fn prev(&self, pos: Pos) -> Option<Pos> {
        self.entry_before(pos.offset())
    }

    /// The entry at `index`, counted from 0 at the front or from -1 at the back.
    pub fn seek(&self, index: isize) -> Option<Pos> {
        let len = self.len();
        let from_front = if index < 0 { len.checked_sub(index.unsigned_abs())? } else { index as usize };
        let from_back = len.checked_sub(from_front + 1)?;
        if from_front <= from_back {
            (0..from_front).try_fold(self.first()?, |pos, _| self.next(pos))
        } else {
            (0..from_back).try_fold(self.last()?, |pos, _| self.prev(pos))
        }
    }

    /// Removes `count` entries from `index` on (as [`Self::seek`] counts), or as many as there are.
    pub fn remove_range(&mut self, index: isize, count: usize) {
        if let Some(pos) = self.seek(index) {
            self.remove_run(pos, count);
        }
    }

    fn entry_before(&self, offset: usize) -> Option<Pos> {
        let before = &self.0.bytes()[HEADER..offset];
        let size = entry::size_before(before).filter(|_| !before.is_empty())?;
        Some(Pos::at(offset - size - entry::back_len(size)))
    }
}

impl Strip {
    /// The entry at `index`, counted from the front.
    pub fn seek(&self, index: usize) -> Option<Pos> {
        (0..index).try_fold(self.first()?, |pos, _| self.next(pos))
    }
}

impl<const BACK: bool> Pack<BACK> {
    /// No entries.
    pub fn new() -> Self {
        let body = [0, 0, END];
        Pack(ThinBytes::from_body(if BACK { &body } else { &body[..2] }))
    }

    /// The same entries, with or without their lengths behind them.
    pub fn repack<const OTHER: bool>(&self) -> Pack<OTHER> {
        let mut other = Pack::new();
        self.iter().for_each(|(_, item)| other.push_back(item));
        other
    }

    /// Length in bytes, header included.
    pub fn byte_len(&self) -> usize {
        self.0.len()
    }

    /// Bytes taken from the allocator.
    pub fn memory_bytes(&self) -> usize {
        self.0.allocated()
    }

    /// Number of entries: at once up to 65534 of them, by a walk beyond.
    pub fn len(&self) -> usize {
        match self.count() {
            UNKNOWN => self.iter().count(),
            count => usize::from(count),
        }
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.end() == HEADER
    }

    /// Whether `extra` more bytes keep the listpack within [`MAX_BYTES`].
    pub fn would_fit(&self, extra: usize) -> bool {
        self.byte_len().saturating_add(extra) <= MAX_BYTES
    }

    /// The first entry.
    pub fn first(&self) -> Option<Pos> {
        (!self.is_empty()).then_some(Pos(HEADER as u32))
    }

    /// The entry behind `pos`.
    pub fn next(&self, pos: Pos) -> Option<Pos> {
        let next = pos.offset() + self.total_at(pos);
        (next < self.end()).then(|| Pos::at(next))
    }

    /// The value at `pos`.
    #[inline]
    pub fn get(&self, pos: Pos) -> Item<'_> {
        entry::value(&self.0.bytes()[pos.offset()..][..self.size_at(pos.offset())])
    }

    /// Every value with its position, front to back.
    pub fn iter(&self) -> Iter<'_, BACK> {
        Iter::new(self, HEADER, self.end())
    }

    /// The values from `pos` on.
    pub fn iter_from(&self, pos: Pos) -> Iter<'_, BACK> {
        Iter::new(self, pos.offset(), self.end())
    }

    /// The first entry equal to `text`, where `skip` entries are left out after each one looked at: 0 looks
    /// at all, 1 at the fields of field-value pairs.
    pub fn find(&self, text: &[u8], skip: usize) -> Option<Pos> {
        self.find_from(self.first()?, text, skip)
    }

    /// As [`Self::find`], beginning at `pos`.
    pub fn find_from(&self, pos: Pos, text: &[u8], skip: usize) -> Option<Pos> {
        let wanted = int::from_text(text);
        let bytes = self.0.bytes();
        let mut offset = pos.offset();
        while offset < self.end() {
            let size = self.size_at(offset);
            // A number can stand as a string in a listpack made elsewhere, so both forms are compared.
            let equal = match entry::value(&bytes[offset..offset + size]) {
                Item::Int(value) => wanted == Some(value),
                Item::Str(own) => own == text,
            };
            if equal {
                return Some(Pos::at(offset));
            }
            offset += size + tail_len::<BACK>(size);
            for _ in 0..skip {
                if offset < self.end() {
                    offset += self.total_at(Pos::at(offset));
                }
            }
        }
        None
    }

    /// Adds a value at the back.
    pub fn push_back<'a>(&mut self, value: impl Into<Item<'a>>) {
        self.insert_at(self.end(), &Encoded::of(value.into()));
    }

    /// Adds a number at the back.
    pub fn push_back_int(&mut self, value: i64) {
        self.push_back(Item::Int(value));
    }

    /// Adds a value at the front.
    pub fn push_front<'a>(&mut self, value: impl Into<Item<'a>>) {
        self.insert_at(HEADER, &Encoded::of(value.into()));
    }

    /// Adds a value before `pos` and returns where it stands.
    pub fn insert_before<'a>(&mut self, pos: Pos, value: impl Into<Item<'a>>) -> Pos {
        self.insert_at(pos.offset(), &Encoded::of(value.into()))
    }

    /// Adds a value behind `pos` and returns where it stands.
    pub fn insert_after<'a>(&mut self, pos: Pos, value: impl Into<Item<'a>>) -> Pos {
        self.insert_at(pos.offset() + self.total_at(pos), &Encoded::of(value.into()))
    }

    /// Adds a number behind `pos` and returns where it stands.
    pub fn insert_int_after(&mut self, pos: Pos, value: i64) -> Pos {
        self.insert_after(pos, Item::Int(value))
    }

    /// Puts a value in the place of the entry at `pos`, which stays where it is.
    pub fn replace<'a>(&mut self, pos: Pos, value: impl Into<Item<'a>>) -> Pos {
        let (entry, old) = (Encoded::of(value.into()), self.total_at(pos));
        entry.write(self.0.splice(pos.offset(), old, entry.total::<BACK>()));
        pos
    }

    /// Removes the entry at `pos`; the answer is the one behind it.
    pub fn remove(&mut self, pos: Pos) -> Option<Pos> {
        self.remove_run(pos, 1)
    }

    /// Removes `count` entries from `pos` on, or as many as there are; the answer is the one behind them.
    pub fn remove_run(&mut self, pos: Pos, count: usize) -> Option<Pos> {
        let (from, mut to, mut removed) = (pos.offset(), pos.offset(), 0);
        while removed < count && to < self.end() {
            to += self.total_at(Pos::at(to));
            removed += 1;
        }
        self.0.splice(from, to - from, 0);
        match self.count() {
            // Below the mark again, perhaps: count what is left, as inserts never do.
            UNKNOWN => self.set_count(self.iter().count()),
            count => self.set_count(usize::from(count) - removed),
        }
        (from < self.end()).then_some(pos)
    }

    /// Removes every entry.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Adds all entries of `other` at the back.
    pub fn append(&mut self, other: &Self) {
        let count = self.count().max(other.count());
        let count = if count == UNKNOWN { usize::from(UNKNOWN) } else { self.len() + other.len() };
        let entries = &other.0.bytes()[HEADER..other.end()];
        let end = self.end();
        self.0.splice(end, 0, entries.len()).copy_from_slice(entries);
        self.set_count(count);
    }

    /// Splits off the entries from `pos` on into a listpack of their own.
    pub fn split_off(&mut self, pos: Pos) -> Self {
        let mut tail = Self::new();
        let entries = &self.0.bytes()[pos.offset()..self.end()];
        tail.0.splice(HEADER, 0, entries.len()).copy_from_slice(entries);
        tail.set_count(tail.iter().count());
        let before = self.len() - tail.len();
        let end = self.end();
        self.0.splice(pos.offset(), end - pos.offset(), 0);
        self.set_count(before);
        tail
    }

    /// Offset behind the last entry: there a listpack has its terminator, and a strip ends.
    fn end(&self) -> usize {
        self.byte_len() - usize::from(BACK)
    }

    fn count(&self) -> u16 {
        let bytes = self.0.bytes();
        u16::from_le_bytes([bytes[PREFIX], bytes[PREFIX + 1]])
    }

    fn set_count(&mut self, count: usize) {
        let count = u16::try_from(count).unwrap_or(UNKNOWN);
        self.0.body_mut()[..2].copy_from_slice(&count.to_le_bytes());
    }

    /// Size of the encoding and data of the entry at `offset`.
    #[inline]
    fn size_at(&self, offset: usize) -> usize {
        entry::size(&self.0.bytes()[offset..]).expect("an entry of a checked listpack")
    }

    /// Whole size of the entry at `pos`.
    #[inline]
    fn total_at(&self, pos: Pos) -> usize {
        let size = self.size_at(pos.offset());
        size + tail_len::<BACK>(size)
    }

    fn insert_at(&mut self, offset: usize, entry: &Encoded<'_>) -> Pos {
        entry.write(self.0.splice(offset, 0, entry.total::<BACK>()));
        self.set_count(usize::from(self.count()) + 1);
        Pos::at(offset)
    }
}

/// Bytes behind an entry of `size` bytes: its back length, if it has one.
#[inline]
fn tail_len<const BACK: bool>(size: usize) -> usize {
    if BACK { entry::back_len(size) } else { 0 }
}

impl<const BACK: bool> PartialEq for Pack<BACK> {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes() == other.0.bytes()
    }
}

impl<const BACK: bool> Eq for Pack<BACK> {}

impl<const BACK: bool> fmt::Debug for Pack<BACK> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |item: Item| String::from_utf8_lossy(&item.to_vec()).into_owned();
        f.debug_list().entries(self.iter().map(|(_, item)| text(item))).finish()
    }
}
