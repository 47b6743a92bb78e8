//! Integers as text: which strings are canonical integers, and back.
//!
//! Compact encodings keep a string as a number when it is exactly what that number prints as, so that the
//! text can be made again byte for byte. `str::parse` takes more than that (`+5`, `007`, `-0`).

/// The longest text of an `i64`, that of `i64::MIN`.
pub const INT_TEXT_MAX: usize = 20;

/// Room for the text of any `i64`, see [`to_text`].
pub type IntText = [u8; INT_TEXT_MAX];

/// The number whose only decimal text is `text`, if there is one that fits an `i64`.
pub fn from_text(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    // Most strings that are no integer leave here, at their first byte.
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() < INT_TEXT_MAX => {}
        _ => return None,
    }
    let mut magnitude: u64 = 0;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // At most 19 digits: below 10^19, which fits a u64.
        magnitude = magnitude * 10 + u64::from(digit);
    }
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Writes the text of `value` to the end of `buffer` and returns it.
pub fn to_text(value: i64, buffer: &mut IntText) -> &[u8] {
    let mut at = buffer.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    &buffer[at..]
}

/// How many bytes the text of `value` has.
pub fn text_len(value: i64) -> usize {
    let digits = value.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1);
    digits + usize::from(value < 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_only() {
        for text in ["", "-", "-0", "00", "01", "+1", " 1", "1 ", "1a", "9223372036854775808", "0x1"] {
            assert_eq!(from_text(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(from_text(b"-9223372036854775809"), None);
        assert_eq!(from_text(b"10000000000000000000"), None);
        assert_eq!(from_text(b"99999999999999999999"), None);
    }

    #[test]
    fn text_and_back() {
        let edges = [0, 1, -1, 9, 10, -10, 99, 100, i64::MAX, i64::MIN, i64::MIN + 1];
        for value in edges {
            let mut buffer = IntText::default();
            let text = to_text(value, &mut buffer);
            assert_eq!(text, value.to_string().as_bytes());
            assert_eq!((from_text(text), text_len(value)), (Some(value), text.len()));
        }
    }
}
