//! Measuring what sizes are made of, with a real server: what `data/memory.toml` comes from.
//!
//! Each data set is loaded into a fresh process of one core, and what it takes is the growth of the process's anonymous
//! memory (`RssAnon`): table cells, unused room of the allocator and all. Nobody need believe the figures: the command to
//! get them again is in the file.

mod load;
mod memlock;
mod server;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::size::constants::{Constants, DataSet, Kind, Measured, Process};
use load::Connection;
use server::Server;

/// Bytes of a measured key.
const KEY: u64 = 16;
/// Each data set is about so large, that what does not grow with it no longer matters.
const SET_BYTES: u64 = 32 << 20;
const KEYS_MAX: u64 = 600_000;
/// Processes of so many cores tell what a core takes, and of one.
const CORES: u16 = 5;
/// Idle clients that tell what a client takes.
const CLIENTS: usize = 1000;
/// Memory is still when it is the same after this time.
const STILL: Duration = Duration::from_millis(300);

/// Sizes of values; closely spaced where size classes are, and on both sides of where values leave their key.
const VALUES: &[u64] =
    &[8, 24, 48, 64, 100, 150, 200, 300, 400, 600, 1000, 1500, 2000, 4000, 8000, 16_000, 64_000, 256_000];
/// Elements of collections that stay compact, and of those that do not.
const COMPACT: [u64; 5] = [4, 10, 14, 30, 100];
const FULL: [u64; 2] = [600, 4000];
/// Bytes of elements: compact ones and longer.
const SHORT: [u64; 2] = [8, 60];
const LONG: [u64; 2] = [100, 1000];

/// Measures everything with the server at `binary`.
///
/// # Errors
/// One sentence.
pub fn run(binary: &Path, port: u16) -> Result<Constants, String> {
    let process = process(binary, port)?;
    let compact = limits(&Server::start(binary, port, 1)?)?;
    let mut sets = Vec::new();
    for (kind, elements, element) in wanted(&compact) {
        let keys = (SET_BYTES / (elements * element + KEY)).clamp(1, KEYS_MAX);
        let set = DataSet { kind, key: KEY, elements, element, keys, resident: 0 };
        let resident = measure(binary, port, &set)?;
        eprintln!("{kind:?} of {elements} x {element} B: {:.1} B a key", resident as f64 / keys as f64);
        sets.push(DataSet { resident, ..set });
    }
    Ok(Constants { measured: circumstances(binary)?, process, compact, sets })
}

/// The data sets: type, elements, bytes of an element.
fn wanted(compact: &BTreeMap<Kind, (u64, u64)>) -> Vec<(Kind, u64, u64)> {
    let mut sets: Vec<(Kind, u64, u64)> = VALUES.iter().map(|value| (Kind::String, 1, *value)).collect();
    for kind in [Kind::Hash, Kind::Set, Kind::Zset, Kind::List] {
        // A field and its value are both as long as the limit allows.
        let parts = if kind == Kind::Hash { 2 } else { 1 };
        let grid = |lengths: &[u64], sizes: &[u64], sets: &mut Vec<_>| {
            for length in lengths {
                sets.extend(sizes.iter().map(|size| (kind, *length, *size * parts)));
            }
        };
        if compact.contains_key(&kind) {
            grid(&COMPACT, &SHORT, &mut sets);
            grid(&FULL, &SHORT, &mut sets);
            // Long elements leave the compact form whatever their number.
            grid(&FULL, &LONG, &mut sets);
            grid(&[4, 100], &LONG, &mut sets);
        } else {
            grid(&[4, 100, 1000], &[SHORT, LONG].concat(), &mut sets);
        }
    }
    sets
}

fn measure(binary: &Path, port: u16, set: &DataSet) -> Result<u64, String> {
    let server = Server::start(binary, port, 1)?;
    let before = still(&server)?;
    let mut connection = Connection::open(port)?;
    load::fill(&mut connection, set)?;
    Ok(still(&server)? - before)
}

/// The server's anonymous memory once it does not change.
fn still(server: &Server) -> Result<u64, String> {
    let mut last = server.memory("RssAnon")?;
    loop {
        thread::sleep(STILL);
        let now = server.memory("RssAnon")?;
        if now == last {
            return Ok(now);
        }
        last = now;
    }
}

fn process(binary: &Path, port: u16) -> Result<Process, String> {
    let many = Server::start(binary, port, CORES)?;
    still(&many)?;
    let many_bytes = many.memory("VmRSS")?;
    drop(many);
    let one = Server::start(binary, port, 1)?;
    still(&one)?;
    let base_bytes = one.memory("VmRSS")?;
    let clients = (0..CLIENTS).map(|_| Connection::open(port)).collect::<Result<Vec<_>, _>>()?;
    still(&one)?;
    let client_bytes = one.memory("VmRSS")?.saturating_sub(base_bytes) / clients.len() as u64;
    drop((clients, one));
    Ok(Process {
        base_bytes,
        core_bytes: many_bytes.saturating_sub(base_bytes) / u64::from(CORES - 1),
        client_bytes,
        memlock_core_bytes: memlock::per_core(binary, port)?,
    })
}

/// Up to where the server keeps a type compact, as it is configured.
fn limits(server: &Server) -> Result<BTreeMap<Kind, (u64, u64)>, String> {
    let mut connection = Connection::open(server.port)?;
    let mut limits = BTreeMap::new();
    for (kind, name) in [(Kind::Hash, "hash"), (Kind::Set, "set"), (Kind::Zset, "zset")] {
        let mut get = |what: &str| connection.config(&format!("{name}-max-listpack-{what}"));
        limits.insert(kind, (get("entries")?, get("value")?));
    }
    Ok(limits)
}

fn circumstances(binary: &Path) -> Result<Measured, String> {
    let first_line = |program: &Path, args: &[&str]| {
        let output = Command::new(program).args(args).output();
        let output = output.map_err(|e| format!("{} does not run: {e}", program.display()))?;
        Ok::<_, String>(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
    };
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Ok(Measured {
        date: first_line(Path::new("date"), &["+%Y-%m-%d"])?,
        server: first_line(binary, &["--version"])?,
        machine: format!("Linux {}, {}", kernel.trim(), std::env::consts::ARCH),
        command: format!("ringmaster-tune measure --server {} > tuning/data/memory.toml", binary.display()),
    })
}
