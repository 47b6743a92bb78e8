//! Sets of integers: sorted, in one allocation.
//!
//! A set of ids is the commonest small set. A hash table spends 20 to 60 bytes on each of them; here a
//! member costs what the widest member needs, 2, 4 or 8 bytes, and a lookup is a binary search. The first
//! member that does not fit the width rewrites the whole set at the next one; it never narrows again.
//!
//! ```text
//! [width: u8][member][member]...                                      little-endian, ascending
//! [width: u32][members: u32][member][member]...                       the same in an RDB file or a DUMP
//! ```
//!
//! Redis keeps the second form in memory too. For ten small members its header is a third of the whole.

use base::Random;

use super::listpack::Corrupt;
use super::thin::{PREFIX, ThinBytes};

/// Bytes before the first member of a dump.
const DUMP_HEADER: usize = 2 * size_of::<u32>();
/// Bytes before the first member here, the length of the allocation included.
const HEADER: usize = PREFIX + 1;

/// A sorted set of integers, owned through one thin pointer.
#[derive(Clone)]
pub struct IntSet(ThinBytes);

impl Default for IntSet {
    fn default() -> IntSet {
        IntSet::new()
    }
}

/// The narrowest width in bytes that holds `value`.
fn width_of(value: i64) -> usize {
    match value {
        -0x8000..=0x7FFF => 2,
        -0x8000_0000..=0x7FFF_FFFF => 4,
        _ => 8,
    }
}

impl IntSet {
    /// The empty set.
    pub fn new() -> IntSet {
        IntSet(ThinBytes::from_body(&[2]))
    }

    /// The set of a dump. `deep` checks the order of the members too, and is for bytes from outside.
    pub fn from_bytes(bytes: &[u8], deep: bool) -> Result<IntSet, Corrupt> {
        let (header, members) = bytes.split_at_checked(DUMP_HEADER).ok_or(Corrupt)?;
        let field = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| header[at + i]));
        let (width, len) = (field(0), field(4) as usize);
        let fits = len.checked_mul(width as usize) == Some(members.len());
        if !matches!(width, 2 | 4 | 8) || !fits {
            return Err(Corrupt);
        }
        let mut set = IntSet(ThinBytes::new(HEADER + members.len()));
        set.0.body_mut()[0] = width as u8;
        set.0.body_mut()[1..].copy_from_slice(members);
        if deep && !set.iter().is_sorted_by(|a, b| a < b) {
            return Err(Corrupt);
        }
        Ok(set)
    }

    /// The set as a dump carries it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let len = u32::try_from(self.len()).expect("a set of integers stays below 4 GiB");
        let header = [(self.width() as u32).to_le_bytes(), len.to_le_bytes()].concat();
        [&header, &self.0.bytes()[HEADER..]].concat()
    }

    /// Bytes taken from the allocator.
    pub fn memory_bytes(&self) -> usize {
        self.0.allocated()
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        (self.0.len() - HEADER) / self.width()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The member at `index` in ascending order.
    pub fn get(&self, index: usize) -> Option<i64> {
        (index < self.len()).then(|| self.at(index))
    }

    /// The smallest member.
    pub fn min(&self) -> Option<i64> {
        self.get(0)
    }

    /// The largest member.
    pub fn max(&self) -> Option<i64> {
        self.get(self.len().wrapping_sub(1))
    }

    /// A member, each as likely as any other.
    pub fn random(&self, random: &mut Random) -> Option<i64> {
        (!self.is_empty()).then(|| self.at(random.below(self.len() as u64) as usize))
    }

    /// Every member, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + Clone + '_ {
        (0..self.len()).map(|index| self.at(index))
    }

    /// Whether `value` is a member.
    pub fn contains(&self, value: i64) -> bool {
        self.search(value).is_ok()
    }

    /// Adds `value`; the answer is whether it was missing.
    pub fn add(&mut self, value: i64) -> bool {
        if width_of(value) > self.width() {
            self.widen(width_of(value));
        }
        let Err(index) = self.search(value) else { return false };
        let width = self.width();
        let gap = self.0.splice(HEADER + index * width, 0, width);
        gap.copy_from_slice(&value.to_le_bytes()[..width]);
        true
    }

    /// Removes `value`; the answer is whether it was a member.
    pub fn remove(&mut self, value: i64) -> bool {
        let Ok(index) = self.search(value) else { return false };
        self.remove_range(index, 1);
        true
    }

    /// Removes the `count` members from `index` on, or as many as there are.
    pub fn remove_range(&mut self, index: usize, count: usize) {
        let (width, len) = (self.width(), self.len());
        let index = index.min(len);
        let count = count.min(len - index);
        self.0.splice(HEADER + index * width, count * width, 0);
    }

    /// Where `value` stands, or else where it would.
    fn search(&self, value: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        // Members mostly arrive in ascending order: the end is looked at first.
        match self.max() {
            None => return Err(0),
            Some(max) if value > max => return Err(high),
            Some(_) => {}
        }
        while low < high {
            let middle = low.midpoint(high);
            let member = self.at(middle);
            if member == value {
                return Ok(middle);
            }
            if member < value { low = middle + 1 } else { high = middle }
        }
        Err(low)
    }

    /// Rewrites the members at `width` bytes, from the last to the first: each then lands at or behind
    /// where it was read.
    fn widen(&mut self, width: usize) {
        let (old, len) = (self.width(), self.len());
        self.0.resize(HEADER + len * width);
        let body = self.0.body_mut();
        body[0] = width as u8;
        for index in (0..len).rev() {
            let value = read(&body[1 + index * old..], old);
            body[1 + index * width..][..width].copy_from_slice(&value.to_le_bytes()[..width]);
        }
    }

    #[inline]
    fn at(&self, index: usize) -> i64 {
        let width = self.width();
        read(&self.0.bytes()[HEADER + index * width..], width)
    }

    #[inline]
    fn width(&self) -> usize {
        usize::from(self.0.bytes()[PREFIX])
    }
}

/// The member of `width` bytes at the start of `bytes`.
fn read(bytes: &[u8], width: usize) -> i64 {
    let member = "a member has 2, 4 or 8 bytes";
    match width {
        2 => i64::from(i16::from_le_bytes(*bytes.first_chunk().expect(member))),
        4 => i64::from(i32::from_le_bytes(*bytes.first_chunk().expect(member))),
        _ => i64::from_le_bytes(*bytes.first_chunk().expect(member)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn bytes_as_redis_writes_them() {
        let mut set = IntSet::new();
        assert!(set.add(5) && set.add(-1) && !set.add(5));
        assert_eq!(set.to_bytes(), [2, 0, 0, 0, 2, 0, 0, 0, 0xFF, 0xFF, 5, 0]);
        assert!(set.add(65_536));
        let wide = [4, 0, 0, 0, 3, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 5, 0, 0, 0, 0, 0, 1, 0];
        assert_eq!(set.to_bytes(), wide);
        assert!(set.add(i64::MIN) && set.remove(65_536));
        assert_eq!((set.width(), set.len(), set.min(), set.max()), (8, 3, Some(i64::MIN), Some(5)));
    }

    #[test]
    fn behaves_like_a_tree() {
        let mut random = Random::new(11);
        for bits in [4, 8, 16, 20, 33, 50] {
            let (mut set, mut model) = (IntSet::new(), BTreeSet::new());
            for _ in 0..600 {
                let value = random.below(1 << bits) as i64 - (1 << (bits - 1));
                if random.below(3) == 0 {
                    assert_eq!(set.remove(value), model.remove(&value));
                } else {
                    assert_eq!(set.add(value), model.insert(value));
                }
                assert!(set.contains(value) == model.contains(&value));
                assert!(set.random(&mut random).is_none_or(|member| model.contains(&member)));
            }
            assert!(set.iter().eq(model.iter().copied()));
            let copy = IntSet::from_bytes(&set.to_bytes(), true).unwrap();
            assert_eq!(copy.to_bytes(), set.to_bytes());
            set.remove_range(1, usize::MAX);
            assert_eq!(set.len(), 1);
        }
    }

    #[test]
    fn refuses_corrupt_bytes() {
        let cases: [&[u8]; 6] = [
            &[],
            &[2, 0, 0, 0, 1, 0, 0],
            &[3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0],
            &[2, 0, 0, 0, 2, 0, 0, 0, 1, 0],
            &[2, 0, 0, 0, 2, 0, 0, 0, 5, 0, 5, 0],
            &[8, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0],
        ];
        for bytes in cases {
            assert!(IntSet::from_bytes(bytes, true).is_err(), "{bytes:?}");
        }
        assert!(IntSet::from_bytes(&[2, 0, 0, 0, 2, 0, 0, 0, 5, 0, 4, 0], false).is_ok());
    }
}
