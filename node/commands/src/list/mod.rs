//! List commands: pushing and popping here, the rest in files by idea.
//!
//! A pop that leaves a list empty deletes its key; every way to pop ends in [`popped`], which tells of both.

mod blocking;
mod change;
mod multi;
mod read;
mod transfer;

pub(crate) use blocking::{blpop, brpop, timeout_ms, wait};
pub(crate) use change::{linsert, lrem, lset, ltrim};
pub(crate) use multi::{blmpop, counted_keys, lmpop, pop_count};
pub(crate) use read::{lindex, llen, lpos, lrange};
pub(crate) use transfer::{blmove, brpoplpush, lmove, rpoplpush};

use std::ops::Range;

use resp::Reply;
use store::types::List;
use store::types::list::Side;
use store::types::listpack::Item;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Class, Outcome};
use crate::error::{Error, NOT_POSITIVE, SYNTAX, wrong_arity};

/// `LPUSH key element [element ...]`.
pub(crate) fn lpush(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    push(ctx, args, Side::Front)
}

/// `RPUSH key element [element ...]`.
pub(crate) fn rpush(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    push(ctx, args, Side::Back)
}

/// `LPUSHX key element [element ...]`.
pub(crate) fn lpushx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    push_if_there(ctx, args, Side::Front)
}

/// `RPUSHX key element [element ...]`.
pub(crate) fn rpushx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    push_if_there(ctx, args, Side::Back)
}

/// `LPOP key [count]`.
pub(crate) fn lpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    pop(ctx, args, Side::Front, "lpop")
}

/// `RPOP key [count]`.
pub(crate) fn rpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    pop(ctx, args, Side::Back, "rpop")
}

fn push(ctx: &mut Ctx<'_>, args: &Args<'_>, side: Side) -> Outcome {
    let list = ctx.db.write_or_create::<List>(args[1])?;
    list.extend(side, args[2..].iter().copied(), &ctx.settings.limits);
    ctx.reply.integer(list.len() as i64);
    ctx.wrote(args[1], Class::List, push_event(side));
    Ok(())
}

fn push_if_there(ctx: &mut Ctx<'_>, args: &Args<'_>, side: Side) -> Outcome {
    if ctx.db.write::<List>(args[1])?.is_some() {
        return push(ctx, args, side);
    }
    ctx.reply.integer(0);
    Ok(())
}

fn pop(ctx: &mut Ctx<'_>, args: &Args<'_>, side: Side, name: &str) -> Outcome {
    if args.len() > 3 {
        return Err(wrong_arity(name));
    }
    if args.len() == 3 {
        let count = args.integer(2).ok().and_then(|count| usize::try_from(count).ok()).ok_or(NOT_POSITIVE)?;
        return pop_counted(ctx, args[1], side, count);
    }
    if !pop_one(ctx, args[1], side, |_| ())? {
        ctx.reply.null();
    }
    Ok(())
}

fn pop_counted(ctx: &mut Ctx<'_>, key: &[u8], side: Side, count: usize) -> Outcome {
    if ctx.db.write::<List>(key)?.is_none() {
        ctx.reply.null_array();
    } else if count == 0 {
        ctx.reply.array(0);
    } else {
        pop_many(ctx, key, side, count, |_| ())?;
    }
    Ok(())
}

/// Pops one element and replies with it, after what `before` writes; false, and no reply, if there is none.
fn pop_one(
    ctx: &mut Ctx<'_>,
    key: &[u8],
    side: Side,
    before: impl FnOnce(&mut Reply),
) -> Result<bool, Error> {
    let Some(list) = ctx.db.write::<List>(key)? else { return Ok(false) };
    list.pop(side, &ctx.settings.limits, |item| {
        before(ctx.reply);
        reply_item(ctx.reply, item);
    });
    let emptied = list.is_empty();
    popped(ctx, key, side, emptied);
    Ok(true)
}

/// Pops up to `count` elements and replies with them as an array, after what `before` writes; gives their
/// number, 0 and no reply if there is no list.
fn pop_many(
    ctx: &mut Ctx<'_>,
    key: &[u8],
    side: Side,
    count: usize,
    before: impl FnOnce(&mut Reply),
) -> Result<usize, Error> {
    let Some(list) = ctx.db.write::<List>(key)? else { return Ok(0) };
    let (len, count) = (list.len(), count.min(list.len()));
    before(ctx.reply);
    ctx.reply.array(count);
    list.for_each(side, 0, count, |item| reply_item(ctx.reply, item));
    let range = if side == Side::Front { 0..count } else { len - count..len };
    list.remove_range(range, &ctx.settings.limits);
    popped(ctx, key, side, count == len);
    Ok(count)
}

/// Tells that elements were popped, and deletes the key when they were the last.
fn popped(ctx: &mut Ctx<'_>, key: &[u8], side: Side, emptied: bool) {
    ctx.wrote(key, Class::List, if side == Side::Front { "lpop" } else { "rpop" });
    if emptied {
        ctx.db.remove_if_empty::<List>(key);
    }
}

fn push_event(side: Side) -> &'static str {
    if side == Side::Front { "lpush" } else { "rpush" }
}

/// The words `LEFT` and `RIGHT`.
fn side(args: &Args<'_>, index: usize) -> Result<Side, Error> {
    if args.is(index, "left") {
        Ok(Side::Front)
    } else if args.is(index, "right") {
        Ok(Side::Back)
    } else {
        Err(SYNTAX)
    }
}

/// An element as a bulk string.
#[inline]
pub(crate) fn reply_item(reply: &mut Reply, item: Item<'_>) {
    match item {
        Item::Int(number) => reply.bulk_integer(number),
        Item::Str(text) => reply.bulk(text),
    }
}

/// The positions from `start` to `stop`, both included and counted from the end when negative, in a
/// collection of `len` elements.
pub(crate) fn index_range(start: i64, stop: i64, len: usize) -> Range<usize> {
    let from_end = |index: i64| if index < 0 { index + len as i64 } else { index };
    let start = from_end(start).max(0) as usize;
    let end = (from_end(stop).max(-1) as usize).wrapping_add(1).min(len);
    if start < end { start..end } else { 0..0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_ranges() {
        assert_eq!(index_range(0, -1, 5), 0..5);
        assert_eq!(index_range(-2, -1, 5), 3..5);
        assert_eq!(index_range(-100, 100, 5), 0..5);
        assert_eq!(index_range(i64::MIN, i64::MAX, 5), 0..5);
        for (start, stop) in [(3, 2), (5, 9), (0, -6), (0, i64::MIN), (i64::MAX, i64::MAX)] {
            assert!(index_range(start, stop, 5).is_empty(), "{start} {stop}");
        }
        assert!(index_range(0, -1, 0).is_empty());
    }
}
