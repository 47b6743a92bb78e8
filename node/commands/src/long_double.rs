//! The 80-bit floating point of INCRBYFLOAT and HINCRBYFLOAT.
//!
//! Redis adds in C's `long double` and prints 17 decimals, which is why `0.1 + 0.2` is `0.3` there and
//! `0.30000000000000004` in a double. Clients and replicas see those digits, so the same arithmetic is needed: on
//! x86 a `long double` has a 64-bit significand. The arithmetic is rustc_apfloat's; what is read and how it
//! prints is here.

use rustc_apfloat::ieee::{Double, X87DoubleExtended};
use rustc_apfloat::{Float, FloatConvert, StatusAnd};

/// Longest text read as a number, in bytes.
const TEXT_MAX: usize = 5 * 1024 - 1;
/// Digits that a `u128` always holds.
const SHORT_DIGITS_MAX: usize = 38;
/// Exponents beyond this are infinity or zero whatever digits stand before them.
const EXPONENT_MAX: i64 = 100_000;
/// Decimals printed, before trailing zeros are cut.
const DECIMALS: usize = 17;
const DECIMALS_SCALE: u128 = 10u128.pow(DECIMALS as u32);

/// A number with a 64-bit significand and a 15-bit exponent.
#[derive(Clone, Copy)]
pub(crate) struct LongDouble(X87DoubleExtended);

impl LongDouble {
    /// 0.
    pub(crate) const ZERO: LongDouble = LongDouble(X87DoubleExtended::ZERO);

    /// The number `text` spells, all of it: decimal or hexadecimal digits with an optional sign, point and
    /// exponent, or `inf` or `infinity` in any case. `None` for all else: spaces, `nan`, what is too large or
    /// too small to be told from zero.
    pub(crate) fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() > TEXT_MAX {
            return None;
        }
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        let infinite = unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity");
        let magnitude = if infinite {
            X87DoubleExtended::INFINITY
        } else {
            parse_short(unsigned).or_else(|| parse_magnitude(unsigned))?
        };
        Some(LongDouble(if negative { -magnitude } else { magnitude }))
    }

    /// The nearest double; infinite where there is none.
    pub(crate) fn to_double(self) -> f64 {
        let double: Double = self.0.convert(&mut false).value;
        f64::from_bits(double.to_bits() as u64)
    }

    /// The sum; `None` when it is infinite or not a number.
    pub(crate) fn checked_add(self, other: LongDouble) -> Option<LongDouble> {
        let StatusAnd { value, .. } = self.0 + other.0;
        value.is_finite().then_some(LongDouble(value))
    }

    /// Decimal text without exponent: at most 17 decimals, correctly rounded, no trailing zeros, no `-0`.
    /// The number is finite.
    pub(crate) fn to_text(self) -> Vec<u8> {
        let bits = self.0.to_bits();
        let significand = bits as u64;
        // The format keeps the exponent of the significand's first bit, biased; 0 stands for 1 (denormals).
        let biased = ((bits >> 64) & 0x7fff) as i32;
        let exponent = biased.max(1) - 0x3fff - 63;
        let (mut text, decimals) = if exponent >= 0 {
            (shifted_text(significand, exponent as u32), 0)
        } else {
            let (whole, decimals) = split(significand, exponent.unsigned_abs());
            (whole.to_string(), decimals)
        };
        if decimals > 0 {
            text += format!(".{decimals:0DECIMALS$}").trim_end_matches('0');
        }
        if self.0.is_negative() && text != "0" {
            text.insert(0, '-');
        }
        text.into_bytes()
    }
}

/// The value of at most 38 digits, 17 of them behind the point: nearly every text, by one division. The quotient of
/// 128 by at most 57 bits has more than the 64 bits that are kept; its last one stands for all that follow.
fn parse_short(text: &[u8]) -> Option<X87DoubleExtended> {
    let (mut digits, mut number, mut scale, mut in_decimals) = (0, 0, 1, false);
    for &byte in text {
        if digits == SHORT_DIGITS_MAX {
            return None;
        }
        match byte {
            b'0'..=b'9' => {
                number = number * 10 + u128::from(byte - b'0');
                digits += 1;
                scale *= if in_decimals { 10 } else { 1 };
            }
            b'.' if !in_decimals => in_decimals = true,
            _ => return None,
        }
        if scale > DECIMALS_SCALE {
            return None;
        }
    }
    if number == 0 {
        return (digits > 0).then_some(X87DoubleExtended::ZERO);
    }
    let shift = number.leading_zeros();
    let scaled = number << shift;
    let quotient = (scaled / scale) | u128::from(scaled % scale != 0);
    Some(X87DoubleExtended::from_u128(quotient).value.scalbn(-(shift as i32)))
}

/// Digits with an optional point and exponent, no sign. They are checked and spelled anew here, because
/// `strtold` and the parser of rustc_apfloat take different sets of texts.
fn parse_magnitude(text: &[u8]) -> Option<X87DoubleExtended> {
    let (digits, radix, marker) = match text {
        [b'0', b'x' | b'X', hex @ ..] => (hex, 16, 'p'),
        _ => (text, 10, 'e'),
    };
    let is_marker = |b: &u8| b.eq_ignore_ascii_case(&(marker as u8));
    let (mantissa, exponent) = match digits.iter().position(is_marker) {
        Some(at) => (&digits[..at], parse_exponent(&digits[at + 1..])?),
        None => (digits, 0),
    };
    let (mut points, mut count, mut is_zero) = (0, 0, true);
    for &byte in mantissa {
        match byte {
            b'.' => points += 1,
            _ => {
                is_zero &= (byte as char).to_digit(radix)? == 0;
                count += 1;
            }
        }
    }
    if points > 1 || count == 0 {
        return None;
    }
    let mantissa = str::from_utf8(mantissa).ok()?;
    let prefix = if radix == 16 { "0x" } else { "" };
    let spelled = format!("{prefix}{mantissa}{marker}{exponent}");
    let value = spelled.parse::<X87DoubleExtended>().ok()?;
    (value.is_finite() && value.is_zero() == is_zero).then_some(value)
}

/// An optional sign and at least one digit, cut to what makes a difference.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0;
    for &byte in digits {
        value = (value * 10 + i64::from((byte as char).to_digit(10)?)).min(EXPONENT_MAX);
    }
    Some(if negative { -value } else { value })
}

/// `significand / 2^shift`: the whole part, and the decimals as an integer, rounded half to even. `shift` is
/// not 0.
fn split(significand: u64, shift: u32) -> (u64, u128) {
    let whole = significand.checked_shr(shift).unwrap_or(0);
    let fraction = if shift < 64 { significand & ((1 << shift) - 1) } else { significand };
    // Below 2^64 * 10^17 < 2^121: from 128 bits of shift on it rounds to nothing.
    let scaled = u128::from(fraction) * DECIMALS_SCALE;
    let Some(mut decimals) = scaled.checked_shr(shift) else { return (whole, 0) };
    let rest = scaled & ((1 << shift) - 1);
    let half = 1 << (shift - 1);
    if rest > half || (rest == half && decimals % 2 == 1) {
        decimals += 1;
    }
    if decimals == DECIMALS_SCALE { (whole + 1, 0) } else { (whole, decimals) }
}

/// `significand * 2^shift` in decimal, all digits; `shift` is below 2^14.
fn shifted_text(significand: u64, shift: u32) -> String {
    const LIMB: u128 = 10u128.pow(18);
    // Lowest first; each below 10^18, so that 64 bits of shift at a time fit 128.
    let mut limbs = vec![u128::from(significand)];
    let mut left = shift;
    loop {
        let step = left.min(60);
        let mut carry = 0;
        for limb in &mut limbs {
            let sum = (*limb << step) + carry;
            *limb = sum % LIMB;
            carry = sum / LIMB;
        }
        while carry > 0 {
            limbs.push(carry % LIMB);
            carry /= LIMB;
        }
        left -= step;
        if left == 0 {
            break;
        }
    }
    let mut text = limbs.last().copied().unwrap_or(0).to_string();
    for limb in limbs.iter().rev().skip(1) {
        text += &format!("{limb:018}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        LongDouble::parse(text.as_bytes()).map(|value| String::from_utf8(value.to_text()).unwrap())
    }

    fn sum(a: &str, b: &str) -> Option<String> {
        let (a, b) = (LongDouble::parse(a.as_bytes())?, LongDouble::parse(b.as_bytes())?);
        a.checked_add(b).map(|value| String::from_utf8(value.to_text()).unwrap())
    }

    #[test]
    fn prints_as_redis() {
        let cases = [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0000000000000000001", "0"),
            ("10.50", "10.5"),
            ("-1.23", "-1.23"),
            ("5.0e3", "5000"),
            ("0x1p4", "16"),
            ("0xA.8", "10.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("+3", "3"),
            ("1e-17", "0.00000000000000001"),
            ("0.99999999999999999999", "1"),
            ("9223372036854775807", "9223372036854775807"),
            ("17179869184000000000000", "17179869184000000000000"),
            ("1e40", "9999999999999999999783686092270256259072"),
            // More digits than fit in 128 bits.
            ("10000000000000000000000000000000000000000", "9999999999999999999783686092270256259072"),
        ];
        for (text, expect) in cases {
            assert_eq!(shown(text).as_deref(), Some(expect), "{text}");
        }
        // The largest there is has 4933 digits.
        assert_eq!(shown("1.18973149535723176502e4932").map(|t| t.len()), Some(4933));
    }

    #[test]
    fn refuses() {
        let texts =
            ["", "-", "nan", " 1", "1 ", "1e", "1e+", "0x", "0x1p", ".", "1.2.3", "abc", "1e5000", "1e-5000"];
        for text in texts {
            assert_eq!(shown(text), None, "{text}");
        }
        assert_eq!(shown(&"1".repeat(TEXT_MAX + 1)), None);
        assert_eq!(shown("0e999999999999").as_deref(), Some("0"));
    }

    #[test]
    fn adds() {
        assert_eq!(sum("0.1", "0.2").as_deref(), Some("0.3"));
        assert_eq!(sum("3", "1.1").as_deref(), Some("4.1"));
        assert_eq!(sum("1", "-1.1").as_deref(), Some("-0.1"));
        assert_eq!(sum("17179869184", "1.5").as_deref(), Some("17179869185.5"));
        assert_eq!(sum("inf", "1"), None);
        assert_eq!(sum("inf", "-inf"), None);
        assert_eq!(sum("1e4932", "1e4932"), None);
    }
}
