//! When a small collection turns into a large one.

use crate::config::row::{INT_MAX, INT_MIN, LONG_MAX, group, memory, number};

group! {
    /// Thresholds of encodings, as OBJECT ENCODING shows them.
    Encodings in config.encodings;

    /// Most fields of a hash kept as one listpack
    hash_max_listpack_entries: usize =
        number("hash-max-listpack-entries", 0, LONG_MAX, "512").alias("hash-max-ziplist-entries");
    /// Longest field or value of such a hash, in bytes
    hash_max_listpack_value: usize =
        memory("hash-max-listpack-value", 0, LONG_MAX, "64").alias("hash-max-ziplist-value");
    /// Size of a list's nodes: entries if positive; -1 to -5 is 4, 8, 16, 32, 64 kilobytes
    list_max_listpack_size: i32 =
        number("list-max-listpack-size", INT_MIN, INT_MAX, "-2").alias("list-max-ziplist-size");
    /// Nodes at each end of a list that are never compressed; 0 compresses none
    list_compress_depth: u32 = number("list-compress-depth", 0, INT_MAX, "0");
    /// Most members of a set of integers kept as one intset
    set_max_intset_entries: usize = number("set-max-intset-entries", 0, LONG_MAX, "512");
    /// Most members of a set kept as one listpack
    set_max_listpack_entries: usize = number("set-max-listpack-entries", 0, LONG_MAX, "128");
    /// Longest member of such a set, in bytes
    set_max_listpack_value: usize = number("set-max-listpack-value", 0, LONG_MAX, "64");
    /// Most members of a sorted set kept as one listpack
    zset_max_listpack_entries: usize =
        number("zset-max-listpack-entries", 0, LONG_MAX, "128").alias("zset-max-ziplist-entries");
    /// Longest member of such a sorted set, in bytes
    zset_max_listpack_value: usize =
        memory("zset-max-listpack-value", 0, LONG_MAX, "64").alias("zset-max-ziplist-value");
    /// Largest sparse HyperLogLog, in bytes
    hll_sparse_max_bytes: usize = memory("hll-sparse-max-bytes", 0, LONG_MAX, "3000");
    /// Largest node of a stream, in bytes; 0 is no limit
    stream_node_max_bytes: usize = memory("stream-node-max-bytes", 0, LONG_MAX, "4096");
    /// Most entries of a stream's node; 0 is no limit
    stream_node_max_entries: i64 = number("stream-node-max-entries", 0, LONG_MAX, "100");
}
