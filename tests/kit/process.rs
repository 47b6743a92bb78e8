//! Servers as processes: ours, and real ones.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How long a server may take to start, or a condition to come true.
const LIMIT: Duration = Duration::from_secs(30);
/// How long a server may take to end after SIGTERM.
const END_LIMIT: Duration = Duration::from_secs(10);

/// Characters of a server's log that a failed test shows.
const LOG_SHOWN: usize = 2000;

/// A running server; it ends with this value.
pub struct Process {
    child: Child,
    binary: PathBuf,
    args: Vec<String>,
    /// Its first client port.
    pub port: u16,
    /// Its folder.
    pub folder: PathBuf,
}

/// Waits until `condition` holds; fails with `what` when it does not within half a minute.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "waited in vain: {what}");
        std::thread::yield_now();
    }
}

/// The first of `count` consecutive ports that are free, and whose bus ports are.
pub fn free_ports(count: u16) -> u16 {
    // Tests of one process run side by side, and several test processes may: begin at different places.
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 12_000 + (std::process::id() % 800) as u16 * 10;
    loop {
        let first = base + NEXT.fetch_add(count, Ordering::Relaxed) % 8_000;
        let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (first..first + count).all(|port| free(port) && free(port + 10_000)) {
            return first;
        }
    }
}

/// One of the project's own programs.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let binary = test.parent().and_then(Path::parent).expect("target/debug/deps").join(name);
    assert!(binary.exists(), "{} is missing: run tests/run, or cargo build", binary.display());
    binary
}

/// Starts `ringmaster` on a free port with `args`, which may name `{port}` and `{dir}`.
pub fn ringmaster(cores: u16, args: &[&str]) -> Process {
    let cores_text = cores.to_string();
    let mut all = vec!["--port", "{port}", "--dir", "{dir}", "--cores", &cores_text];
    all.extend(args);
    start(&binary("ringmaster"), cores + 1, &all, None)
}

/// Starts `ringmaster` on a free port with a configuration file of these lines.
pub fn ringmaster_with_file(cores: u16, lines: &str) -> Process {
    let cores_text = cores.to_string();
    let all = ["{dir}/redis.conf", "--port", "{port}", "--dir", "{dir}", "--cores", &cores_text];
    start(&binary("ringmaster"), cores + 1, &all, Some(lines))
}

/// Starts a real server as one cluster node that owns all slots: `VALKEY_SERVER` or `REDIS_SERVER` names it.
pub fn peer(variable: &str) -> Process {
    let process = empty_peer(variable);
    let mut client = crate::Client::connect(process.port);
    client.line("CLUSTER ADDSLOTSRANGE 0 16383");
    wait_until("the peer's cluster is up", || {
        client.line("CLUSTER INFO").text().contains("cluster_state:ok")
    });
    process
}

/// Starts a real server as a cluster node of its own, without slots: `VALKEY_SERVER` or `REDIS_SERVER` names it.
pub fn empty_peer(variable: &str) -> Process {
    empty_peer_with(variable, &[])
}

/// The same with further arguments.
pub fn empty_peer_with(variable: &str, further: &[&str]) -> Process {
    let binary = std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run tests/run"));
    let args = [
        "--port",
        "{port}",
        "--dir",
        "{dir}",
        "--cluster-enabled",
        "yes",
        "--save",
        "",
        "--appendonly",
        "no",
    ];
    let more = ["--enable-debug-command", "yes", "--cluster-require-full-coverage", "no"];
    start(Path::new(&binary), 1, &[&args[..], &more, further].concat(), None)
}

/// Starts a real server that is no cluster node, with `args`, which may name `{port}` and `{dir}`.
pub fn lone_peer(variable: &str, args: &[&str]) -> Process {
    let binary = std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run tests/run"));
    let all = ["--port", "{port}", "--dir", "{dir}", "--save", "", "--enable-debug-command", "yes"];
    start(Path::new(&binary), 1, &[&all[..], args].concat(), None)
}

fn start(binary: &Path, ports: u16, args: &[&str], file: Option<&str>) -> Process {
    let port = free_ports(ports);
    let folder = std::env::temp_dir().join(format!("ringmaster-test-{}-{port}", std::process::id()));
    fs::create_dir_all(&folder).expect("the temporary folder can be written");
    let fill =
        |arg: &&str| arg.replace("{port}", &port.to_string()).replace("{dir}", &folder.display().to_string());
    let args: Vec<String> = args.iter().map(fill).collect();
    if let Some(lines) = file {
        fs::write(folder.join("redis.conf"), fill(&lines)).expect("the folder was just made");
    }
    let child = spawn(binary, &args, &folder);
    let mut process = Process { child, binary: binary.to_owned(), args, port, folder };
    process.wait_until_up().unwrap_or_else(|why| panic!("{why}"));
    process
}

fn spawn(binary: &Path, args: &[String], folder: &Path) -> Child {
    let log = fs::File::create(folder.join("log")).expect("the folder was just made");
    Command::new(binary)
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file"))
        .stderr(log)
        .spawn()
        .unwrap_or_else(|e| panic!("{} does not start: {e}", binary.display()))
}

/// Whether a server on `port` answers PING.
pub fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut reply = [0; 5];
    stream.write_all(b"PING\r\n").and_then(|()| stream.read_exact(&mut reply)).is_ok() && &reply == b"+PONG"
}

impl Process {
    /// Waits until it answers; its log, should it end instead.
    fn wait_until_up(&mut self) -> Result<(), String> {
        let start = Instant::now();
        while !answers(self.port) {
            if self.child.try_wait().expect("a child of ours").is_some() {
                return Err(format!("the server ended at start: {}", self.log()));
            }
            assert!(start.elapsed() < LIMIT, "the server does not answer: {}", self.log());
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Starts it again where it has ended, with `more` arguments, in its folder and on its port.
    ///
    /// # Errors
    /// Its log, when it ended at start.
    pub fn restart(&mut self, more: &[&str]) -> Result<(), String> {
        assert!(self.child.try_wait().expect("a child of ours").is_some(), "it still runs");
        let args: Vec<String> =
            self.args.iter().cloned().chain(more.iter().map(|arg| (*arg).to_owned())).collect();
        self.child = spawn(&self.binary, &args, &self.folder);
        self.wait_until_up()
    }

    /// What it wrote since its last start.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Its process ID.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops it where it is, as a machine that stands still would (SIGSTOP).
    pub fn freeze(&self) {
        // SAFETY: signals a child that was not waited for yet, so its number is still its own.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, libc::SIGSTOP) }, 0);
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child of ours");
        self.child.wait().expect("a child of ours");
    }

    /// Sends SIGTERM and waits for the end; whether the exit code was 0.
    pub fn end(&mut self) -> bool {
        // SAFETY: signals a child that was not waited for yet, so its number is still its own.
        unsafe { libc::kill(self.child.id() as i32, libc::SIGTERM) };
        let start = Instant::now();
        loop {
            match self.child.try_wait().expect("a child of ours") {
                Some(status) => return status.success(),
                None if start.elapsed() > END_LIMIT => return false,
                None => std::thread::yield_now(),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let from = log.char_indices().rev().nth(LOG_SHOWN).map_or(0, |(at, _)| at);
            eprintln!("the log of the server on port {} ends:\n{}", self.port, &log[from..]);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Runs a program to its end; its output. Fails when the program is missing.
pub fn run(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).output().unwrap_or_else(|e| panic!("{program} does not run: {e}"))
}
