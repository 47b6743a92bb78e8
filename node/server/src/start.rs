//! Start and end of the process.
//!
//! Everything that can fail is tried on the main thread before a core starts, so that a failure is one clear
//! sentence and exit code 1. Then each core's executor starts; when all are up the process is ready, and the
//! main thread waits for SIGTERM or SIGINT.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use base::NodeId;
use cluster::{BUS_PORT_OFFSET, Cluster};

use crate::aof;
use crate::bus;
use crate::clock;
use crate::config::{Config, Cores, Loaded, LogLevel};
use crate::core::{Core, cron};
use crate::descriptors;
use crate::doors::Doors;
use crate::executor::{self, Parking};
use crate::folders;
use crate::listener;
use crate::log::{self, Level, notice, warning};
use crate::machine;
use crate::mesh::{self, Mesh};
use crate::metrics;
use crate::persist;
use crate::process::{NUDGE, Place, Process, fatal};
use crate::reactor::Reactor;
use crate::ring::{self, ClientRing};
use crate::settings;
use crate::shutdown::{Outcome, Wish};
use crate::tls;
use crate::users;

/// Time between two looks at the cores' pulses.
const PULSE_NANOSECONDS: libc::c_long = 250_000_000;

/// Runs the process until it is told to end.
///
/// # Errors
/// One sentence that says what is missing.
pub fn run(loaded: Loaded) -> Result<(), String> {
    let Loaded { config, file, users, names_users, warnings } = loaded;
    log::configure(level(config.general.loglevel), &config.general.logfile);
    let file = file.map(|file| fs::canonicalize(&file).unwrap_or(file));
    let cpus = executor::allowed_cpus();
    let count = match config.ringmaster.cores {
        Cores::Auto => cpus.len(),
        Cores::Count(count) => usize::from(count),
    };
    announce(count);
    let machine = machine::warnings(&config, count, &cpus);
    warnings.iter().chain(&machine).for_each(|warning| warning!("{warning}"));
    std::env::set_current_dir(&config.general.dir)
        .map_err(|e| format!("Can't chdir to '{}': {e}", config.general.dir))?;
    let users = users::at_start(&config, users, names_users)?;
    // Before any executor, which would panic with a misleading text.
    ring::patiently(ClientRing::new).map_err(|e| ring::sentence(&e, count))?;
    tls::settings(&config.tls).map_err(|e| format!("Failed to configure TLS. {e}"))?;
    if config.general.disable_thp {
        disable_huge_pages();
    }
    block_signals();
    let places = lay_out(&config, count, &cpus)?;
    let clusters = load_clusters(&config, &places)?;
    let nodes = clusters.iter().map(|cluster| cluster.nodes().count()).max().unwrap_or(0);
    let config = descriptors::raise_limit(config, count, nodes);
    let doors = Doors::open(&config, count)?;
    let seeds = plant(&config, &places, clusters)?;
    let ingress_port = config.ringmaster.ingress_port;
    let process =
        Arc::new(Process::new(random_id(), file, ingress_port, doors, config.clone(), users, places));
    write_pid_file(&config)?;
    notice!("Server initialized");
    let running = start_cores(&process, &config, seeds)?;
    process.doors.begin();
    process.wake_cores();
    wait_for_end(&process);
    process.stop();
    let clean = running.into_iter().map(executor::Running::join).fold(true, |all, one| all & one);
    if !config.general.pidfile.is_empty() {
        let _ = fs::remove_file(&config.general.pidfile);
    }
    if !config.network.unixsocket.is_empty() {
        let _ = fs::remove_file(&config.network.unixsocket);
    }
    notice!("Ringmaster is now ready to exit, bye bye...");
    if clean { Ok(()) } else { Err("A core did not end cleanly".to_owned()) }
}

/// Keeps the kernel from backing memory with huge pages. The allocator would ask for them, and then a value of a few
/// KiB may have to wait until two MiB are found and cleared: measured, a SET of 16 KiB into new memory cost 1.4 times
/// the CPU.
fn disable_huge_pages() {
    // SAFETY: takes numbers only.
    if unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) } != 0 {
        warning!("Transparent huge pages stay as they are: {}", io::Error::last_os_error());
    }
}

/// The log's word for a `loglevel`.
pub fn level(level: LogLevel) -> Level {
    match level {
        LogLevel::Debug => Level::Debug,
        LogLevel::Verbose => Level::Verbose,
        LogLevel::Notice => Level::Notice,
        LogLevel::Warning | LogLevel::Nothing => Level::Warning,
    }
}

fn announce(count: usize) {
    notice!("Ringmaster is starting");
    notice!("Ringmaster version={}, cores={count}, PID: {}", env!("CARGO_PKG_VERSION"), std::process::id());
}

/// Signals are taken by the main thread alone.
fn block_signals() {
    let set = own_signals();
    // SAFETY: `set` is a live signal set; the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) };
}

fn own_signals() -> libc::sigset_t {
    // SAFETY: `sigset_t` is plain data; `sigemptyset` makes it valid before `sigaddset` reads it.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGTERM);
        libc::sigaddset(&mut set, libc::SIGINT);
        libc::sigaddset(&mut set, NUDGE);
        set
    }
}

/// Waits until the cores agree to end; feels their pulses meanwhile.
fn wait_for_end(process: &Process) {
    loop {
        match next_signal() {
            None => {
                let now = process.clock.now_ms();
                process.cores.iter().for_each(|core| core.pulse.look(now));
            }
            Some(NUDGE) => {}
            Some(libc::SIGINT) if process.shutdown.is_asked() => {
                fatal("You insist... exiting now.");
            }
            Some(signal) => {
                let (name, wish) = match signal {
                    libc::SIGINT => ("SIGINT", Wish::Interrupt),
                    _ => ("SIGTERM", Wish::Terminate),
                };
                notice!("Received {name} scheduling shutdown...");
                process.shutdown.ask(wish);
                process.wake_cores();
            }
        }
        match process.shutdown.outcome() {
            Outcome::Open => {}
            Outcome::Agreed => return,
            Outcome::Failed => {
                warning!("Errors trying to shut down the server. Check the logs for more information.");
                process.shutdown.withdraw();
                process.wake_cores();
            }
        }
    }
}

/// The next signal to this process; `None` when there is none for a while.
fn next_signal() -> Option<libc::c_int> {
    let set = own_signals();
    let time = libc::timespec { tv_sec: 0, tv_nsec: PULSE_NANOSECONDS };
    // SAFETY: the pointers are to live values; what the signal says of itself is not asked for.
    let signal = unsafe { libc::sigtimedwait(&set, std::ptr::null_mut(), &time) };
    (signal > 0).then_some(signal)
}

/// Ports, folders and CPUs of all cores.
fn lay_out(config: &Config, count: usize, cpus: &[usize]) -> Result<Vec<Place>, String> {
    let first = config.main_port();
    let last = usize::from(first.max(config.tls.port)) + count - 1;
    let first_bus = first_bus_port(config);
    let last_bus = usize::from(first_bus) + count - 1;
    if last.max(last_bus) > usize::from(u16::MAX) {
        return Err(format!(
            "{count} cores from port {first} on need ports up to {last} and bus ports up to {last_bus}: not all are below \
             65536"
        ));
    }
    let folders = folders::prepare(config, first, count)?;
    folders
        .into_iter()
        .enumerate()
        .map(|(i, folder)| {
            let event_fd =
                executor::event_fd().map_err(|e| format!("No event descriptor can be had: {e}"))?;
            let bus_port = first_bus + i as u16;
            let cpu = executor::pins(count, cpus.len()).then(|| cpus[i]);
            let (pulse, held_bytes, tracks_keys) = Default::default();
            Ok(Place { bus_port, folder, cpu, event_fd, pulse, held_bytes, tracks_keys })
        })
        .collect()
}

/// The first core's bus port.
fn first_bus_port(config: &Config) -> u16 {
    let known_by =
        if config.tls.cluster && config.tls.port != 0 { config.tls.port } else { config.main_port() };
    match config.cluster.port {
        0 => known_by.saturating_add(BUS_PORT_OFFSET),
        first => first,
    }
}

/// What a core needs to begin.
struct Seed {
    cluster: Cluster,
    mesh: Mesh,
    /// Where other nodes connect.
    bus: Vec<OwnedFd>,
    /// Where the figures of the process are asked for.
    metrics: Vec<OwnedFd>,
}

/// Cluster states, meshes, and listeners for others than clients, of all cores.
fn plant(config: &Config, places: &[Place], clusters: Vec<Cluster>) -> Result<Vec<Seed>, String> {
    let meshes = mesh::weave(places.len());
    let mut seeds = Vec::new();
    for ((i, (place, cluster)), mesh) in places.iter().zip(clusters).enumerate().zip(meshes) {
        let options = listener::Options::new(config);
        let (mut bus, mut metrics) = (Vec::new(), Vec::new());
        if config.main_port() != 0 {
            bus = listener::listen_tcp(place.bus_port, &options)?;
        }
        if i == 0 && config.ringmaster.metrics_port != 0 {
            let options = listener::Options { bind: &config.ringmaster.metrics_bind, ..options };
            metrics = listener::listen_tcp(config.ringmaster.metrics_port, &options)?;
        }
        seeds.push(Seed { cluster, mesh, bus, metrics });
    }
    Ok(seeds)
}

/// Reads the state of each core, or makes it: a cluster of the cores when `bootstrap` says so and the
/// folder is fresh, else nodes of their own.
fn load_clusters(config: &Config, places: &[Place]) -> Result<Vec<Cluster>, String> {
    let now = clock::unix_ms();
    let configs = places.iter().enumerate().map(|(i, place)| settings::cluster_config(config, i, place));
    let files: Vec<PathBuf> = places.iter().map(|place| folders::cluster_file(config, place)).collect();
    let fresh = |file: &PathBuf| fs::metadata(file).is_ok_and(|meta| meta.len() > 0).then_some(()).is_none();
    if config.ringmaster.bootstrap && files.iter().all(fresh) {
        let ip = config.cluster.announce_ip.clone();
        let ip = if ip.is_empty() { own_address(&config.network.bind) } else { ip };
        let siblings = configs.map(|config| (ip.clone(), config)).collect();
        return Ok(cluster::bootstrap(siblings, &mut cluster_random(), now));
    }
    let loaded: Result<Vec<Cluster>, String> = configs
        .zip(&files)
        .map(|(config, file)| {
            if fresh(file) {
                return Ok(Cluster::new(config, cluster_random(), now));
            }
            let text =
                fs::read_to_string(file).map_err(|e| format!("{} cannot be read: {e}", file.display()))?;
            Cluster::load(&text, config, cluster_random(), now).map_err(|e| {
                format!("Unrecoverable error: corrupted cluster config file {}: {e}", file.display())
            })
        })
        .collect();
    let mut loaded = loaded?;
    cluster::settle_handovers(&mut loaded, now);
    let is_new: Vec<bool> = files.iter().map(fresh).collect();
    welcome_new_cores(&mut loaded, &is_new, now);
    Ok(loaded)
}

/// Cores that an earlier start did not have join the cluster of one that is in a cluster.
fn welcome_new_cores(cores: &mut [Cluster], is_new: &[bool], now: u64) {
    let in_cluster = |core: &Cluster| core.nodes().count() > 1 || !core.myself().slots.is_empty();
    let Some(host) = cores.iter().position(in_cluster) else { return };
    for (i, _) in is_new.iter().enumerate().filter(|(_, new)| **new) {
        if let Ok([newcomer, host]) = cores.get_disjoint_mut([i, host]) {
            cluster::introduce(newcomer, host, now);
        }
    }
}

/// The address siblings are told to clients under: the first one bound, where that is one.
fn own_address(bind: &[String]) -> String {
    let mut named = bind.iter().map(|address| address.trim_start_matches('-'));
    let first = named.find(|address| !matches!(*address, "*" | "::*" | "0.0.0.0" | "::"));
    first.unwrap_or("127.0.0.1").to_owned()
}

fn cluster_random() -> cluster::Random {
    cluster::Random::new(std::array::from_fn(|_| random_u64()))
}

/// 64 bits from the kernel.
pub fn random_u64() -> u64 {
    let mut bytes = [0u8; 8];
    // SAFETY: the pointer and the length are of the same live array. At start the kernel's pool is ready; should
    // it fail, the address space's layout and the clock still differ from run to run.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    let noise = if got == 8 { 0 } else { clock::unix_us() ^ (&raw const bytes as u64) };
    u64::from_ne_bytes(bytes) ^ noise
}

fn random_id() -> String {
    let mut bytes = [0; 20];
    bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&random_u64().to_ne_bytes()[..chunk.len()]));
    NodeId::from_random(bytes).to_string()
}

fn write_pid_file(config: &Config) -> Result<(), String> {
    if config.general.pidfile.is_empty() {
        return Ok(());
    }
    let write = fs::write(&config.general.pidfile, format!("{}\n", std::process::id()));
    write.map_err(|e| format!("The pid file {} cannot be written: {e}", config.general.pidfile))
}

/// Starts all cores and waits until each is up.
fn start_cores(
    process: &Arc<Process>,
    config: &Config,
    seeds: Vec<Seed>,
) -> Result<Vec<executor::Running>, String> {
    store::hash::set_hash_seed(random_u64());
    let ids: Vec<NodeId> = seeds.iter().map(|seed| seed.cluster.my_id()).collect();
    let (report, reports) = channel();
    let mut running = Vec::new();
    for (i, seed) in seeds.into_iter().enumerate() {
        let (process, config, ids, report) = (process.clone(), config.clone(), ids.clone(), report.clone());
        // The executor may be started a second time when locked memory is short; the seed is taken by the one
        // that runs.
        let seed = Arc::new(Mutex::new(Some(seed)));
        let main = {
            let process = process.clone();
            move || async move {
                let seed = seed.lock().unwrap_or_else(|e| e.into_inner()).take();
                if let Some(seed) = seed {
                    core_main(i as u16, process, config, ids, seed, report).await;
                }
            }
        };
        let core = executor::spawn(&format!("core-{i}"), process.cores[i].cpu, main);
        running.push(core.map_err(|e| ring::sentence(&e, process.cores.len()))?);
        // One that runs tells of itself, or ends the process.
        reports.recv().map_err(|e| format!("core-{i} did not start: {e}"))??;
    }
    Ok(running)
}

/// A core's life: build it on its own thread, run its loop and its background work.
async fn core_main(
    index: u16,
    process: Arc<Process>,
    config: Config,
    ids: Vec<NodeId>,
    seed: Seed,
    report: Sender<Result<(), String>>,
) {
    let place = &process.cores[usize::from(index)];
    let built = build(place, &seed.mesh);
    let (ring, parking) = match built {
        Ok(built) => built,
        Err(e) => return drop(report.send(Err(ring::sentence(&e, process.cores.len())))),
    };
    let core = Core::new(index, process.clone(), config, ids, seed.cluster, seed.mesh);
    let core = Rc::new(RefCell::new(core));
    Core::know(&core);
    bus::open(&core, seed.bus);
    metrics::open(&core, seed.metrics);
    // Before the brain can name a master: what it sends must not meet what the files hold.
    core.borrow_mut().begin_loading(0);
    core.borrow_mut().name_siblings();
    core.borrow_mut().drive_cluster();
    executor::spawn_local(cron::run(core.clone()));
    executor::spawn_local(read_data(core.clone()));
    // The main thread may be gone only when the process ends anyway.
    let _ = report.send(Ok(()));
    Reactor::new(core, ring, parking).run().await;
}

/// Reads a core's data from its files; the last core to have them says that the process is ready.
async fn read_data(core: Rc<RefCell<Core>>) {
    if core.borrow().config.persistence.appendonly {
        let loaded = aof::load(&core).await;
        loaded.unwrap_or_else(|sentence| fatal(&sentence));
        if core.borrow_mut().open_log().is_err() {
            fatal("The append-only file cannot be opened: see above");
        }
    } else {
        persist::load_file(&core).await;
    }
    let mut core = core.borrow_mut();
    core.update_recording();
    core.end_loading();
    core.reconcile_slots();
    // It waited, for the place in the stream that the files tell.
    core.reconnect();
    if core.process.core_is_ready() {
        notice!("Ready to accept connections tcp");
    }
}

fn build(place: &Place, mesh: &Mesh) -> io::Result<(ClientRing, Parking)> {
    use std::os::fd::AsRawFd;
    let ring = ring::patiently(ClientRing::new)?;
    ring.register_event_fd(place.event_fd.as_raw_fd())?;
    mesh.open(&ring);
    Ok((ring, Parking::new(&place.event_fd)?))
}
