//! COMMAND: the command table, told to clients.

use commands::glob::{self, Case};
use commands::table::{self, Begin, Find, Found, Group, KeyFlags, KeySpec};
use commands::{Args, Error, Outcome, error};
use resp::Reply;

use super::Call;

const NO_SUCH_COMMAND: Error = Error::new("ERR Invalid command specified");
const NO_KEYS: Error = Error::new("ERR The command has no key arguments");
const BAD_COUNT: Error = Error::new("ERR Invalid number of arguments specified for command");
const BAD_ARGUMENTS: Error = Error::new("ERR Invalid arguments specified for command");

/// COMMAND: every command.
pub fn all(call: &mut Call<'_>) -> Outcome {
    write_all(&mut call.client.reply);
    Ok(())
}

fn write_all(reply: &mut Reply) {
    reply.array(table::all().count());
    table::all()
        .filter_map(|command| table::find(command.name.as_bytes()))
        .for_each(|found| write_info(reply, found));
}

/// COMMAND COUNT
pub fn count(call: &mut Call<'_>) -> Outcome {
    call.client.reply.integer(table::all().count() as i64);
    Ok(())
}

/// COMMAND INFO [name ...]: of a name that is no command, null.
pub fn info(call: &mut Call<'_>) -> Outcome {
    let (reply, names) = (&mut call.client.reply, &call.args[2..]);
    if names.is_empty() {
        write_all(reply);
        return Ok(());
    }
    reply.array(names.len());
    for name in names {
        match Found::by_full_name(name) {
            Some(found) => write_info(reply, found),
            None => reply.null(),
        }
    }
    Ok(())
}

/// The subcommands of a command, as rows of their own.
fn subcommands(found: Found) -> impl ExactSizeIterator<Item = Found> {
    let names = found.command.subcommands.iter();
    names.map(move |sub| found.sub(sub.name.as_bytes()).expect("a row is found by its own name"))
}

fn write_info(reply: &mut Reply, found: Found) {
    let command = found.command;
    let (first, last, step) = command.key_range();
    reply.array(10);
    reply.bulk(found.full_name().as_bytes());
    reply.integer(i64::from(command.arity));
    write_words(reply, &table::flag_names(command));
    reply.integer(first);
    reply.integer(last);
    reply.integer(step);
    let categories: Vec<String> =
        table::category_names(table::categories(command)).map(|name| format!("@{name}")).collect();
    write_words(reply, &categories);
    reply.set(command.tips.len());
    command.tips.iter().for_each(|tip| reply.bulk(tip.as_bytes()));
    reply.set(command.keys.len());
    command.keys.iter().for_each(|spec| write_key_spec(reply, spec));
    reply.array(command.subcommands.len());
    subcommands(found).for_each(|sub| write_info(reply, sub));
}

/// A set of words, as status replies.
fn write_words(reply: &mut Reply, words: &[impl AsRef<str>]) {
    reply.set(words.len());
    words.iter().for_each(|word| reply.simple(word.as_ref()));
}

fn write_key_spec(reply: &mut Reply, spec: &KeySpec) {
    reply.map(3);
    reply.bulk(b"flags");
    write_words(reply, &key_flag_names(spec.flags));
    reply.bulk(b"begin_search");
    match spec.begin {
        Begin::Index(index) | Begin::Filled(index) => {
            write_rule(reply, "index", &[("index", index as i64)]);
        }
        Begin::Keyword { word, from } => write_keyword(reply, word, from),
        Begin::Rest { word, .. } => write_keyword(reply, word, -2),
        Begin::Option { .. } | Begin::Unknown => write_rule(reply, "unknown", &[]),
    }
    reply.bulk(b"find_keys");
    match spec.find {
        _ if matches!(spec.begin, Begin::Option { .. }) => write_rule(reply, "unknown", &[]),
        Find::Range { last, step, limit } => {
            let fields = [("lastkey", i64::from(last)), ("keystep", step as i64), ("limit", limit as i64)];
            write_rule(reply, "range", &fields);
        }
        Find::Count { count, first, step } => {
            let fields = [("keynumidx", count as i64), ("firstkey", first as i64), ("keystep", step as i64)];
            write_rule(reply, "keynum", &fields);
        }
        Find::Unknown => write_rule(reply, "unknown", &[]),
    }
}

fn write_keyword(reply: &mut Reply, word: &str, from: i32) {
    write_rule_type(reply, "keyword");
    reply.map(2);
    reply.bulk(b"keyword");
    reply.bulk(word.as_bytes());
    write_number(reply, ("startfrom", i64::from(from)));
}

/// A part of a key specification: its type, and the numbers that go with it.
fn write_rule(reply: &mut Reply, kind: &str, numbers: &[(&str, i64)]) {
    write_rule_type(reply, kind);
    reply.map(numbers.len());
    numbers.iter().for_each(|number| write_number(reply, *number));
}

fn write_rule_type(reply: &mut Reply, kind: &str) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
}

fn write_number(reply: &mut Reply, (name, value): (&str, i64)) {
    reply.bulk(name.as_bytes());
    reply.integer(value);
}

fn key_flag_names(flags: KeyFlags) -> Vec<&'static str> {
    table::KEY_FLAG_NAMES.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| *name).collect()
}

/// COMMAND DOCS [name ...]: names that are no command are left out.
pub fn docs(call: &mut Call<'_>) -> Outcome {
    let names = &call.args[2..];
    let found: Vec<Found> = match names.is_empty() {
        true => table::all().filter_map(|command| table::find(command.name.as_bytes())).collect(),
        false => names.iter().filter_map(|name| Found::by_full_name(name)).collect(),
    };
    write_docs(&mut call.client.reply, found.into_iter());
    Ok(())
}

fn write_docs(reply: &mut Reply, commands: impl ExactSizeIterator<Item = Found>) {
    reply.map(commands.len());
    for found in commands {
        let command = found.command;
        reply.bulk(found.full_name().as_bytes());
        reply.map(3 + usize::from(!command.subcommands.is_empty()));
        let texts =
            [("summary", command.summary), ("since", command.since), ("group", group_name(command.group))];
        for (name, text) in texts {
            reply.bulk(name.as_bytes());
            reply.bulk(text.as_bytes());
        }
        if !command.subcommands.is_empty() {
            reply.bulk(b"subcommands");
            write_docs(reply, subcommands(found).collect::<Vec<_>>().into_iter());
        }
    }
}

fn group_name(group: Group) -> &'static str {
    match group {
        Group::Bitmap => "bitmap",
        Group::Cluster => "cluster",
        Group::Connection => "connection",
        Group::Generic => "generic",
        Group::Geo => "geo",
        Group::Hash => "hash",
        Group::Hyperloglog => "hyperloglog",
        Group::List => "list",
        Group::Pubsub => "pubsub",
        Group::Scripting => "scripting",
        Group::Server => "server",
        Group::Set => "set",
        Group::SortedSet => "sorted-set",
        Group::Stream => "stream",
        Group::String => "string",
        Group::Transactions => "transactions",
    }
}

/// What COMMAND LIST leaves in.
enum Filter<'a> {
    All,
    /// Commands of a module; there are no modules.
    Module,
    Category(&'a [u8]),
    Pattern(&'a [u8]),
}

impl Filter<'_> {
    fn admits(&self, found: Found) -> bool {
        match self {
            Filter::All => true,
            Filter::Module => false,
            Filter::Category(wanted) => {
                let wanted = table::category(wanted).unwrap_or(0);
                table::categories(found.command) & wanted != 0
            }
            Filter::Pattern(pattern) => {
                glob::matches(pattern, found.full_name().as_bytes(), Case::Insensitive)
            }
        }
    }
}

/// COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]
pub fn list(call: &mut Call<'_>) -> Outcome {
    let args = call.args;
    let filter = match args.len() {
        2 => Filter::All,
        5 if args.is(2, "filterby") && args.is(3, "module") => Filter::Module,
        5 if args.is(2, "filterby") && args.is(3, "aclcat") => Filter::Category(args[4]),
        5 if args.is(2, "filterby") && args.is(3, "pattern") => Filter::Pattern(args[4]),
        _ => return Err(error::SYNTAX),
    };
    let top = table::all().filter_map(|command| table::find(command.name.as_bytes()));
    let found: Vec<Found> = top
        .flat_map(|found| [found].into_iter().chain(subcommands(found)))
        .filter(|f| filter.admits(*f))
        .collect();
    call.client.reply.array(found.len());
    found.iter().for_each(|found| call.client.reply.bulk(found.full_name().as_bytes()));
    Ok(())
}

/// COMMAND GETKEYS command [argument ...]
pub fn getkeys(call: &mut Call<'_>) -> Outcome {
    let args = Args::new(&call.args[2..]);
    let keys = keys_in(&args)?;
    call.client.reply.array(keys.len());
    keys.iter().for_each(|(index, _)| call.client.reply.bulk(args[*index]));
    Ok(())
}

/// COMMAND GETKEYSANDFLAGS command [argument ...]
pub fn getkeysandflags(call: &mut Call<'_>) -> Outcome {
    let args = Args::new(&call.args[2..]);
    let keys = keys_in(&args)?;
    let reply = &mut call.client.reply;
    reply.array(keys.len());
    for (index, flags) in keys {
        reply.array(2);
        reply.bulk(args[index]);
        write_words(reply, &key_flag_names(flags));
    }
    Ok(())
}

/// Keys by index, each with what is done with it.
type Keys = Vec<(usize, KeyFlags)>;

/// The keys of the command in `args`.
fn keys_in(args: &Args<'_>) -> Result<Keys, Error> {
    let mut found = table::find(args[0]).ok_or(NO_SUCH_COMMAND)?;
    if let (Some(name), false) = (args.get(1), found.command.subcommands.is_empty()) {
        found = found.sub(name).ok_or(NO_SUCH_COMMAND)?;
    }
    let command = found.command;
    if command.keys.iter().all(|spec| spec.flags & table::NOT_KEY != 0) {
        return Err(NO_KEYS);
    }
    if !command.arity_fits(args.len()) {
        return Err(BAD_COUNT);
    }
    let mut keys = Vec::new();
    command.each_key_use(args, &mut |index, flags| keys.push((index, flags))).map_err(|_| BAD_ARGUMENTS)?;
    if keys.is_empty() && !command.has(table::NO_MANDATORY_KEYS) {
        return Err(BAD_ARGUMENTS);
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(line: &str) -> Result<String, String> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let args = Args::new(&words);
        let keys = keys_in(&args).map_err(|e| e.as_str().to_owned())?;
        let text = |(index, flags): (usize, KeyFlags)| {
            format!("{} {}", String::from_utf8_lossy(args[index]), key_flag_names(flags).join(" "))
        };
        Ok(keys.into_iter().map(text).collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn keys_and_what_is_done_with_them() {
        assert_eq!(keys("set k v").as_deref(), Ok("k OW update"));
        assert_eq!(keys("set k v get").as_deref(), Ok("k RW access update"));
        assert_eq!(keys("mset a 1 b 2").as_deref(), Ok("a OW update, b OW update"));
        assert_eq!(keys("bitfield k get u8 0").as_deref(), Ok("k RO access"));
        assert_eq!(keys("memory usage k").as_deref(), Ok("k RO"));
        assert_eq!(keys("ping").unwrap_err(), NO_KEYS.as_str());
        assert_eq!(keys("ssubscribe channel").unwrap_err(), NO_KEYS.as_str());
        assert_eq!(keys("get").unwrap_err(), BAD_COUNT.as_str());
        assert_eq!(keys("nosuch k").unwrap_err(), NO_SUCH_COMMAND.as_str());
        assert_eq!(keys("memory nosuch k").unwrap_err(), NO_SUCH_COMMAND.as_str());
    }
}
