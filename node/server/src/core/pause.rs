//! CLIENT PAUSE: commands held back for some time.
//!
//! A client of this core stops at its command (`Client::paused`). What siblings send for theirs is kept here as it came:
//! whoever pauses a node, to fail over for one, relies on its data standing still, whatever way a write comes.

use std::collections::HashSet;

use commands::table::{Flags, Found, Host, Run};

use crate::client::Client;
use crate::core::blocking::SessionId;
use crate::migrate::MAY_WRITE;

/// Which commands a pause holds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum What {
    /// Those that may write.
    #[default]
    Writes,
    /// All.
    All,
}

/// The pause in force, if any.
#[derive(Debug, Default)]
pub struct Pause {
    until_ms: u64,
    what: What,
    /// Commands of siblings, and the sessions that sent them.
    frames: Vec<u8>,
    sessions: HashSet<SessionId>,
}

impl Pause {
    /// Pauses until `until_ms`; a pause in force is only ever made longer and stricter.
    pub fn start(&mut self, until_ms: u64, what: What, now_ms: u64) {
        if self.until_ms <= now_ms {
            self.what = what;
        }
        self.until_ms = self.until_ms.max(until_ms);
        self.what = self.what.max(what);
    }

    /// Ends the pause.
    pub fn stop(&mut self) {
        self.until_ms = 0;
    }

    /// When the pause ends, unless it is over.
    pub fn until_ms(&self, now_ms: u64) -> Option<u64> {
        (self.until_ms > now_ms).then_some(self.until_ms)
    }

    /// Whether the pause has ended by itself since this was last asked.
    pub fn take_ended(&mut self, now_ms: u64) -> bool {
        let ended = self.until_ms != 0 && self.until_ms <= now_ms;
        if ended {
            self.until_ms = 0;
        }
        ended
    }

    /// Whether `found`, of these traits, sent by `client`, is held back.
    #[inline]
    pub fn holds(&self, found: Found, flags: Flags, client: &Client, now_ms: u64) -> bool {
        self.until_ms > now_ms && self.holds_kind(found, flags, client)
    }

    /// Whether a sibling's command of these traits is held back: also when an earlier one of its session is.
    #[inline]
    pub fn holds_session(&self, session: SessionId, flags: Flags, now_ms: u64) -> bool {
        self.until_ms > now_ms
            && (self.what == What::All || flags & MAY_WRITE != 0 || self.sessions.contains(&session))
    }

    /// Keeps a sibling's command, as it came.
    pub fn hold(&mut self, session: SessionId, frames: &[u8]) {
        self.frames.extend_from_slice(frames);
        self.sessions.insert(session);
    }

    /// Takes what siblings sent.
    pub fn take_frames(&mut self) -> Vec<u8> {
        self.sessions.clear();
        std::mem::take(&mut self.frames)
    }

    /// Number of siblings' clients that are held back.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    fn holds_kind(&self, found: Found, flags: Flags, client: &Client) -> bool {
        match self.what {
            // Also CLIENT UNPAUSE and a further CLIENT PAUSE, as in Redis and Valkey.
            What::All => true,
            What::Writes => {
                let writes = |flags: Flags| flags & MAY_WRITE != 0;
                let exec = matches!(found.command.run, Run::Host(Host::Exec));
                let queued =
                    client.transaction.as_ref().is_some_and(|t| t.queue.iter().any(|q| writes(q.flags)));
                writes(flags) || (exec && queued)
            }
        }
    }
}
