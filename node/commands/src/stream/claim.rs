//! XCLAIM and XAUTOCLAIM: pending entries change their owner.
//!
//! Both take over what has been pending for long enough, and drop what is pending but no longer in the stream.
//! Neither is repeated elsewhere in its own words, which depend on the clock: each change of an entry is, with
//! its outcome ([`Claims`]).

use std::ops::Bound;

use resp::Reply;
use store::types::stream::{ConsumerId, Entry, Group, Log, Parts, Pending, Stream, StreamId};

use super::{
    Claims, GroupPosition, consumer_seen, no_such_group, parse_id, parse_start, reply_entry, reply_id,
    tell_consumer_made,
};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::error::{Error, SYNTAX};

/// How many pending entries XAUTOCLAIM looks at for each that it may return.
const LOOKS_PER_CLAIM: u64 = 10;
/// Default and largest COUNT of XAUTOCLAIM.
const COUNT_DEFAULT: i64 = 100;
const COUNT_MAX: i64 = i64::MAX / 16;

/// The numbers that a claim may set.
#[derive(Clone, Copy)]
struct Terms {
    min_idle_ms: i64,
    delivered_at_ms: u64,
    /// None counts one more delivery, unless only IDs are asked for.
    deliveries: Option<u64>,
    just_id: bool,
}

/// One command's claims for one consumer.
struct Claiming<'a> {
    log: &'a Log,
    group: &'a mut Group,
    consumer: ConsumerId,
    now_ms: u64,
    terms: Terms,
    /// What is the consumer's now.
    claimed: Vec<Entry<'a>>,
    /// What was pending but deleted.
    gone: Vec<StreamId>,
    claims: Claims,
}

impl Claiming<'_> {
    /// Claims one entry; with `force`, even if it is not pending. True if it was pending for long enough, though
    /// perhaps gone.
    fn claim(&mut self, id: StreamId, force: bool) -> bool {
        let pending = self.group.pending().get(&id).copied();
        let Some(entry) = self.log.get(id) else {
            let Some(pending) = pending else { return false };
            self.claims.push(self.group, id, pending);
            self.group.remove_pending(id);
            self.gone.push(id);
            return true;
        };
        let deliveries = match pending {
            Some(pending) if !self.is_idle(&pending) => return false,
            Some(pending) => pending.deliveries,
            None if force => 1,
            None => return false,
        };
        let counted = deliveries.wrapping_add(u64::from(!self.terms.just_id));
        let pending = Pending {
            delivered_at_ms: self.terms.delivered_at_ms,
            deliveries: self.terms.deliveries.unwrap_or(counted),
            owner: self.consumer,
        };
        self.group.assign(id, pending);
        self.group.consumer_mut(self.consumer).active_at_ms = Some(self.now_ms);
        self.claims.push(self.group, id, pending);
        self.claimed.push(entry);
        true
    }

    fn is_idle(&self, pending: &Pending) -> bool {
        let idle_ms = (self.now_ms as i64).wrapping_sub(pending.delivered_at_ms as i64);
        self.terms.min_idle_ms <= 0 || idle_ms >= self.terms.min_idle_ms
    }

    /// The entries claimed, or their IDs.
    fn reply_claimed(&self, reply: &mut Reply) {
        reply.array(self.claimed.len());
        for entry in &self.claimed {
            if self.terms.just_id { reply_id(reply, entry.id) } else { reply_entry(reply, entry) }
        }
    }
}

/// Tells what a command changed, once the keys are free again.
fn tell(ctx: &mut Ctx<'_>, key: &[u8], group: &[u8], consumer_made: bool, claims: &Claims) {
    ctx.db.effects.replace_by_nothing();
    if consumer_made {
        tell_consumer_made(ctx, key);
    }
    ctx.db.effects.dirty += claims.count;
    claims.propagate(ctx, key, group);
}

/// The arguments of XCLAIM behind the minimal idle time.
struct ClaimOptions {
    ids: Vec<StreamId>,
    delivered_at_ms: Option<i64>,
    deliveries: Option<u64>,
    force: bool,
    just_id: bool,
    last_id: StreamId,
}

impl ClaimOptions {
    fn parse(args: &Args<'_>, now_ms: u64) -> Result<ClaimOptions, Error> {
        let bad = |name: &str| Error::text(format!("ERR Invalid {name} option argument for XCLAIM"));
        let ids: Vec<StreamId> = args[5..].iter().map_while(|text| parse_id(text).ok()).collect();
        let mut at = 5 + ids.len();
        let mut options = ClaimOptions {
            ids,
            delivered_at_ms: None,
            deliveries: None,
            force: false,
            just_id: false,
            last_id: StreamId::MIN,
        };
        while at < args.len() {
            let has_more = at + 1 < args.len();
            if args.is(at, "force") {
                options.force = true;
            } else if args.is(at, "justid") {
                options.just_id = true;
            } else if has_more && args.is(at, "idle") {
                at += 1;
                let idle_ms = args.integer(at).map_err(|_| bad("IDLE"))?;
                options.delivered_at_ms = Some((now_ms as i64).wrapping_sub(idle_ms));
            } else if has_more && args.is(at, "time") {
                at += 1;
                options.delivered_at_ms = Some(args.integer(at).map_err(|_| bad("TIME"))?);
            } else if has_more && args.is(at, "retrycount") {
                at += 1;
                let deliveries = args.integer(at).map_err(|_| bad("RETRYCOUNT"))?;
                options.deliveries = u64::try_from(deliveries).ok();
            } else if has_more && args.is(at, "lastid") {
                at += 1;
                options.last_id = parse_id(args[at])?;
            } else {
                let option = String::from_utf8_lossy(args[at]);
                return Err(Error::text(format!("ERR Unrecognized XCLAIM option '{option}'")));
            }
            at += 1;
        }
        Ok(options)
    }
}

/// XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds]
/// [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID id]
pub(crate) fn xclaim(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    const BAD_IDLE: Error = Error::new("ERR Invalid min-idle-time argument for XCLAIM");
    let (key, group_name, now_ms, claims) = (args[1], args[2], ctx.now_ms(), Claims::new(ctx));
    let stream = ctx.db.write::<Stream>(key)?.ok_or_else(|| no_such_group(key, group_name, ""))?;
    let Parts { log, groups } = &mut **stream;
    let group = groups.get_mut(group_name).ok_or_else(|| no_such_group(key, group_name, ""))?;
    let min_idle_ms = args.integer(4).map_err(|_| BAD_IDLE)?;
    let options = ClaimOptions::parse(args, now_ms)?;

    let is_ahead = options.last_id > group.last_id;
    group.last_id = group.last_id.max(options.last_id);
    // A time from a clock that is not ours is not worth an error.
    let delivered_at_ms = options.delivered_at_ms.and_then(|time| u64::try_from(time).ok());
    let terms = Terms {
        min_idle_ms,
        delivered_at_ms: delivered_at_ms.filter(|time| *time <= now_ms).unwrap_or(now_ms),
        deliveries: options.deliveries,
        just_id: options.just_id,
    };
    let (consumer, consumer_made) = consumer_seen(group, args[3], now_ms);
    let (claimed, gone) = (Vec::new(), Vec::new());
    let mut claiming = Claiming { log, group, consumer, now_ms, terms, claimed, gone, claims };
    for id in options.ids {
        claiming.claim(id, options.force);
    }
    claiming.reply_claimed(ctx.reply);
    let (position, claims) = (GroupPosition::of(claiming.group), claiming.claims);
    tell(ctx, key, group_name, consumer_made, &claims);
    // A claim carries the group's last ID with it.
    if is_ahead && claims.count == 0 {
        ctx.db.effects.dirty += 1;
        position.propagate(ctx, key, group_name);
    }
    Ok(())
}

/// XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]
pub(crate) fn xautoclaim(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    const BAD_IDLE: Error = Error::new("ERR Invalid min-idle-time argument for XAUTOCLAIM");
    let (key, group_name, now_ms, claims) = (args[1], args[2], ctx.now_ms(), Claims::new(ctx));
    let min_idle_ms = args.integer(4).map_err(|_| BAD_IDLE)?;
    let start = parse_start(args[5])?;
    let (count, just_id) = auto_options(args)?;
    let stream = ctx.db.write::<Stream>(key)?.ok_or_else(|| no_such_group(key, group_name, ""))?;
    let Parts { log, groups } = &mut **stream;
    let group = groups.get_mut(group_name).ok_or_else(|| no_such_group(key, group_name, ""))?;

    let terms = Terms { min_idle_ms, delivered_at_ms: now_ms, deliveries: None, just_id };
    let (consumer, consumer_made) = consumer_seen(group, args[3], now_ms);
    let (claimed, gone) = (Vec::new(), Vec::new());
    let mut claiming = Claiming { log, group, consumer, now_ms, terms, claimed, gone, claims };
    let cursor = claim_from(&mut claiming, start, count);
    ctx.reply.array(3);
    reply_id(ctx.reply, cursor);
    claiming.reply_claimed(ctx.reply);
    ctx.reply.array(claiming.gone.len());
    claiming.gone.iter().for_each(|id| reply_id(ctx.reply, *id));
    let claims = claiming.claims;
    tell(ctx, key, group_name, consumer_made, &claims);
    Ok(())
}

/// Claims up to `count` of the pending entries from `start` on; the answer is where to go on, 0-0 at the end.
fn claim_from(claiming: &mut Claiming<'_>, start: StreamId, count: u64) -> StreamId {
    let (mut next, mut left) = (Bound::Included(start), count);
    let after =
        |group: &Group, next| group.pending().range((next, Bound::Unbounded)).next().map(|(id, _)| *id);
    for _ in 0..count.saturating_mul(LOOKS_PER_CLAIM) {
        let Some(id) = after(claiming.group, next).filter(|_| left > 0) else { break };
        next = Bound::Excluded(id);
        left -= u64::from(claiming.claim(id, false));
    }
    after(claiming.group, next).unwrap_or(StreamId::MIN)
}

/// `[COUNT count] [JUSTID]` from the sixth argument on.
fn auto_options(args: &Args<'_>) -> Result<(u64, bool), Error> {
    const BAD_COUNT: Error = Error::new("ERR COUNT must be > 0");
    let (mut count, mut just_id, mut at) = (COUNT_DEFAULT, false, 6);
    while at < args.len() {
        if at + 1 < args.len() && args.is(at, "count") {
            at += 1;
            let is_allowed = |count: &i64| (1..=COUNT_MAX).contains(count);
            count = args.integer(at).ok().filter(is_allowed).ok_or(BAD_COUNT)?;
        } else if args.is(at, "justid") {
            just_id = true;
        } else {
            return Err(SYNTAX);
        }
        at += 1;
    }
    Ok((count as u64, just_id))
}
