//! The cluster and its bus.

use crate::config::checks;
use crate::config::row::{
    INT_MAX, LONG_MAX, PORT_MAX, ULONG_MAX, checked, group, memory, number, one_of, optional,
    optional_checked, yes_no,
};
use crate::config::value::EndpointType;

group! {
    /// Every core is a node of a cluster; this is how it behaves there.
    Cluster in config.cluster;

    /// Always yes: every core is a cluster node
    enabled: bool = yes_no("cluster-enabled", "yes").fixed();
    /// File of the node's view of the cluster
    config_file: String = checked("cluster-config-file", "nodes.conf", checks::cluster_config_file).fixed();
    /// Bus port of the first core; 0 is its client port plus 10000
    port: u16 = number("cluster-port", 0, PORT_MAX, "0").fixed();
    /// Milliseconds of silence after which a node is suspected
    node_timeout: u64 = number("cluster-node-timeout", 0, LONG_MAX, "15000");
    /// Milliseconds between pings to random nodes; 0 is the protocol's own interval
    ping_interval: u64 = number("cluster-ping-interval", 0, LONG_MAX, "0").hidden();
    /// Address told to others; empty is what they see
    announce_ip: String = optional("cluster-announce-ip");
    /// Client port told to others; 0 is the real one
    announce_port: u16 = number("cluster-announce-port", 0, PORT_MAX, "0");
    /// TLS port told to others; 0 is the real one
    announce_tls_port: u16 = number("cluster-announce-tls-port", 0, PORT_MAX, "0");
    /// Bus port told to others; 0 is the real one
    announce_bus_port: u16 = number("cluster-announce-bus-port", 0, PORT_MAX, "0");
    /// Host name told to clients and nodes
    announce_hostname: String = optional_checked("cluster-announce-hostname", checks::hostname);
    /// Name of the node for people, shown in logs
    announce_human_nodename: String =
        optional_checked("cluster-announce-human-nodename", checks::node_name);
    /// IPv4 address told to clients instead of the node's
    announce_client_ipv4: String = optional_checked("cluster-announce-client-ipv4", checks::ipv4);
    /// IPv6 address told to clients instead of the node's
    announce_client_ipv6: String = optional_checked("cluster-announce-client-ipv6", checks::ipv6);
    /// The kind of address clients are sent to
    preferred_endpoint_type: EndpointType =
        one_of("cluster-preferred-endpoint-type", EndpointType::WORDS, "ip");
    /// Serve nothing unless every slot has an owner
    require_full_coverage: bool = yes_no("cluster-require-full-coverage", "yes");
    /// Serve reads while the cluster is down
    allow_reads_when_down: bool = yes_no("cluster-allow-reads-when-down", "no");
    /// Serve sharded channels while the cluster is down
    allow_pubsubshard_when_down: bool = yes_no("cluster-allow-pubsubshard-when-down", "yes");
    /// Node timeouts without its master after which a replica no longer stands for election; 0 is never
    replica_validity_factor: u32 =
        number("cluster-replica-validity-factor", 0, INT_MAX, "10").alias("cluster-slave-validity-factor");
    /// Never let this replica replace its master by itself
    replica_no_failover: bool =
        yes_no("cluster-replica-no-failover", "no").alias("cluster-slave-no-failover");
    /// Let replicas move to masters that have none
    allow_replica_migration: bool = yes_no("cluster-allow-replica-migration", "yes");
    /// Replicas a master keeps before one may move away
    migration_barrier: u32 = number("cluster-migration-barrier", 0, INT_MAX, "1");
    /// Most bytes waiting on a bus link before it is closed; 0 is no limit
    link_sendbuf_limit: u64 = memory("cluster-link-sendbuf-limit", 0, ULONG_MAX, "0");
    /// Ended slot migrations that CLUSTER GETSLOTMIGRATIONS remembers
    slot_migration_log_max_len: u64 = number("cluster-slot-migration-log-max-len", 0, LONG_MAX, "1000");
    /// Seconds for which a forgotten node may not be learned again
    blacklist_ttl: u64 = number("cluster-blacklist-ttl", 0, ULONG_MAX, "60");
    /// Milliseconds a manual failover may take
    manual_failover_timeout: u64 = number("cluster-manual-failover-timeout", 1, INT_MAX, "5000");
}
