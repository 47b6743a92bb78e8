//! Configuration: `redis.conf` syntax, `--directive value`, CONFIG GET, SET and REWRITE, `--help`.
//!
//! The problem: some 270 directives, each known to six readers (file, command line, three commands, help) and
//! to the code it steers. Kept in separate places they drift apart. So each directive is one row of a table
//! (`directives/`), from which all of that follows; the server itself reads typed fields:
//!
//! ```text
//! arguments, files > load > Row::kind.parse > Value > Row::write > Config   (config.network.port, ...)
//! CONFIG GET, REWRITE, --help < Row::kind.show < Value < Row::read <---'
//! ```
//!
//! Parsing has no effects: files are read through [`Files`], and what a new value must set off (a new
//! listener, a resized backlog) is done by whoever called [`Config::set`], which says what changed. `Config`
//! is plain data: every core holds its own copy.
//!
//! Source: redis.conf of Redis 7.2 and Valkey 8.0, and the CONFIG pages of their command reference.

mod checks;
mod directives;
mod files;
mod help;
mod kind;
mod load;
#[cfg(test)]
mod load_tests;
mod rewrite;
mod row;
mod run_time;
#[cfg(test)]
mod run_time_tests;
mod shared;
mod special;
mod value;

pub use directives::cluster::Cluster;
pub use directives::encodings::Encodings;
pub use directives::general::General;
pub use directives::insight::Insight;
pub use directives::keyspace::Keyspace;
pub use directives::limits::Limits;
pub use directives::network::Network;
pub use directives::persistence::Persistence;
pub use directives::replication::Replication;
pub use directives::ringmaster::Ringmaster;
pub use directives::security::Security;
pub use directives::tls::Tls;
pub use files::{Disk, Files, Replacement, reason, write_atomically, write_soon};
pub use help::help;
pub use load::{ConfigError, Loaded, load};
pub use rewrite::rewrite;
pub use run_time::{Change, SetContext, SetError, is_secret};
pub use shared::SharedConfig;
pub use special::CORES_MAX;
pub use value::{
    AclPubsubDefault, Allowed, AppendFsync, BUFFER_CLASSES, BufferLimit, Cores, DisklessLoad, EndpointType,
    LogLevel, MaxmemoryPolicy, PropagationError, REPLY_BUFFER, SanitizeDumpPayload, SavePoint, SlotBalance,
    TlsAuthClients, notify, shutdown,
};

use std::collections::BTreeMap;

/// The configuration of a process; a field a group, in it a field a directive.
#[derive(Clone, Debug)]
pub struct Config {
    /// Cores, bootstrap, ingress.
    pub ringmaster: Ringmaster,
    /// Listening and connections.
    pub network: Network,
    /// Encryption.
    pub tls: Tls,
    /// Folder, log, start and end.
    pub general: General,
    /// Passwords and protected actions.
    pub security: Security,
    /// Clients, buffers, memory.
    pub limits: Limits,
    /// Expiry, freeing, events.
    pub keyspace: Keyspace,
    /// Thresholds of encodings.
    pub encodings: Encodings,
    /// SLOWLOG, LATENCY.
    pub insight: Insight,
    /// The node's part in the cluster.
    pub cluster: Cluster,
    /// Masters and replicas.
    pub replication: Replication,
    /// Snapshots and the append-only file.
    pub persistence: Persistence,
    /// Values of directives without effect, by name.
    kept: BTreeMap<&'static str, value::Value>,
}

impl Default for Config {
    /// Every directive at its default.
    fn default() -> Config {
        let mut config = Config {
            ringmaster: Default::default(),
            network: Default::default(),
            tls: Default::default(),
            general: Default::default(),
            security: Default::default(),
            limits: Default::default(),
            keyspace: Default::default(),
            encodings: Default::default(),
            insight: Default::default(),
            cluster: Default::default(),
            replication: Default::default(),
            persistence: Default::default(),
            kept: BTreeMap::new(),
        };
        for row in directives::rows() {
            row.write(&mut config, row.default_value());
        }
        config
    }
}

/// Fewest and most runs of background work a second; `hz` outside is moved to the nearer one, as Redis does.
const HZ: std::ops::RangeInclusive<u32> = 1..=500;

impl Config {
    /// The first core's port, by which it is known.
    pub fn main_port(&self) -> u16 {
        if self.network.port == 0 { self.tls.port } else { self.network.port }
    }

    /// Moves values that are accepted but cannot hold to those that do, and says so, a line each.
    fn settle(&mut self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.general.databases > 1 {
            let asked = self.general.databases;
            warnings.push(format!("databases {asked} is taken as 1: a cluster has only database 0"));
            self.general.databases = 1;
        }
        if !self.cluster.enabled {
            warnings
                .push("cluster-enabled no is taken as yes: every core is always a cluster node".to_owned());
            self.cluster.enabled = true;
        }
        self.general.hz = self.general.hz.clamp(*HZ.start(), *HZ.end());
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_row_is_sound() {
        let config = Config::default();
        let mut names = HashSet::new();
        for row in directives::rows() {
            assert!(row.names().all(|name| names.insert(name)), "{} twice", row.name);
            assert!(!row.help.is_empty(), "{} has no help", row.name);
            assert_eq!(row.read(&config), row.default_value(), "{}", row.name);
            assert!(row.place.is_some() || matches!(row.effect, row::Effect::Never(_)), "{}", row.name);
        }
        assert!(names.len() > 250, "{}", names.len());
    }

    #[test]
    fn typed_defaults() {
        let config = Config::default();
        assert_eq!(config.network.port, 6379);
        assert_eq!(config.network.bind, ["*", "-::*"]);
        assert_eq!(config.limits.client_output_buffer_limit[1].hard_bytes, 256 << 20);
        assert_eq!(config.encodings.list_max_listpack_size, -2);
        assert_eq!(config.insight.slowlog_log_slower_than, 10_000);
        assert_eq!(config.limits.maxmemory_policy, MaxmemoryPolicy::NoEviction);
        assert_eq!(config.ringmaster.cores, Cores::Count(1));
        assert!(config.cluster.enabled);
    }
}
