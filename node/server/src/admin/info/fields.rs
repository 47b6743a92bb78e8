//! The smaller sections: Server, Clients, Persistence, CPU, Cluster.

use std::fs;

use super::glance::{Cpu, Glance};
use super::value::Rule::{First, Max, Min, Sum};
use super::value::{Field, Value};
use crate::admin::REDIS_VERSION;
use crate::aof::{Aof, State, Writer};
use crate::clock;
use crate::core::loading::Loading;

/// Seconds of unix time are kept in 24 bits with each key.
const LRU_MASK: u64 = (1 << 24) - 1;
const SECONDS_A_DAY: u64 = 24 * 3600;

/// Section Server.
pub(super) const SERVER: &[Field] = &[
    ("redis_version", First, |_| REDIS_VERSION.into()),
    // What real servers say that were not built from a checkout; tools read it.
    ("redis_git_sha1", First, |_| "00000000".into()),
    ("redis_git_dirty", First, |_| 0u64.into()),
    ("server_name", First, |_| "ringmaster".into()),
    ("ringmaster_version", First, |_| env!("CARGO_PKG_VERSION").into()),
    ("redis_mode", First, |_| "cluster".into()),
    ("os", First, |_| system().into()),
    ("arch_bits", First, |_| usize::BITS.into()),
    ("monotonic_clock", First, |_| "POSIX clock_gettime".into()),
    ("multiplexing_api", First, |_| "io_uring".into()),
    ("process_id", First, |_| std::process::id().into()),
    ("process_supervised", First, |_| "no".into()),
    ("run_id", First, |g| g.core.process.run_id.clone().into()),
    ("tcp_port", First, |g| g.core.port().into()),
    ("server_time_usec", First, |_| clock::unix_us().into()),
    ("uptime_in_seconds", Max, |g| (g.core.process.clock.uptime_ms() / 1000).into()),
    ("uptime_in_days", Max, |g| (g.core.process.clock.uptime_ms() / 1000 / SECONDS_A_DAY).into()),
    ("hz", First, |g| g.core.config.general.hz.into()),
    ("configured_hz", First, |g| g.core.config.general.hz.into()),
    ("lru_clock", First, |g| ((g.core.now_ms / 1000) & LRU_MASK).into()),
    ("executable", First, |g| g.core.process.executable.clone().into()),
    ("config_file", First, |g| config_file(g).into()),
    ("io_threads_active", First, |_| 0.into()),
    ("availability_zone", First, |g| g.core.config.general.availability_zone.clone().into()),
    ("ringmaster_core", First, |g| g.core.index.into()),
    ("ringmaster_cores", First, |g| g.core.process.cores.len().into()),
    ("ringmaster_cpu", First, |g| g.core.place().cpu.into()),
    ("ringmaster_bus_port", First, |g| g.core.place().bus_port.into()),
    ("ringmaster_ingress_port", First, |g| g.core.process.ingress_port.into()),
    ("shutdown_in_milliseconds", Max, |g| g.core.shutdown_ms().map_or(Value::Absent, Value::from)),
    ("listener0", First, |g| listener(g).into()),
];

/// Kernel, release and architecture.
fn system() -> String {
    let word = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let (name, release) = (word("/proc/sys/kernel/ostype"), word("/proc/sys/kernel/osrelease"));
    format!("{} {} {}", name.trim(), release.trim(), std::env::consts::ARCH)
}

fn config_file(glance: &Glance<'_>) -> String {
    glance.core.process.config_file.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
}

fn listener(glance: &Glance<'_>) -> String {
    let addresses = &glance.core.config.network.bind;
    let bind: String = addresses.iter().map(|address| format!(",bind={address}")).collect();
    format!("name=tcp{bind},port={}", glance.core.port())
}

/// Section Clients.
pub(super) const CLIENTS: &[Field] = &[
    ("connected_clients", Sum, |g| (g.clients.count - g.clients.replicas).into()),
    ("cluster_connections", Sum, |g| g.core.cluster.links_view().len().into()),
    ("maxclients", Sum, |g| g.core.config.limits.maxclients.into()),
    ("client_recent_max_input_buffer", Max, |g| g.clients.longest_input.into()),
    ("client_recent_max_output_buffer", Max, |g| g.clients.longest_output.into()),
    ("blocked_clients", Sum, |g| {
        ((g.core.waiting.len() + g.core.replication.waits.len() + g.core.shutdown_waiters()) as u64
            + g.clients.paused
            + g.core.pause.sessions() as u64)
            .into()
    }),
    ("tracking_clients", Sum, |g| g.core.tracking.clients().into()),
    ("pubsub_clients", Sum, |g| g.core.pubsub.clients().into()),
    ("watching_clients", Sum, |g| g.core.watch.sessions().into()),
    ("clients_in_timeout_table", Sum, |g| g.core.waiting.timed_out(u64::MAX).len().into()),
    ("total_watched_keys", Sum, |g| g.core.watch.len().into()),
    ("total_blocking_keys", Sum, |g| g.core.waiting.keys().into()),
    ("total_blocking_keys_on_nokey", Sum, |g| g.core.waiting.keys_of_groups().into()),
];

/// Section Persistence.
pub(super) const PERSISTENCE: &[Field] = &[
    ("loading", Max, |g| {
        (g.core.loading.is_some() || g.core.image().is_some() && !g.core.shows_old_data()).into()
    }),
    ("async_loading", Max, |g| (g.core.image().is_some() && g.core.shows_old_data()).into()),
    ("current_cow_peak", Sum, |_| 0.into()),
    ("current_cow_size", Sum, |g| g.core.snapshots.backlog().into()),
    ("current_cow_size_age", Max, |_| 0.into()),
    ("current_fork_perc", First, |_| 0.0.into()),
    ("current_save_keys_processed", Sum, |g| save_progress(g).0.into()),
    ("current_save_keys_total", Sum, |g| save_progress(g).1.into()),
    ("rdb_changes_since_last_save", Sum, |g| g.core.dirty.into()),
    // An image for replicas is one, too.
    ("rdb_bgsave_in_progress", Max, |g| {
        (g.core.saves.running().is_some() || g.core.replication.is_sending_image()).into()
    }),
    ("rdb_last_save_time", Min, |g| g.core.saves.last_s.into()),
    ("rdb_last_bgsave_status", Min, |g| if g.core.saves.last_ok { "ok" } else { "err" }.into()),
    ("rdb_last_bgsave_time_sec", Max, |g| seconds(g.core.saves.last_took_s).into()),
    ("rdb_current_bgsave_time_sec", Max, |g| seconds(g.core.saves.running().map(|(_, s)| s)).into()),
    ("rdb_saves", Sum, |g| g.core.saves.count.into()),
    ("rdb_last_cow_size", Sum, |_| 0.into()),
    ("rdb_last_load_keys_expired", Sum, |g| g.core.saves.last_load.expired.into()),
    ("rdb_last_load_keys_loaded", Sum, |g| g.core.saves.last_load.loaded.into()),
    ("aof_enabled", First, |g| u64::from(g.core.aof.state() != State::Off).into()),
    ("aof_rewrite_in_progress", Max, |g| u64::from(g.core.aof.rewrites.running_s().is_some()).into()),
    ("aof_rewrite_scheduled", Max, |g| u64::from(g.core.aof.rewrites.scheduled).into()),
    ("aof_last_rewrite_time_sec", Max, |g| seconds(g.core.aof.rewrites.last_took_s).into()),
    ("aof_current_rewrite_time_sec", Max, |g| seconds(g.core.aof.rewrites.running_s()).into()),
    ("aof_last_bgrewrite_status", Min, |g| if g.core.aof.rewrites.last_ok { "ok" } else { "err" }.into()),
    ("aof_rewrites", Sum, |g| g.core.aof.rewrites.count.into()),
    ("aof_rewrites_consecutive_failures", Max, |g| g.core.aof.rewrites.failures.into()),
    ("aof_last_write_status", Min, |g| aof_status(g).into()),
    ("aof_last_cow_size", Sum, |_| 0.into()),
    ("module_fork_in_progress", Max, |_| 0.into()),
    ("module_fork_last_cow_size", Sum, |_| 0.into()),
    ("aof_current_size", Sum, |g| log(g, |aof, _| aof.current_bytes())),
    ("aof_base_size", Sum, |g| log(g, |aof, _| aof.base_bytes())),
    ("aof_pending_rewrite", Max, |g| log(g, |aof, _| u64::from(aof.rewrites.scheduled))),
    ("aof_buffer_length", Sum, |g| log(g, |_, writer| writer.buffered() as u64)),
    ("aof_pending_bio_fsync", Max, |g| log(g, |_, writer| u64::from(writer.is_syncing()))),
    ("aof_delayed_fsync", Sum, |g| log(g, |_, writer| writer.delayed())),
    ("loading_start_time", Min, |g| reading(g, |loading| loading.started_s.into())),
    ("loading_total_bytes", Sum, |g| reading(g, |loading| loading.total_bytes.into())),
    ("loading_rdb_used_mem", Sum, |g| reading(g, |_| 0.into())),
    ("loading_loaded_bytes", Sum, |g| reading(g, |loading| loading.loaded_bytes.into())),
    ("loading_loaded_perc", Sum, |g| reading(g, |loading| loading.percent())),
    ("loading_eta_seconds", Max, |g| reading(g, |loading| loading.eta_s().into())),
];

/// What there is to say only of a log that is written.
fn log(glance: &Glance<'_>, show: impl Fn(&Aof, &Writer) -> u64) -> Value {
    let aof = &glance.core.aof;
    aof.writer().map_or(Value::Absent, |writer| show(aof, writer).into())
}

/// What there is to say only while data are read.
fn reading(glance: &Glance<'_>, show: impl Fn(Loading) -> Value) -> Value {
    glance.core.loading.or(glance.core.image()).map_or(Value::Absent, show)
}

fn aof_status(glance: &Glance<'_>) -> &'static str {
    if glance.core.aof.writer().is_none_or(Writer::writes) { "ok" } else { "err" }
}

/// Keys that the save under way has written, and keys in all.
fn save_progress(glance: &Glance<'_>) -> (u64, u64) {
    glance.core.saves.running().map_or((0, 0), |(id, _)| glance.core.snapshots.progress(id))
}

/// A duration, or -1 where there is none.
fn seconds(duration: Option<u64>) -> i64 {
    duration.map_or(-1, |seconds| seconds as i64)
}

/// Section CPU. The thread is this core's.
pub(super) const CPU: &[Field] = &[
    ("used_cpu_sys", First, |_| Value::Micros(Cpu::of_process().system_us)),
    ("used_cpu_user", First, |_| Value::Micros(Cpu::of_process().user_us)),
    ("used_cpu_sys_children", First, |_| Value::Micros(Cpu::of_children().system_us)),
    ("used_cpu_user_children", First, |_| Value::Micros(Cpu::of_children().user_us)),
    ("used_cpu_sys_main_thread", Sum, |_| Value::Micros(Cpu::of_thread().system_us)),
    ("used_cpu_user_main_thread", Sum, |_| Value::Micros(Cpu::of_thread().user_us)),
];

/// Section Cluster.
pub(super) const CLUSTER: &[Field] = &[("cluster_enabled", First, |_| 1.into())];
