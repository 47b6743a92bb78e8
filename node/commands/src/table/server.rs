//! Rows of the server commands.

use crate::generic;
use crate::table::keys::*;
use crate::table::*;
use crate::whole;

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "bgrewriteaof",
        arity: 1,
        flags: ADMIN | NOSCRIPT | NO_ASYNC_LOADING,
        group: Group::Server,
        since: "1.0.0",
        summary: "Puts the keys as they are in the place of the log of how they came to be.",
        run: Run::Host(Host::Bgrewriteaof),
        ..ROW
    },
    Command {
        name: "bgsave",
        arity: -1,
        flags: ADMIN | NOSCRIPT | NO_ASYNC_LOADING,
        group: Group::Server,
        since: "1.0.0",
        summary: "Saves the keys to disk while clients are served.",
        run: Run::Host(Host::Bgsave),
        ..ROW
    },
    Command {
        name: "command",
        arity: -1,
        flags: LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Server,
        since: "2.8.13",
        summary: "Describes every command.",
        tips: &["nondeterministic_output_order"],
        run: Run::Host(Host::Command),
        subcommands: COMMAND_SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "config",
        arity: -2,
        group: Group::Server,
        since: "2.0.0",
        summary: "Commands about the configuration.",
        run: Run::Container,
        subcommands: CONFIG_SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "dbsize",
        arity: 1,
        flags: READONLY | FAST,
        acl: KEYSPACE,
        group: Group::Server,
        since: "1.0.0",
        summary: "Counts the keys.",
        tips: &["request_policy:all_shards", "response_policy:agg_sum"],
        run: Run::Data(whole::dbsize),
        ..ROW
    },
    Command {
        name: "debug",
        arity: -2,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | PROTECTED,
        group: Group::Server,
        since: "1.0.0",
        summary: "Commands for tests; off unless enable-debug-command allows them.",
        run: Run::Host(Host::Debug),
        ..ROW
    },
    Command {
        name: "flushall",
        arity: -1,
        flags: WRITE,
        acl: KEYSPACE | DANGEROUS,
        group: Group::Server,
        since: "1.0.0",
        summary: "Deletes all keys.",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        run: Run::Data(whole::flushall),
        ..ROW
    },
    Command {
        name: "flushdb",
        arity: -1,
        flags: WRITE,
        acl: KEYSPACE | DANGEROUS,
        group: Group::Server,
        since: "1.0.0",
        summary: "Deletes all keys of the database.",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        run: Run::Data(whole::flushall),
        ..ROW
    },
    Command {
        name: "info",
        arity: -1,
        flags: LOADING | STALE | SENTINEL,
        acl: DANGEROUS,
        group: Group::Server,
        since: "1.0.0",
        summary: "Returns figures about the server.",
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        run: Run::Host(Host::Info),
        ..ROW
    },
    Command {
        name: "lastsave",
        arity: 1,
        flags: LOADING | STALE | FAST,
        acl: ADMINISTRATES | DANGEROUS,
        group: Group::Server,
        since: "1.0.0",
        summary: "Returns when the keys were last saved.",
        tips: &["nondeterministic_output"],
        run: Run::Host(Host::Lastsave),
        ..ROW
    },
    Command {
        name: "latency",
        arity: -2,
        group: Group::Server,
        since: "2.8.13",
        summary: "Commands about latency.",
        run: Run::Container,
        subcommands: LATENCY_SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "lolwut",
        arity: -1,
        flags: READONLY | FAST,
        group: Group::Server,
        since: "5.0.0",
        summary: "Draws something and names the version.",
        run: Run::Host(Host::Lolwut),
        ..ROW
    },
    Command {
        name: "memory",
        arity: -2,
        group: Group::Server,
        since: "4.0.0",
        summary: "Commands about memory.",
        run: Run::Container,
        subcommands: MEMORY_SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "monitor",
        arity: 1,
        flags: ADMIN | NOSCRIPT | LOADING | STALE,
        group: Group::Server,
        since: "1.0.0",
        summary: "Shows every command that runs.",
        run: Run::Host(Host::Monitor),
        ..ROW
    },
    Command {
        name: "restore-asking",
        arity: -4,
        flags: WRITE | DENYOOM | ASKING,
        keys: &[one(1, OW | UPDATE)],
        acl: KEYSPACE | DANGEROUS,
        group: Group::Server,
        since: "3.0.0",
        summary: "RESTORE of a key whose slot is being imported.",
        run: Run::Data(generic::restore),
        ..ROW
    },
    Command {
        name: "save",
        arity: 1,
        flags: ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI,
        group: Group::Server,
        since: "1.0.0",
        summary: "Saves the keys to disk while clients wait.",
        run: Run::Host(Host::Save),
        ..ROW
    },
    Command {
        name: "shutdown",
        arity: -1,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | NO_MULTI | SENTINEL | ALLOW_BUSY,
        group: Group::Server,
        since: "1.0.0",
        summary: "Ends the process.",
        run: Run::Host(Host::Shutdown),
        ..ROW
    },
    Command {
        name: "swapdb",
        arity: 3,
        flags: WRITE | FAST,
        acl: KEYSPACE | DANGEROUS,
        group: Group::Server,
        since: "4.0.0",
        summary: "Refused: a cluster node has one database.",
        run: Run::Host(Host::Swapdb),
        ..ROW
    },
    Command {
        name: "time",
        arity: 1,
        flags: LOADING | STALE | FAST,
        group: Group::Server,
        since: "2.6.0",
        summary: "Returns the server's clock.",
        tips: &["nondeterministic_output"],
        run: Run::Host(Host::Time),
        ..ROW
    },
];

const COMMAND_SUBCOMMANDS: &[Command] = &[
    Command {
        name: "count",
        arity: 2,
        flags: LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Server,
        since: "2.8.13",
        summary: "Counts the commands.",
        run: Run::Host(Host::CommandCount),
        ..ROW
    },
    Command {
        name: "docs",
        arity: -2,
        flags: LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Server,
        since: "7.0.0",
        summary: "Documents commands.",
        tips: &["nondeterministic_output_order"],
        run: Run::Host(Host::CommandDocs),
        ..ROW
    },
    Command {
        name: "getkeys",
        arity: -3,
        flags: LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Server,
        since: "2.8.13",
        summary: "Returns the keys in a command line.",
        run: Run::Host(Host::CommandGetkeys),
        ..ROW
    },
    Command {
        name: "getkeysandflags",
        arity: -3,
        flags: LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Server,
        since: "7.0.0",
        summary: "Returns the keys in a command line and what is done with them.",
        run: Run::Host(Host::CommandGetkeysandflags),
        ..ROW
    },
    Command {
        name: "help",
        arity: 2,
        flags: LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Server,
        since: "5.0.0",
        summary: "Lists the subcommands.",
        run: Run::Host(Host::Help),
        ..ROW
    },
    Command {
        name: "info",
        arity: -2,
        flags: LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Server,
        since: "2.8.13",
        summary: "Describes the named commands.",
        tips: &["nondeterministic_output_order"],
        run: Run::Host(Host::CommandInfo),
        ..ROW
    },
    Command {
        name: "list",
        arity: -2,
        flags: LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Server,
        since: "7.0.0",
        summary: "Lists command names.",
        tips: &["nondeterministic_output_order"],
        run: Run::Host(Host::CommandList),
        ..ROW
    },
];

const CONFIG_SUBCOMMANDS: &[Command] = &[
    Command {
        name: "get",
        arity: -3,
        flags: ADMIN | NOSCRIPT | LOADING | STALE,
        group: Group::Server,
        since: "2.0.0",
        summary: "Returns directives that match patterns.",
        run: Run::Host(Host::ConfigGet),
        ..ROW
    },
    Command {
        name: "help",
        arity: 2,
        flags: LOADING | STALE,
        group: Group::Server,
        since: "5.0.0",
        summary: "Lists the subcommands.",
        run: Run::Host(Host::Help),
        ..ROW
    },
    Command {
        name: "resetstat",
        arity: 2,
        flags: ADMIN | NOSCRIPT | LOADING | STALE,
        group: Group::Server,
        since: "2.0.0",
        summary: "Sets INFO's counters to zero.",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: Run::Host(Host::ConfigResetstat),
        ..ROW
    },
    Command {
        name: "rewrite",
        arity: 2,
        flags: ADMIN | NOSCRIPT | LOADING | STALE,
        group: Group::Server,
        since: "2.8.0",
        summary: "Writes the running configuration to the file it came from.",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: Run::Host(Host::ConfigRewrite),
        ..ROW
    },
    Command {
        name: "set",
        arity: -4,
        flags: ADMIN | NOSCRIPT | LOADING | STALE,
        group: Group::Server,
        since: "2.0.0",
        summary: "Changes directives, all or none.",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: Run::Host(Host::ConfigSet),
        ..ROW
    },
];

const LATENCY_SUBCOMMANDS: &[Command] = &[
    Command {
        name: "doctor",
        arity: 2,
        flags: ADMIN | NOSCRIPT | LOADING | STALE,
        group: Group::Server,
        since: "2.8.13",
        summary: "Says what the latency events mean.",
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        run: Run::Host(Host::LatencyDoctor),
        ..ROW
    },
    Command {
        name: "graph",
        arity: 3,
        flags: ADMIN | NOSCRIPT | LOADING | STALE,
        group: Group::Server,
        since: "2.8.13",
        summary: "Draws an event's history.",
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        run: Run::Host(Host::LatencyGraph),
        ..ROW
    },
    Command {
        name: "help",
        arity: 2,
        flags: LOADING | STALE,
        group: Group::Server,
        since: "2.8.13",
        summary: "Lists the subcommands.",
        run: Run::Host(Host::Help),
        ..ROW
    },
    Command {
        name: "histogram",
        arity: -2,
        flags: ADMIN | NOSCRIPT | LOADING | STALE,
        group: Group::Server,
        since: "7.0.0",
        summary: "Returns the distribution of commands' run times.",
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        run: Run::Host(Host::LatencyHistogram),
        ..ROW
    },
    Command {
        name: "history",
        arity: 3,
        flags: ADMIN | NOSCRIPT | LOADING | STALE,
        group: Group::Server,
        since: "2.8.13",
        summary: "Returns the samples of an event.",
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        run: Run::Host(Host::LatencyHistory),
        ..ROW
    },
    Command {
        name: "latest",
        arity: 2,
        flags: ADMIN | NOSCRIPT | LOADING | STALE,
        group: Group::Server,
        since: "2.8.13",
        summary: "Returns the newest sample of each event.",
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        run: Run::Host(Host::LatencyLatest),
        ..ROW
    },
    Command {
        name: "reset",
        arity: -2,
        flags: ADMIN | NOSCRIPT | LOADING | STALE,
        group: Group::Server,
        since: "2.8.13",
        summary: "Forgets samples of events.",
        tips: &["request_policy:all_nodes", "response_policy:agg_sum"],
        run: Run::Host(Host::LatencyReset),
        ..ROW
    },
];

const MEMORY_SUBCOMMANDS: &[Command] = &[
    Command {
        name: "doctor",
        arity: 2,
        group: Group::Server,
        since: "4.0.0",
        summary: "Says what is odd about memory use.",
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        run: Run::Host(Host::MemoryDoctor),
        ..ROW
    },
    Command {
        name: "help",
        arity: 2,
        flags: LOADING | STALE,
        group: Group::Server,
        since: "4.0.0",
        summary: "Lists the subcommands.",
        run: Run::Host(Host::Help),
        ..ROW
    },
    Command {
        name: "malloc-stats",
        arity: 2,
        group: Group::Server,
        since: "4.0.0",
        summary: "Returns the allocator's own figures.",
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        run: Run::Host(Host::MemoryMallocStats),
        ..ROW
    },
    Command {
        name: "purge",
        arity: 2,
        group: Group::Server,
        since: "4.0.0",
        summary: "Gives unused memory back to the system.",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        run: Run::Host(Host::MemoryPurge),
        ..ROW
    },
    Command {
        name: "stats",
        arity: 2,
        group: Group::Server,
        since: "4.0.0",
        summary: "Returns memory use by purpose.",
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        run: Run::Host(Host::MemoryStats),
        ..ROW
    },
    Command {
        name: "usage",
        arity: -3,
        flags: READONLY,
        keys: &[range(2, 0, 1, RO)],
        group: Group::Server,
        since: "4.0.0",
        summary: "Returns the bytes a key takes.",
        run: Run::Data(generic::object::memory_usage),
        ..ROW
    },
];
