//! Popping from the ends: ZPOPMIN, ZPOPMAX, ZMPOP and their blocking forms.

use resp::{Proto, Reply};
use store::types::Zset;
use store::types::listpack::Item;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Class, Outcome};
use crate::error::{Error, NOT_POSITIVE, SYNTAX};
use crate::list::{counted_keys, pop_count, reply_item, timeout_ms, wait};

/// An end of a sorted set.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Min,
    Max,
}

impl End {
    /// The command that pops from this end.
    fn command(self) -> &'static [u8] {
        if self == End::Min { b"ZPOPMIN" } else { b"ZPOPMAX" }
    }
}

/// `ZPOPMIN key [count]`.
pub(crate) fn zpopmin(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    pop(ctx, args, End::Min)
}

/// `ZPOPMAX key [count]`.
pub(crate) fn zpopmax(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    pop(ctx, args, End::Max)
}

/// `BZPOPMIN key [key ...] timeout`.
pub(crate) fn bzpopmin(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    pop_or_wait(ctx, args, End::Min)
}

/// `BZPOPMAX key [key ...] timeout`.
pub(crate) fn bzpopmax(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    pop_or_wait(ctx, args, End::Max)
}

/// `ZMPOP numkeys key [key ...] MIN|MAX [COUNT count]`.
pub(crate) fn zmpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let request = Request::parse(args, 1)?;
    if !request.serve(ctx)? {
        ctx.reply.null_array();
    }
    Ok(())
}

/// `BZMPOP timeout numkeys key [key ...] MIN|MAX [COUNT count]`.
pub(crate) fn bzmpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let request = Request::parse(args, 2)?;
    let timeout_ms = timeout_ms(args, 1)?;
    if !request.serve(ctx)? {
        wait(ctx, request.keys, timeout_ms);
    }
    Ok(())
}

fn pop(ctx: &mut Ctx<'_>, args: &Args<'_>, end: End) -> Outcome {
    let count = match args.len() {
        2 => None,
        3 => Some(args.integer(2).ok().and_then(|count| usize::try_from(count).ok()).ok_or(NOT_POSITIVE)?),
        _ => return Err(SYNTAX),
    };
    // Pairs of their own only where a count was given, and RESP2 has no pairs.
    let nested = count.is_some() && ctx.reply.proto == Proto::Resp3;
    let header = |reply: &mut Reply, len: usize| reply.array(if nested { len } else { 2 * len });
    let Some(_) = ctx.db.write::<Zset>(args[1])?.filter(|_| count != Some(0)) else {
        ctx.reply.array(0);
        return Ok(());
    };
    take(ctx, args[1], end, count.unwrap_or(1), header, nested)?;
    Ok(())
}

fn pop_or_wait(ctx: &mut Ctx<'_>, args: &Args<'_>, end: End) -> Outcome {
    let last = args.len() - 1;
    let timeout_ms = timeout_ms(args, last)?;
    for key in &args[1..last] {
        let header = |reply: &mut Reply, _| {
            reply.array(3);
            reply.bulk(key);
        };
        if take(ctx, key, end, 1, header, false)? > 0 {
            ctx.replace(&[end.command(), key]);
            return Ok(());
        }
    }
    wait(ctx, &args[1..last], timeout_ms);
    Ok(())
}

struct Request<'a> {
    keys: &'a [&'a [u8]],
    end: End,
    count: usize,
}

impl<'a> Request<'a> {
    /// What stands from the number of keys on.
    fn parse(args: &'a Args<'_>, at: usize) -> Result<Request<'a>, Error> {
        let (keys, at) = counted_keys(args, at)?;
        let end = match () {
            () if args.is(at, "min") => End::Min,
            () if args.is(at, "max") => End::Max,
            () => return Err(SYNTAX),
        };
        Ok(Request { keys, end, count: pop_count(args, at + 1)? })
    }

    /// Pops and replies, if any sorted set has members.
    fn serve(&self, ctx: &mut Ctx<'_>) -> Result<bool, Error> {
        for key in self.keys {
            let header = |reply: &mut Reply, len| {
                reply.array(2);
                reply.bulk(key);
                reply.array(len);
            };
            let popped = take(ctx, key, self.end, self.count, header, true)?;
            if popped > 0 {
                ctx.replace(&[self.end.command(), key, popped.to_string().as_bytes()]);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Pops up to `count` members and replies with them, each as a pair if `nested`, after what `header` writes;
/// gives their number, 0 and no reply if there is no sorted set.
fn take(
    ctx: &mut Ctx<'_>,
    key: &[u8],
    end: End,
    count: usize,
    header: impl FnOnce(&mut Reply, usize),
    nested: bool,
) -> Result<usize, Error> {
    let Some(zset) = ctx.db.write::<Zset>(key)? else { return Ok(0) };
    let (len, count) = (zset.len(), count.min(zset.len()));
    header(ctx.reply, count);
    let mut reply = |(member, score): (Item<'_>, f64)| {
        if nested {
            ctx.reply.array(2);
        }
        reply_item(ctx.reply, member);
        ctx.reply.double(score);
    };
    let ranks = match end {
        End::Min => 0..count,
        End::Max => len - count..len,
    };
    match end {
        End::Min => zset.range(ranks.clone()).for_each(&mut reply),
        End::Max => zset.range(ranks.clone()).rev().for_each(&mut reply),
    }
    zset.remove_range(ranks);
    ctx.wrote(key, Class::Zset, if end == End::Min { "zpopmin" } else { "zpopmax" });
    if count == len {
        ctx.db.remove_if_empty::<Zset>(key);
    }
    Ok(count)
}
