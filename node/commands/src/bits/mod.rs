//! Strings as arrays of bits: bit 0 is the highest of the first byte.

mod combine;
mod field;
mod range;

use store::types::int::IntText;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Class, Outcome};
use crate::error::Error;
use crate::string::{edit, string_len};

pub(crate) use combine::bitop;
pub(crate) use field::{bitfield, bitfield_ro};
pub(crate) use range::{bitcount, bitpos};

const BAD_OFFSET: Error = Error::new("ERR bit offset is not an integer or out of range");
const BAD_BIT: Error = Error::new("ERR bit is not an integer or out of range");

/// `GETBIT key offset`.
pub(crate) fn getbit(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let offset = bit_offset(args[2], None, ctx.settings.string_max)?;
    let string = ctx.db.read_string(args[1])?;
    let mut digits = IntText::default();
    let bytes = string.as_ref().map_or(&[][..], |string| string.as_bytes(&mut digits));
    let byte = bytes.get(offset / 8).copied().unwrap_or(0);
    ctx.reply.integer(i64::from(byte >> (7 - offset % 8) & 1));
    Ok(())
}

/// `SETBIT key offset value`: the bit that was there.
pub(crate) fn setbit(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let offset = bit_offset(args[2], None, ctx.settings.string_max)?;
    let on = match args[3] {
        b"0" => false,
        b"1" => true,
        _ => return Err(BAD_BIT),
    };
    let old = write_bits(ctx, args[1], offset + 1, |bytes| {
        let (byte, mask) = (&mut bytes[offset / 8], 0x80 >> (offset % 8));
        let old = *byte & mask != 0;
        *byte = if on { *byte | mask } else { *byte & !mask };
        (old, old != on)
    })?;
    ctx.reply.integer(i64::from(old));
    Ok(())
}

/// A bit offset, of which the string can have that many; `#n` is the `n`-th field where fields have a width.
fn bit_offset(text: &[u8], width: Option<u32>, string_max: usize) -> Result<usize, Error> {
    let (digits, unit) = match (text, width) {
        ([b'#', digits @ ..], Some(width)) => (digits, i64::from(width)),
        _ => (text, 1),
    };
    let offset = resp::parse_integer(digits).and_then(|offset| offset.checked_mul(unit));
    let offset = offset.and_then(|offset| usize::try_from(offset).ok());
    offset.filter(|offset| offset / 8 < string_max).ok_or(BAD_OFFSET)
}

/// Changes the string at `key`, made if absent and lengthened to `end` bits. `change` also tells whether it changed
/// anything; a string that only became longer has changed too.
fn write_bits<R>(
    ctx: &mut Ctx<'_>,
    key: &[u8],
    end: usize,
    change: impl FnOnce(&mut [u8]) -> (R, bool),
) -> Result<R, Error> {
    let old_len = string_len(ctx, key)?;
    let len = end.div_ceil(8).max(old_len.unwrap_or(0));
    let (result, changed) = edit(ctx, key, old_len, len, change);
    if changed || old_len != Some(len) {
        ctx.wrote(key, Class::String, "setbit");
    }
    Ok(result)
}
