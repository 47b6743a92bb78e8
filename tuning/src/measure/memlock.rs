//! How much locked memory a core needs: the lowest limit with which a server starts that may not lock more.
//!
//! The kernel does not tell what a ring is charged, but it refuses the ring that is one page too much. So servers are
//! started as an ordinary user (root has CAP_IPC_LOCK) below limits that close in on the smallest that does.

use std::path::Path;
use std::process::Command;

use super::server::Server;

/// "nobody", whose other processes lock nothing.
const USER: &str = "65534";
/// How close it is found; and where the search begins, the usual limit of a system.
const STEP: u64 = 32 << 10;
const MAX: u64 = 8 << 20;

/// Bytes a core must be allowed to lock.
///
/// # Errors
/// One sentence; also without root, which alone can become somebody else.
pub fn per_core(binary: &Path, port: u16) -> Result<u64, String> {
    let one = lowest(binary, port, 1)?;
    let four = lowest(binary, port, 4)?;
    // What is charged once, such as the ring that is tried at start, is on the safe side.
    Ok(one.max(four.div_ceil(4)))
}

fn lowest(binary: &Path, port: u16, cores: u16) -> Result<u64, String> {
    start(binary, port, cores, MAX).map_err(|e| format!("memlock, as user nobody: {e}"))?;
    let (mut low, mut high) = (0, MAX);
    while high - low > STEP {
        let middle = (low + high) / 2 / 4096 * 4096;
        if start(binary, port, cores, middle).is_ok() { high = middle } else { low = middle }
    }
    eprintln!("memlock of {cores} cores: {high} B");
    Ok(high)
}

fn start(binary: &Path, port: u16, cores: u16, limit: u64) -> Result<(), String> {
    // Only root may raise the limit, so it is set before root is left.
    let mut command = Command::new("prlimit");
    command.arg(format!("--memlock={limit}:{limit}"));
    command.args(["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups"]).arg(binary);
    Server::start_by(&mut command, port, cores).map(drop)
}
