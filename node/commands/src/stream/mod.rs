//! The stream commands: adding and trimming, ranges, reading with and without groups, claims, reports.
//!
//! What is hard about streams is in `store::types::stream`; here are the words clients use for it. One file
//! per family; what several of them share stands here: IDs in arguments, IDs and entries in replies.
//!
//! Reading for a group is a write, but not one that WATCH or a blocked client would care for: the entries stay
//! as they are. Such commands count as dirty and tell of no changed key, as in Redis.

mod add;
mod claim;
mod group;
mod info;
mod pending;
mod range;
mod read;

pub(crate) use add::{xadd, xdel, xsetid, xtrim};
pub(crate) use claim::{xautoclaim, xclaim};
pub(crate) use group::{create, create_consumer, delete_consumer, destroy, help as group_help, set_id};
pub(crate) use info::{consumers, groups, help as info_help, stream};
pub(crate) use pending::{xack, xpending};
pub(crate) use range::{xlen, xrange, xrevrange};
pub(crate) use read::{xread, xreadgroup};

use resp::Reply;
use store::types::int::IntText;
use store::types::listpack::Item;
use store::types::stream::{ConsumerId, Entry, Group, Pending, StreamId};

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Class;
use crate::error::Error;

const INVALID_ID: Error = Error::new("ERR Invalid stream ID specified as stream command argument");
const INVALID_START: Error = Error::new("ERR invalid start ID for the interval");
const INVALID_END: Error = Error::new("ERR invalid end ID for the interval");

/// An ID argument; a missing sequence number is 0, `-` and `+` are no IDs.
fn parse_id(text: &[u8]) -> Result<StreamId, Error> {
    StreamId::parse(text, 0).ok_or(INVALID_ID)
}

/// All arguments from `from` on as IDs.
fn parse_ids(args: &Args<'_>, from: usize) -> Result<Vec<StreamId>, Error> {
    args[from..].iter().map(|text| parse_id(text)).collect()
}

/// The lower end of an interval: an ID, `-` or `+`, or `(` and an ID that is itself outside.
fn parse_start(text: &[u8]) -> Result<StreamId, Error> {
    match text {
        [b'(', id @ ..] if !id.is_empty() => parse_id(id)?.next().ok_or(INVALID_START),
        text => StreamId::parse_bound(text, 0).ok_or(INVALID_ID),
    }
}

/// The upper end of an interval, as [`parse_start`]; a missing sequence number is the largest.
fn parse_end(text: &[u8]) -> Result<StreamId, Error> {
    match text {
        [b'(', id @ ..] if !id.is_empty() => {
            StreamId::parse(id, u64::MAX).ok_or(INVALID_ID)?.prev().ok_or(INVALID_END)
        }
        text => StreamId::parse_bound(text, u64::MAX).ok_or(INVALID_ID),
    }
}

/// A count where negative numbers mean none.
fn parse_count(args: &Args<'_>, at: usize) -> Result<usize, Error> {
    Ok(usize::try_from(args.integer(at)?.max(0)).unwrap_or(usize::MAX))
}

/// A key and a group that must both be there; `suffix` is what some commands add.
fn no_such_group(key: &[u8], group: &[u8], suffix: &str) -> Error {
    let (key, group) = (String::from_utf8_lossy(key), String::from_utf8_lossy(group));
    Error::text(format!("NOGROUP No such key '{key}' or consumer group '{group}'{suffix}"))
}

/// A group that must be there, of a key that is.
fn no_such_group_in(key: &[u8], group: &[u8]) -> Error {
    let (key, group) = (String::from_utf8_lossy(key), String::from_utf8_lossy(group));
    Error::text(format!("NOGROUP No such consumer group '{group}' for key name '{key}'"))
}

/// An ID's text, without an allocation: it stands in every reply of an entry.
struct IdText {
    bytes: [u8; 41],
    start: usize,
}

impl IdText {
    fn new(id: StreamId) -> IdText {
        let mut text = IdText { bytes: [0; 41], start: 41 };
        text.prepend(id.seq);
        text.start -= 1;
        text.bytes[text.start] = b'-';
        text.prepend(id.ms);
        text
    }

    fn prepend(&mut self, mut number: u64) {
        loop {
            self.start -= 1;
            self.bytes[self.start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return;
            }
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

fn reply_id(reply: &mut Reply, id: StreamId) {
    reply.bulk(IdText::new(id).as_bytes());
}

/// An entry as `[id, [field, value, ...]]`.
fn reply_entry(reply: &mut Reply, entry: &Entry<'_>) {
    reply.array(2);
    reply_id(reply, entry.id);
    reply.array(2 * entry.len());
    for (field, value) in entry.fields() {
        reply_item(reply, field);
        reply_item(reply, value);
    }
}

fn reply_item(reply: &mut Reply, item: Item<'_>) {
    reply.bulk(item.as_bytes(&mut IntText::default()));
}

/// An array of entries; the answer is how many there were.
fn reply_entries<'a>(reply: &mut Reply, entries: impl Iterator<Item = Entry<'a>>) -> usize {
    let at = reply.defer();
    let count = entries.map(|entry| reply_entry(reply, &entry)).count();
    reply.set_array(at, count);
    count
}

/// The reply of a container's HELP: the words of each subcommand and what it does.
fn reply_help(reply: &mut Reply, container: &str, subcommands: &[(&str, &str)]) {
    reply.array(2 * subcommands.len() + 3);
    reply.simple(&format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for (words, what) in subcommands.iter().chain([&("HELP", "Print this help.")]) {
        reply.simple(words);
        reply.simple(&format!("    {what}"));
    }
}

/// The consumer of this name, made if need be, and seen now; true if it was made.
fn consumer_seen(group: &mut Group, name: &[u8], now_ms: u64) -> (ConsumerId, bool) {
    if let Some(id) = group.find_consumer(name) {
        group.consumer_mut(id).seen_at_ms = now_ms;
        return (id, false);
    }
    (group.create_consumer(name, now_ms).expect("the name is free"), true)
}

/// Tells that a command made a consumer by the way.
fn tell_consumer_made(ctx: &mut Ctx<'_>, key: &[u8]) {
    ctx.db.effects.dirty += 1;
    ctx.notify(key, Class::Stream, "xgroup-createconsumer");
}

/// Changes of pending entries, kept in the form in which they are repeated elsewhere.
struct Claims {
    count: u64,
    is_recording: bool,
    list: Vec<Claim>,
}

struct Claim {
    entry: StreamId,
    pending: Pending,
    consumer: Vec<u8>,
    /// The group's last ID at that moment.
    last_id: StreamId,
}

impl Claims {
    /// None yet; if nobody records them, they are only counted.
    fn new(ctx: &Ctx<'_>) -> Claims {
        Claims { count: 0, is_recording: ctx.db.effects.recording, list: Vec::new() }
    }

    fn push(&mut self, group: &Group, entry: StreamId, pending: Pending) {
        self.count += 1;
        if self.is_recording {
            let consumer = group.consumer(pending.owner).name().to_vec();
            self.list.push(Claim { entry, pending, consumer, last_id: group.last_id });
        }
    }

    /// Each as an XCLAIM that has the same effect however often it runs.
    fn propagate(&self, ctx: &mut Ctx<'_>, key: &[u8], group: &[u8]) {
        for claim in &self.list {
            ctx.replace(&[
                b"XCLAIM",
                key,
                group,
                &claim.consumer,
                b"0",
                IdText::new(claim.entry).as_bytes(),
                b"TIME",
                claim.pending.delivered_at_ms.to_string().as_bytes(),
                b"RETRYCOUNT",
                claim.pending.deliveries.to_string().as_bytes(),
                b"FORCE",
                b"JUSTID",
                b"LASTID",
                IdText::new(claim.last_id).as_bytes(),
            ]);
        }
    }
}

/// How far a group has read, to be repeated elsewhere.
struct GroupPosition {
    last_id: StreamId,
    entries_read: Option<u64>,
}

impl GroupPosition {
    fn of(group: &Group) -> GroupPosition {
        GroupPosition { last_id: group.last_id, entries_read: group.entries_read }
    }

    fn propagate(&self, ctx: &mut Ctx<'_>, key: &[u8], group: &[u8]) {
        let entries_read = self.entries_read.map_or("-1".to_owned(), |read| read.to_string());
        let last_id = IdText::new(self.last_id);
        let words = [b"XGROUP", b"SETID" as &[u8], key, group, last_id.as_bytes(), b"ENTRIESREAD"];
        ctx.replace(&[&words[..], &[entries_read.as_bytes()]].concat());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_as_they_are_read() {
        for (ms, seq) in [(0, 0), (1, 10), (u64::MAX, u64::MAX)] {
            let id = StreamId::new(ms, seq);
            assert_eq!(IdText::new(id).as_bytes(), id.to_string().as_bytes());
        }
    }

    #[test]
    fn intervals() {
        assert_eq!(parse_start(b"5"), Ok(StreamId::new(5, 0)));
        assert_eq!(parse_end(b"5"), Ok(StreamId::new(5, u64::MAX)));
        assert_eq!(parse_start(b"(5-3"), Ok(StreamId::new(5, 4)));
        assert_eq!(parse_end(b"(5-3"), Ok(StreamId::new(5, 2)));
        assert_eq!(parse_end(b"(5"), Ok(StreamId::new(5, u64::MAX - 1)));
        assert_eq!(parse_start(b"-"), Ok(StreamId::MIN));
        assert_eq!(parse_start(b"(-"), Err(INVALID_ID));
        assert_eq!(parse_start(b"("), Err(INVALID_ID));
        assert_eq!(parse_start(b"(18446744073709551615-18446744073709551615"), Err(INVALID_START));
        assert_eq!(parse_end(b"(0-0"), Err(INVALID_END));
    }
}
