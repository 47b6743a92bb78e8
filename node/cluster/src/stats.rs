//! Counters of CLUSTER INFO.

/// Names of the packet types in CLUSTER INFO, by their number on the wire.
pub(crate) const TYPE_NAMES: [&str; 11] = [
    "ping",
    "pong",
    "meet",
    "fail",
    "publish",
    "auth-req",
    "auth-ack",
    "update",
    "mfstart",
    "module",
    "publishshard",
];

/// What was sent and received so far.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Packets sent, by type.
    pub sent: [u64; TYPE_NAMES.len()],
    /// Packets received, by type.
    pub received: [u64; TYPE_NAMES.len()],
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Links closed because their send buffer exceeded `cluster-link-sendbuf-limit`.
    pub buffer_limit_exceeded: u64,
    /// Packets refused as malformed.
    pub malformed: u64,
}

impl crate::Cluster {
    /// The counters so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Sets every counter back to zero (CONFIG RESETSTAT).
    pub fn reset_stats(&mut self) {
        self.stats = Stats::default();
    }
}
