//! What the process asks of the kernel for itself: signals and limits.

use std::sync::atomic::Ordering;

use crate::session::INTERRUPTED;

/// Open files beside the load's sockets: the rings, standard streams, and lanes that are just reconnecting.
const OTHER_FILES: u64 = 256;

/// Lets SIGINT end the sending; a second one ends the process as usual.
pub fn watch_interrupts() {
    extern "C" fn note(_: libc::c_int) {
        INTERRUPTED.store(true, Ordering::Relaxed);
    }
    let handler = note as extern "C" fn(libc::c_int);
    // SAFETY: the handler only stores to an atomic, which is safe in a signal handler; SA_RESETHAND puts the
    // default back after the first signal.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_RESETHAND | libc::SA_RESTART;
        libc::sigaction(libc::SIGINT, &action, std::ptr::null_mut());
    }
}

/// Raises the soft limit of open files to what `connections` need.
pub fn raise_file_limit(connections: usize) -> Result<(), String> {
    let needed = connections as u64 + OTHER_FILES;
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a valid rlimit and touch nothing else.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
    }
    if limit.rlim_max < needed {
        return Err(format!(
            "{connections} connections need {needed} open files, the limit is {}: raise it (ulimit -n)",
            limit.rlim_max
        ));
    }
    Ok(())
}
