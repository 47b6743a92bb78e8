//! OBJECT and MEMORY USAGE: how a value is kept and when it was used. Looking at it does not count as a use.

use store::{EntryRef, StrRef};

use super::look;
use crate::args::Args;
use crate::ctx::Ctx;
use crate::db::{idle_seconds, lfu_counter};
use crate::effects::Outcome;
use crate::error::{Error, SYNTAX};

const NO_IDLE_TIME: Error = Error::new(
    "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between \
     policies at runtime LRU and LFU data will take some time to adjust.",
);
const NO_FREQUENCY: Error = Error::new(
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching \
     between policies at runtime LRU and LFU data will take some time to adjust.",
);

/// Numbers below this are shared values in Redis (`OBJ_SHARED_INTEGERS`).
const SHARED_INTEGERS: i64 = 10_000;

const HELP: &[&str] = &[
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    The name of the encoding that the value of <key> is kept in.",
    "FREQ <key>",
    "    How often <key> was used lately, on a logarithmic scale; only with an LFU policy.",
    "IDLETIME <key>",
    "    The seconds since <key> was last used; not with an LFU policy.",
    "REFCOUNT <key>",
    "    How many references the value of <key> has.",
    "HELP",
    "    Print this help.",
];

/// `OBJECT HELP`.
pub(crate) fn help(ctx: &mut Ctx<'_>, _args: &Args<'_>) -> Outcome {
    ctx.reply.array(HELP.len());
    HELP.iter().for_each(|line| ctx.reply.simple(line));
    Ok(())
}

/// `OBJECT ENCODING key`.
pub(crate) fn encoding(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    match look(ctx, args[2], |entry| entry.encoding_name()) {
        Some(name) => ctx.reply.bulk(name.as_bytes()),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `MEMORY USAGE key [SAMPLES count]`: all of the value is measured, however many samples are asked for.
pub(crate) fn memory_usage(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    match args.len() {
        3 => {}
        5 if args.is(3, "samples") && args.integer(4)? >= 0 => {}
        _ => return Err(SYNTAX),
    }
    match look(ctx, args[2], |entry| entry.memory_usage()) {
        Some(bytes) => ctx.reply.integer(bytes as i64),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `OBJECT FREQ key`: 0 to 255.
pub(crate) fn freq(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let now_ms = ctx.now_ms();
    let lfu = ctx.settings.lfu;
    match look(ctx, args[2], |entry| entry.clock()) {
        Some(clock) => ctx.reply.integer(i64::from(lfu_counter(clock, now_ms, lfu.ok_or(NO_FREQUENCY)?))),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `OBJECT IDLETIME key`: seconds.
pub(crate) fn idletime(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let now_ms = ctx.now_ms();
    match look(ctx, args[2], |entry| entry.clock()) {
        Some(_) if ctx.settings.lfu.is_some() => return Err(NO_IDLE_TIME),
        Some(clock) => ctx.reply.integer(idle_seconds(clock, now_ms) as i64),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `OBJECT REFCOUNT key`: 1, for no value is shared between keys. The small numbers that Redis shares are told the
/// way it tells them.
pub(crate) fn refcount(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let is_small = |entry: EntryRef<'_>| matches!(entry.string(), Some(StrRef::Int(0..SHARED_INTEGERS)));
    match look(ctx, args[2], is_small) {
        Some(true) => ctx.reply.integer(i64::from(i32::MAX)),
        Some(false) => ctx.reply.integer(1),
        None => ctx.reply.null(),
    }
    Ok(())
}
