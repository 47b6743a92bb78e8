//! One connection of the load: what it has asked, and what it still has to send.

use std::collections::VecDeque;

use crate::reply::{NotResp, Reply, Scanner};
use crate::tls::Session;
use crate::workload::Draw;

/// A request on its way to a connection.
#[derive(Debug, Clone)]
pub struct Pending {
    /// What it asks.
    pub draw: Draw,
    /// When it was meant to be sent, in nanoseconds since the run began.
    pub intended_ns: u64,
    /// How often it was redirected or put off.
    pub attempts: u16,
    /// What a read must find at least, in verify mode (see [`crate::verify::Ledger::floor`]).
    pub floor: u64,
    /// Whether ASKING goes before it (cluster specification, "ASK redirection").
    pub asking: bool,
}

/// What the next reply of a connection answers.
#[derive(Debug, Clone)]
pub enum Flight {
    /// AUTH, HELLO, READONLY or ASKING.
    Setup,
    /// A request, and when it was sent.
    Request(Pending, u64),
    /// The WAIT that follows a write: its key and its request's number.
    Wait(u64, u64),
}

/// Whether a lane can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not connected; to be tried again at this time.
    Down(u64),
    /// Connecting since this time.
    Connecting(u64),
    /// The kernel has not yet let go of it.
    Closing,
    /// Ready.
    Up,
}

/// A connection.
#[derive(Debug)]
pub struct Lane {
    /// The node it leads to.
    pub node: u16,
    /// Whether it can be used.
    pub state: State,
    /// What is asked and not answered, oldest first.
    pub flights: VecDeque<Flight>,
    /// Bytes to send next.
    pub out: Vec<u8>,
    /// Whether the ring sends a buffer of this lane.
    pub sending: bool,
    /// An empty buffer to go on with while `out` is sent.
    pub spare: Vec<u8>,
    /// The TLS session, if there is to be one.
    pub secure: Option<Box<Session>>,
    /// Finds the replies.
    pub scanner: Scanner,
    /// Whether it stands in its node's list of idle lanes.
    pub listed: bool,
}

impl Lane {
    /// A lane to `node` that has to be connected.
    pub fn new(node: u16) -> Lane {
        Lane {
            node,
            state: State::Down(0),
            flights: VecDeque::new(),
            out: Vec::new(),
            sending: false,
            spare: Vec::new(),
            secure: None,
            scanner: Scanner::default(),
            listed: false,
        }
    }

    /// When the oldest unanswered request was sent.
    pub fn oldest_ns(&self) -> Option<u64> {
        self.flights.iter().find_map(|flight| match flight {
            Flight::Request(_, sent_ns) => Some(*sent_ns),
            _ => None,
        })
    }

    /// Takes received bytes and adds the replies that they complete; what is wrong with them.
    pub fn receive(&mut self, bytes: &[u8], replies: &mut Vec<Reply>) -> Result<(), &'static str> {
        let judged = match &mut self.secure {
            None => self.scanner.scan(bytes, replies),
            Some(session) => {
                session.receive(bytes, |plain| self.scanner.scan(plain, replies)).map_err(|_| "not-TLS")?
            }
        };
        judged.map_err(|NotResp| "not-RESP")
    }

    /// Forgets everything of a connection that is gone.
    pub fn reset(&mut self, keep_values: bool) {
        self.flights.clear();
        self.out.clear();
        self.sending = false;
        self.secure = None;
        self.scanner = Scanner::new(keep_values);
    }
}

/// A node, as one thread sees it.
#[derive(Debug, Default)]
pub struct Node {
    /// Its lanes, by number.
    pub lanes: Vec<u32>,
    /// Lanes that could take a request and had none.
    pub idle: Vec<u32>,
    /// Requests that wait for a lane.
    pub queue: VecDeque<Pending>,
    /// Whether the last of its connections broke and none was made since.
    pub lost: bool,
}
