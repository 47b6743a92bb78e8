//! ACL LOG: what was refused to whom.
//!
//! A client that is refused goes on asking, often thousands of times a second, and must not drive everything else
//! out of the log: the same refusal again is counted in the entry it has.

use std::collections::VecDeque;

use crate::check::Reason;

/// A refusal that comes so long after the last of its kind is told anew, milliseconds.
const SAME_WITHIN_MS: u64 = 60_000;
/// Newest entries looked at for the same refusal.
const LOOKED_AT: usize = 10;

/// Where a command came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// The client itself.
    TopLevel,
    /// Between MULTI and EXEC, or by EXEC.
    Multi,
    /// A script or function.
    Script,
}

impl Context {
    /// Its name in ACL LOG.
    pub fn name(self) -> &'static str {
        match self {
            Context::TopLevel => "toplevel",
            Context::Multi => "multi",
            Context::Script => "lua",
        }
    }
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What was missing.
    pub reason: Reason,
    /// Where the command came from.
    pub context: Context,
    /// The command's name, the key or the channel; of a failed log-in, the command that tried it.
    pub object: Vec<u8>,
    /// The user.
    pub username: Vec<u8>,
    /// The client, as CLIENT LIST shows it; empty until [`Log::sign`] tells.
    pub client: String,
}

/// One line of the log.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What happened; the client is the last it happened to.
    pub event: Event,
    /// Its number; numbers ascend and are never used again.
    pub id: u64,
    /// How often it happened.
    pub count: u64,
    /// When it happened first, unix ms.
    pub created_ms: u64,
    /// When it happened last, unix ms.
    pub updated_ms: u64,
}

/// The log of one core.
#[derive(Debug, Default)]
pub struct Log {
    /// Newest first.
    entries: VecDeque<Entry>,
    next_id: u64,
    /// Some entry has no client yet.
    is_unsigned: bool,
}

impl Log {
    /// Notes a refusal; of all entries `max` are kept.
    pub fn add(&mut self, event: Event, now_ms: u64, max: usize) {
        self.is_unsigned |= event.client.is_empty();
        if max > 0 {
            let is_same = |entry: &Entry| {
                let (old, new) = (&entry.event, &event);
                (old.reason, old.context) == (new.reason, new.context)
                    && now_ms.abs_diff(entry.updated_ms) <= SAME_WITHIN_MS
                    && (&old.object, &old.username) == (&new.object, &new.username)
            };
            let known = self.entries.iter().take(LOOKED_AT).position(is_same);
            let entry = match known.and_then(|at| self.entries.remove(at)) {
                Some(entry) => Entry { event, count: entry.count + 1, updated_ms: now_ms, ..entry },
                None => {
                    let id = self.next_id;
                    self.next_id += 1;
                    Entry { event, id, count: 1, created_ms: now_ms, updated_ms: now_ms }
                }
            };
            self.entries.push_front(entry);
        }
        self.entries.truncate(max);
    }

    /// The entries, newest first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Whether an entry has no client yet.
    pub fn is_unsigned(&self) -> bool {
        self.is_unsigned
    }

    /// Notes the client of entries that have none yet.
    pub fn sign(&mut self, client: &str) {
        self.is_unsigned = false;
        for entry in self.entries.iter_mut().filter(|entry| entry.event.client.is_empty()) {
            entry.event.client = client.to_owned();
        }
    }

    /// Forgets all entries.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(object: &str) -> Event {
        Event {
            reason: Reason::Key,
            context: Context::TopLevel,
            object: object.into(),
            username: b"u".to_vec(),
            client: String::new(),
        }
    }

    fn shown(log: &Log) -> String {
        let line = |e: &Entry| format!("{}:{}x{}", e.id, String::from_utf8_lossy(&e.event.object), e.count);
        log.entries().map(line).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_same_again_is_counted() {
        let mut log = Log::default();
        for object in ["a", "a", "b", "a"] {
            log.add(event(object), 1000, 128);
        }
        assert_eq!(shown(&log), "0:ax3 1:bx1");
        log.add(event("a"), 1000 + SAME_WITHIN_MS + 1, 128);
        assert_eq!(shown(&log), "2:ax1 0:ax3 1:bx1");
        log.add(event("c"), 2000, 2);
        assert_eq!(shown(&log), "3:cx1 2:ax1");
        assert!(log.is_unsigned());
        log.sign("c");
        assert!(!log.is_unsigned() && log.entries().all(|entry| entry.event.client == "c"));
        log.clear();
        log.add(event("d"), 2000, 2);
        assert_eq!(shown(&log), "4:dx1");
        log.add(event("d"), 2000, 0);
        assert_eq!(shown(&log), "");
    }
}
