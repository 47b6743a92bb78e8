//! Expiry of fields: HEXPIRE and its like, HTTL and its like, HPERSIST.

use resp::IntegerText;
use store::types::Hash;
use store::types::hash::FieldRef;

use super::{FIELD_COUNT, counted_fields, fields_keyword, plain_fields};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Class, Outcome};
use crate::error::{SYNTAX, invalid_expire};
use crate::expiry::Timing;
use crate::generic::Conditions;

/// Replies about one field.
const NO_FIELD: i64 = -2;
const NO_EXPIRY: i64 = -1;
const NOT_ALLOWED: i64 = 0;
const DONE: i64 = 1;
const DELETED: i64 = 2;

/// `HEXPIRE key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]`.
pub(crate) fn hexpire(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    set(ctx, args, Timing::Seconds, "hexpire")
}

/// `HPEXPIRE key ms [NX | XX | GT | LT] FIELDS numfields field [field ...]`.
pub(crate) fn hpexpire(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    set(ctx, args, Timing::Milliseconds, "hpexpire")
}

/// `HEXPIREAT key unix-s [NX | XX | GT | LT] FIELDS numfields field [field ...]`.
pub(crate) fn hexpireat(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    set(ctx, args, Timing::UnixSeconds, "hexpireat")
}

/// `HPEXPIREAT key unix-ms [NX | XX | GT | LT] FIELDS numfields field [field ...]`.
pub(crate) fn hpexpireat(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    set(ctx, args, Timing::UnixMilliseconds, "hpexpireat")
}

/// `HTTL key FIELDS numfields field [field ...]`: seconds.
pub(crate) fn httl(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let now = ctx.field_time_ms();
    tell(ctx, args, |at| to_seconds(at.saturating_sub(now)))
}

/// `HPTTL key FIELDS numfields field [field ...]`: milliseconds.
pub(crate) fn hpttl(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let now = ctx.field_time_ms();
    tell(ctx, args, |at| at.saturating_sub(now))
}

/// `HEXPIRETIME key FIELDS numfields field [field ...]`: unix seconds.
pub(crate) fn hexpiretime(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    tell(ctx, args, to_seconds)
}

/// `HPEXPIRETIME key FIELDS numfields field [field ...]`: unix milliseconds.
pub(crate) fn hpexpiretime(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    tell(ctx, args, |at| at)
}

/// `HPERSIST key FIELDS numfields field [field ...]`.
pub(crate) fn hpersist(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let fields = plain_fields(args)?;
    let (key, now) = (args[1], ctx.field_time_ms());
    let mut hash = ctx.db.write::<Hash>(key)?;
    let mut changed = Vec::new();
    ctx.reply.array(fields.len());
    for field in fields {
        let result = match hash.as_ref().and_then(|hash| hash.get(field, now)) {
            None => NO_FIELD,
            Some(FieldRef { expiry: None, .. }) => NO_EXPIRY,
            Some(_) => DONE,
        };
        if let Some(hash) = hash.as_mut().filter(|_| result == DONE) {
            hash.set_expiry(field, None, now);
            changed.push(field);
        }
        ctx.reply.integer(result);
    }
    if !changed.is_empty() {
        propagate_persist(ctx, key, &changed);
        ctx.wrote(key, Class::Hash, "hpersist");
    }
    Ok(())
}

/// Sets the expiry of fields; a time that is over deletes them at once.
fn set(ctx: &mut Ctx<'_>, args: &Args<'_>, timing: Timing, command: &str) -> Outcome {
    let fields_at = fields_keyword(args, 3).ok_or(FIELD_COUNT)?;
    let conditions = Conditions::parse(&Args::new(&args[..fields_at]))?;
    let fields = counted_fields(args, fields_at, 1)?;
    let (key, now) = (args[1], ctx.field_time_ms());
    let at = unix_ms(args, 2, timing, now, command)?;
    let mut hash = ctx.db.write::<Hash>(key)?;
    let mut changed = Vec::new();
    ctx.reply.array(fields.len());
    for field in fields {
        let result = match hash.as_mut() {
            Some(hash) => set_one(hash, field, at, now, &conditions),
            None => NO_FIELD,
        };
        if result == DONE || result == DELETED {
            changed.push(field);
        }
        ctx.reply.integer(result);
    }
    if !changed.is_empty() {
        let over = at <= now;
        if over {
            propagate_delete(ctx, key, &changed)
        } else {
            propagate_expiry(ctx, key, at, &changed);
            ctx.db.note_timed_fields(key);
        }
        ctx.wrote(key, Class::Hash, if over { "hexpired" } else { "hexpire" });
        ctx.db.remove_if_empty::<Hash>(key);
    }
    Ok(())
}

fn set_one(hash: &mut Hash, field: &[u8], at: u64, now: u64, conditions: &Conditions) -> i64 {
    let Some(found) = hash.get(field, now) else { return NO_FIELD };
    if !conditions.hold(at as i64, found.expiry) {
        return NOT_ALLOWED;
    }
    if at <= now {
        hash.remove(field, now);
        return DELETED;
    }
    hash.set_expiry(field, Some(at), now);
    DONE
}

/// Argument `index` as the unix time in milliseconds that `timing` makes of it; it must not be negative.
pub(super) fn unix_ms(
    args: &Args<'_>,
    index: usize,
    timing: Timing,
    now: u64,
    command: &str,
) -> Result<u64, crate::Error> {
    let value = args.integer(index)?;
    if value < 0 {
        return Err(invalid_expire(command));
    }
    timing.unix_ms(value, now, command).map(i64::unsigned_abs)
}

/// Deleted fields go on as an HDEL.
pub(super) fn propagate_delete(ctx: &mut Ctx<'_>, key: &[u8], fields: &[&[u8]]) {
    ctx.replace(&[&[b"HDEL", key], fields].concat());
}

/// An expiry goes on as a time that does not depend on when it arrives.
pub(super) fn propagate_expiry(ctx: &mut Ctx<'_>, key: &[u8], at: u64, fields: &[&[u8]]) {
    let (at, count) = (IntegerText::new(at as i64), IntegerText::new(fields.len() as i64));
    let head: [&[u8]; 5] = [b"HPEXPIREAT", key, at.as_bytes(), b"FIELDS", count.as_bytes()];
    ctx.replace(&[&head, fields].concat());
}

/// Fields without expiry go on as an HPERSIST of just these.
pub(super) fn propagate_persist(ctx: &mut Ctx<'_>, key: &[u8], fields: &[&[u8]]) {
    let count = IntegerText::new(fields.len() as i64);
    let head: [&[u8]; 4] = [b"HPERSIST", key, b"FIELDS", count.as_bytes()];
    ctx.replace(&[&head, fields].concat());
}

/// Replies with the expiry of each field as `show` makes it.
fn tell(ctx: &mut Ctx<'_>, args: &Args<'_>, show: impl Fn(u64) -> u64) -> Outcome {
    if !args.is(2, "fields") {
        return Err(SYNTAX);
    }
    let fields =
        counted_fields(args, 2, 1).map_err(|error| if error == FIELD_COUNT { SYNTAX } else { error })?;
    let now = ctx.field_time_ms();
    let hash = ctx.db.read::<Hash>(args[1])?;
    ctx.reply.array(fields.len());
    for field in fields {
        let found = hash.and_then(|hash| hash.get(field, now));
        ctx.reply.integer(match found {
            None => NO_FIELD,
            Some(found) => found.expiry.map_or(NO_EXPIRY, |at| show(at) as i64),
        });
    }
    Ok(())
}

/// Rounded to the nearest second.
fn to_seconds(ms: u64) -> u64 {
    ms.saturating_add(500) / 1000
}
