//! Rows of the logs of commands, of hot keys, and of modules: containers that others ask about.

use crate::table::*;

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "commandlog",
        arity: -2,
        group: Group::Server,
        since: "8.1.0",
        summary: "Commands about slow commands, and those with large requests or replies.",
        run: Run::Container,
        subcommands: COMMANDLOG_SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "hotkeys",
        arity: -2,
        group: Group::Server,
        since: "8.6.0",
        summary: "Commands about the keys that cost most.",
        run: Run::Container,
        subcommands: HOTKEYS_SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "module",
        arity: -2,
        group: Group::Server,
        since: "4.0.0",
        summary: "Commands about modules, of which there are none.",
        run: Run::Container,
        subcommands: MODULE_SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "slowlog",
        arity: -2,
        group: Group::Server,
        since: "2.2.12",
        summary: "Commands about slow commands.",
        run: Run::Container,
        subcommands: SLOWLOG_SUBCOMMANDS,
        ..ROW
    },
];

const COMMANDLOG_SUBCOMMANDS: &[Command] = &[
    Command {
        name: "get",
        arity: 4,
        flags: ADMIN | LOADING | STALE,
        group: Group::Server,
        since: "8.1.0",
        summary: "Returns the newest entries of a log: slow, large-request or large-reply.",
        tips: &["request_policy:all_nodes", "nondeterministic_output"],
        run: Run::Host(Host::CommandlogGet),
        ..ROW
    },
    Command {
        name: "help",
        arity: 2,
        flags: LOADING | STALE,
        group: Group::Server,
        since: "8.1.0",
        summary: "Lists the subcommands.",
        run: Run::Host(Host::Help),
        ..ROW
    },
    Command {
        name: "len",
        arity: 3,
        flags: ADMIN | LOADING | STALE,
        group: Group::Server,
        since: "8.1.0",
        summary: "Counts the entries of a log.",
        tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
        run: Run::Host(Host::CommandlogLen),
        ..ROW
    },
    Command {
        name: "reset",
        arity: 3,
        flags: ADMIN | LOADING | STALE,
        group: Group::Server,
        since: "8.1.0",
        summary: "Empties a log.",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: Run::Host(Host::CommandlogReset),
        ..ROW
    },
];

const HOTKEYS_SUBCOMMANDS: &[Command] = &[
    Command {
        name: "get",
        arity: 2,
        flags: ADMIN | NOSCRIPT,
        group: Group::Server,
        since: "8.6.0",
        summary: "Returns the keys that cost most, and what all commands cost.",
        tips: &["request_policy:all_shards", "nondeterministic_output"],
        run: Run::Host(Host::HotkeysGet),
        ..ROW
    },
    Command {
        name: "help",
        arity: 2,
        flags: LOADING | STALE,
        group: Group::Server,
        since: "8.6.0",
        summary: "Lists the subcommands.",
        run: Run::Host(Host::Help),
        ..ROW
    },
    Command {
        name: "reset",
        arity: 2,
        flags: ADMIN | NOSCRIPT,
        group: Group::Server,
        since: "8.6.0",
        summary: "Forgets what was tracked.",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        run: Run::Host(Host::HotkeysReset),
        ..ROW
    },
    Command {
        name: "start",
        arity: -2,
        flags: ADMIN | NOSCRIPT,
        group: Group::Server,
        since: "8.6.0",
        summary: "Tracks which keys cost most time or bytes.",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        run: Run::Host(Host::HotkeysStart),
        ..ROW
    },
    Command {
        name: "stop",
        arity: 2,
        flags: ADMIN | NOSCRIPT,
        group: Group::Server,
        since: "8.6.0",
        summary: "Tracks no more, and keeps what was tracked.",
        tips: &["request_policy:all_shards"],
        run: Run::Host(Host::HotkeysStop),
        ..ROW
    },
];

const MODULE_SUBCOMMANDS: &[Command] = &[
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
        name: "list",
        arity: 2,
        flags: ADMIN | NOSCRIPT,
        group: Group::Server,
        since: "4.0.0",
        summary: "Lists the modules: none.",
        tips: &["nondeterministic_output_order"],
        run: Run::Host(Host::ModuleList),
        ..ROW
    },
    Command {
        name: "load",
        arity: -3,
        flags: ADMIN | NOSCRIPT | NO_ASYNC_LOADING,
        group: Group::Server,
        since: "4.0.0",
        summary: "Refused: there are no modules.",
        run: Run::Host(Host::ModuleLoad),
        ..ROW
    },
    Command {
        name: "loadex",
        arity: -3,
        flags: ADMIN | NOSCRIPT | NO_ASYNC_LOADING,
        group: Group::Server,
        since: "7.0.0",
        summary: "Refused: there are no modules.",
        run: Run::Host(Host::ModuleLoad),
        ..ROW
    },
    Command {
        name: "unload",
        arity: 3,
        flags: ADMIN | NOSCRIPT | NO_ASYNC_LOADING,
        group: Group::Server,
        since: "4.0.0",
        summary: "Refused: there are no modules.",
        run: Run::Host(Host::ModuleUnload),
        ..ROW
    },
];

const SLOWLOG_SUBCOMMANDS: &[Command] = &[
    Command {
        name: "get",
        arity: -2,
        flags: ADMIN | LOADING | STALE,
        group: Group::Server,
        since: "2.2.12",
        summary: "Returns the newest entries of the slow log.",
        tips: &["request_policy:all_nodes", "nondeterministic_output"],
        run: Run::Host(Host::SlowlogGet),
        ..ROW
    },
    Command {
        name: "help",
        arity: 2,
        flags: LOADING | STALE,
        group: Group::Server,
        since: "6.2.0",
        summary: "Lists the subcommands.",
        run: Run::Host(Host::Help),
        ..ROW
    },
    Command {
        name: "len",
        arity: 2,
        flags: ADMIN | LOADING | STALE,
        group: Group::Server,
        since: "2.2.12",
        summary: "Counts the entries of the slow log.",
        tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
        run: Run::Host(Host::SlowlogLen),
        ..ROW
    },
    Command {
        name: "reset",
        arity: 2,
        flags: ADMIN | LOADING | STALE,
        group: Group::Server,
        since: "2.2.12",
        summary: "Empties the slow log.",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: Run::Host(Host::SlowlogReset),
        ..ROW
    },
];
