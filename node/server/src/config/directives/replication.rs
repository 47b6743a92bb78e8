//! Masters and replicas.

use crate::config::kind::Kind;
use crate::config::row::{
    INT_MAX, LONG_MAX, PORT_MAX, group, memory, number, one_of, optional, special, yes_no,
};
use crate::config::value::{DisklessLoad, PropagationError};

group! {
    /// How data reaches replicas.
    Replication in config.replication;

    /// Master to copy; a cluster node is told by CLUSTER REPLICATE instead
    replicaof: Vec<String> = special("replicaof", Kind::ReplicaOf, "").alias("slaveof").fixed();
    /// User to log in as at the master; empty is the default user
    masteruser: String = optional("masteruser").alias("primaryuser").secret();
    /// Password at the master; empty is none
    masterauth: String = optional("masterauth").alias("primaryauth").secret();
    /// Answer reads while the link to the master is down
    replica_serve_stale_data: bool =
        yes_no("replica-serve-stale-data", "yes").alias("slave-serve-stale-data");
    /// Refuse writes on a replica
    replica_read_only: bool =
        yes_no("replica-read-only", "yes").alias("slave-read-only");
    /// Do not evict on a replica; its master does
    replica_ignore_maxmemory: bool =
        yes_no("replica-ignore-maxmemory", "yes").alias("slave-ignore-maxmemory");
    /// Free the old data of a replica in the background when a full sync comes in
    replica_lazy_flush: bool =
        yes_no("replica-lazy-flush", "yes").alias("slave-lazy-flush");
    /// Rank among replicas for a failover outside a cluster; lower is better, 0 is never
    replica_priority: u32 =
        number("replica-priority", 0, INT_MAX, "100").alias("slave-priority");
    /// Show this replica in its master's answers
    replica_announced: bool = yes_no("replica-announced", "yes");
    /// Address a replica tells its master; empty is the real one
    replica_announce_ip: String =
        optional("replica-announce-ip").alias("slave-announce-ip");
    /// Port a replica tells its master; 0 is the real one
    replica_announce_port: u16 =
        number("replica-announce-port", 0, PORT_MAX, "0").alias("slave-announce-port");
    /// Go on copying when writing to the disk fails
    replica_ignore_disk_write_errors: bool =
        yes_no("replica-ignore-disk-write-errors", "no");
    /// Full syncs go straight to the socket, without a file
    repl_diskless_sync: bool = yes_no("repl-diskless-sync", "yes");
    /// Seconds to wait for more replicas before such a sync
    repl_diskless_sync_delay: u32 = number("repl-diskless-sync-delay", 0, INT_MAX, "5");
    /// Replicas enough to start such a sync at once; 0 waits for the delay
    repl_diskless_sync_max_replicas: u32 =
        number("repl-diskless-sync-max-replicas", 0, INT_MAX, "0");
    /// Whether a replica loads a full sync from the socket, and what becomes of its old data meanwhile
    repl_diskless_load: DisklessLoad =
        one_of("repl-diskless-load", DisklessLoad::WORDS, "disabled").not_while_loading();
    /// Trade latency for fewer packets to replicas
    repl_disable_tcp_nodelay: bool = yes_no("repl-disable-tcp-nodelay", "no");
    /// Seconds of silence after which a replication link is dead
    repl_timeout: u32 = number("repl-timeout", 1, INT_MAX, "60");
    /// Seconds between pings to replicas
    repl_ping_replica_period: u32 =
        number("repl-ping-replica-period", 1, INT_MAX, "10")
            .alias("repl-ping-slave-period");
    /// Bytes of the stream kept for replicas that come back
    repl_backlog_size: u64 = memory("repl-backlog-size", 1, LONG_MAX, "10mb");
    /// Seconds without replicas after which they are freed; 0 is never
    repl_backlog_ttl: u64 = number("repl-backlog-ttl", 0, LONG_MAX, "3600");
    /// Refuse writes with fewer good replicas than this; 0 is off
    min_replicas_to_write: u32 =
        number("min-replicas-to-write", 0, INT_MAX, "0").alias("min-slaves-to-write");
    /// Seconds of lag up to which a replica is good
    min_replicas_max_lag: u32 =
        number("min-replicas-max-lag", 0, INT_MAX, "10").alias("min-slaves-max-lag");
    /// What to do with a replicated command that fails
    propagation_error_behavior: PropagationError =
        one_of("propagation-error-behavior", PropagationError::WORDS, "ignore");
}
