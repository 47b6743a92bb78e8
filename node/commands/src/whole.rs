//! Commands about all keys of a core: DBSIZE, FLUSHALL, FLUSHDB.

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::error::SYNTAX;

/// DBSIZE
pub(crate) fn dbsize(ctx: &mut Ctx<'_>, _args: &Args<'_>) -> Outcome {
    ctx.reply.integer(ctx.db.keyspace.len() as i64);
    Ok(())
}

/// FLUSHALL | FLUSHDB [ASYNC | SYNC]: the keys go at once either way, their memory in slices.
pub(crate) fn flushall(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    match args.len() {
        1 => {}
        2 if args.is(1, "async") || args.is(1, "sync") => {}
        _ => return Err(SYNTAX),
    }
    ctx.db.effects.flush = true;
    ctx.reply.ok();
    Ok(())
}
