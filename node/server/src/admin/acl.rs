//! ACL: the users of the process and what they may do.
//!
//! One set of users a process: what is set at any core holds for all (`users`). The log of refusals is each core's
//! own, as its slow log is; on the ingress they are shown as one.

use acl::{Defaults, Entry, Selector, User, Users, unite};
use commands::table::{self, Found};
use commands::{Args, Error, Outcome, error};
use resp::{Reply, parse_integer};

use super::Call;
use crate::config::{AclPubsubDefault, Disk, Files, reason, write_atomically};
use crate::core::Core;
use crate::log::warning;
use crate::start::random_u64;

const BAD_USER_NAME: Error = Error::new("ERR Usernames can't contain spaces or null characters");
const DEFAULT_STAYS: Error = Error::new("ERR The 'default' user cannot be removed");
const NO_FILE: Error = Error::new(
    "ERR This instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER \
     command and then issue a CONFIG REWRITE (assuming you have a configuration file set) in order to store users \
     in the configuration.",
);
const NOT_SAVED: Error = Error::new(
    "ERR There was an error trying to save the ACLs. Please check the server logs for more information",
);
const BAD_BITS: Error = Error::new(
    "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096",
);
/// Bits of a password, usually and at most.
const PASSWORD_BITS: i64 = 256;
const PASSWORD_BITS_MAX: i64 = 4096;
/// Entries ACL LOG answers when it is not told how many.
const LOG_COUNT: i64 = 10;

/// ACL SETUSER name [rule ...]
pub fn setuser(call: &mut Call<'_>) -> Outcome {
    let (name, rules) = (call.args[2], &call.args[3..]);
    if !acl::check_name(name) {
        return Err(BAD_USER_NAME);
    }
    change(call, |users, defaults| {
        users.set(name, rules, defaults).map_err(|e| Error::text(format!("ERR {e}")))
    })?;
    call.client.reply.ok();
    Ok(())
}

/// Changes the users of the process. It is done on all cores before the client can know of it.
fn change<T>(
    call: &mut Call<'_>,
    change: impl FnOnce(&mut Users, Defaults) -> Result<T, Error>,
) -> Result<T, Error> {
    let defaults = Defaults {
        all_channels: call.core.config.security.acl_pubsub_default == AclPubsubDefault::AllChannels,
    };
    let done = call.core.process.users.change(|users| change(users, defaults))?;
    call.core.adopt_users(Some(call.client));
    // A core that sleeps may hold clients that have to go.
    call.core.process.wake_cores();
    Ok(done)
}

/// What CONFIG SET requirepass sets off: its value is the default user's only password.
pub fn set_default_password(call: &mut Call<'_>) -> Outcome {
    let password = call.core.config.security.requirepass.clone();
    change(call, |users, _| {
        users.set_default_password(password.as_bytes());
        Ok(())
    })
}

/// ACL DELUSER name [name ...]
pub fn deluser(call: &mut Call<'_>) -> Outcome {
    let names = &call.args[2..];
    if names.contains(&acl::DEFAULT) {
        return Err(DEFAULT_STAYS);
    }
    let removed = change(call, |users, _| Ok(names.iter().filter(|name| users.remove(name)).count()))?;
    call.client.reply.integer(removed as i64);
    Ok(())
}

/// ACL GETUSER name
pub fn getuser(call: &mut Call<'_>) -> Outcome {
    let reply = &mut call.client.reply;
    let Some(user) = call.core.users.get(call.args[2]) else {
        reply.null();
        return Ok(());
    };
    reply.map(6);
    reply.bulk(b"flags");
    reply.set(user.flags().count());
    user.flags().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"passwords");
    let hashes = user.password_hashes();
    reply.array(hashes.len());
    hashes.for_each(|hash| reply.bulk(hash.as_bytes()));
    write_selector(reply, user.own_selector());
    reply.bulk(b"selectors");
    reply.array(user.further_selectors().len());
    for selector in user.further_selectors() {
        reply.map(3);
        write_selector(reply, selector);
    }
    Ok(())
}

fn write_selector(reply: &mut Reply, selector: &Selector) {
    reply.bulk(b"commands");
    reply.bulk(selector.describe_commands().as_bytes());
    reply.bulk(b"keys");
    reply.bulk(&selector.describe_keys());
    reply.bulk(b"channels");
    reply.bulk(&selector.describe_channels());
}

/// ACL LIST
pub fn list(call: &mut Call<'_>) -> Outcome {
    write_users(call, User::describe)
}

/// ACL USERS
pub fn users(call: &mut Call<'_>) -> Outcome {
    write_users(call, |user| user.name().to_vec())
}

fn write_users(call: &mut Call<'_>, text: impl Fn(&User) -> Vec<u8>) -> Outcome {
    let (reply, users) = (&mut call.client.reply, call.core.users.iter());
    reply.array(users.len());
    users.for_each(|user| reply.bulk(&text(user)));
    Ok(())
}

/// ACL WHOAMI
pub fn whoami(call: &mut Call<'_>) -> Outcome {
    call.client.reply.bulk(call.client.user.name());
    Ok(())
}

/// ACL LOAD
pub fn load(call: &mut Call<'_>) -> Outcome {
    let file = file(call)?;
    let content = Disk
        .read(&file)
        .map_err(|e| Error::text(format!("ERR Error loading ACLs, opening file '{file}': {}", reason(&e))))?;
    change(call, |users, defaults| {
        *users = users.load(&content, &file, defaults).map_err(|e| Error::text(format!("ERR {e}")))?;
        Ok(())
    })?;
    call.client.reply.ok();
    Ok(())
}

/// ACL SAVE
pub fn save(call: &mut Call<'_>) -> Outcome {
    let file = file(call)?;
    write_atomically(file.as_ref(), &call.core.users.save()).map_err(|e| {
        warning!("Writing ACL file for ACL SAVE: {e}");
        NOT_SAVED
    })?;
    call.client.reply.ok();
    Ok(())
}

fn file(call: &Call<'_>) -> Result<String, Error> {
    let file = &call.core.config.security.aclfile;
    if file.is_empty() { Err(NO_FILE) } else { Ok(file.clone()) }
}

/// ACL CAT [category]
pub fn cat(call: &mut Call<'_>) -> Outcome {
    let reply = &mut call.client.reply;
    let Some(name) = call.args.get(2).filter(|_| call.args.len() == 3) else {
        if call.args.len() > 3 {
            return Err(wrong_words(call.args));
        }
        reply.array(table::CATEGORIES.len());
        table::CATEGORIES.iter().for_each(|name| reply.bulk(name.as_bytes()));
        return Ok(());
    };
    let category = table::category(name).ok_or_else(|| {
        let name = String::from_utf8_lossy(&name[..name.len().min(128)]);
        Error::text(format!("ERR Unknown category '{name}'"))
    })?;
    let rows = (0..table::row_count()).filter_map(|id| Found::by_id(id as u16));
    let found: Vec<Found> = rows.filter(|found| table::categories(found.command) & category != 0).collect();
    reply.array(found.len());
    found.iter().for_each(|found| reply.bulk(found.full_name().as_bytes()));
    Ok(())
}

/// The error for a subcommand with too many words.
fn wrong_words(args: &Args<'_>) -> Error {
    let name = String::from_utf8_lossy(args[1]);
    Error::text(format!("ERR unknown subcommand or wrong number of arguments for '{name}'. Try ACL HELP."))
}

/// ACL GENPASS [bits]
pub fn genpass(call: &mut Call<'_>) -> Outcome {
    let bits = match call.args.len() {
        2 => PASSWORD_BITS,
        3 => call.args.integer(2)?,
        _ => return Err(wrong_words(call.args)),
    };
    if !(1..=PASSWORD_BITS_MAX).contains(&bits) {
        return Err(BAD_BITS);
    }
    let digits = (bits as usize).div_ceil(4);
    let mut password = String::with_capacity(digits + 16);
    while password.len() < digits {
        password += &format!("{:016x}", random_u64());
    }
    call.client.reply.bulk(&password.as_bytes()[..digits]);
    Ok(())
}

/// Whether ACL LOG is to forget what it has.
pub fn resets_log(args: &Args<'_>) -> bool {
    args.len() == 3 && args.is(2, "reset")
}

/// ACL LOG RESET
pub fn reset_log(call: &mut Call<'_>) -> Outcome {
    call.core.acl_log.clear();
    call.client.reply.ok();
    Ok(())
}

/// The entries that ACL LOG [count] may show.
pub fn refusals(core: &Core, args: &Args<'_>) -> Result<Vec<Entry>, Error> {
    log_count(args)?;
    Ok(core.acl_log.entries().cloned().collect())
}

fn log_count(args: &Args<'_>) -> Result<usize, Error> {
    let count = match args.len() {
        2 => LOG_COUNT,
        3 => parse_integer(args[2]).ok_or(error::NOT_INTEGER)?,
        _ => return Err(wrong_words(args)),
    };
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Writes those of `entries` that ACL LOG asks for; they may be of several cores.
pub fn write_log(entries: &[Entry], core: &Core, args: &Args<'_>, reply: &mut Reply) -> Outcome {
    let mut entries = unite(entries);
    entries.truncate(log_count(args)?.min(core.config.security.acllog_max_len as usize));
    reply.array(entries.len());
    entries.iter().for_each(|entry| write_entry(reply, entry, core.now_ms));
    Ok(())
}

fn write_entry(reply: &mut Reply, entry: &Entry, now_ms: u64) {
    let event = &entry.event;
    reply.map(10);
    reply.bulk(b"count");
    reply.integer(entry.count as i64);
    for (name, value) in [
        ("reason", event.reason.name().as_bytes()),
        ("context", event.context.name().as_bytes()),
        ("object", &event.object),
        ("username", &event.username),
    ] {
        reply.bulk(name.as_bytes());
        reply.bulk(value);
    }
    reply.bulk(b"age-seconds");
    reply.double(now_ms.saturating_sub(entry.updated_ms) as f64 / 1000.0);
    reply.bulk(b"client-info");
    reply.bulk(event.client.as_bytes());
    let numbers = [
        ("entry-id", entry.id),
        ("timestamp-created", entry.created_ms),
        ("timestamp-last-updated", entry.updated_ms),
    ];
    for (name, number) in numbers {
        reply.bulk(name.as_bytes());
        reply.integer(number as i64);
    }
}

/// ACL DRYRUN user command [argument ...]: what stands against it is no error but the answer.
pub fn dryrun(call: &mut Call<'_>) -> Outcome {
    let (name, args) = (call.args[2], Args::new(&call.args[3..]));
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let user = call.core.users.get(name);
    let user = user.ok_or_else(|| Error::text(format!("ERR User '{}' not found", shown(name))))?;
    let unknown = || Error::text(format!("ERR Command '{}' not found", shown(args[0])));
    let mut found = table::find(args[0]).ok_or_else(unknown)?;
    if let (Some(sub), false) = (args.get(1), found.command.subcommands.is_empty()) {
        found = found.sub(sub).ok_or_else(unknown)?;
    }
    if !found.command.arity_fits(args.len()) {
        return Err(error::wrong_arity(&found.full_name()));
    }
    match user.check(&found, &args) {
        Ok(()) => call.client.reply.ok(),
        Err(denial) => call.client.reply.bulk(denial.full_message(user, &found, &args).as_bytes()),
    }
    Ok(())
}
