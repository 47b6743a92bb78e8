//! The dashboard: one page without outside assets, and the JSON it asks for every second.
//!
//! The figures are the metrics', by the names of the table. Rates, quantiles and their history are the page's to make
//! from what it is told each time, so that the server keeps nothing for pages nobody looks at.

use serde_json::{Map, Value, json};

use cluster::Node;

use crate::core::Core;
use crate::settings;

use super::sample::{Report, Sample};
use super::slots::SlotRun;
use super::table::{BUCKETS_US, METRICS};

/// The page.
pub const PAGE: &str = include_str!("dashboard.html");

/// The state of process, cores and cluster.
pub fn state(core: &Core, process: &Report, cores: &[Option<Report>]) -> String {
    let places = core.process.cores.iter().zip(&core.core_ids).zip(cores).enumerate();
    let cores = places.map(|(index, ((place, id), report))| {
        json!({
            "core": index,
            "port": settings::nth_port(core.config.main_port(), index),
            "cpu": place.cpu,
            "id": id.as_str(),
            "figures": report.as_ref().map(figures),
            "durations": report.as_ref().map(durations),
            "replicas": report.as_ref().map(replicas),
        })
    });
    let state = json!({
        "time_ms": core.now_ms,
        "pid": std::process::id(),
        "version": env!("CARGO_PKG_VERSION"),
        "slot_stats": core.slot_stats.is_on(),
        "buckets_us": BUCKETS_US,
        "process": figures(process),
        "cores": cores.collect::<Vec<_>>(),
        "nodes": core.cluster.nodes().map(|node| describe(core, node)).collect::<Vec<_>>(),
    });
    state.to_string()
}

/// Figures of slots, by core.
pub fn slots(cores: impl Iterator<Item = Vec<SlotRun>>) -> String {
    let run = |run: &SlotRun| json!({ "first": run.first, "values": run.values });
    let cores = cores.map(|runs| runs.iter().map(run).collect::<Vec<_>>());
    json!({ "cores": cores.collect::<Vec<_>>() }).to_string()
}

/// What has no labels, by name.
fn figures(report: &Report) -> Map<String, Value> {
    let rows = METRICS.iter().zip(report);
    let plain = rows.filter_map(|(row, samples)| match samples.as_slice() {
        [sample] if sample.labels.is_empty() => Some((row.name.to_owned(), sample.value.into())),
        _ => None,
    });
    plain.collect()
}

fn samples_of<'a>(report: &'a Report, name: &str) -> &'a [Sample] {
    let row = METRICS.iter().position(|row| row.name == name);
    row.map_or(&[], |row| report[row].as_slice())
}

/// Run times of all commands together: counts by upper bound, the last without one.
fn durations(report: &Report) -> Vec<f64> {
    let mut sums = vec![0.0; BUCKETS_US.len() + 1];
    let buckets = samples_of(report, "command_duration_seconds").iter().filter(|s| s.suffix == "_bucket");
    // Each command's buckets stand in the order of their bounds.
    buckets.enumerate().for_each(|(i, sample)| sums[i % (BUCKETS_US.len() + 1)] += sample.value);
    sums
}

fn replicas(report: &Report) -> Vec<Value> {
    let bytes = samples_of(report, "replication_replica_lag_bytes");
    let seconds = samples_of(report, "replication_replica_lag_seconds");
    let both = bytes.iter().zip(seconds);
    both.map(|(bytes, seconds)| {
        json!({ "name": bytes.label("replica"), "lag_bytes": bytes.value, "lag_seconds": seconds.value })
    })
    .collect()
}

/// A node of the cluster, as the core that has the port sees it.
fn describe(core: &Core, node: &Node) -> Value {
    let master = node.master.and_then(|master| core.cluster.node(master));
    let ranges = node.slots.ranges();
    json!({
        "id": node.id.as_str(),
        "ip": node.address.ip,
        "port": if node.address.ports.tcp == 0 { node.address.ports.tls } else { node.address.ports.tcp },
        "core": core.core_ids.iter().position(|id| *id == node.id),
        "process": node.process.map(|process| format!("{process:?}")),
        "role": if node.is_replica() { "replica" } else { "master" },
        "master": master.map(|master| master.id.as_str().to_owned()),
        "health": if node.is_failed() { "failed" } else if node.is_unreachable() { "unreachable" } else { "ok" },
        "offset": node.offset,
        "slots": ranges.iter().map(|(first, last)| [first.number(), last.number()]).collect::<Vec<_>>(),
    })
}
