//! Times as commands take them: relative or absolute, in seconds or milliseconds, to unix milliseconds; and what
//! happens to a key whose new time is over already.

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Class;
use crate::error::{Error, invalid_expire};

/// What a number given as an expiry means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    /// Seconds from now: EX, EXPIRE.
    Seconds,
    /// Milliseconds from now: PX, PEXPIRE.
    Milliseconds,
    /// Unix time in seconds: EXAT, EXPIREAT.
    UnixSeconds,
    /// Unix time in milliseconds: PXAT, PEXPIREAT.
    UnixMilliseconds,
}

impl Timing {
    /// The meaning that option word `index` gives to the number behind it: EX, PX, EXAT or PXAT.
    pub(crate) fn of_option(args: &Args<'_>, index: usize) -> Option<Timing> {
        let names = [
            ("ex", Timing::Seconds),
            ("px", Timing::Milliseconds),
            ("exat", Timing::UnixSeconds),
            ("pxat", Timing::UnixMilliseconds),
        ];
        names.into_iter().find(|(name, _)| args.is(index, name)).map(|(_, timing)| timing)
    }

    /// Whether the number counts from now.
    pub(crate) fn is_relative(self) -> bool {
        matches!(self, Timing::Seconds | Timing::Milliseconds)
    }

    /// `value` as unix milliseconds, perhaps long ago or negative; an overflow is the error of `command`.
    pub(crate) fn unix_ms(self, value: i64, now_ms: u64, command: &str) -> Result<i64, Error> {
        let ms = match self {
            Timing::Seconds | Timing::UnixSeconds => value.checked_mul(1000),
            Timing::Milliseconds | Timing::UnixMilliseconds => Some(value),
        };
        let base = if self.is_relative() { now_ms as i64 } else { 0 };
        ms.and_then(|ms| ms.checked_add(base)).ok_or_else(|| invalid_expire(command))
    }

    /// As [`Timing::unix_ms`], where zero and negative numbers are an error too: SET, GETEX and the like.
    pub(crate) fn positive_unix_ms(self, value: i64, now_ms: u64, command: &str) -> Result<u64, Error> {
        if value <= 0 {
            return Err(invalid_expire(command));
        }
        self.unix_ms(value, now_ms, command).map(i64::unsigned_abs)
    }
}

/// Deletes the key, if it is there, because it was given a time that is over.
pub(crate) fn expire_now(ctx: &mut Ctx<'_>, key: &[u8]) {
    if ctx.db.remove(key) {
        ctx.replace(&[b"UNLINK", key]);
        ctx.wrote(key, Class::Generic, "del");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meanings_and_limits() {
        let now = 1_700_000_000_123;
        let ms = |timing: Timing, value| timing.unix_ms(value, now, "expire").ok();
        assert_eq!(ms(Timing::Seconds, 2), Some(1_700_000_002_123));
        assert_eq!(ms(Timing::Milliseconds, -5), Some(1_700_000_000_118));
        assert_eq!(ms(Timing::UnixSeconds, -7), Some(-7000));
        assert_eq!(ms(Timing::UnixMilliseconds, i64::MAX), Some(i64::MAX));
        for (timing, value) in [
            (Timing::Seconds, i64::MAX / 1000),
            (Timing::Milliseconds, i64::MAX),
            (Timing::UnixSeconds, i64::MAX / 1000 + 1),
            (Timing::UnixSeconds, i64::MIN / 1000 - 1),
        ] {
            assert_eq!(ms(timing, value), None, "{timing:?} {value}");
        }
        let positive = |value| Timing::UnixSeconds.positive_unix_ms(value, now, "set");
        assert_eq!((positive(1), positive(0)), (Ok(1000), Err(invalid_expire("set"))));
    }
}
