//! Where clients come in: the listeners of all cores, and how they change while the process runs.
//!
//! Core i listens on `port` + i and `tls-port` + i, each on the addresses of `bind`; all cores share the ingress port.
//! CONFIG SET port, tls-port and bind change that for all cores or for none: the core that is asked opens the new
//! listeners and shuts the old ones; the others see by a version number, once a round, that they are to accept elsewhere.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::client::Door;
use crate::config::Config;
use crate::listener::{Options, listen_tcp, listen_unix};
use crate::log::warning;
use crate::settings::nth_port;

/// How long a port that is in use is tried again at start; see `listener`.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// One listener.
#[derive(Clone)]
pub struct Entrance {
    /// What it is for.
    pub door: Door,
    /// It listens already.
    pub listener: Arc<OwnedFd>,
}

/// The listeners of the process.
pub struct Doors {
    /// By core.
    open: Mutex<Vec<Vec<Entrance>>>,
    version: AtomicU64,
}

impl Doors {
    /// The doors that `config` wants for `cores` cores.
    ///
    /// # Errors
    /// One sentence: which address, and why.
    pub fn open(config: &Config, cores: usize) -> Result<Doors, String> {
        let mut open = listen(config, &[Door::Node, Door::Tls, Door::Ingress], cores, PATIENCE)?;
        let network = &config.network;
        if !network.unixsocket.is_empty() {
            let path = Path::new(&network.unixsocket);
            let listener = listen_unix(path, network.unixsocketperm, network.tcp_backlog as i32)?;
            open[0].push(Entrance { door: Door::Unix, listener: Arc::new(listener) });
        }
        if open.iter().all(Vec::is_empty) {
            return Err("Configured to not listen anywhere, exiting.".to_owned());
        }
        Ok(Doors { open: Mutex::new(open), version: AtomicU64::new(0) })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<Entrance>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Clients are let in from now on: all cores are up.
    pub fn begin(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Changes whenever doors do; 0 before clients are let in.
    #[inline]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Those of `core`, and a version that is not newer than they are.
    pub fn of(&self, core: u16) -> (Vec<Entrance>, u64) {
        let version = self.version();
        (self.lock()[usize::from(core)].clone(), version)
    }

    /// Opens the doors of `kinds` as `new` wants them and shuts those that were opened as `old` wanted.
    ///
    /// # Errors
    /// One sentence; the old ones are open then.
    pub fn change(&self, kinds: &[Door], old: &Config, new: &Config) -> Result<(), String> {
        let mut open = self.lock();
        let cores = open.len();
        let mut opened = listen(new, kinds, cores, Duration::ZERO);
        if opened.is_err() && share_ports(kinds, old, new, cores) {
            // Perhaps it is the old ones that are in the way.
            shut(&open, kinds);
            opened = listen(new, kinds, cores, Duration::ZERO);
            if opened.is_err() {
                match listen(old, kinds, cores, PATIENCE) {
                    Ok(again) => self.replace(&mut open, kinds, again),
                    Err(e) => warning!("What was listened on cannot be had again: {e}"),
                }
            }
        }
        let opened = opened?;
        shut(&open, kinds);
        self.replace(&mut open, kinds, opened);
        Ok(())
    }

    fn replace(&self, open: &mut [Vec<Entrance>], kinds: &[Door], opened: Vec<Vec<Entrance>>) {
        for (mine, mut opened) in open.iter_mut().zip(opened) {
            mine.retain(|entrance| !kinds.contains(&entrance.door));
            mine.append(&mut opened);
        }
        self.version.fetch_add(1, Ordering::Release);
    }
}

/// The doors of `kinds` that `config` wants for `cores` cores, by core.
fn listen(
    config: &Config,
    kinds: &[Door],
    cores: usize,
    patience: Duration,
) -> Result<Vec<Vec<Entrance>>, String> {
    let mut all = Vec::new();
    for core in 0..cores {
        let mut entrances = Vec::new();
        for door in kinds {
            let Some(port) = port(config, *door, core)? else { continue };
            let options = Options { share_port: *door == Door::Ingress, patience, ..Options::new(config) };
            let listeners = listen_tcp(port, &options)?.into_iter();
            entrances.extend(listeners.map(|fd| Entrance { door: *door, listener: Arc::new(fd) }));
        }
        all.push(entrances);
    }
    Ok(all)
}

/// The port of a door of `core`; `None` where there is no such door.
fn port(config: &Config, door: Door, core: usize) -> Result<Option<u16>, String> {
    let first = match door {
        Door::Node => config.network.port,
        Door::Tls => config.tls.port,
        Door::Ingress => return Ok(Some(config.ringmaster.ingress_port).filter(|port| *port != 0)),
        Door::Unix => 0,
    };
    if usize::from(first) + core > usize::from(u16::MAX) {
        return Err(format!("Core {core} would need a port above {}", u16::MAX));
    }
    Ok(Some(nth_port(first, core)).filter(|port| *port != 0))
}

/// Whether doors of `kinds` are on the same port in both.
fn share_ports(kinds: &[Door], old: &Config, new: &Config, cores: usize) -> bool {
    let ports = |config: &Config| -> Vec<u16> {
        let pairs = kinds.iter().flat_map(|door| (0..cores).map(|core| (*door, core)));
        pairs.filter_map(|(door, core)| port(config, door, core).ok().flatten()).collect()
    };
    let old = ports(old);
    ports(new).iter().any(|port| old.contains(port))
}

/// Frees the ports at once, whatever the cores' rings still hold.
fn shut(open: &[Vec<Entrance>], kinds: &[Door]) {
    for entrance in open.iter().flatten().filter(|entrance| kinds.contains(&entrance.door)) {
        // SAFETY: takes no pointers; the descriptor is ours.
        unsafe { libc::shutdown(entrance.listener.as_raw_fd(), libc::SHUT_RDWR) };
    }
}
