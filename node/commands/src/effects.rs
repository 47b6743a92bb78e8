//! What a command did to the keyspace, told in one place.
//!
//! WATCH, blocked clients, keyspace notifications, client tracking, replication and the append-only file
//! all want to know which keys a command wrote. Were each asked from the handlers, every handler would know
//! them all. So a handler says once what it wrote ([`Effects::wrote`]), and how the command must be repeated
//! elsewhere where its own words are not deterministic ([`Effects::replace`]); the server reads the list when
//! the command is done, and hands it to whoever listens.

use base::Random;
use bytes::Bytes;

use crate::error::Error;

/// The classes of keyspace notifications (`notify-keyspace-events`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `g`: commands of any type (DEL, EXPIRE, RENAME, ...).
    Generic,
    /// `$`
    String,
    /// `l`
    List,
    /// `s`
    Set,
    /// `h`
    Hash,
    /// `z`
    Zset,
    /// `x`: a key's time was over.
    Expired,
    /// `e`: a key was evicted.
    Evicted,
    /// `t`
    Stream,
    /// `n`: a key came into being.
    New,
    /// `m`: a key was asked for that is not there.
    Miss,
}

/// One write to one key, or one notification about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// The key.
    pub key: Bytes,
    /// The notification's class and name; `None` when nothing is to be notified (only WATCH and blocked
    /// clients care).
    pub event: Option<(Class, &'static str)>,
    /// Whether the key's value changed: WATCH, tracking and blocked clients care. False for notifications
    /// that tell of no change.
    pub modified: bool,
}

/// What a blocking command answers when its time is over, or when it must not block at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unblocked {
    /// `*-1` (`_` in RESP3).
    NullArray,
    /// `$-1` (`_` in RESP3).
    Null,
}

/// The command found nothing to take and waits for one of its keys, or it waits for its payload to be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Keys it waits for; it runs again, from its first word, when one of them is written. None for a payload.
    pub keys: Vec<Bytes>,
    /// When it gives up, unix milliseconds; `None` for never.
    pub deadline_ms: Option<u64>,
    /// What it answers then.
    pub on_timeout: Unblocked,
    /// The arguments to run again with, where they differ from what was sent (XREAD's `$`).
    pub resume: Option<Vec<Bytes>>,
}

/// The effects of one command, filled while it runs.
#[derive(Debug, Default)]
pub struct Effects {
    /// Writes so far; a command that leaves it as it was changed nothing and is not propagated.
    pub dirty: u64,
    /// Keys written, oldest first; recorded only while [`Effects::listening`].
    pub touched: Vec<Touch>,
    /// Commands to propagate in place of the one that ran; recorded only while [`Effects::recording`].
    pub replaced: Option<Vec<Vec<Bytes>>>,
    /// The command wants to wait.
    pub block: Option<Block>,
    /// Keys found expired on the way and deleted, oldest first; each propagates as a DEL.
    pub expired: Vec<Bytes>,
    /// All keys of the core are to go (FLUSHALL); the server does it, for those that watch or wait for keys.
    pub flush: bool,
    /// Look-ups that found a key, and that did not (`keyspace_hits`, `keyspace_misses`).
    pub hits: u64,
    /// See `hits`.
    pub misses: u64,
    /// Somebody wants to know of each key: a WATCH, a blocked client, notifications, tracking.
    pub listening: bool,
    /// A replication backlog or an append-only file takes commands.
    pub recording: bool,
    /// Whether an access counter grows is left to chance; used only under an LFU policy.
    pub chance: Option<Random>,
}

impl Effects {
    /// `key` was changed, in the way that `event` names.
    #[inline]
    pub fn wrote(&mut self, key: &[u8], class: Class, event: &'static str) {
        self.dirty += 1;
        if self.listening {
            self.touched.push(Touch {
                key: Bytes::copy_from_slice(key),
                event: Some((class, event)),
                modified: true,
            });
        }
    }

    /// `key` was changed, and a notification about it is said elsewhere or not at all.
    pub fn modified(&mut self, key: &[u8]) {
        self.dirty += 1;
        if self.listening {
            self.touched.push(Touch { key: Bytes::copy_from_slice(key), event: None, modified: true });
        }
    }

    /// Tells of `key` what is no change of its value, or one already told.
    pub fn notify(&mut self, key: &[u8], class: Class, event: &'static str) {
        if self.listening {
            self.touched.push(Touch {
                key: Bytes::copy_from_slice(key),
                event: Some((class, event)),
                modified: false,
            });
        }
    }

    /// The command must be repeated elsewhere in these words, not its own. Call it once for each command
    /// to send, in order.
    pub fn replace(&mut self, command: &[&[u8]]) {
        if self.recording {
            let command = command.iter().map(|word| Bytes::copy_from_slice(word)).collect();
            self.replaced.get_or_insert_default().push(command);
        }
    }

    /// The command changed something but nothing is to be repeated elsewhere.
    pub fn replace_by_nothing(&mut self) {
        if self.recording {
            self.replaced.get_or_insert_default();
        }
    }

    /// `key` was found expired and deleted.
    pub fn expire(&mut self, key: &[u8]) {
        self.expired.push(Bytes::copy_from_slice(key));
        self.notify(key, Class::Expired, "expired");
    }

    /// `key` was asked for and is not there.
    #[inline]
    pub(crate) fn miss(&mut self, key: &[u8]) {
        self.misses += 1;
        self.notify(key, Class::Miss, "keymiss");
    }

    /// A number in `[0, 1)`; 1 where no policy needs one.
    #[inline]
    pub(crate) fn chance(&mut self) -> f64 {
        self.chance.as_mut().map_or(1.0, Random::unit)
    }

    /// Forgets what the last command did; listening and recording stay as they are.
    pub fn reset(&mut self) {
        self.dirty = 0;
        self.touched.clear();
        self.replaced = None;
        self.block = None;
        self.flush = false;
        self.expired.clear();
        self.hits = 0;
        self.misses = 0;
    }
}

/// What a handler ends with: its reply was written, or this error is the reply.
pub type Outcome = Result<(), Error>;
