//! Section Replication: the role, the master, the replicas, the stream.

use replication::Backlog;

use super::glance::Glance;
use super::lists::Lines;
use super::value::Rule::{First, Max, Min, Sum};
use super::value::{Field, Value};
use crate::core::loading::Loading;
use crate::replication::upstream::Upstream;

/// The role and, of a replica, the master; then who follows this node.
pub(super) const BEFORE: &[Field] = &[
    ("role", First, |g| if g.core.replication.is_replica() { "slave" } else { "master" }.into()),
    ("master_host", First, |g| upstream(g, |u| u.host.clone())),
    ("master_port", First, |g| upstream(g, |u| u.port)),
    ("master_link_status", First, |g| upstream(g, |u| if u.is_up() { "up" } else { "down" })),
    ("master_last_io_seconds_ago", First, |g| {
        upstream(g, |u| if u.is_up() { since_s(g, u.heard_ms) } else { -1 })
    }),
    ("master_sync_in_progress", First, |g| upstream(g, |_| g.core.image().is_some())),
    ("slave_read_repl_offset", First, |g| upstream(g, |_| g.core.replication.offset_read())),
    ("slave_repl_offset", First, |g| upstream(g, |_| g.core.replication.offset())),
    ("master_sync_total_bytes", First, |g| image(g, |image| image.total_bytes.into())),
    ("master_sync_read_bytes", First, |g| image(g, |image| image.loaded_bytes.into())),
    ("master_sync_left_bytes", First, |g| image(g, |image| image.left_bytes().into())),
    ("master_sync_perc", First, |g| image(g, |image| image.percent())),
    ("master_sync_last_io_seconds_ago", First, |g| {
        let heard = g.core.replication.upstream.as_ref().map_or(0, |u| u.heard_ms);
        image(g, |_| since_s(g, heard).into())
    }),
    ("master_link_down_since_seconds", First, |g| {
        let down = g.core.replication.upstream.as_ref().filter(|u| !u.is_up());
        down.map(|u| if u.down_since_ms == 0 { -1 } else { since_s(g, u.down_since_ms) }).into()
    }),
    ("slave_priority", First, |g| upstream(g, |_| g.core.config.replication.replica_priority)),
    ("slave_read_only", First, |g| upstream(g, |_| g.core.config.replication.replica_read_only)),
    ("replica_announced", First, |g| upstream(g, |_| g.core.config.replication.replica_announced)),
    ("connected_slaves", Sum, |g| g.core.replication.replicas.len().into()),
    ("min_slaves_good_slaves", Min, |g| {
        let config = &g.core.config.replication;
        let asked = config.min_replicas_to_write > 0 && config.min_replicas_max_lag > 0;
        asked.then_some(g.core.replication.replicas.good).into()
    }),
];

/// The stream.
pub(super) const AFTER: &[Field] = &[
    ("replicas_waiting_psync", Sum, |_| 0.into()),
    ("master_failover_state", First, |_| "no-failover".into()),
    ("master_replid", First, |g| g.core.replication.history.id.to_string().into()),
    ("master_replid2", First, |g| g.core.replication.second_id().into()),
    ("master_repl_offset", First, |g| g.core.replication.offset().into()),
    ("second_repl_offset", First, |g| {
        g.core.replication.history.second.as_ref().map_or(-1, |(_, last)| *last as i64).into()
    }),
    ("repl_backlog_active", Max, |g| g.core.replication.backlog.is_some().into()),
    ("repl_backlog_size", First, |g| g.core.config.replication.repl_backlog_size.into()),
    ("repl_backlog_first_byte_offset", First, |g| backlog(g, |backlog| backlog.start() + 1)),
    ("repl_backlog_histlen", Sum, |g| backlog(g, |backlog| backlog.len() as u64)),
];

/// What there is to say of each replica.
pub(super) fn replicas(glance: &Glance<'_>) -> Lines {
    let replicas = glance.core.replication.replicas.iter().map(|replica| {
        let lag = if replica.is_online() { replica.lag_s(glance.core.now_ms) } else { 0 };
        format!(
            "ip={},port={},state={},offset={},lag={lag},type=replica",
            replica.ip,
            replica.port,
            replica.state(),
            replica.acked
        )
    });
    Lines::Replicas(replicas.collect())
}

fn upstream<T: Into<Value>>(glance: &Glance<'_>, value: impl Fn(&Upstream) -> T) -> Value {
    glance.core.replication.upstream.as_ref().map(value).into()
}

/// A figure about the image that comes in.
fn image(glance: &Glance<'_>, value: impl Fn(Loading) -> Value) -> Value {
    glance.core.image().map_or(Value::Absent, value)
}

fn backlog(glance: &Glance<'_>, value: impl Fn(&Backlog) -> u64) -> Value {
    glance.core.replication.backlog.as_ref().map_or(0, value).into()
}

fn since_s(glance: &Glance<'_>, ms: u64) -> i64 {
    (glance.core.bus_now().saturating_sub(ms) / 1000) as i64
}
