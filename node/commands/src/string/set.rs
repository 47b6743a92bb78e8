//! SET and its relatives: a value put under a key, with conditions and an expiry.

use resp::IntegerText;
use store::Value;

use super::{reply_string, reply_with, value};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::db::Expire;
use crate::effects::{Class, Outcome};
use crate::error::{Error, SYNTAX};
use crate::expiry::{Timing, expire_now};

/// The options of SET and GETEX.
#[derive(Default)]
struct Options {
    if_absent: bool,
    if_present: bool,
    get: bool,
    keep_ttl: bool,
    persist: bool,
    /// What the expiry means, and which argument it is.
    expiry: Option<(Timing, usize)>,
}

/// Which of the two a set of options belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    Set,
    Getex,
}

impl Options {
    fn parse(args: &Args<'_>, of: Of) -> Result<Options, Error> {
        let mut options = Options::default();
        let mut at = if of == Of::Set { 3 } else { 2 };
        while at < args.len() {
            let timed = options.keep_ttl || options.persist;
            if of == Of::Set && args.is(at, "nx") && !options.if_present {
                options.if_absent = true;
            } else if of == Of::Set && args.is(at, "xx") && !options.if_absent {
                options.if_present = true;
            } else if of == Of::Set && args.is(at, "get") {
                options.get = true;
            } else if of == Of::Set && args.is(at, "keepttl") && options.expiry.is_none() {
                options.keep_ttl = true;
            } else if of == Of::Getex && args.is(at, "persist") && options.expiry.is_none() {
                options.persist = true;
            } else if let Some(timing) = Timing::of_option(args, at).filter(|_| !timed && at + 1 < args.len())
            {
                // The same option may come again; its last number counts.
                if options.expiry.is_some_and(|(other, _)| other != timing) {
                    return Err(SYNTAX);
                }
                at += 1;
                options.expiry = Some((timing, at));
            } else {
                return Err(SYNTAX);
            }
            at += 1;
        }
        Ok(options)
    }

    /// The expiry in unix milliseconds, if one is given.
    fn deadline(&self, ctx: &Ctx<'_>, args: &Args<'_>, command: &str) -> Result<Option<u64>, Error> {
        let Some((timing, at)) = self.expiry else { return Ok(None) };
        timing.positive_unix_ms(args.integer(at)?, ctx.now_ms(), command).map(Some)
    }
}

/// `SET key value [NX | XX] [GET] [EX seconds | PX ms | EXAT unix-s | PXAT unix-ms | KEEPTTL]`.
pub(crate) fn set(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    if args.len() == 3 {
        put(ctx, args[1], value(args, 2), Expire::Clear);
        ctx.reply.ok();
        return Ok(());
    }
    let options = Options::parse(args, Of::Set)?;
    let key = args[1];
    let deadline = options.deadline(ctx, args, "set")?;
    if options.get {
        reply_string(ctx, key)?;
    }
    if (options.if_absent || options.if_present) && ctx.db.exists(key) != options.if_present {
        if !options.get {
            ctx.reply.null();
        }
        return Ok(());
    }
    match deadline {
        Some(at_ms) => {
            let is_absolute = matches!(options.expiry, Some((Timing::UnixMilliseconds, _)));
            put_until(ctx, args, 2, at_ms, is_absolute);
        }
        None => {
            let expire = if options.keep_ttl { Expire::Keep } else { Expire::Clear };
            put(ctx, key, value(args, 2), expire);
            if options.get {
                let is_kept = |i: &usize| *i < 3 || !args.is(*i, "get");
                let words: Vec<&[u8]> = (0..args.len()).filter(is_kept).map(|i| args[i]).collect();
                ctx.replace(&words);
            }
        }
    }
    if !options.get {
        ctx.reply.ok();
    }
    Ok(())
}

/// `SETNX key value`: 1 when it was set, else 0.
pub(crate) fn setnx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let absent = !ctx.db.exists(args[1]);
    if absent {
        put(ctx, args[1], value(args, 2), Expire::Clear);
    }
    ctx.reply.integer(i64::from(absent));
    Ok(())
}

/// `SETEX key seconds value`.
pub(crate) fn setex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    set_timed(ctx, args, Timing::Seconds, "setex")
}

/// `PSETEX key ms value`.
pub(crate) fn psetex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    set_timed(ctx, args, Timing::Milliseconds, "psetex")
}

fn set_timed(ctx: &mut Ctx<'_>, args: &Args<'_>, timing: Timing, command: &str) -> Outcome {
    let at_ms = timing.positive_unix_ms(args.integer(2)?, ctx.now_ms(), command)?;
    put_until(ctx, args, 3, at_ms, false);
    ctx.reply.ok();
    Ok(())
}

/// `GETSET key value`.
pub(crate) fn getset(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    reply_string(ctx, args[1])?;
    put(ctx, args[1], value(args, 2), Expire::Clear);
    ctx.replace(&[b"SET", args[1], args[2]]);
    Ok(())
}

/// `GETEX key [EX seconds | PX ms | EXAT unix-s | PXAT unix-ms | PERSIST]`.
pub(crate) fn getex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let options = Options::parse(args, Of::Getex)?;
    let deadline = options.deadline(ctx, args, "getex")?;
    let key = args[1];
    let Some(string) = ctx.db.read_string(key)? else {
        ctx.reply.null();
        return Ok(());
    };
    reply_with(ctx.reply, string);
    match deadline {
        Some(at_ms) if ctx.db.is_over(at_ms) => expire_now(ctx, key),
        Some(at_ms) => {
            ctx.db.set_expire(key, Some(at_ms));
            ctx.replace(&[b"PEXPIREAT", key, IntegerText::new(at_ms as i64).as_bytes()]);
            ctx.wrote(key, Class::Generic, "expire");
        }
        None if options.persist && ctx.db.expire_ms(key).is_some() => {
            ctx.db.set_expire(key, None);
            ctx.replace(&[b"PERSIST", key]);
            ctx.wrote(key, Class::Generic, "persist");
        }
        None => {}
    }
    Ok(())
}

fn put(ctx: &mut Ctx<'_>, key: &[u8], value: Value<'_>, expire: Expire) {
    ctx.db.set(key, value, expire);
    ctx.wrote(key, Class::String, "set");
}

/// Puts argument `index` under the key until `at_ms`. A time that is over already deletes the key instead. What
/// goes on to replicas has an absolute time; `is_absolute` tells that the command's own words have it.
fn put_until(ctx: &mut Ctx<'_>, args: &Args<'_>, index: usize, at_ms: u64, is_absolute: bool) {
    let key = args[1];
    if ctx.db.is_over(at_ms) {
        expire_now(ctx, key);
        return;
    }
    put(ctx, key, value(args, index), Expire::At(at_ms));
    if !is_absolute {
        ctx.replace(&[b"SET", key, args[index], b"PXAT", IntegerText::new(at_ms as i64).as_bytes()]);
    }
    ctx.notify(key, Class::Generic, "expire");
}
