//! Commands that change a list in its middle: LSET, LINSERT, LREM, LTRIM.

use store::types::List;
use store::types::list::Side;

use super::index_range;
use super::read::{negatable, position};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Class, Outcome};
use crate::error::{INDEX_OUT_OF_RANGE, NO_SUCH_KEY, SYNTAX};

/// `LSET key index element`.
pub(crate) fn lset(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let list = ctx.db.write::<List>(args[1])?.ok_or(NO_SUCH_KEY)?;
    let index = position(args.integer(2)?, list.len()).unwrap_or(usize::MAX);
    if !list.set(index, args[3], &ctx.settings.limits) {
        return Err(INDEX_OUT_OF_RANGE);
    }
    ctx.reply.ok();
    ctx.wrote(args[1], Class::List, "lset");
    Ok(())
}

/// `LINSERT key BEFORE|AFTER pivot element`.
pub(crate) fn linsert(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let after = args.is(2, "after");
    if !after && !args.is(2, "before") {
        return Err(SYNTAX);
    }
    let Some(list) = ctx.db.write::<List>(args[1])? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    if !list.insert(args[3], after, args[4], &ctx.settings.limits) {
        ctx.reply.integer(-1);
        return Ok(());
    }
    ctx.reply.integer(list.len() as i64);
    ctx.wrote(args[1], Class::List, "linsert");
    Ok(())
}

/// `LREM key count element`.
pub(crate) fn lrem(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let count = negatable(args, 2)?;
    let Some(list) = ctx.db.write::<List>(args[1])? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let from = if count < 0 { Side::Back } else { Side::Front };
    let limit = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    let removed = list.remove(args[3], limit, from, &ctx.settings.limits);
    let emptied = list.is_empty();
    ctx.reply.integer(removed as i64);
    if removed > 0 {
        shortened(ctx, args[1], "lrem", emptied);
    }
    Ok(())
}

/// `LTRIM key start stop`.
pub(crate) fn ltrim(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let (start, stop) = (args.integer(2)?, args.integer(3)?);
    ctx.reply.ok();
    let Some(list) = ctx.db.write::<List>(args[1])? else { return Ok(()) };
    let len = list.len();
    let keep = index_range(start, stop, len);
    list.remove_range(keep.end..len, &ctx.settings.limits);
    list.remove_range(0..keep.start, &ctx.settings.limits);
    if keep.len() == len {
        ctx.notify(args[1], Class::List, "ltrim");
    } else {
        shortened(ctx, args[1], "ltrim", keep.is_empty());
    }
    Ok(())
}

fn shortened(ctx: &mut Ctx<'_>, key: &[u8], event: &'static str, emptied: bool) {
    ctx.wrote(key, Class::List, event);
    if emptied {
        ctx.db.remove_if_empty::<List>(key);
    }
}
