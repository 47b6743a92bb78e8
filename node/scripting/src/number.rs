//! Numbers as text, as C and Lua print them.

/// `value` as C's `printf("%.*g", precision, value)` prints it.
pub(crate) fn format_general(value: f64, precision: usize) -> String {
    if value.is_nan() {
        return if value.is_sign_negative() { "-nan" } else { "nan" }.to_owned();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-inf" } else { "inf" }.to_owned();
    }
    // Rounded to the digits that will be shown, so that its exponent is the one that counts.
    let text = format!("{value:.*e}", precision - 1);
    let (mantissa, exponent) = text.split_once('e').expect("{:e} prints an exponent");
    let exponent: i32 = exponent.parse().expect("{:e} prints a decimal exponent");
    if exponent < -4 || exponent >= precision as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.unsigned_abs());
    }
    let decimals = (precision as i32 - 1 - exponent) as usize;
    without_zeros(&format!("{value:.decimals$}")).to_owned()
}

/// A decimal fraction without the zeros it ends with.
fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// The integer that `value` is, if it is one that fits.
pub(crate) fn as_integer(value: f64) -> Option<i64> {
    // -2^63 is a double, 2^63 - 1 is not.
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    (fits && value.fract() == 0.0).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_c_does() {
        let cases = [
            (0.0, "0"),
            (100.0, "100"),
            (0.1, "0.1"),
            (-5e3, "-5000"),
            (0.3e-3, "0.0003"),
            (1e-5, "1e-05"),
            (1e14, "1e+14"),
            (99_999_999_999_999.0, "99999999999999"),
            (999_999_999_999_999.0, "1e+15"),
            (1.0 / 3.0, "0.33333333333333"),
            (1e100, "1e+100"),
            (f64::INFINITY, "inf"),
        ];
        for (value, text) in cases {
            assert_eq!(format_general(value, 14), text);
        }
        assert_eq!(format_general(1234.5678, 3), "1.23e+03");
    }

    #[test]
    fn integers_that_fit() {
        assert_eq!(as_integer(9_007_199_254_740_991.0), Some(9_007_199_254_740_991));
        assert_eq!(as_integer(-9_223_372_036_854_775_808.0), Some(i64::MIN));
        for value in [9_223_372_036_854_775_808.0, 0.5, f64::NAN, f64::INFINITY] {
            assert_eq!(as_integer(value), None);
        }
    }
}
