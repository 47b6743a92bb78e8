//! One connection: what a core keeps of a client.
//!
//! An idle connection must cost little, and ten thousand of them are nearly all idle. So everything that
//! only a busy or unusual client needs is absent until then: half a request (`input`), replies, a transaction.

mod describe;
mod input;
mod output;
mod secure;

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use acl::User;
use bytes::Bytes;
use cluster::Asker;
use resp::{Proto, Reply};
use socket2::SockRef;

pub use describe::describe;
pub use input::{Input, Next};
pub use output::Sending;
pub use secure::Secure;

use crate::core::access::Access;
use crate::core::transaction::Transaction;
use crate::ingress::Pending;
use crate::ring::{Op, Token};
use crate::slot_migration::Import;

/// Where a client came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The core's own port.
    Node,
    /// The core's own port for TLS.
    Tls,
    /// The port of the whole process.
    Ingress,
    /// The unix socket.
    Unix,
}

/// Whether commands are answered (CLIENT REPLY).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answers {
    /// Yes.
    #[default]
    On,
    /// No.
    Off,
    /// Not the next one.
    SkipNext,
    /// Not this one.
    Skip,
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// A client.
    #[default]
    Client,
    /// A replica of this node.
    Replica,
    /// The master of this node.
    Master,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Closing {
    /// It does not.
    #[default]
    No,
    /// When its replies were sent.
    AfterReply,
    /// Now; its descriptor was shut down, and it goes as soon as the ring holds nothing of it.
    Now,
}

/// The index of a client that has no place in the core's table.
pub const NOWHERE: u32 = u32::MAX;

/// One connection.
pub struct Client {
    /// Unique in the process, ascending on each core.
    pub id: u64,
    /// Where it stands in the core's table, and which incarnation.
    pub index: u32,
    /// See `index`.
    pub generation: u32,
    socket: OwnedFd,
    /// Its TLS session, where it has one.
    pub secure: Option<Box<Secure>>,
    /// Where it came in.
    pub door: Door,
    /// Who is at the other end.
    pub role: Role,
    /// `ip:port` of the peer and of our end, or the unix socket's path.
    pub peer: Box<str>,
    /// See `peer`.
    pub local: Box<str>,
    /// When it came, unix ms.
    pub created_ms: u64,
    /// When it last sent or received something, unix ms.
    pub active_ms: u64,
    /// CLIENT SETNAME.
    pub name: Bytes,
    /// CLIENT SETINFO.
    pub lib_name: Bytes,
    /// CLIENT SETINFO.
    pub lib_version: Bytes,
    /// Who it is.
    pub user: Arc<User>,
    /// Has logged in, or came when that was not asked.
    pub authenticated: bool,
    /// What has to be asked before its commands run.
    pub access: Access,
    /// READONLY was said.
    pub readonly: bool,
    /// ASKING was said, for the next command.
    pub asking: bool,
    /// CLIENT NO-EVICT.
    pub no_evict: bool,
    /// CLIENT CAPA redirect.
    pub redirects: bool,
    /// CLIENT NO-TOUCH.
    pub no_touch: bool,
    /// CLIENT REPLY.
    pub answers: Answers,
    /// Whether and how the connection ends.
    pub closing: Closing,
    /// A multishot receive is armed.
    pub receiving: bool,
    /// Nothing more is received for now: it has sent enough behind a command that waits.
    pub deaf: bool,
    /// Its requests go on in the next round: what it does is paced (`reactor::PACE`).
    pub resting: bool,
    /// Stands in the core's list of clients with replies to send.
    pub queued: bool,
    /// Stands in the list of clients whose replies wait for the disk.
    pub waits_for_disk: bool,
    /// The save of `nodes.conf` that its replies wait for ([`crate::core::nodes_file`]).
    pub answer_after: u64,
    /// Row of the last command, for CLIENT LIST; none before the first, and after one that has no row.
    pub last_row: Option<u16>,
    /// Bytes received and sent, and commands run.
    pub bytes_in: u64,
    /// See `bytes_in`.
    pub bytes_out: u64,
    /// See `bytes_in`.
    pub commands: u64,
    /// Where the stream to replicas ended after its last command: what WAIT waits for.
    pub write_offset: u64,
    /// When the output buffer went over its soft limit, unix ms; 0 when it is not.
    pub soft_limit_ms: u64,
    /// Its part of the core's sum for `maxmemory-clients`, in bytes.
    pub counted_bytes: usize,
    /// Half a request, or requests that wait.
    pub input: Option<Box<Input>>,
    /// Replies not yet handed to the ring; those behind open places, while there are some (`pending`).
    pub reply: Reply,
    /// Replies the ring is sending.
    pub sending: Option<Box<Sending>>,
    /// MULTI and WATCH.
    pub transaction: Option<Box<Transaction>>,
    /// Waits for a key.
    pub blocked: bool,
    /// Waits for a key at a sibling: the place of its reply is in `pending`.
    pub awaits_sibling: bool,
    /// Held back by CLIENT PAUSE, or while a slot changes hands: the request is still in `input`.
    pub paused: bool,
    /// Commands that siblings are running for it, oldest first (ingress).
    pub pending: Option<Box<Pending>>,
    /// Has subscriptions.
    pub subscriber: bool,
    /// Tracks what it reads (CLIENT TRACKING).
    pub tracks_reads: bool,
    /// Said MONITOR.
    pub monitor: bool,
    /// Slots that come in on this connection.
    pub import: Option<Box<Import>>,
}

impl Client {
    /// A connection that just came in.
    pub fn new(
        socket: OwnedFd,
        door: Door,
        peer: Box<str>,
        local: Box<str>,
        user: Arc<User>,
        now_ms: u64,
    ) -> Client {
        Client {
            id: 0,
            index: 0,
            generation: 0,
            socket,
            secure: None,
            door,
            role: Role::Client,
            peer,
            local,
            created_ms: now_ms,
            active_ms: now_ms,
            name: Bytes::new(),
            lib_name: Bytes::new(),
            lib_version: Bytes::new(),
            user,
            authenticated: false,
            access: Access::Unknown,
            readonly: false,
            asking: false,
            no_evict: false,
            redirects: false,
            no_touch: false,
            answers: Answers::On,
            closing: Closing::No,
            receiving: false,
            deaf: false,
            resting: false,
            queued: false,
            waits_for_disk: false,
            answer_after: 0,
            last_row: None,
            bytes_in: 0,
            bytes_out: 0,
            commands: 0,
            write_offset: 0,
            soft_limit_ms: 0,
            counted_bytes: 0,
            input: None,
            reply: Reply::default(),
            sending: None,
            transaction: None,
            blocked: false,
            awaits_sibling: false,
            paused: false,
            pending: None,
            subscriber: false,
            tracks_reads: false,
            monitor: false,
            import: None,
        }
    }

    /// The descriptor, for the ring.
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// The token of one of its operations.
    pub fn token(&self, op: Op) -> Token {
        Token { op, index: self.index, generation: self.generation }
    }

    /// The addresses it can use are those for such a client.
    pub fn asker(&self) -> Asker {
        Asker { tls: self.door == Door::Tls, ipv6: self.local.starts_with('[') }
    }

    /// Whether it is no connection but what stands in for one: of a sibling, or of a script.
    pub fn is_stand_in(&self) -> bool {
        self.index == NOWHERE
    }

    /// Whether it comes from this machine.
    pub fn is_local(&self) -> bool {
        self.door == Door::Unix || self.peer.starts_with("127.") || self.peer.starts_with("[::1]")
    }

    /// Whether its next request may run: not while it waits, and not when it is going.
    pub fn may_run(&self) -> bool {
        let waits = self.blocked || self.awaits_sibling || self.paused || self.resting;
        !waits && self.closing == Closing::No
    }

    /// Whether it is between MULTI and EXEC.
    pub fn in_multi(&self) -> bool {
        self.transaction.as_ref().is_some_and(|t| t.queueing)
    }

    /// Begins to close it at once: nothing more is read or answered.
    pub fn shut(&mut self) {
        if self.closing == Closing::Now {
            return;
        }
        self.closing = Closing::Now;
        // SAFETY: takes no pointers; an error means the peer is gone already.
        unsafe { libc::shutdown(self.fd(), libc::SHUT_RDWR) };
    }

    /// Whether small sends leave at once.
    pub fn set_nodelay(&self, nodelay: bool) {
        // A unix socket has no such option: nothing to change there.
        let _ = SockRef::from(&self.socket).set_tcp_nodelay(nodelay);
    }

    /// Whether the ring holds nothing of it any more.
    pub fn is_quiet(&self) -> bool {
        !self.receiving && self.sending.as_ref().is_none_or(|sending| !sending.is_under_way())
    }

    /// Its class of output limits, an index of [`crate::config::BUFFER_CLASSES`].
    #[inline]
    pub fn class(&self) -> usize {
        match self.role {
            Role::Replica => 1,
            _ if self.subscriber => 2,
            _ => 0,
        }
    }

    /// Adds a message that answers no request.
    pub fn push(&mut self, write: impl FnOnce(&mut Reply)) {
        match &mut self.pending {
            Some(pending) => pending.message(&mut self.reply, write),
            None => write(&mut self.reply),
        }
    }

    /// Whether the command it sent now is not to be answered (CLIENT REPLY).
    pub fn is_muted(&self) -> bool {
        matches!(self.answers, Answers::Off | Answers::Skip)
    }

    /// Whether all its requests were answered, and the answers sent.
    pub fn is_answered(&self) -> bool {
        self.unsent() == 0 && self.pending.is_none()
    }

    /// Bytes of replies not yet sent.
    pub fn unsent(&self) -> usize {
        self.unsent_replies() + self.sending.as_ref().map_or(0, |s| s.len())
    }

    /// The protocol version it chose.
    pub fn proto(&self) -> Proto {
        self.reply.proto
    }

    /// Whether it may be closed for `maxmemory-clients`.
    pub fn is_evictable(&self) -> bool {
        !self.no_evict
    }

    /// Memory held for it, in bytes, about.
    pub fn memory(&self) -> usize {
        size_of::<Client>()
            + self.peer.len()
            + self.local.len()
            + self.input.as_ref().map_or(0, |i| i.memory())
            + self.reply_memory()
            + self.unsent()
            + self.transaction.as_ref().map_or(0, |transaction| transaction.memory())
    }
}
