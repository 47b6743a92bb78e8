//! The command log: commands that took long, and those whose request or reply was large, newest first.
//!
//! Three logs of one form (COMMANDLOG, valkey.io/commands/commandlog-get); SLOWLOG shows the first of them.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use commands::Args;
use commands::table::{Found, SKIP_SLOWLOG};

use crate::admin::without_secrets;
use crate::clock;
use crate::config::Insight;
use crate::core::Core;
use crate::core::blocking::SessionId;
use crate::mesh::Message;

/// Of a command line, so many arguments and bytes of each are kept.
const ARGS_MAX: usize = 32;
const ARG_BYTES_MAX: usize = 128;

/// What a command is noted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It took long.
    Slow,
    /// Its request has many bytes.
    LargeRequest,
    /// Its reply has.
    LargeReply,
}

impl Why {
    /// All, by the words of COMMANDLOG.
    pub const NAMED: [(&'static str, Why); 3] =
        [("slow", Why::Slow), ("large-request", Why::LargeRequest), ("large-reply", Why::LargeReply)];
}

/// One command.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its number among those of its kind in the process, ascending: entries of several cores are put in order by it.
    pub id: u64,
    /// Its number in all three.
    serial: u64,
    /// When it had run, unix seconds.
    pub at_s: u64,
    /// How long it took, in microseconds, or how many bytes it had.
    pub value: u64,
    /// Its words, shortened.
    pub args: Vec<Bytes>,
    /// Who sent it.
    pub peer: Box<str>,
    /// The name of who sent it.
    pub name: Bytes,
}

#[derive(Debug, Default)]
struct Log {
    entries: VecDeque<Entry>,
    max: usize,
    /// Nanoseconds or bytes from which a command is noted; `u64::MAX` for none.
    threshold: u64,
}

/// The newest entries of the three logs.
#[derive(Debug, Default)]
pub struct CommandLog {
    logs: [Log; Why::NAMED.len()],
    next_serial: u64,
}

impl CommandLog {
    /// Obeys the configuration from now on.
    pub fn obey(&mut self, insight: &Insight) {
        let rows = [
            (insight.slowlog_log_slower_than.saturating_mul(1000), insight.slowlog_max_len),
            (insight.commandlog_request_larger_than, insight.commandlog_large_request_max_len),
            (insight.commandlog_reply_larger_than, insight.commandlog_large_reply_max_len),
        ];
        for (log, (threshold, max)) in self.logs.iter_mut().zip(rows) {
            log.max = max as usize;
            log.threshold = if max == 0 { u64::MAX } else { u64::try_from(threshold).unwrap_or(u64::MAX) };
            log.entries.truncate(log.max);
        }
    }

    /// Whether a command that took so many nanoseconds, or had so many bytes, is noted.
    #[inline]
    pub fn takes(&self, why: Why, nanoseconds_or_bytes: u64) -> bool {
        nanoseconds_or_bytes >= self.logs[why as usize].threshold
    }

    /// The place from which on entries are those of what runs next, for [`CommandLog::sign`].
    #[inline]
    pub fn mark(&self) -> u64 {
        self.next_serial
    }

    fn add(&mut self, why: Why, id: u64, at_s: u64, value: u64, args: &Args<'_>) {
        let (log, serial) = (&mut self.logs[why as usize], self.next_serial);
        self.next_serial += 1;
        let (peer, name) = (Box::default(), Bytes::new());
        log.entries.push_front(Entry { id, serial, at_s, value, args: shorten(args), peer, name });
        log.entries.truncate(log.max);
    }

    /// Notes whose the entries since `mark` are.
    pub fn sign(&mut self, mark: u64, peer: &str, name: &Bytes) {
        self.sign_some(mark..self.next_serial, peer, name);
    }

    /// Notes whose these entries are.
    pub fn sign_some(&mut self, serials: Range<u64>, peer: &str, name: &Bytes) {
        for log in &mut self.logs {
            let since = log.entries.iter_mut().take_while(|entry| entry.serial >= serials.start);
            for entry in since.filter(|entry| entry.serial < serials.end) {
                (entry.peer, entry.name) = (peer.into(), name.clone());
            }
        }
    }

    /// Entries, newest first.
    pub fn entries(&self, why: Why) -> impl ExactSizeIterator<Item = &Entry> {
        self.logs[why as usize].entries.iter()
    }

    /// How many entries a log may have.
    pub fn max(&self, why: Why) -> usize {
        self.logs[why as usize].max
    }

    /// Forgets all entries.
    pub fn clear(&mut self, why: Why) {
        self.logs[why as usize].entries.clear();
    }
}

impl Core {
    /// Notes a command that took so many microseconds, or had so many bytes.
    #[cold]
    pub fn note_command(&mut self, why: Why, found: Found, args: &Args<'_>, value: u64) {
        if !found.command.has(SKIP_SLOWLOG) {
            let words = without_secrets(found, args);
            let id = self.process.log_ids[why as usize].fetch_add(1, Ordering::Relaxed);
            self.commandlog.add(why, id, clock::unix_ms() / 1000, value, &Args::new(&words));
        }
    }

    /// Notes that the entries since `mark` are those of a session; the core that holds its connection knows who that is.
    #[inline]
    pub fn sign_for(&mut self, session: SessionId, mark: u64) {
        if self.commandlog.mark() != mark {
            self.sign_or_ask(session, mark..self.commandlog.mark());
        }
    }

    #[cold]
    fn sign_or_ask(&mut self, session: SessionId, serials: Range<u64>) {
        if session.core != self.index {
            return self.mesh.send(session.core, Message::Unsigned(session, serials));
        }
        if let Some((peer, name)) =
            self.client_of(session).map(|client| (client.peer.clone(), client.name.clone()))
        {
            self.commandlog.sign_some(serials, &peer, &name);
        }
    }

    /// Tells `core` whose the entries are that it made for a session of this core.
    pub fn sign_for_sibling(&mut self, core: u16, session: SessionId, serials: Range<u64>) {
        if let Some(client) = self.client_of(session) {
            let (peer, name) = (client.peer.as_ref().into(), client.name.clone());
            self.mesh.send(core, Message::Signed { serials, peer, name });
        }
    }

    /// Notes a command whose request, the one that runs now, is large.
    #[inline]
    pub fn note_request(&mut self, found: Found, args: &Args<'_>) {
        let bytes = self.slot_stats.request_bytes() as u64;
        if self.commandlog.takes(Why::LargeRequest, bytes) {
            self.note_command(Why::LargeRequest, found, args, bytes);
        }
    }

    /// Notes a command whose reply is large.
    #[inline]
    pub fn note_reply(&mut self, found: Found, args: &Args<'_>, bytes: usize) {
        if self.commandlog.takes(Why::LargeReply, bytes as u64) {
            self.note_command(Why::LargeReply, found, args, bytes as u64);
        }
    }
}

fn shorten(args: &Args<'_>) -> Vec<Bytes> {
    let shown = if args.len() > ARGS_MAX { ARGS_MAX - 1 } else { args.len() };
    let mut words: Vec<Bytes> = args[..shown].iter().map(|arg| shorten_word(arg)).collect();
    if shown < args.len() {
        words.push(format!("... ({} more arguments)", args.len() - shown).into());
    }
    words
}

fn shorten_word(word: &[u8]) -> Bytes {
    if word.len() <= ARG_BYTES_MAX {
        return Bytes::copy_from_slice(word);
    }
    let more = format!("... ({} more bytes)", word.len() - ARG_BYTES_MAX);
    [&word[..ARG_BYTES_MAX], more.as_bytes()].concat().into()
}
