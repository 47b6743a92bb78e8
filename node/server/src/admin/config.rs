//! CONFIG GET, SET, REWRITE, RESETSTAT.
//!
//! One configuration a process (`config::SharedConfig`): what is set at any core holds for all. The core that is asked
//! checks and applies it, then hands it to its siblings.

use std::fs;
use std::path::Path;

use commands::{Error, Outcome, error};
use resp::parse_integer;

use super::{Call, acl};
use crate::client::Door;
use crate::config::{self, Change, Config, Disk, Files, SetContext, SetError, write_atomically};
use crate::core::Core;
use crate::core::stats::Stats;
use crate::folders;
use crate::log::{self, notice, warning};
use crate::mesh::Message;
use crate::settings::nth_port;
use crate::{start, tls};

/// CONFIG GET pattern [pattern ...]
pub fn get(call: &mut Call<'_>) -> Outcome {
    let mut found = call.core.config.get(&call.args[2..]);
    let core = core_meant(call);
    for (_, value) in found.iter_mut().filter(|(name, _)| is_own_port(name.as_bytes())) {
        if let Ok(first) = value.parse() {
            *value = nth_port(first, usize::from(core)).to_string();
        }
    }
    call.client.reply.map(found.len());
    for (name, value) in &found {
        call.client.reply.bulk(name.as_bytes());
        call.client.reply.bulk(value.as_bytes());
    }
    Ok(())
}

/// CONFIG SET name value [name value ...]. As a part it has nothing to do at siblings: the configuration has come there
/// ahead of it, and it says that they go by it.
pub fn set(call: &mut Call<'_>) -> Outcome {
    if call.part.is_some() && call.client.is_stand_in() {
        call.client.reply.ok();
        return Ok(());
    }
    let words = &call.args[2..];
    if !words.len().is_multiple_of(2) {
        return Err(error::wrong_arity("config|set"));
    }
    let core = core_meant(call);
    let firsts: Vec<Option<Vec<u8>>> =
        words.chunks_exact(2).map(|pair| first_port(pair[0], pair[1], core)).collect();
    let pairs = words.chunks_exact(2).zip(&firsts);
    let settings: Vec<(&[u8], &[u8])> =
        pairs.map(|(pair, first)| (pair[0], first.as_deref().unwrap_or(pair[1]))).collect();
    let protected = call.core.config.security.enable_protected_configs;
    let protected_allowed = call.core.allows(call.client, protected);
    let context = SetContext { protected_allowed, loading: call.core.loading.is_some() };
    let process = call.core.process.clone();
    let core = &mut *call.core;
    let mut new_password = false;
    let (version, config) = process.config.change(|newest| -> Result<Config, Error> {
        let change = newest.set(&settings, context).map_err(refused)?;
        let switches_log = change.changed.contains(&"appendonly");
        new_password = change.changed.contains(&"requirepass");
        let config = apply(core, newest, change).map_err(refused)?;
        if switches_log {
            let failed = |why: &str| refused(SetError::Failed("appendonly".to_owned(), why.to_owned()));
            core.switch_log(config.persistence.appendonly).map_err(failed)?;
        }
        Ok(config)
    })?;
    for sibling in core.mesh.siblings() {
        core.mesh.send(sibling, Message::Config(version, Box::new(config.clone())));
    }
    core.adopt_config(version, config);
    if new_password {
        acl::set_default_password(call)?;
    }
    call.client.reply.ok();
    Ok(())
}

/// The core whose ports a client of CONFIG means: at the ingress, where the process is one server, the first.
fn core_meant(call: &Call<'_>) -> u16 {
    if call.client.door == Door::Ingress { 0 } else { call.core.index }
}

/// Whether each core has its own value of the directive, and the configuration the first one's.
fn is_own_port(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"port") || name.eq_ignore_ascii_case(b"tls-port")
}

/// The first core's port, if `core` is to have the one that is set; `None` for other directives, and for no port.
fn first_port(name: &[u8], value: &[u8], core: u16) -> Option<Vec<u8>> {
    let first = parse_integer(value).filter(|_| is_own_port(name))? - i64::from(core);
    (first > 0).then(|| first.to_string().into_bytes())
}

fn refused(error: SetError) -> Error {
    match error {
        SetError::Loading => Error::text(error.to_string()),
        _ => Error::text(format!("ERR {error}")),
    }
}

/// Does for the whole process what the changed directives ask for.
fn apply(core: &Core, old: &Config, change: Change) -> Result<Config, SetError> {
    let Change { mut config, changed, named } = change;
    // Files are read anew whenever a directive about them is named: that is how certificates are replaced.
    if let Some(name) = named.iter().find(|name| name.starts_with("tls-")) {
        tls::settings(&config.tls).map_err(|e| {
            warning!("{e}");
            let reason = "Unable to update TLS configuration. Check server logs.";
            SetError::Failed((*name).to_owned(), reason.to_owned())
        })?;
    }
    for name in &changed {
        let failed = |reason: String| SetError::Failed((*name).to_owned(), reason);
        match *name {
            "dir" => {
                let dir = Disk.resolve_dir(&config.general.dir).map_err(|e| failed(e.to_string()))?;
                let names = core.process.cores.iter().filter_map(|place| place.folder.as_ref());
                folders::make(Path::new(&dir), names).map_err(failed)?;
                std::env::set_current_dir(&dir).map_err(|e| failed(e.to_string()))?;
                config.general.dir = dir;
            }
            "loglevel" | "logfile" => {
                log::configure(start::level(config.general.loglevel), &config.general.logfile)
            }
            _ => {}
        }
    }
    move_doors(core, &changed, old, &config)?;
    Ok(config)
}

/// Opens the clients' doors as `config` says, where a directive about them has `changed`.
fn move_doors(core: &Core, changed: &[&'static str], old: &Config, config: &Config) -> Result<(), SetError> {
    let about = [(Door::Node, "port"), (Door::Tls, "tls-port"), (Door::Ingress, "bind")];
    let Some(name) = changed.iter().find(|name| about.iter().any(|(_, other)| other == *name)) else {
        return Ok(());
    };
    let why = match *name {
        "bind" => "Failed to bind to specified addresses.",
        _ => "Unable to listen on this port. Check server logs.",
    };
    let moves = |name: &str| changed.contains(&"bind") || changed.contains(&name);
    let kinds: Vec<Door> = about.iter().filter(|(_, name)| moves(name)).map(|(door, _)| *door).collect();
    core.process.doors.change(&kinds, old, config).map_err(|e| {
        warning!("{e}");
        SetError::Failed((*name).to_owned(), why.to_owned())
    })?;
    core.process.wake_cores();
    if changed.contains(&"port") && core.process.cores.len() > 1 {
        warning!(
            "The cores' folders keep the names of the old ports: rename them before a start with the new ones"
        );
    }
    Ok(())
}

/// CONFIG REWRITE
pub fn rewrite(call: &mut Call<'_>) -> Outcome {
    rewrite_file(call, false)
}

/// DEBUG CONFIG-REWRITE-FORCE-ALL: every directive, also those at their default.
pub fn rewrite_all(call: &mut Call<'_>) -> Outcome {
    rewrite_file(call, true)
}

fn rewrite_file(call: &mut Call<'_>, force_all: bool) -> Outcome {
    let Some(path) = &call.core.process.config_file else {
        return Err(Error::new("ERR The server is running without a config file"));
    };
    let failed = |e: std::io::Error| Error::text(format!("ERR Rewriting config file: {e}"));
    let old = match fs::read(path) {
        Ok(old) => old,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(failed(e)),
    };
    let users: Vec<Vec<u8>> = match call.core.config.security.aclfile.is_empty() {
        true => call.core.users.iter().map(|user| user.describe()).collect(),
        false => Vec::new(),
    };
    write_atomically(path, &config::rewrite(&old, &call.core.config, &users, force_all)).map_err(failed)?;
    notice!("CONFIG REWRITE executed with success.");
    call.client.reply.ok();
    Ok(())
}

/// CONFIG RESETSTAT
pub fn resetstat(call: &mut Call<'_>) -> Outcome {
    call.core.stats = Stats::default();
    call.core.garbage.reset_freed();
    call.core.slot_stats.reset();
    call.core.cluster.reset_stats();
    call.core.scripting.engine.reset_statistics();
    call.client.reply.ok();
    Ok(())
}
