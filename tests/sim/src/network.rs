//! Connections with the promises of TCP and no more.
//!
//! What is sent in one direction arrives in order or not at all; directions and connections do not wait for
//! each other. A partition holds back what is under way (the sender's kernel keeps trying) until it heals; a
//! crashed process sends its peers a FIN, a crashed host sends nothing.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use cluster::{LinkId, Random};

/// Number of a connection.
pub type ConnId = u64;

/// One end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// Index of the node.
    pub node: usize,
    /// Which life of that node.
    pub life: u32,
    /// The node's own number of the link, once it has one.
    pub link: Option<LinkId>,
    /// Whether this end still uses it.
    pub open: bool,
}

/// What travels on a connection.
#[derive(Debug, Clone)]
pub enum Parcel {
    /// Bytes of packets.
    Data(Bytes),
    /// The other end closed.
    Fin,
}

/// A connection; end 0 opened it.
#[derive(Debug)]
pub struct Conn {
    /// Both ends.
    pub ends: [End; 2],
    /// When the last parcel of each direction arrives, by receiving end.
    last_arrival: [u64; 2],
    /// Parcels held back by a partition, by receiving end.
    pub stalled: [VecDeque<Parcel>; 2],
}

/// How bad the network is at the moment.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// Least delay, ms.
    pub delay_ms: u64,
    /// Random delay on top, ms.
    pub jitter_ms: u64,
    /// One parcel in so many is lost and sent again by TCP.
    pub loss_one_in: u64,
}

/// Fair weather.
pub const FAIR: Weather = Weather { delay_ms: 1, jitter_ms: 3, loss_one_in: 1000 };

/// All connections, and who cannot reach whom.
#[derive(Debug)]
pub struct Network {
    /// The connections that still matter.
    pub conns: BTreeMap<ConnId, Conn>,
    next: ConnId,
    /// `blocked[a][b]`: nothing gets from host `a` to host `b`.
    blocked: Vec<Vec<bool>>,
    /// How bad it is.
    pub weather: Weather,
}

impl Network {
    /// A network of so many hosts that all reach each other.
    pub fn new(hosts: usize) -> Network {
        Network { conns: BTreeMap::new(), next: 0, blocked: vec![vec![false; hosts]; hosts], weather: FAIR }
    }

    /// Whether packets get from one host to the other.
    pub fn passes(&self, from: usize, to: usize) -> bool {
        !self.blocked[from][to]
    }

    /// Whether two hosts can talk.
    pub fn talk(&self, a: usize, b: usize) -> bool {
        self.passes(a, b) && self.passes(b, a)
    }

    /// Cuts one direction, or mends it.
    pub fn set_blocked(&mut self, from: usize, to: usize, blocked: bool) {
        if from != to {
            self.blocked[from][to] = blocked;
        }
    }

    /// Mends everything.
    pub fn heal(&mut self) {
        self.blocked.iter_mut().for_each(|row| row.fill(false));
    }

    /// A connection that its first end wants open.
    pub fn open(&mut self, from: End, to: End) -> ConnId {
        self.next += 1;
        let stalled = [VecDeque::new(), VecDeque::new()];
        self.conns.insert(self.next, Conn { ends: [from, to], last_arrival: [0; 2], stalled });
        self.next
    }

    /// How long one trip takes now.
    pub fn trip_ms(&self, random: &mut Random) -> u64 {
        let weather = self.weather;
        let mut delay = weather.delay_ms + random.below(weather.jitter_ms + 1);
        if random.one_in(weather.loss_one_in) {
            delay += 200 + random.below(800); // A retransmission timer.
        }
        delay
    }

    /// When a parcel sent now to end `to` of a connection arrives: never before an earlier one.
    pub fn arrival(&mut self, conn: ConnId, to: usize, now: u64, random: &mut Random) -> u64 {
        let at = now + self.trip_ms(random);
        let conn = self.conns.get_mut(&conn).expect("only open connections carry parcels");
        conn.last_arrival[to] = conn.last_arrival[to].max(at);
        conn.last_arrival[to]
    }

    /// Whether a parcel for end `to` cannot get there now; it is then held back, behind those before it.
    pub fn blocked_or_queued(
        &mut self,
        id: ConnId,
        to: usize,
        hosts: (usize, usize),
        parcel: &Parcel,
    ) -> bool {
        let passes = self.passes(hosts.0, hosts.1);
        let Some(conn) = self.conns.get_mut(&id) else { return false };
        let waits = !passes || !conn.stalled[to].is_empty();
        if waits {
            conn.stalled[to].push_back(parcel.clone());
        }
        waits
    }

    /// Drops what nobody uses any more.
    pub fn forget_if_closed(&mut self, id: ConnId) {
        if self.conns.get(&id).is_some_and(|conn| !conn.ends[0].open && !conn.ends[1].open) {
            self.conns.remove(&id);
        }
    }
}
