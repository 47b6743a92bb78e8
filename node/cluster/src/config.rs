//! The directives the brain of a node obeys, and the ports it therefore announces.
//!
//! Names and defaults are those of `redis.conf` (cluster section); times are in milliseconds unless the name
//! says otherwise.

/// How far a bus port lies above the client port unless `cluster-port` says otherwise.
pub const BUS_PORT_OFFSET: u16 = 10000;

/// `cluster-preferred-endpoint-type`: which address of a node clients are sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EndpointType {
    /// The IP address.
    #[default]
    Ip,
    /// The announced host name, `?` when there is none.
    Hostname,
    /// None: the client keeps the address it connected to.
    Unknown,
}

/// Everything that can be set. [`Config::default`] has Redis's defaults.
#[derive(Debug, Clone)]
pub struct Config {
    /// `port`; 0 when clients connect by TLS alone.
    pub port: u16,
    /// `tls-port`; 0 when there is none.
    pub tls_port: u16,
    /// `cluster-port`; 0 for client port + 10000.
    pub bus_port: u16,
    /// `tls-cluster`: the bus itself speaks TLS, and a packet's main port is the TLS port.
    pub tls_cluster: bool,
    /// `tls-replication`: replicas connect to the TLS port.
    pub tls_replication: bool,
    /// `cluster-announce-ip`; `None` lets others see the address from the socket.
    pub announce_ip: Option<String>,
    /// `cluster-announce-port`; 0 for `port`.
    pub announce_port: u16,
    /// `cluster-announce-tls-port`; 0 for `tls-port`.
    pub announce_tls_port: u16,
    /// `cluster-announce-bus-port`; 0 for the real one.
    pub announce_bus_port: u16,
    /// `cluster-announce-hostname`; empty for none.
    pub announce_hostname: String,
    /// `cluster-announce-human-nodename`; empty for none.
    pub announce_human_nodename: String,
    /// `cluster-announce-client-ipv4`; empty for none.
    pub announce_client_ipv4: String,
    /// `cluster-announce-client-ipv6`; empty for none.
    pub announce_client_ipv6: String,
    /// `cluster-announce-client-port`; 0 for none.
    pub announce_client_port: u16,
    /// `cluster-announce-client-tls-port`; 0 for none.
    pub announce_client_tls_port: u16,
    /// `availability-zone`; empty for none.
    pub availability_zone: String,
    /// `cluster-preferred-endpoint-type`.
    pub preferred_endpoint: EndpointType,
    /// `cluster-node-timeout`, ms.
    pub node_timeout: u64,
    /// `cluster-ping-interval`, ms; 0 for half the node timeout.
    pub ping_interval: u64,
    /// `cluster-link-sendbuf-limit`, bytes; 0 for none.
    pub link_sendbuf_limit: usize,
    /// `cluster-require-full-coverage`.
    pub require_full_coverage: bool,
    /// `cluster-allow-reads-when-down`.
    pub allow_reads_when_down: bool,
    /// `cluster-allow-pubsubshard-when-down`.
    pub allow_pubsubshard_when_down: bool,
    /// `cluster-replica-validity-factor`; 0 lets a replica of any age stand for election.
    pub replica_validity_factor: u64,
    /// `repl-ping-replica-period`, seconds: part of the validity rule.
    pub repl_ping_period_s: u64,
    /// `cluster-replica-no-failover`.
    pub replica_no_failover: bool,
    /// `cluster-migration-barrier`: working replicas a master keeps when one migrates away.
    pub migration_barrier: u32,
    /// `cluster-allow-replica-migration`.
    pub allow_replica_migration: bool,
    /// `cluster-blacklist-ttl`, seconds a forgotten node stays banned.
    pub blacklist_ttl_s: u64,
    /// `cluster-fast-failure-detection`: probe at once when a link is closed (see `fast_failure`).
    pub fast_failure_detection: bool,
    /// Milliseconds a manual failover may take (Redis: 5000, Valkey 9: `cluster-manual-failover-timeout`).
    pub manual_failover_timeout: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            port: 6379,
            tls_port: 0,
            bus_port: 0,
            tls_cluster: false,
            tls_replication: false,
            announce_ip: None,
            announce_port: 0,
            announce_tls_port: 0,
            announce_bus_port: 0,
            announce_hostname: String::new(),
            announce_human_nodename: String::new(),
            announce_client_ipv4: String::new(),
            announce_client_ipv6: String::new(),
            announce_client_port: 0,
            announce_client_tls_port: 0,
            availability_zone: String::new(),
            preferred_endpoint: EndpointType::Ip,
            node_timeout: 15_000,
            ping_interval: 0,
            link_sendbuf_limit: 0,
            require_full_coverage: true,
            allow_reads_when_down: false,
            allow_pubsubshard_when_down: true,
            replica_validity_factor: 10,
            repl_ping_period_s: 10,
            replica_no_failover: false,
            migration_barrier: 1,
            allow_replica_migration: true,
            blacklist_ttl_s: 60,
            fast_failure_detection: true,
            manual_failover_timeout: 5_000,
        }
    }
}

/// The ports a node tells others to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    /// Plain client port, 0 for none.
    pub tcp: u16,
    /// TLS client port, 0 for none.
    pub tls: u16,
    /// Bus port.
    pub bus: u16,
}

impl Config {
    /// The ports this configuration announces.
    pub fn announced_ports(&self) -> Ports {
        let or = |announced: u16, real: u16| if announced != 0 { announced } else { real };
        let base = if self.tls_cluster { self.tls_port } else { self.port };
        let bus = or(self.bus_port, base.wrapping_add(BUS_PORT_OFFSET));
        Ports {
            tcp: or(self.announce_port, self.port),
            tls: or(self.announce_tls_port, self.tls_port),
            bus: or(self.announce_bus_port, bus),
        }
    }

    /// Milliseconds of quiet after which a node is pinged.
    pub fn ping_interval_ms(&self) -> u64 {
        if self.ping_interval != 0 { self.ping_interval } else { self.node_timeout / 2 }
    }
}
