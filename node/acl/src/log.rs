//! ACL LOG: what was refused to whom.
//!
//! A client that is refused goes on asking, often thousands of times a second, and must not drive everything else
//! out of the log: the same refusal again is counted in the entry it has.

use std::cmp::Reverse;
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
    /// Its number; numbers ascend and are never used again, in the whole process.
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
    /// Some entry has no client yet.
    is_unsigned: bool,
}

impl Log {
    /// Notes a refusal; of all entries `max` are kept. A new one takes its number from `next_id`.
    pub fn add(&mut self, event: Event, now_ms: u64, max: usize, next_id: impl FnOnce() -> u64) {
        self.is_unsigned |= event.client.is_empty();
        if max > 0 {
            let is_same = |entry: &Entry| {
                now_ms.abs_diff(entry.updated_ms) <= SAME_WITHIN_MS && entry.event.is_as(&event)
            };
            let known = self.entries.iter().take(LOOKED_AT).position(is_same);
            let entry = match known.and_then(|at| self.entries.remove(at)) {
                Some(entry) => Entry { event, count: entry.count + 1, updated_ms: now_ms, ..entry },
                None => Entry { event, id: next_id(), count: 1, created_ms: now_ms, updated_ms: now_ms },
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

impl Event {
    /// Whether it is the same but for the client.
    fn is_as(&self, other: &Event) -> bool {
        (self.reason, self.context) == (other.reason, other.context)
            && (&self.object, &self.username) == (&other.object, &other.username)
    }
}

/// The entries of several cores as one core would have them, newest first.
pub fn unite(entries: &[Entry]) -> Vec<Entry> {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by_key(|entry| Reverse(entry.updated_ms));
    let mut united: Vec<Entry> = Vec::with_capacity(sorted.len());
    for entry in sorted {
        let is_same = |newer: &&mut Entry| {
            newer.created_ms.saturating_sub(entry.updated_ms) <= SAME_WITHIN_MS
                && newer.event.is_as(&entry.event)
        };
        match united.iter_mut().find(is_same) {
            Some(newer) => {
                newer.count += entry.count;
                newer.id = newer.id.min(entry.id);
                newer.created_ms = newer.created_ms.min(entry.created_ms);
            }
            None => united.push(entry.clone()),
        }
    }
    united
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
        let mut ids = 0..;
        let mut id = || ids.next().unwrap();
        for object in ["a", "a", "b", "a"] {
            log.add(event(object), 1000, 128, &mut id);
        }
        assert_eq!(shown(&log), "0:ax3 1:bx1");
        log.add(event("a"), 1000 + SAME_WITHIN_MS + 1, 128, &mut id);
        assert_eq!(shown(&log), "2:ax1 0:ax3 1:bx1");
        log.add(event("c"), 2000, 2, &mut id);
        assert_eq!(shown(&log), "3:cx1 2:ax1");
        assert!(log.is_unsigned());
        log.sign("c");
        assert!(!log.is_unsigned() && log.entries().all(|entry| entry.event.client == "c"));
        log.clear();
        log.add(event("d"), 2000, 2, &mut id);
        assert_eq!(shown(&log), "4:dx1");
        log.add(event("d"), 2000, 0, &mut id);
        assert_eq!(shown(&log), "");
    }

    #[test]
    fn several_logs_are_one() {
        let entry = |object, id, created_ms, updated_ms| Entry {
            event: event(object),
            id,
            count: 2,
            created_ms,
            updated_ms,
        };
        let late = 5000 + SAME_WITHIN_MS;
        let entries = [
            entry("a", 0, 1000, 5000),
            entry("b", 1, 1000, 1000),
            entry("a", 2, late, late),
            entry("b", 3, late, late),
        ];
        let united: Vec<(u64, u64, u64)> =
            unite(&entries).iter().map(|entry| (entry.id, entry.count, entry.created_ms)).collect();
        assert_eq!(united, [(0, 4, 1000), (3, 2, late), (1, 2, 1000)]);
    }
}
