//! HINCRBY and HINCRBYFLOAT.

use resp::IntegerText;
use store::types::Hash;
use store::types::hash::{Expiry, FieldRef};
use store::types::int::{self, IntText};

use super::is_timed;
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Class, Outcome};
use crate::error::{Error, NOT_FLOAT, OVERFLOW};
use crate::long_double::LongDouble;

const VALUE_NOT_INTEGER: Error = Error::new("ERR hash value is not an integer");
const VALUE_NOT_FLOAT: Error = Error::new("ERR hash value is not a float");
const INFINITE_INCREMENT: Error = Error::new("ERR value is NaN or Infinity");
const INFINITE_RESULT: Error = Error::new("ERR increment would produce NaN or Infinity");

/// `HINCRBY key field increment`. Keeps the field's expiry.
pub(crate) fn hincrby(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let (key, field, by) = (args[1], args[2], args.integer(3)?);
    let (now, limits) = (ctx.field_time_ms(), &ctx.settings.limits);
    let hash = ctx.db.write_or_create::<Hash>(key)?;
    let before = hash.get(field, now);
    let old = before.map_or(Ok(0), |found| found.value.as_int().ok_or(VALUE_NOT_INTEGER))?;
    let new = old.checked_add(by).ok_or(OVERFLOW)?;
    let (timed, expiry, expired) = (is_timed(hash), expiry_of(before), hash.has_expired(field, now));
    let mut buffer = IntText::default();
    let text = int::to_text(new, &mut buffer);
    hash.set(field, text, Expiry::Keep, now, limits);
    if timed {
        propagate(ctx, key, field, text, expiry);
    }
    tell(ctx, key, expired, "hincrby");
    ctx.reply.integer(new);
    Ok(())
}

/// `HINCRBYFLOAT key field increment`. Keeps the field's expiry, and goes on as its result, so that nobody
/// has to add alike.
pub(crate) fn hincrbyfloat(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let (key, field, by) = (args[1], args[2], LongDouble::parse(args[3]).ok_or(NOT_FLOAT)?);
    let by = LongDouble::ZERO.checked_add(by).ok_or(INFINITE_INCREMENT)?;
    let (now, limits) = (ctx.field_time_ms(), &ctx.settings.limits);
    let hash = ctx.db.write_or_create::<Hash>(key)?;
    let before = hash.get(field, now);
    let old = match before {
        Some(found) => {
            LongDouble::parse(found.value.as_bytes(&mut IntText::default())).ok_or(VALUE_NOT_FLOAT)?
        }
        None => LongDouble::ZERO,
    };
    let text = old.checked_add(by).ok_or(INFINITE_RESULT)?.to_text();
    let (expiry, expired) = (expiry_of(before), hash.has_expired(field, now));
    hash.set(field, &text, Expiry::Keep, now, limits);
    propagate(ctx, key, field, &text, expiry);
    tell(ctx, key, expired, "hincrbyfloat");
    ctx.reply.bulk(&text);
    Ok(())
}

fn expiry_of(found: Option<FieldRef<'_>>) -> Option<u64> {
    found.and_then(|found| found.expiry)
}

/// The command goes on as the value it made, with the expiry that it left.
fn propagate(ctx: &mut Ctx<'_>, key: &[u8], field: &[u8], value: &[u8], expiry: Option<u64>) {
    match expiry {
        None => ctx.replace(&[b"HSET", key, field, value]),
        Some(at) => {
            let at = IntegerText::new(at as i64);
            ctx.replace(&[b"HSETEX", key, b"PXAT", at.as_bytes(), b"FIELDS", b"1", field, value]);
        }
    }
}

fn tell(ctx: &mut Ctx<'_>, key: &[u8], expired: bool, event: &'static str) {
    if expired {
        ctx.notify(key, Class::Hash, "hexpired");
    }
    ctx.wrote(key, Class::Hash, event);
}
