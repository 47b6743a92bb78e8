//! Parts of strings: read, appended to, overwritten.

use store::types::int::IntText;
use store::{EMBED_MAX, StrRef, Value};

use super::value;
use crate::args::Args;
use crate::ctx::Ctx;
use crate::db::Expire;
use crate::effects::{Class, Outcome};
use crate::error::{Error, STRING_TOO_LONG, WRONG_TYPE};

const BAD_OFFSET: Error = Error::new("ERR offset is out of range");

/// `STRLEN key`.
pub(crate) fn strlen(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let len = ctx.db.read_string(args[1])?.map_or(0, |string| string.len());
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `SUBSTR key start end`: GETRANGE's first name.
pub(crate) fn substr(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    getrange(ctx, args)
}

/// `GETRANGE key start end`: both included, negative ones counted from the end.
pub(crate) fn getrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let (start, end) = (args.integer(2)?, args.integer(3)?);
    let Some(string) = ctx.db.read_string(args[1])? else {
        ctx.reply.bulk(b"");
        return Ok(());
    };
    let len = string.len() as i64;
    let from_end = |index: i64| if index < 0 { (len + index).max(0) } else { index };
    let (first, last) = (from_end(start), from_end(end).min(len - 1));
    if first > last || (start < 0 && end < 0 && start > end) {
        ctx.reply.bulk(b"");
        return Ok(());
    }
    let range = first as usize..last as usize + 1;
    match string {
        StrRef::Blob(blob) => ctx.reply.blob(&blob.slice(range)),
        _ => ctx.reply.bulk(&string.as_bytes(&mut IntText::default())[range]),
    }
    Ok(())
}

/// `APPEND key value`: the new length.
pub(crate) fn append(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let (key, added) = (args[1], args[2]);
    let len = match string_len(ctx, key)? {
        None => {
            ctx.db.set(key, value(args, 2), Expire::Clear);
            added.len()
        }
        Some(old) => {
            let len = checked_len(ctx, old, added.len())?;
            edit(ctx, key, Some(old), len, |bytes| bytes[old..].copy_from_slice(added));
            len
        }
    };
    ctx.wrote(key, Class::String, "append");
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `SETRANGE key offset value`: the new length. Bytes between the old end and the offset become zero.
pub(crate) fn setrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let (key, patch) = (args[1], args[3]);
    let offset = usize::try_from(args.integer(2)?).map_err(|_| BAD_OFFSET)?;
    let old = string_len(ctx, key)?;
    let mut len = old.unwrap_or(0);
    if !patch.is_empty() {
        let end = checked_len(ctx, offset, patch.len())?;
        len = len.max(end);
        edit(ctx, key, old, len, |bytes| bytes[offset..end].copy_from_slice(patch));
        ctx.wrote(key, Class::String, "setrange");
    }
    ctx.reply.integer(len as i64);
    Ok(())
}

/// The length of the string at `key`, to change it: counts neither as a look-up nor as a use.
pub(crate) fn string_len(ctx: &mut Ctx<'_>, key: &[u8]) -> Result<Option<usize>, Error> {
    let string = ctx.db.peek(key).map(|entry| entry.string().ok_or(WRONG_TYPE)).transpose()?;
    Ok(string.map(|string| string.len()))
}

/// Changes the string at `key`, whose length is `old` (`None`: there is no key yet), in place, after it was brought
/// to `len` bytes, zeros added.
pub(crate) fn edit<R>(
    ctx: &mut Ctx<'_>,
    key: &[u8],
    old: Option<usize>,
    len: usize,
    change: impl FnOnce(&mut [u8]) -> R,
) -> R {
    if old.is_some() {
        return ctx.db.edit_string(key, len, change).expect("the key was there a moment ago");
    }
    let mut bytes = vec![0; len];
    let result = change(&mut bytes);
    set_raw(ctx, key, bytes);
    result
}

/// Stores a string that was built here, not sent by a client: `raw` at any length.
pub(crate) fn set_raw(ctx: &mut Ctx<'_>, key: &[u8], bytes: Vec<u8>) {
    let value = if bytes.len() > EMBED_MAX { Value::Blob(bytes.into()) } else { Value::Raw(&bytes) };
    ctx.db.set(key, value, Expire::Clear);
}

/// The length of `added` bytes behind the first `len`, unless that is more than a string may have.
fn checked_len(ctx: &Ctx<'_>, len: usize, added: usize) -> Result<usize, Error> {
    let total = len.checked_add(added).filter(|total| *total <= ctx.settings.string_max);
    total.ok_or(STRING_TOO_LONG)
}
