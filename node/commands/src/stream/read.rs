//! XREAD and XREADGROUP: what came after an ID, now or when it comes.
//!
//! The two share their words, and little else. XREAD asks each stream for entries behind an ID. XREADGROUP
//! either delivers new entries (`>`), which moves the group on and makes them pending, or repeats what is
//! pending for the consumer already (any ID), which never waits.
//!
//! Waiting means to run again when a key was written, with the same words, but for `$`: that must go on meaning
//! what it meant the first time.

use bytes::Bytes;
use resp::{Proto, Reply};
use store::types::stream::{ConsumerId, Group, Log, Parts, Pending, Stream, StreamId};

use super::{
    Claims, GroupPosition, consumer_seen, no_such_group, parse_count, parse_id, reply_entries, reply_entry,
    reply_id, tell_consumer_made,
};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Outcome, Unblocked};
use crate::error::{Error, SYNTAX};

const GROUP_IN_XREAD: Error =
    Error::new("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.");
const NOACK_IN_XREAD: Error =
    Error::new("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.");
const NEW_IN_XREAD: Error = Error::new(
    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
);
const NO_GROUP_OPTION: Error = Error::new("ERR Missing GROUP option for XREADGROUP");
const TIMEOUT_NO_INTEGER: Error = Error::new("ERR timeout is not an integer or out of range");
const TIMEOUT_NEGATIVE: Error = Error::new("ERR timeout is negative");
const TIMEOUT_TOO_LARGE: Error = Error::new("ERR timeout is out of range");

/// The words of either command.
struct Request<'a> {
    /// Group and consumer.
    group: Option<(&'a [u8], &'a [u8])>,
    no_ack: bool,
    /// Most entries per stream.
    count: usize,
    /// How long to wait; 0 for ever, None for not at all.
    block_ms: Option<u64>,
    keys: &'a [&'a [u8]],
    ids: &'a [&'a [u8]],
}

impl<'a> Request<'a> {
    fn parse(args: &'a Args<'_>, is_group: bool, now_ms: u64) -> Result<Request<'a>, Error> {
        let mut request =
            Request { group: None, no_ack: false, count: usize::MAX, block_ms: None, keys: &[], ids: &[] };
        let mut at = 1;
        while at < args.len() {
            let more = args.len() - at - 1;
            if more > 0 && args.is(at, "block") {
                request.block_ms = Some(parse_block(args, at + 1, now_ms)?);
                at += 1;
            } else if more > 0 && args.is(at, "count") {
                // No entries asked for means all, as in Redis.
                request.count =
                    Some(parse_count(args, at + 1)?).filter(|count| *count > 0).unwrap_or(usize::MAX);
                at += 1;
            } else if more > 0 && args.is(at, "streams") {
                if !more.is_multiple_of(2) {
                    return Err(unbalanced(is_group));
                }
                (request.keys, request.ids) = args[at + 1..].split_at(more / 2);
                break;
            } else if more > 1 && args.is(at, "group") {
                if !is_group {
                    return Err(GROUP_IN_XREAD);
                }
                request.group = Some((args[at + 1], args[at + 2]));
                at += 2;
            } else if args.is(at, "noack") {
                if !is_group {
                    return Err(NOACK_IN_XREAD);
                }
                request.no_ack = true;
            } else {
                return Err(SYNTAX);
            }
            at += 1;
        }
        if request.keys.is_empty() {
            return Err(SYNTAX);
        }
        Ok(request)
    }

    /// Waits, or answers as if the time were over. `resume` replaces the words.
    fn wait(&self, ctx: &mut Ctx<'_>, resume: Option<Vec<Bytes>>) {
        match self.block_ms {
            Some(timeout_ms) => ctx.block_with(self.keys, timeout_ms, Unblocked::NullArray, resume),
            None => ctx.reply.null_array(),
        }
    }
}

fn parse_block(args: &Args<'_>, at: usize, now_ms: u64) -> Result<u64, Error> {
    let timeout_ms = args.integer(at).map_err(|_| TIMEOUT_NO_INTEGER)?;
    let timeout_ms = u64::try_from(timeout_ms).map_err(|_| TIMEOUT_NEGATIVE)?;
    let is_too_large = timeout_ms > (i64::MAX as u64).saturating_sub(now_ms);
    if is_too_large { Err(TIMEOUT_TOO_LARGE) } else { Ok(timeout_ms) }
}

fn unbalanced(is_group: bool) -> Error {
    let (name, symbol) = if is_group { ("xreadgroup", '>') } else { ("xread", '$') };
    Error::text(format!(
        "ERR Unbalanced '{name}' list of streams: for each stream key an ID or '{symbol}' must be specified."
    ))
}

fn meaningless(id: char) -> Error {
    Error::text(format!(
        "ERR The {id} ID is meaningless in the context of XREADGROUP: you want to read the history of this \
         consumer by specifying a proper ID, or use the > ID to get new messages. The {id} ID would just return \
         an empty result set."
    ))
}

/// The replies of the streams that had any: an array of pairs, in RESP3 a map.
struct Streams {
    at: resp::Deferred,
    count: usize,
}

impl Streams {
    fn new(reply: &mut Reply) -> Streams {
        Streams { at: reply.defer(), count: 0 }
    }

    /// Writes the key; its entries have to follow.
    fn key(&mut self, reply: &mut Reply, key: &[u8]) {
        if reply.proto == Proto::Resp2 {
            reply.array(2);
        }
        reply.bulk(key);
        self.count += 1;
    }

    fn finish(self, reply: &mut Reply) {
        if reply.proto == Proto::Resp3 {
            reply.set_map(self.at, self.count)
        } else {
            reply.set_array(self.at, self.count)
        }
    }
}

/// XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]
pub(crate) fn xread(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let request = Request::parse(args, false, ctx.now_ms())?;
    let mut after = Vec::with_capacity(request.keys.len());
    for (key, id) in request.keys.iter().zip(request.ids) {
        let last = ctx.db.read::<Stream>(key)?.map_or(StreamId::MIN, |stream| stream.log.counters().last_id);
        after.push(match *id {
            b"$" => last,
            b"+" => last.prev().unwrap_or(StreamId::MIN),
            b">" => return Err(NEW_IN_XREAD),
            id => parse_id(id)?,
        });
    }
    let mut streams = Streams::new(ctx.reply);
    for (key, after) in request.keys.iter().zip(&after) {
        let Some(stream) = ctx.db.read::<Stream>(key)? else { continue };
        if let Some(start) = after.next().filter(|start| stream.log.top() >= Some(*start)) {
            streams.key(ctx.reply, key);
            reply_entries(ctx.reply, stream.log.range(start, StreamId::MAX).take(request.count));
        }
    }
    if streams.count > 0 {
        streams.finish(ctx.reply);
        return Ok(());
    }
    let has_dollar = request.ids.contains(&(b"$" as &[u8]));
    let resume = has_dollar.then(|| resumed(args, &after));
    request.wait(ctx, resume);
    Ok(())
}

/// The words of an XREAD with what `$` stands for now.
fn resumed(args: &Args<'_>, after: &[StreamId]) -> Vec<Bytes> {
    let ids_at = args.len() - after.len();
    let word = |(at, word): (usize, &&[u8])| match *word {
        b"$" if at >= ids_at => Bytes::from(after[at - ids_at].to_string()),
        _ => args.to_bytes(at),
    };
    args.iter().enumerate().map(word).collect()
}

/// Where XREADGROUP reads.
#[derive(Clone, Copy)]
enum Source {
    /// What nobody of the group has read.
    New,
    /// The consumer's pending entries from this ID on.
    Pending(StreamId),
}

/// XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]
pub(crate) fn xreadgroup(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let request = Request::parse(args, true, ctx.now_ms())?;
    let (group, consumer) = request.group.ok_or(NO_GROUP_OPTION)?;
    let mut sources = Vec::with_capacity(request.keys.len());
    for (key, id) in request.keys.iter().zip(request.ids) {
        let stream = ctx.db.read::<Stream>(key)?;
        if !stream.is_some_and(|stream| stream.groups.contains_key(group)) {
            return Err(no_such_group(key, group, " in XREADGROUP with GROUP option"));
        }
        sources.push(match *id {
            b"$" => return Err(meaningless('$')),
            b"+" => return Err(meaningless('+')),
            b">" => Source::New,
            // Nothing is behind the largest ID; Redis takes it for `>`.
            id => parse_id(id)?.next().map_or(Source::New, Source::Pending),
        });
    }
    // What is to be repeated elsewhere is said below, one by one.
    ctx.db.effects.replace_by_nothing();
    let mut streams = Streams::new(ctx.reply);
    for (key, source) in request.keys.iter().zip(sources) {
        read_for_group(ctx, &request, key, (group, consumer), source, &mut streams)?;
    }
    if streams.count > 0 {
        streams.finish(ctx.reply)
    } else {
        request.wait(ctx, None)
    }
    Ok(())
}

/// One stream's part of XREADGROUP.
fn read_for_group(
    ctx: &mut Ctx<'_>,
    request: &Request<'_>,
    key: &[u8],
    (group_name, consumer_name): (&[u8], &[u8]),
    source: Source,
    streams: &mut Streams,
) -> Outcome {
    let (now_ms, claims) = (ctx.now_ms(), Claims::new(ctx));
    let Some(stream) = ctx.db.write::<Stream>(key)? else { return Ok(()) };
    let Parts { log, groups } = &mut **stream;
    let Some(group) = groups.get_mut(group_name) else { return Ok(()) };
    let (consumer, is_made) = consumer_seen(group, consumer_name, now_ms);
    let has_new = log.top() > Some(group.last_id);
    let mut reading =
        Reading { reply: ctx.reply, log, group, consumer, now_ms, count: request.count, claims };
    let mut position = None;
    let is_served = match source {
        Source::Pending(start) => {
            streams.key(reading.reply, key);
            reading.repeat_pending(start);
            true
        }
        Source::New if has_new => {
            streams.key(reading.reply, key);
            position = Some(reading.deliver_new(request.no_ack));
            true
        }
        Source::New => false,
    };
    let claims = reading.claims;
    if is_made {
        tell_consumer_made(ctx, key);
        // Others learn of a consumer by its claims; without acknowledgement there are none.
        if request.no_ack {
            ctx.replace(&[b"XGROUP", b"CREATECONSUMER", key, group_name, consumer_name]);
        }
    }
    ctx.db.effects.dirty += u64::from(is_served);
    claims.propagate(ctx, key, group_name);
    if let Some(position) = position {
        position.propagate(ctx, key, group_name);
    }
    Ok(())
}

/// Reading one stream for one consumer.
struct Reading<'a> {
    reply: &'a mut Reply,
    log: &'a Log,
    group: &'a mut Group,
    consumer: ConsumerId,
    now_ms: u64,
    count: usize,
    /// What became pending.
    claims: Claims,
}

impl Reading<'_> {
    /// Delivers entries behind the group's last ID; the answer is where the group stands then.
    fn deliver_new(&mut self, no_ack: bool) -> GroupPosition {
        let start = self.group.last_id.next().unwrap_or(StreamId::MAX);
        let at = self.reply.defer();
        let mut delivered = 0;
        for entry in self.log.range(start, StreamId::MAX).take(self.count) {
            self.group.advance(self.log, entry.id);
            reply_entry(self.reply, &entry);
            delivered += 1;
            if !no_ack {
                let pending = Pending { delivered_at_ms: self.now_ms, deliveries: 1, owner: self.consumer };
                self.group.assign(entry.id, pending);
                self.claims.push(self.group, entry.id, pending);
            }
        }
        if !no_ack {
            self.group.consumer_mut(self.consumer).active_at_ms = Some(self.now_ms);
        }
        self.reply.set_array(at, delivered);
        GroupPosition::of(self.group)
    }

    /// Repeats the consumer's pending entries from `start` on; null stands for the fields of a deleted entry.
    fn repeat_pending(&mut self, start: StreamId) {
        let pending = self.group.consumer(self.consumer).pending();
        let ids: Vec<StreamId> = pending.range(start..).take(self.count).copied().collect();
        self.reply.array(ids.len());
        for id in ids {
            match self.log.get(id) {
                Some(entry) => {
                    reply_entry(self.reply, &entry);
                    self.group.redeliver(id, self.now_ms);
                }
                None => {
                    self.reply.array(2);
                    reply_id(self.reply, id);
                    self.reply.null_array();
                }
            }
        }
    }
}
