//! What waits for the disk: the rule of [`crate::Effect::SaveConfig`], for drivers that save while they serve on.
//!
//! A save with `fsync` has a number. What is said after one was asked for is kept until the disk has that save or a later
//! one, and leaves in the order in which it was said.

use std::collections::VecDeque;

/// Things that may leave only once a save is on the disk.
#[derive(Debug)]
pub struct Promises<T> {
    asked: u64,
    saved: u64,
    kept: VecDeque<(u64, T)>,
}

impl<T> Default for Promises<T> {
    fn default() -> Promises<T> {
        Promises { asked: 0, saved: 0, kept: VecDeque::new() }
    }
}

impl<T> Promises<T> {
    /// All that is said from now on waits for one more save.
    pub fn ask(&mut self) {
        self.asked += 1;
    }

    /// The number of the last save that was asked for: the one that what is said now waits for.
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// Whether the disk has save `number`.
    #[inline]
    pub fn has_saved(&self, number: u64) -> bool {
        self.saved >= number
    }

    /// `thing`, if it may leave now; else it is kept.
    pub fn pass(&mut self, thing: T) -> Option<T> {
        if self.has_saved(self.asked) {
            return Some(thing);
        }
        self.kept.push_back((self.asked, thing));
        None
    }

    /// The disk has save `number`.
    pub fn saved(&mut self, number: u64) {
        self.saved = self.saved.max(number);
    }

    /// The next thing that was kept and may leave now.
    pub fn take(&mut self) -> Option<T> {
        let may_leave = self.kept.front().is_some_and(|(number, _)| self.has_saved(*number));
        if may_leave { self.kept.pop_front().map(|(_, thing)| thing) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_leaves_in_order_and_not_before_its_save() {
        let mut promises = Promises::default();
        assert_eq!(promises.pass("at once"), Some("at once"));
        promises.ask();
        assert_eq!(promises.pass("first"), None);
        promises.ask();
        assert_eq!(promises.pass("second"), None);
        assert_eq!(promises.take(), None);
        promises.saved(1);
        assert_eq!((promises.take(), promises.take()), (Some("first"), None));
        assert_eq!(promises.pass("third"), None, "the second save is still awaited");
        promises.saved(2);
        assert_eq!(
            (promises.take(), promises.take(), promises.take()),
            (Some("second"), Some("third"), None)
        );
        assert_eq!(promises.pass("at once"), Some("at once"));
    }
}
