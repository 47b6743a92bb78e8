//! Section Memory.

use super::glance::Glance;
use super::value::Rule::{First, Max, Sum};
use super::value::{Field, Value};

/// Section Memory.
pub(super) const MEMORY: &[Field] = &[
    ("used_memory", Sum, |g| g.memory.used.into()),
    ("used_memory_human", Sum, |g| Value::Size(g.memory.used)),
    ("used_memory_rss", First, |g| g.resident.into()),
    ("used_memory_rss_human", First, |g| g.resident.map(Value::Size).into()),
    ("used_memory_peak", Sum, |g| g.memory.peak.into()),
    ("used_memory_peak_human", Sum, |g| Value::Size(g.memory.peak)),
    ("used_memory_peak_perc", Sum, |g| Value::Percent(g.memory.used as f64, g.memory.peak as f64)),
    ("used_memory_overhead", Sum, |g| g.memory.overhead().into()),
    ("used_memory_dataset", Sum, |g| g.memory.dataset.into()),
    ("used_memory_dataset_perc", Sum, |g| Value::Percent(g.memory.dataset as f64, g.memory.used as f64)),
    ("total_system_memory", First, |g| g.machine.into()),
    ("total_system_memory_human", First, |g| g.machine.map(Value::Size).into()),
    ("used_memory_lua", Sum, |g| g.scripts.eval_bytes.into()),
    ("used_memory_vm_eval", Sum, |g| g.scripts.eval_bytes.into()),
    ("used_memory_lua_human", Sum, |g| Value::Size(g.scripts.eval_bytes as u64)),
    ("used_memory_scripts_eval", Sum, |g| g.scripts.script_bytes.into()),
    ("number_of_cached_scripts", Max, |g| g.scripts.scripts.into()),
    ("number_of_functions", Max, |g| g.scripts.functions.into()),
    ("number_of_libraries", Max, |g| g.scripts.libraries.into()),
    ("used_memory_vm_functions", Sum, |g| g.scripts.function_bytes.into()),
    ("used_memory_vm_total", Sum, |g| (g.scripts.eval_bytes + g.scripts.function_bytes).into()),
    ("used_memory_vm_total_human", Sum, |g| {
        Value::Size((g.scripts.eval_bytes + g.scripts.function_bytes) as u64)
    }),
    ("used_memory_functions", Sum, |g| g.scripts.library_bytes.into()),
    ("used_memory_scripts", Sum, |g| (g.scripts.script_bytes + g.scripts.library_bytes).into()),
    ("used_memory_scripts_human", Sum, |g| {
        Value::Size((g.scripts.script_bytes + g.scripts.library_bytes) as u64)
    }),
    ("maxmemory", First, |g| g.core.config.limits.maxmemory.into()),
    ("maxmemory_human", First, |g| Value::Size(g.core.config.limits.maxmemory)),
    ("maxmemory_policy", First, |g| g.core.config.limits.maxmemory_policy.word().into()),
    ("mem_fragmentation_ratio", Sum, |g| g.fragmentation()),
    ("mem_fragmentation_bytes", Sum, |g| g.fragmentation_bytes()),
    ("mem_not_counted_for_evict", Sum, |g| g.core.not_counted_for_eviction().into()),
    ("mem_replication_backlog", Sum, |g| (stream(g) - held_back(g)).into()),
    ("mem_total_replication_buffers", Sum, |g| stream(g).into()),
    ("mem_clients_slaves", Sum, |g| held_back(g).into()),
    ("mem_clients_normal", Sum, |g| g.clients.memory.into()),
    ("mem_cluster_links", Sum, |g| Glance::bus_bytes(g).into()),
    ("mem_aof_buffer", Sum, |_| 0.into()),
    ("mem_allocator", First, |_| "mimalloc".into()),
    ("mem_overhead_db_hashtable_rehashing", Sum, |_| 0.into()),
    ("active_defrag_running", Max, |_| 0.into()),
    ("lazyfree_pending_objects", Sum, |g| g.core.garbage.len().into()),
    ("lazyfreed_objects", Sum, |g| g.core.garbage.freed().into()),
];

/// Bytes of the stream that are kept.
fn stream(glance: &Glance<'_>) -> u64 {
    glance.core.replication.backlog.as_ref().map_or(0, |backlog| backlog.len() as u64)
}

/// Those that only a slow replica needs.
fn held_back(glance: &Glance<'_>) -> u64 {
    glance.core.replication.held_back(glance.core.config.replication.repl_backlog_size)
}
