//! BLPOP and BRPOP, and how commands wait.
//!
//! A command that finds nothing asks to wait for its keys and ends without a reply. It runs again from its
//! first word when one of them was written; then it answers, or asks to wait again.

use store::types::list::Side;

use super::pop_one;
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Outcome, Unblocked};
use crate::error::Error;
use crate::long_double::LongDouble;

const TIMEOUT_NOT_FLOAT: Error = Error::new("ERR timeout is not a float or out of range");
const TIMEOUT_NEGATIVE: Error = Error::new("ERR timeout is negative");
const TIMEOUT_OUT_OF_RANGE: Error = Error::new("ERR timeout is out of range");

/// `BLPOP key [key ...] timeout`.
pub(crate) fn blpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    pop_or_wait(ctx, args, Side::Front, b"LPOP")
}

/// `BRPOP key [key ...] timeout`.
pub(crate) fn brpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    pop_or_wait(ctx, args, Side::Back, b"RPOP")
}

fn pop_or_wait(ctx: &mut Ctx<'_>, args: &Args<'_>, side: Side, name: &[u8]) -> Outcome {
    let last = args.len() - 1;
    let timeout_ms = timeout_ms(args, last)?;
    for key in &args[1..last] {
        let popped = pop_one(ctx, key, side, |reply| {
            reply.array(2);
            reply.bulk(key);
        })?;
        if popped {
            ctx.replace(&[name, key]);
            return Ok(());
        }
    }
    wait(ctx, &args[1..last], timeout_ms);
    Ok(())
}

/// Waits for one of `keys`, answering with a null array when the time is over.
pub(crate) fn wait(ctx: &mut Ctx<'_>, keys: &[&[u8]], timeout_ms: u64) {
    ctx.block(keys, timeout_ms, Unblocked::NullArray);
}

/// Argument `index`, seconds as a double, as milliseconds rounded up; 0 is for ever.
pub(crate) fn timeout_ms(args: &Args<'_>, index: usize) -> Result<u64, Error> {
    let ms = (LongDouble::parse(args[index]).ok_or(TIMEOUT_NOT_FLOAT)?.to_double() * 1000.0).ceil();
    if ms >= i64::MAX as f64 {
        return Err(TIMEOUT_OUT_OF_RANGE);
    }
    if ms < 0.0 { Err(TIMEOUT_NEGATIVE) } else { Ok(ms as u64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts() {
        let ms = |text: &str| timeout_ms(&Args::new(&[text.as_bytes()]), 0);
        assert_eq!((ms("0"), ms("0.0001"), ms("1.5"), ms("-0.0")), (Ok(0), Ok(1), Ok(1500), Ok(0)));
        assert_eq!((ms("-1"), ms("-0.001")), (Err(TIMEOUT_NEGATIVE), Err(TIMEOUT_NEGATIVE)));
        assert_eq!(
            (ms("x"), ms(""), ms("nan")),
            (Err(TIMEOUT_NOT_FLOAT), Err(TIMEOUT_NOT_FLOAT), Err(TIMEOUT_NOT_FLOAT))
        );
        assert_eq!(
            (ms("1e400"), ms("9223372036854775807")),
            (Err(TIMEOUT_OUT_OF_RANGE), Err(TIMEOUT_OUT_OF_RANGE))
        );
    }
}
