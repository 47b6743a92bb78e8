//! COPY: a value and its expiry under another key.

use store::types::int::IntText;
use store::types::{Hash, Limits, List, Set, Stream, Zset};
use store::{EntryRef, StrRef, Value};

use crate::args::Args;
use crate::ctx::Ctx;
use crate::db::Expire;
use crate::effects::{Class, Outcome};
use crate::error::{Error, SYNTAX};

const SAME_KEY: Error = Error::new("ERR source and destination objects are the same");
const NO_DB_NUMBER: Error =
    Error::new("ERR value is out of range, value must between -2147483648 and 2147483647");
const BAD_DB: Error = Error::new("ERR DB index is out of range");

/// `COPY source destination [DB 0] [REPLACE]`: 1 when copied, 0 when there is no source, or a destination and no
/// REPLACE.
pub(crate) fn copy(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let replace = parse(args)?;
    let (from, to) = (args[1], args[2]);
    if from == to {
        return Err(SAME_KEY);
    }
    let copied = ctx.db.find(from).is_some() && (replace || !ctx.db.exists(to));
    if copied {
        store_copy(ctx, from, to);
    }
    ctx.reply.integer(i64::from(copied));
    Ok(())
}

/// Whether REPLACE is among the options.
fn parse(args: &Args<'_>) -> Result<bool, Error> {
    let (mut replace, mut at) = (false, 3);
    while at < args.len() {
        if args.is(at, "replace") {
            replace = true;
        } else if args.is(at, "db") && at + 1 < args.len() {
            at += 1;
            match args.integer(at)? {
                0 => {}
                db if i32::try_from(db).is_ok() => return Err(BAD_DB),
                _ => return Err(NO_DB_NUMBER),
            }
        } else {
            return Err(SYNTAX);
        }
        at += 1;
    }
    Ok(replace)
}

fn store_copy(ctx: &mut Ctx<'_>, from: &[u8], to: &[u8]) {
    let text;
    let limits = &ctx.settings.limits;
    let Some(entry) = ctx.db.peek(from) else { return };
    let expire = entry.expire_at().map_or(Expire::Clear, Expire::At);
    let value = match entry.string() {
        None => copy_collection(entry, limits),
        Some(StrRef::Int(number)) => Value::Int(number),
        // One buffer for both keys, until one is changed.
        Some(StrRef::Blob(blob)) => Value::Blob(blob.clone()),
        Some(string) => {
            text = string.to_bytes();
            if entry.encoding_name() == "raw" { Value::Raw(&text) } else { Value::Bytes(&text) }
        }
    };
    ctx.db.remove(to);
    ctx.db.set(to, value, expire);
    ctx.wrote(to, Class::Generic, "copy_to");
}

fn copy_collection(entry: EntryRef<'_>, limits: &Limits) -> Value<'static> {
    if let Some(zset) = entry.get::<Zset>() {
        return copy_zset(zset, limits).into();
    }
    let set = entry.get::<Set>().map(|set| set.clone().into());
    let list = || entry.get::<List>().map(|list| list.clone().into());
    let hash = || entry.get::<Hash>().map(|hash| hash.clone().into());
    let stream = || entry.get::<Stream>().map(|stream| stream.clone().into());
    set.or_else(list)
        .or_else(hash)
        .or_else(stream)
        .expect("a value that is no string is one of the five collections")
}

fn copy_zset(zset: &Zset, limits: &Limits) -> Zset {
    let mut copy = Zset::new();
    if zset.as_listpack().is_none() {
        copy.expect(usize::MAX, 0, limits);
    }
    for (member, score) in zset.iter() {
        copy.insert(member.as_bytes(&mut IntText::default()), score, limits);
    }
    copy
}
