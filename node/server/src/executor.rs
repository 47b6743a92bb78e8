//! The one module that knows glommio: a pinned executor per core, its timers, parking, and cold sockets.
//!
//! glommio gives placement, tasks, timers and files; clients are served on the core's own ring (`ring`),
//! hosted by one task. What follows from that, measured in `docs/adr/2026-11-22-runtime.md`:
//! - a loop that only yields starves glommio's timers unless the preempt timer is short;
//! - a core parks by reading an eventfd through glommio; the client ring signals it only while armed;
//! - its executor may go to sleep with tasks ready to run ([`Pulse`]);
//! - an executor is made on its own thread: that it cannot be is seen by its thread's end.

mod file;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt, future};
use glommio::io::BufferedFile;
use glommio::net::{TcpListener, TcpStream};
use glommio::{LocalExecutorBuilder, Placement, PoolPlacement};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

use crate::allocator;
use crate::log::verbose;
use crate::ring;

pub use file::{File, remove, rename};

/// Latency glommio's own tasks may see behind a busy client loop is about twice this.
const PREEMPT: Duration = Duration::from_micros(500);
/// Memory glommio registers for files; the smallest that works.
const IO_MEMORY: usize = 64 * 1024;
const RING_DEPTH: usize = 128;
/// The limit of locked memory below which glommio does not try, whatever is used of it and by whom.
const MEMLOCK_LEAST: u64 = 512 << 10;
/// How long a core may be silent when it is to begin or to end before it is stirred.
const SILENCE: Duration = Duration::from_millis(250);

/// How late a core's beat is usual.
const LATE_MS: u64 = 100;

/// How far helper threads stand back behind cores that want the same CPU: a quarter of its time is left to them.
const ASIDE_NICE: libc::c_int = 5;

/// The signal that ends a core's sleep.
const STIRRING: libc::c_int = libc::SIGURG;

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

/// Whether `cores` that may run on `cpus` CPUs are pinned, core i to the i-th. More cores than CPUs share them as the system
/// sees fit; and who starts a core alone starts others beside it, which would all sit on the first CPU.
pub fn pins(cores: usize, cpus: usize) -> bool {
    cores == cpus || (2..cpus).contains(&cores)
}

/// A running core.
pub struct Running {
    /// Where its thread says that it has begun, then that it has ended.
    steps: Receiver<Step>,
}

/// What a core's thread tells of itself.
enum Step {
    Begun,
    Ended,
}

impl Running {
    /// Waits until the core has ended; whether it did so cleanly. Nothing but this looks after its pulse then, and its own
    /// timers are gone.
    pub fn join(self) -> bool {
        matches!(self.next_step(), Some(Step::Ended))
    }

    /// The next thing its thread tells; `None` when that is gone.
    fn next_step(&self) -> Option<Step> {
        loop {
            match self.steps.recv_timeout(SILENCE) {
                Ok(step) => return Some(step),
                Err(RecvTimeoutError::Timeout) => stir(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }
}

/// Starts a core's executor on `cpu` (anywhere when `None`), and returns when `main` runs on it.
///
/// # Errors
/// Why the executor cannot be had; `ENOMEM` when the memlock limit is too small for its rings.
pub fn spawn<F, T>(name: &str, cpu: Option<usize>, main: F) -> io::Result<Running>
where
    F: FnOnce() -> T + Send + Clone + 'static,
    T: Future<Output = ()> + 'static,
{
    if ring::memlock_limit() < MEMLOCK_LEAST {
        return Err(io::Error::from_raw_os_error(libc::ENOMEM));
    }
    let placement = cpu.map_or(Placement::Unbound, Placement::Fixed);
    ring::patiently(|| begin(name, placement.clone(), main.clone()))
}

/// Starts a thread and waits until `main` runs on it: an executor is made on its own thread, and what it lacks shows only
/// when that has ended.
fn begin<F, T>(name: &str, placement: Placement, main: F) -> io::Result<Running>
where
    F: FnOnce() -> T + Send + 'static,
    T: Future<Output = ()> + 'static,
{
    let builder = LocalExecutorBuilder::new(placement)
        .name(name)
        .preempt_timer(PREEMPT)
        .io_memory(IO_MEMORY)
        .ring_depth(RING_DEPTH)
        // Not on the core's own CPU, as it would be otherwise.
        .blocking_thread_pool_placement(PoolPlacement::Unbound(1));
    let (tell, steps) = channel();
    // The thread that starts this one listens, or the process ends.
    let handle = builder.spawn(move || async move {
        be_exact();
        let _ = tell.send(Step::Begun);
        main().await;
        let _ = tell.send(Step::Ended);
        // The process ends with its main thread. Taken down before that, the executor would abort it for an answer of
        // its helper thread that nobody takes any more: a host name's, say.
        loop {
            thread::park();
        }
    })?;
    let running = Running { steps };
    match running.next_step() {
        Some(Step::Begun) => Ok(running),
        _ => Err(handle.join().map_or_else(io::Error::from, |()| io::Error::other("its thread ended"))),
    }
}

/// Makes the timers of the calling thread exact to a microsecond: the system would let each be 50 late, which is half of the
/// time that requests gather (`coalesce-usec`).
fn be_exact() {
    // SAFETY: takes numbers only; an error leaves the thread as it was, which is right, if later.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_000) };
}

/// Starts a task on this core.
pub fn spawn_local(task: impl Future<Output = ()> + 'static) {
    glommio::spawn_local(task).detach();
}

/// Sleeps on this core.
pub async fn sleep(time: Duration) {
    glommio::timer::sleep(time).await;
}

/// What `work` comes to, unless it takes longer than `limit`.
pub async fn in_time<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let late = async {
        sleep(limit).await;
        None
    };
    future::or(async { Some(work.await) }, late).await
}

/// Does `work`, and gives it up when it takes longer than `limit`.
///
/// # Errors
/// Those of `work`; `TimedOut`.
pub async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    in_time(limit, work).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))
}

/// The first address of `host`, looked up on a helper thread unless it is an address itself.
///
/// # Errors
/// The system's; `NotFound`.
pub async fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    let host = host.to_owned();
    let look_up = move || (host, port).to_socket_addrs().map(|mut found| found.next());
    glommio::executor().spawn_blocking(look_up).await?.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// What `work` comes to, done on this core's helper thread: for what takes long and cannot be cut into slices. Memory
/// that it leaves behind counts as this core's.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let counted = move || {
        // Commands of clients come first. An error leaves the thread as it was, which is right, if slower for them.
        // SAFETY: takes numbers only; 0 is the calling thread.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, ASIDE_NICE) };
        let result = work();
        (result, allocator::disown())
    };
    let (result, bytes) = glommio::executor().spawn_blocking(counted).await;
    allocator::adopt(bytes);
    result
}

/// Lets glommio's other tasks run if it is their turn.
pub async fn yield_if_needed() {
    glommio::yield_if_needed().await;
}

/// Lets other tasks run now.
pub async fn yield_now() {
    glommio::executor().yield_task_queue_now().await;
}

/// The sign of life of a core, watched by another thread.
///
/// When the preemption timer fires before the first task of a pass runs, glommio 0.9 takes the pass for an empty one and
/// sleeps until the next timer or I/O (`run_task_queues` breaks with nothing run, `run` then parks). On a crowded machine
/// that happens; and if it does while the task that waits for the next timer is itself among those ready to run, nothing
/// would ever wake the core again. So one task of each core beats, and who misses its beat wakes that task from outside.
#[derive(Default)]
pub struct Pulse {
    /// When it will have beaten again, on the caller's clock, ms.
    due: AtomicU64,
    task: OnceLock<Waker>,
}

impl Pulse {
    /// Beats; to be called by always the same task, and again at `due` at the latest.
    pub async fn beat(&self, due: u64) {
        self.due.store(due, Ordering::Relaxed);
        if self.task.get().is_none() {
            let waker = std::future::poll_fn(|context| Poll::Ready(context.waker().clone())).await;
            self.task.get_or_init(|| waker);
        }
    }

    /// Wakes the core if it should have beaten long before `now`.
    pub fn look(&self, now: u64) {
        if now > self.due.load(Ordering::Relaxed) + LATE_MS {
            self.task.get().inspect(|task| task.wake_by_ref());
        }
    }
}

/// Makes all cores look again for tasks that are ready to run. One that went to sleep in its very first pass has no task
/// yet that could be woken (see [`Pulse`]); but a signal ends its sleep.
fn stir() {
    extern "C" fn nothing(_signal: libc::c_int) {}
    // SAFETY: all zeros are a valid `sigaction`, and the handler does nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
        libc::sigaction(STIRRING, &action, std::ptr::null_mut());
    }
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return };
    let ids = threads.flatten().filter_map(|thread| thread.file_name().to_str()?.parse::<libc::pid_t>().ok());
    for id in ids {
        // SAFETY: takes numbers only; a thread that is gone is no thread of this process any more.
        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), id, STIRRING) };
    }
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

/// A listening socket of this core, for connections that are rare.
pub struct Listener(TcpListener);

impl Listener {
    /// Accepts at `listener`, which already listens.
    pub fn new(listener: OwnedFd) -> Listener {
        // SAFETY: the descriptor is given up by `into_raw_fd`, so nobody else owns it.
        Listener(unsafe { TcpListener::from_raw_fd(listener.into_raw_fd()) })
    }

    /// The next connection.
    ///
    /// # Errors
    /// The system's, such as too few descriptors.
    pub async fn accept(&self) -> io::Result<Stream> {
        let stream = Stream(self.0.accept().await?);
        // glommio accepts without it.
        stream.socket(|socket| socket.set_cloexec(true))?;
        Ok(stream)
    }
}

/// A TCP connection of this core that is not a client's.
pub struct Stream(TcpStream);

impl Stream {
    /// Connects to `address`, from the local address `source` where that is one of this host's (`bind-source-addr`).
    ///
    /// # Errors
    /// The system's; `TimedOut` after `limit`.
    pub async fn connect(address: SocketAddr, source: Option<IpAddr>, limit: Duration) -> io::Result<Stream> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if let Some(source) = source
            && let Err(e) = socket.bind(&SocketAddr::new(source, 0).into())
        {
            verbose!("bind-source-addr {source} is left out: {e}");
        }
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&address.into()) {
            Err(e) if e.raw_os_error() != Some(libc::EINPROGRESS) => return Err(e),
            _ => socket.set_nonblocking(false)?,
        }
        // SAFETY: the descriptor is given up by `into_raw_fd`, so nobody else owns it.
        let mut stream = unsafe { TcpStream::from_raw_fd(socket.into_raw_fd()) };
        // A write of nothing waits until the connection is there, or failed.
        stream.set_write_timeout(Some(limit))?;
        stream.write(&[]).await?;
        stream.set_write_timeout(None)?;
        Ok(Stream(stream))
    }

    /// The same connection once more, so that one task reads while another writes.
    pub fn duplicate(&self) -> io::Result<Stream> {
        let copy = self.socket(|socket| socket.try_clone())?.into_raw_fd();
        // SAFETY: the descriptor is given up by `into_raw_fd`, so nobody else owns it.
        Ok(Stream(unsafe { TcpStream::from_raw_fd(copy) }))
    }

    /// IP addresses of the other end and of this one, as text; empty where the system does not say.
    pub fn ips(&self) -> (String, String) {
        let text = |address: io::Result<SockAddr>| {
            let ip = address.ok().and_then(|address| address.as_socket()).map(|a| a.ip().to_canonical());
            ip.as_ref().map_or(String::new(), IpAddr::to_string)
        };
        (text(self.socket(|s| s.peer_addr())), text(self.socket(|s| s.local_addr())))
    }

    /// The connection for the client ring, which waits for it itself.
    pub fn hand_over(&self) -> io::Result<OwnedFd> {
        self.socket(|socket| {
            let copy = socket.try_clone()?;
            copy.set_nonblocking(false)?;
            Ok(OwnedFd::from(copy))
        })
    }

    /// Reads some bytes; 0 at the end.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).await
    }

    /// Writes all bytes.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await
    }

    /// Says that no more is written; the other end may go on.
    pub fn end_writing(&self) {
        // An error means that it has ended already.
        let _ = self.socket(|socket| socket.shutdown(std::net::Shutdown::Write));
    }

    /// Whether the other end is on another machine.
    pub fn is_from_outside(&self) -> bool {
        let peer = self.socket(|socket| socket.peer_addr()).ok().and_then(|address| address.as_socket());
        peer.is_none_or(|peer| !peer.ip().to_canonical().is_loopback())
    }

    /// Ends both directions: reads and writes under way, on duplicates too, end at once.
    pub fn shut(&self) {
        // An error means that it has ended already.
        let _ = self.socket(|socket| socket.shutdown(std::net::Shutdown::Both));
    }

    fn socket<T>(&self, work: impl FnOnce(&socket2::Socket) -> T) -> T {
        // SAFETY: the stream lives, and with it its descriptor, as long as this borrow.
        let fd = unsafe { BorrowedFd::borrow_raw(self.0.as_raw_fd()) };
        work(&SockRef::from(&fd))
    }
}
