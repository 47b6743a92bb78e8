//! A set of slots: one bit each.

use base::{SLOT_COUNT, Slot};

const WORDS: usize = SLOT_COUNT / 64;

/// The slots for which something holds; 2 KiB.
#[derive(Clone)]
pub struct SlotSet(Box<[u64; WORDS]>);

impl Default for SlotSet {
    fn default() -> SlotSet {
        SlotSet::new()
    }
}

impl SlotSet {
    /// No slots.
    pub fn new() -> SlotSet {
        SlotSet(Box::new([0; WORDS]))
    }

    /// Puts `slot` in or takes it out.
    pub fn set(&mut self, slot: Slot, member: bool) {
        let bit = 1 << (slot.index() % 64);
        let word = &mut self.0[slot.index() / 64];
        *word = if member { *word | bit } else { *word & !bit };
    }

    /// Whether `slot` is a member.
    #[inline]
    pub fn contains(&self, slot: Slot) -> bool {
        self.0[slot.index() / 64] >> (slot.index() % 64) & 1 == 1
    }

    /// The first member at or after number `from`, or else the first of all.
    pub(super) fn next_around(&self, from: usize) -> Option<Slot> {
        self.next(from).or_else(|| self.next(0))
    }

    /// The first member at or after number `from`.
    pub fn next(&self, from: usize) -> Option<Slot> {
        let mut word = from / 64;
        let mut bits = self.0.get(word)? & (u64::MAX << (from % 64));
        while bits == 0 {
            word += 1;
            bits = *self.0.get(word)?;
        }
        Slot::new((word * 64 + bits.trailing_zeros() as usize) as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_around() {
        let mut set = SlotSet::new();
        assert_eq!(set.next_around(0), None);
        for number in [5, 63, 64, 16383] {
            set.set(Slot::new(number).unwrap(), true);
        }
        set.set(Slot::new(64).unwrap(), false);
        for (from, found) in [(0, 5), (5, 5), (6, 63), (64, 16383), (16384, 5)] {
            assert_eq!(set.next_around(from).map(Slot::index), Some(found), "{from}");
        }
    }
}
