//! MGET, MSET, MSETNX: several strings in one command. All keys are in one slot; over several slots the server
//! splits MGET and MSET up, where that is allowed.

use super::{reply_with, value};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::db::Expire;
use crate::effects::{Class, Outcome};
use crate::error::wrong_arity;

/// `MGET key [key ...]`: null for what is absent or no string.
pub(crate) fn mget(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    ctx.reply.array(args.len() - 1);
    for key in &args[1..] {
        match ctx.db.read_string(key) {
            Ok(Some(string)) => reply_with(ctx.reply, string),
            Ok(None) | Err(_) => ctx.reply.null(),
        }
    }
    Ok(())
}

/// `MSET key value [key value ...]`.
pub(crate) fn mset(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    if args.len().is_multiple_of(2) {
        return Err(wrong_arity("mset"));
    }
    set_all(ctx, args);
    ctx.reply.ok();
    Ok(())
}

/// `MSETNX key value [key value ...]`: all or, when one key exists, none.
pub(crate) fn msetnx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    if args.len().is_multiple_of(2) {
        return Err(wrong_arity("msetnx"));
    }
    let free = (1..args.len()).step_by(2).all(|i| !ctx.db.exists(args[i]));
    if free {
        set_all(ctx, args);
    }
    ctx.reply.integer(i64::from(free));
    Ok(())
}

fn set_all(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    for i in (1..args.len()).step_by(2) {
        ctx.db.set(args[i], value(args, i + 1), Expire::Clear);
        ctx.wrote(args[i], Class::String, "set");
    }
}
