//! What SRANDMEMBER and HRANDFIELD share: the meaning of their count.

use crate::args::Args;
use crate::error::{Error, OUT_OF_RANGE};

const OUT_OF_LONG: Error =
    Error::new("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807");

/// Most draws of one command. Redis sends as many as are asked for while its memory lasts; here a core
/// serves others too, and what is more than this is no question for an answer.
const DRAWS_MAX: u64 = 1 << 24;

/// What a count asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Picks {
    /// So many different elements, or all when there are fewer.
    Different(usize),
    /// So many elements drawn one by one, perhaps the same again.
    Draws(usize),
}

/// The count at argument 2.
pub(crate) fn picks(args: &Args<'_>) -> Result<Picks, Error> {
    match args.integer(2)? {
        i64::MIN => Err(OUT_OF_LONG),
        count @ 0.. => Ok(Picks::Different(count as usize)),
        count if count.unsigned_abs() > DRAWS_MAX => Err(OUT_OF_RANGE),
        count => Ok(Picks::Draws(count.unsigned_abs() as usize)),
    }
}
