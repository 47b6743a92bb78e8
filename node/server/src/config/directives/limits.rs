//! What clients and data may use up.

use crate::config::kind::{Kind, Unit};
use crate::config::row::{INT_MAX, LONG_MAX, UINT_MAX, ULONG_MAX, group, memory, number, one_of, special};
use crate::config::value::{BUFFER_CLASSES, BufferLimit, MaxmemoryPolicy};

const MIB: i128 = 1 << 20;

group! {
    /// Bounds of clients and memory.
    Limits in config.limits;

    /// Most clients at once
    maxclients: u32 = number("maxclients", 1, UINT_MAX, "10000");
    /// Most bytes of requests that wait to be run, of one client
    client_query_buffer_limit: usize = memory("client-query-buffer-limit", MIB, LONG_MAX, "1gb");
    /// When a client that does not read its replies is closed: class, hard and soft limit, seconds above soft
    client_output_buffer_limit: [BufferLimit; BUFFER_CLASSES.len()] = special(
        "client-output-buffer-limit",
        Kind::BufferLimits,
        "normal 0 0 0 slave 256mb 64mb 60 pubsub 32mb 8mb 60",
    );
    /// Largest argument of a command, in bytes
    proto_max_bulk_len: usize = memory("proto-max-bulk-len", MIB, LONG_MAX, "512mb");
    /// Most memory for data, of the whole process, in bytes; 0 is no limit
    maxmemory: u64 = memory("maxmemory", 0, ULONG_MAX, "0");
    /// What gives way above maxmemory
    maxmemory_policy: MaxmemoryPolicy =
        one_of("maxmemory-policy", MaxmemoryPolicy::WORDS, "noeviction");
    /// Keys looked at to find the best one to evict
    maxmemory_samples: u32 = number("maxmemory-samples", 1, 64, "5");
    /// How long eviction may keep clients waiting, from 0 (least) to 100 (no bound)
    maxmemory_eviction_tenacity: u32 =
        number("maxmemory-eviction-tenacity", 0, 100, "10");
    /// Most memory of all clients in bytes, or if negative, a percentage of maxmemory; 0 is no limit
    maxmemory_clients: i64 = special(
        "maxmemory-clients",
        Kind::Int { min: -100, max: LONG_MAX, unit: Unit::MemoryOrPercent },
        "0",
    );
    /// How slowly the LFU counter grows
    lfu_log_factor: u32 = number("lfu-log-factor", 0, INT_MAX, "10");
    /// Minutes after which the LFU counter halves
    lfu_decay_time: u32 = number("lfu-decay-time", 0, INT_MAX, "1");
    /// Most keys remembered for clients that track; 0 is no limit
    tracking_table_max_keys: u64 =
        number("tracking-table-max-keys", 0, LONG_MAX, "1000000");
    /// Milliseconds after which a script or a module command makes other clients get BUSY
    busy_reply_threshold: i64 =
        number("busy-reply-threshold", 0, LONG_MAX, "5000").alias("lua-time-limit");
    /// Most memory of a core's scripts, and of its functions, in bytes
    lua_memory_limit: usize = memory("lua-memory-limit", MIB, LONG_MAX, "512mb");
}
