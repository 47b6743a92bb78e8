//! The values a key can hold, in the encodings clients and dump files know from Redis.
//!
//! A keyspace is millions of small collections, so what a value costs beside its own bytes decides how much
//! memory a node needs. A pointer and a header per element, the obvious way, costs several times the data.
//! So every type starts as one allocation in a packed format ([`listpack`], [`intset`]) and changes to a
//! table or a tree only past the thresholds of [`Limits`], exactly where Redis does, because
//! `OBJECT ENCODING` and `DUMP` show the difference.

mod blob;
mod packed_or;
mod thin;

pub mod hash;
pub mod hyperloglog;
pub mod int;
pub mod intset;
pub mod list;
pub mod listpack;
pub mod sample;
pub mod set;
pub mod stream;
pub mod zset;

pub use hash::Hash;
pub use list::List;
pub use set::Set;
pub use stream::Stream;
pub use zset::Zset;

/// Where each type leaves its compact encoding: the configuration's `*-max-*` directives.
///
/// The defaults are those of Redis 7.2's `redis.conf`, "ADVANCED CONFIG". An entry count is the last one
/// that is still compact; a value length is in bytes, the longest that is still compact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `hash-max-listpack-entries`: fields of a packed hash.
    pub hash_max_listpack_entries: usize,
    /// `hash-max-listpack-value`: bytes of a field or a value of a packed hash.
    pub hash_max_listpack_value: usize,
    /// `set-max-intset-entries`: members of a set kept as sorted integers.
    pub set_max_intset_entries: usize,
    /// `set-max-listpack-entries`: members of a packed set.
    pub set_max_listpack_entries: usize,
    /// `set-max-listpack-value`: bytes of a member of a packed set.
    pub set_max_listpack_value: usize,
    /// `list-max-listpack-size`: positive, entries of a list's node; -1 to -5, its size of 4 to 64 KiB.
    pub list_max_listpack_size: i32,
    /// `list-compress-depth`: nodes at each end of a list that are never compressed; 0 compresses none.
    pub list_compress_depth: u32,
    /// `DEBUG QUICKLIST-PACKED-THRESHOLD`: bytes from which on a list's element gets a node of its own; 0 is
    /// the size `list_max_listpack_size` allows a node.
    pub quicklist_packed_threshold: usize,
    /// `zset-max-listpack-entries`: members of a packed sorted set.
    pub zset_max_listpack_entries: usize,
    /// `zset-max-listpack-value`: bytes of a member of a packed sorted set.
    pub zset_max_listpack_value: usize,
    /// `stream-node-max-bytes`: bytes of one node of a stream; 0 is no limit.
    pub stream_node_max_bytes: usize,
    /// `stream-node-max-entries`: entries of one node of a stream; 0 is no limit.
    pub stream_node_max_entries: usize,
    /// `hll-sparse-max-bytes`: bytes of a HyperLogLog in its sparse form.
    pub hll_sparse_max_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            set_max_intset_entries: 512,
            set_max_listpack_entries: 128,
            set_max_listpack_value: 64,
            list_max_listpack_size: -2,
            list_compress_depth: 0,
            quicklist_packed_threshold: 0,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            stream_node_max_bytes: 4096,
            stream_node_max_entries: 100,
            hll_sparse_max_bytes: 3000,
        }
    }
}
