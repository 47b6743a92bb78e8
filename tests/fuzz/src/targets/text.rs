//! Small texts: quoted words, integers, doubles. What is written is read back as it was.

use resp::{IntegerText, format_double, parse_double, parse_integer, quote, split_line};

use super::Target;
use crate::answer;

pub(super) const TARGET: Target = Target {
    name: "text",
    about: "quoted words, integers and doubles as text",
    words: &[
        "\"", "'", "\\", "\\x0", "\\x0a", " ", "e-", "E+", ".", "infinity", "-nan", "4.9e-324", "17976931",
    ],
    seeds,
    run,
    brief_runs: 5_000,
};

fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "a \"b c\" 'd\\'e'",
        "\"\\x41\\n\\q\"",
        "-9223372036854775808",
        "3.141592653589793",
        "1e-7",
        "inf",
        "0.1",
        "123456789012345680000",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn run(input: &[u8]) -> u64 {
    let quoted = quote(input);
    assert_eq!(split_line(&quoted), Some(vec![input.to_vec()]), "quoting keeps every byte");
    let words = split_line(input);
    let integer = parse_integer(input);
    if let Some(value) = integer {
        assert_eq!(IntegerText::new(value).as_bytes(), input, "one text a number");
    }
    let double = parse_double(input);
    if let Some(value) = double {
        let mut text = Vec::new();
        format_double(value, &mut text);
        let again = parse_double(&text);
        let same = again.is_some_and(|again| again.to_bits() == value.to_bits());
        assert!(same || value.is_nan(), "{value:?} is written {}", text.escape_ascii());
    }
    let known = if let Ok(bytes) = <[u8; 8]>::try_from(input) {
        let value = f64::from_bits(u64::from_le_bytes(bytes));
        let mut text = Vec::new();
        format_double(value, &mut text);
        let again = parse_double(&text);
        assert!(value.is_nan() || again == Some(value), "{value:?} is written {}", text.escape_ascii());
        true
    } else {
        false
    };
    answer((words.map(|words| words.len()), integer.is_some(), double.is_some(), known))
}
