//! Rows of the scripting commands.

use crate::table::keys::*;
use crate::table::*;

/// A script may do anything with its keys.
const ANY: &[KeySpec] = &[counted(2, RW | ACCESS | UPDATE)];
/// A read-only script reads them.
const READ: &[KeySpec] = &[counted(2, RO | ACCESS)];

/// All that runs a script.
const RUNS: Flags = NOSCRIPT | SKIP_MONITOR | NO_MANDATORY_KEYS | STALE | MOVABLE_KEYS;

/// To every master, all of which must agree.
const ALL_SHARDS: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];
const ALL_NODES: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];
const ONE_SHARD: &[&str] = &["request_policy:all_shards", "response_policy:one_succeeded"];

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "eval",
        arity: -3,
        flags: RUNS | MAY_REPLICATE,
        keys: ANY,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "2.6.0",
        summary: "Runs a script.",
        run: Run::Host(Host::Eval),
        ..ROW
    },
    Command {
        name: "eval_ro",
        arity: -3,
        flags: RUNS | READONLY,
        keys: READ,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "7.0.0",
        summary: "Runs a script that only reads.",
        run: Run::Host(Host::EvalRo),
        ..ROW
    },
    Command {
        name: "evalsha",
        arity: -3,
        flags: RUNS | MAY_REPLICATE,
        keys: ANY,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "2.6.0",
        summary: "Runs a known script, named by its SHA-1.",
        run: Run::Host(Host::Evalsha),
        ..ROW
    },
    Command {
        name: "evalsha_ro",
        arity: -3,
        flags: RUNS | READONLY,
        keys: READ,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "7.0.0",
        summary: "Runs a known script, named by its SHA-1 that only reads.",
        run: Run::Host(Host::EvalshaRo),
        ..ROW
    },
    Command {
        name: "fcall",
        arity: -3,
        flags: RUNS | MAY_REPLICATE,
        keys: ANY,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "7.0.0",
        summary: "Runs a function.",
        run: Run::Host(Host::Fcall),
        ..ROW
    },
    Command {
        name: "fcall_ro",
        arity: -3,
        flags: RUNS | READONLY,
        keys: READ,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "7.0.0",
        summary: "Runs a function that only reads.",
        run: Run::Host(Host::FcallRo),
        ..ROW
    },
    Command {
        name: "function",
        arity: -2,
        group: Group::Scripting,
        since: "7.0.0",
        summary: "Commands about functions.",
        run: Run::Container,
        subcommands: FUNCTION_SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "script",
        arity: -2,
        group: Group::Scripting,
        since: "2.6.0",
        summary: "Commands about scripts.",
        run: Run::Container,
        subcommands: SCRIPT_SUBCOMMANDS,
        ..ROW
    },
];

const FUNCTION_SUBCOMMANDS: &[Command] = &[
    Command {
        name: "delete",
        arity: 3,
        flags: NOSCRIPT | WRITE,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "7.0.0",
        summary: "Deletes a library.",
        tips: ALL_SHARDS,
        run: Run::Host(Host::FunctionDelete),
        ..ROW
    },
    Command {
        name: "dump",
        arity: 2,
        flags: NOSCRIPT,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "7.0.0",
        summary: "Returns all libraries as one payload.",
        run: Run::Host(Host::FunctionDump),
        ..ROW
    },
    Command {
        name: "flush",
        arity: -2,
        flags: NOSCRIPT | WRITE,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "7.0.0",
        summary: "Deletes all functions.",
        tips: ALL_SHARDS,
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
        name: "kill",
        arity: 2,
        flags: NOSCRIPT | ALLOW_BUSY,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "7.0.0",
        summary: "Ends the function that takes too long.",
        tips: ONE_SHARD,
        run: Run::Host(Host::FunctionKill),
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
    Command {
        name: "load",
        arity: -3,
        flags: NOSCRIPT | WRITE | DENYOOM,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "7.0.0",
        summary: "Loads a library.",
        tips: ALL_SHARDS,
        run: Run::Host(Host::FunctionLoad),
        ..ROW
    },
    Command {
        name: "restore",
        arity: -3,
        flags: NOSCRIPT | WRITE | DENYOOM,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "7.0.0",
        summary: "Loads the libraries of a payload.",
        tips: ALL_SHARDS,
        run: Run::Host(Host::FunctionRestore),
        ..ROW
    },
    Command {
        name: "stats",
        arity: 2,
        flags: NOSCRIPT | ALLOW_BUSY,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "7.0.0",
        summary: "Returns the running function and the number of all.",
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        run: Run::Host(Host::FunctionStats),
        ..ROW
    },
];

const SCRIPT_SUBCOMMANDS: &[Command] = &[
    Command {
        name: "debug",
        arity: 3,
        flags: NOSCRIPT,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "3.2.0",
        summary: "Sets whether scripts run in the debugger; there is none.",
        run: Run::Host(Host::ScriptDebug),
        ..ROW
    },
    Command {
        name: "exists",
        arity: -3,
        flags: NOSCRIPT,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "2.6.0",
        summary: "Tells which scripts are known.",
        tips: &["request_policy:all_shards", "response_policy:agg_logical_and"],
        run: Run::Host(Host::ScriptExists),
        ..ROW
    },
    Command {
        name: "flush",
        arity: -2,
        flags: NOSCRIPT,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "2.6.0",
        summary: "Forgets all scripts.",
        tips: ALL_NODES,
        run: Run::Host(Host::ScriptFlush),
        ..ROW
    },
    Command {
        name: "help",
        arity: 2,
        flags: LOADING | STALE,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "5.0.0",
        summary: "Lists the subcommands.",
        run: Run::Host(Host::Help),
        ..ROW
    },
    Command {
        name: "kill",
        arity: 2,
        flags: NOSCRIPT | ALLOW_BUSY,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "2.6.0",
        summary: "Ends the script that takes too long.",
        tips: ONE_SHARD,
        run: Run::Host(Host::ScriptKill),
        ..ROW
    },
    Command {
        name: "load",
        arity: 3,
        flags: NOSCRIPT | STALE,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "2.6.0",
        summary: "Makes a script known without running it.",
        tips: ALL_NODES,
        run: Run::Host(Host::ScriptLoad),
        ..ROW
    },
    Command {
        name: "show",
        arity: 3,
        flags: NOSCRIPT,
        acl: SCRIPTING,
        group: Group::Scripting,
        since: "8.0.0",
        summary: "Returns the text of a script.",
        run: Run::Host(Host::ScriptShow),
        ..ROW
    },
];
