//! Scores as text, as Redis prints them.
//!
//! Whole numbers below 2^62 print as integers. Everything else prints with (nearly) the fewest
//! [digits](super::digits) that read back as the same double, plain where that is short (`0.001`, `1234.5`)
//! and as `d.ddde+X` where it is not. A packed sorted set keeps a fractional score in this form, so dump files
//! depend on it.

use super::super::int::{self, IntText};
use super::digits::Decimal;

/// Room for the text of any score.
pub type ScoreText = [u8; 32];

/// Whole numbers up to here in size print, and are kept, as integers (Redis's `double2ll`).
const INTEGER_MAX: f64 = (i64::MAX / 2) as f64;

/// The score as an integer, if it is one that is kept as such. Negative zero becomes 0.
pub(super) fn as_integer(score: f64) -> Option<i64> {
    ((-INTEGER_MAX..=INTEGER_MAX).contains(&score) && score.trunc() == score).then_some(score as i64)
}

/// Writes the text of `score` to `buffer` and returns it.
pub fn to_text(score: f64, buffer: &mut ScoreText) -> &[u8] {
    let mut out = Cursor { buffer, len: 0 };
    if score.is_nan() {
        out.push(b"nan");
    } else if score.is_infinite() {
        out.push(if score > 0.0 { b"inf" } else { b"-inf" });
    } else if let Some(integer) = as_integer(score) {
        if score == 0.0 && score.is_sign_negative() {
            out.push(b"-");
        }
        out.push(int::to_text(integer, &mut IntText::default()));
    } else {
        fraction(score, &mut out);
    }
    let len = out.len;
    &buffer[..len]
}

/// Bytes written so far to the front of a buffer that is long enough.
struct Cursor<'a> {
    buffer: &'a mut ScoreText,
    len: usize,
}

impl Cursor<'_> {
    fn push(&mut self, bytes: &[u8]) {
        self.buffer[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

/// Prints what is neither an integer nor infinite.
fn fraction(score: f64, out: &mut Cursor<'_>) {
    if score < 0.0 {
        out.push(b"-");
    }
    let decimal = Decimal::of(score.abs());
    let (digits, scale) = (decimal.digits(), decimal.scale);
    let count = digits.len() as i32;
    // The power of ten of the first digit.
    let exponent = scale + count - 1;
    if scale >= 0 && exponent < count + 7 {
        out.push(digits);
        (0..scale).for_each(|_| out.push(b"0"));
    } else if scale < 0 && (scale > -7 || exponent.abs() < 4) {
        plain(digits, exponent, out);
    } else {
        // One digit less than the most there can be, for the sign's sake.
        let digits = &digits[..digits.len().min(if score < 0.0 { 17 } else { 18 })];
        out.push(&digits[..1]);
        if digits.len() > 1 {
            out.push(b".");
            out.push(&digits[1..]);
        }
        out.push(if exponent < 0 { b"e-" } else { b"e+" });
        out.push(int::to_text(i64::from(exponent.abs()), &mut IntText::default()));
    }
}

/// Prints digits with a point among or before them.
fn plain(digits: &[u8], exponent: i32, out: &mut Cursor<'_>) {
    if exponent < 0 {
        out.push(b"0.");
        (1..-exponent).for_each(|_| out.push(b"0"));
        return out.push(digits);
    }
    let (whole, fraction) = digits.split_at(exponent as usize + 1);
    out.push(whole);
    out.push(b".");
    out.push(fraction);
}

/// The score kept as `text` in a packed sorted set; `None` for what is no number, and for `nan`.
pub(super) fn from_kept_text(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok().filter(|score: &f64| !score.is_nan())
}
