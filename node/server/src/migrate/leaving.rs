//! Keys on their way to another server, and who waits for them to be gone.
//!
//! While none is under way all of this is one branch. What is held back depends on who asks:
//!
//! - A client of this core stops at its command (`Client::paused`), and runs it again when the keys are gone.
//! - Of commands that came over the mesh, all on the slot are held, those that read too: they answer in order.
//! - A session that waits for a key of the slot is not served meanwhile.

use std::collections::{HashMap, HashSet};

use base::Slot;
use bytes::Bytes;
use commands::Args;
use commands::table::{self, Flags, Found};

use crate::core::blocking::SessionId;

/// Traits of what may write keys: a script need not say that it will.
pub const MAY_WRITE: Flags = table::WRITE | table::MAY_REPLICATE;

/// What was held back for a core as a whole.
#[derive(Default)]
pub struct Held {
    /// Commands of siblings, as they came.
    pub frames: Vec<u8>,
    /// Sessions whose key was written, and that were not served.
    pub sessions: Vec<SessionId>,
}

/// Keys under way.
#[derive(Default)]
pub struct Leaving {
    keys: HashSet<Bytes>,
    /// Number of them, by slot.
    slots: HashMap<Slot, usize>,
    /// Slots of which nothing may be written.
    closed: HashSet<Slot>,
    held: Held,
}

impl Leaving {
    /// Notes keys that are to be sent. None is under way already: MIGRATE is held back as a write is.
    pub fn add(&mut self, slot: Slot, keys: &[Bytes]) {
        let before = self.keys.len();
        self.keys.extend(keys.iter().cloned());
        *self.slots.entry(slot).or_default() += self.keys.len() - before;
    }

    /// Forgets keys whose sending is over.
    pub fn remove(&mut self, slot: Slot, keys: &[Bytes]) {
        let gone = keys.iter().filter(|key| self.keys.remove(*key)).count();
        if let Some(count) = self.slots.get_mut(&slot) {
            *count -= gone;
            if *count == 0 {
                self.slots.remove(&slot);
            }
        }
    }

    /// Nothing of `slot` may be written from now on.
    pub fn close(&mut self, slot: Slot) {
        self.closed.insert(slot);
    }

    /// Ends that.
    pub fn open(&mut self, slot: Slot) {
        self.closed.remove(&slot);
    }

    /// Whether keys are under way, or slots as a whole: clients may be waiting for what another server says.
    #[inline]
    pub fn holds_any(&self) -> bool {
        !self.keys.is_empty() || !self.closed.is_empty()
    }

    /// Whether a key of `slot` is under way, or all of it.
    #[inline]
    pub fn holds_slot(&self, slot: Slot) -> bool {
        !self.slots.is_empty() && self.slots.contains_key(&slot)
            || !self.closed.is_empty() && self.closed.contains(&slot)
    }

    /// Whether `key` is under way.
    #[inline]
    pub fn holds_key(&self, key: &[u8]) -> bool {
        !self.keys.is_empty() && self.keys.contains(key)
    }

    /// Whether a command of these traits on keys of a slot that keys leave has to wait.
    pub fn holds(&self, slot: Slot, found: Found, flags: Flags, args: &Args<'_>) -> bool {
        if flags & MAY_WRITE == 0 {
            return false;
        }
        // A script may write keys that it does not name.
        let mut holds = found.command.has(table::NO_MANDATORY_KEYS) || self.closed.contains(&slot);
        let _ = found.command.each_written_key(args, &mut |i| holds |= self.holds_key(args[i]));
        holds
    }

    /// Keeps a sibling's command, as it came.
    pub fn hold_frames(&mut self, frames: &[u8]) {
        self.held.frames.extend_from_slice(frames);
    }

    /// Keeps a session in mind whose key was written.
    pub fn hold_session(&mut self, session: SessionId) {
        self.held.sessions.push(session);
    }

    /// Takes what was held.
    pub fn take_held(&mut self) -> Held {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(leaving: &Leaving, line: &str) -> bool {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let args = Args::new(&words);
        let found = Found::resolve(&args).unwrap();
        leaving.holds(Slot::ZERO, found, found.command.flags, &args)
    }

    #[test]
    fn writes_to_keys_under_way_wait() {
        let mut leaving = Leaving::default();
        let keys = [Bytes::from_static(b"a"), Bytes::from_static(b"a"), Bytes::from_static(b"b")];
        leaving.add(Slot::ZERO, &keys);
        assert!(leaving.holds_slot(Slot::ZERO));
        for line in ["set a 1", "del x b", "copy x a", "migrate h 1 a 0 0", "eval return 0"] {
            assert!(holds(&leaving, line), "{line}");
        }
        for line in ["get a", "set x 1", "copy a x", "sort a"] {
            assert!(!holds(&leaving, line), "{line}");
        }
        leaving.remove(Slot::ZERO, &keys);
        assert!(!leaving.holds_slot(Slot::ZERO) && !leaving.holds_key(b"a"));
        leaving.close(Slot::ZERO);
        assert!(holds(&leaving, "set x 1") && !holds(&leaving, "get x"));
        leaving.open(Slot::ZERO);
        assert!(!leaving.holds_slot(Slot::ZERO));
    }
}
