//! A field of INFO: its name, how its value is found, and how the values of several cores become one.
//!
//! A field is a row, so that whoever shows figures elsewhere (metrics, the ingress) can walk the same rows, with
//! their types, instead of parsing text.

use std::borrow::Cow;
use std::fmt;

use super::Glance;

/// A field's name, how it is combined, and its value.
pub type Field = (&'static str, Rule, fn(&Glance<'_>) -> Value);

/// How the values of a process's cores become one. A core for which a field has no meaning has no say, but for
/// `First`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// They are added up.
    Sum,
    /// The largest counts.
    Max,
    /// The least counts; of words the first by the alphabet: `err` comes before `ok`.
    Min,
    /// That of the core that is asked counts: it is the same on all, or means nothing beyond its core.
    First,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// A fraction; shown with two digits.
    Float(f64),
    /// A time in microseconds; shown in seconds.
    Micros(u64),
    /// A number of bytes as people read it: `512B`, `1.50K`, `3.20G`.
    Size(u64),
    /// A number divided by another, which counts as 1 where it is less; shown with two digits.
    Ratio(f64, f64),
    /// A part and the whole, which counts as 1 where it is less; shown in percent.
    Percent(f64, f64),
    /// A text.
    Text(Cow<'static, str>),
    /// Not known, or of no meaning now: the field is left out.
    Absent,
}

/// The values of a table of fields.
#[derive(Debug)]
pub struct Figures {
    fields: &'static [Field],
    values: Vec<Value>,
}

impl Figures {
    /// What `glance` finds.
    pub fn look(fields: &'static [Field], glance: &Glance<'_>) -> Figures {
        Figures { fields, values: fields.iter().map(|(_, _, value)| value(glance)).collect() }
    }

    /// Combines them with what another core found of the same fields.
    pub fn merge(&mut self, other: Figures) {
        let rows = self.fields.iter().zip(&mut self.values).zip(other.values);
        rows.for_each(|(((_, rule, _), value), other)| value.merge(other, *rule));
    }

    /// The fields that have a value.
    pub fn shown(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        let named = self.fields.iter().zip(&self.values).map(|((name, ..), value)| (*name, value));
        named.filter(|(_, value)| **value != Value::Absent)
    }

    /// The number in the field `name`.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.shown().find(|(known, _)| *known == name).and_then(|(_, value)| value.number())
    }
}

impl Value {
    /// A number as a number, a time in seconds; `None` for what is none.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Int(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            Value::Micros(us) => Some(*us as f64 / 1e6),
            Value::Size(bytes) => Some(*bytes as f64),
            Value::Ratio(part, whole) => Some(part / whole.max(1.0)),
            Value::Percent(part, whole) => Some(part * 100.0 / whole.max(1.0)),
            Value::Text(_) | Value::Absent => None,
        }
    }

    /// Combines it with that of another core.
    pub fn merge(&mut self, other: Value, rule: Rule) {
        match rule {
            Rule::First => {}
            _ if *self == Value::Absent => *self = other,
            Rule::Sum => self.add(other),
            Rule::Max if self.is_less(&other) => *self = other,
            Rule::Min if other.is_less(self) => *self = other,
            Rule::Max | Rule::Min => {}
        }
    }

    /// Adds the value that the same field has elsewhere. Texts do not add up.
    fn add(&mut self, other: Value) {
        match (self, other) {
            (Value::Int(sum), Value::Int(more)) => *sum += more,
            (Value::Float(sum), Value::Float(more)) => *sum += more,
            (Value::Micros(sum), Value::Micros(more)) | (Value::Size(sum), Value::Size(more)) => *sum += more,
            (Value::Ratio(part, whole), Value::Ratio(more, rest))
            | (Value::Percent(part, whole), Value::Percent(more, rest)) => {
                *part += more;
                *whole += rest;
            }
            _ => {}
        }
    }

    /// Numbers by size, texts by the alphabet; what is absent is not less than anything.
    fn is_less(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Text(a), Value::Text(b)) => a < b,
            _ => self.number().zip(other.number()).is_some_and(|(a, b)| a < b),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(number) => write!(f, "{number}"),
            Value::Float(_) | Value::Ratio(..) => write!(f, "{:.2}", self.number().unwrap_or(0.0)),
            Value::Micros(us) => write!(f, "{}.{:06}", us / 1_000_000, us % 1_000_000),
            Value::Size(bytes) => write_size(f, *bytes),
            Value::Percent(..) => write!(f, "{:.2}%", self.number().unwrap_or(0.0)),
            Value::Text(text) => f.write_str(text),
            Value::Absent => Ok(()),
        }
    }
}

fn write_size(f: &mut fmt::Formatter<'_>, bytes: u64) -> fmt::Result {
    if bytes < 1024 {
        return write!(f, "{bytes}B");
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
    write!(f, "{size:.2}{unit}")
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
            (Value::Size(1023), "1023B"),
            (Value::Size(1536), "1.50K"),
            (Value::Size(5 << 40), "5.00T"),
            (Value::Size(5 << 60), "5120.00P"),
            (Value::Percent(99_999.0, 100_000.0), "100.00%"),
            (Value::Ratio(3.0, 0.0), "3.00"),
            (Value::from(None::<u64>), ""),
        ];
        for (value, expect) in cases {
            assert_eq!(value.to_string(), expect);
        }
    }

    #[test]
    fn of_several_cores() {
        let merged = |rule, values: [Value; 2]| {
            let [mut value, other] = values;
            value.merge(other, rule);
            value.to_string()
        };
        let ints = || [Value::from(3), Value::from(5)];
        assert_eq!(merged(Rule::Sum, ints()), "8");
        assert_eq!(merged(Rule::Max, ints()), "5");
        assert_eq!(merged(Rule::Min, ints()), "3");
        assert_eq!(merged(Rule::First, ints()), "3");
        assert_eq!(merged(Rule::Min, ["ok".into(), "err".into()]), "err");
        assert_eq!(merged(Rule::Sum, [Value::Size(1024), Value::Size(512)]), "1.50K");
        assert_eq!(merged(Rule::Sum, [Value::Percent(1.0, 2.0), Value::Percent(0.0, 2.0)]), "25.00%");
        assert_eq!(merged(Rule::Max, [Value::Absent, Value::from(1)]), "1");
        assert_eq!(merged(Rule::Min, [Value::from(1), Value::Absent]), "1");
        assert_eq!(merged(Rule::First, [Value::Absent, Value::from(1)]), "");
    }
}
