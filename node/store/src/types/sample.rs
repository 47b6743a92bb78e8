//! Choosing `count` of `len` elements in one walk over them.
//!
//! Drawing random elements and throwing away the repeated ones gets slow when most of a collection is
//! wanted, and needs a memory of what was drawn. Selection sampling (Knuth, TAOCP volume 2, 3.4.2, algorithm
//! S) needs neither: it meets each element once and takes it with the chance of wanted over remaining ones,
//! which gives every subset the same probability.

use base::Random;

/// A choice of `wanted` elements among `left` still to be met.
#[derive(Debug, Clone)]
pub struct Selection {
    left: u64,
    wanted: u64,
}

impl Selection {
    /// A choice of `count` among `len` elements; all of them when there are fewer.
    pub fn new(count: usize, len: usize) -> Selection {
        Selection { left: len as u64, wanted: count.min(len) as u64 }
    }

    /// Whether the next element is chosen.
    pub fn take(&mut self, random: &mut Random) -> bool {
        let taken = self.left > 0 && random.below(self.left) < self.wanted;
        self.left = self.left.saturating_sub(1);
        self.wanted -= u64::from(taken);
        taken
    }

    /// Whether nothing more will be taken.
    pub fn is_done(&self) -> bool {
        self.wanted == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_exactly_as_many_and_each_alike() {
        let (mut random, mut hits) = (Random::new(5), [0u32; 10]);
        for _ in 0..20_000 {
            let mut selection = Selection::new(3, 10);
            for hit in &mut hits {
                *hit += u32::from(selection.take(&mut random));
            }
            assert!(selection.is_done());
        }
        assert_eq!(hits.iter().sum::<u32>(), 60_000);
        assert!(hits.iter().all(|hit| (5_600..6_400).contains(hit)), "{hits:?}");
    }

    #[test]
    fn takes_all_when_more_are_wanted() {
        let (mut random, mut selection) = (Random::new(1), Selection::new(9, 2));
        assert!(selection.take(&mut random) && !selection.is_done() && selection.take(&mut random));
        assert!(selection.is_done() && !selection.take(&mut random));
    }
}
