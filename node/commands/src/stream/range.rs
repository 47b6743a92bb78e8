//! XRANGE, XREVRANGE, XLEN: what only looks at the entries.

use store::types::stream::Stream;

use super::{parse_count, parse_end, parse_start, reply_entries};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::error::{Error, SYNTAX};

/// XLEN key
pub(crate) fn xlen(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let length = ctx.db.read::<Stream>(args[1])?.map_or(0, |stream| stream.log.len());
    ctx.reply.integer(length as i64);
    Ok(())
}

/// XRANGE key start end [COUNT count]
pub(crate) fn xrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let (start, end) = (parse_start(args[2])?, parse_end(args[3])?);
    let count = count_option(args)?;
    match ctx.db.read::<Stream>(args[1])? {
        None => ctx.reply.array(0),
        Some(_) if count == 0 => ctx.reply.null_array(),
        Some(stream) => {
            reply_entries(ctx.reply, stream.log.range(start, end).take(count));
        }
    }
    Ok(())
}

/// XREVRANGE key end start [COUNT count]
pub(crate) fn xrevrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let (start, end) = (parse_start(args[3])?, parse_end(args[2])?);
    let count = count_option(args)?;
    match ctx.db.read::<Stream>(args[1])? {
        None => ctx.reply.array(0),
        Some(_) if count == 0 => ctx.reply.null_array(),
        Some(stream) => {
            reply_entries(ctx.reply, stream.log.range_rev(start, end).take(count));
        }
    }
    Ok(())
}

/// `[COUNT count]` from the fourth argument on; the last one counts.
fn count_option(args: &Args<'_>) -> Result<usize, Error> {
    let mut count = usize::MAX;
    for at in (4..args.len()).step_by(2) {
        if !args.is(at, "count") || at + 1 >= args.len() {
            return Err(SYNTAX);
        }
        count = parse_count(args, at + 1)?;
    }
    Ok(count)
}
