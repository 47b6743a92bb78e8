//! Rows of the hyperloglog commands.

use crate::hyperloglog;
use crate::table::keys::*;
use crate::table::*;

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "pfadd",
        arity: -2,
        flags: WRITE | DENYOOM | FAST,
        keys: &[one(1, RW | INSERT)],
        acl: HYPERLOGLOG,
        group: Group::Hyperloglog,
        since: "2.8.9",
        summary: "Adds elements to a HyperLogLog, made when absent.",
        run: Run::Data(hyperloglog::pfadd),
        ..ROW
    },
    Command {
        name: "pfcount",
        arity: -2,
        flags: READONLY | MAY_REPLICATE,
        keys: &[range(1, -1, 1, RW | ACCESS)],
        acl: HYPERLOGLOG,
        group: Group::Hyperloglog,
        since: "2.8.9",
        summary: "Estimates how many distinct elements were added to HyperLogLogs.",
        run: Run::Data(hyperloglog::pfcount),
        ..ROW
    },
    Command {
        name: "pfdebug",
        arity: 3,
        flags: WRITE | DENYOOM | ADMIN,
        keys: &[one(2, RW | ACCESS)],
        acl: HYPERLOGLOG,
        group: Group::Hyperloglog,
        since: "2.8.9",
        summary: "Shows or changes how a HyperLogLog is stored.",
        run: Run::Data(hyperloglog::pfdebug),
        ..ROW
    },
    Command {
        name: "pfmerge",
        arity: -2,
        flags: WRITE | DENYOOM,
        keys: &[one(1, RW | ACCESS | INSERT), range(2, -1, 1, RO | ACCESS)],
        acl: HYPERLOGLOG,
        group: Group::Hyperloglog,
        since: "2.8.9",
        summary: "Merges HyperLogLogs into one.",
        run: Run::Data(hyperloglog::pfmerge),
        ..ROW
    },
    Command {
        name: "pfselftest",
        arity: 1,
        flags: ADMIN,
        acl: HYPERLOGLOG,
        group: Group::Hyperloglog,
        since: "2.8.9",
        summary: "Tests the HyperLogLog implementation; takes seconds.",
        run: Run::Data(hyperloglog::pfselftest),
        ..ROW
    },
];
