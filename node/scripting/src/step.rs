//! What a running script asks of its core, and what it is told.

use resp::{Proto, Reply};
use smallvec::SmallVec;

/// What the script needs before it can go on.
pub enum Step {
    /// `redis.call` or `redis.pcall`: run this command.
    Call(Box<Call>),
    /// `redis.acl_check_cmd`: may the user run this command?
    Permission(Box<Call>),
    /// `redis.log`: a line for the server's log.
    Log(LogLevel, String),
    /// Some time has passed: go on or end it.
    Slice,
    /// It is over.
    Done(Finished),
}

/// The core's answer to a [`Step`].
pub enum Answer {
    /// The command ran; its reply is in the call.
    Replied(Box<Call>),
    /// The command did not run: the error, its code first. The statistics have it already.
    Refused(Box<Call>, String),
    /// `acl_check_cmd`: whether the user may; `None` when there is no such command.
    Permission(Option<bool>),
    /// Go on.
    Continue,
    /// End with this error, whatever the script does about it.
    Kill(&'static str),
}

/// A command that a script calls. It goes to and fro, so that its buffers are allocated once.
#[derive(Debug, Default)]
pub struct Call {
    bytes: Vec<u8>,
    /// Where each word ends in `bytes`.
    ends: Vec<usize>,
    /// Where the reply goes, in the protocol version that the script chose (`redis.setresp`).
    pub reply: Reply,
    /// Where its effects go (`redis.set_repl`).
    pub spread: Spread,
}

/// Who is told of a command's effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// The append-only file.
    pub aof: bool,
    /// Replicas.
    pub replicas: bool,
}

/// Levels of `redis.log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is its own name")]
pub enum LogLevel {
    Debug,
    Verbose,
    Notice,
    Warning,
}

/// How a script or a load ended.
#[derive(Debug, Default)]
pub struct Finished {
    /// The reply, also where it is an error.
    pub reply: Reply,
    /// Whether it is an error.
    pub failed: bool,
    /// Codes of the errors in it that no statistics have seen yet.
    pub errors: Vec<String>,
}

impl Default for Spread {
    fn default() -> Spread {
        Spread { aof: true, replicas: true }
    }
}

impl Call {
    /// Empties it for the next command, to be answered in `proto`.
    pub(crate) fn begin(&mut self, proto: Proto, spread: Spread) {
        self.bytes.clear();
        self.ends.clear();
        self.spread = spread;
        let buffer = std::mem::take(&mut self.reply).into_buffer();
        self.reply = Reply::with_buffer(buffer, proto);
    }

    /// Adds a word.
    pub(crate) fn push(&mut self, word: &[u8]) {
        self.bytes.extend_from_slice(word);
        self.ends.push(self.bytes.len());
    }

    /// Gives back the memory that an unusually big command took.
    pub(crate) fn shrink(&mut self) {
        const KEEP_BYTES: usize = 64 * 1024;
        const KEEP_WORDS: usize = 1024;
        self.bytes.clear();
        self.bytes.shrink_to(KEEP_BYTES);
        self.ends.clear();
        self.ends.shrink_to(KEEP_WORDS);
        if self.reply.capacity() > KEEP_BYTES {
            self.reply = Reply::default();
        }
    }

    /// The words, the command's name first; at least one.
    pub fn words(&self) -> SmallVec<[&[u8]; 12]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(from, to)| &self.bytes[from..*to]).collect()
    }
}
