//! BITFIELD: a string as an array of integers of any width from 1 to 64 bits, at any bit.
//!
//! A field lies in at most 9 bytes. They are read into a 128-bit word, highest byte first, the field is cut out or
//! put in by shifts, and they are written back: no loop over bits.

use store::types::int::IntText;

use super::{bit_offset, write_bits};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::error::{Error, SYNTAX};

const BAD_TYPE: Error = Error::new(
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
);
const BAD_OVERFLOW: Error = Error::new("ERR Invalid OVERFLOW type specified");
const READ_ONLY: Error = Error::new("ERR BITFIELD_RO only supports the GET subcommand");

/// Most bytes a field touches.
const FIELD_BYTES: usize = 9;

/// Where a field is and how its bits are read.
#[derive(Clone, Copy)]
struct Field {
    /// First bit, counted from the string's start.
    offset: usize,
    /// Width, 1 to 64.
    bits: u32,
    signed: bool,
}

/// What happens to a result that does not fit the field.
#[derive(Clone, Copy, PartialEq)]
enum Overflow {
    /// Its high bits are cut off.
    Wrap,
    /// It becomes the nearest number that fits.
    Saturate,
    /// Nothing is written, the reply is null.
    Fail,
}

#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64, Overflow),
    Add(i64, Overflow),
}

type Operations = Vec<(Field, Action)>;

/// `BITFIELD key [GET type offset | [OVERFLOW WRAP | SAT | FAIL] SET type offset value | INCRBY type offset
/// increment ...]`: one reply for each GET, SET (the old value) and INCRBY (the new one).
pub(crate) fn bitfield(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let operations = parse(args, ctx.settings.string_max)?;
    let written = operations.iter().filter(|(_, action)| !matches!(action, Action::Get));
    match written.map(|(field, _)| field.end()).max() {
        None => read(ctx, args[1], &operations),
        Some(end) => write(ctx, args[1], &operations, end),
    }
}

/// `BITFIELD_RO key [GET type offset ...]`.
pub(crate) fn bitfield_ro(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let operations = parse(args, ctx.settings.string_max)?;
    if operations.iter().any(|(_, action)| !matches!(action, Action::Get)) {
        return Err(READ_ONLY);
    }
    read(ctx, args[1], &operations)
}

fn parse(args: &Args<'_>, string_max: usize) -> Result<Operations, Error> {
    let (mut operations, mut overflow, mut at) = (Vec::new(), Overflow::Wrap, 2);
    while at < args.len() {
        let following = args.len() - at - 1;
        if args.is(at, "overflow") && following >= 1 {
            overflow = parse_overflow(args, at + 1)?;
            at += 2;
            continue;
        }
        let changes = args.is(at, "set") || args.is(at, "incrby");
        if following < 2 + usize::from(changes) || !(changes || args.is(at, "get")) {
            return Err(SYNTAX);
        }
        let (signed, bits) = parse_type(args[at + 1])?;
        let offset = bit_offset(args[at + 2], Some(bits), string_max)?;
        let action = match changes {
            false => Action::Get,
            true if args.is(at, "set") => Action::Set(args.integer(at + 3)?, overflow),
            true => Action::Add(args.integer(at + 3)?, overflow),
        };
        operations.push((Field { offset, bits, signed }, action));
        at += 3 + usize::from(changes);
    }
    Ok(operations)
}

fn parse_overflow(args: &Args<'_>, at: usize) -> Result<Overflow, Error> {
    let names = [("wrap", Overflow::Wrap), ("sat", Overflow::Saturate), ("fail", Overflow::Fail)];
    names.into_iter().find(|(name, _)| args.is(at, name)).map(|(_, overflow)| overflow).ok_or(BAD_OVERFLOW)
}

/// `i1` to `i64`, `u1` to `u63`: whether signed, and the width.
fn parse_type(text: &[u8]) -> Result<(bool, u32), Error> {
    let (signed, digits, max) = match text {
        [b'i', digits @ ..] => (true, digits, 64),
        [b'u', digits @ ..] => (false, digits, 63),
        _ => return Err(BAD_TYPE),
    };
    match resp::parse_integer(digits) {
        Some(bits) if (1..=max).contains(&bits) => Ok((signed, bits as u32)),
        _ => Err(BAD_TYPE),
    }
}

fn read(ctx: &mut Ctx<'_>, key: &[u8], operations: &Operations) -> Outcome {
    let string = ctx.db.read_string(key)?;
    let mut digits = IntText::default();
    let bytes = string.as_ref().map_or(&[][..], |string| string.as_bytes(&mut digits));
    ctx.reply.array(operations.len());
    for (field, _) in operations {
        ctx.reply.integer(field.get(bytes) as i64);
    }
    Ok(())
}

/// Runs all operations on the string, which is lengthened to `end` bits first.
fn write(ctx: &mut Ctx<'_>, key: &[u8], operations: &Operations, end: usize) -> Outcome {
    let replies = write_bits(ctx, key, end, |bytes| {
        let replies: Vec<(Option<i64>, bool)> =
            operations.iter().map(|(field, action)| run(*field, *action, bytes)).collect();
        let changed = replies.iter().any(|(_, changed)| *changed);
        (replies, changed)
    })?;
    ctx.reply.array(replies.len());
    for (value, _) in replies {
        match value {
            Some(value) => ctx.reply.integer(value),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

/// One operation: its reply, and whether the string changed.
fn run(field: Field, action: Action, bytes: &mut [u8]) -> (Option<i64>, bool) {
    let old = field.get(bytes);
    let (wanted, overflow) = match action {
        Action::Get => return (Some(old as i64), false),
        // A negative number is a large one to an unsigned field.
        Action::Set(value, overflow) if !field.signed => (i128::from(value as u64), overflow),
        Action::Set(value, Overflow::Saturate) if field.is_too_far_below(value) => {
            (i128::from(i64::MAX), Overflow::Saturate)
        }
        Action::Set(value, overflow) => (i128::from(value), overflow),
        Action::Add(by, overflow) => (old + i128::from(by), overflow),
    };
    let Some(new) = field.fit(wanted, overflow) else { return (None, false) };
    field.set(bytes, new);
    let reply = if matches!(action, Action::Set(..)) { old } else { new };
    (Some(reply as i64), old != new)
}

impl Field {
    /// The bit behind the last.
    fn end(&self) -> usize {
        self.offset + self.bits as usize
    }

    /// The bits below the field in the word that [`Field::load`] gives.
    fn shift(&self) -> u32 {
        128 - (self.offset % 8) as u32 - self.bits
    }

    fn mask(&self) -> u128 {
        (1 << self.bits) - 1
    }

    /// The bytes from the field's first on in a word, highest first; zeros where the string ends.
    fn load(&self, bytes: &[u8]) -> u128 {
        let mut word = [0; 16];
        let there = bytes.get(self.offset / 8..).unwrap_or(&[]);
        let len = there.len().min(FIELD_BYTES);
        word[..len].copy_from_slice(&there[..len]);
        u128::from_be_bytes(word)
    }

    fn get(&self, bytes: &[u8]) -> i128 {
        let value = (self.load(bytes) >> self.shift()) & self.mask();
        self.read_as(value)
    }

    /// Writes the field's bits of `value`; the string has room.
    fn set(&self, bytes: &mut [u8], value: i128) {
        let kept = self.load(bytes) & !(self.mask() << self.shift());
        let word = (kept | ((value as u128 & self.mask()) << self.shift())).to_be_bytes();
        let there = &mut bytes[self.offset / 8..];
        let len = there.len().min(FIELD_BYTES);
        there[..len].copy_from_slice(&word[..len]);
    }

    /// The number that these bits mean in this field.
    fn read_as(&self, bits: u128) -> i128 {
        let negative = self.signed && bits >> (self.bits - 1) == 1;
        if negative { bits as i128 - (1 << self.bits) } else { bits as i128 }
    }

    /// Whether `value` is so far below what fits that its distance to the greatest number is no 64-bit number: Redis, which
    /// compares by that, takes it for too large.
    fn is_too_far_below(&self, value: i64) -> bool {
        self.signed && self.bits < 64 && ((1 << (self.bits - 1)) - 1_i64).checked_sub(value).is_none()
    }

    /// `value` made to fit, or `None` where it must not be.
    fn fit(&self, value: i128, overflow: Overflow) -> Option<i128> {
        let (min, max) = if self.signed {
            (-1 << (self.bits - 1), (1 << (self.bits - 1)) - 1)
        } else {
            (0, (1 << self.bits) - 1)
        };
        match overflow {
            _ if (min..=max).contains(&value) => Some(value),
            Overflow::Wrap => Some(self.read_as(value as u128 & self.mask())),
            Overflow::Saturate => Some(value.clamp(min, max)),
            Overflow::Fail => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use base::Random;

    use super::*;

    #[test]
    fn fields_do_not_disturb_their_neighbours() {
        let mut random = Random::new(2);
        for _ in 0..5000 {
            let signed = random.below(2) == 0;
            let bits = random.below(if signed { 64 } else { 63 }) as u32 + 1;
            let field = Field { offset: random.below(70) as usize, bits, signed };
            let mut bytes: Vec<u8> = (0..field.end().div_ceil(8)).map(|_| random.bits() as u8).collect();
            let before = bytes.clone();
            let value = field.read_as(u128::from(random.bits()) & field.mask());
            field.set(&mut bytes, value);
            assert_eq!(field.get(&bytes), value);
            field.set(&mut bytes, field.get(&before));
            assert_eq!(bytes, before);
        }
    }

    #[test]
    fn overflows() {
        let field = |bits, signed| Field { offset: 0, bits, signed };
        let fit = |bits, signed, value| {
            [Overflow::Wrap, Overflow::Saturate, Overflow::Fail].map(|o| field(bits, signed).fit(value, o))
        };
        assert_eq!(fit(8, false, 256), [Some(0), Some(255), None]);
        assert_eq!(fit(8, false, -1), [Some(255), Some(0), None]);
        assert_eq!(fit(8, true, 128), [Some(-128), Some(127), None]);
        assert_eq!(fit(1, true, 1), [Some(-1), Some(0), None]);
        let (min, max) = (i128::from(i64::MIN), i128::from(i64::MAX));
        assert_eq!(fit(64, true, max + 1), [Some(min), Some(max), None]);
        assert_eq!(fit(64, true, min), [Some(min); 3]);
        // SET of -1 to an unsigned field saturates upwards, as Redis does it.
        let mut bytes = [0];
        assert_eq!(run(field(4, false), Action::Set(-1, Overflow::Saturate), &mut bytes), (Some(0), true));
        assert_eq!(bytes, [0xF0]);
        // As does SET of a number far below, by an overflow of its own.
        for (value, bits) in [(i64::MIN, 0b01111), (i64::MIN + 15, 0b01111), (i64::MIN + 16, 0b10000)] {
            let mut bytes = [0];
            run(field(5, true), Action::Set(value, Overflow::Saturate), &mut bytes);
            assert_eq!(bytes, [bits << 3], "{value}");
        }
    }

    #[test]
    fn types() {
        assert_eq!(parse_type(b"i64"), Ok((true, 64)));
        assert_eq!(parse_type(b"u63"), Ok((false, 63)));
        for text in ["", "i", "u64", "i65", "u0", "I8", "i-1", "x8", "u08"] {
            assert_eq!(parse_type(text.as_bytes()), Err(BAD_TYPE), "{text}");
        }
    }
}
