//! The kinds of values a directive can have: text in, [`Value`] out, and back.
//!
//! Plain kinds (yes/no, numbers, words, strings) are here; those with a syntax of their own are in
//! `special.rs`. Errors have the words Redis and Valkey use, because tests and tools read them.

use super::checks::Check;
use super::special;
use super::value::Value;

/// What a directive's values look like.
#[derive(Clone, Copy)]
pub enum Kind {
    /// yes or no.
    Bool,
    /// A whole number within bounds.
    Int {
        /// Smallest value; for [`Unit::MemoryOrPercent`], minus the largest percentage.
        min: i128,
        /// Largest value.
        max: i128,
        /// How it is written.
        unit: Unit,
    },
    /// One of some words.
    Choice(&'static [&'static str]),
    /// Any of some words, each a bit; the first is the empty set.
    Flags(&'static [&'static str]),
    /// One string.
    Text {
        /// What it must satisfy.
        check: Check,
        /// The empty string means "not set".
        unset: bool,
    },
    /// Listen addresses.
    Bind,
    /// Snapshot points.
    Save,
    /// Output buffer limits by class.
    BufferLimits,
    /// Percentiles.
    Percentiles,
    /// Letters of keyspace events.
    Notify,
    /// Three scores for the kernel's out-of-memory killer.
    OomScores,
    /// A host and a port, or `no one`.
    ReplicaOf,
    /// A number of cores or `auto`.
    Cores,
}

/// How a number is written.
#[derive(Clone, Copy, PartialEq)]
pub enum Unit {
    /// Plainly.
    One,
    /// Bytes, with an optional unit.
    Memory,
    /// Bytes, or a percentage of `maxmemory`, which is kept as a negative number.
    MemoryOrPercent,
    /// In octal.
    Octal,
}

/// Where a value comes from: a few directives add up in a file but replace at run time.
#[derive(Clone, Copy, PartialEq)]
pub enum Source {
    /// The file or the command line.
    File,
    /// CONFIG SET.
    Command,
}

impl Kind {
    /// Whether the directive takes any number of arguments and checks their count itself.
    pub fn takes_many(&self) -> bool {
        !matches!(
            self,
            Kind::Bool | Kind::Int { .. } | Kind::Choice(_) | Kind::Text { .. } | Kind::Notify | Kind::Cores
        )
    }

    /// Parses arguments; `old` is the value so far. A kind that does not take many gets exactly one.
    pub fn parse(&self, args: &[&str], old: &Value, source: Source) -> Result<Value, String> {
        match *self {
            Kind::Bool => parse_bool(args[0]),
            Kind::Int { min, max, unit } => parse_int(args[0], min, max, unit),
            Kind::Choice(words) => position(words, args[0]).map(|i| Value::Int(i as i128)),
            Kind::Flags(words) => parse_flags(words, args),
            Kind::Text { check, .. } => {
                check(args[0])?;
                Ok(Value::Text(args[0].to_owned()))
            }
            Kind::Bind => special::parse_bind(args),
            Kind::Save => special::parse_save(args, old, source),
            Kind::BufferLimits => special::parse_buffer_limits(args, old),
            Kind::Percentiles => special::parse_percentiles(args),
            Kind::Notify => special::parse_notify(args[0]),
            Kind::OomScores => special::parse_oom_scores(args),
            Kind::ReplicaOf => special::parse_replica_of(args),
            Kind::Cores => special::parse_cores(args[0]),
        }
    }

    /// Parses a row's default, which is ours and must be right.
    pub fn parse_default(&self, text: &str) -> Value {
        let args: Vec<&str> = if self.takes_many() { text.split_whitespace().collect() } else { vec![text] };
        let nothing = match self {
            Kind::BufferLimits => Value::BufferLimits(Default::default()),
            _ => Value::Words(Vec::new()),
        };
        if args.is_empty() && matches!(self, Kind::ReplicaOf) {
            return nothing;
        }
        self.parse(&args, &nothing, Source::Command).unwrap_or_else(|e| panic!("default {text:?}: {e}"))
    }

    /// The value as CONFIG GET shows it.
    pub fn show(&self, value: &Value) -> String {
        match (self, value) {
            (Kind::Choice(words), Value::Int(i)) => words[*i as usize].to_owned(),
            (Kind::Flags(words), Value::Int(bits)) => show_flags(words, *bits),
            (Kind::Int { unit, .. }, Value::Int(n)) => show_int(*n, *unit, |bytes| bytes.to_string()),
            (Kind::Notify, Value::Int(bits)) => special::show_notify(*bits as u32),
            (Kind::Cores, Value::Int(0)) => "auto".to_owned(),
            (_, Value::Int(n)) => n.to_string(),
            (_, Value::Bool(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
            (_, Value::Text(text)) => text.clone(),
            (_, Value::Words(words)) => words.join(" "),
            (_, Value::Save(points)) => special::show_save(points),
            (_, Value::BufferLimits(limits)) => special::show_buffer_limits(limits),
            (_, Value::Percentiles(list)) => special::show_percentiles(list),
        }
    }

    /// What `--help` calls a value of this kind.
    pub fn placeholder(&self) -> String {
        match self {
            Kind::Bool => "yes|no".to_owned(),
            Kind::Int { unit: Unit::One, .. } => "<number>".to_owned(),
            Kind::Int { unit: Unit::Octal, .. } => "<octal>".to_owned(),
            Kind::Int { unit: Unit::Memory, .. } => "<bytes>".to_owned(),
            Kind::Int { unit: Unit::MemoryOrPercent, .. } => "<bytes>|<n>%".to_owned(),
            Kind::Choice(words) => words.join("|"),
            Kind::Flags(words) => format!("{} ...", words.join("|")),
            Kind::Text { .. } => "<text>".to_owned(),
            Kind::Bind => "<address> ...".to_owned(),
            Kind::Save => "<seconds> <changes> ...".to_owned(),
            Kind::BufferLimits => "<class> <hard> <soft> <seconds> ...".to_owned(),
            Kind::Percentiles => "<percentile> ...".to_owned(),
            Kind::Notify => "<letters>".to_owned(),
            Kind::OomScores => "<master> <replica> <child>".to_owned(),
            Kind::ReplicaOf => "<host> <port>".to_owned(),
            Kind::Cores => "<number>|auto".to_owned(),
        }
    }
}

fn parse_bool(text: &str) -> Result<Value, String> {
    match text {
        _ if text.eq_ignore_ascii_case("yes") => Ok(Value::Bool(true)),
        _ if text.eq_ignore_ascii_case("no") => Ok(Value::Bool(false)),
        _ => Err("argument must be 'yes' or 'no'".to_owned()),
    }
}

fn parse_int(text: &str, min: i128, max: i128, unit: Unit) -> Result<Value, String> {
    let (parsed, error) = match unit {
        Unit::One => (parse_plain(text), "argument couldn't be parsed into an integer"),
        Unit::Memory => (parse_memory(text), "argument must be a memory value"),
        Unit::MemoryOrPercent => {
            let percent = text.strip_suffix('%').and_then(parse_plain).filter(|n| *n >= 0);
            (parse_memory(text).or(percent.map(|n| -n)), "argument must be a memory or percent value")
        }
        Unit::Octal => (i128::from_str_radix(text, 8).ok(), "argument couldn't be parsed as an octal number"),
    };
    let n = parsed.ok_or(error)?;
    if unit == Unit::MemoryOrPercent && n < 0 && n < min {
        return Err(format!("percentage argument must be less or equal to {}", -min));
    }
    if n < min || n > max {
        return Err(match unit {
            Unit::Octal => format!("argument must be between {min:o} and {max:o} inclusive"),
            _ => format!("argument must be between {min} and {max} inclusive"),
        });
    }
    Ok(Value::Int(n))
}

/// A decimal number without leading zeros, plus sign or spaces, as Redis reads integers; wide enough for
/// both of its 64-bit kinds.
fn parse_plain(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit())
        && (text == "0" || !digits.starts_with('0'))
        && digits.len() <= 20;
    if plain { text.parse().ok() } else { None }
}

/// Bytes with an optional unit: `b`, `k` (1000), `kb` (1024), `m`, `mb`, `g`, `gb`, in any case.
pub fn parse_memory(text: &str) -> Option<i128> {
    let digits_len = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at(digits_len);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1000 * 1000,
        "mb" => 1 << 20,
        "g" => 1000 * 1000 * 1000,
        "gb" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor).map(i128::from)
}

/// Bytes in the largest unit that divides them, as CONFIG REWRITE writes them.
pub fn show_memory(bytes: i128) -> String {
    for (unit, size) in [("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10)] {
        if bytes != 0 && bytes % size == 0 {
            return format!("{}{unit}", bytes / size);
        }
    }
    bytes.to_string()
}

/// A number in its unit; `memory` shows bytes.
pub fn show_int(n: i128, unit: Unit, memory: fn(i128) -> String) -> String {
    match unit {
        Unit::One => n.to_string(),
        Unit::Octal => format!("{n:o}"),
        Unit::MemoryOrPercent if n < 0 => format!("{}%", -n),
        Unit::Memory | Unit::MemoryOrPercent => memory(n),
    }
}

fn position(words: &[&str], text: &str) -> Result<usize, String> {
    let found = words.iter().position(|word| word.eq_ignore_ascii_case(text));
    found.ok_or_else(|| format!("argument(s) must be one of the following: {}", words.join(", ")))
}

fn parse_flags(words: &[&str], args: &[&str]) -> Result<Value, String> {
    if args.is_empty() {
        position(words, "")?;
    }
    let mut bits = 0;
    for arg in args {
        bits |= flag_bit(position(words, arg)?);
    }
    let save_and_nosave = i128::from(super::value::shutdown::SAVE | super::value::shutdown::NOSAVE);
    if bits & save_and_nosave == save_and_nosave {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".to_owned());
    }
    Ok(Value::Int(bits))
}

fn show_flags(words: &[&str], bits: i128) -> String {
    let set = words.iter().enumerate().filter(|(i, _)| bits & flag_bit(*i) != 0);
    let shown: Vec<&str> = set.map(|(_, word)| *word).collect();
    if shown.is_empty() { words[0].to_owned() } else { shown.join(" ") }
}

/// The bit of the word at `index`; the first word has none.
fn flag_bit(index: usize) -> i128 {
    (1 << index) >> 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Kind, text: &str, expect: Result<&str, &str>) {
        let args: Vec<&str> = if kind.takes_many() { text.split_whitespace().collect() } else { vec![text] };
        let got = kind.parse(&args, &Value::Words(Vec::new()), Source::Command).map(|v| kind.show(&v));
        assert_eq!(got.as_deref().map_err(String::as_str), expect, "{text:?}");
    }

    #[test]
    fn numbers() {
        let plain = Kind::Int { min: -1, max: 100, unit: Unit::One };
        check(plain, "0", Ok("0"));
        check(plain, "-1", Ok("-1"));
        for bad in ["", "-", "+1", "01", "-0", " 1", "1.0", "99999999999999999999999999999999999999999999"] {
            check(plain, bad, Err("argument couldn't be parsed into an integer"));
        }
        check(plain, "101", Err("argument must be between -1 and 100 inclusive"));
        let octal = Kind::Int { min: 0, max: 0o777, unit: Unit::Octal };
        check(octal, "0700", Ok("700"));
        check(octal, "9", Err("argument couldn't be parsed as an octal number"));
        check(octal, "1000", Err("argument must be between 0 and 777 inclusive"));
    }

    #[test]
    fn memory() {
        let kind = Kind::Int { min: 0, max: u64::MAX as i128, unit: Unit::Memory };
        for (text, bytes) in
            [("1k", "1000"), ("1Kb", "1024"), ("2mb", "2097152"), ("1G", "1000000000"), ("7b", "7")]
        {
            check(kind, text, Ok(bytes));
        }
        for bad in ["", "-1", "1.5gb", "k", "1tb", "18446744073709551615gb", "1 kb"] {
            check(kind, bad, Err("argument must be a memory value"));
        }
        let percent = Kind::Int { min: -100, max: i64::MAX as i128, unit: Unit::MemoryOrPercent };
        check(percent, "20%", Ok("20%"));
        check(percent, "1kb", Ok("1024"));
        check(percent, "200%", Err("percentage argument must be less or equal to 100"));
        check(percent, "-5", Err("argument must be a memory or percent value"));
        assert_eq!(show_memory(0), "0");
        assert_eq!(show_memory(3 << 30), "3gb");
        assert_eq!(show_memory(1536), "1536");
    }

    #[test]
    fn words() {
        let kind = Kind::Choice(&["no", "yes"]);
        check(kind, "YES", Ok("yes"));
        check(kind, "maybe", Err("argument(s) must be one of the following: no, yes"));
        let flags = Kind::Flags(super::super::value::SHUTDOWN_NAMES);
        check(flags, "force now nosave", Ok("nosave now force"));
        check(flags, "default", Ok("default"));
        let list = "argument(s) must be one of the following: default, save, nosave, now, force";
        check(flags, "", Err(list));
        check(flags, "save nosave", Err("shutdown options SAVE and NOSAVE can't be used simultaneously"));
        check(Kind::Bool, "on", Err("argument must be 'yes' or 'no'"));
    }
}
