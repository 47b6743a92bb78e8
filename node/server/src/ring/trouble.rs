//! Rings that cannot be had, and why, in a sentence for the operator.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// Locked memory a core takes at least: its rings and their buffers (`tuning/data/memory.toml`).
pub const MEMLOCK_PER_CORE: u64 = 512 << 10;
/// How long a ring that fails for locked memory is tried again.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

/// What `attempt` makes, tried again for a while when memory cannot be locked: that of a process that has just ended is
/// given back a moment later.
///
/// # Errors
/// The last one of `attempt`.
pub fn patiently<T>(attempt: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(e) if e.raw_os_error() == Some(libc::ENOMEM) && start.elapsed() < PATIENCE => {
                thread::sleep(PAUSE);
            }
            result => return result,
        }
    }
}

/// What is missing, and what to do, when the rings of `cores` cores fail with `error`.
pub fn sentence(error: &io::Error, cores: usize) -> String {
    match error.raw_os_error() {
        Some(libc::ENOSYS) => "io_uring is missing: Ringmaster needs Linux 6.1 or newer".to_owned(),
        Some(libc::EPERM | libc::EACCES) => "io_uring is not allowed here: set the sysctl \
            kernel.io_uring_disabled=0 and let the container's seccomp profile pass io_uring_setup, io_uring_enter \
            and io_uring_register"
            .to_owned(),
        Some(libc::ENOMEM) => too_little_locked(cores),
        Some(libc::EINVAL) => {
            "this kernel's io_uring is too old: Ringmaster needs Linux 6.1 or newer".to_owned()
        }
        _ => format!("io_uring cannot be set up: {error}"),
    }
}

fn too_little_locked(cores: usize) -> String {
    format!(
        "too little locked memory for io_uring: this user's processes may lock {} KiB together, and {cores} core{} \
         {} KiB; raise the limit with 'ulimit -l unlimited', or LimitMEMLOCK=infinity in the systemd unit",
        memlock_limit() >> 10,
        if cores == 1 { " needs" } else { "s need" },
        (MEMLOCK_PER_CORE * cores as u64) >> 10,
    )
}

/// Bytes of memory that may be locked.
pub fn memlock_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live value; a failure leaves zeros.
    unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) };
    limit.rlim_cur
}
