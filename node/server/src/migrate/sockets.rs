//! Connections to other servers, kept for the next MIGRATE: a slot moves with many, one right behind the other.
//!
//! One that is in use is its task's; only idle ones are here.

use crate::channel::Channel;

/// Most connections that are kept.
const KEEP: usize = 64;
/// How long one is kept unused, ms.
const KEEP_MS: u64 = 10_000;

/// A connection to another server.
pub struct Target {
    /// The connection.
    pub stream: Channel,
    /// The database it is at, as far as is known.
    pub db: Option<i64>,
}

struct Idle {
    host: String,
    port: u16,
    since_ms: u64,
    target: Target,
}

/// Idle connections, the one used last at the end.
#[derive(Default)]
pub struct Sockets(Vec<Idle>);

impl Sockets {
    /// A connection to this address, if one is kept.
    pub fn take(&mut self, host: &str, port: u16) -> Option<Target> {
        let at = self.0.iter().rposition(|idle| idle.host == host && idle.port == port)?;
        Some(self.0.remove(at).target)
    }

    /// Keeps a connection.
    pub fn give(&mut self, host: &str, port: u16, target: Target, now_ms: u64) {
        if self.0.len() == KEEP {
            self.0.remove(0);
        }
        self.0.push(Idle { host: host.to_owned(), port, since_ms: now_ms, target });
    }

    /// Closes those that were not used for some time.
    pub fn close_idle(&mut self, now_ms: u64) {
        self.0.retain(|idle| now_ms.saturating_sub(idle.since_ms) <= KEEP_MS);
    }
}
