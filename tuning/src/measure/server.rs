//! A server for one measurement.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::load::Connection;

const START_LIMIT: Duration = Duration::from_secs(30);
/// Bus ports lie this far above the clients'.
const BUS: u16 = 10_000;
/// Between two attempts to reach it.
const RETRY: Duration = Duration::from_millis(20);

/// A running server; it ends with this value.
pub struct Server {
    child: Child,
    folder: PathBuf,
    /// Its first port.
    pub port: u16,
}

impl Server {
    /// Starts one with `cores`, without persistence, and waits until it answers.
    ///
    /// # Errors
    /// One sentence.
    pub fn start(binary: &Path, port: u16, cores: u16) -> Result<Server, String> {
        Server::start_by(&mut Command::new(binary), port, cores)
    }

    /// Starts one by a command that its arguments are added to.
    ///
    /// # Errors
    /// One sentence.
    pub fn start_by(command: &mut Command, port: u16, cores: u16) -> Result<Server, String> {
        let folder = std::env::temp_dir().join(format!("ringmaster-tune-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|e| format!("{} cannot be made: {e}", folder.display()))?;
        // The server may run as somebody else.
        let open = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o777);
        fs::set_permissions(&folder, open).map_err(|e| e.to_string())?;
        command.args(["--port", &port.to_string(), "--cores", &cores.to_string(), "--bootstrap", "yes"]);
        command.args(["--save", "", "--appendonly", "no", "--dir"]).arg(&folder);
        let log = File::create(folder.join("log")).map_err(|e| e.to_string())?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        (port..port + cores).for_each(|port| wait_until_free(&[port, port + BUS]));
        let child = command.spawn().map_err(|e| format!("the server does not start: {e}"))?;
        let mut server = Server { child, folder, port };
        server.wait_until_up()?;
        Ok(server)
    }

    fn wait_until_up(&mut self) -> Result<(), String> {
        let start = Instant::now();
        while start.elapsed() < START_LIMIT {
            if let Ok(Some(status)) = self.child.try_wait() {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                return Err(format!("the server ended at start ({status}): {}", log.trim()));
            }
            if Connection::open(self.port).and_then(|mut connection| connection.wait_for_cluster()).is_ok() {
                return Ok(());
            }
            thread::sleep(RETRY);
        }
        Err(format!("the server does not answer on port {}", self.port))
    }

    /// A figure of its `/proc/PID/status`, in bytes.
    ///
    /// # Errors
    /// It has ended.
    pub fn memory(&self, field: &str) -> Result<u64, String> {
        let path = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
        kib.map(|kib| kib * 1024).ok_or(format!("{path} has no {field}"))
    }
}

/// A killed server's listener lives until the kernel has torn its ring down.
fn wait_until_free(ports: &[u16]) {
    let start = Instant::now();
    let taken = |port: &u16| TcpListener::bind(("0.0.0.0", *port)).is_err();
    while ports.iter().any(taken) && start.elapsed() < START_LIMIT {
        thread::sleep(RETRY);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
