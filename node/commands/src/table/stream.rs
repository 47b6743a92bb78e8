//! Rows of the stream commands.

use crate::stream;
use crate::table::keys::*;
use crate::table::*;

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "xack",
        arity: -4,
        flags: WRITE | FAST,
        keys: &[one(1, RW | UPDATE)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Takes entries off those a consumer group has not acknowledged.",
        run: Run::Data(stream::xack),
        ..ROW
    },
    Command {
        name: "xadd",
        arity: -5,
        flags: WRITE | DENYOOM | FAST,
        keys: &[one(1, RW | UPDATE)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Adds an entry to a stream, made when absent; may trim it.",
        tips: &["nondeterministic_output"],
        run: Run::Data(stream::xadd),
        ..ROW
    },
    Command {
        name: "xautoclaim",
        arity: -6,
        flags: WRITE | FAST,
        keys: &[one(1, RW | DELETE)],
        acl: STREAM,
        group: Group::Stream,
        since: "6.2.0",
        summary: "Gives a consumer what has been pending for long, found by a scan.",
        tips: &["nondeterministic_output"],
        run: Run::Data(stream::xautoclaim),
        ..ROW
    },
    Command {
        name: "xclaim",
        arity: -6,
        flags: WRITE | FAST,
        keys: &[one(1, RW | UPDATE)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Gives a consumer the named entries if they have been pending for long.",
        tips: &["nondeterministic_output"],
        run: Run::Data(stream::xclaim),
        ..ROW
    },
    Command {
        name: "xdel",
        arity: -3,
        flags: WRITE | FAST,
        keys: &[one(1, RW | DELETE)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Deletes entries by their IDs.",
        run: Run::Data(stream::xdel),
        ..ROW
    },
    Command {
        name: "xgroup",
        arity: -2,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Makes, moves and removes consumer groups and consumers.",
        subcommands: XGROUP,
        ..ROW
    },
    Command {
        name: "xinfo",
        arity: -2,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Describes streams, their groups and consumers.",
        subcommands: XINFO,
        ..ROW
    },
    Command {
        name: "xlen",
        arity: 2,
        flags: READONLY | FAST,
        keys: &[one(1, RO)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Returns the number of entries.",
        run: Run::Data(stream::xlen),
        ..ROW
    },
    Command {
        name: "xpending",
        arity: -3,
        flags: READONLY,
        keys: &[one(1, RO | ACCESS)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Lists what a consumer group has not acknowledged.",
        tips: &["nondeterministic_output"],
        run: Run::Data(stream::xpending),
        ..ROW
    },
    Command {
        name: "xrange",
        arity: -4,
        flags: READONLY,
        keys: &[one(1, RO | ACCESS)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Returns the entries between two IDs.",
        run: Run::Data(stream::xrange),
        ..ROW
    },
    Command {
        name: "xread",
        arity: -4,
        flags: READONLY | BLOCKING | MOVABLE_KEYS,
        keys: &[first_half_after("STREAMS", 1, RO | ACCESS)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Returns what several streams hold behind an ID each; may wait.",
        run: Run::Data(stream::xread),
        ..ROW
    },
    Command {
        name: "xreadgroup",
        arity: -7,
        flags: WRITE | BLOCKING | MOVABLE_KEYS,
        keys: &[first_half_after("STREAMS", 4, RO | ACCESS)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Returns new entries, or a consumer's pending ones; may wait.",
        run: Run::Data(stream::xreadgroup),
        ..ROW
    },
    Command {
        name: "xrevrange",
        arity: -4,
        flags: READONLY,
        keys: &[one(1, RO | ACCESS)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Returns the entries between two IDs, the last first.",
        run: Run::Data(stream::xrevrange),
        ..ROW
    },
    Command {
        name: "xsetid",
        arity: -3,
        flags: WRITE | DENYOOM | FAST,
        keys: &[one(1, RW | UPDATE)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Sets a stream's last ID; for replication.",
        run: Run::Data(stream::xsetid),
        ..ROW
    },
    Command {
        name: "xtrim",
        arity: -4,
        flags: WRITE,
        keys: &[one(1, RW | DELETE)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Deletes entries from the front, by number or by ID.",
        tips: &["nondeterministic_output"],
        run: Run::Data(stream::xtrim),
        ..ROW
    },
];

/// Subcommands of XGROUP.
const XGROUP: &[Command] = &[
    Command {
        name: "create",
        arity: -5,
        flags: WRITE | DENYOOM,
        keys: &[one(2, RW | INSERT)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Makes a group; and the stream, if asked to.",
        run: Run::Data(stream::create),
        ..ROW
    },
    Command {
        name: "createconsumer",
        arity: 5,
        flags: WRITE | DENYOOM,
        keys: &[one(2, RW | INSERT)],
        acl: STREAM,
        group: Group::Stream,
        since: "6.2.0",
        summary: "Makes a consumer.",
        run: Run::Data(stream::create_consumer),
        ..ROW
    },
    Command {
        name: "delconsumer",
        arity: 5,
        flags: WRITE,
        keys: &[one(2, RW | DELETE)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Removes a consumer and what is pending for it.",
        run: Run::Data(stream::delete_consumer),
        ..ROW
    },
    Command {
        name: "destroy",
        arity: 4,
        flags: WRITE,
        keys: &[one(2, RW | DELETE)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Removes a group.",
        run: Run::Data(stream::destroy),
        ..ROW
    },
    Command {
        name: "help",
        arity: 2,
        flags: LOADING | STALE,
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Lists the subcommands.",
        run: Run::Data(stream::group_help),
        ..ROW
    },
    Command {
        name: "setid",
        arity: -5,
        flags: WRITE,
        keys: &[one(2, RW | UPDATE)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Moves a group to an ID.",
        run: Run::Data(stream::set_id),
        ..ROW
    },
];

/// Subcommands of XINFO.
const XINFO: &[Command] = &[
    Command {
        name: "consumers",
        arity: 4,
        flags: READONLY,
        keys: &[one(2, RO | ACCESS)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Lists the consumers of a group.",
        tips: &["nondeterministic_output"],
        run: Run::Data(stream::consumers),
        ..ROW
    },
    Command {
        name: "groups",
        arity: 3,
        flags: READONLY,
        keys: &[one(2, RO | ACCESS)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Lists the groups of a stream.",
        run: Run::Data(stream::groups),
        ..ROW
    },
    Command {
        name: "help",
        arity: 2,
        flags: LOADING | STALE,
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Lists the subcommands.",
        run: Run::Data(stream::info_help),
        ..ROW
    },
    Command {
        name: "stream",
        arity: -3,
        flags: READONLY,
        keys: &[one(2, RO | ACCESS)],
        acl: STREAM,
        group: Group::Stream,
        since: "5.0.0",
        summary: "Describes a stream.",
        run: Run::Data(stream::stream),
        ..ROW
    },
];
