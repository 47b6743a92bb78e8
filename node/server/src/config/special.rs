//! Directives with a syntax of their own: `save`, `client-output-buffer-limit`, `bind`, ...
//!
//! Each has one function from arguments to a value and one back, where joining words would not do. An empty
//! argument stands for the empty list, because a configuration file cannot write "nothing" otherwise.

use super::kind::{Source, parse_memory, show_memory};
use super::value::{BUFFER_CLASSES, BufferLimit, SavePoint, Value, notify};

/// Most addresses `bind` takes.
const BIND_MAX: usize = 16;
/// Most points `save` keeps, however many lines a file has (Redis has no bound).
const SAVE_POINTS_MAX: usize = 1024;
/// Most percentiles kept.
const PERCENTILES_MAX: usize = 1024;
/// Most cores of one process.
pub const CORES_MAX: u16 = 1024;

/// The lone empty argument stands for none at all.
fn without_empty<'a>(args: &'a [&'a str]) -> &'a [&'a str] {
    if args == [""] { &[] } else { args }
}

/// `bind`: addresses; a leading `-` allows an address to be missing, `*` is all of IPv4, `::*` of IPv6.
pub fn parse_bind(args: &[&str]) -> Result<Value, String> {
    if args.len() > BIND_MAX {
        return Err("Too many bind addresses specified.".to_owned());
    }
    Ok(Value::Words(without_empty(args).iter().map(|a| (*a).to_owned()).collect()))
}

/// `save`: pairs of seconds and changes. Lines of a file add up, an empty argument clears.
pub fn parse_save(args: &[&str], old: &Value, source: Source) -> Result<Value, String> {
    const INVALID: &str = "Invalid save parameters";
    let mut points = match old {
        Value::Save(points) if source == Source::File && args != [""] => points.clone(),
        _ => Vec::new(),
    };
    let args = without_empty(args);
    if !args.len().is_multiple_of(2) || points.len() + args.len() / 2 > SAVE_POINTS_MAX {
        return Err(INVALID.to_owned());
    }
    for pair in args.chunks(2) {
        let seconds = pair[0].parse::<i64>().ok().filter(|n| *n >= 1);
        let changes = pair[1].parse::<i64>().ok().filter(|n| (0..=i64::from(i32::MAX)).contains(n));
        let (Some(seconds), Some(changes)) = (seconds, changes) else { return Err(INVALID.to_owned()) };
        points.push(SavePoint { seconds, changes });
    }
    Ok(Value::Save(points))
}

/// As CONFIG GET and the file have it.
pub fn show_save(points: &[SavePoint]) -> String {
    let shown: Vec<String> = points.iter().map(|p| format!("{} {}", p.seconds, p.changes)).collect();
    shown.join(" ")
}

/// `client-output-buffer-limit`: class, hard, soft, seconds; classes not named keep theirs.
pub fn parse_buffer_limits(args: &[&str], old: &Value) -> Result<Value, String> {
    let mut limits = match old {
        Value::BufferLimits(limits) => *limits,
        _ => Default::default(),
    };
    if !args.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
    }
    for entry in args.chunks(4) {
        let named = |class: &&str| -> bool {
            class.eq_ignore_ascii_case(entry[0])
                || (*class == "slave" && entry[0].eq_ignore_ascii_case("replica"))
        };
        let class = BUFFER_CLASSES.iter().position(named);
        let class = class.ok_or("Invalid client class specified in buffer limit configuration.")?;
        limits[class] = parse_buffer_limit(&entry[1..])
            .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
    }
    Ok(Value::BufferLimits(limits))
}

fn parse_buffer_limit(entry: &[&str]) -> Option<BufferLimit> {
    let bytes = |text| parse_memory(text).and_then(|n| u64::try_from(n).ok());
    let seconds = entry[2].parse::<u64>().ok().filter(|n| *n <= i32::MAX as u64)?;
    Some(BufferLimit { hard_bytes: bytes(entry[0])?, soft_bytes: bytes(entry[1])?, soft_seconds: seconds })
}

/// As CONFIG GET has it: all classes, sizes in bytes.
pub fn show_buffer_limits(limits: &[BufferLimit; BUFFER_CLASSES.len()]) -> String {
    let each = BUFFER_CLASSES.iter().zip(limits);
    let shown: Vec<String> = each
        .map(|(class, l)| format!("{class} {} {} {}", l.hard_bytes, l.soft_bytes, l.soft_seconds))
        .collect();
    shown.join(" ")
}

/// One class as CONFIG REWRITE has it.
pub fn rewrite_buffer_limit(class: usize, limit: &BufferLimit) -> String {
    let name = if BUFFER_CLASSES[class] == "slave" { "replica" } else { BUFFER_CLASSES[class] };
    let (hard, soft) = (show_memory(limit.hard_bytes.into()), show_memory(limit.soft_bytes.into()));
    format!("{name} {hard} {soft} {}", limit.soft_seconds)
}

/// `latency-tracking-info-percentiles`.
pub fn parse_percentiles(args: &[&str]) -> Result<Value, String> {
    const INVALID: &str = "Invalid latency-tracking-info-percentiles parameters";
    let args = without_empty(args);
    if args.len() > PERCENTILES_MAX {
        return Err(INVALID.to_owned());
    }
    let mut list = Vec::with_capacity(args.len());
    for arg in args {
        let percentile = resp::parse_double(arg.as_bytes()).filter(|p| !p.is_nan()).ok_or(INVALID)?;
        if !(0.0..=100.0).contains(&percentile) {
            return Err(
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".to_owned()
            );
        }
        list.push(percentile);
    }
    Ok(Value::Percentiles(list))
}

/// Six decimals at most, without trailing zeros.
pub fn show_percentiles(list: &[f64]) -> String {
    let one = |p: &f64| {
        let text = format!("{p:.6}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    list.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// `notify-keyspace-events`: letters; `A` is all of the types.
pub fn parse_notify(text: &str) -> Result<Value, String> {
    let mut bits = 0;
    for letter in text.chars() {
        bits |= match notify::LETTERS.iter().find(|(known, _)| *known == letter) {
            Some((_, bit)) => *bit,
            None if letter == 'A' => all_types(),
            None => return Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".to_owned()),
        };
    }
    Ok(Value::Int(bits.into()))
}

/// As CONFIG GET has it: `A` where all types are there.
pub fn show_notify(bits: u32) -> String {
    let all = bits & all_types() == all_types();
    let types_shown = if all { notify::TYPES } else { 0 };
    let letters = notify::LETTERS[types_shown..].iter().filter(|(_, bit)| bits & bit != 0);
    all.then_some('A').into_iter().chain(letters.map(|(letter, _)| *letter)).collect()
}

fn all_types() -> u32 {
    notify::LETTERS[..notify::TYPES].iter().fold(0, |bits, (_, bit)| bits | bit)
}

/// `oom-score-adj-values`: three scores.
pub fn parse_oom_scores(args: &[&str]) -> Result<Value, String> {
    if args.len() != 3 {
        return Err("wrong number of arguments".to_owned());
    }
    let fits = |text: &&str| text.parse::<i32>().is_ok_and(|n| (-2000..=2000).contains(&n));
    if !args.iter().all(fits) {
        return Err("Invalid oom-score-adj-values, elements must be between -2000 and 2000.".to_owned());
    }
    Ok(Value::Words(args.iter().map(|a| (*a).to_owned()).collect()))
}

/// `replicaof`: host and port; `no one` is none.
pub fn parse_replica_of(args: &[&str]) -> Result<Value, String> {
    let [host, port] = args else { return Err("wrong number of arguments".to_owned()) };
    if host.eq_ignore_ascii_case("no") && port.eq_ignore_ascii_case("one") {
        return Ok(Value::Words(Vec::new()));
    }
    port.parse::<u16>().map_err(|_| "Invalid primary port")?;
    Ok(Value::Words(args.iter().map(|a| (*a).to_owned()).collect()))
}

/// `cores`: a number or `auto`, which is kept as 0.
pub fn parse_cores(text: &str) -> Result<Value, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(Value::Int(0));
    }
    let count = text.parse::<u16>().ok().filter(|n| (1..=CORES_MAX).contains(n));
    count
        .map(|n| Value::Int(n.into()))
        .ok_or_else(|| format!("argument must be 'auto' or between 1 and {CORES_MAX}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kind::Kind;

    fn check(kind: Kind, args: &[&str], expect: Result<&str, &str>) {
        let old = Value::BufferLimits(Default::default());
        let got = kind.parse(args, &old, Source::Command).map(|v| kind.show(&v));
        assert_eq!(got.as_deref().map_err(String::as_str), expect, "{args:?}");
    }

    #[test]
    fn save() {
        check(Kind::Save, &["900", "1", "60", "100"], Ok("900 1 60 100"));
        check(Kind::Save, &[""], Ok(""));
        for bad in [&["900"][..], &["0", "1"], &["900", "-1"], &["900", "x"], &["900 1"]] {
            check(Kind::Save, bad, Err("Invalid save parameters"));
        }
        let old = Value::Save(vec![SavePoint { seconds: 9, changes: 1 }]);
        let added = parse_save(&["8", "2"], &old, Source::File).unwrap();
        assert_eq!(Kind::Save.show(&added), "9 1 8 2");
        assert_eq!(parse_save(&[""], &old, Source::File), Ok(Value::Save(Vec::new())));
    }

    #[test]
    fn buffer_limits() {
        let kind = Kind::BufferLimits;
        check(
            kind,
            &["replica", "256mb", "64mb", "60"],
            Ok("normal 0 0 0 slave 268435456 67108864 60 pubsub 0 0 0"),
        );
        check(kind, &["normal", "1"], Err("Wrong number of arguments in buffer limit configuration."));
        let class = "Invalid client class specified in buffer limit configuration.";
        check(kind, &["master", "0", "0", "0"], Err(class));
        let size = "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
        check(kind, &["pubsub", "1tb", "0", "0"], Err(size));
        check(kind, &["pubsub", "0", "0", "-1"], Err(size));
        assert_eq!(
            rewrite_buffer_limit(1, &BufferLimit { hard_bytes: 1 << 20, soft_bytes: 3, soft_seconds: 4 }),
            "replica 1mb 3 4"
        );
    }

    #[test]
    fn notify_letters() {
        check(Kind::Notify, &["KEA"], Ok("AKE"));
        check(Kind::Notify, &["g$lshzxetd"], Ok("A"));
        check(Kind::Notify, &["mKnhl"], Ok("lhnKm"));
        check(Kind::Notify, &["?"], Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'."));
    }

    #[test]
    fn lists_and_hosts() {
        check(Kind::Percentiles, &["50", "99.9", "100.0"], Ok("50 99.9 100"));
        check(Kind::Percentiles, &["nan"], Err("Invalid latency-tracking-info-percentiles parameters"));
        let range = "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
        check(Kind::Percentiles, &["100.1"], Err(range));
        check(Kind::Bind, &["127.0.0.1", "-::1"], Ok("127.0.0.1 -::1"));
        check(Kind::Bind, &["x"; 17], Err("Too many bind addresses specified."));
        check(
            Kind::OomScores,
            &["0", "200", "2001"],
            Err("Invalid oom-score-adj-values, elements must be between -2000 and 2000."),
        );
        assert_eq!(parse_replica_of(&["h", "abc"]), Err("Invalid primary port".to_owned()));
        assert_eq!(parse_cores("0"), Err("argument must be 'auto' or between 1 and 1024".to_owned()));
        assert_eq!(parse_cores("AUTO"), Ok(Value::Int(0)));
    }
}
