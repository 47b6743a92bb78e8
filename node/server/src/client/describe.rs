//! A connection in one line, as CLIENT LIST and CLIENT INFO show it.

use std::fmt::Write as _;

use commands::table::Found;

use super::{Client, Closing, Door, Role};
use crate::config::REPLY_BUFFER;
use crate::core::Core;
use crate::pubsub::Kind;
use crate::tracking::{Mode, Wishes};
use resp::Proto;

/// The line of `client`, a connection of `core`: every field of the command page of CLIENT LIST, without the
/// line end.
pub fn describe(client: &Client, core: &Core) -> String {
    let session = core.session(client);
    let seconds_since = |ms: u64| core.now_ms.saturating_sub(ms) / 1000;
    let queue = client.transaction.as_ref().filter(|transaction| transaction.queueing).map(|t| &t.queue);
    let queue_bytes: usize =
        queue.map_or(0, |queue| queue.iter().flat_map(|q| &q.args).map(|arg| arg.len()).sum());
    let kept: usize =
        core.waiting.get(session).map_or(0, |blocked| blocked.args.iter().map(|arg| arg.len()).sum());
    let (input, input_memory) = client.input.as_ref().map_or((0, 0), |input| (input.len(), input.memory()));
    let sending = client.sending.as_ref().map_or(0, |sending| sending.len());
    let beyond = client.unsent().saturating_sub(REPLY_BUFFER);
    let mut line = String::with_capacity(400);
    // Each field is written apart, so that name and value stand side by side.
    let mut field = |name: &str, value: &dyn std::fmt::Display| {
        let gap = if line.is_empty() { "" } else { " " };
        let _ = write!(line, "{gap}{name}={value}");
    };
    field("id", &client.id);
    field("addr", &client.peer);
    field("laddr", &client.local);
    field("fd", &client.fd());
    field("name", &String::from_utf8_lossy(&client.name));
    field("age", &seconds_since(client.created_ms));
    field("idle", &seconds_since(client.active_ms));
    field("flags", &flags(client, core.watch.is_dirty(session), core.tracking.of(client.index)));
    field("db", &0);
    field("sub", &core.pubsub.number(client.index, Kind::Channel));
    field("psub", &core.pubsub.number(client.index, Kind::Pattern));
    field("ssub", &core.pubsub.number(client.index, Kind::Shard));
    field("multi", &queue.map_or(-1, |queue| queue.len() as i64));
    field("watch", &core.watch.count_of(session));
    field("qbuf", &input);
    field("qbuf-free", &input_memory.saturating_sub(input));
    field("argv-mem", &kept);
    field("multi-mem", &queue_bytes);
    // A reply buffer is new with every batch: its peak is what is in it.
    field("rbs", &client.ready().capacity());
    field("rbp", &client.ready().len());
    field("obl", &(client.unsent() - beyond));
    field("oll", &beyond.div_ceil(REPLY_BUFFER));
    field("omem", &beyond);
    field("tot-mem", &core.client_memory(client));
    field("events", &if sending > 0 { "rw" } else { "r" });
    let last = client.last_row.and_then(Found::by_id);
    field("cmd", &last.map_or_else(|| "NULL".to_owned(), |found| found.full_name()));
    field("user", &String::from_utf8_lossy(client.user.name()));
    field("redir", &core.tracking.redirection(client.index));
    field("resp", &if client.proto() == Proto::Resp3 { 3 } else { 2 });
    field("lib-name", &String::from_utf8_lossy(&client.lib_name));
    field("lib-ver", &String::from_utf8_lossy(&client.lib_version));
    field("tot-net-in", &client.bytes_in);
    field("tot-net-out", &client.bytes_out);
    field("tot-cmds", &client.commands);
    line
}

/// The letters of what is special about a connection, `N` for nothing. `watch_broken`: a watched key changed;
/// `wishes`: what it tracks.
fn flags(client: &Client, watch_broken: bool, wishes: Option<&Wishes>) -> String {
    let letters = [
        (client.role == Role::Replica, 'S'),
        (client.role == Role::Master, 'M'),
        (client.monitor, 'O'),
        (client.subscriber, 'P'),
        (client.in_multi(), 'x'),
        (client.blocked || client.awaits_sibling || client.paused, 'b'),
        (wishes.is_some(), 't'),
        (wishes.is_some_and(|wishes| wishes.broken), 'R'),
        (wishes.is_some_and(|wishes| wishes.mode == Mode::Broadcast), 'B'),
        (watch_broken, 'd'),
        (client.closing == Closing::AfterReply, 'c'),
        (client.closing == Closing::Now, 'A'),
        (client.door == Door::Unix, 'U'),
        (client.readonly, 'r'),
        (client.no_evict, 'e'),
        (client.no_touch, 'T'),
    ];
    let set: String = letters.iter().filter(|(holds, _)| *holds).map(|(_, letter)| *letter).collect();
    if set.is_empty() { "N".to_owned() } else { set }
}
