//! The mesh: how the cores of one process talk.
//!
//! Between each pair of siblings lie two bounded single-producer single-consumer queues. What a round of a
//! core has for a sibling is collected and sent as one message, so that a batch of forwarded commands costs
//! one queue operation; the sibling is woken through its own ring, and only when it waits.
//!
//! A sleeping core and a sender agree by a flag: the core raises it, looks at its queues once more, then
//! sleeps; the sender puts its message in, then looks at the flag. Whoever comes second sees the other.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering, fence};

use base::{NodeId, Slot};
use bytes::Bytes;
use cluster::SiblingMessage;
use resp::Reply;
use rtrb::{Consumer, Producer, RingBuffer};

use crate::admin::view::View;
use crate::aof::Gate;
use crate::balance::Share;
use crate::config::Config;
use crate::core::blocking::SessionId;
use crate::core::handover::Handover;
use crate::hotkeys::Plan;
use crate::ingress::frame;
use crate::metrics::{Answer, Question};
use crate::pubsub::{Published, Wants};
use crate::ring::ClientRing;
use crate::tracking::Broadcast;

/// Messages a queue holds; more wait at the sender.
const QUEUE_LEN: usize = 256;

/// Bytes of a new frame buffer: it should not have to grow under way.
const NEW_BUFFER: usize = 4096;

/// What one core sends another.
pub enum Message {
    /// Commands to run, framed by `ingress::frame`.
    Requests(Vec<u8>),
    /// Replies to such commands.
    Replies(Vec<u8>),
    /// The configuration changed: its version, and what it is now.
    Config(u64, Box<Config>),
    /// News about the cluster.
    Cluster(Box<SiblingMessage>),
    /// Slots and their keys, for the receiver to serve.
    Handover(Box<Handover>),
    /// The receiver's handover of this name was taken.
    HandoverTaken(NodeId),
    /// To be passed on to core `to` behind all commands, and from there back to `origin`.
    Settle {
        /// Who waits for it.
        origin: u16,
        /// Its number there.
        id: u64,
        /// Where it turns.
        to: u16,
    },
    /// What the receiver waited for has come back.
    Settled(u64),
    /// What the sender has to do, if it takes slots.
    Load(Option<Share>),
    /// The sender's node has this ID now.
    Identity(NodeId),
    /// A message for subscribers.
    Published(Box<Published>),
    /// What the sender's clients want to hear of this core.
    Wants(Wants),
    /// A command for the monitors; `here` tells that the receiver runs it.
    Monitored {
        /// MONITOR's line.
        line: Bytes,
        /// See above.
        here: bool,
    },
    /// A client of the sender broadcasts (CLIENT TRACKING).
    Broadcast(Box<Broadcast>),
    /// It broadcasts no more.
    EndBroadcast(SessionId),
    /// All keys of the sender are gone: what tracking clients have of them is stale.
    AllStale,
    /// A question of the sender's metrics port, by number.
    Ask(u64, Question),
    /// The answer to such a question of the receiver's.
    Told(u64, Box<Answer>),
    /// What the sender saw for the command of a client of the receiver, whose reply has this place.
    Seen(SessionId, u32, Box<View>),
    /// Whose are these entries of the sender's command log, which are those of a session of the receiver's?
    Unsigned(SessionId, Range<u64>),
    /// Whose these entries of the receiver's are.
    Signed {
        /// Their serial numbers.
        serials: Range<u64>,
        /// Who sent the commands.
        peer: Box<str>,
        /// The name of who sent them.
        name: Bytes,
    },
    /// CLIENT UNBLOCK of a session that may wait at the receiver.
    Unblock {
        /// The session.
        session: SessionId,
        /// Whether it is answered with an error.
        with_error: bool,
    },
    /// Track keys, as the sender's client says; the receiver has been claimed for it.
    TrackKeys(Box<Plan>),
    /// These slots left the process: the ingress clients' subscriptions to their shard channels end.
    SlotsGone(Vec<Slot>),
}

/// What others must know of a core to wake it.
#[derive(Default)]
pub struct Bell {
    waiting: AtomicBool,
    ring_fd: AtomicI32,
}

impl Bell {
    /// A bell that rings nowhere yet.
    pub fn new() -> Bell {
        Bell { waiting: AtomicBool::new(false), ring_fd: AtomicI32::new(-1) }
    }

    /// Rings at `ring_fd` from now on.
    pub fn hang(&self, ring_fd: i32) {
        self.ring_fd.store(ring_fd, Ordering::Release);
    }
}

struct Lane {
    sender: Producer<Message>,
    receiver: Consumer<Message>,
    bell: Arc<Bell>,
    /// Frames of this round.
    requests: Vec<u8>,
    replies: Vec<u8>,
    /// Replies of earlier rounds, which leave with the group of commits under way.
    parked: Vec<u8>,
    /// Messages that found the queue full, or were said between rounds; oldest first.
    backlog: VecDeque<Message>,
}

/// One core's ends of all queues.
pub struct Mesh {
    bell: Arc<Bell>,
    /// By core number; `None` at its own.
    lanes: Vec<Option<Lane>>,
    /// Emptied buffers to use again.
    spare: Vec<Vec<u8>>,
}

/// The meshes of `cores` cores.
pub fn weave(cores: usize) -> Vec<Mesh> {
    let bells: Vec<Arc<Bell>> = (0..cores).map(|_| Arc::new(Bell::new())).collect();
    let mut senders: Vec<Vec<Option<Producer<Message>>>> = Vec::new();
    let mut receivers: Vec<Vec<Option<Consumer<Message>>>> =
        (0..cores).map(|_| (0..cores).map(|_| None).collect()).collect();
    for from in 0..cores {
        let mut row = Vec::new();
        for (to, receivers) in receivers.iter_mut().enumerate() {
            let (sender, receiver) = RingBuffer::new(if from == to { 0 } else { QUEUE_LEN });
            row.push((from != to).then_some(sender));
            receivers[from] = (from != to).then_some(receiver);
        }
        senders.push(row);
    }
    let lanes = senders.into_iter().zip(receivers).map(|(senders, receivers)| {
        let ends = senders.into_iter().zip(receivers).zip(&bells);
        ends.map(|((sender, receiver), bell)| Some(Lane::new(sender?, receiver?, bell.clone()))).collect()
    });
    let lanes: Vec<Vec<Option<Lane>>> = lanes.collect();
    lanes.into_iter().zip(&bells).map(|(lanes, bell)| Mesh::new(bell.clone(), lanes)).collect()
}

impl Lane {
    fn new(sender: Producer<Message>, receiver: Consumer<Message>, bell: Arc<Bell>) -> Lane {
        let (requests, replies, parked) = (Vec::new(), Vec::new(), Vec::new());
        Lane { sender, receiver, bell, requests, replies, parked, backlog: VecDeque::new() }
    }

    /// Moves what was collected into the queue, replies as `gate` allows; whether anything went.
    fn flush(&mut self, spare: &mut Vec<Vec<u8>>, gate: Gate) -> bool {
        let mut fresh = || spare.pop().unwrap_or_else(|| Vec::with_capacity(NEW_BUFFER));
        if !self.requests.is_empty() {
            self.backlog.push_back(Message::Requests(std::mem::replace(&mut self.requests, fresh())));
        }
        match gate {
            Gate::Open if self.replies.is_empty() => {}
            Gate::Open => {
                self.backlog.push_back(Message::Replies(std::mem::replace(&mut self.replies, fresh())));
            }
            Gate::Join => self.parked.append(&mut self.replies),
            Gate::Wait => {}
        }
        let mut sent = false;
        while let Some(message) = self.backlog.pop_front() {
            match self.sender.push(message) {
                Ok(()) => sent = true,
                Err(rtrb::PushError::Full(message)) => {
                    self.backlog.push_front(message);
                    break;
                }
            }
        }
        sent
    }
}

impl Mesh {
    fn new(bell: Arc<Bell>, lanes: Vec<Option<Lane>>) -> Mesh {
        Mesh { bell, lanes, spare: Vec::new() }
    }

    /// Tells the siblings where this core is woken.
    pub fn open(&self, ring: &ClientRing) {
        self.bell.hang(ring.fd());
    }

    /// Number of cores of the process.
    pub fn cores(&self) -> usize {
        self.lanes.len()
    }

    /// All siblings' numbers.
    pub fn siblings(&self) -> impl Iterator<Item = u16> + use<> {
        let present: Vec<u16> =
            (0..self.lanes.len()).filter(|i| self.lanes[*i].is_some()).map(|i| i as u16).collect();
        present.into_iter()
    }

    /// The buffer of request frames for `core`.
    pub fn requests(&mut self, core: u16) -> Option<&mut Vec<u8>> {
        Some(&mut self.lanes.get_mut(usize::from(core))?.as_mut()?.requests)
    }

    /// The buffer of replies, and of news among them, for `core`.
    pub fn replies(&mut self, core: u16) -> Option<&mut Vec<u8>> {
        Some(&mut self.lanes.get_mut(usize::from(core))?.as_mut()?.replies)
    }

    /// Sends the reply of a session's command to the core that holds its connection.
    #[inline]
    pub fn reply(&mut self, session: SessionId, ticket: u32, reply: &Reply) {
        let Some(Some(lane)) = self.lanes.get_mut(usize::from(session.core)) else { return };
        frame::begin_reply(&mut lane.replies, session, ticket, reply.len());
        reply.copy_to(&mut lane.replies);
    }

    /// Sends a message.
    pub fn send(&mut self, core: u16, message: Message) {
        if let Some(Some(lane)) = self.lanes.get_mut(usize::from(core)) {
            lane.backlog.push_back(message);
        }
    }

    /// Sends a message behind all commands written so far.
    pub fn send_in_order(&mut self, core: u16, message: Message) {
        if let Some(Some(lane)) = self.lanes.get_mut(usize::from(core)) {
            if !lane.requests.is_empty() {
                let frames = std::mem::take(&mut lane.requests);
                lane.backlog.push_back(Message::Requests(frames));
            }
            lane.backlog.push_back(message);
        }
    }

    /// The next message, and who sent it.
    pub fn next(&mut self) -> Option<(u16, Message)> {
        self.lanes.iter_mut().enumerate().find_map(|(core, lane)| {
            let message = lane.as_mut()?.receiver.pop().ok()?;
            Some((core as u16, message))
        })
    }

    /// Takes a frame buffer back for reuse.
    pub fn recycle(&mut self, mut buffer: Vec<u8>) {
        const KEEP: usize = 8;
        const KEEP_BYTES: usize = 256 * 1024;
        if self.spare.len() < KEEP && buffer.capacity() <= KEEP_BYTES {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// Lets replies that waited for the disk leave with the next flush.
    pub fn release(&mut self) {
        for lane in self.lanes.iter_mut().flatten().filter(|lane| !lane.parked.is_empty()) {
            lane.backlog.push_back(Message::Replies(std::mem::take(&mut lane.parked)));
        }
    }

    /// Sends what was collected, replies as `gate` allows, and wakes the siblings that wait for it.
    pub fn flush(&mut self, ring: &mut ClientRing, gate: Gate) {
        for lane in self.lanes.iter_mut().flatten() {
            if !lane.flush(&mut self.spare, gate) {
                continue;
            }
            // Orders the message before the look at the flag; the sleeper does the reverse.
            fence(Ordering::SeqCst);
            if lane.bell.waiting.load(Ordering::Relaxed) && lane.bell.waiting.swap(false, Ordering::AcqRel) {
                ring.wake(lane.bell.ring_fd.load(Ordering::Acquire));
            }
        }
    }

    /// Whether something waits to be sent.
    pub fn has_outgoing(&self) -> bool {
        let waits =
            |lane: &Lane| !(lane.backlog.is_empty() && lane.requests.is_empty() && lane.replies.is_empty());
        self.lanes.iter().flatten().any(waits)
    }

    /// Announces that this core is about to wait; false when a message is there already.
    pub fn may_wait(&self) -> bool {
        if self.lanes.len() < 2 {
            return true;
        }
        self.bell.waiting.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let quiet =
            self.lanes.iter().flatten().all(|lane| lane.receiver.is_empty() && lane.backlog.is_empty());
        if !quiet {
            self.awake();
        }
        quiet
    }

    /// This core does not wait any more.
    pub fn awake(&self) {
        self.bell.waiting.store(false, Ordering::Relaxed);
    }
}
