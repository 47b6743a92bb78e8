//! BITCOUNT and BITPOS: a part of a string, given in bytes or bits, counted or searched.
//!
//! Both read whole words; only the first and the last byte of a part in bits need a mask.

use std::ops::Range;

use store::types::int::IntText;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::error::{Error, SYNTAX};

const BAD_BIT: Error = Error::new("ERR The bit argument must be 1 or 0.");

/// A part of a string as a client gives it: `[start [end [BIT|BYTE]]]`.
struct Part {
    start: i64,
    /// The last one, included; `None` for the string's end.
    end: Option<i64>,
    in_bits: bool,
}

impl Part {
    /// The part that argument `at` and those behind it name.
    fn parse(args: &Args<'_>, at: usize) -> Result<Part, Error> {
        let count = args.len() - at;
        if count > 3 {
            return Err(SYNTAX);
        }
        let start = if count > 0 { args.integer(at)? } else { 0 };
        let in_bits = count == 3 && args.is(at + 2, "bit");
        if count == 3 && !in_bits && !args.is(at + 2, "byte") {
            return Err(SYNTAX);
        }
        let end = if count > 1 { Some(args.integer(at + 1)?) } else { None };
        Ok(Part { start, end, in_bits })
    }

    /// Whether the part ends before it starts, both counted from the string's end.
    fn is_backwards(&self) -> bool {
        self.end.is_some_and(|end| self.start < 0 && end < 0 && self.start > end)
    }

    /// The bits of a string of `len` bytes that the part covers; empty when there are none.
    fn bits(&self, len: usize) -> Range<usize> {
        let bits_each = if self.in_bits { 1 } else { 8 };
        let total = (len * 8 / bits_each) as i64;
        let from_end = |index: i64| if index < 0 { (total + index).max(0) } else { index };
        let start = from_end(self.start);
        let end = from_end(self.end.unwrap_or(-1)).min(total - 1);
        if start > end { 0..0 } else { start as usize * bits_each..(end as usize + 1) * bits_each }
    }
}

/// `BITCOUNT key [start [end [BYTE | BIT]]]`: how many bits of the part are 1.
pub(crate) fn bitcount(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let part = Part::parse(args, 2)?;
    let ones = match ctx.db.read_string(args[1])? {
        Some(string) if !part.is_backwards() => {
            let mut digits = IntText::default();
            let bytes = string.as_bytes(&mut digits);
            count_ones(bytes, part.bits(bytes.len()))
        }
        _ => 0,
    };
    ctx.reply.integer(ones as i64);
    Ok(())
}

/// `BITPOS key bit [start [end [BYTE | BIT]]]`: where the part's first such bit is, or -1. A string without a
/// given end goes on in zeros.
pub(crate) fn bitpos(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let bit = match args.integer(2)? {
        0 => false,
        1 => true,
        _ => return Err(BAD_BIT),
    };
    let part = Part::parse(args, 3)?;
    let position = match ctx.db.read_string(args[1])? {
        None if bit => None,
        None => Some(0),
        Some(string) => {
            let mut digits = IntText::default();
            let bytes = string.as_bytes(&mut digits);
            let range = part.bits(bytes.len());
            let behind = range.end;
            let may_go_on = !bit && part.end.is_none() && !range.is_empty();
            first_bit(bytes, range, bit).or(may_go_on.then_some(behind))
        }
    };
    ctx.reply.integer(position.map_or(-1, |position| position as i64));
    Ok(())
}

/// How many bits of `range` are 1.
fn count_ones(bytes: &[u8], range: Range<usize>) -> u64 {
    let Some((first, last)) = edges(&range) else { return 0 };
    let (words, rest) = bytes[first..=last].as_chunks();
    let ones: u64 = words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    let rest: u32 = rest.iter().map(|byte| byte.count_ones()).sum();
    let outside =
        (bytes[first] & !head_mask(&range)).count_ones() + (bytes[last] & !tail_mask(&range)).count_ones();
    ones + u64::from(rest) - u64::from(outside)
}

/// The first bit of `range` that is `bit`.
fn first_bit(bytes: &[u8], range: Range<usize>, bit: bool) -> Option<usize> {
    let (first, last) = edges(&range)?;
    // Looking for a 1 in the string or in its complement.
    let flip = if bit { 0 } else { 0xFF };
    let head = (bytes[first] ^ flip) & head_mask(&range);
    if first == last {
        return leading(head & tail_mask(&range), first);
    }
    let tail = (bytes[last] ^ flip) & tail_mask(&range);
    let middle = || first_one(&bytes[first + 1..last], flip).map(|position| position + (first + 1) * 8);
    leading(head, first).or_else(middle).or_else(|| leading(tail, last))
}

/// The first 1 of `byte`, the string's byte number `index`.
fn leading(byte: u8, index: usize) -> Option<usize> {
    (byte != 0).then(|| index * 8 + byte.leading_zeros() as usize)
}

/// The first 1 of `bytes`, each xored with `flip`.
fn first_one(bytes: &[u8], flip: u8) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    let plain = [flip; 8];
    if let Some(at) = words.iter().position(|word| *word != plain) {
        let word = u64::from_be_bytes(words[at]) ^ u64::from_be_bytes(plain);
        return Some(at * 64 + word.leading_zeros() as usize);
    }
    let at = rest.iter().position(|byte| *byte != flip)?;
    leading(rest[at] ^ flip, words.len() * 8 + at)
}

/// The first and the last byte that `range` touches.
fn edges(range: &Range<usize>) -> Option<(usize, usize)> {
    (!range.is_empty()).then(|| (range.start / 8, (range.end - 1) / 8))
}

/// The bits of the first byte that are in `range`, when it goes on to the byte's end. Bit 0 is the highest.
fn head_mask(range: &Range<usize>) -> u8 {
    0xFF >> (range.start % 8)
}

/// The bits of the last byte that are in `range`, when it began before the byte.
fn tail_mask(range: &Range<usize>) -> u8 {
    0xFF << (7 - (range.end - 1) % 8)
}

#[cfg(test)]
mod tests {
    use base::Random;

    use super::*;

    fn bit_at(bytes: &[u8], index: usize) -> bool {
        bytes[index / 8] & (0x80 >> (index % 8)) != 0
    }

    #[test]
    fn agrees_with_bit_by_bit() {
        let mut random = Random::new(1);
        for round in 0..2000 {
            let len = random.below(40) as usize + 1;
            // Mostly all zeros or all ones, so that the search goes far.
            let fill = if round % 2 == 0 { 0 } else { 0xFF };
            let mut bytes = vec![fill; len];
            for _ in 0..random.below(3) {
                bytes[random.below(len as u64) as usize] = random.bits() as u8;
            }
            let start = random.below(len as u64 * 8) as usize;
            let end = start + random.below((len * 8 - start) as u64 + 1) as usize;
            let ones = (start..end).filter(|i| bit_at(&bytes, *i)).count() as u64;
            assert_eq!(count_ones(&bytes, start..end), ones, "{bytes:?} {start}..{end}");
            for bit in [false, true] {
                let expect = (start..end).find(|i| bit_at(&bytes, *i) == bit);
                assert_eq!(first_bit(&bytes, start..end, bit), expect, "{bytes:?} {start}..{end} {bit}");
            }
        }
    }

    #[test]
    fn parts() {
        let bits = |start, end, in_bits| Part { start, end, in_bits }.bits(4);
        assert_eq!(bits(0, None, false), 0..32);
        assert_eq!(bits(-1, None, false), 24..32);
        assert_eq!(bits(1, Some(2), false), 8..24);
        assert_eq!(bits(-5, Some(-4), true), 27..29);
        assert_eq!(bits(-100, Some(100), true), 0..32);
        assert_eq!(bits(-3, Some(-9), false), 0..0);
        assert_eq!(bits(-5, Some(-6), false), 0..8, "both before the start are the first byte");
        assert_eq!(bits(i64::MIN, Some(i64::MAX), false), 0..32);
        assert_eq!(bits(5, Some(9), false), 0..0);
        assert_eq!(Part { start: 0, end: None, in_bits: false }.bits(0), 0..0);
    }
}
