//! Keys: expiry, freeing, events.

use crate::config::kind::Kind;
use crate::config::row::{group, number, special, yes_no};

group! {
    /// How keys come to their end, and who hears of it.
    Keyspace in config.keyspace;

    /// How much work goes into finding expired keys, from 1 to 10
    active_expire_effort: u32 = number("active-expire-effort", 1, 10, "1");
    /// Grow tables in the background too, and not only by writes
    activerehashing: bool = yes_no("activerehashing", "yes");
    /// Free evicted keys in the background
    lazyfree_lazy_eviction: bool = yes_no("lazyfree-lazy-eviction", "yes");
    /// Free expired keys in the background
    lazyfree_lazy_expire: bool = yes_no("lazyfree-lazy-expire", "yes");
    /// Free keys that a command overwrites in the background
    lazyfree_lazy_server_del: bool = yes_no("lazyfree-lazy-server-del", "yes");
    /// Let DEL free in the background, as UNLINK does
    lazyfree_lazy_user_del: bool = yes_no("lazyfree-lazy-user-del", "yes");
    /// Let FLUSHALL and FLUSHDB free in the background unless told SYNC
    lazyfree_lazy_user_flush: bool = yes_no("lazyfree-lazy-user-flush", "yes");
    /// Which keyspace events are published; bits of `value::notify`
    notify_keyspace_events: u32 = special("notify-keyspace-events", Kind::Notify, "");
}
