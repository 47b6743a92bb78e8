//! Doubles as text: printed the shortest way that reads back the same, parsed as `strtod` does.
//!
//! Rust's own shortest digits (`{:e}`) are the same digits Redis's printer finds; only the layout differs:
//! Redis writes plain integers and short fractions plainly and everything else as `d.ddde+XX`.

/// Up to here whole numbers are written as such (Redis: `double2ll`).
const WHOLE_MAX: f64 = (i64::MAX / 2) as f64;

/// Appends `value` to `out` as Redis prints scores and RESP3 doubles: `inf`, `-inf`, `nan`, `3`, `0.1`,
/// `1.5e-10`, `1e+21`.
pub fn format_double(value: f64, out: &mut Vec<u8>) {
    if value != 0.0 && value.abs() <= WHOLE_MAX && value.fract() == 0.0 {
        return out.extend_from_slice((value as i64).to_string().as_bytes());
    }
    format_digits(value, out);
}

/// As [`format_double`], but whole numbers are laid out as all others: `1e+17`. Digests have them so.
pub fn format_digits(value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        return out.extend_from_slice(b"nan");
    }
    if value.is_infinite() {
        return out.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    // "d.ddde-XX": the shortest digits and the decimal exponent of the first.
    let text = format!("{:e}", value.abs());
    let (mantissa, exponent) = text.split_once('e').expect("{:e} prints an exponent");
    let digits: Vec<u8> = mantissa.bytes().filter(|&b| b != b'.').collect();
    let exponent: i32 = exponent.parse().expect("{:e} prints a decimal exponent");
    let count = digits.len() as i32;
    // The power of ten of the last digit.
    let scale = exponent - (count - 1);
    if scale >= 0 && exponent < count + 7 {
        out.extend_from_slice(&digits);
        out.resize(out.len() + scale as usize, b'0');
    } else if scale < 0 && (scale > -7 || exponent.abs() < 4) {
        plain_fraction(&digits, exponent, out);
    } else {
        out.push(digits[0]);
        if count > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.push(b'e');
        out.push(if exponent < 0 { b'-' } else { b'+' });
        out.extend_from_slice(exponent.unsigned_abs().to_string().as_bytes());
    }
}

fn plain_fraction(digits: &[u8], exponent: i32, out: &mut Vec<u8>) {
    if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + (-exponent - 1) as usize, b'0');
        out.extend_from_slice(digits);
    } else {
        let (whole, fraction) = digits.split_at(exponent as usize + 1);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
}

/// The double `text` spells, all of it: decimal or hexadecimal digits with an optional sign and exponent,
/// `inf`, `infinity` in any case. `None` for all else, for `nan`, and for what overflows or underflows to a
/// value other than written (as `strtod` with `ERANGE`).
pub fn parse_double(text: &[u8]) -> Option<f64> {
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let magnitude = match unsigned {
        [b'0', b'x' | b'X', hex @ ..] => parse_hex(hex)?,
        _ if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") => {
            f64::INFINITY
        }
        [b'0'..=b'9' | b'.', ..] => {
            let value: f64 = std::str::from_utf8(unsigned).ok()?.parse().ok()?;
            let written_zero =
                unsigned.iter().take_while(|b| !matches!(b, b'e' | b'E')).all(|b| matches!(b, b'0' | b'.'));
            if value.is_infinite() || (value == 0.0 && !written_zero) {
                return None;
            }
            value
        }
        _ => return None,
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// C99 hexadecimal digits with an optional fraction and binary exponent, after `0x`.
fn parse_hex(text: &[u8]) -> Option<f64> {
    let (number, exponent) = match text.iter().position(|b| matches!(b, b'p' | b'P')) {
        Some(at) => (&text[..at], std::str::from_utf8(&text[at + 1..]).ok()?.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (mut value, mut scale, mut digits, mut point) = (0f64, exponent, 0, false);
    for &b in number {
        if b == b'.' && !point {
            point = true;
            continue;
        }
        value = value * 16.0 + f64::from((b as char).to_digit(16)?);
        digits += 1;
        scale -= if point { 4 } else { 0 };
    }
    let value = value * f64::from(scale).exp2();
    (digits > 0 && value.is_finite()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: f64) -> String {
        let mut out = Vec::new();
        format_double(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn layouts() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (1e20, "1e+20"),
            (1234567.0, "1234567"),
            (12345678901234567890.0, "12345678901234567000"),
            (1e16, "10000000000000000"),
            (-1e18, "-1000000000000000000"),
            (1e19, "1e+19"),
            (1.5e-10, "1.5e-10"),
            (0.0001, "0.0001"),
            (1e-7, "1e-7"),
            (271.8281828459045, "271.8281828459045"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
        ];
        for (value, expect) in cases {
            assert_eq!(text(value), expect);
        }
    }

    #[test]
    fn parses_as_strtod() {
        for (text, value) in
            [("1", 1.0), ("-2.5e3", -2500.0), (".5", 0.5), ("5.", 5.0), ("0x10", 16.0), ("0x1.8p1", 3.0)]
        {
            assert_eq!(parse_double(text.as_bytes()), Some(value), "{text}");
        }
        assert_eq!(parse_double(b"+inf"), Some(f64::INFINITY));
        assert_eq!(parse_double(b"-Infinity"), Some(f64::NEG_INFINITY));
        for text in ["", "nan", " 1", "1 ", "1e", "abc", "1e999", "1e-999", "--1", "0x", "."] {
            assert_eq!(parse_double(text.as_bytes()), None, "{text}");
        }
    }
}
