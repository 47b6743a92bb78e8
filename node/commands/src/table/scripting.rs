//! Rows of the scripting commands.
//!
//! There is no interpreter yet. What can be answered truly without one is: no function exists, and none is left
//! after FUNCTION FLUSH.

use crate::table::*;

pub(super) const ROWS: &[Command] = &[Command {
    name: "function",
    arity: -2,
    group: Group::Scripting,
    since: "7.0.0",
    summary: "Commands about functions.",
    run: Run::Container,
    subcommands: FUNCTION_SUBCOMMANDS,
    ..ROW
}];

const FUNCTION_SUBCOMMANDS: &[Command] = &[
    Command {
        name: "flush",
        arity: -2,
        flags: NOSCRIPT | WRITE,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "7.0.0",
        summary: "Deletes all functions.",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        run: Run::Host(Host::FunctionFlush),
        ..ROW
    },
    Command {
        name: "help",
        arity: 2,
        flags: LOADING | STALE,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "7.0.0",
        summary: "Lists the subcommands.",
        run: Run::Host(Host::Help),
        ..ROW
    },
    Command {
        name: "list",
        arity: -2,
        flags: NOSCRIPT,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "7.0.0",
        summary: "Returns the libraries and their functions.",
        tips: &["nondeterministic_output_order"],
        run: Run::Host(Host::FunctionList),
        ..ROW
    },
];
