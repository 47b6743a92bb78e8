//! What SCAN, HSCAN, SSCAN and ZSCAN have in common: the cursor, COUNT and MATCH.

use crate::args::Args;
use crate::error::{Error, SYNTAX};
use crate::glob::{Case, matches};

const BAD_CURSOR: Error = Error::new("ERR invalid cursor");
const NO_NOVALUES: Error = Error::new("ERR NOVALUES option can only be used in HSCAN");
const NO_NOSCORES: Error = Error::new("ERR NOSCORES option can only be used in ZSCAN");

/// Elements looked at in one call when no COUNT is given.
const COUNT: usize = 10;

/// The options of a scan.
#[derive(Debug)]
pub(crate) struct ScanOptions<'a> {
    /// About how many elements to look at; at least 1.
    pub(crate) count: usize,
    /// What elements must match; `None` where everything does.
    pub(crate) pattern: Option<&'a [u8]>,
}

/// The cursor a client sends back: any number of 64 bits, as `strtoul` reads it. That takes signs, and nothing for 0.
pub(crate) fn parse_cursor(text: &[u8]) -> Result<u64, Error> {
    let (negative, digits) = match text {
        b"" => return Ok(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    // `parse` would take a second sign.
    let number =
        digits.first().filter(|first| first.is_ascii_digit()).and_then(|_| str::from_utf8(digits).ok());
    let cursor: u64 = number.and_then(|number| number.parse().ok()).ok_or(BAD_CURSOR)?;
    Ok(if negative { cursor.wrapping_neg() } else { cursor })
}

impl<'a> ScanOptions<'a> {
    /// The options from argument `from` on. `other` is asked about every word but COUNT and MATCH: it takes the
    /// option at this index and tells how many arguments it was; 0 where it knows none of that name.
    pub(crate) fn parse(
        args: &Args<'a>,
        from: usize,
        mut other: impl FnMut(usize) -> Result<usize, Error>,
    ) -> Result<ScanOptions<'a>, Error> {
        let mut options = ScanOptions { count: COUNT, pattern: None };
        let mut at = from;
        while at < args.len() {
            let has_value = at + 1 < args.len();
            if args.is(at, "count") && has_value {
                let count = args.integer(at + 1)?;
                options.count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(SYNTAX)?;
                at += 2;
            } else if args.is(at, "match") && has_value {
                options.pattern = Some(args[at + 1]).filter(|pattern| *pattern != b"*");
                at += 2;
            } else {
                match other(at)? {
                    0 => return Err(refusal(args, at)),
                    taken => at += taken,
                }
            }
        }
        Ok(options)
    }

    /// Whether the element is asked for.
    #[inline]
    pub(crate) fn wants(&self, element: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| matches(pattern, element, Case::Sensitive))
    }
}

/// What is wrong with an option that a scan does not have.
fn refusal(args: &Args<'_>, at: usize) -> Error {
    if args.is(at, "novalues") {
        NO_NOVALUES
    } else if args.is(at, "noscores") {
        NO_NOSCORES
    } else {
        SYNTAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors() {
        let cursor = |text: &str| parse_cursor(text.as_bytes()).ok();
        assert_eq!(
            (cursor("17"), cursor(""), cursor("-0"), cursor("+3")),
            (Some(17), Some(0), Some(0), Some(3))
        );
        assert_eq!((cursor("-1"), cursor("18446744073709551615")), (Some(u64::MAX), Some(u64::MAX)));
        for text in ["+", "-", "+-1", " 1", "1 ", "1a", "18446744073709551616"] {
            assert_eq!(cursor(text), None, "{text}");
        }
    }
}
