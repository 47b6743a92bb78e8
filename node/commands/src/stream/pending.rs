//! XACK and XPENDING: what was delivered and not acknowledged.

use std::ops::Bound;

use store::types::stream::{Group, Pending, Stream, StreamId};

use super::{no_such_group, parse_count, parse_end, parse_ids, parse_start, reply_id};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::error::{Error, SYNTAX};

/// XACK key group id [id ...]
pub(crate) fn xack(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let stream = ctx.db.write::<Stream>(args[1])?;
    let Some(group) = stream.and_then(|stream| stream.groups.get_mut(args[2])) else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let ids = parse_ids(args, 3)?;
    let acknowledged = ids.iter().filter(|id| group.remove_pending(**id).is_some()).count();
    ctx.db.effects.dirty += acknowledged as u64;
    ctx.reply.integer(acknowledged as i64);
    Ok(())
}

/// The long form of XPENDING.
struct Query<'a> {
    min_idle_ms: i64,
    start: StreamId,
    end: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Query<'a> {
    /// `[IDLE min-idle] start end count [consumer]` from the third argument on; None without any.
    fn parse(args: &Args<'a>) -> Result<Option<Query<'a>>, Error> {
        match args.len() {
            3 => return Ok(None),
            6..=9 => {}
            _ => return Err(SYNTAX),
        }
        let has_idle = args.is(3, "idle");
        let min_idle_ms = if has_idle { args.integer(4)? } else { 0 };
        if has_idle && args.len() < 8 {
            return Err(SYNTAX);
        }
        let at = if has_idle { 5 } else { 3 };
        let count = parse_count(args, at + 2)?;
        let (start, end) = (parse_start(args[at])?, parse_end(args[at + 1])?);
        Ok(Some(Query { min_idle_ms, start, end, count, consumer: args.get(at + 3).copied() }))
    }
}

/// XPENDING key group [[IDLE min-idle-time] start end count [consumer]]
pub(crate) fn xpending(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let query = Query::parse(args)?;
    let now_ms = ctx.now_ms();
    let stream = ctx.db.read::<Stream>(args[1])?;
    let group = stream.and_then(|stream| stream.groups.get(args[2]));
    let group = group.ok_or_else(|| no_such_group(args[1], args[2], ""))?;
    match query {
        Some(query) => reply_pending(ctx.reply, group, &query, now_ms),
        None => reply_summary(ctx.reply, group),
    }
    Ok(())
}

/// How many, from which to which, and how many for each consumer.
fn reply_summary(reply: &mut resp::Reply, group: &Group) {
    reply.array(4);
    reply.integer(group.pending().len() as i64);
    let (first, last) = (group.pending().keys().next(), group.pending().keys().next_back());
    let (Some(&first), Some(&last)) = (first, last) else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    reply_id(reply, first);
    reply_id(reply, last);
    let at = reply.defer();
    let mut count = 0;
    for consumer in group.consumers().filter(|consumer| !consumer.pending().is_empty()) {
        reply.array(2);
        reply.bulk(consumer.name());
        reply.bulk_integer(consumer.pending().len() as i64);
        count += 1;
    }
    reply.set_array(at, count);
}

/// The pending entries of the query, each with its owner, idle time and number of deliveries.
fn reply_pending(reply: &mut resp::Reply, group: &Group, query: &Query<'_>, now_ms: u64) {
    let range = (Bound::Included(query.start), Bound::Included(query.end));
    let is_empty = query.start > query.end || query.count == 0;
    let consumer = query.consumer.map(|name| group.find_consumer(name).map(|id| group.consumer(id)));
    let entries: Box<dyn Iterator<Item = (&StreamId, &Pending)>> = match consumer {
        _ if is_empty => Box::new(std::iter::empty()),
        Some(None) => Box::new(std::iter::empty()),
        Some(Some(consumer)) => {
            Box::new(consumer.pending().range(range).filter_map(|id| group.pending().get_key_value(id)))
        }
        None => Box::new(group.pending().range(range)),
    };
    let is_idle = |pending: &Pending| {
        query.min_idle_ms == 0 || now_ms as i64 - pending.delivered_at_ms as i64 >= query.min_idle_ms
    };
    let at = reply.defer();
    let mut count = 0;
    for (id, pending) in entries.filter(|(_, pending)| is_idle(pending)).take(query.count) {
        reply.array(4);
        reply_id(reply, *id);
        reply.bulk(group.consumer(pending.owner).name());
        reply.integer(now_ms.saturating_sub(pending.delivered_at_ms) as i64);
        reply.integer(pending.deliveries as i64);
        count += 1;
    }
    reply.set_array(at, count);
}
