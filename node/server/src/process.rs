//! The process: what its cores share, how it starts, how it ends.
//!
//! Nothing here is on the way of a request. The main thread makes everything that can fail (listeners,
//! folders, cluster state), starts one executor per core, then waits for a signal.

use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use acl::Users;
use cluster::ProcessId;

use crate::clock::SteadyClock;
use crate::config::{Config, SharedConfig};
use crate::core::commandlog::Why;
use crate::doors::Doors;
use crate::executor::{self, Pulse};
use crate::log::warning;
use crate::shutdown::Shutdown;
use crate::users::SharedUsers;

/// The signal by which a core tells the main thread that there is something new.
pub const NUDGE: libc::c_int = libc::SIGUSR2;

/// What all cores may know of each other and of the process.
pub struct Process {
    /// Random name of this run, 40 hex digits (INFO's `run_id`).
    pub run_id: String,
    /// Path of the binary.
    pub executable: String,
    /// The configuration file, as an absolute path.
    pub config_file: Option<PathBuf>,
    /// When it started.
    pub clock: SteadyClock,
    /// The ingress port; 0 when there is none.
    pub ingress_port: u16,
    /// Where clients come in.
    pub doors: Doors,
    /// The configuration.
    pub config: SharedConfig,
    /// Who may do what.
    pub users: SharedUsers,
    /// The next numbers in the logs of commands, by kind: an entry has its number in the whole process.
    pub log_ids: [AtomicU64; Why::NAMED.len()],
    /// The next number in ACL LOG, likewise.
    pub refusal_ids: AtomicU64,
    /// Each core's place.
    pub cores: Vec<Place>,
    /// The end that was asked for.
    pub shutdown: Shutdown,
    stopping: AtomicBool,
    /// Cores that have not read their data yet.
    loading: AtomicUsize,
}

/// Where a core is found.
pub struct Place {
    /// Its bus port.
    pub bus_port: u16,
    /// The name of its folder in `dir`; `None` where it has `dir` to itself.
    pub folder: Option<String>,
    /// The CPU it is pinned to.
    pub cpu: Option<usize>,
    /// Wakes it when it is parked.
    pub event_fd: OwnedFd,
    /// Its sign of life.
    pub pulse: Pulse,
    /// Bytes of memory it holds, as it last said; negative when it freed what others had allocated.
    pub held_bytes: AtomicI64,
    /// Whether HOTKEYS tracks its keys: see [`Process::claim_tracking`].
    pub tracks_keys: AtomicBool,
}

impl Process {
    /// A process that is about to start.
    pub fn new(
        run_id: String,
        config_file: Option<PathBuf>,
        ingress_port: u16,
        doors: Doors,
        config: Config,
        users: Users,
        cores: Vec<Place>,
    ) -> Process {
        let executable = std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default();
        let (clock, stopping) = (SteadyClock::start(), AtomicBool::new(false));
        let users = SharedUsers::new(users);
        let (loading, shutdown) = (AtomicUsize::new(cores.len()), Shutdown::new(cores.len()));
        Process {
            run_id,
            executable,
            config_file,
            clock,
            ingress_port,
            doors,
            config: SharedConfig::new(config),
            users,
            log_ids: Default::default(),
            refusal_ids: AtomicU64::new(0),
            cores,
            shutdown,
            stopping,
            loading,
        }
    }

    /// The name by which other processes know that its cores belong together.
    pub fn bus_id(&self) -> ProcessId {
        let digits = self.run_id.get(..32).and_then(|digits| u128::from_str_radix(digits, 16).ok());
        ProcessId(digits.unwrap_or_default().to_be_bytes())
    }

    /// Whether the cores are to end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Ends all cores.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.wake_cores();
    }

    /// Makes all cores look for what is new.
    pub fn wake_cores(&self) {
        self.cores.iter().for_each(|core| executor::signal(core.event_fd.as_raw_fd()));
    }

    /// A core has its data; whether it was the last.
    pub fn core_is_ready(&self) -> bool {
        self.loading.fetch_sub(1, Ordering::Relaxed) == 1
    }

    /// Lets all of these cores track keys, or none of them where one does already: whoever is told yes starts them.
    pub fn claim_tracking(&self, cores: Range<usize>) -> bool {
        let cores = &self.cores[cores];
        let free = |core: &&Place| !core.tracks_keys.swap(true, Ordering::Relaxed);
        let claimed = cores.iter().take_while(free).count();
        if claimed < cores.len() {
            cores[..claimed].iter().for_each(|core| core.tracks_keys.store(false, Ordering::Relaxed));
        }
        claimed == cores.len()
    }

    /// Whether any core tracks keys.
    pub fn tracks_keys(&self) -> bool {
        self.cores.iter().any(|core| core.tracks_keys.load(Ordering::Relaxed))
    }

    /// Makes the main thread look for what is new.
    pub fn nudge_main(&self) {
        // SAFETY: takes no pointers; the main thread waits for this signal, and all others block it.
        unsafe { libc::kill(libc::getpid(), NUDGE) };
    }
}

/// Ends the process at once: there is no way on, for the reason that `text` gives to the log.
pub fn fatal(text: &str) -> ! {
    warning!("{text}");
    std::process::exit(1)
}
