//! A field of INFO: its name and how its value is found.
//!
//! A field is a row, so that whoever shows figures elsewhere (metrics) can walk the same rows, with their
//! types, instead of parsing text.

use std::borrow::Cow;
use std::fmt;

use super::Glance;

/// A field's name and value.
pub type Field = (&'static str, fn(&Glance<'_>) -> Value);

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// A fraction; shown with two digits.
    Float(f64),
    /// A time in microseconds; shown in seconds.
    Micros(u64),
    /// A text.
    Text(Cow<'static, str>),
    /// Not known, or of no meaning now: the field is left out.
    Absent,
}

impl Value {
    /// A number as a number, a time in seconds; `None` for what is none.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Int(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            Value::Micros(us) => Some(*us as f64 / 1e6),
            Value::Text(_) | Value::Absent => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(number) => write!(f, "{number}"),
            Value::Float(number) => write!(f, "{number:.2}"),
            Value::Micros(us) => write!(f, "{}.{:06}", us / 1_000_000, us % 1_000_000),
            Value::Text(text) => f.write_str(text),
            Value::Absent => Ok(()),
        }
    }
}

macro_rules! from_ints {
    ($($int:ty)*) => {$(
        impl From<$int> for Value {
            fn from(number: $int) -> Value {
                Value::Int(number as i64)
            }
        }
    )*};
}
from_ints!(i32 i64 u16 u32 u64 usize bool);

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Float(number)
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Value {
        Value::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text.into())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Absent, T::into)
    }
}

/// A number of bytes as people read it: `512B`, `1.50K`, `3.20G`.
pub fn human(bytes: u64) -> Value {
    if bytes < 1024 {
        return Value::from(format!("{bytes}B"));
    }
    let mut size = bytes as f64;
    let mut unit = 'B';
    for next in ['K', 'M', 'G', 'T', 'P'] {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = next;
    }
    Value::from(format!("{size:.2}{unit}"))
}

/// A percentage.
pub fn percent(number: f64) -> Value {
    Value::from(format!("{number:.2}%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown() {
        let cases = [
            (Value::from(7u64), "7"),
            (Value::from(true), "1"),
            (Value::from(0.125), "0.12"),
            (Value::Micros(12_000_034), "12.000034"),
            (human(1023), "1023B"),
            (human(1536), "1.50K"),
            (human(5 << 40), "5.00T"),
            (human(5 << 60), "5120.00P"),
            (percent(99.999), "100.00%"),
            (Value::from(None::<u64>), ""),
        ];
        for (value, expect) in cases {
            assert_eq!(value.to_string(), expect);
        }
    }
}
