//! Expiry of keys: EXPIRE and its like, TTL and its like, PERSIST.

use resp::IntegerText;

use super::look;
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Class, Outcome};
use crate::error::Error;
use crate::expiry::{Timing, expire_now};

const NX_ALONE: Error = Error::new("ERR NX and XX, GT or LT options at the same time are not compatible");
const GT_OR_LT: Error = Error::new("ERR GT and LT options at the same time are not compatible");

/// When an expiry is to be set: each is a condition on the one the key has.
#[derive(Default)]
pub(crate) struct Conditions {
    none_yet: bool,
    some_already: bool,
    later: bool,
    sooner: bool,
}

/// `EXPIRE key seconds [NX | XX | GT | LT]`.
pub(crate) fn expire(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    set(ctx, args, Timing::Seconds, "expire")
}

/// `PEXPIRE key ms [NX | XX | GT | LT]`.
pub(crate) fn pexpire(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    set(ctx, args, Timing::Milliseconds, "pexpire")
}

/// `EXPIREAT key unix-s [NX | XX | GT | LT]`.
pub(crate) fn expireat(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    set(ctx, args, Timing::UnixSeconds, "expireat")
}

/// `PEXPIREAT key unix-ms [NX | XX | GT | LT]`.
pub(crate) fn pexpireat(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    set(ctx, args, Timing::UnixMilliseconds, "pexpireat")
}

/// `TTL key`: seconds, -1 without expiry, -2 without key.
pub(crate) fn ttl(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let now_ms = ctx.now_ms();
    tell(ctx, args, |at_ms| to_seconds(at_ms.saturating_sub(now_ms)))
}

/// `PTTL key`: as TTL, in milliseconds.
pub(crate) fn pttl(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let now_ms = ctx.now_ms();
    tell(ctx, args, |at_ms| at_ms.saturating_sub(now_ms))
}

/// `EXPIRETIME key`: unix seconds, -1 without expiry, -2 without key.
pub(crate) fn expiretime(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    tell(ctx, args, to_seconds)
}

/// `PEXPIRETIME key`: as EXPIRETIME, in milliseconds.
pub(crate) fn pexpiretime(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    tell(ctx, args, |at_ms| at_ms)
}

/// `PERSIST key`: 1 when an expiry was removed, else 0.
pub(crate) fn persist(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let key = args[1];
    let had_expiry = ctx.db.expire_ms(key).is_some();
    if had_expiry {
        ctx.db.set_expire(key, None);
        ctx.wrote(key, Class::Generic, "persist");
    }
    ctx.reply.integer(i64::from(had_expiry));
    Ok(())
}

/// Sets the expiry; a time that is over deletes the key at once. Replies 1 when done, 0 when there is no key or a
/// condition does not hold.
fn set(ctx: &mut Ctx<'_>, args: &Args<'_>, timing: Timing, command: &str) -> Outcome {
    let conditions = Conditions::parse(args)?;
    let key = args[1];
    let at_ms = timing.unix_ms(args.integer(2)?, ctx.now_ms(), command)?;
    let current = ctx.db.peek(key).map(|entry| entry.expire_at());
    if current.is_none_or(|current| !conditions.hold(at_ms, current)) {
        ctx.reply.integer(0);
        return Ok(());
    }
    let at_ms = at_ms.max(0).unsigned_abs();
    if ctx.db.is_over(at_ms) {
        expire_now(ctx, key);
    } else {
        ctx.db.set_expire(key, Some(at_ms));
        propagate(ctx, args, timing, at_ms);
        ctx.wrote(key, Class::Generic, "expire");
    }
    ctx.reply.integer(1);
    Ok(())
}

/// The command goes on as a PEXPIREAT with the same conditions.
fn propagate(ctx: &mut Ctx<'_>, args: &Args<'_>, timing: Timing, at_ms: u64) {
    if timing == Timing::UnixMilliseconds {
        return;
    }
    let time = IntegerText::new(at_ms as i64);
    let mut words: Vec<&[u8]> = args.to_vec();
    words[0] = b"PEXPIREAT";
    words[2] = time.as_bytes();
    ctx.replace(&words);
}

fn tell(ctx: &mut Ctx<'_>, args: &Args<'_>, show: impl Fn(u64) -> u64) -> Outcome {
    let expiry = look(ctx, args[1], |entry| entry.expire_at());
    ctx.reply.integer(match expiry {
        None => -2,
        Some(None) => -1,
        Some(Some(at_ms)) => show(at_ms) as i64,
    });
    Ok(())
}

/// Rounded to the nearest second.
fn to_seconds(ms: u64) -> u64 {
    ms.saturating_add(500) / 1000
}

impl Conditions {
    pub(crate) fn parse(args: &Args<'_>) -> Result<Conditions, Error> {
        let mut conditions = Conditions::default();
        for at in 3..args.len() {
            if args.is(at, "nx") {
                conditions.none_yet = true;
            } else if args.is(at, "xx") {
                conditions.some_already = true;
            } else if args.is(at, "gt") {
                conditions.later = true;
            } else if args.is(at, "lt") {
                conditions.sooner = true;
            } else {
                let option = String::from_utf8_lossy(args[at]);
                return Err(Error::text(format!("ERR Unsupported option {option}")));
            }
        }
        let Conditions { none_yet, some_already, later, sooner } = conditions;
        match () {
            () if none_yet && (some_already || later || sooner) => Err(NX_ALONE),
            () if later && sooner => Err(GT_OR_LT),
            () => Ok(conditions),
        }
    }

    /// Whether they allow `at_ms` in place of `current`; no expiry counts as the latest of all.
    pub(crate) fn hold(&self, at_ms: i64, current: Option<u64>) -> bool {
        let refused = match current.map(|ms| ms as i64) {
            None => self.some_already || self.later,
            Some(ms) => self.none_yet || (self.later && at_ms <= ms) || (self.sooner && at_ms >= ms),
        };
        !refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(options: &str, at_ms: i64, current: Option<u64>) -> bool {
        let words: Vec<&[u8]> =
            ["pexpireat", "k", "1"].into_iter().chain(options.split(' ')).map(str::as_bytes).collect();
        Conditions::parse(&Args::new(&words)).unwrap().hold(at_ms, current)
    }

    #[test]
    fn conditions() {
        for (options, none, same, later) in [
            ("nx", true, false, false),
            ("xx", false, true, true),
            ("gt", false, false, false),
            ("LT", true, false, true),
            ("xx lt", false, false, true),
            ("xx gt", false, false, false),
        ] {
            let got = [None, Some(100), Some(200)].map(|current| allowed(options, 100, current));
            assert_eq!(got, [none, same, later], "{options}");
        }
        assert!(allowed("gt", 100, Some(50)) && !allowed("lt", 100, Some(50)));
    }
}
