//! A cell of a table: one 64-bit word that says where an item is, and mostly also where it is not.
//!
//! ```text
//!  63           49 48 47                                    0
//! +---------------+--+---------------------------------------+
//! |      tag      |m |                address                |
//! +---------------+--+---------------------------------------+
//! ```
//! `tag`: 15 bits of the key's hash, never 0; `m`: the owner's mark; `address`: of the item's allocation.
//! An empty cell is 0. The tag is what lets a lookup skip other keys without touching their memory, and a
//! segment be laid out anew without reading a single key.

use std::ptr::{self, NonNull};

/// Bits of an address: what user space has on x86-64 and aarch64 without opting in to more.
const ADDRESS_BITS: u32 = 48;
const MARK: u64 = 1 << ADDRESS_BITS;

/// Bits of a hash that a cell keeps.
pub(super) const TAG_BITS: u32 = 15;
const TAG_SHIFT: u32 = 64 - TAG_BITS;

/// The part of a hash that places an item within its segment: in `1..1 << TAG_BITS`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Tag(u32);

impl Tag {
    #[inline]
    pub(super) fn of(hash: u64) -> Tag {
        Tag(((hash >> TAG_SHIFT) as u32).max(1))
    }

    #[inline]
    pub(super) fn number(self) -> u32 {
        self.0
    }
}

/// One cell.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Word(u64);

impl Word {
    pub(super) const EMPTY: Word = Word(0);

    /// A cell for the item at `address`.
    #[inline]
    pub(super) fn new(address: NonNull<u8>, tag: Tag, mark: bool) -> Word {
        let address = address.as_ptr().expose_provenance() as u64;
        assert!(address < MARK, "an address of more than {ADDRESS_BITS} bits");
        Word(u64::from(tag.0) << TAG_SHIFT | u64::from(mark) << ADDRESS_BITS | address)
    }

    #[inline]
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The tag; 0, which is no item's, for an empty cell.
    #[inline]
    pub(super) fn tag(self) -> Tag {
        Tag((self.0 >> TAG_SHIFT) as u32)
    }

    #[inline]
    pub(super) fn is_marked(self) -> bool {
        self.0 & MARK != 0
    }

    /// The item's address, or `None` for an empty cell.
    #[inline]
    pub(super) fn address(self) -> Option<NonNull<u8>> {
        NonNull::new(ptr::with_exposed_provenance_mut((self.0 & (MARK - 1)) as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back() {
        let address = NonNull::from(&mut 7u8);
        for (hash, mark) in [(u64::MAX, false), (0, true), (0x1234_5678_9ABC_DEF0, true)] {
            let word = Word::new(address, Tag::of(hash), mark);
            assert_eq!(word.address(), Some(address));
            assert_eq!((word.tag(), word.is_marked()), (Tag::of(hash), mark));
            assert!(!word.is_empty());
        }
        assert!(Word::EMPTY.is_empty() && Word::EMPTY.address().is_none());
        assert_ne!(Word::EMPTY.tag(), Tag::of(0), "no item has an empty cell's tag");
    }
}
