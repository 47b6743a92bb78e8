//! The texts that bound a range: `(1.5`, `-inf` of scores, `[abc`, `+` of members.
//!
//! Redis reads a score bound with bare `strtod` and only looks for what is left behind it: blanks before the
//! number are taken, nothing at all is 0, and what is too big is infinite. Scores to be stored are stricter.

use resp::parse_double;
use store::types::zset::{LexBound, LexRange, ScoreBound, ScoreRange};

use crate::error::Error;

const NOT_FLOATS: Error = Error::new("ERR min or max is not a float");
const NOT_ITEMS: Error = Error::new("ERR min or max not valid string range item");

/// The range of scores between two texts.
pub(super) fn score_range(min: &[u8], max: &[u8]) -> Result<ScoreRange, Error> {
    let (min, max) = (score_bound(min).ok_or(NOT_FLOATS)?, score_bound(max).ok_or(NOT_FLOATS)?);
    Ok(ScoreRange { min, max })
}

/// The range of members between two texts.
pub(super) fn lex_range<'a>(min: &'a [u8], max: &'a [u8]) -> Result<LexRange<'a>, Error> {
    let (min, max) = (lex_bound(min).ok_or(NOT_ITEMS)?, lex_bound(max).ok_or(NOT_ITEMS)?);
    Ok(LexRange { min, max })
}

fn score_bound(text: &[u8]) -> Option<ScoreBound> {
    let (exclusive, number) = match text {
        [b'(', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let blanks = number.iter().take_while(|b| matches!(b, b' ' | b'\t'..=b'\r')).count();
    let score = match &number[blanks..] {
        [] if blanks == 0 => 0.0,
        rest => parse_double(rest).or_else(|| overflowed(rest))?,
    };
    Some(ScoreBound { score, exclusive })
}

/// A number too large or too small for a double: infinite, or zero.
fn overflowed(text: &[u8]) -> Option<f64> {
    str::from_utf8(text).ok()?.parse().ok().filter(|score: &f64| !score.is_nan())
}

fn lex_bound(text: &[u8]) -> Option<LexBound<'_>> {
    match text {
        b"-" => Some(LexBound::Lowest),
        b"+" => Some(LexBound::Highest),
        [b'[', rest @ ..] => Some(LexBound::Inclusive(rest)),
        [b'(', rest @ ..] => Some(LexBound::Exclusive(rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_bounds() {
        let bound = |text: &str| score_bound(text.as_bytes()).map(|b| (b.score, b.exclusive));
        assert_eq!(bound("1.5"), Some((1.5, false)));
        assert_eq!(bound("(-inf"), Some((f64::NEG_INFINITY, true)));
        assert_eq!(bound("+inf"), Some((f64::INFINITY, false)));
        assert_eq!(bound(" 1"), Some((1.0, false)));
        assert_eq!(bound(""), Some((0.0, false)));
        assert_eq!(bound("-1e999"), Some((f64::NEG_INFINITY, false)));
        for bad in ["nan", "x", "1 ", "((1", "1x", "--1", "( "] {
            assert_eq!(bound(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn lex_bounds() {
        assert_eq!(lex_bound(b"[a"), Some(LexBound::Inclusive(b"a")));
        assert_eq!(lex_bound(b"("), Some(LexBound::Exclusive(b"")));
        assert_eq!((lex_bound(b""), lex_bound(b"a"), lex_bound(b"++")), (None, None, None));
    }
}
