//! The table of metrics: whoever wants another adds a row, and a line in `docs/metrics.md`, which a test compares.
//!
//! Where INFO has the figure the row names INFO's field, so that the two always agree.

use crate::admin::info::{Cpu, Glance};
use crate::core::commandlog::Why;

use super::sample::{Sample, Samples};

/// What all names begin with.
pub const PREFIX: &str = "ringmaster_";

/// Upper bounds of the buckets of run times, microseconds.
pub const BUCKETS_US: [u64; 19] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000,
    500_000, 1_000_000,
];

/// A metric.
pub struct Metric {
    /// Its name, without [`PREFIX`].
    pub name: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// Whose it is.
    pub scope: Scope,
    /// What it is, one line.
    pub help: &'static str,
    /// How it is found.
    pub read: Read,
}

/// How a metric moves.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// Up only, until the process or its statistics start anew.
    Counter,
    /// Both ways.
    Gauge,
    /// Counts by upper bound.
    Histogram,
}

/// Whose a metric is.
#[derive(Clone, Copy, PartialEq)]
pub enum Scope {
    /// Each core's; it has the label `core`.
    Core,
    /// The process's.
    Process,
}

/// How a metric is found.
pub enum Read {
    /// INFO has it under this name.
    Info(&'static str),
    /// One number.
    One(fn(&Glance<'_>) -> f64),
    /// Several, told apart by labels.
    Many(fn(&Glance<'_>) -> Samples),
}

impl Kind {
    /// Prometheus's word.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

const fn row(name: &'static str, kind: Kind, scope: Scope, help: &'static str, read: Read) -> Metric {
    Metric { name, kind, scope, help, read }
}

const fn counter(name: &'static str, help: &'static str, read: Read) -> Metric {
    row(name, Kind::Counter, Scope::Core, help, read)
}

const fn gauge(name: &'static str, help: &'static str, read: Read) -> Metric {
    row(name, Kind::Gauge, Scope::Core, help, read)
}

const fn of_process(name: &'static str, kind: Kind, help: &'static str, read: Read) -> Metric {
    row(name, kind, Scope::Process, help, read)
}

/// The rows.
pub const METRICS: &[Metric] = &[
    // The process.
    of_process("build_info", Kind::Gauge, "1; the labels tell versions and run", Read::Many(build)),
    of_process("uptime_seconds", Kind::Gauge, "Time since the start", Read::Info("uptime_in_seconds")),
    of_process(
        "cores",
        Kind::Gauge,
        "Cores of the process",
        Read::One(|g| g.core.process.cores.len() as f64),
    ),
    of_process(
        "resident_memory_bytes",
        Kind::Gauge,
        "Memory the system counts as the process's",
        Read::Info("used_memory_rss"),
    ),
    of_process(
        "maxmemory_bytes",
        Kind::Gauge,
        "`maxmemory`, for all cores together; 0 is no limit",
        Read::Info("maxmemory"),
    ),
    of_process("process_cpu_seconds_total", Kind::Counter, "CPU time by `mode`", Read::Many(process_cpu)),
    // A core's time.
    gauge(
        "core_up",
        "1 for a core that answered within a second; one that did not is missing",
        Read::One(|_| 1.0),
    ),
    gauge(
        "busy_ratio",
        "How full the core is, 0 to 1: the share of the last 1.6 s its thread was at work",
        Read::One(|g| g.core.stats.rounds.busy_share()),
    ),
    counter(
        "busy_seconds_total",
        "Time the core's thread was at work",
        // As it is now: a core that rests has taken no sample for a while, or none yet.
        Read::One(|_| Cpu::of_thread().all_us() as f64 / 1e6),
    ),
    counter(
        "rounds_total",
        "Rounds of the core's loop that brought something",
        Read::Info("eventloop_cycles"),
    ),
    counter(
        "rounds_seconds_total",
        "Time of those rounds, without the kernel's part of sending",
        Read::One(|g| g.core.stats.rounds.nanoseconds as f64 / 1e9),
    ),
    counter(
        "background_seconds_total",
        "Time of work that runs by the clock",
        Read::One(|g| g.core.stats.rounds.cron_ns as f64 / 1e9),
    ),
    // Clients and traffic.
    gauge("clients", "Connections", Read::Info("connected_clients")),
    gauge(
        "clients_blocked",
        "Clients that wait for keys, replicas or the end of a pause",
        Read::Info("blocked_clients"),
    ),
    gauge("clients_max", "`maxclients`", Read::Info("maxclients")),
    gauge("clients_memory_bytes", "Memory of connections", Read::Info("mem_clients_normal")),
    counter("connections_total", "Connections accepted", Read::Info("total_connections_received")),
    counter("connections_rejected_total", "Connections turned away", Read::Info("rejected_connections")),
    counter("clients_evicted_total", "Clients closed for `maxmemory-clients`", Read::Info("evicted_clients")),
    counter("net_input_bytes_total", "Bytes received from clients", Read::Info("total_net_input_bytes")),
    counter("net_output_bytes_total", "Bytes sent to clients", Read::Info("total_net_output_bytes")),
    // Commands.
    counter("commands_total", "Commands run", Read::Info("total_commands_processed")),
    counter(
        "commands_seconds_total",
        "Time commands ran",
        Read::One(|g| g.core.stats.commands_us as f64 / 1e6),
    ),
    counter(
        "commands_forwarded_total",
        "Commands sent on from the ingress to a sibling",
        Read::Info("ringmaster_forwarded_commands"),
    ),
    counter(
        "commands_for_siblings_total",
        "Commands run for a sibling's ingress",
        Read::Info("ringmaster_commands_for_siblings"),
    ),
    counter("command_calls_total", "Runs by `command`", Read::Many(|g| by_command(g, |stats| stats.calls))),
    counter(
        "command_failed_total",
        "Runs that ended with an error, by `command`",
        Read::Many(|g| by_command(g, |stats| stats.failed)),
    ),
    counter(
        "command_rejected_total",
        "Commands refused before they ran, by `command`",
        Read::Many(|g| by_command(g, |stats| stats.rejected)),
    ),
    row(
        "command_duration_seconds",
        Kind::Histogram,
        Scope::Core,
        "Run times by `command`, while `latency-tracking` is on",
        Read::Many(durations),
    ),
    counter("errors_total", "Errors answered, by `code`", Read::Many(errors)),
    gauge(
        "slowlog_entries",
        "Entries of the slow log",
        Read::One(|g| g.core.commandlog.entries(Why::Slow).len() as f64),
    ),
    gauge(
        "hotkeys_tracking",
        "1 while HOTKEYS tracks the core's keys",
        Read::One(|g| f64::from(u8::from(g.core.hotkeys.is_on()))),
    ),
    counter("acl_denied_total", "What users were refused, by what they lacked", Read::Many(denied)),
    // Keys and memory.
    gauge("keys", "Keys", Read::One(|g| g.core.keys.len() as f64)),
    gauge("keys_expiring", "Keys with a time to live", Read::One(|g| g.core.keys.expires_len() as f64)),
    counter("keyspace_hits_total", "Look-ups that found a key", Read::Info("keyspace_hits")),
    counter("keyspace_misses_total", "Look-ups that found none", Read::Info("keyspace_misses")),
    counter("keys_expired_total", "Keys deleted because their time was over", Read::Info("expired_keys")),
    counter("keys_evicted_total", "Keys evicted for `maxmemory`", Read::Info("evicted_keys")),
    gauge("memory_bytes", "Memory of the core", Read::Info("used_memory")),
    gauge("memory_peak_bytes", "The most it was", Read::Info("used_memory_peak")),
    gauge("memory_dataset_bytes", "Memory of keys and values", Read::Info("used_memory_dataset")),
    // Messages.
    gauge("pubsub_channels", "Channels with subscribers", Read::Info("pubsub_channels")),
    gauge("pubsub_patterns", "Patterns with subscribers", Read::Info("pubsub_patterns")),
    gauge("pubsub_shard_channels", "Shard channels with subscribers", Read::Info("pubsubshard_channels")),
    gauge("tracking_clients", "Clients that track keys", Read::Info("tracking_clients")),
    // Replication.
    gauge(
        "replication_is_replica",
        "1 while the node follows a master",
        Read::One(|g| f64::from(u8::from(g.core.replication.is_replica()))),
    ),
    counter("replication_offset_bytes", "Bytes of the replication stream", Read::Info("master_repl_offset")),
    gauge("replication_replicas", "Replicas that follow", Read::Info("connected_slaves")),
    gauge(
        "replication_replica_lag_bytes",
        "What a `replica` has not acknowledged",
        Read::Many(|g| by_replica(g, |g, replica| g.core.replication.offset().saturating_sub(replica.acked))),
    ),
    gauge(
        "replication_replica_lag_seconds",
        "Time since a `replica` acknowledged last",
        Read::Many(|g| {
            by_replica(g, |g, replica| if replica.is_online() { replica.lag_s(g.core.now_ms) } else { 0 })
        }),
    ),
    gauge("replication_link_up", "Of a replica: 1 while it hears its master", Read::Many(link)),
    gauge(
        "replication_link_silent_seconds",
        "Of a replica: time since it heard its master, -1 while it does not",
        Read::Info("master_last_io_seconds_ago"),
    ),
    counter("replication_full_syncs_total", "Full synchronisations given", Read::Info("sync_full")),
    counter(
        "replication_partial_syncs_total",
        "Partial synchronisations given",
        Read::Info("sync_partial_ok"),
    ),
    counter(
        "replication_refused_syncs_total",
        "Partial synchronisations refused",
        Read::Info("sync_partial_err"),
    ),
    // The cluster.
    gauge(
        "cluster_ok",
        "1 while the node finds the cluster in order",
        Read::One(|g| f64::from(u8::from(g.core.cluster.is_ok()))),
    ),
    gauge(
        "cluster_slots_owned",
        "Slots the node serves as master",
        Read::One(|g| g.core.cluster.myself().slots.len() as f64),
    ),
    gauge(
        "cluster_known_nodes",
        "Nodes the node knows",
        Read::One(|g| g.core.cluster.nodes().count() as f64),
    ),
    gauge(
        "cluster_failed_nodes",
        "Nodes it takes for failed",
        Read::One(|g| g.core.cluster.nodes().filter(|node| node.is_failed()).count() as f64),
    ),
    gauge("cluster_links", "Open links of the bus", Read::Info("cluster_connections")),
    gauge("cluster_epoch", "The current epoch", Read::One(|g| g.core.cluster.current_epoch() as f64)),
    // Files.
    gauge("loading", "1 while the node reads its data", Read::Info("loading")),
    gauge("rdb_changes_since_save", "Changes since the last save", Read::Info("rdb_changes_since_last_save")),
    gauge("rdb_save_in_progress", "1 while a save runs", Read::Info("rdb_bgsave_in_progress")),
    gauge(
        "rdb_last_save_timestamp_seconds",
        "When the last save ended well, unix time",
        Read::Info("rdb_last_save_time"),
    ),
    gauge(
        "rdb_last_save_ok",
        "1 unless the last save failed",
        Read::One(|g| f64::from(u8::from(g.core.saves.last_ok))),
    ),
    gauge("aof_enabled", "1 while the append-only file is written", Read::Info("aof_enabled")),
    gauge("aof_size_bytes", "Size of the append-only file", Read::Info("aof_current_size")),
    gauge("aof_buffer_bytes", "What is to be written to it", Read::Info("aof_buffer_length")),
    gauge(
        "aof_write_ok",
        "1 unless its last write failed",
        Read::Many(|g| {
            g.core
                .aof
                .writer()
                .map(|writer| Sample::plain(f64::from(u8::from(writer.writes()))))
                .into_iter()
                .collect()
        }),
    ),
];

fn build(glance: &Glance<'_>) -> Samples {
    let labels = vec![
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("redis_version", crate::admin::REDIS_VERSION.to_owned()),
        ("run_id", glance.core.process.run_id.clone()),
    ];
    vec![Sample { suffix: "", labels, value: 1.0 }]
}

fn process_cpu(_: &Glance<'_>) -> Samples {
    let cpu = Cpu::of_process();
    let sample = |mode, us: u64| Sample::labelled("mode", mode, us as f64 / 1e6);
    vec![sample("user", cpu.user_us), sample("system", cpu.system_us)]
}

fn by_command(glance: &Glance<'_>, count: impl Fn(&crate::core::stats::CommandStats) -> u64) -> Samples {
    let counted = glance.core.stats.by_command();
    counted
        .map(|(found, stats)| Sample::labelled("command", found.full_name(), count(stats) as f64))
        .collect()
}

/// A histogram for each command that ran. Counts are by upper bound and include those of the bounds below.
fn durations(glance: &Glance<'_>) -> Samples {
    let mut samples = Vec::new();
    for (found, stats) in glance.core.stats.by_command() {
        if stats.run_times.is_empty() {
            continue;
        }
        let histogram = stats.run_times.histogram();
        let command = found.full_name().to_string();
        let mut part = |suffix, bound: Option<String>, value: f64| {
            let labels = [("command", command.clone())].into_iter().chain(bound.map(|bound| ("le", bound)));
            samples.push(Sample { suffix, labels: labels.collect(), value });
        };
        let mut recorded = histogram.iter_recorded().peekable();
        let mut count = 0;
        for bound in BUCKETS_US {
            while let Some(step) =
                recorded.next_if(|step| histogram.lowest_equivalent(step.value_iterated_to()) <= bound)
            {
                count += step.count_at_value();
            }
            part("_bucket", Some(format!("{}", bound as f64 / 1e6)), count as f64);
        }
        part("_bucket", Some("+Inf".to_owned()), histogram.len() as f64);
        part("_sum", None, stats.microseconds as f64 / 1e6);
        part("_count", None, histogram.len() as f64);
    }
    samples
}

fn errors(glance: &Glance<'_>) -> Samples {
    let codes = glance.core.stats.errors_by_code.iter();
    codes.map(|(code, count)| Sample::labelled("code", code.as_str(), *count as f64)).collect()
}

fn denied(glance: &Glance<'_>) -> Samples {
    let stats = &glance.core.stats;
    let lacked = [
        ("login", stats.denied_log_ins),
        ("command", stats.denied_commands),
        ("key", stats.denied_keys),
        ("channel", stats.denied_channels),
    ];
    lacked.into_iter().map(|(what, count)| Sample::labelled("lacked", what, count as f64)).collect()
}

fn by_replica(
    glance: &Glance<'_>,
    value: impl Fn(&Glance<'_>, &crate::replication::replicas::Replica) -> u64,
) -> Samples {
    let replicas = glance.core.replication.replicas.iter();
    replicas
        .map(|replica| Sample::labelled("replica", replica.name(), value(glance, replica) as f64))
        .collect()
}

fn link(glance: &Glance<'_>) -> Samples {
    let upstream = glance.core.replication.upstream.iter();
    upstream.map(|upstream| Sample::plain(f64::from(u8::from(upstream.is_up())))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::info;

    #[test]
    fn the_page_is_the_table() {
        let page = include_str!("../../../docs/metrics.md");
        let in_page: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        let rows = METRICS.iter().map(|row| {
            let whose = if row.scope == Scope::Core { "core" } else { "process" };
            format!("| `{PREFIX}{}` | {} | {whose} | {} |", row.name, row.kind.word(), row.help)
        });
        assert_eq!(in_page.join("\n"), rows.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn rows_are_sound() {
        let mut names: Vec<&str> = METRICS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        for row in METRICS {
            let Metric { name, kind, read, .. } = row;
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            assert!(
                *kind != Kind::Counter || name.ends_with("_total") || *name == "replication_offset_bytes",
                "{name}"
            );
            if let Read::Info(field) = read {
                assert!(info::find(field).is_some(), "INFO has no {field}");
            }
        }
    }
}
