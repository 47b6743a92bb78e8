//! The client ring: the io_uring on which a core serves its clients.
//!
//! One ring a core, entered once per batch: all replies of a batch are queued, then one system call sends
//! them, waits for the next events and runs the kernel's deferred work. Accepts and receives are multishot,
//! armed once; received bytes come in shared buffers (`buffers`). The ring is created on the thread that uses
//! it, as `SINGLE_ISSUER | DEFER_TASKRUN` asks.
//!
//! Call order: [`ClientRing::enter`], then [`ClientRing::next`] until `None`, calling
//! [`ClientRing::release`] for each completion with bytes, queueing new operations on the way.

mod buffers;
mod token;
mod trouble;

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use io_uring::types::{Fd, FsyncFlags, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};

use buffers::{Buffers, GROUP};
pub use token::{Op, Token};
pub use trouble::{MEMLOCK_PER_CORE, memlock_limit, patiently, sentence};

/// Submission entries: as many operations are queued without a system call between.
const SUBMISSIONS: u32 = 512;
/// Completion entries; more than that wait in the kernel, nothing is lost.
const COMPLETIONS: u32 = 4096;

/// One completion.
#[derive(Debug, Clone, Copy)]
pub struct Completion {
    /// What it belongs to.
    pub token: Token,
    /// Bytes moved, the new descriptor, or a negative `errno`.
    pub result: i32,
    /// Whether a multishot operation goes on; when not, it must be armed again.
    pub more: bool,
    buffer: Option<u16>,
    buffer_more: bool,
}

/// How long [`ClientRing::enter`] may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not at all: submit, run deferred work, take what is there.
    No,
    /// Until enough completions are there, or the time is over.
    For {
        /// Completions that are no reason to wake: of what is submitted now.
        own: usize,
        /// Those that are worth waiting for beyond them; at least one.
        wanted: usize,
        /// How long for more than one, microseconds.
        window: u32,
        /// Time.
        limit: Duration,
    },
}

/// The ring, and the buffers its receives fill.
pub struct ClientRing {
    // Dropped before `buffers`, which the kernel may write until then.
    ring: IoUring,
    buffers: Buffers,
    /// The kernel can wait for several completions for a while, then for one (6.12).
    gathers: bool,
}

impl ClientRing {
    /// A ring for the calling thread.
    ///
    /// # Errors
    /// What `io_uring_setup` or a registration says: `ENOMEM` when the memlock limit is too small, `EPERM` or
    /// `ENOSYS` where io_uring is not allowed, `EINVAL` on a kernel before 6.1.
    pub fn new() -> io::Result<ClientRing> {
        let ring: IoUring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_coop_taskrun()
            .setup_taskrun_flag()
            .setup_cqsize(COMPLETIONS)
            .build(SUBMISSIONS)?;
        // Saves a look-up of the descriptor at each enter; no loss where it cannot be had.
        let _ = ring.submitter().register_ring_fd();
        let buffers = Buffers::register(&ring)?;
        let gathers = ring.params().is_feature_min_timeout();
        Ok(ClientRing { ring, buffers, gathers })
    }

    /// The descriptor siblings send their wake-ups to.
    pub fn fd(&self) -> RawFd {
        self.ring.as_raw_fd()
    }

    /// Signals `event_fd` at completions while armed; see [`ClientRing::arm_event_fd`].
    pub fn register_event_fd(&self, event_fd: RawFd) -> io::Result<()> {
        self.ring.submitter().register_eventfd(event_fd)
    }

    /// Turns signalling of the event descriptor on or off.
    pub fn arm_event_fd(&mut self, on: bool) {
        let completion = self.ring.completion();
        if on {
            completion.enable_eventfd();
            // The kernel adds work, then looks at the flag; we raise the flag, then look for work. Without a barrier on
            // our side both may see the old state, and nobody wakes: entering the kernel is none.
            fence(Ordering::SeqCst);
        } else {
            completion.disable_eventfd();
        }
    }

    fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: callers queue entries whose memory lives until their completion; each says why.
        while unsafe { self.ring.submission().push(entry) }.is_err() {
            // The queue is full: hand it to the kernel. An error there shows at the next `enter`.
            let _ = self.ring.submit();
        }
    }

    /// Accepts connections from `listener` until told otherwise.
    pub fn accept(&mut self, token: Token, listener: RawFd) {
        // No memory is involved: the peer's address is asked for later, of the connection.
        let entry = opcode::AcceptMulti::new(Fd(listener)).flags(libc::SOCK_CLOEXEC).build();
        self.push(&entry.user_data(token.pack()));
    }

    /// Receives from `socket` until it ends.
    pub fn recv(&mut self, token: Token, socket: RawFd) {
        // The bytes go to the ring's own buffers.
        self.push(&opcode::RecvMulti::new(Fd(socket), GROUP).build().user_data(token.pack()));
    }

    /// Ends the receiving of `token`, which completes with `ECANCELED` then.
    pub fn end_recv(&mut self, token: Token) {
        let own = Token { op: Op::Cancel, ..token };
        self.push(&opcode::AsyncCancel::new(token.pack()).build().user_data(own.pack()));
    }

    /// Sends `bytes`, all of them, however long the peer takes.
    ///
    /// # Safety
    /// `bytes` must stay where and what they are until the completion of `token`.
    pub unsafe fn send(&mut self, token: Token, socket: RawFd, bytes: &[u8]) {
        let flags = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
        let len = bytes.len().min(i32::MAX as usize) as u32;
        let entry = opcode::Send::new(Fd(socket), bytes.as_ptr(), len).flags(flags).build();
        self.push(&entry.user_data(token.pack()));
    }

    /// Sends the pieces that `message` points at.
    ///
    /// # Safety
    /// `message`, its vector and the bytes that it names must stay until the completion of `token`.
    pub unsafe fn send_pieces(&mut self, token: Token, socket: RawFd, message: &libc::msghdr) {
        let flags = (libc::MSG_NOSIGNAL | libc::MSG_WAITALL) as u32;
        let entry = opcode::SendMsg::new(Fd(socket), message).flags(flags).build();
        self.push(&entry.user_data(token.pack()));
    }

    /// Asks the disk to keep what was written to `file` so far. The descriptor must stay open until the next enter.
    pub fn sync(&mut self, token: Token, file: RawFd) {
        self.push_sync(token, file, FsyncFlags::DATASYNC);
    }

    /// The same, with all that the disk keeps of the file besides its content; for folders.
    pub fn sync_all(&mut self, token: Token, file: RawFd) {
        self.push_sync(token, file, FsyncFlags::empty());
    }

    fn push_sync(&mut self, token: Token, file: RawFd, flags: FsyncFlags) {
        // No memory is involved; the kernel holds the file itself once the entry is submitted.
        let entry = opcode::Fsync::new(Fd(file)).flags(flags).build();
        self.push(&entry.user_data(token.pack()));
    }

    /// Wakes the core whose ring is `peer`.
    pub fn wake(&mut self, peer: RawFd) {
        let there = Token::of(Op::Wake, 0).pack();
        let here = Token::of(Op::WakeSent, 0).pack();
        let entry = opcode::MsgRingData::new(Fd(peer), 0, there, None).build();
        self.push(&entry.flags(squeue::Flags::SKIP_SUCCESS).user_data(here));
    }

    /// Submits what is queued, runs deferred work, waits as told.
    ///
    /// # Errors
    /// What `io_uring_enter` says; a time-out and a signal are none.
    pub fn enter(&mut self, wait: Wait) -> io::Result<()> {
        let result = match wait {
            Wait::No => {
                let queued = self.ring.submission().len() as u32;
                const GETEVENTS: u32 = 1;
                // SAFETY: no argument is passed, and `queued` entries are in the queue.
                unsafe { self.ring.submitter().enter::<libc::sigset_t>(queued, 0, GETEVENTS, None) }
            }
            Wait::For { own, wanted, window, limit } => {
                let (limit, args) = (Timespec::from(limit), SubmitArgs::new());
                let args = args.timespec(&limit);
                if wanted > 1 && self.gathers {
                    self.ring.submitter().submit_with_args(own + wanted, &args.min_wait_usec(window))
                } else {
                    self.ring.submitter().submit_with_args(own + 1, &args)
                }
            }
        };
        match result {
            Ok(_) => Ok(()),
            Err(e) => match e.raw_os_error() {
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => Ok(()),
                _ => Err(e),
            },
        }
    }

    /// Whether a completion is there.
    pub fn has_completions(&mut self) -> bool {
        !self.ring.completion().is_empty()
    }

    /// The next completion.
    pub fn next(&mut self) -> Option<Completion> {
        let entry = self.ring.completion().next()?;
        let flags = entry.flags();
        Some(Completion {
            token: Token::unpack(entry.user_data()).expect("the kernel returns what was packed"),
            result: entry.result(),
            more: cqueue::more(flags),
            buffer: cqueue::buffer_select(flags),
            buffer_more: cqueue::buffer_more(flags),
        })
    }

    /// The bytes a receive brought; empty for others.
    pub fn bytes(&self, completion: &Completion) -> &[u8] {
        match completion.buffer {
            Some(id) if completion.result > 0 => self.buffers.bytes(id, completion.result as usize),
            _ => &[],
        }
    }

    /// Gives the bytes' buffer back; once for each completion, in their order.
    pub fn release(&mut self, completion: &Completion) {
        if let Some(id) = completion.buffer {
            self.buffers.release(id, completion.result.max(0) as usize, completion.buffer_more);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;

    /// A ring that receives from two sockets, and their other ends.
    fn receiving() -> (ClientRing, [UnixStream; 2], [UnixStream; 2]) {
        let mut ring = ClientRing::new().unwrap();
        let (a, b) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        for (index, socket) in [&a.0, &b.0].into_iter().enumerate() {
            ring.recv(Token::of(Op::Recv, index as u32), socket.as_raw_fd());
        }
        ring.enter(Wait::No).unwrap();
        (ring, [a.0, b.0], [a.1, b.1])
    }

    fn wait(wanted: usize, window: u32) -> Wait {
        Wait::For { own: 0, wanted, window, limit: Duration::from_secs(600) }
    }

    fn completions(ring: &mut ClientRing) -> usize {
        std::iter::from_fn(|| ring.next()).count()
    }

    #[test]
    fn several_receives_are_waited_for_within_the_window() {
        let (mut ring, _ours, mut theirs) = receiving();
        let wanted = if ring.gathers { 2 } else { 1 };
        let sender = thread::spawn(move || {
            theirs.iter_mut().for_each(|socket| socket.write_all(b"x").unwrap());
            theirs
        });
        ring.enter(wait(2, 600_000_000)).unwrap();
        assert!(completions(&mut ring) >= wanted);
        sender.join().unwrap();
    }

    #[test]
    fn one_is_enough_when_the_window_is_over() {
        let (mut ring, _ours, mut theirs) = receiving();
        theirs[0].write_all(b"x").unwrap();
        ring.enter(wait(2, 1)).unwrap();
        assert_eq!(completions(&mut ring), 1);
    }
}
