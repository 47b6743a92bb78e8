//! Strings as numbers: INCR and its like on 64-bit integers, INCRBYFLOAT on 80-bit floats.

use store::Value;
use store::types::int::IntText;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::db::Expire;
use crate::effects::{Class, Outcome};
use crate::error::{Error, NOT_FLOAT, WRONG_TYPE};
use crate::long_double::LongDouble;

const DECREMENT_OVERFLOW: Error = Error::new("ERR decrement would overflow");
const INFINITE: Error = Error::new("ERR increment would produce NaN or Infinity");

/// `INCR key`.
pub(crate) fn incr(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    add(ctx, args[1], 1)
}

/// `DECR key`.
pub(crate) fn decr(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    add(ctx, args[1], -1)
}

/// `INCRBY key increment`.
pub(crate) fn incrby(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    add(ctx, args[1], args.integer(2)?)
}

/// `DECRBY key decrement`.
pub(crate) fn decrby(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let by = args.integer(2)?.checked_neg().ok_or(DECREMENT_OVERFLOW)?;
    add(ctx, args[1], by)
}

fn add(ctx: &mut Ctx<'_>, key: &[u8], by: i64) -> Outcome {
    let new = ctx.db.add(key, by)?;
    ctx.wrote(key, Class::String, "incrby");
    ctx.reply.integer(new);
    Ok(())
}

/// `INCRBYFLOAT key increment`. Goes on as the SET of its result, so that nobody has to add alike.
pub(crate) fn incrbyfloat(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let key = args[1];
    let old = match ctx.db.peek(key) {
        Some(entry) => {
            let string = entry.string().ok_or(WRONG_TYPE)?;
            LongDouble::parse(string.as_bytes(&mut IntText::default())).ok_or(NOT_FLOAT)?
        }
        None => LongDouble::ZERO,
    };
    let by = LongDouble::parse(args[2]).ok_or(NOT_FLOAT)?;
    let text = old.checked_add(by).ok_or(INFINITE)?.to_text();
    ctx.db.set(key, Value::Bytes(&text), Expire::Keep);
    ctx.replace(&[b"SET", key, &text, b"KEEPTTL"]);
    ctx.wrote(key, Class::String, "incrbyfloat");
    ctx.reply.bulk(&text);
    Ok(())
}
