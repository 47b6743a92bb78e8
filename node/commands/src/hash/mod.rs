//! The hash commands.
//!
//! Fields can expire on their own. A field whose time has come is gone for every command at once: the store
//! hides it from whoever says what time it is ("now"), until active expiry frees it. Only HLEN counts what
//! is stored, as Redis's does, because counting what is alive takes a walk.

mod expire;
mod number;
mod random;
mod read;
#[cfg(test)]
mod tests;
mod timed;
mod write;

use store::types::Hash;

use crate::args::Args;
use crate::error::{Error, SYNTAX};

pub(crate) use expire::{
    hexpire, hexpireat, hexpiretime, hpersist, hpexpire, hpexpireat, hpexpiretime, hpttl, httl,
};
pub(crate) use number::{hincrby, hincrbyfloat};
pub(crate) use random::hrandfield;
pub(crate) use read::{hexists, hget, hgetall, hkeys, hlen, hmget, hscan, hstrlen, hvals};
pub(crate) use timed::{hgetex, hsetex};
pub(crate) use write::{hdel, hgetdel, hmset, hset, hsetnx};

/// The number of fields a command announces is not the number it has.
const FIELD_COUNT: Error =
    Error::new("ERR numfields should be greater than 0 and match the provided number of fields");

/// Whether `hash` has, or has had, fields that expire: then what a command does to it depends on the time,
/// and goes on in words that do not.
fn is_timed(hash: &Hash) -> bool {
    hash.next_expiry().is_some()
}

/// Where `FIELDS` stands at `from` or later, with something behind it.
fn fields_keyword(args: &Args<'_>, from: usize) -> Option<usize> {
    (from..args.len().saturating_sub(1)).find(|&at| args.is(at, "fields"))
}

/// The fields behind `FIELDS numfields`, where `FIELDS` stands at `at`; each takes `width` arguments.
fn counted_fields<'a>(args: &Args<'a>, at: usize, width: usize) -> Result<Vec<&'a [u8]>, Error> {
    let announced = usize::try_from(args.integer(at + 1)?).ok();
    let fields = &args[at + 2..];
    let fits = announced.is_some_and(|count| count > 0 && count.checked_mul(width) == Some(fields.len()));
    if fits { Ok(fields.to_vec()) } else { Err(FIELD_COUNT) }
}

/// The fields of `command key FIELDS numfields field [field ...]`, the keyword in its one place.
fn plain_fields<'a>(args: &Args<'a>) -> Result<Vec<&'a [u8]>, Error> {
    if args.is(2, "fields") { counted_fields(args, 2, 1) } else { Err(SYNTAX) }
}
