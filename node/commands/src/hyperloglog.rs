//! The HyperLogLog commands: PFADD, PFCOUNT, PFMERGE and the debugging ones.
//!
//! A HyperLogLog is a string like any other (`store::types::hyperloglog` works on its bytes), so these commands
//! read and write strings. A dense one is changed where it lies: copying 12 KiB for each element added would cost
//! more than the addition.

use std::borrow::Cow;

use store::types::hyperloglog::{self as hll, Encoding, HllError};
use store::{StrRef, Value};

use crate::args::Args;
use crate::ctx::Ctx;
use crate::db::Expire;
use crate::effects::{Class, Outcome};
use crate::error::{Error, WRONG_TYPE};

impl From<HllError> for Error {
    fn from(error: HllError) -> Error {
        Error::new(error.message())
    }
}

/// A copy of the HyperLogLog at `key`, to be changed; not a read for the statistics.
fn copy_of(ctx: &mut Ctx<'_>, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let Some(entry) = ctx.db.peek(key) else { return Ok(None) };
    let value = entry.string().ok_or(WRONG_TYPE)?.to_cow().into_owned();
    hll::encoding(&value)?;
    Ok(Some(value))
}

/// Puts a changed HyperLogLog back.
fn put(ctx: &mut Ctx<'_>, key: &[u8], value: &[u8]) {
    ctx.db.set(key, Value::Raw(value), Expire::Keep);
}

/// The HyperLogLog at `key`, to be read.
fn read<'a>(ctx: &'a mut Ctx<'_>, key: &[u8]) -> Result<Option<Cow<'a, [u8]>>, Error> {
    let value = ctx.db.read_string(key)?.as_ref().map(StrRef::to_cow);
    if let Some(value) = &value {
        hll::encoding(value)?;
    }
    Ok(value)
}

/// PFADD key [element ...]
pub(crate) fn pfadd(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let (key, elements) = (args[1], &args[2..]);
    let is_dense = match ctx.db.peek(key) {
        Some(entry) => hll::encoding(&entry.string().ok_or(WRONG_TYPE)?.to_cow())? == Encoding::Dense,
        None => false,
    };
    let is_changed =
        if is_dense { add_in_place(ctx, key, elements)? } else { add_to_copy(ctx, key, elements)? };
    if is_changed {
        ctx.wrote(key, Class::String, "pfadd");
    }
    ctx.reply.integer(i64::from(is_changed));
    Ok(())
}

/// Adds to a dense HyperLogLog; whether it changed.
fn add_in_place(ctx: &mut Ctx<'_>, key: &[u8], elements: &[&[u8]]) -> Result<bool, Error> {
    let add_all = |value: &mut [u8]| {
        let mut is_changed = false;
        for element in elements {
            is_changed |= hll::add_in_place(value, element)?.unwrap_or_default();
        }
        Ok(is_changed)
    };
    ctx.db.edit_string(key, hll::DENSE_LEN, add_all).unwrap_or(Ok(false))
}

/// Adds to a sparse HyperLogLog, or makes one; whether it changed.
fn add_to_copy(ctx: &mut Ctx<'_>, key: &[u8], elements: &[&[u8]]) -> Result<bool, Error> {
    let sparse_max_bytes = ctx.settings.limits.hll_sparse_max_bytes;
    let found = copy_of(ctx, key)?;
    let mut is_changed = found.is_none();
    let mut value = found.unwrap_or_else(hll::new);
    for element in elements {
        is_changed |= hll::add(&mut value, element, sparse_max_bytes)?;
    }
    if is_changed {
        hll::mark_stale(&mut value);
        put(ctx, key, &value);
    }
    Ok(is_changed)
}

/// PFCOUNT key [key ...]
pub(crate) fn pfcount(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    if args.len() > 2 {
        let union = union_of(ctx, &args[1..])?;
        ctx.reply.integer(union.estimate() as i64);
        return Ok(());
    }
    let key = args[1];
    let Some(value) = read(ctx, key)? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let count = match hll::cached_count(&value) {
        Some(count) => count,
        None => {
            let (count, len) = (hll::estimate(&value)?, value.len());
            ctx.db.edit_string(key, len, |value| hll::store_count(value, count));
            // The cache is part of the value, so a count is a write the first time.
            ctx.db.effects.modified(key);
            count
        }
    };
    ctx.reply.integer(count as i64);
    Ok(())
}

/// The union of the HyperLogLogs at `keys`, those that are there.
fn union_of(ctx: &mut Ctx<'_>, keys: &[&[u8]]) -> Result<hll::Union, Error> {
    let mut union = hll::Union::default();
    for key in keys {
        if let Some(value) = read(ctx, key)? {
            union.merge(&value)?;
        }
    }
    Ok(union)
}

/// PFMERGE destination [source ...]
pub(crate) fn pfmerge(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let key = args[1];
    let union = union_of(ctx, &args[1..])?;
    let mut value = copy_of(ctx, key)?.unwrap_or_else(hll::new);
    union.write_to(&mut value, ctx.settings.limits.hll_sparse_max_bytes)?;
    put(ctx, key, &value);
    ctx.wrote(key, Class::String, "pfadd");
    ctx.reply.ok();
    Ok(())
}

/// PFDEBUG GETREG|DECODE|ENCODING|TODENSE key
pub(crate) fn pfdebug(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    const NO_KEY: Error = Error::new("ERR The specified key does not exist");
    const NOT_SPARSE: Error = Error::new("ERR HLL encoding is not sparse");
    let key = args[2];
    let mut value = copy_of(ctx, key)?.ok_or(NO_KEY)?;
    if args.is(1, "getreg") {
        let mut registers = hll::Union::default();
        registers.merge(&value)?;
        make_dense(ctx, key, &mut value)?;
        ctx.reply.array(hll::REGISTERS);
        registers.ranks().iter().for_each(|rank| ctx.reply.integer(i64::from(*rank)));
    } else if args.is(1, "decode") {
        let text = hll::decode(&value)?.ok_or(NOT_SPARSE)?;
        ctx.reply.bulk(text.as_bytes());
    } else if args.is(1, "encoding") {
        ctx.reply.simple(hll::encoding(&value)?.name());
    } else if args.is(1, "todense") {
        let is_changed = make_dense(ctx, key, &mut value)?;
        ctx.reply.integer(i64::from(is_changed));
    } else {
        let name = String::from_utf8_lossy(args[1]);
        return Err(Error::text(format!("ERR Unknown PFDEBUG subcommand '{name}'")));
    }
    Ok(())
}

/// Stores `value` in its dense form; whether it was sparse.
fn make_dense(ctx: &mut Ctx<'_>, key: &[u8], value: &mut Vec<u8>) -> Result<bool, Error> {
    let is_changed = hll::to_dense(value)?;
    if is_changed {
        put(ctx, key, value);
        ctx.db.effects.modified(key);
    }
    Ok(is_changed)
}

/// PFSELFTEST
pub(crate) fn pfselftest(ctx: &mut Ctx<'_>, _args: &Args<'_>) -> Outcome {
    let seed = ctx.random.bits();
    hll::self_test(seed, ctx.settings.limits.hll_sparse_max_bytes).map_err(Error::text)?;
    ctx.reply.ok();
    Ok(())
}
