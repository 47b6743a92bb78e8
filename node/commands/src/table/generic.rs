//! Rows of the generic key commands.

use crate::generic::{self, object};
use crate::sort;
use crate::table::keys::*;
use crate::table::*;

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "copy",
        arity: -3,
        flags: WRITE | DENYOOM,
        keys: &[one(1, RO | ACCESS), one(2, OW | UPDATE)],
        acl: KEYSPACE,
        since: "6.2.0",
        summary: "Copies a value and its expiry to another key.",
        run: Run::Data(generic::copy),
        ..ROW
    },
    Command {
        name: "del",
        arity: -2,
        flags: WRITE,
        keys: &[range(1, -1, 1, RM | DELETE)],
        acl: KEYSPACE,
        since: "1.0.0",
        summary: "Deletes keys.",
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        run: Run::Data(generic::del),
        ..ROW
    },
    Command {
        name: "dump",
        arity: 2,
        flags: READONLY,
        keys: &[one(1, RO | ACCESS)],
        acl: KEYSPACE,
        since: "2.6.0",
        summary: "Returns a value as bytes that RESTORE takes.",
        tips: &["nondeterministic_output"],
        run: Run::Data(generic::dump),
        ..ROW
    },
    Command {
        name: "exists",
        arity: -2,
        flags: READONLY | FAST,
        keys: &[range(1, -1, 1, RO)],
        acl: KEYSPACE,
        since: "1.0.0",
        summary: "Counts which of the keys exist; one named twice counts twice.",
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        run: Run::Data(generic::exists),
        ..ROW
    },
    Command {
        name: "expire",
        arity: -3,
        flags: WRITE | FAST,
        keys: &[one(1, RW | UPDATE)],
        acl: KEYSPACE,
        since: "1.0.0",
        summary: "Lets a key expire after some seconds.",
        run: Run::Data(generic::expire),
        ..ROW
    },
    Command {
        name: "expireat",
        arity: -3,
        flags: WRITE | FAST,
        keys: &[one(1, RW | UPDATE)],
        acl: KEYSPACE,
        since: "1.2.0",
        summary: "Lets a key expire at a unix time in seconds.",
        run: Run::Data(generic::expireat),
        ..ROW
    },
    Command {
        name: "expiretime",
        arity: 2,
        flags: READONLY | FAST,
        keys: &[one(1, RO | ACCESS)],
        acl: KEYSPACE,
        since: "7.0.0",
        summary: "Returns the unix time in seconds at which a key expires.",
        run: Run::Data(generic::expiretime),
        ..ROW
    },
    Command {
        name: "keys",
        arity: 2,
        flags: READONLY,
        acl: KEYSPACE | DANGEROUS,
        since: "1.0.0",
        summary: "Returns all keys that match a pattern.",
        tips: &["request_policy:all_shards", "nondeterministic_output_order"],
        run: Run::Data(generic::keys),
        ..ROW
    },
    Command {
        name: "migrate",
        arity: -6,
        flags: WRITE | MOVABLE_KEYS,
        keys: &[
            filled(3, RW | ACCESS | DELETE),
            rest("KEYS", 6, &[("auth", 1), ("auth2", 2)], RW | ACCESS | DELETE | INCOMPLETE),
        ],
        acl: KEYSPACE | DANGEROUS,
        since: "2.6.0",
        summary: "Sends keys to another server and deletes them here.",
        tips: &["nondeterministic_output"],
        run: Run::Host(Host::Migrate),
        ..ROW
    },
    Command {
        name: "move",
        arity: 3,
        flags: WRITE | FAST,
        keys: &[one(1, RW | ACCESS | UPDATE)],
        acl: KEYSPACE,
        since: "1.0.0",
        summary: "Moves a key to another database; a cluster has only one.",
        run: Run::Data(generic::move_key),
        ..ROW
    },
    Command {
        name: "object",
        arity: -2,
        since: "2.2.3",
        summary: "Looks at how a value is kept.",
        subcommands: OBJECT,
        ..ROW
    },
    Command {
        name: "persist",
        arity: 2,
        flags: WRITE | FAST,
        keys: &[one(1, RW | UPDATE)],
        acl: KEYSPACE,
        since: "2.2.0",
        summary: "Removes the expiry of a key.",
        run: Run::Data(generic::persist),
        ..ROW
    },
    Command {
        name: "pexpire",
        arity: -3,
        flags: WRITE | FAST,
        keys: &[one(1, RW | UPDATE)],
        acl: KEYSPACE,
        since: "2.6.0",
        summary: "Lets a key expire after some milliseconds.",
        run: Run::Data(generic::pexpire),
        ..ROW
    },
    Command {
        name: "pexpireat",
        arity: -3,
        flags: WRITE | FAST,
        keys: &[one(1, RW | UPDATE)],
        acl: KEYSPACE,
        since: "2.6.0",
        summary: "Lets a key expire at a unix time in milliseconds.",
        run: Run::Data(generic::pexpireat),
        ..ROW
    },
    Command {
        name: "pexpiretime",
        arity: 2,
        flags: READONLY | FAST,
        keys: &[one(1, RO | ACCESS)],
        acl: KEYSPACE,
        since: "7.0.0",
        summary: "Returns the unix time in milliseconds at which a key expires.",
        run: Run::Data(generic::pexpiretime),
        ..ROW
    },
    Command {
        name: "pttl",
        arity: 2,
        flags: READONLY | FAST,
        keys: &[one(1, RO | ACCESS)],
        acl: KEYSPACE,
        since: "2.6.0",
        summary: "Returns the milliseconds until a key expires.",
        tips: &["nondeterministic_output"],
        run: Run::Data(generic::pttl),
        ..ROW
    },
    Command {
        name: "randomkey",
        arity: 1,
        flags: READONLY,
        acl: KEYSPACE,
        since: "1.0.0",
        summary: "Returns a random key.",
        tips: &["request_policy:all_shards", "response_policy:special", "nondeterministic_output"],
        run: Run::Data(generic::randomkey),
        ..ROW
    },
    Command {
        name: "rename",
        arity: 3,
        flags: WRITE,
        keys: &[one(1, RW | ACCESS | DELETE), one(2, OW | UPDATE)],
        acl: KEYSPACE,
        since: "1.0.0",
        summary: "Gives a key another name, replacing what had it.",
        run: Run::Data(generic::rename),
        ..ROW
    },
    Command {
        name: "renamenx",
        arity: 3,
        flags: WRITE | FAST,
        keys: &[one(1, RW | ACCESS | DELETE), one(2, OW | INSERT)],
        acl: KEYSPACE,
        since: "1.0.0",
        summary: "Gives a key another name if no key has it.",
        run: Run::Data(generic::renamenx),
        ..ROW
    },
    Command {
        name: "restore",
        arity: -4,
        flags: WRITE | DENYOOM,
        keys: &[one(1, OW | UPDATE)],
        acl: KEYSPACE | DANGEROUS,
        since: "2.6.0",
        summary: "Sets a key to the value in DUMP's bytes.",
        run: Run::Data(generic::restore),
        ..ROW
    },
    Command {
        name: "scan",
        arity: -2,
        flags: READONLY,
        acl: KEYSPACE,
        since: "2.8.0",
        summary: "Returns the keys bit by bit, by a cursor.",
        tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
        run: Run::Data(generic::scan),
        ..ROW
    },
    Command {
        name: "sort",
        arity: -2,
        flags: WRITE | DENYOOM | MOVABLE_KEYS,
        keys: &[
            one(1, RO | ACCESS),
            unknown(RO | ACCESS),
            option("STORE", 2, &[("limit", 2), ("by", 1), ("get", 1)], OW | UPDATE),
        ],
        acl: SET | SORTEDSET | LIST | DANGEROUS,
        since: "1.0.0",
        summary: "Returns or stores the elements of a list, set or sorted set in order.",
        run: Run::Data(sort::sort),
        ..ROW
    },
    Command {
        name: "sort_ro",
        arity: -2,
        flags: READONLY | MOVABLE_KEYS,
        keys: &[one(1, RO | ACCESS), unknown(RO | ACCESS)],
        acl: SET | SORTEDSET | LIST | DANGEROUS,
        since: "7.0.0",
        summary: "Returns the elements of a list, set or sorted set in order.",
        run: Run::Data(sort::sort_ro),
        ..ROW
    },
    Command {
        name: "touch",
        arity: -2,
        flags: READONLY | FAST,
        keys: &[range(1, -1, 1, RO)],
        acl: KEYSPACE,
        since: "3.2.1",
        summary: "Marks keys as just used and counts those that exist.",
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        run: Run::Data(generic::touch),
        ..ROW
    },
    Command {
        name: "ttl",
        arity: 2,
        flags: READONLY | FAST,
        keys: &[one(1, RO | ACCESS)],
        acl: KEYSPACE,
        since: "1.0.0",
        summary: "Returns the seconds until a key expires.",
        tips: &["nondeterministic_output"],
        run: Run::Data(generic::ttl),
        ..ROW
    },
    Command {
        name: "type",
        arity: 2,
        flags: READONLY | FAST,
        keys: &[one(1, RO)],
        acl: KEYSPACE,
        since: "1.0.0",
        summary: "Returns the type of a value.",
        run: Run::Data(generic::type_of),
        ..ROW
    },
    Command {
        name: "unlink",
        arity: -2,
        flags: WRITE | FAST,
        keys: &[range(1, -1, 1, RM | DELETE)],
        acl: KEYSPACE,
        since: "4.0.0",
        summary: "Deletes keys, freeing their memory in the background.",
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        run: Run::Data(generic::unlink),
        ..ROW
    },
];

const OBJECT: &[Command] = &[
    Command {
        name: "encoding",
        arity: 3,
        flags: READONLY,
        keys: &[one(2, RO)],
        acl: KEYSPACE,
        since: "2.2.3",
        summary: "Returns the name of the encoding a value is kept in.",
        tips: &["nondeterministic_output"],
        run: Run::Data(object::encoding),
        ..ROW
    },
    Command {
        name: "freq",
        arity: 3,
        flags: READONLY,
        keys: &[one(2, RO)],
        acl: KEYSPACE,
        since: "4.0.0",
        summary: "Returns how often a key was used, on a logarithmic scale.",
        tips: &["nondeterministic_output"],
        run: Run::Data(object::freq),
        ..ROW
    },
    Command {
        name: "help",
        arity: 2,
        flags: LOADING | STALE,
        acl: KEYSPACE,
        since: "6.2.0",
        summary: "Lists the subcommands.",
        run: Run::Data(object::help),
        ..ROW
    },
    Command {
        name: "idletime",
        arity: 3,
        flags: READONLY,
        keys: &[one(2, RO)],
        acl: KEYSPACE,
        since: "2.2.3",
        summary: "Returns the seconds since a key was last used.",
        tips: &["nondeterministic_output"],
        run: Run::Data(object::idletime),
        ..ROW
    },
    Command {
        name: "refcount",
        arity: 3,
        flags: READONLY,
        keys: &[one(2, RO)],
        acl: KEYSPACE,
        since: "2.2.3",
        summary: "Returns how many references a value has.",
        tips: &["nondeterministic_output"],
        run: Run::Data(object::refcount),
        ..ROW
    },
];
