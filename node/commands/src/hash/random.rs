//! HRANDFIELD.

use resp::{Proto, Reply};
use store::types::Hash;
use store::types::hash::FieldRef;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::error::{Error, OUT_OF_RANGE, SYNTAX};
use crate::list::reply_item;
use crate::set::pick::{Picks, picks};

/// `HRANDFIELD key [count [WITHVALUES]]`: count different fields, or, when negative, that many draws.
pub(crate) fn hrandfield(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let now = ctx.field_time_ms();
    if args.len() == 2 {
        match ctx.db.read::<Hash>(args[1])?.and_then(|hash| hash.random(now, ctx.random)) {
            Some(found) => reply_item(ctx.reply, found.field),
            None => ctx.reply.null(),
        }
        return Ok(());
    }
    let picks = picks(args)?;
    let with_values = with_values(args)?;
    let Some(hash) = ctx.db.read::<Hash>(args[1])? else {
        ctx.reply.array(0);
        return Ok(());
    };
    let len = hash.len(now);
    let replies = match picks {
        Picks::Different(count) => count.min(len),
        Picks::Draws(_) if len == 0 => 0,
        Picks::Draws(count) => count,
    };
    let width = if with_values && ctx.reply.proto == Proto::Resp2 { 2 } else { 1 };
    ctx.reply.array(replies * width);
    match picks {
        Picks::Different(_) => {
            hash.sample(replies, now, ctx.random, |field| reply_field(ctx.reply, field, with_values));
        }
        Picks::Draws(_) => (0..replies).filter_map(|_| hash.random(now, ctx.random)).for_each(|field| {
            reply_field(ctx.reply, field, with_values);
        }),
    }
    Ok(())
}

fn with_values(args: &Args<'_>) -> Result<bool, Error> {
    if args.len() == 3 {
        return Ok(false);
    }
    if args.len() > 4 || !args.is(3, "withvalues") {
        return Err(SYNTAX);
    }
    // Two replies a field must still be a number of replies.
    let count = args.integer(2)?;
    if count.unsigned_abs() > i64::MAX as u64 / 2 { Err(OUT_OF_RANGE) } else { Ok(true) }
}

fn reply_field(reply: &mut Reply, found: FieldRef<'_>, with_value: bool) {
    if with_value && reply.proto == Proto::Resp3 {
        reply.array(2);
    }
    reply_item(reply, found.field);
    if with_value {
        reply_item(reply, found.value);
    }
}
