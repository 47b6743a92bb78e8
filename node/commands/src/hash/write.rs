//! HSET and the other commands that set and delete fields.

use store::types::Hash;
use store::types::hash::Expiry;

use super::read::reply_value;
use super::{is_timed, plain_fields};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Class, Outcome};
use crate::error::{Error, wrong_arity};

/// `HSET key field value [field value ...]`: the number of fields that are new.
pub(crate) fn hset(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let created = set_pairs(ctx, args, "hset")?;
    ctx.reply.integer(created);
    Ok(())
}

/// `HMSET key field value [field value ...]`.
pub(crate) fn hmset(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    set_pairs(ctx, args, "hmset")?;
    ctx.reply.ok();
    Ok(())
}

fn set_pairs(ctx: &mut Ctx<'_>, args: &Args<'_>, command: &str) -> Result<i64, Error> {
    let (pairs, rest) = args[2..].as_chunks::<2>();
    if !rest.is_empty() {
        return Err(wrong_arity(command));
    }
    let (key, now, limits) = (args[1], ctx.field_time_ms(), &ctx.settings.limits);
    let hash = ctx.db.write_or_create::<Hash>(key)?;
    hash.expect(pairs.len(), limits);
    let (mut created, mut expired) = (0, false);
    for [field, value] in pairs {
        expired |= hash.has_expired(field, now);
        created += i64::from(hash.set(field, value, Expiry::Never, now, limits));
    }
    if expired {
        ctx.notify(key, Class::Hash, "hexpired");
    }
    ctx.wrote(key, Class::Hash, "hset");
    Ok(created)
}

/// `HSETNX key field value`: 1 when it was set, else 0.
pub(crate) fn hsetnx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let (key, field, now, limits) = (args[1], args[2], ctx.field_time_ms(), &ctx.settings.limits);
    let hash = ctx.db.write_or_create::<Hash>(key)?;
    if hash.get(field, now).is_some() {
        ctx.reply.integer(0);
        return Ok(());
    }
    let (timed, expired) = (is_timed(hash), hash.has_expired(field, now));
    hash.set(field, args[3], Expiry::Never, now, limits);
    if timed {
        ctx.replace(&[b"HSET", key, field, args[3]]);
    }
    if expired {
        ctx.notify(key, Class::Hash, "hexpired");
    }
    ctx.wrote(key, Class::Hash, "hset");
    ctx.reply.integer(1);
    Ok(())
}

/// `HDEL key field [field ...]`: the number of fields deleted.
pub(crate) fn hdel(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let (key, now) = (args[1], ctx.field_time_ms());
    let deleted = match ctx.db.write::<Hash>(key)? {
        Some(hash) => args[2..].iter().filter(|field| hash.remove(field, now)).count(),
        None => 0,
    };
    if deleted > 0 {
        ctx.wrote(key, Class::Hash, "hdel");
        ctx.db.remove_if_empty::<Hash>(key);
    }
    ctx.reply.integer(deleted as i64);
    Ok(())
}

/// `HGETDEL key FIELDS numfields field [field ...]`: the values, their fields deleted.
pub(crate) fn hgetdel(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let fields = plain_fields(args)?;
    let (key, now) = (args[1], ctx.field_time_ms());
    let mut hash = ctx.db.write::<Hash>(key)?;
    let mut words: Vec<&[u8]> = vec![b"HDEL", key];
    ctx.reply.array(fields.len());
    for field in fields {
        reply_value(ctx.reply, hash.as_ref().and_then(|hash| hash.get(field, now)));
        if hash.as_mut().is_some_and(|hash| hash.remove(field, now)) {
            words.push(field);
        }
    }
    if words.len() > 2 {
        ctx.replace(&words);
        ctx.wrote(key, Class::Hash, "hdel");
        ctx.db.remove_if_empty::<Hash>(key);
    }
    Ok(())
}
