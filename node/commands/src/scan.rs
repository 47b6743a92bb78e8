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

/// The cursor a client sends back: any number of 64 bits.
pub(crate) fn parse_cursor(text: &[u8]) -> Result<u64, Error> {
    str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(BAD_CURSOR)
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
