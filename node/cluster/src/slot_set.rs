//! A set of hash slots as the wire carries it: 2048 bytes, bit `slot & 7` of byte `slot >> 3`.
//!
//! Every node of the table has one, and most nodes of a big cluster are replicas that own nothing, so an
//! empty set owns no memory.

use base::{SLOT_COUNT, Slot};

/// Bytes of a slot bitmap.
pub const SLOT_BYTES: usize = SLOT_COUNT / 8;

/// The wire form of a set of slots.
pub type SlotBits = [u8; SLOT_BYTES];

static NO_SLOTS: SlotBits = [0; SLOT_BYTES];

/// A set of slots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlotSet {
    bits: Option<Box<SlotBits>>,
    len: u16,
}

/// Whether `bits` has `slot`.
#[inline]
pub fn has_slot(bits: &SlotBits, slot: Slot) -> bool {
    bits[slot.index() >> 3] & (1 << (slot.index() & 7)) != 0
}

/// Every slot of `bits`, in order.
pub fn slots_of(bits: &SlotBits) -> impl Iterator<Item = Slot> + '_ {
    bits.iter().enumerate().filter(|(_, byte)| **byte != 0).flat_map(|(i, byte)| {
        let byte = *byte;
        (0..8u16).filter(move |bit| byte & (1 << bit) != 0).map(move |bit| numbered(i as u16 * 8 + bit))
    })
}

fn numbered(number: u16) -> Slot {
    Slot::new(number).expect("a bitmap ends at the last slot")
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> SlotSet {
        let mut set = SlotSet::default();
        for slot in slots {
            set.insert(slot);
        }
        set
    }
}

impl SlotSet {
    /// The set of `bits`.
    pub fn from_bits(bits: &SlotBits) -> SlotSet {
        let len = bits.iter().map(|b| b.count_ones() as u16).sum();
        SlotSet { bits: (len != 0).then(|| Box::new(*bits)), len }
    }

    /// The wire form.
    #[inline]
    pub fn bits(&self) -> &SlotBits {
        self.bits.as_deref().unwrap_or(&NO_SLOTS)
    }

    /// How many slots it has.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it has `slot`.
    #[inline]
    pub fn contains(&self, slot: Slot) -> bool {
        has_slot(self.bits(), slot)
    }

    /// Adds `slot`; false when it was there.
    pub fn insert(&mut self, slot: Slot) -> bool {
        if self.contains(slot) {
            return false;
        }
        let bits = self.bits.get_or_insert_with(|| Box::new(NO_SLOTS));
        bits[slot.index() >> 3] |= 1 << (slot.index() & 7);
        self.len += 1;
        true
    }

    /// Adds every slot from `first` to `last`.
    pub fn extend(&mut self, first: Slot, last: Slot) {
        for number in first.number()..=last.number() {
            self.insert(numbered(number));
        }
    }

    /// Takes `slot` out; false when it was not there.
    pub fn remove(&mut self, slot: Slot) -> bool {
        if !self.contains(slot) {
            return false;
        }
        let bits = self.bits.as_mut().expect("a set that has a slot has bits");
        bits[slot.index() >> 3] &= !(1 << (slot.index() & 7));
        self.len -= 1;
        if self.len == 0 {
            self.bits = None;
        }
        true
    }

    /// Every slot, in order.
    pub fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        slots_of(self.bits())
    }

    /// The maximal runs of neighbouring slots as `(first, last)`, in order.
    pub fn ranges(&self) -> Vec<(Slot, Slot)> {
        let mut ranges = Vec::new();
        if self.is_empty() {
            return ranges;
        }
        let mut open: Option<u16> = None;
        for (i, word) in self.bits().chunks_exact(8).enumerate() {
            let word = u64::from_le_bytes(word.try_into().expect("chunks of eight"));
            let whole = if open.is_some() { u64::MAX } else { 0 };
            if word == whole {
                continue; // Sixty-four slots like those before: most words of most bitmaps.
            }
            for bit in 0..64 {
                let number = i as u16 * 64 + bit;
                match (open, word & (1 << bit) != 0) {
                    (None, true) => open = Some(number),
                    (Some(first), false) => {
                        ranges.push((numbered(first), numbered(number - 1)));
                        open = None;
                    }
                    _ => {}
                }
            }
        }
        if let Some(first) = open {
            ranges.push((numbered(first), numbered(SLOT_COUNT as u16 - 1)));
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(n: u16) -> Slot {
        Slot::new(n).unwrap()
    }

    #[test]
    fn ranges_and_bits() {
        let mut set = SlotSet::default();
        for n in [0, 1, 2, 7, 8, 9, 16383, 100] {
            assert!(set.insert(slot(n)));
        }
        assert!(!set.insert(slot(7)));
        let ranges: Vec<_> = set.ranges().iter().map(|(a, b)| (a.number(), b.number())).collect();
        assert_eq!(ranges, [(0, 2), (7, 9), (100, 100), (16383, 16383)]);
        assert_eq!((set.bits()[0], set.bits()[1], set.bits()[2047]), (0b1000_0111, 0b11, 0x80));
        assert_eq!(SlotSet::from_bits(set.bits()).len(), 8);
    }

    #[test]
    fn an_emptied_set_owns_nothing() {
        let mut set = SlotSet::default();
        set.insert(slot(5));
        assert!(set.remove(slot(5)) && !set.remove(slot(5)));
        assert!(set.is_empty() && set.bits.is_none());
    }
}
