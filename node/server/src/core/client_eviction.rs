//! `maxmemory-clients`: when connections together take too much, the largest go first.
//!
//! Summing all connections up before each command would be work for each of them. Each connection's bytes are
//! counted anew when it was served, and the sum follows by the difference; only a sum over the limit is a reason to
//! look at all of them ("Client eviction", redis.io/docs/latest/develop/reference/clients/).

use std::cmp::Reverse;

use crate::client::{Client, Closing};
use crate::core::Core;
use crate::log::notice;

impl Core {
    /// Most bytes of this core's connections, if they are limited; an even part of the process's.
    fn client_limit(&self) -> Option<u64> {
        let limits = &self.config.limits;
        let limit = match limits.maxmemory_clients {
            0 => return None,
            bytes @ 1.. => bytes as u64,
            // A percentage of maxmemory; of no limit, it is none.
            _ if limits.maxmemory == 0 => return None,
            percent => limits.maxmemory / 100 * percent.unsigned_abs(),
        };
        Some(limit / self.process.cores.len() as u64)
    }

    /// Memory held for a connection, in bytes, about: its own, and what it watches, hears of and tracks.
    pub fn client_memory(&self, client: &Client) -> usize {
        client.memory()
            + self.watch.bytes_of(self.session(client))
            + self.pubsub.bytes_of(client.index)
            + self.tracking.bytes_of(client.index)
    }

    fn evictable_memory(&self, client: &Client) -> usize {
        if client.is_evictable() { self.client_memory(client) } else { 0 }
    }

    /// Counts a connection's memory anew, after it was served.
    #[inline]
    pub fn count_client(&mut self, client: &mut Client) {
        if self.config.limits.maxmemory_clients != 0 {
            let bytes = self.evictable_memory(client);
            self.client_bytes = self.client_bytes - client.counted_bytes as u64 + bytes as u64;
            client.counted_bytes = bytes;
        }
    }

    /// Counts all connections anew: what was not counted while there was no limit is now.
    pub fn count_clients(&mut self) {
        let counted: Vec<(u32, usize)> =
            self.clients.iter().map(|client| (client.index, self.evictable_memory(client))).collect();
        self.client_bytes = counted.iter().map(|(_, bytes)| *bytes as u64).sum();
        for (index, bytes) in counted {
            if let Some(client) = self.clients.get(index) {
                client.counted_bytes = bytes;
            }
        }
    }

    /// Closes the largest connections until the rest fits the limit.
    pub fn evict_clients(&mut self) {
        let Some(limit) = self.client_limit().filter(|limit| self.client_bytes > *limit) else { return };
        let mut by_size: Vec<(usize, u32)> = Vec::new();
        let open =
            self.clients.iter().filter(|client| client.closing == Closing::No && client.is_evictable());
        open.for_each(|client| by_size.push((client.counted_bytes, client.index)));
        by_size.sort_unstable_by_key(|(bytes, _)| Reverse(*bytes));
        for (bytes, index) in by_size {
            if self.client_bytes <= limit {
                break;
            }
            let Some(client) = self.clients.get(index) else { continue };
            notice!("Evicting client: id={} addr={} tot-mem={bytes}", client.id, client.peer);
            client.counted_bytes = 0;
            client.shut();
            self.client_bytes -= bytes as u64;
            self.stats.evicted_clients += 1;
            self.mark_outgoing(index);
        }
    }
}
