//! Decimal integers, as commands take them and replies print them.

/// The integer `text` spells canonically: no sign but a leading `-`, no leading zeros, no spaces, nothing
/// after it; `None` for all else. What Redis calls an integer everywhere.
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match digits {
        [] => return None,
        [b'0'] => return (!negative).then_some(0),
        [b'0', ..] => return None,
        _ if digits.len() > 19 => return None,
        _ => {}
    }
    let mut magnitude: u64 = 0;
    for &d in digits {
        let d = d.wrapping_sub(b'0');
        if d > 9 {
            return None;
        }
        // 19 digits stay below 10^19 < 2^64.
        magnitude = magnitude * 10 + u64::from(d);
    }
    if negative {
        (magnitude <= 1 << 63).then(|| (magnitude as i64).wrapping_neg())
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// The texts of 00 to 99.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// An integer's decimal text, on the stack.
pub struct IntegerText {
    bytes: [u8; 20],
    start: u8,
}

impl IntegerText {
    /// The text of `value`.
    pub fn new(value: i64) -> IntegerText {
        let mut bytes = [0; 20];
        let mut start = bytes.len();
        let mut rest = value.unsigned_abs();
        // Two digits a step: each division takes longer than the look-up.
        while rest >= 10 {
            start -= 2;
            bytes[start..start + 2].copy_from_slice(&PAIRS[(rest % 100) as usize]);
            rest /= 100;
        }
        // The first digit of an odd number of them; a pair above it is complete.
        if rest > 0 || start == bytes.len() {
            start -= 1;
            bytes[start] = b'0' + rest as u8;
        }
        if value < 0 {
            start -= 1;
            bytes[start] = b'-';
        }
        IntegerText { bytes, start: start as u8 }
    }

    /// The digits, with a leading `-` where negative.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_only() {
        for (text, value) in [("0", 0), ("-1", -1), ("42", 42), ("9223372036854775807", i64::MAX)] {
            assert_eq!(parse_integer(text.as_bytes()), Some(value), "{text}");
        }
        assert_eq!(parse_integer(b"-9223372036854775808"), Some(i64::MIN));
        let bad =
            ["", "-", "+1", "01", "-0", " 1", "1 ", "1a", "9223372036854775808", "99999999999999999999"];
        for text in bad {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn text_round_trips() {
        let some = [1234567890123, 1010, -100_200_300, i64::MAX, i64::MIN];
        for value in (-1100..=1100).chain(some) {
            assert_eq!(IntegerText::new(value).as_bytes(), value.to_string().as_bytes());
            assert_eq!(parse_integer(IntegerText::new(value).as_bytes()), Some(value));
        }
    }
}
