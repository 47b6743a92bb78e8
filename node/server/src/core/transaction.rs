//! MULTI and EXEC: commands queued, then run as one; WATCH: only if no watched key changed.
//!
//! A core runs one command at a time, so a transaction needs no lock: EXEC runs the queue without a pause.

use std::collections::HashMap;

use base::Slot;
use bytes::Bytes;
use commands::table::{Flags, Found};
use commands::{Args, Error};

use crate::core::blocking::SessionId;

/// A queued command.
pub struct Queued {
    /// Its row.
    pub found: Found,
    /// Its traits when it was queued.
    pub flags: Flags,
    /// Its arguments.
    pub args: Vec<Bytes>,
}

/// What a client between WATCH or MULTI and EXEC has said.
#[derive(Default)]
pub struct Transaction {
    /// MULTI was said.
    pub queueing: bool,
    /// Commands so far.
    pub queue: Vec<Queued>,
    /// A command could not be queued: EXEC will refuse.
    pub broken: bool,
    /// The slot of its keys, once a key was named.
    pub slot: Option<Slot>,
    /// A later key is in another slot: EXEC will refuse.
    pub across: bool,
    /// Keys of this core are watched.
    pub watches: bool,
    /// Keys of this sibling are watched, and their slot (ingress).
    pub remote: Option<(u16, Slot)>,
    /// The watched keys' slot has changed hands: they count as changed.
    pub lost: bool,
}

/// EXEC of a transaction that must not run for `reason`.
pub fn discarded(reason: &Error) -> Error {
    Error::text(format!("EXECABORT Transaction discarded because of: {reason}"))
}

/// EXEC after a command that could not be queued.
pub const EXEC_ABORT: Error = Error::new("EXECABORT Transaction discarded because of previous errors.");

impl Queued {
    /// The command as it will run.
    pub fn new(found: Found, flags: Flags, args: &Args<'_>) -> Queued {
        Queued { found, flags, args: (0..args.len()).map(|i| args.to_bytes(i)).collect() }
    }

    /// Bytes it takes.
    pub fn memory(&self) -> usize {
        size_of::<Queued>() + self.args.iter().map(|arg| size_of::<Bytes>() + arg.len()).sum::<usize>()
    }
}

impl Transaction {
    /// Bytes it takes.
    pub fn memory(&self) -> usize {
        size_of::<Transaction>() + self.queue.iter().map(Queued::memory).sum::<usize>()
    }
}

/// Which keys are watched by whom, on one core.
#[derive(Default)]
pub struct Watch {
    by_key: HashMap<Bytes, Vec<SessionId>>,
    by_session: HashMap<SessionId, Watched>,
}

/// What one session watches.
#[derive(Default)]
struct Watched {
    /// Each key, its slot, and whether it was there though expired when WATCH was said.
    keys: Vec<(Bytes, Slot, bool)>,
    /// Memory they take, about.
    bytes: usize,
    /// One of them was changed.
    dirty: bool,
}

impl Watch {
    /// Whether nobody watches anything.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Number of keys watched.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Number of keys that `session` watches.
    pub fn count_of(&self, session: SessionId) -> usize {
        self.by_session.get(&session).map_or(0, |watched| watched.keys.len())
    }

    /// Memory that what `session` watches takes, in bytes, about.
    pub fn bytes_of(&self, session: SessionId) -> usize {
        self.by_session.get(&session).map_or(0, |watched| watched.bytes)
    }

    /// Number of sessions that watch.
    pub fn sessions(&self) -> usize {
        self.by_session.len()
    }

    /// `session` watches `key` of `slot`; `expired` tells that it is there though its time is over.
    pub fn add(&mut self, key: Bytes, session: SessionId, slot: Slot, expired: bool) {
        let watchers = self.by_key.entry(key.clone()).or_default();
        if !watchers.contains(&session) {
            watchers.push(session);
            let watched = self.by_session.entry(session).or_default();
            watched.bytes += size_of::<(Bytes, Slot, bool)>() + size_of::<SessionId>() + key.len();
            watched.keys.push((key, slot, expired));
        }
    }

    /// `key` was changed.
    pub fn written(&mut self, key: &[u8]) {
        for session in self.by_key.get(key).into_iter().flatten() {
            if let Some(watched) = self.by_session.get_mut(session) {
                watched.dirty = true;
            }
        }
    }

    /// `key` was deleted because its time is over: news only to those that watched it while it was not.
    pub fn expired(&mut self, key: &[u8]) {
        for session in self.by_key.get(key).into_iter().flatten() {
            if let Some(watched) = self.by_session.get_mut(session) {
                watched.dirty |=
                    watched.keys.iter().any(|(watched, _, expired)| &watched[..] == key && !expired);
            }
        }
    }

    /// Every watched key for which `gone` holds was changed (FLUSHALL).
    pub fn written_if(&mut self, mut gone: impl FnMut(&[u8], Slot) -> bool) {
        for watched in self.by_session.values_mut() {
            watched.dirty |= watched.keys.iter().any(|(key, slot, _)| gone(key, *slot));
        }
    }

    /// Whether a key that `session` watches was changed.
    pub fn is_dirty(&self, session: SessionId) -> bool {
        self.by_session.get(&session).is_some_and(|watched| watched.dirty)
    }

    /// The keys that `session` watches: key, slot, whether it was expired from the start.
    pub fn keys_of(&self, session: SessionId) -> impl Iterator<Item = (&[u8], Slot, bool)> {
        let watched = self.by_session.get(&session).into_iter().flat_map(|watched| &watched.keys);
        watched.map(|(key, slot, expired)| (&key[..], *slot, *expired))
    }

    /// `session` watches nothing any more.
    pub fn forget(&mut self, session: SessionId) {
        for (key, _, _) in self.by_session.remove(&session).map(|watched| watched.keys).unwrap_or_default() {
            if let Some(watchers) = self.by_key.get_mut(&key) {
                watchers.retain(|w| *w != session);
                if watchers.is_empty() {
                    self.by_key.remove(&key);
                }
            }
        }
    }
}
