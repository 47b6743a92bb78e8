//! Rows of the cluster commands.

use crate::table::*;

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "asking",
        arity: 1,
        flags: FAST,
        acl: CONNECTION,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Lets the next command use a slot being imported.",
        run: Run::Host(Host::Asking),
        ..ROW
    },
    Command {
        name: "cluster",
        arity: -2,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Commands about the cluster.",
        run: Run::Container,
        subcommands: CLUSTER_SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "readonly",
        arity: 1,
        flags: FAST | LOADING | STALE,
        acl: CONNECTION,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Allows reads on a replica.",
        run: Run::Host(Host::Readonly),
        ..ROW
    },
    Command {
        name: "readwrite",
        arity: 1,
        flags: FAST | LOADING | STALE,
        acl: CONNECTION,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Ends READONLY.",
        run: Run::Host(Host::Readwrite),
        ..ROW
    },
];

const CLUSTER_SUBCOMMANDS: &[Command] = &[
    Command {
        name: "addslots",
        arity: -3,
        flags: NO_ASYNC_LOADING | ADMIN | STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Takes unassigned slots.",
        run: Run::Host(Host::ClusterAddslots),
        ..ROW
    },
    Command {
        name: "addslotsrange",
        arity: -4,
        flags: NO_ASYNC_LOADING | ADMIN | STALE,
        group: Group::Cluster,
        since: "7.0.0",
        summary: "Takes ranges of unassigned slots.",
        run: Run::Host(Host::ClusterAddslotsrange),
        ..ROW
    },
    Command {
        name: "bumpepoch",
        arity: 2,
        flags: NO_ASYNC_LOADING | ADMIN | STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Moves this node to a fresh epoch.",
        tips: &["nondeterministic_output"],
        run: Run::Host(Host::ClusterBumpepoch),
        ..ROW
    },
    Command {
        name: "cancelslotmigrations",
        arity: 2,
        flags: NO_ASYNC_LOADING | ADMIN | STALE,
        group: Group::Cluster,
        since: "9.0.0",
        summary: "Gives up the slot migrations under way.",
        run: Run::Host(Host::ClusterCancelslotmigrations),
        ..ROW
    },
    Command {
        name: "count-failure-reports",
        arity: 3,
        flags: ADMIN | STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Counts the nodes that report a node as failing.",
        tips: &["nondeterministic_output"],
        run: Run::Host(Host::ClusterCountFailureReports),
        ..ROW
    },
    Command {
        name: "countkeysinslot",
        arity: 3,
        flags: STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Counts the keys of a slot.",
        run: Run::Host(Host::ClusterCountkeysinslot),
        ..ROW
    },
    Command {
        name: "delslots",
        arity: -3,
        flags: NO_ASYNC_LOADING | ADMIN | STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Forgets the owners of slots.",
        run: Run::Host(Host::ClusterDelslots),
        ..ROW
    },
    Command {
        name: "delslotsrange",
        arity: -4,
        flags: NO_ASYNC_LOADING | ADMIN | STALE,
        group: Group::Cluster,
        since: "7.0.0",
        summary: "Forgets the owners of ranges of slots.",
        run: Run::Host(Host::ClusterDelslotsrange),
        ..ROW
    },
    Command {
        name: "failover",
        arity: -2,
        flags: NO_ASYNC_LOADING | ADMIN | STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Makes this replica its shard's master.",
        run: Run::Host(Host::ClusterFailover),
        ..ROW
    },
    Command {
        name: "flushslots",
        arity: 2,
        flags: NO_ASYNC_LOADING | ADMIN | STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Gives up all own slots.",
        run: Run::Host(Host::ClusterFlushslots),
        ..ROW
    },
    Command {
        name: "forget",
        arity: 3,
        flags: NO_ASYNC_LOADING | ADMIN | STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Removes a node from this node's table.",
        run: Run::Host(Host::ClusterForget),
        ..ROW
    },
    Command {
        name: "getkeysinslot",
        arity: 4,
        flags: STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Returns some keys of a slot.",
        tips: &["nondeterministic_output"],
        run: Run::Host(Host::ClusterGetkeysinslot),
        ..ROW
    },
    Command {
        name: "help",
        arity: 2,
        flags: LOADING | STALE,
        group: Group::Cluster,
        since: "5.0.0",
        summary: "Lists the subcommands.",
        run: Run::Host(Host::Help),
        ..ROW
    },
    Command {
        name: "getslotmigrations",
        arity: 2,
        flags: NO_ASYNC_LOADING | ADMIN | STALE,
        group: Group::Cluster,
        since: "9.0.0",
        summary: "Tells of slot migrations, under way and ended.",
        run: Run::Host(Host::ClusterGetslotmigrations),
        ..ROW
    },
    Command {
        name: "info",
        arity: 2,
        flags: LOADING | STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Describes the cluster's state.",
        tips: &["nondeterministic_output"],
        run: Run::Host(Host::ClusterInfo),
        ..ROW
    },
    Command {
        name: "keyslot",
        arity: 3,
        flags: STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Returns the slot of a key.",
        run: Run::Host(Host::ClusterKeyslot),
        ..ROW
    },
    Command {
        name: "links",
        arity: 2,
        flags: STALE,
        group: Group::Cluster,
        since: "7.0.0",
        summary: "Describes the bus connections to peers.",
        tips: &["nondeterministic_output"],
        run: Run::Host(Host::ClusterLinks),
        ..ROW
    },
    Command {
        name: "meet",
        arity: -4,
        flags: NO_ASYNC_LOADING | ADMIN | STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Introduces this node to another.",
        run: Run::Host(Host::ClusterMeet),
        ..ROW
    },
    Command {
        name: "migrateslots",
        arity: -4,
        flags: NO_ASYNC_LOADING | ADMIN | STALE,
        group: Group::Cluster,
        since: "9.0.0",
        summary: "Moves slots of this node to others, each move as a whole.",
        run: Run::Host(Host::ClusterMigrateslots),
        ..ROW
    },
    Command {
        name: "myid",
        arity: 2,
        flags: LOADING | STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Returns this node's ID.",
        run: Run::Host(Host::ClusterMyid),
        ..ROW
    },
    Command {
        name: "myshardid",
        arity: 2,
        flags: LOADING | STALE,
        group: Group::Cluster,
        since: "7.2.0",
        summary: "Returns the ID of this node's shard.",
        tips: &["nondeterministic_output"],
        run: Run::Host(Host::ClusterMyshardid),
        ..ROW
    },
    Command {
        name: "nodes",
        arity: 2,
        flags: LOADING | STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Describes every known node, in the format of nodes.conf.",
        tips: &["nondeterministic_output"],
        run: Run::Host(Host::ClusterNodes),
        ..ROW
    },
    Command {
        name: "replicas",
        arity: 3,
        flags: ADMIN | STALE,
        group: Group::Cluster,
        since: "5.0.0",
        summary: "Describes the replicas of a master.",
        tips: &["nondeterministic_output"],
        run: Run::Host(Host::ClusterReplicas),
        ..ROW
    },
    Command {
        name: "replicate",
        arity: 3,
        flags: NO_ASYNC_LOADING | ADMIN | STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Makes this node a replica.",
        run: Run::Host(Host::ClusterReplicate),
        ..ROW
    },
    Command {
        name: "reset",
        arity: -2,
        flags: ADMIN | STALE | NOSCRIPT,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Makes this node forget its cluster.",
        run: Run::Host(Host::ClusterReset),
        ..ROW
    },
    Command {
        name: "saveconfig",
        arity: 2,
        flags: NO_ASYNC_LOADING | ADMIN | STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Writes nodes.conf now.",
        run: Run::Host(Host::ClusterSaveconfig),
        ..ROW
    },
    Command {
        name: "set-config-epoch",
        arity: 3,
        flags: NO_ASYNC_LOADING | ADMIN | STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Sets a fresh node's epoch.",
        run: Run::Host(Host::ClusterSetConfigEpoch),
        ..ROW
    },
    Command {
        name: "setslot",
        arity: -4,
        flags: NO_ASYNC_LOADING | ADMIN | STALE | MAY_REPLICATE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Changes the owner or the migration state of a slot.",
        run: Run::Host(Host::ClusterSetslot),
        ..ROW
    },
    Command {
        name: "shards",
        arity: 2,
        flags: LOADING | STALE,
        group: Group::Cluster,
        since: "7.0.0",
        summary: "Describes the shards and their nodes.",
        tips: &["nondeterministic_output"],
        run: Run::Host(Host::ClusterShards),
        ..ROW
    },
    Command {
        name: "slaves",
        arity: 3,
        flags: ADMIN | STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Describes the replicas of a master.",
        tips: &["nondeterministic_output"],
        run: Run::Host(Host::ClusterSlaves),
        ..ROW
    },
    Command {
        name: "slot-stats",
        arity: -4,
        flags: STALE | LOADING,
        group: Group::Cluster,
        since: "8.0.0",
        summary: "Returns usage figures of slots.",
        tips: &["nondeterministic_output", "request_policy:all_shards"],
        run: Run::Host(Host::ClusterSlotStats),
        ..ROW
    },
    Command {
        name: "slots",
        arity: 2,
        flags: LOADING | STALE,
        group: Group::Cluster,
        since: "3.0.0",
        summary: "Returns the slot ranges and who serves them.",
        tips: &["nondeterministic_output"],
        run: Run::Host(Host::ClusterSlots),
        ..ROW
    },
    Command {
        name: "syncslots",
        arity: -3,
        flags: ADMIN | NOSCRIPT | NO_MULTI | STALE | NO_ASYNC_LOADING,
        group: Group::Cluster,
        since: "9.0.0",
        summary: "What nodes say to each other while slots move as a whole.",
        run: Run::Host(Host::ClusterSyncslots),
        ..ROW
    },
];
