//! The string commands.
//!
//! A string is a number, short bytes beside its key, or a long buffer with owners of its own; see `store`. A long
//! value is received into such a buffer, kept as it is, and sent from where it lies.

mod lcs;
mod many;
mod number;
mod part;
mod set;
#[cfg(test)]
mod tests;

use resp::Reply;
use store::{EMBED_MAX, StrRef, Value};

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Class, Outcome};

pub(crate) use lcs::lcs;
pub(crate) use many::{mget, mset, msetnx};
pub(crate) use number::{decr, decrby, incr, incrby, incrbyfloat};
pub(crate) use part::{append, edit, getrange, set_raw, setrange, string_len, strlen, substr};
pub(crate) use set::{getex, getset, psetex, set, setex, setnx};

/// `GET key`.
pub(crate) fn get(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    reply_string(ctx, args[1])
}

/// `GETDEL key`.
pub(crate) fn getdel(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let key = args[1];
    reply_string(ctx, key)?;
    if ctx.db.remove(key) {
        ctx.replace(&[b"DEL", key]);
        ctx.wrote(key, Class::Generic, "del");
    }
    Ok(())
}

/// Replies with the string at `key`, or null.
fn reply_string(ctx: &mut Ctx<'_>, key: &[u8]) -> Outcome {
    match ctx.db.read_string(key)? {
        Some(string) => reply_with(ctx.reply, string),
        None => ctx.reply.null(),
    }
    Ok(())
}

#[inline]
fn reply_with(reply: &mut Reply, string: StrRef<'_>) {
    match string {
        StrRef::Int(number) => reply.bulk_integer(number),
        StrRef::Bytes(bytes) => reply.bulk(bytes),
        StrRef::Blob(blob) => reply.blob(blob),
    }
}

/// Argument `index` as a value to store: a long one is taken over without a copy.
#[inline]
fn value<'a>(args: &Args<'a>, index: usize) -> Value<'a> {
    match args.shared(index) {
        Some(buffer) if buffer.len() > EMBED_MAX => Value::Blob(buffer.clone()),
        _ => Value::string(args[index]),
    }
}
