//! COMMANDLOG and SLOWLOG, and what they must not keep.
//!
//! The logs show command lines to whoever may read it, and a few of them hold passwords. Which words are
//! secret is told here and nowhere else: [`without_secrets`] is what every list of commands shows of one.

use std::cmp::Reverse;

use commands::table::{Found, Host};
use commands::{Args, Error, Outcome};
use resp::{Reply, parse_integer};

use super::Call;
use crate::config::is_secret;
use crate::core::Core;
use crate::core::commandlog::{Entry, Why};

/// Stands in a list of commands where a secret was.
const REDACTED: &[u8] = b"(redacted)";
const BAD_TYPE: Error =
    Error::new("ERR type should be one of the following: slow, large-request, large-reply");
const BAD_COUNT: Error = Error::new("ERR count should be greater than or equal to -1");
/// Entries SLOWLOG GET answers when it is not told how many.
const COUNT: usize = 10;

/// The entries that SLOWLOG GET [count] and COMMANDLOG GET count type ask for, newest first; -1 is all.
pub fn newest(core: &Core, host: Host, args: &Args<'_>) -> Result<Vec<Entry>, Error> {
    let (count, why) = (count(args)?, named(host, args)?);
    Ok(core.commandlog.entries(why).take(count).cloned().collect())
}

/// How many entries the log has that SLOWLOG LEN and COMMANDLOG LEN type ask for.
pub fn len(core: &Core, host: Host, args: &Args<'_>) -> Result<usize, Error> {
    Ok(core.commandlog.entries(named(host, args)?).len())
}

/// How many entries the log that is asked for may have. Each core keeps as many, so that the newest of the process are
/// among them.
pub fn max(core: &Core, host: Host, args: &Args<'_>) -> Result<usize, Error> {
    Ok(core.commandlog.max(named(host, args)?))
}

fn count(args: &Args<'_>) -> Result<usize, Error> {
    match args.get(2).map(|word| parse_integer(word)) {
        None => Ok(COUNT),
        Some(Some(-1)) => Ok(usize::MAX),
        Some(count) => count.and_then(|count| usize::try_from(count).ok()).ok_or(BAD_COUNT),
    }
}

fn parse_type(word: &[u8]) -> Result<Why, Error> {
    let named = Why::NAMED.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    named.map(|(_, why)| *why).ok_or(BAD_TYPE)
}

/// Writes those of `entries` that are asked for; they may be of several cores, and more than the `max` of a log.
pub fn write(entries: &[Entry], max: usize, args: &Args<'_>, reply: &mut Reply) -> Outcome {
    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by_key(|entry| Reverse(entry.id));
    entries.truncate(count(args)?.min(max));
    reply.array(entries.len());
    for entry in entries {
        reply.array(6);
        reply.integer(entry.id as i64);
        reply.integer(entry.at_s as i64);
        reply.integer(entry.value as i64);
        reply.array(entry.args.len());
        entry.args.iter().for_each(|arg| reply.bulk(arg));
        reply.bulk(entry.peer.as_bytes());
        reply.bulk(&entry.name);
    }
    Ok(())
}

/// The log that a command is about.
fn named(host: Host, args: &Args<'_>) -> Result<Why, Error> {
    match host {
        Host::CommandlogGet => parse_type(args[3]),
        Host::CommandlogLen | Host::CommandlogReset => parse_type(args[2]),
        _ => Ok(Why::Slow),
    }
}

/// SLOWLOG RESET, COMMANDLOG RESET type
pub fn reset(call: &mut Call<'_>) -> Outcome {
    let why = named(call.host, call.args)?;
    call.core.commandlog.clear(why);
    call.client.reply.ok();
    Ok(())
}

/// The words of a command as they may be shown: passwords are replaced.
pub fn without_secrets<'a>(found: Found, args: &Args<'a>) -> Vec<&'a [u8]> {
    let mut words = args.to_vec();
    for index in secrets(found, args) {
        if let Some(word) = words.get_mut(index) {
            *word = REDACTED;
        }
    }
    words
}

/// Which words are secret; may name words beyond the last.
fn secrets(found: Found, args: &Args<'_>) -> Vec<usize> {
    let container = found.container.map_or("", |container| container.name);
    match (container, found.command.name) {
        ("", "auth") => (1..args.len()).collect(),
        ("", "hello") => credentials(args, 2, &[("auth", 2), ("setname", 0)]),
        ("", "migrate") => credentials(args, 6, &[("auth", 1), ("auth2", 2)]),
        ("config", "set") => (3..args.len()).step_by(2).filter(|i| is_secret(args[i - 1])).collect(),
        ("acl", "setuser" | "getuser" | "deluser") => (2..args.len()).collect(),
        _ => Vec::new(),
    }
}

/// The words behind the options that take credentials, so many each, from word `from` on. MIGRATE's KEYS ends
/// the options.
fn credentials(args: &Args<'_>, from: usize, options: &[(&str, usize)]) -> Vec<usize> {
    let mut secrets = Vec::new();
    let mut at = from;
    while at < args.len() && !args.is(at, "keys") {
        let option = options.iter().find(|(name, _)| args.is(at, name));
        let count = option.map_or(0, |(_, count)| *count);
        secrets.extend(at + 1..=at + count);
        // A client's name may well be `auth`.
        at += 1 + if args.is(at, "setname") { 1 } else { count };
    }
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let args = Args::new(&words);
        let found = Found::resolve(&args).unwrap();
        String::from_utf8(without_secrets(found, &args).join(&b' ')).unwrap()
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(shown("GET auth"), "GET auth");
        assert_eq!(shown("auth user pw"), "auth (redacted) (redacted)");
        assert_eq!(shown("hello 3 setname auth"), "hello 3 setname auth");
        assert_eq!(shown("hello 3 AUTH u p setname x"), "hello 3 AUTH (redacted) (redacted) setname x");
        assert_eq!(shown("config set requirepass pw"), "config set requirepass (redacted)");
        assert_eq!(
            shown("CONFIG SET timeout 1 primaryauth pw hz 10"),
            "CONFIG SET timeout 1 primaryauth (redacted) hz 10"
        );
    }
}
