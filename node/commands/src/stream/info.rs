//! XINFO: what a stream, its groups and their consumers are like.

use resp::Reply;
use store::types::stream::{Consumer, Group, Log, Stream, StreamId};

use super::group::bad_subcommand;
use super::{no_such_group_in, reply_entries, reply_entry, reply_help, reply_id};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::error::{Error, NO_SUCH_KEY};

/// Entries and pending entries XINFO STREAM FULL shows unless told otherwise.
const FULL_COUNT: usize = 10;

/// XINFO STREAM key [FULL [COUNT count]]
pub(crate) fn stream(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let stream = ctx.db.read::<Stream>(args[2])?.ok_or(NO_SUCH_KEY)?;
    let full = full_option(args)?;
    let reply = &mut *ctx.reply;
    reply.map(if full.is_some() { 9 } else { 10 });
    reply_counters(reply, stream);
    match full {
        None => {
            number(reply, "groups", stream.groups.len() as i64);
            let all = (StreamId::MIN, StreamId::MAX);
            for (name, entry) in [
                ("first-entry", stream.log.range(all.0, all.1).next()),
                ("last-entry", stream.log.range_rev(all.0, all.1).next()),
            ] {
                reply.bulk(name.as_bytes());
                match entry {
                    Some(entry) => reply_entry(reply, &entry),
                    None => reply.null(),
                }
            }
        }
        Some(count) => {
            reply.bulk(b"entries");
            reply_entries(reply, stream.log.range(StreamId::MIN, StreamId::MAX).take(count));
            reply.bulk(b"groups");
            reply.array(stream.groups.len());
            for (name, group) in &stream.groups {
                reply_group_full(reply, &stream.log, name, group, count);
            }
        }
    }
    Ok(())
}

/// `[FULL [COUNT count]]`: how much to show in full; a count of 0 is all.
fn full_option(args: &Args<'_>) -> Result<Option<usize>, Error> {
    let is_full = args.is(3, "full");
    match args.len() {
        3 => Ok(None),
        4 if is_full => Ok(Some(FULL_COUNT)),
        6 if is_full && args.is(4, "count") => Ok(Some(match args.integer(5)? {
            0 => usize::MAX,
            count => usize::try_from(count).unwrap_or(FULL_COUNT),
        })),
        _ => Err(bad_subcommand(args, "XINFO")),
    }
}

fn reply_counters(reply: &mut Reply, stream: &Stream) {
    let counters = stream.log.counters();
    number(reply, "length", counters.length as i64);
    number(reply, "radix-tree-keys", stream.log.node_ids().len() as i64);
    number(reply, "radix-tree-nodes", stream.radix_nodes() as i64);
    id(reply, "last-generated-id", counters.last_id);
    id(reply, "max-deleted-entry-id", counters.max_deleted_id);
    number(reply, "entries-added", counters.entries_added as i64);
    id(reply, "recorded-first-entry-id", counters.first_id);
}

/// A group's position: the same in both reports.
fn reply_position(reply: &mut Reply, log: &Log, group: &Group) {
    id(reply, "last-delivered-id", group.last_id);
    let entries_read = group.entries_read.map(|read| read as i64);
    for (name, value) in [("entries-read", entries_read), ("lag", group.lag(log))] {
        reply.bulk(name.as_bytes());
        match value {
            Some(value) => reply.integer(value),
            None => reply.null(),
        }
    }
}

fn reply_group_full(reply: &mut Reply, log: &Log, name: &[u8], group: &Group, count: usize) {
    reply.map(7);
    text(reply, "name", name);
    reply_position(reply, log, group);
    number(reply, "pel-count", group.pending().len() as i64);
    reply.bulk(b"pending");
    reply.array(group.pending().len().min(count));
    for (entry, pending) in group.pending().iter().take(count) {
        reply.array(4);
        reply_id(reply, *entry);
        reply.bulk(group.consumer(pending.owner).name());
        reply.integer(pending.delivered_at_ms as i64);
        reply.integer(pending.deliveries as i64);
    }
    reply.bulk(b"consumers");
    reply.array(group.consumers().len());
    for consumer in group.consumers() {
        reply_consumer_full(reply, group, consumer, count);
    }
}

fn reply_consumer_full(reply: &mut Reply, group: &Group, consumer: &Consumer, count: usize) {
    reply.map(5);
    text(reply, "name", consumer.name());
    number(reply, "seen-time", consumer.seen_at_ms as i64);
    number(reply, "active-time", consumer.active_at_ms.map_or(-1, |time| time as i64));
    number(reply, "pel-count", consumer.pending().len() as i64);
    reply.bulk(b"pending");
    let at = reply.defer();
    let pending = consumer.pending().iter().filter_map(|id| group.pending().get_key_value(id));
    let mut shown = 0;
    for (entry, pending) in pending.take(count) {
        reply.array(3);
        reply_id(reply, *entry);
        reply.integer(pending.delivered_at_ms as i64);
        reply.integer(pending.deliveries as i64);
        shown += 1;
    }
    reply.set_array(at, shown);
}

/// XINFO GROUPS key
pub(crate) fn groups(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let stream = ctx.db.read::<Stream>(args[2])?.ok_or(NO_SUCH_KEY)?;
    let reply = &mut *ctx.reply;
    reply.array(stream.groups.len());
    for (name, group) in &stream.groups {
        reply.map(6);
        text(reply, "name", name);
        number(reply, "consumers", group.consumers().len() as i64);
        number(reply, "pending", group.pending().len() as i64);
        reply_position(reply, &stream.log, group);
    }
    Ok(())
}

/// XINFO CONSUMERS key group
pub(crate) fn consumers(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let now_ms = ctx.now_ms();
    let stream = ctx.db.read::<Stream>(args[2])?.ok_or(NO_SUCH_KEY)?;
    let group = stream.groups.get(args[3]).ok_or_else(|| no_such_group_in(args[2], args[3]))?;
    let reply = &mut *ctx.reply;
    reply.array(group.consumers().len());
    for consumer in group.consumers() {
        let inactive_ms = consumer.active_at_ms.map_or(-1, |time| now_ms.saturating_sub(time) as i64);
        reply.map(4);
        text(reply, "name", consumer.name());
        number(reply, "pending", consumer.pending().len() as i64);
        number(reply, "idle", now_ms.saturating_sub(consumer.seen_at_ms) as i64);
        number(reply, "inactive", inactive_ms);
    }
    Ok(())
}

/// XINFO HELP
pub(crate) fn help(ctx: &mut Ctx<'_>, _args: &Args<'_>) -> Outcome {
    let subcommands = [
        ("CONSUMERS <key> <groupname>", "Lists the consumers of a group."),
        ("GROUPS <key>", "Lists the groups of a stream."),
        ("STREAM <key> [FULL [COUNT <count>]]", "Describes a stream, or shows it in full."),
    ];
    reply_help(ctx.reply, "XINFO", &subcommands);
    Ok(())
}

fn number(reply: &mut Reply, name: &str, value: i64) {
    reply.bulk(name.as_bytes());
    reply.integer(value);
}

fn text(reply: &mut Reply, name: &str, value: &[u8]) {
    reply.bulk(name.as_bytes());
    reply.bulk(value);
}

fn id(reply: &mut Reply, name: &str, value: StreamId) {
    reply.bulk(name.as_bytes());
    reply_id(reply, value);
}
