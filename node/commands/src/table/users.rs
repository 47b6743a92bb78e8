//! Rows of ACL.

use crate::table::*;

pub(super) const ROWS: &[Command] = &[Command {
    name: "acl",
    arity: -2,
    flags: SENTINEL,
    group: Group::Server,
    since: "6.0.0",
    summary: "Commands about users and what they may do.",
    run: Run::Container,
    subcommands: SUBCOMMANDS,
    ..ROW
}];

const SUBCOMMANDS: &[Command] = &[
    Command {
        name: "cat",
        arity: -2,
        flags: NOSCRIPT | LOADING | STALE | SENTINEL,
        group: Group::Server,
        since: "6.0.0",
        summary: "Lists the categories, or the commands of one.",
        run: Run::Host(Host::AclCat),
        ..ROW
    },
    Command {
        name: "deluser",
        arity: -3,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | SENTINEL,
        group: Group::Server,
        since: "6.0.0",
        summary: "Deletes users and closes their connections.",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: Run::Host(Host::AclDeluser),
        ..ROW
    },
    Command {
        name: "dryrun",
        arity: -4,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | SENTINEL,
        group: Group::Server,
        since: "7.0.0",
        summary: "Tells whether a user may run a command, without running it.",
        run: Run::Host(Host::AclDryrun),
        ..ROW
    },
    Command {
        name: "genpass",
        arity: -2,
        flags: NOSCRIPT | LOADING | STALE | SENTINEL,
        group: Group::Server,
        since: "6.0.0",
        summary: "Returns a password that nobody can guess.",
        run: Run::Host(Host::AclGenpass),
        ..ROW
    },
    Command {
        name: "getuser",
        arity: 3,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | SENTINEL,
        group: Group::Server,
        since: "6.0.0",
        summary: "Describes a user.",
        run: Run::Host(Host::AclGetuser),
        ..ROW
    },
    Command {
        name: "help",
        arity: 2,
        flags: LOADING | STALE | SENTINEL,
        group: Group::Server,
        since: "6.0.0",
        summary: "Lists the subcommands.",
        run: Run::Host(Host::Help),
        ..ROW
    },
    Command {
        name: "list",
        arity: 2,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | SENTINEL,
        group: Group::Server,
        since: "6.0.0",
        summary: "Returns the rules of all users, as a file has them.",
        run: Run::Host(Host::AclList),
        ..ROW
    },
    Command {
        name: "load",
        arity: 2,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | SENTINEL,
        group: Group::Server,
        since: "6.0.0",
        summary: "Takes the users of the aclfile in place of those there are.",
        run: Run::Host(Host::AclLoad),
        ..ROW
    },
    Command {
        name: "log",
        arity: -2,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | SENTINEL,
        group: Group::Server,
        since: "6.0.0",
        summary: "Returns or forgets what was refused to whom.",
        run: Run::Host(Host::AclLog),
        ..ROW
    },
    Command {
        name: "save",
        arity: 2,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | SENTINEL,
        group: Group::Server,
        since: "6.0.0",
        summary: "Writes all users to the aclfile.",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: Run::Host(Host::AclSave),
        ..ROW
    },
    Command {
        name: "setuser",
        arity: -3,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | SENTINEL,
        group: Group::Server,
        since: "6.0.0",
        summary: "Makes a user or changes its rules, all or none.",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: Run::Host(Host::AclSetuser),
        ..ROW
    },
    Command {
        name: "users",
        arity: 2,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | SENTINEL,
        group: Group::Server,
        since: "6.0.0",
        summary: "Returns the names of all users.",
        run: Run::Host(Host::AclUsers),
        ..ROW
    },
    Command {
        name: "whoami",
        arity: 2,
        flags: NOSCRIPT | LOADING | STALE | SENTINEL,
        group: Group::Server,
        since: "6.0.0",
        summary: "Returns the user of this connection.",
        run: Run::Host(Host::AclWhoami),
        ..ROW
    },
];
