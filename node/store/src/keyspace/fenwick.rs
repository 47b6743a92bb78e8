//! How many keys each slot has, in a form that answers "which slot holds the n-th key".
//!
//! A fair random key, and SCAN's step over empty slots, need the slot that a rank falls into. Adding up
//! 16384 counters each time is too slow, and keeping sums up to date makes every insertion slow. A Fenwick
//! tree (Fenwick, "A New Data Structure for Cumulative Frequency Tables", 1994) does both in 14 steps.

use base::{SLOT_COUNT, Slot};

/// A count for each slot. Node `i` (from 1) holds the sum of the `lowest_bit(i)` slots that end with `i - 1`.
pub(super) struct Fenwick {
    nodes: Box<[u64]>,
    total: u64,
}

const _: () = assert!(SLOT_COUNT.is_power_of_two());

impl Fenwick {
    pub(super) fn new() -> Fenwick {
        Fenwick { nodes: vec![0; SLOT_COUNT + 1].into_boxed_slice(), total: 0 }
    }

    #[inline]
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Adds `delta`, which may be negative, to the count of `slot`.
    #[inline]
    pub(super) fn add(&mut self, slot: Slot, delta: i64) {
        self.total = self.total.wrapping_add_signed(delta);
        let mut node = slot.index() + 1;
        while node <= SLOT_COUNT {
            self.nodes[node] = self.nodes[node].wrapping_add_signed(delta);
            node += node & node.wrapping_neg();
        }
    }

    /// The slot of the key with this rank (from 0), or `None` when there are not so many.
    pub(super) fn slot_of(&self, rank: u64) -> Option<Slot> {
        let (mut node, mut left, mut step) = (0, rank, SLOT_COUNT);
        while step > 0 {
            let next = node + step;
            if next <= SLOT_COUNT && self.nodes[next] <= left {
                left -= self.nodes[next];
                node = next;
            }
            step /= 2;
        }
        Slot::new(node as u16)
    }

    /// The first slot at or after number `from` that has any.
    pub(super) fn next_filled(&self, from: usize) -> Option<Slot> {
        let (mut node, mut before) = (from.min(SLOT_COUNT), 0);
        while node > 0 {
            before += self.nodes[node];
            node -= node & node.wrapping_neg();
        }
        self.slot_of(before)
    }
}

#[cfg(test)]
mod tests {
    use base::Random;

    use super::*;

    #[test]
    fn agrees_with_plain_counters() {
        let mut random = Random::new(1);
        let (mut tree, mut counts) = (Fenwick::new(), vec![0u64; SLOT_COUNT]);
        assert_eq!((tree.slot_of(0), tree.next_filled(0)), (None, None));
        for _ in 0..3_000 {
            let slot = Slot::new(random.below(SLOT_COUNT as u64) as u16).unwrap();
            let delta =
                if counts[slot.index()] > 0 && random.below(2) == 0 { -1 } else { random.below(4) as i64 };
            tree.add(slot, delta);
            counts[slot.index()] = counts[slot.index()].wrapping_add_signed(delta);
        }
        tree.add(Slot::new(16383).unwrap(), 2);
        counts[16383] += 2;
        let mut rank = 0;
        for (number, &count) in counts.iter().enumerate() {
            let next = counts[number..].iter().position(|&c| c > 0).map(|ahead| number + ahead);
            assert_eq!(tree.next_filled(number).map(Slot::index), next);
            for _ in 0..count {
                assert_eq!(tree.slot_of(rank).map(Slot::index), Some(number));
                rank += 1;
            }
        }
        assert_eq!((tree.total(), tree.slot_of(rank), tree.next_filled(SLOT_COUNT)), (rank, None, None));
    }
}
