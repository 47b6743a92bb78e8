//! A thread's io_uring, seen as sockets in numbered lanes: connect, send, receive, close.
//!
//! The kernel reads and writes memory long after a call returned, which no borrow can express. So the ring
//! owns what it lends out: a buffer handed to [`Ring::send`] comes back with [`Event::Sent`], received bytes
//! lie in its own stock ([`buffers`]), and a lane can be used again only after [`Event::Closed`], when the
//! kernel holds nothing of it any more. That leaves nothing unsafe for the callers.
//!
//! For speed: one system call submits a whole batch and collects what came in (`SINGLE_ISSUER` and
//! `DEFER_TASKRUN`: completions are made only when this thread asks), receives are multishot, and sockets are
//! registered, so that the kernel need not look them up.

mod buffers;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use io_uring::types::{Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use buffers::Buffers;
pub use buffers::Filled;

/// Most lanes of a ring.
pub const LANES_MAX: usize = 16 * 1024;
/// Submission entries; a fuller batch is submitted in parts.
const ENTRIES: u32 = 512;
/// Completion entries; more are kept by the kernel until there is room.
const COMPLETIONS: u32 = 4096;
/// Longest wait for a send that the kernel did not finish at once, in microseconds.
const SEND_WAIT_US: u32 = 100;

/// What a wait is content with: this many answers, or after `limit` any.
#[derive(Debug, Clone, Copy)]
pub struct Gather {
    /// At least 1.
    pub answers: usize,
    /// How long answers may take to come together.
    pub limit: Duration,
}

/// Something that happened in a lane.
#[derive(Debug)]
pub enum Event {
    /// The lane is connected and receives.
    Connected(u32),
    /// Bytes came; give the buffer back with [`Ring::recycle`].
    Received(u32, Filled),
    /// All of a buffer was sent: here it is again, empty.
    Sent(u32, Vec<u8>),
    /// The peer closed the connection, or it failed: close the lane.
    Broken(u32),
    /// A lane that [`Ring::close`] was called for is free again.
    Closed(u32),
}

#[derive(Clone, Copy)]
enum Op {
    Connect = 0,
    Receive = 1,
    Send = 2,
}

#[derive(Default)]
struct Lane {
    socket: Option<Socket>,
    /// Where to connect to: the kernel reads it from here.
    address: Option<Box<SockAddr>>,
    /// What is being sent, and how much of it is gone.
    sending: Option<(Vec<u8>, usize)>,
    /// Operations that the kernel has not finished.
    open_ops: u32,
    closing: bool,
}

/// See the module's head. Fields drop in order: the io_uring before all that it may still write to.
pub struct Ring {
    uring: IoUring,
    buffers: Buffers,
    lanes: Vec<Lane>,
    freed: Vec<u32>,
    /// Sends among what waits to be submitted.
    sends_queued: usize,
    can_gather: bool,
}

impl Ring {
    /// A ring for `lanes` sockets; to be made and used on one thread.
    pub fn new(lanes: usize) -> io::Result<Ring> {
        let lanes = lanes.min(LANES_MAX);
        let uring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_cqsize(COMPLETIONS)
            .build(ENTRIES)?;
        uring.submitter().register_files_sparse(lanes as u32)?;
        let buffers = Buffers::register(&uring)?;
        let lanes = (0..lanes).map(|_| Lane::default()).collect();
        let can_gather = uring.params().is_feature_min_timeout();
        Ok(Ring { uring, buffers, lanes, freed: Vec::new(), sends_queued: 0, can_gather })
    }

    /// Starts to connect a free lane; [`Event::Connected`] or [`Event::Broken`] follows.
    pub fn connect(&mut self, lane: u32, to: SocketAddr) -> io::Result<()> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        // Where the system paces its packets (bbr), small requests pay for timers that they do not need. It
        // is only a saving, so a system that does not let us choose is left as it is.
        let _ = socket.set_tcp_congestion(b"reno");
        self.register(lane, socket.as_raw_fd())?;
        let address = Box::new(SockAddr::from(to));
        let entry = opcode::Connect::new(Fixed(lane), address.as_ptr().cast(), address.len()).build();
        let slot = &mut self.lanes[lane as usize];
        assert!(slot.open_ops == 0 && slot.socket.is_none(), "the lane is in use");
        slot.socket = Some(socket);
        slot.address = Some(address);
        self.push(lane, Op::Connect, entry);
        Ok(())
    }

    /// Sends all of `bytes`; only one buffer a lane at a time. [`Event::Sent`] gives it back.
    pub fn send(&mut self, lane: u32, bytes: Vec<u8>) {
        let slot = &mut self.lanes[lane as usize];
        assert!(slot.sending.is_none(), "the lane sends already");
        slot.sending = Some((bytes, 0));
        self.push_send(lane);
    }

    /// Ends the lane's connection; [`Event::Closed`] follows when the kernel has let go of it.
    pub fn close(&mut self, lane: u32) {
        let slot = &mut self.lanes[lane as usize];
        if slot.closing {
            return;
        }
        slot.closing = true;
        if let Some(socket) = &slot.socket {
            // Ends the operations under way. That the peer was faster is no reason to complain.
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
        self.release_if_idle(lane);
    }

    /// The bytes of an [`Event::Received`].
    pub fn bytes(&self, filled: &Filled) -> &[u8] {
        self.buffers.bytes(filled)
    }

    /// Gives a received buffer back to the kernel.
    pub fn recycle(&mut self, filled: Filled) {
        self.buffers.recycle(filled);
    }

    /// Submits what is queued and waits until answers are there as `gather` wants them, or `limit` is over.
    ///
    /// The kernel counts completions of any kind. A send is as a rule complete as soon as it is submitted, and
    /// waking up for it would cost a system call more for each batch: so sends are waited for in addition.
    pub fn wait(&mut self, limit: Duration, gather: Gather) -> io::Result<()> {
        let ready = !self.freed.is_empty() || !self.uring.completion().is_empty();
        let time = Timespec::from(limit);
        let args = SubmitArgs::new().timespec(&time);
        let gather_us = if gather.answers > 1 { gather.limit.as_micros() as u32 } else { SEND_WAIT_US };
        match gather.answers + self.sends_queued {
            _ if ready => self.enter(0, &args),
            want @ 2.. if self.can_gather => self.enter(want, &args.min_wait_usec(gather_us)),
            _ => self.enter(1, &args),
        }
    }

    /// Submits what is queued, so that it does not wait for the rest of a long batch.
    pub fn submit(&mut self) -> io::Result<()> {
        self.enter(0, &SubmitArgs::new())
    }

    /// How many operations wait to be submitted.
    pub fn queued(&mut self) -> usize {
        self.uring.submission().len()
    }

    /// The next thing that happened, if any.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(lane) = self.freed.pop() {
                return Some(Event::Closed(lane));
            }
            let entry = self.uring.completion().next()?;
            if let Some(event) = self.complete(&entry) {
                return Some(event);
            }
        }
    }

    fn enter(&mut self, want: usize, args: &SubmitArgs<'_, '_>) -> io::Result<()> {
        self.sends_queued = 0;
        match self.uring.submitter().submit_with_args(want, args) {
            Ok(_) => Ok(()),
            Err(e) => match e.raw_os_error() {
                // Time is over, a signal came, or the completions must be read first: all are met by going on.
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => Ok(()),
                _ => Err(e),
            },
        }
    }

    fn complete(&mut self, entry: &cqueue::Entry) -> Option<Event> {
        let lane = (entry.user_data() >> 8) as u32;
        let more = cqueue::more(entry.flags());
        let slot = &mut self.lanes[lane as usize];
        if !more {
            slot.open_ops -= 1;
        }
        let result = entry.result();
        let event = match entry.user_data() as u8 {
            op if op == Op::Connect as u8 => self.connected(lane, result),
            op if op == Op::Receive as u8 => self.received(lane, entry, more),
            _ => self.sent(lane, result),
        };
        self.release_if_idle(lane);
        event
    }

    fn connected(&mut self, lane: u32, result: i32) -> Option<Event> {
        if result < 0 {
            return self.broken(lane);
        }
        self.push_receive(lane);
        Some(Event::Connected(lane))
    }

    fn received(&mut self, lane: u32, entry: &cqueue::Entry, more: bool) -> Option<Event> {
        let filled =
            cqueue::buffer_select(entry.flags()).map(|id| self.buffers.filled(id, entry.result() as u32));
        match (entry.result(), filled) {
            (1.., Some(filled)) if self.lanes[lane as usize].closing => {
                self.recycle(filled);
                None
            }
            (1.., Some(filled)) => {
                if !more {
                    self.push_receive(lane);
                }
                Some(Event::Received(lane, filled))
            }
            // All buffers were filled for a moment: they are back by the time this is submitted.
            (e, _) if e == -libc::ENOBUFS && !self.lanes[lane as usize].closing => {
                self.push_receive(lane);
                None
            }
            _ => self.broken(lane),
        }
    }

    fn sent(&mut self, lane: u32, result: i32) -> Option<Event> {
        let slot = &mut self.lanes[lane as usize];
        let (buffer, gone) = slot.sending.as_mut()?;
        if result >= 0 {
            *gone += result as usize;
        }
        if result > 0 && *gone < buffer.len() && !slot.closing {
            self.push_send(lane);
            return None;
        }
        let (mut buffer, _) = slot.sending.take()?;
        if result < 0 {
            return self.broken(lane);
        }
        buffer.clear();
        Some(Event::Sent(lane, buffer))
    }

    fn broken(&mut self, lane: u32) -> Option<Event> {
        let closing = self.lanes[lane as usize].closing;
        (!closing).then_some(Event::Broken(lane))
    }

    fn release_if_idle(&mut self, lane: u32) {
        let slot = &mut self.lanes[lane as usize];
        if !slot.closing || slot.open_ops > 0 {
            return;
        }
        *slot = Lane::default();
        // The registered table holds the socket open too; a failure would only keep it a little longer.
        let _ = self.register(lane, -1);
        self.freed.push(lane);
    }

    fn register(&mut self, lane: u32, fd: RawFd) -> io::Result<()> {
        self.uring.submitter().register_files_update(lane, &[fd]).map(|_| ())
    }

    fn push_send(&mut self, lane: u32) {
        let Some((buffer, gone)) = &self.lanes[lane as usize].sending else { return };
        let rest = &buffer[*gone..];
        let len = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        let flags = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
        let entry = opcode::Send::new(Fixed(lane), rest.as_ptr(), len).flags(flags).build();
        self.push(lane, Op::Send, entry);
        self.sends_queued += 1;
    }

    fn push_receive(&mut self, lane: u32) {
        let entry = opcode::RecvMulti::new(Fixed(lane), buffers::GROUP).build();
        self.push(lane, Op::Receive, entry);
    }

    fn push(&mut self, lane: u32, op: Op, entry: squeue::Entry) {
        let entry = entry.user_data((u64::from(lane) << 8) | op as u64);
        self.lanes[lane as usize].open_ops += 1;
        // SAFETY: what the entry points to is owned by the lane and stays until the operation's completion:
        // `address` and `sending` are dropped only with `open_ops` at zero, or never (see `Drop`).
        while unsafe { self.uring.submission().push(&entry) }.is_err() {
            // A full queue: hand it over. An error here shows again at the next wait.
            let _ = self.submit();
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // The kernel ends what is under way after the ring is closed, not at once: buffers that it may still
        // read are given up rather than freed.
        for lane in &mut self.lanes {
            if lane.open_ops > 0 {
                std::mem::forget(lane.sending.take());
                std::mem::forget(lane.address.take());
                self.buffers.abandon();
            }
        }
    }
}
