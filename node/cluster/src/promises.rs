//! When a driver that serves on while the disk works writes which file, and what waits for it: the rule of
//! [`crate::Effect::SaveConfig`].
//!
//! One save is under way at a time; it has a number. What is said after a promise was asked for is kept until the disk has
//! that save or a later one, and leaves in the order in which it was said. While a save is under way the file cannot be
//! written, so what would only be written soon is a promise then.

use std::collections::VecDeque;

use crate::effects::Save;

/// What the driver has to do to the file now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// Nothing: a later save has it.
    Nothing,
    /// Write what is known, and wait for no disk.
    Soon,
    /// Replace the file by what is known, through the disk, and say when it is [`Promises::saved`].
    Synced,
}

/// The saves of a file, and things that may leave only once one is on the disk.
#[derive(Debug)]
pub struct Promises<T> {
    asked: u64,
    saved: u64,
    /// The save under way.
    saving: Option<u64>,
    /// Something has changed that has to be on the disk, though nobody waits for it.
    stale: bool,
    /// The save under way has failed, and is to be tried again.
    failed: bool,
    kept: VecDeque<(u64, T)>,
}

impl<T> Default for Promises<T> {
    fn default() -> Promises<T> {
        Promises { asked: 0, saved: 0, saving: None, stale: false, failed: false, kept: VecDeque::new() }
    }
}

impl<T> Promises<T> {
    /// What is known has to be kept as well as `save` says.
    pub fn save(&mut self, save: Save) -> Write {
        self.stale |= save == Save::Synced;
        match (save, self.saving) {
            (Save::Soon | Save::Synced, None) => Write::Soon,
            (Save::Synced, Some(_)) => Write::Nothing,
            (Save::Soon | Save::Promised, _) => {
                self.asked += 1;
                if self.saving.is_some() { Write::Nothing } else { self.begin() }
            }
        }
    }

    /// Now and then: what nobody waits for goes to the disk, thousands of changes in a few saves; what failed is tried
    /// again.
    pub fn sync(&mut self) -> Write {
        if std::mem::take(&mut self.failed) {
            return Write::Synced;
        }
        if self.stale && self.saving.is_none() { self.begin() } else { Write::Nothing }
    }

    fn begin(&mut self) -> Write {
        (self.saving, self.stale) = (Some(self.asked), false);
        Write::Synced
    }

    /// What was to be written could not be. It stays owed: what waits for it does not leave.
    pub fn failed(&mut self) {
        self.failed = self.saving.is_some();
        self.stale |= !self.failed;
    }

    /// The disk has the save under way; what has changed meanwhile is to be written.
    pub fn saved(&mut self) -> Write {
        self.saved = self.saving.take().unwrap_or(self.saved);
        match self.asked > self.saved {
            true => self.begin(),
            false if self.stale => Write::Soon,
            false => Write::Nothing,
        }
    }

    /// The number of the save that what is said now waits for.
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// Whether the disk has save `number`.
    #[inline]
    pub fn has_saved(&self, number: u64) -> bool {
        self.saved >= number
    }

    /// The number of the save under way.
    pub fn saving(&self) -> Option<u64> {
        self.saving
    }

    /// Whether the disk lacks something that it has to have.
    pub fn lags(&self) -> bool {
        self.stale || self.saving.is_some()
    }

    /// `thing`, if it may leave now; else it is kept.
    pub fn pass(&mut self, thing: T) -> Option<T> {
        if self.has_saved(self.asked) {
            return Some(thing);
        }
        self.kept.push_back((self.asked, thing));
        None
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
        assert_eq!(promises.save(Save::Promised), Write::Synced);
        assert_eq!(promises.pass("first"), None);
        assert_eq!(promises.save(Save::Promised), Write::Nothing, "one at a time");
        assert_eq!(promises.pass("second"), None);
        assert_eq!(promises.take(), None);
        assert_eq!(promises.saved(), Write::Synced, "the second follows");
        assert_eq!((promises.take(), promises.take()), (Some("first"), None));
        assert_eq!(promises.pass("third"), None, "the second save is still awaited");
        assert_eq!(promises.saved(), Write::Nothing);
        let left = [promises.take(), promises.take(), promises.take()];
        assert_eq!(left, [Some("second"), Some("third"), None]);
        assert_eq!(promises.pass("at once"), Some("at once"));
    }

    #[test]
    fn what_failed_is_tried_again_and_nothing_leaves_before() {
        let mut promises = Promises::default();
        assert_eq!(promises.save(Save::Promised), Write::Synced);
        assert_eq!(promises.pass("promised"), None);
        for _ in 0..2 {
            promises.failed();
            assert_eq!(promises.take(), None);
            assert_eq!((promises.sync(), promises.sync()), (Write::Synced, Write::Nothing));
        }
        assert_eq!(promises.saved(), Write::Nothing);
        assert_eq!(promises.take(), Some("promised"));
        assert_eq!(promises.save(Save::Soon), Write::Soon);
        promises.failed();
        assert_eq!(promises.pass("of no promise"), Some("of no promise"));
        assert_eq!((promises.sync(), promises.saved()), (Write::Synced, Write::Nothing));
    }

    #[test]
    fn what_nobody_waits_for_is_written_at_once_and_synced_later() {
        let mut promises = Promises::<()>::default();
        assert_eq!(promises.save(Save::Soon), Write::Soon);
        assert_eq!(promises.sync(), Write::Nothing);
        assert_eq!(promises.save(Save::Synced), Write::Soon);
        assert_eq!(promises.pass(()), Some(()));
        assert_eq!((promises.sync(), promises.sync()), (Write::Synced, Write::Nothing));
        assert_eq!(promises.save(Save::Synced), Write::Nothing);
        assert_eq!(promises.saved(), Write::Soon, "it may not wait for the next sync to outlive the process");
        assert_eq!(promises.sync(), Write::Synced);
        // The file cannot be written now, and what is said may speak of it.
        assert_eq!(promises.save(Save::Soon), Write::Nothing);
        assert_eq!(promises.pass(()), None);
        assert_eq!((promises.saved(), promises.saved()), (Write::Synced, Write::Nothing));
    }
}
