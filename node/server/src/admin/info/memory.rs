//! Section Memory.

use super::glance::Glance;
use super::value::{Field, Value, human, percent};

/// Section Memory.
pub(super) const MEMORY: &[Field] = &[
    ("used_memory", |g| g.memory.used.into()),
    ("used_memory_human", |g| human(g.memory.used)),
    ("used_memory_rss", |g| g.resident.into()),
    ("used_memory_rss_human", |g| or_absent(g.resident, human)),
    ("used_memory_peak", |g| g.memory.peak.into()),
    ("used_memory_peak_human", |g| human(g.memory.peak)),
    ("used_memory_peak_perc", |g| percent(g.memory.peak_percent())),
    ("used_memory_overhead", |g| g.memory.overhead().into()),
    ("used_memory_dataset", |g| g.memory.dataset.into()),
    ("used_memory_dataset_perc", |g| percent(g.memory.dataset_percent())),
    ("total_system_memory", |g| g.machine.into()),
    ("total_system_memory_human", |g| or_absent(g.machine, human)),
    ("used_memory_lua", |g| g.scripts.eval_bytes.into()),
    ("used_memory_vm_eval", |g| g.scripts.eval_bytes.into()),
    ("used_memory_lua_human", |g| human(g.scripts.eval_bytes as u64)),
    ("used_memory_scripts_eval", |g| g.scripts.script_bytes.into()),
    ("number_of_cached_scripts", |g| g.scripts.scripts.into()),
    ("number_of_functions", |g| g.scripts.functions.into()),
    ("number_of_libraries", |g| g.scripts.libraries.into()),
    ("used_memory_vm_functions", |g| g.scripts.function_bytes.into()),
    ("used_memory_vm_total", |g| (g.scripts.eval_bytes + g.scripts.function_bytes).into()),
    ("used_memory_vm_total_human", |g| human((g.scripts.eval_bytes + g.scripts.function_bytes) as u64)),
    ("used_memory_functions", |g| g.scripts.library_bytes.into()),
    ("used_memory_scripts", |g| (g.scripts.script_bytes + g.scripts.library_bytes).into()),
    ("used_memory_scripts_human", |g| human((g.scripts.script_bytes + g.scripts.library_bytes) as u64)),
    ("maxmemory", |g| g.core.config.limits.maxmemory.into()),
    ("maxmemory_human", |g| human(g.core.config.limits.maxmemory)),
    ("maxmemory_policy", |g| g.core.config.limits.maxmemory_policy.word().into()),
    ("mem_fragmentation_ratio", |g| g.fragmentation().into()),
    ("mem_fragmentation_bytes", |g| g.fragmentation_bytes().into()),
    ("mem_not_counted_for_evict", |g| g.core.not_counted_for_eviction().into()),
    ("mem_replication_backlog", |g| (stream(g) - held_back(g)).into()),
    ("mem_total_replication_buffers", |g| stream(g).into()),
    ("mem_clients_slaves", |g| held_back(g).into()),
    ("mem_clients_normal", |g| g.clients.memory.into()),
    ("mem_cluster_links", |g| Glance::bus_bytes(g).into()),
    ("mem_aof_buffer", |_| 0.into()),
    ("mem_allocator", |_| "mimalloc".into()),
    ("mem_overhead_db_hashtable_rehashing", |_| 0.into()),
    ("active_defrag_running", |_| 0.into()),
    ("lazyfree_pending_objects", |g| g.core.garbage.len().into()),
    ("lazyfreed_objects", |g| g.core.garbage.freed().into()),
];

fn or_absent(bytes: Option<u64>, show: fn(u64) -> Value) -> Value {
    bytes.map_or(Value::Absent, show)
}

/// Bytes of the stream that are kept.
fn stream(glance: &Glance<'_>) -> u64 {
    glance.core.replication.backlog.as_ref().map_or(0, |backlog| backlog.len() as u64)
}

/// Those that only a slow replica needs.
fn held_back(glance: &Glance<'_>) -> u64 {
    glance.core.replication.held_back(glance.core.config.replication.repl_backlog_size)
}
