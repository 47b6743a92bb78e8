//! Commands that only look: LLEN, LINDEX, LRANGE, LPOS.

use store::types::List;
use store::types::list::Side;

use super::{index_range, reply_item};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::error::{Error, SYNTAX};

const RANK_ZERO: Error = Error::new(
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... \
     or use negative to start from the end of the list",
);
const COUNT_NEGATIVE: Error = Error::new("ERR COUNT can't be negative");
const MAXLEN_NEGATIVE: Error = Error::new("ERR MAXLEN can't be negative");
const NOT_NEGATABLE: Error =
    Error::new("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807");

/// `LLEN key`.
pub(crate) fn llen(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let len = ctx.db.read::<List>(args[1])?.map_or(0, List::len);
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `LINDEX key index`.
pub(crate) fn lindex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let Some(list) = ctx.db.read::<List>(args[1])? else {
        ctx.reply.null();
        return Ok(());
    };
    let index = position(args.integer(2)?, list.len());
    if index.and_then(|index| list.look(index, |item| reply_item(ctx.reply, item))).is_none() {
        ctx.reply.null();
    }
    Ok(())
}

/// `LRANGE key start stop`.
pub(crate) fn lrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let (start, stop) = (args.integer(2)?, args.integer(3)?);
    let Some(list) = ctx.db.read::<List>(args[1])? else {
        ctx.reply.array(0);
        return Ok(());
    };
    let range = index_range(start, stop, list.len());
    ctx.reply.array(range.len());
    list.for_each(Side::Front, range.start, range.len(), |item| reply_item(ctx.reply, item));
    Ok(())
}

/// `LPOS key element [RANK rank] [COUNT matches] [MAXLEN length]`.
pub(crate) fn lpos(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let (mut rank, mut count, mut max_len) = (1, None, 0);
    for at in (3..args.len()).step_by(2) {
        if at + 1 == args.len() {
            return Err(SYNTAX);
        } else if args.is(at, "rank") {
            rank = negatable(args, at + 1)?;
        } else if args.is(at, "count") {
            count = Some(not_negative(args, at + 1, COUNT_NEGATIVE)?);
        } else if args.is(at, "maxlen") {
            max_len = not_negative(args, at + 1, MAXLEN_NEGATIVE)?;
        } else {
            return Err(SYNTAX);
        }
        if rank == 0 {
            return Err(RANK_ZERO);
        }
    }
    let from = if rank < 0 { Side::Back } else { Side::Front };
    let skip = rank.unsigned_abs() as usize - 1;
    let all_if_zero = |limit: usize| if limit == 0 { usize::MAX } else { limit };
    let list = ctx.db.read::<List>(args[1])?;
    let limit = count.map_or(1, all_if_zero);
    let found = list.map(|list| list.positions(args[2], from, skip, limit, all_if_zero(max_len)));
    let found = found.unwrap_or_default();
    if count.is_some() {
        ctx.reply.array(found.len());
        found.iter().for_each(|&index| ctx.reply.integer(index as i64));
    } else {
        match found.first() {
            Some(&index) => ctx.reply.integer(index as i64),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

/// The position that `index` means, counted from the end when negative, if it is not before the first.
pub(super) fn position(index: i64, len: usize) -> Option<usize> {
    usize::try_from(if index < 0 { index + len as i64 } else { index }).ok()
}

/// An integer whose negative is one too.
pub(super) fn negatable(args: &Args<'_>, index: usize) -> Result<i64, Error> {
    let value = args.integer(index)?;
    if value == i64::MIN { Err(NOT_NEGATABLE) } else { Ok(value) }
}

fn not_negative(args: &Args<'_>, index: usize, error: Error) -> Result<usize, Error> {
    args.integer(index).ok().and_then(|value| usize::try_from(value).ok()).ok_or(error)
}
