//! The slow log: commands that took long, newest first.

use std::collections::VecDeque;

use bytes::Bytes;
use commands::Args;

/// Of a command line, so many arguments and bytes of each are kept.
const ARGS_MAX: usize = 32;
const ARG_BYTES_MAX: usize = 128;

/// One slow command.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Unique number, ascending.
    pub id: u64,
    /// When it ran, unix seconds.
    pub at_s: u64,
    /// How long, in microseconds.
    pub micros: i64,
    /// Its words, shortened.
    pub args: Vec<Bytes>,
    /// Who sent it.
    pub peer: Box<str>,
    /// The name of who sent it.
    pub name: Bytes,
}

/// The newest slow commands.
#[derive(Debug, Default)]
pub struct SlowLog {
    entries: VecDeque<Entry>,
    next_id: u64,
}

impl SlowLog {
    /// The number that the next entry gets.
    #[inline]
    pub fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Adds an entry, for [`SlowLog::sign`] to say whose it is; at most `max` are kept.
    pub fn add(&mut self, at_s: u64, micros: i64, args: &Args<'_>, max: usize) {
        let id = self.next_id;
        self.next_id += 1;
        self.entries.push_front(Entry {
            id,
            at_s,
            micros,
            args: shorten(args),
            peer: Box::default(),
            name: Bytes::new(),
        });
        self.entries.truncate(max);
    }

    /// Notes whose the entries from `first` on are.
    pub fn sign(&mut self, first: u64, peer: &str, name: &Bytes) {
        for entry in self.entries.iter_mut().take_while(|entry| entry.id >= first) {
            (entry.peer, entry.name) = (peer.into(), name.clone());
        }
    }

    /// Entries, newest first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Forgets all entries.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Keeps at most `max` entries.
    pub fn trim(&mut self, max: usize) {
        self.entries.truncate(max);
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
