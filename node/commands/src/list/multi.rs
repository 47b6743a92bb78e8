//! LMPOP and BLMPOP: elements from the first of several lists that has any.

use store::types::list::Side;

use super::{blocking, pop_many, side};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::error::{Error, SYNTAX};

const NO_KEYS: Error = Error::new("ERR numkeys should be greater than 0");
const NO_COUNT: Error = Error::new("ERR count should be greater than 0");

/// `LMPOP numkeys key [key ...] LEFT|RIGHT [COUNT count]`.
pub(crate) fn lmpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let request = Request::parse(args, 1)?;
    if !request.serve(ctx)? {
        ctx.reply.null_array();
    }
    Ok(())
}

/// `BLMPOP timeout numkeys key [key ...] LEFT|RIGHT [COUNT count]`.
pub(crate) fn blmpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let request = Request::parse(args, 2)?;
    let timeout_ms = blocking::timeout_ms(args, 1)?;
    if !request.serve(ctx)? {
        blocking::wait(ctx, request.keys, timeout_ms);
    }
    Ok(())
}

struct Request<'a> {
    keys: &'a [&'a [u8]],
    side: Side,
    count: usize,
}

impl<'a> Request<'a> {
    /// What stands from the number of keys on.
    fn parse(args: &'a Args<'_>, at: usize) -> Result<Request<'a>, Error> {
        let (keys, at) = counted_keys(args, at)?;
        let side = side(args, at)?;
        Ok(Request { keys, side, count: pop_count(args, at + 1)? })
    }

    /// Pops and replies, if any list has elements.
    fn serve(&self, ctx: &mut Ctx<'_>) -> Result<bool, Error> {
        for key in self.keys {
            let popped = pop_many(ctx, key, self.side, self.count, |reply| {
                reply.array(2);
                reply.bulk(key);
            })?;
            if popped > 0 {
                let name: &[u8] = if self.side == Side::Front { b"LPOP" } else { b"RPOP" };
                ctx.replace(&[name, key, popped.to_string().as_bytes()]);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The keys whose number stands at `at`, and the index of the word behind them, which must be there.
pub(crate) fn counted_keys<'a>(args: &'a Args<'_>, at: usize) -> Result<(&'a [&'a [u8]], usize), Error> {
    let count = args.integer(at).ok().and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| *count > 0).ok_or(NO_KEYS)?;
    let end = (at + 1).saturating_add(count);
    if end >= args.len() {
        return Err(SYNTAX);
    }
    Ok((&args[at + 1..end], end))
}

/// `[COUNT count]` from `at` to the end; 1 when it is not there.
pub(crate) fn pop_count(args: &Args<'_>, at: usize) -> Result<usize, Error> {
    let rest = args.len() - at;
    if rest == 0 {
        return Ok(1);
    }
    if rest < 2 || !args.is(at, "count") {
        return Err(SYNTAX);
    }
    // A wrong count is found before a word too many.
    let count = args.integer(at + 1).ok().and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| *count > 0).ok_or(NO_COUNT)?;
    if rest > 2 { Err(SYNTAX) } else { Ok(count) }
}
