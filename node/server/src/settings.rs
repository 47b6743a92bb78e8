//! What each part of a core needs of the configuration, in that part's own words.

use std::net::IpAddr;

use commands::{Lfu, Overdue, Settings};
use store::types::Limits;

use crate::config::{Config, EndpointType, MaxmemoryPolicy};
use crate::process::Place;

/// `bind-source-addr`: where connections that a core opens itself come from, if anywhere in particular.
pub fn source_address(config: &Config) -> Option<IpAddr> {
    config.network.bind_source_addr.parse().ok()
}

/// What data commands obey.
pub fn data_settings(config: &Config) -> Settings {
    let e = &config.encodings;
    let limits = Limits {
        hash_max_listpack_entries: e.hash_max_listpack_entries,
        hash_max_listpack_value: e.hash_max_listpack_value,
        set_max_intset_entries: e.set_max_intset_entries,
        set_max_listpack_entries: e.set_max_listpack_entries,
        set_max_listpack_value: e.set_max_listpack_value,
        list_max_listpack_size: e.list_max_listpack_size,
        list_compress_depth: e.list_compress_depth,
        zset_max_listpack_entries: e.zset_max_listpack_entries,
        zset_max_listpack_value: e.zset_max_listpack_value,
        stream_node_max_bytes: e.stream_node_max_bytes,
        stream_node_max_entries: e.stream_node_max_entries as usize,
        hll_sparse_max_bytes: e.hll_sparse_max_bytes,
        ..Limits::default()
    };
    let is_lfu =
        matches!(config.limits.maxmemory_policy, MaxmemoryPolicy::VolatileLfu | MaxmemoryPolicy::AllkeysLfu);
    let lfu = is_lfu.then_some(Lfu {
        log_factor: config.limits.lfu_log_factor,
        decay_minutes: config.limits.lfu_decay_time,
    });
    Settings {
        limits,
        string_max: config.limits.proto_max_bulk_len,
        lfu,
        overdue: Overdue::default(),
        lazy_user_del: config.keyspace.lazyfree_lazy_user_del,
        lazy_server_del: config.keyspace.lazyfree_lazy_server_del,
        compress_dumps: config.persistence.rdbcompression,
        skip_checksums: false,
    }
}

/// The port of core `core` where the first one's is `first`; 0 for none.
pub fn nth_port(first: u16, core: usize) -> u16 {
    if first == 0 { 0 } else { first + core as u16 }
}

/// What the cluster's brain obeys, for core `core` at `place`.
pub fn cluster_config(config: &Config, core: usize, place: &Place) -> cluster::Config {
    let c = &config.cluster;
    cluster::Config {
        port: nth_port(config.network.port, core),
        tls_port: nth_port(config.tls.port, core),
        bus_port: place.bus_port,
        tls_cluster: config.tls.cluster,
        tls_replication: config.tls.replication,
        announce_ip: (!c.announce_ip.is_empty()).then(|| c.announce_ip.clone()),
        announce_port: c.announce_port,
        announce_tls_port: c.announce_tls_port,
        announce_bus_port: c.announce_bus_port,
        announce_hostname: c.announce_hostname.clone(),
        announce_human_nodename: c.announce_human_nodename.clone(),
        announce_client_ipv4: c.announce_client_ipv4.clone(),
        announce_client_ipv6: c.announce_client_ipv6.clone(),
        announce_client_port: 0,
        announce_client_tls_port: 0,
        availability_zone: config.general.availability_zone.clone(),
        preferred_endpoint: match c.preferred_endpoint_type {
            EndpointType::Ip => cluster::EndpointType::Ip,
            EndpointType::Hostname => cluster::EndpointType::Hostname,
            EndpointType::UnknownEndpoint => cluster::EndpointType::Unknown,
        },
        node_timeout: c.node_timeout,
        ping_interval: c.ping_interval,
        link_sendbuf_limit: c.link_sendbuf_limit as usize,
        require_full_coverage: c.require_full_coverage,
        allow_reads_when_down: c.allow_reads_when_down,
        allow_pubsubshard_when_down: c.allow_pubsubshard_when_down,
        replica_validity_factor: u64::from(c.replica_validity_factor),
        repl_ping_period_s: u64::from(config.replication.repl_ping_replica_period),
        replica_no_failover: c.replica_no_failover,
        migration_barrier: c.migration_barrier,
        allow_replica_migration: c.allow_replica_migration,
        blacklist_ttl_s: c.blacklist_ttl,
        fast_failure_detection: config.ringmaster.cluster_fast_failure_detection,
        manual_failover_timeout: c.manual_failover_timeout,
    }
}
