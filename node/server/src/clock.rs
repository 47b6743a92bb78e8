//! The clocks: unix time for expiries, monotonic time for measuring.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Unix time in milliseconds.
pub fn unix_ms() -> u64 {
    unix_us() / 1000
}

/// Unix time in microseconds.
pub fn unix_us() -> u64 {
    // A clock set before 1970 reads as 1970.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64)
}

/// Unix time that never runs backwards within a process: the wall clock read once, monotonic time added.
#[derive(Debug, Clone, Copy)]
pub struct SteadyClock {
    started: Instant,
    started_ms: u64,
}

impl SteadyClock {
    /// The clock, set by the wall clock now.
    pub fn start() -> SteadyClock {
        SteadyClock { started: Instant::now(), started_ms: unix_ms() }
    }

    /// Unix milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.started_ms + self.uptime_ms()
    }

    /// Milliseconds since the start.
    pub fn uptime_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}
