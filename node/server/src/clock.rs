//! The clocks: unix time for expiries, monotonic time for measuring.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

/// A moment to measure from: two reads and a subtraction, several times a command.
///
/// `Instant` costs a call into the vDSO and a normalised subtraction, 7% of a pipelined GET when measured; the
/// CPU's own counter is one instruction. Where it does not run at a constant rate, `Instant` is used.
#[derive(Debug, Clone, Copy)]
pub struct Moment(u64);

/// Nanoseconds per counter step, times 2^32; 0 when the counter is not to be used.
static STEP: OnceLock<u64> = OnceLock::new();
static ANCHOR: OnceLock<Instant> = OnceLock::new();

impl Moment {
    /// Now.
    #[inline]
    pub fn now() -> Moment {
        if step() != 0 { Moment(counter()) } else { Moment(nanoseconds()) }
    }

    /// Nanoseconds since then.
    #[inline]
    pub fn elapsed_ns(self) -> u64 {
        Moment::now().ns_after(self)
    }

    /// Nanoseconds from `earlier` to this moment.
    #[inline]
    fn ns_after(self, earlier: Moment) -> u64 {
        let steps = self.0.saturating_sub(earlier.0);
        match step() {
            0 => steps,
            step => ((u128::from(steps) * u128::from(step)) >> 32) as u64,
        }
    }
}

/// The times of commands that run one behind the other: where one ends the next begins, so that the clock is read once
/// for each. (Two reads were 7% of a pipelined GET.) The way from a request to its handler is part of its time then.
#[derive(Debug, Default)]
pub struct Laps {
    start: Option<Moment>,
    end: Option<Moment>,
}

impl Laps {
    /// When the command that begins now is taken to have begun.
    #[inline]
    pub fn begin(&mut self) -> Moment {
        self.start.take().unwrap_or_else(Moment::now)
    }

    /// Ends a command that began at `start`; how many nanoseconds it took.
    #[inline]
    pub fn end(&mut self, start: Moment) -> u64 {
        let now = Moment::now();
        self.end = Some(now);
        now.ns_after(start)
    }

    /// The next command follows at once.
    #[inline]
    pub fn go_on(&mut self) {
        self.start = self.end.take();
    }

    /// What comes now is no command's time.
    #[inline]
    pub fn cut(&mut self) {
        *self = Laps::default();
    }
}

#[inline]
fn step() -> u64 {
    *STEP.get_or_init(calibrate)
}

fn nanoseconds() -> u64 {
    ANCHOR.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Measures the counter against the system's clock for some milliseconds; once a process.
fn calibrate() -> u64 {
    const TIME: Duration = Duration::from_millis(5);
    if !counter_is_constant() {
        return 0;
    }
    let (start, first) = (Instant::now(), counter());
    std::thread::sleep(TIME);
    let (elapsed, steps) = (start.elapsed().as_nanos(), u128::from(counter().saturating_sub(first)));
    (elapsed << 32).checked_div(steps).and_then(|step| u64::try_from(step).ok()).unwrap_or(0)
}

#[cfg(target_arch = "x86_64")]
fn counter_is_constant() -> bool {
    // Leaf 0x80000007, bit 8 of EDX: the counter runs at one rate in all states.
    let top = std::arch::x86_64::__cpuid(0x8000_0000).eax;
    top >= 0x8000_0007 && std::arch::x86_64::__cpuid(0x8000_0007).edx & 1 << 8 != 0
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn counter() -> u64 {
    // SAFETY: every x86-64 CPU has the instruction, and Linux allows it to processes.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn counter_is_constant() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn counter() -> u64 {
    0
}
