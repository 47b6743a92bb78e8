//! Sessions that wait for a key.
//!
//! A blocking command that finds nothing is kept as it is; when one of its keys is written, it runs again,
//! at the end of the command that wrote. Sessions of a key are served in the order in which they came, and one
//! that still finds nothing keeps its place.

use std::collections::{HashMap, VecDeque};

use base::Slot;
use bytes::Bytes;
use commands::table::{Found, Group};
use commands::{Block, Unblocked};
use resp::Proto;
use store::Type;

use crate::core::Runner;

/// A client of some core of the process, also if it is gone meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    /// The core that holds the connection.
    pub core: u16,
    /// The client's index there.
    pub index: u32,
    /// Its incarnation.
    pub generation: u32,
}

/// One wait.
pub struct Blocked {
    /// The command.
    pub found: Found,
    /// Its arguments, to run again.
    pub args: Vec<Bytes>,
    /// The slot of its keys.
    pub slot: Slot,
    /// The keys it waits for; none if it waits for its payload.
    pub keys: Vec<Bytes>,
    /// When it gives up, unix ms.
    pub deadline_ms: Option<u64>,
    /// What it answers then.
    pub on_timeout: Unblocked,
    /// The protocol version of the reply.
    pub proto: Proto,
    /// Whose it is; its reply's place, its permissions.
    pub runner: Runner,
    /// Nanoseconds it ran in vain so far.
    pub spent_ns: u64,
    /// Length of the request, in bytes.
    pub bytes: usize,
}

/// Who waits for what, on one core.
#[derive(Default)]
pub struct Waiting {
    sessions: HashMap<SessionId, Blocked>,
    by_key: HashMap<Bytes, VecDeque<SessionId>>,
    /// Keys written that somebody waits for, oldest first.
    ready: VecDeque<Bytes>,
}

impl Blocked {
    /// The wait that `block` asks for, of the command in `found` and `args`.
    pub fn new(
        found: Found,
        args: Vec<Bytes>,
        slot: Slot,
        block: Block,
        proto: Proto,
        runner: Runner,
    ) -> Blocked {
        let Block { keys, deadline_ms, on_timeout, resume } = block;
        let args = resume.unwrap_or(args);
        let (spent_ns, bytes) = (0, 0);
        Blocked { found, args, slot, keys, deadline_ms, on_timeout, proto, runner, spent_ns, bytes }
    }

    /// Whether to run again when one of its keys holds a value of this type, or none. A key that came as another type
    /// leaves it waiting; but the reader of a group is told of that, too.
    pub fn takes(&self, kind: Option<Type>) -> bool {
        let wanted = match self.found.command.group {
            Group::SortedSet => Type::Zset,
            Group::Stream => Type::Stream,
            _ => Type::List,
        };
        self.reads_a_group() || kind == Some(wanted)
    }

    /// The payload whose decoding it waits for (`aside`), if that is what it does.
    pub fn payload(&self) -> Option<&Bytes> {
        self.keys.is_empty().then(|| self.args.get(3)).flatten()
    }

    /// Whether it is the reader of a stream's group, who is told when the stream is gone or of another type.
    pub fn reads_a_group(&self) -> bool {
        self.found.command.name == "xreadgroup"
    }
}

impl Waiting {
    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Number of sessions that wait.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Number of keys waited for.
    pub fn keys(&self) -> usize {
        self.by_key.len()
    }

    /// Number of keys whose deletion somebody waits for, too: readers of groups are told of it.
    pub fn keys_of_groups(&self) -> usize {
        let is_reader = |session: &SessionId| self.sessions.get(session).is_some_and(Blocked::reads_a_group);
        self.by_key.values().filter(|queue| queue.iter().any(is_reader)).count()
    }

    /// Notes a session that begins to wait.
    pub fn add(&mut self, session: SessionId, blocked: Blocked) {
        for key in &blocked.keys {
            let queue = self.by_key.entry(key.clone()).or_default();
            // A key may be named twice in one command.
            if queue.back() != Some(&session) {
                queue.push_back(session);
            }
        }
        self.sessions.insert(session, blocked);
    }

    /// Ends a session's wait.
    pub fn remove(&mut self, session: SessionId) -> Option<Blocked> {
        let blocked = self.sessions.remove(&session)?;
        for key in &blocked.keys {
            if let Some(queue) = self.by_key.get_mut(key) {
                queue.retain(|waiting| *waiting != session);
                if queue.is_empty() {
                    self.by_key.remove(key);
                }
            }
        }
        Some(blocked)
    }

    /// What a session waits for.
    pub fn get(&self, session: SessionId) -> Option<&Blocked> {
        self.sessions.get(&session)
    }

    /// What a session waits for, to change.
    pub fn get_mut(&mut self, session: SessionId) -> Option<&mut Blocked> {
        self.sessions.get_mut(&session)
    }

    /// Notes that `key` was written.
    pub fn written(&mut self, key: &Bytes) {
        if self.by_key.contains_key(key) && !self.ready.contains(key) {
            self.ready.push_back(key.clone());
        }
    }

    /// Notes that every key waited for may have changed.
    pub fn all_written(&mut self) {
        self.ready = self.by_key.keys().cloned().collect();
    }

    /// The next written key, and who waits for it, in order.
    pub fn next_ready(&mut self) -> Option<(Bytes, Vec<SessionId>)> {
        let key = self.ready.pop_front()?;
        let sessions = self.by_key.get(&key).map_or_else(Vec::new, |queue| queue.iter().copied().collect());
        Some((key, sessions))
    }

    /// Sessions whose time is over at `now_ms`.
    pub fn timed_out(&self, now_ms: u64) -> Vec<SessionId> {
        let over = |blocked: &Blocked| blocked.deadline_ms.is_some_and(|deadline| deadline <= now_ms);
        self.sessions.iter().filter(|(_, blocked)| over(blocked)).map(|(session, _)| *session).collect()
    }

    /// The earliest deadline, unix ms.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.sessions.values().filter_map(|blocked| blocked.deadline_ms).min()
    }

    /// Sessions that wait for keys of a slot that `wrong` picks.
    pub fn in_slots(&self, wrong: impl Fn(Slot) -> bool) -> Vec<(SessionId, Slot)> {
        let slots = self.sessions.iter().map(|(session, blocked)| (*session, blocked.slot));
        slots.filter(|(_, slot)| wrong(*slot)).collect()
    }
}
