//! The one module that knows glommio: a pinned executor per core, its timers, and parking.
//!
//! glommio gives placement, tasks, timers and files; clients are served on the core's own ring (`ring`),
//! hosted by one task. What follows from that, measured in `docs/adr/2026-11-22-runtime.md`:
//! - a loop that only yields starves glommio's timers unless the preempt timer is short;
//! - a core parks by reading an eventfd through glommio; the client ring signals it only while armed;
//! - ring memory counts against memlock and is released late, so starting is tried again for a while.

use std::future::Future;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use glommio::io::BufferedFile;
use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement};

/// Latency glommio's own tasks may see behind a busy client loop is about twice this.
const PREEMPT: Duration = Duration::from_micros(500);
/// Memory glommio registers for files; the smallest that works.
const IO_MEMORY: usize = 64 * 1024;
const RING_DEPTH: usize = 128;
/// How long a start that fails for locked memory is tried again.
const START_RETRY: Duration = Duration::from_secs(2);

/// The CPUs this process may run on, ascending.
pub fn allowed_cpus() -> Vec<usize> {
    // SAFETY: `cpu_set_t` is plain data for which all zeros are valid.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer and the size are of the same live value.
    if unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) } != 0 {
        return vec![0];
    }
    // SAFETY: indices stay below the set's size in bits.
    (0..libc::CPU_SETSIZE as usize).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) }).collect()
}

/// A running core.
pub struct Running(ExecutorJoinHandle<()>);

impl Running {
    /// Waits until the core has ended; whether it did so cleanly.
    pub fn join(self) -> bool {
        self.0.join().is_ok()
    }
}

/// Starts a core's executor on `cpu` (anywhere when `None`) and runs `main` on it.
///
/// # Errors
/// One sentence for the operator.
pub fn spawn<F, T>(name: &str, cpu: Option<usize>, main: F) -> Result<Running, String>
where
    F: FnOnce() -> T + Send + Clone + 'static,
    T: Future<Output = ()> + 'static,
{
    let placement = cpu.map_or(Placement::Unbound, Placement::Fixed);
    let deadline = Instant::now() + START_RETRY;
    loop {
        let builder = LocalExecutorBuilder::new(placement.clone())
            .name(name)
            .preempt_timer(PREEMPT)
            .io_memory(IO_MEMORY)
            .ring_depth(RING_DEPTH);
        match builder.spawn(main.clone()) {
            Ok(handle) => return Ok(Running(handle)),
            Err(e) if Instant::now() >= deadline => return Err(format!("cannot start {name}: {e}")),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Starts a task on this core.
pub fn spawn_local(task: impl Future<Output = ()> + 'static) {
    glommio::spawn_local(task).detach();
}

/// Sleeps on this core.
pub async fn sleep(time: Duration) {
    glommio::timer::sleep(time).await;
}

/// Lets glommio's other tasks run if it is their turn.
pub async fn yield_if_needed() {
    glommio::yield_if_needed().await;
}

/// Lets other tasks run now.
pub async fn yield_now() {
    glommio::executor().yield_task_queue_now().await;
}

/// An event descriptor: written by anyone, it wakes the core that waits in [`Parking::park`].
pub fn event_fd() -> io::Result<OwnedFd> {
    // SAFETY: eventfd takes no pointers; a non-negative result is a descriptor nobody else owns.
    unsafe {
        match libc::eventfd(0, libc::EFD_CLOEXEC) {
            fd if fd >= 0 => Ok(OwnedFd::from_raw_fd(fd)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Signals an event descriptor.
pub fn signal(event_fd: RawFd) {
    let one = 1u64.to_ne_bytes();
    // SAFETY: writes eight bytes from a live array; on a bad descriptor it fails and changes nothing.
    unsafe { libc::write(event_fd, one.as_ptr().cast(), one.len()) };
}

/// Where an idle core waits without using the CPU.
pub struct Parking {
    file: Rc<BufferedFile>,
}

impl Parking {
    /// Parking on a duplicate of `event_fd`.
    pub fn new(event_fd: &OwnedFd) -> io::Result<Parking> {
        let own = event_fd.try_clone()?;
        let raw = own.as_raw_fd();
        std::mem::forget(own);
        // SAFETY: `raw` is a duplicate made above, owned by nobody else since the `forget`.
        Ok(Parking { file: Rc::new(unsafe { BufferedFile::from_raw_fd(raw) }) })
    }

    /// Waits until the event descriptor is signalled; glommio's other tasks run meanwhile.
    pub async fn park(&self) {
        // An error would be a closed descriptor: the caller then goes on polling, which is slow but right.
        let _ = self.file.read_at(0, 8).await;
    }
}
