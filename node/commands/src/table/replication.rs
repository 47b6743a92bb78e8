//! Rows of the commands about replication; they are documented under other groups, as in Redis.

use crate::table::*;

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "failover",
        arity: -1,
        flags: ADMIN | NOSCRIPT | STALE,
        group: Group::Server,
        since: "6.2.0",
        summary: "Refused: in a cluster CLUSTER FAILOVER does this.",
        run: Run::Host(Host::Failover),
        ..ROW
    },
    Command {
        name: "psync",
        arity: -3,
        flags: ADMIN | NO_ASYNC_LOADING | NO_MULTI | NOSCRIPT,
        group: Group::Server,
        since: "2.8.0",
        summary: "A replica asks its master to go on with the stream.",
        run: Run::Host(Host::Psync),
        ..ROW
    },
    Command {
        name: "replconf",
        arity: -1,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | ALLOW_BUSY,
        group: Group::Server,
        since: "3.0.0",
        summary: "Replica and master tell each other about themselves.",
        run: Run::Host(Host::Replconf),
        ..ROW
    },
    Command {
        name: "replicaof",
        arity: 3,
        flags: ADMIN | NO_ASYNC_LOADING | NOSCRIPT | STALE,
        group: Group::Server,
        since: "5.0.0",
        summary: "Refused: in a cluster CLUSTER REPLICATE does this.",
        run: Run::Host(Host::Replicaof),
        ..ROW
    },
    Command {
        name: "role",
        arity: 1,
        flags: NOSCRIPT | LOADING | STALE | FAST | SENTINEL,
        acl: ADMINISTRATES | DANGEROUS,
        group: Group::Server,
        since: "2.8.12",
        summary: "Returns the node's role in replication.",
        run: Run::Host(Host::Role),
        ..ROW
    },
    Command {
        name: "slaveof",
        arity: 3,
        flags: ADMIN | NO_ASYNC_LOADING | NOSCRIPT | STALE,
        group: Group::Server,
        since: "1.0.0",
        summary: "The old name of REPLICAOF.",
        run: Run::Host(Host::Slaveof),
        ..ROW
    },
    Command {
        name: "sync",
        arity: 1,
        flags: ADMIN | NO_ASYNC_LOADING | NO_MULTI | NOSCRIPT,
        group: Group::Server,
        since: "1.0.0",
        summary: "A replica of old asks its master for everything.",
        run: Run::Host(Host::Sync),
        ..ROW
    },
    Command {
        name: "wait",
        arity: 3,
        flags: BLOCKING,
        acl: CONNECTION,
        group: Group::Generic,
        since: "3.0.0",
        summary: "Waits until replicas have what this connection wrote.",
        tips: &["request_policy:all_shards", "response_policy:agg_min"],
        run: Run::Host(Host::Wait),
        ..ROW
    },
    Command {
        name: "waitaof",
        arity: 4,
        flags: BLOCKING,
        acl: CONNECTION,
        group: Group::Generic,
        since: "7.2.0",
        summary: "Waits until the disks of this node and of replicas have what this connection wrote.",
        tips: &["request_policy:all_shards", "response_policy:agg_min"],
        run: Run::Host(Host::Waitaof),
        ..ROW
    },
];
