//! Section Replication: the role, the master, the replicas, the stream.

use std::fmt::Write as _;

use replication::Backlog;

use super::glance::Glance;
use super::value::{Field, Value, percent};
use crate::replication::upstream::{Link, Upstream};

/// The role and, of a replica, the master; then who follows this node.
pub(super) const BEFORE: &[Field] = &[
    ("role", |g| if g.core.replication.is_replica() { "slave" } else { "master" }.into()),
    ("master_host", |g| upstream(g, |u| u.host.clone())),
    ("master_port", |g| upstream(g, |u| u.port)),
    ("master_link_status", |g| upstream(g, |u| if u.is_up() { "up" } else { "down" })),
    ("master_last_io_seconds_ago", |g| upstream(g, |u| if u.is_up() { since_s(g, u.heard_ms) } else { -1 })),
    ("master_sync_in_progress", |g| upstream(g, |u| matches!(u.link, Link::Image(..)))),
    ("slave_read_repl_offset", |g| upstream(g, |_| g.core.replication.offset_read())),
    ("slave_repl_offset", |g| upstream(g, |_| g.core.replication.offset())),
    ("master_sync_total_bytes", |g| image(g, |_, total| total.unwrap_or(0).into())),
    ("master_sync_read_bytes", |g| image(g, |read, _| read.into())),
    ("master_sync_left_bytes", |g| image(g, |read, total| total.unwrap_or(0).saturating_sub(read).into())),
    ("master_sync_perc", |g| image(g, percentage)),
    ("master_sync_last_io_seconds_ago", |g| {
        let heard = g.core.replication.upstream.as_ref().map_or(0, |u| u.heard_ms);
        image(g, |_, _| since_s(g, heard).into())
    }),
    ("master_link_down_since_seconds", |g| {
        let down = g.core.replication.upstream.as_ref().filter(|u| !u.is_up());
        down.map(|u| if u.down_since_ms == 0 { -1 } else { since_s(g, u.down_since_ms) }).into()
    }),
    ("slave_priority", |g| upstream(g, |_| g.core.config.replication.replica_priority)),
    ("slave_read_only", |g| upstream(g, |_| g.core.config.replication.replica_read_only)),
    ("replica_announced", |g| upstream(g, |_| g.core.config.replication.replica_announced)),
    ("connected_slaves", |g| g.core.replication.replicas.len().into()),
    ("min_slaves_good_slaves", |g| {
        let config = &g.core.config.replication;
        let asked = config.min_replicas_to_write > 0 && config.min_replicas_max_lag > 0;
        asked.then_some(g.core.replication.replicas.good).into()
    }),
];

/// The stream.
pub(super) const AFTER: &[Field] = &[
    ("replicas_waiting_psync", |_| 0.into()),
    ("master_failover_state", |_| "no-failover".into()),
    ("master_replid", |g| g.core.replication.history.id.to_string().into()),
    ("master_replid2", |g| g.core.replication.second_id().into()),
    ("master_repl_offset", |g| g.core.replication.offset().into()),
    ("second_repl_offset", |g| {
        g.core.replication.history.second.as_ref().map_or(-1, |(_, last)| *last as i64).into()
    }),
    ("repl_backlog_active", |g| g.core.replication.backlog.is_some().into()),
    ("repl_backlog_size", |g| g.core.config.replication.repl_backlog_size.into()),
    ("repl_backlog_first_byte_offset", |g| backlog(g, |backlog| backlog.start() + 1)),
    ("repl_backlog_histlen", |g| backlog(g, |backlog| backlog.len() as u64)),
];

/// A line for each replica.
pub(super) fn replicas(glance: &Glance<'_>, text: &mut String) {
    for (i, replica) in glance.core.replication.replicas.iter().enumerate() {
        let lag = if replica.is_online() { replica.lag_s(glance.core.now_ms) } else { 0 };
        let _ = write!(
            text,
            "slave{i}:ip={},port={},state={},offset={},lag={lag},type=replica\r\n",
            replica.ip,
            replica.port,
            replica.state(),
            replica.acked
        );
    }
}

fn upstream<T: Into<Value>>(glance: &Glance<'_>, value: impl Fn(&Upstream) -> T) -> Value {
    glance.core.replication.upstream.as_ref().map(value).into()
}

/// A figure about the image that comes in.
fn image(glance: &Glance<'_>, value: impl Fn(u64, Option<u64>) -> Value) -> Value {
    match glance.core.replication.upstream.as_ref().map(|u| u.link) {
        Some(Link::Image(read, total)) => value(read, total),
        _ => Value::Absent,
    }
}

fn percentage(read: u64, total: Option<u64>) -> Value {
    let share = total.filter(|total| *total > 0).map_or(0.0, |total| read as f64 * 100.0 / total as f64);
    percent(share).to_string().trim_end_matches('%').to_owned().into()
}

fn backlog(glance: &Glance<'_>, value: impl Fn(&Backlog) -> u64) -> Value {
    glance.core.replication.backlog.as_ref().map_or(0, value).into()
}

fn since_s(glance: &Glance<'_>, ms: u64) -> i64 {
    (glance.core.bus_now().saturating_sub(ms) / 1000) as i64
}
