//! Walking packed entries, a listpack's from either end.

use super::{Item, Pack, Pos};

/// The entries between two offsets.
#[derive(Clone)]
pub struct Iter<'a, const BACK: bool = true> {
    pack: &'a Pack<BACK>,
    front: usize,
    back: usize,
}

impl<'a, const BACK: bool> Iter<'a, BACK> {
    pub(super) fn new(pack: &'a Pack<BACK>, front: usize, back: usize) -> Self {
        Iter { pack, front, back }
    }
}

impl<'a, const BACK: bool> Iterator for Iter<'a, BACK> {
    type Item = (Pos, Item<'a>);

    #[inline]
    fn next(&mut self) -> Option<(Pos, Item<'a>)> {
        if self.front >= self.back {
            return None;
        }
        let pos = Pos::at(self.front);
        self.front += self.pack.total_at(pos);
        Some((pos, self.pack.get(pos)))
    }
}

impl DoubleEndedIterator for Iter<'_, true> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let pos = self.pack.entry_before(self.back)?;
        self.back = pos.offset();
        Some((pos, self.pack.get(pos)))
    }
}
