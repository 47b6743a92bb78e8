//! XGROUP: groups and consumers are made, moved and removed.
//!
//! The entries stay as they are, so of these only the end of a group concerns others who look at the key: a
//! client that waits for the group has to learn that it is gone.

use store::types::stream::{Group, Stream, StreamId};

use super::{INVALID_ID, no_such_group_in, parse_id, reply_help};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Class, Outcome};
use crate::error::Error;

const NO_KEY: Error = Error::new(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM \
     option to create an empty stream automatically.",
);
const BUSY_GROUP: Error = Error::new("BUSYGROUP Consumer Group name already exists");
const BAD_ENTRIES_READ: Error = Error::new("ERR value for ENTRIESREAD must be positive or -1");

/// The arguments of CREATE and SETID with every option: none may be there twice.
const CREATE_ARGS_MAX: usize = 8;
const SET_ID_ARGS_MAX: usize = 7;

/// The options behind the ID of CREATE and SETID.
#[derive(Default)]
struct Options {
    make_stream: bool,
    entries_read: Option<u64>,
}

impl Options {
    fn parse(args: &Args<'_>, is_create: bool) -> Result<Options, Error> {
        let (mut options, mut at) = (Options::default(), 5);
        while at < args.len() {
            if is_create && args.is(at, "mkstream") {
                options.make_stream = true;
                at += 1;
            } else if at + 1 < args.len() && args.is(at, "entriesread") {
                options.entries_read = match args.integer(at + 1)? {
                    -1 => None,
                    read => Some(u64::try_from(read).map_err(|_| BAD_ENTRIES_READ)?),
                };
                at += 2;
            } else {
                return Err(bad_subcommand(args, "XGROUP"));
            }
        }
        Ok(options)
    }
}

/// A subcommand whose arguments make no sense.
pub(super) fn bad_subcommand(args: &Args<'_>, container: &str) -> Error {
    const SHOWN_MAX: usize = 128;
    let name = String::from_utf8_lossy(&args[1][..args[1].len().min(SHOWN_MAX)]);
    Error::text(format!(
        "ERR unknown subcommand or wrong number of arguments for '{name}'. Try {container} HELP."
    ))
}

fn stream_of<'a>(ctx: &'a mut Ctx<'_>, key: &[u8]) -> Result<&'a mut Stream, Error> {
    ctx.db.write::<Stream>(key)?.ok_or(NO_KEY)
}

/// The group that the arguments name; key and group must be there.
fn group_of<'a>(ctx: &'a mut Ctx<'_>, args: &Args<'_>) -> Result<&'a mut Group, Error> {
    let (key, name) = (args[2], args[3]);
    stream_of(ctx, key)?.groups.get_mut(name).ok_or_else(|| no_such_group_in(key, name))
}

/// XGROUP CREATE key group id|$ [MKSTREAM] [ENTRIESREAD entries-read]
pub(crate) fn create(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let options = Options::parse(args, true)?;
    let (key, name) = (args[2], args[3]);
    let (last_id, is_new) = match ctx.db.write::<Stream>(key)? {
        Some(stream) => (stream.log.counters().last_id, false),
        None if options.make_stream => (StreamId::MIN, true),
        None => return Err(NO_KEY),
    };
    if args.len() > CREATE_ARGS_MAX {
        return Err(bad_subcommand(args, "XGROUP"));
    }
    let last_id = if args[4] == b"$" { last_id } else { parse_id(args[4])? };
    let groups = &mut ctx.db.write_or_create::<Stream>(key)?.groups;
    if groups.contains_key(name) {
        return Err(BUSY_GROUP);
    }
    groups.insert(name.into(), Group::new(last_id, options.entries_read));
    if is_new {
        ctx.wrote(key, Class::Stream, "xgroup-create");
    } else {
        ctx.db.effects.dirty += 1;
        ctx.notify(key, Class::Stream, "xgroup-create");
    }
    ctx.reply.ok();
    Ok(())
}

/// XGROUP SETID key group id|$ [ENTRIESREAD entries-read]
pub(crate) fn set_id(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let options = Options::parse(args, false)?;
    let (key, name) = (args[2], args[3]);
    let stream = stream_of(ctx, key)?;
    let last_id = stream.log.counters().last_id;
    let group = stream.groups.get_mut(name).ok_or_else(|| no_such_group_in(key, name))?;
    if args.len() > SET_ID_ARGS_MAX {
        return Err(bad_subcommand(args, "XGROUP"));
    }
    group.last_id = match args[4] {
        b"$" => last_id,
        id => StreamId::parse_bound(id, 0).ok_or(INVALID_ID)?,
    };
    group.entries_read = options.entries_read;
    ctx.db.effects.dirty += 1;
    ctx.notify(key, Class::Stream, "xgroup-setid");
    ctx.reply.ok();
    Ok(())
}

/// XGROUP DESTROY key group
pub(crate) fn destroy(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let is_gone = stream_of(ctx, args[2])?.groups.remove(args[3]).is_some();
    if is_gone {
        ctx.wrote(args[2], Class::Stream, "xgroup-destroy");
    }
    ctx.reply.integer(i64::from(is_gone));
    Ok(())
}

/// XGROUP CREATECONSUMER key group consumer
pub(crate) fn create_consumer(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let now_ms = ctx.now_ms();
    let is_made = group_of(ctx, args)?.create_consumer(args[4], now_ms).is_some();
    if is_made {
        super::tell_consumer_made(ctx, args[2]);
    }
    ctx.reply.integer(i64::from(is_made));
    Ok(())
}

/// XGROUP DELCONSUMER key group consumer
pub(crate) fn delete_consumer(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let pending = group_of(ctx, args)?.delete_consumer(args[4]);
    if pending.is_some() {
        ctx.db.effects.dirty += 1;
        ctx.notify(args[2], Class::Stream, "xgroup-delconsumer");
    }
    ctx.reply.integer(pending.unwrap_or(0) as i64);
    Ok(())
}

/// XGROUP HELP
pub(crate) fn help(ctx: &mut Ctx<'_>, _args: &Args<'_>) -> Outcome {
    let subcommands = [
        (
            "CREATE <key> <groupname> <id|$> [MKSTREAM] [ENTRIESREAD <entries-read>]",
            "Makes a group that starts behind this ID; MKSTREAM makes the stream too.",
        ),
        ("CREATECONSUMER <key> <groupname> <consumer>", "Makes a consumer in a group."),
        ("DELCONSUMER <key> <groupname> <consumer>", "Removes a consumer with all that is pending for it."),
        ("DESTROY <key> <groupname>", "Removes a group."),
        ("SETID <key> <groupname> <id|$> [ENTRIESREAD <entries-read>]", "Moves a group to this ID."),
    ];
    reply_help(ctx.reply, "XGROUP", &subcommands);
    Ok(())
}
