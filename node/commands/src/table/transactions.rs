//! Rows of the transaction commands.

use crate::table::keys::*;
use crate::table::*;

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "discard",
        arity: 1,
        flags: NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY,
        acl: TRANSACTION,
        group: Group::Transactions,
        since: "2.0.0",
        summary: "Drops the queued commands.",
        run: Run::Host(Host::Discard),
        ..ROW
    },
    Command {
        name: "exec",
        arity: 1,
        flags: NOSCRIPT | LOADING | STALE | SKIP_SLOWLOG,
        acl: TRANSACTION,
        group: Group::Transactions,
        since: "1.2.0",
        summary: "Runs the queued commands as one.",
        run: Run::Host(Host::Exec),
        ..ROW
    },
    Command {
        name: "multi",
        arity: 1,
        flags: NOSCRIPT | LOADING | STALE | FAST | NO_MULTI | ALLOW_BUSY,
        acl: TRANSACTION,
        group: Group::Transactions,
        since: "1.2.0",
        summary: "Begins to queue commands.",
        run: Run::Host(Host::Multi),
        ..ROW
    },
    Command {
        name: "unwatch",
        arity: 1,
        flags: NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY,
        acl: TRANSACTION,
        group: Group::Transactions,
        since: "2.2.0",
        summary: "Forgets all watched keys.",
        run: Run::Host(Host::Unwatch),
        ..ROW
    },
    Command {
        name: "watch",
        arity: -2,
        flags: NOSCRIPT | LOADING | STALE | FAST | NO_MULTI | ALLOW_BUSY,
        keys: &[range(1, -1, 1, RO)],
        acl: TRANSACTION,
        group: Group::Transactions,
        since: "2.2.0",
        summary: "Makes the next EXEC depend on keys staying unchanged.",
        run: Run::Host(Host::Watch),
        ..ROW
    },
];
