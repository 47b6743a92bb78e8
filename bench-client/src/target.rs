//! Finds out what is to be measured before any load is sent, so that mistakes show as one clear line.

use std::net::SocketAddr;
use std::time::Duration;

use crate::admin::{Admin, Login, Value, resolve};
use crate::topology::{Map, fetch};
use crate::workload::Workload;

/// How long the server may take for each administrative answer.
const ADMIN_LIMIT: Duration = Duration::from_secs(3);

/// Whether to speak to one server or to a whole cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ClusterMode {
    /// Ask the server.
    Auto,
    /// A cluster; an error when it is none.
    Yes,
    /// This one server only.
    No,
}

/// The server or cluster of a run.
#[derive(Debug, Clone)]
pub struct Target {
    /// The address that the user named.
    pub address: SocketAddr,
    /// How to log in.
    pub login: Login,
    /// The slot map at the start.
    pub map: Map,
    /// Name and version, as `INFO server` tells them.
    pub server: String,
}

impl Target {
    /// Connects, logs in and fetches the slot map.
    pub fn discover(host: &str, port: u16, login: Login, mode: ClusterMode) -> Result<Target, String> {
        let address = resolve(host, port)?;
        let mut admin = Admin::connect(address, &login, ADMIN_LIMIT)?;
        if let Value::Error(text) = admin.try_call(&["PING"])? {
            return Err(format!("{address} refuses: {text}"));
        }
        if login.resp == 3 {
            check_resp3(&mut admin)?;
        }
        let info = admin.try_call(&["INFO"])?.text();
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let is_cluster = field("cluster_enabled") == Some("1");
        if mode == ClusterMode::Yes && !is_cluster {
            return Err(format!("{address} is not a cluster node (cluster_enabled is not 1)"));
        }
        let mut map = Map::single(address);
        if is_cluster && mode != ClusterMode::No {
            map = Map { cluster: true, ..map };
            fetch(&mut map, &mut admin)?;
            if map.masters().is_empty() {
                return Err(format!("{address} is a cluster node, but no slot has an owner"));
            }
        }
        Ok(Target { address, login, map, server: server_name(field) })
    }

    /// An administrative connection to `node`.
    pub fn admin(&self, node: SocketAddr) -> Result<Admin, String> {
        Admin::connect(node, &self.login, ADMIN_LIMIT)
    }

    /// Asks the server which commands of `workload` only read, and where their keys stand.
    pub fn describe_commands(&self, workload: &mut Workload) -> Result<(), String> {
        let mut admin = self.admin(self.address)?;
        for command in &mut workload.commands {
            let name = command.template.name();
            let Value::List(rows) = admin.try_call(&["COMMAND", "INFO", &name])? else { continue };
            let Some([_, _, Value::List(flags), first_key, ..]) = rows.first().map(Value::list) else {
                continue;
            };
            command.reads = flags.iter().any(|flag| flag.text() == "readonly");
            command.template.set_first_key(usize::try_from(first_key.integer()).unwrap_or(0));
        }
        Ok(())
    }
}

fn check_resp3(admin: &mut Admin) -> Result<(), String> {
    let mut probe = admin.try_call(&["COMMAND", "INFO", "HELLO"])?;
    if let Value::List(rows) = &mut probe
        && matches!(rows.first(), Some(Value::List(_)))
    {
        return Ok(());
    }
    Err(format!("{} does not know HELLO: use --resp 2", admin.address()))
}

fn server_name<'a>(field: impl Fn(&str) -> Option<&'a str>) -> String {
    let version = |name, key| field(key).map(|version| format!("{name} {version}"));
    let own = version("ringmaster", "ringmaster_version");
    own.or_else(|| version("valkey", "valkey_version"))
        .or_else(|| version("redis", "redis_version"))
        .unwrap_or_else(|| "unknown server".into())
}
