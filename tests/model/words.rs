//! The kinds of words commands are made of: few keys, few members, and numbers at which code goes wrong.
//!
//! Times are far ahead or over already, so that no clock decides what a command finds.

use base::Random;

/// Types, each with its keys; all keys are in one slot.
const TYPES: &[(&str, &[&str])] = &[
    ("string", &["{m}str1", "{m}str2"]),
    ("bitmap", &["{m}bit1", "{m}bit2"]),
    ("list", &["{m}list1", "{m}list2"]),
    ("set", &["{m}set1", "{m}set2", "{m}set3"]),
    ("zset", &["{m}zset1", "{m}zset2", "{m}zset3"]),
    ("hash", &["{m}hash1", "{m}hash2"]),
    ("geo", &["{m}geo1", "{m}geo2"]),
    ("hll", &["{m}hll1", "{m}hll2", "{m}hll3"]),
    ("stream", &["{m}stream1", "{m}stream2"]),
];

/// Elements, members and fields; the first few come most.
const VALUES: &[&[u8]] = &[
    b"a",
    b"b",
    b"c",
    b"1",
    b"2",
    b"3",
    b"-1",
    b"d",
    b"e",
    b"f",
    b"g",
    b"10",
    b"100",
    b"1000",
    b"40000",
    b"-7",
    b"",
    b"0",
    b"-0",
    b"007",
    b" 1",
    b"1 ",
    b"1.5",
    b"3.0e3",
    b"inf",
    b"-inf",
    b"nan",
    b"-128",
    b"128",
    b"4096",
    b"-32769",
    b"8388608",
    b"2147483648",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"18446744073709551616",
    b"A",
    b"\xff\x00\r\n",
    b"\xc3\xa9",
    b"a value of 20 bytes.",
    b"a value that is longer than the sixty-four bytes of a listpack value",
    &[b'x'; 600],
];
const INTEGERS: &[&str] = &[
    "1",
    "2",
    "3",
    "-1",
    "5",
    "0",
    "-2",
    "-3",
    "10",
    "100",
    "-5",
    "-100",
    "7",
    "1000",
    "2147483647",
    "-2147483648",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "-0",
    "+1",
    "01",
    "1.0",
    "abc",
    "",
    " 1",
];
const FLOATS: &[&str] = &[
    "1",
    "2",
    "0",
    "-1",
    "1.5",
    "3",
    "-0",
    "0.1",
    "-2.25",
    "1e3",
    "1e-7",
    "3.0e3",
    "10",
    "1e16",
    "1e17",
    "123456789012345678",
    "1e21",
    "1e100",
    "-1e300",
    "1.7e308",
    "1e400",
    "inf",
    "-inf",
    "+inf",
    "nan",
    "123456789.123456789",
    "1e-320",
    "abc",
    "",
    "1 ",
    "9007199254740993",
    "0.30000000000000004",
];
const SCORE_BOUNDS: &[&str] = &[
    "-inf", "+inf", "0", "1", "(1", "2", "(2", "3", "-1", "1.5", "(0", "(-inf", "(+inf", "100", "1e400",
    "nan", "(nan", "(", "", "abc",
];
const LEX_BOUNDS: &[&[u8]] =
    &[b"-", b"+", b"[a", b"(a", b"[b", b"(c", b"[", b"(", b"[1", b"(2", b"a", b"", b"[\x00", b"-a"];
/// Counts of random elements: a large negative one would ask for as many.
const DRAWS: &[&str] = &["1", "2", "3", "-1", "-3", "100", "0", "-9223372036854775808", "abc", "-5"];
const STREAM_IDS: &[&str] = &[
    "1-1",
    "1-2",
    "2-1",
    "3-1",
    "5-0",
    "7-7",
    "10",
    "11-*",
    "12-*",
    "20-1",
    "30-*",
    "40",
    "50-5",
    "0-0",
    "0-1",
    "100",
    "1-18446744073709551615",
    "18446744073709551615-18446744073709551615",
    "abc",
    "1-abc",
    "-",
    "",
];
const STREAM_BOUNDS: &[&str] = &[
    "-",
    "+",
    "0",
    "1-1",
    "2-1",
    "3",
    "(1-2",
    "(3-1",
    "5-0",
    "(-",
    "(+",
    "10",
    "50",
    "(10",
    "0-0",
    "18446744073709551615-18446744073709551615",
    "(18446744073709551615-18446744073709551615",
    "abc",
    "",
];
const OFFSETS: &[&str] = &[
    "0",
    "1",
    "7",
    "8",
    "9",
    "31",
    "63",
    "64",
    "100",
    "1000",
    "-1",
    "-8",
    "4294967296",
    "abc",
    "#1",
    "4000",
];
const POSITIONS: &[&str] =
    &["0", "1", "-1", "2", "-2", "5", "100", "-100", "3", "9223372036854775807", "abc"];
const BIT_TYPES: &[&str] = &["u8", "i8", "u1", "i5", "u16", "i32", "u63", "i64", "u64", "i65", "x8", "u0"];
const FAR_SECONDS: &[&str] =
    &["5000", "100000", "1000000", "0", "-1", "9223372036854775807", "abc", "99999999999999"];
const FAR_MS: &[&str] =
    &["5000000", "100000000", "0", "-1", "-9223372036854775808", "9223372036854775807", ""];
const UNIX_SECONDS: &[&str] = &["9999999999", "9999999998", "1", "0", "-1", "9223372036854775807", "abc"];
const UNIX_MS: &[&str] = &["9999999999000", "9999999998001", "1", "0", "-1", "9223372036854775807", "abc"];
const PATTERNS: &[&str] = &["*", "a*", "?", "[a-c]", "[^a]", "1*", "\\a", "*e*", ""];

/// A kind of word that is one of a list, and how much the first ones are preferred.
const LISTS: &[(&str, &[&str])] = &[
    ("int", INTEGERS),
    (
        "count",
        &["1", "2", "3", "10", "0", "100", "-1", "-2", "9223372036854775807", "9223372036854775808", "abc"],
    ),
    ("float", FLOATS),
    ("score", FLOATS),
    ("bound", SCORE_BOUNDS),
    ("draw", DRAWS),
    ("id", STREAM_IDS),
    ("idbound", STREAM_BOUNDS),
    ("offset", OFFSETS),
    ("pos", POSITIONS),
    // What Valkey skips by a negative offset depends on the encoding.
    ("skip", &["0", "1", "2", "5", "100", "9223372036854775807", "abc"]),
    // Valkey takes the lower 32 bits of LSET's index.
    ("near", &["0", "1", "-1", "2", "-2", "5", "100", "-100", "3", "abc"]),
    ("bits", BIT_TYPES),
    ("sec", FAR_SECONDS),
    ("ms", FAR_MS),
    ("at", UNIX_SECONDS),
    ("atms", UNIX_MS),
    ("pattern", PATTERNS),
    ("weight", &["1", "2", "-1", "0.5", "0", "inf", "-inf", "nan", "abc"]),
    ("group", &["g1", "g2", "g3", ""]),
    ("consumer", &["alice", "bob", "carol", ""]),
    ("minidle", &["0", "0", "0", "999999999", "-1", "abc"]),
    ("bit", &["1", "0", "1", "2", "-1"]),
    (
        "lon",
        &["13.361389", "15.087269", "0", "-180", "180", "179.9999", "2.35", "-73.98", "180.1", "abc", "13.5"],
    ),
    ("lat", &["38.115556", "37.502669", "0", "-85.05112878", "85.05112878", "48.85", "40.7", "86", "", "38"]),
    ("dist", &["100", "200", "1000", "0", "50000", "1e9", "-1", "0.5", "abc"]),
    ("unit", &["km", "m", "mi", "ft", "KM", "yd"]),
    ("place", &["paris", "rome", "oslo", "bonn", "kyiv", "bern"]),
];

/// Kinds of word that stand for several words, or are no plain list.
const COMPOSED: &[&str] = &[
    "key", "value", "lex", "sets", "zsets", "lists", "fields", "pairs", "ids", "streams", "numbers",
    "geohash",
];

/// Whether a syntax means a kind of word by `text`.
pub fn is_kind(text: &str) -> bool {
    COMPOSED.contains(&text)
        || TYPES.iter().any(|(name, _)| *name == text)
        || LISTS.iter().any(|(name, _)| *name == text)
}

/// All keys there are.
pub fn keys() -> impl Iterator<Item = &'static str> {
    TYPES.iter().flat_map(|(_, keys)| keys.iter().copied())
}

/// All fields a hash may have.
pub fn fields() -> &'static [&'static [u8]] {
    VALUES
}

/// One of `list`, the first ones rather than the last.
fn pick<T: Copy>(list: &[T], random: &mut Random) -> T {
    let bound = if random.below(4) > 0 { list.len().div_ceil(3) } else { list.len() };
    list[random.below(bound as u64) as usize]
}

/// Any type, but for places: where many members are at one distance, only the server knows why it picks which.
fn any_type(random: &mut Random) -> &'static str {
    let others: Vec<&str> = TYPES.iter().map(|(name, _)| *name).filter(|name| *name != "geo").collect();
    others[random.below(others.len() as u64) as usize]
}

/// A key of a type, and now and then one of another.
fn key(of: &str, random: &mut Random) -> &'static [u8] {
    let any = of != "geo" && random.below(24) == 0;
    let of = if any { any_type(random) } else { of };
    let (_, keys) = TYPES.iter().find(|(name, _)| *name == of).expect("a type");
    keys[random.below(keys.len() as u64) as usize].as_bytes()
}

/// A number of items and the items; now and then the number is wrong.
fn counted(
    out: &mut Vec<Vec<u8>>,
    random: &mut Random,
    mut item: impl FnMut(&mut Vec<Vec<u8>>, &mut Random),
) {
    let count = 1 + random.below(3);
    let told = match random.below(24) {
        0 => pick(INTEGERS, random).to_owned(),
        _ => count.to_string(),
    };
    out.push(told.into_bytes());
    (0..count).for_each(|_| item(out, random));
}

/// Appends a word, or the words, of a kind.
pub fn push(kind: &str, out: &mut Vec<Vec<u8>>, random: &mut Random) {
    if let Some((_, list)) = LISTS.iter().find(|(name, _)| *name == kind) {
        return out.push(pick(list, random).as_bytes().to_vec());
    }
    let value = |out: &mut Vec<Vec<u8>>, random: &mut Random| out.push(pick(VALUES, random).to_vec());
    match kind {
        "value" => value(out, random),
        "lex" => out.push(pick(LEX_BOUNDS, random).to_vec()),
        "key" => {
            let of = any_type(random);
            out.push(key(of, random).to_vec());
        }
        "sets" => counted(out, random, |out, random| out.push(key("set", random).to_vec())),
        "zsets" => counted(out, random, |out, random| {
            let of = if random.below(4) == 0 { "set" } else { "zset" };
            out.push(key(of, random).to_vec());
        }),
        "lists" => counted(out, random, |out, random| out.push(key("list", random).to_vec())),
        "fields" => counted(out, random, value),
        "pairs" => counted(out, random, |out, random| {
            value(out, random);
            value(out, random);
        }),
        "ids" => counted(out, random, |out, random| push("id", out, random)),
        "streams" => {
            out.extend([key("stream", random).to_vec(), key("stream", random).to_vec()]);
            (0..2).for_each(|_| push("idbound", out, random));
        }
        // Enough of them to cross the thresholds.
        "numbers" => {
            let first = random.below(300);
            out.extend((0..1 + random.below(150)).map(|i| (first + i).to_string().into_bytes()));
        }
        "geohash" => {
            let bits = random.bits() >> (64 - 52);
            out.push(bits.to_string().into_bytes());
        }
        of => out.push(key(of, random).to_vec()),
    }
}
