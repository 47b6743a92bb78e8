//! What a thread of the generator itself costs and suffers: the difference between a slow server and a slow
//! benchmark.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::stats::Effort;

/// Reads the calling thread's CPU time and the time it waited for a CPU.
#[derive(Debug)]
pub struct Watch {
    /// `/proc/thread-self/schedstat`: CPU time, run-queue wait (both ns), time slices. Not on every kernel.
    schedstat: Option<File>,
    before: Effort,
}

impl Watch {
    /// For the calling thread.
    pub fn start() -> Watch {
        let mut watch =
            Watch { schedstat: File::open("/proc/thread-self/schedstat").ok(), before: Effort::default() };
        watch.lap();
        watch
    }

    /// The effort since the last call.
    pub fn lap(&mut self) -> Effort {
        let now = Effort { cpu_ns: thread_cpu_ns(), waited_ns: self.waited_ns().unwrap_or(0) };
        let lap = Effort {
            cpu_ns: now.cpu_ns - self.before.cpu_ns,
            waited_ns: now.waited_ns.saturating_sub(self.before.waited_ns),
        };
        self.before = now;
        lap
    }

    fn waited_ns(&self) -> Option<u64> {
        let mut text = [0; 128];
        let len = self.schedstat.as_ref()?.read_at(&mut text, 0).ok()?;
        std::str::from_utf8(&text[..len]).ok()?.split_whitespace().nth(1)?.parse().ok()
    }
}

fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec; the clock exists on every Linux, and a failure leaves zeros.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Ties the calling thread to one CPU; `false` when there is no such CPU.
pub fn pin(cpu: usize) -> bool {
    // SAFETY: an all-zero cpu_set_t is the empty set; CPU_SET checks nothing, so the bound is checked first.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if cpu >= libc::CPU_SETSIZE as usize {
            return false;
        }
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) == 0
    }
}

/// Lets timers of the calling thread fire on time instead of up to 50 us later.
pub fn sharpen_timers() {
    // SAFETY: PR_SET_TIMERSLACK takes a number and touches no memory.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
}
