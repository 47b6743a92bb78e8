//! The cluster bus: sockets for the brain.
//!
//! The brain (`cluster`) says what to connect to and what to send, and wants to hear what came. Links are few and
//! their traffic is light, so they are glommio sockets, apart from the clients' ring. Each open link has two
//! tasks: one reads and tells the brain, one writes what the brain queued, so that a peer that does not read never
//! holds up this core. What is queued is bounded by the brain, which is told each link's backlog and closes one
//! over `cluster-link-sendbuf-limit`; nothing is queued for a link that is gone.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use cluster::{ConnectFailure, LinkId};
use futures_lite::future;
use rustls::ClientConfig;

use crate::channel::Channel;
use crate::core::Core;
use crate::executor::{self, Listener};
use crate::log::{verbose, warning};
use crate::settings;

/// Bytes read at once: a heartbeat is 2 to 4 KiB.
const READ_BYTES: usize = 16 * 1024;
/// How long to wait after an accept that failed, so that a lack of descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A core's links.
#[derive(Default)]
pub struct Bus {
    core: Weak<RefCell<Core>>,
    links: HashMap<LinkId, Rc<Outgoing>>,
}

/// What a link still has to send.
#[derive(Default)]
struct Outgoing {
    queue: RefCell<VecDeque<Bytes>>,
    bytes: Cell<usize>,
    closed: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl Outgoing {
    fn push(&self, bytes: Bytes) {
        self.bytes.set(self.bytes.get() + bytes.len());
        self.queue.borrow_mut().push_back(bytes);
        self.wake();
    }

    fn close(&self) {
        self.closed.set(true);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The next bytes to send; `None` once the link is closed.
    async fn next(&self) -> Option<Bytes> {
        poll_fn(|context| {
            if self.closed.get() {
                return Poll::Ready(None);
            }
            let next = self.queue.borrow_mut().pop_front();
            if next.is_none() {
                self.waker.set(Some(context.waker().clone()));
            }
            next.map_or(Poll::Pending, |bytes| Poll::Ready(Some(bytes)))
        })
        .await
    }

    /// Comes to an end when the link is closed.
    async fn closing(&self) -> io::Result<()> {
        poll_fn(|context| {
            self.waker.set(Some(context.waker().clone()));
            if self.closed.get() {
                Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
            } else {
                Poll::Pending
            }
        })
        .await
    }
}

/// Opens the bus of `core`: accepts at `listeners`, and connects when the brain says so.
pub fn open(core: &Rc<RefCell<Core>>, listeners: Vec<OwnedFd>) {
    core.borrow_mut().bus.core = Rc::downgrade(core);
    for listener in listeners {
        executor::spawn_local(accept(core.clone(), Listener::new(listener)));
    }
}

async fn accept(core: Rc<RefCell<Core>>, listener: Listener) {
    loop {
        match listener.accept().await {
            Ok(stream) => {
                let (peer, local) = stream.ips();
                let mut borrowed = core.borrow_mut();
                let now = borrowed.bus_now();
                let Ok(stream) = Channel::accepted(stream, borrowed.tls.links.clone()) else { continue };
                if let Some(link) = borrowed.cluster.link_accepted(&peer, &local, now) {
                    start_link(&core, &mut borrowed, link, stream);
                }
                borrowed.bus_heard();
            }
            Err(e) => {
                warning!("Error accepting cluster node: {e}");
                executor::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connect(
    core: Rc<RefCell<Core>>,
    link: LinkId,
    (ip, port): (String, u16),
    limit: Duration,
    tls: Option<Arc<ClientConfig>>,
) {
    // A new task runs at once, and its starter still has the core borrowed.
    executor::yield_now().await;
    let source = settings::source_address(&core.borrow().config);
    let connected = match ip.parse::<IpAddr>() {
        Ok(ip) => Channel::connect(SocketAddr::new(ip, port), source, limit, tls).await,
        Err(_) => Err(io::ErrorKind::InvalidInput.into()),
    };
    let mut borrowed = core.borrow_mut();
    if borrowed.bus.links.remove(&link).is_none() {
        return; // The brain closed it meanwhile.
    }
    let now = borrowed.bus_now();
    match connected {
        Ok(stream) => {
            let (_, local) = stream.socket().ips();
            start_link(&core, &mut borrowed, link, stream);
            borrowed.cluster.link_connected(link, &local, now);
        }
        Err(e) => {
            if e.kind() == io::ErrorKind::InvalidData {
                verbose!("No encrypted link to {ip}:{port}: {e}");
            }
            let refused = e.kind() == io::ErrorKind::ConnectionRefused;
            let failure = if refused { ConnectFailure::Refused } else { ConnectFailure::Unreachable };
            borrowed.cluster.link_failed(link, failure, now);
        }
    }
    borrowed.bus_heard();
}

/// Starts the two tasks of an open link.
fn start_link(core: &Rc<RefCell<Core>>, borrowed: &mut Core, link: LinkId, stream: Channel) {
    let outgoing = Rc::new(Outgoing::default());
    borrowed.bus.links.insert(link, outgoing.clone());
    match stream.duplicate() {
        Ok(writer) => executor::spawn_local(write(core.clone(), link, outgoing, writer)),
        // The reader then finds the end at once, and tells the brain.
        Err(e) => {
            warning!("A link of the cluster bus cannot be used: {e}");
            stream.socket().shut();
        }
    }
    executor::spawn_local(read(core.clone(), link, stream));
}

async fn read(core: Rc<RefCell<Core>>, link: LinkId, mut stream: Channel) {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        // An error ends a link as its end does.
        let len = stream.read(&mut buffer).await.unwrap_or(0);
        if !hear(&mut core.borrow_mut(), link, &buffer[..len]) {
            return; // The brain closed it.
        }
        // The other links are heard first: what the brain then wants is one file of the configuration, not one for each.
        executor::yield_now().await;
        core.borrow_mut().bus_heard();
        if len == 0 {
            return;
        }
    }
}

/// Tells the brain what came over a link, nothing being its end; false when there is no such link any more.
fn hear(core: &mut Core, link: LinkId, data: &[u8]) -> bool {
    if !core.bus.links.contains_key(&link) {
        return false;
    }
    let now = core.bus_now();
    core.tell_brain();
    if data.is_empty() {
        core.bus.close(link);
        core.cluster.link_closed(link, now);
    } else {
        core.cluster.handle_data(link, data, now);
    }
    true
}

async fn write(core: Rc<RefCell<Core>>, link: LinkId, outgoing: Rc<Outgoing>, mut stream: Channel) {
    while let Some(bytes) = outgoing.next().await {
        let written = future::or(outgoing.closing(), stream.write_all(&bytes)).await;
        if written.is_err() {
            break;
        }
        outgoing.bytes.set(outgoing.bytes.get() - bytes.len());
        core.borrow_mut().cluster.set_link_backlog(link, outgoing.bytes.get());
    }
    // Ends the reader too: it tells the brain, unless it was the brain that closed the link.
    stream.socket().shut();
}

impl Bus {
    /// Begins to connect to `to`, encrypted with `tls`; the brain hears how it went.
    pub fn connect(
        &mut self,
        link: LinkId,
        to: (String, u16),
        limit: Duration,
        tls: Option<Arc<ClientConfig>>,
    ) {
        let Some(core) = self.core.upgrade() else { return };
        self.links.insert(link, Rc::default());
        executor::spawn_local(connect(core, link, to, limit, tls));
    }

    /// Queues bytes; how many the link has to send now, unless it is gone.
    pub fn send(&mut self, link: LinkId, bytes: Bytes) -> Option<usize> {
        let outgoing = self.links.get(&link)?;
        outgoing.push(bytes);
        Some(outgoing.bytes.get())
    }

    /// Closes a link, or gives up connecting it.
    pub fn close(&mut self, link: LinkId) {
        if let Some(outgoing) = self.links.remove(&link) {
            outgoing.close();
        }
    }
}

impl Core {
    /// The brain's time, unix milliseconds that never run backwards.
    pub fn bus_now(&self) -> u64 {
        self.process.clock.now_ms()
    }

    /// Does what follows from news of the bus.
    fn bus_heard(&mut self) {
        self.cluster_changed();
        self.rouse_for_brain();
        if self.has_work_for_clients() {
            self.wake_self();
        }
    }
}
