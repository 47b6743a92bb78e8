//! The connections of the bus, as far as the brain needs to know them.
//!
//! A pair of nodes has two connections: each node opens one to the other, sends its pings on it and gets the
//! pongs back on it. A link has a number that is never used again, so an event about a link that was closed
//! meanwhile is recognised and dropped.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::node::NodeIndex;

/// The number of a link. The driver maps it to its socket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId(pub u64);

/// Why a link could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectFailure {
    /// The host answered that nobody listens there (ECONNREFUSED).
    Refused,
    /// Anything else: no route, no answer, no descriptor left.
    Unreachable,
}

/// One connection.
#[derive(Debug, Default)]
pub(crate) struct Link {
    /// The node at its other end; an accepted link learns it from the first packet.
    pub(crate) node: Option<NodeIndex>,
    /// Whether the other end opened it.
    pub(crate) inbound: bool,
    /// Whether it can carry packets yet.
    pub(crate) connected: bool,
    /// When it was created.
    pub(crate) created: u64,
    /// IP address of the other end.
    pub(crate) peer_ip: String,
    /// IP address of this end, empty when not known.
    pub(crate) local_ip: String,
    /// Bytes received that are not a whole packet yet.
    pub(crate) input: Vec<u8>,
    /// Bytes the driver still has to send, as it last said.
    pub(crate) backlog: usize,
    /// Packets to send once it is open.
    pub(crate) held: Vec<Bytes>,
    /// Their length together.
    pub(crate) held_bytes: usize,
}

impl Link {
    /// A link this node is about to open to `node`.
    pub(crate) fn outbound(node: NodeIndex, peer_ip: String, now: u64) -> Link {
        Link { node: Some(node), inbound: false, connected: false, created: now, peer_ip, ..Link::default() }
    }

    /// A link the other end opened.
    pub(crate) fn inbound(peer_ip: &str, local_ip: &str, now: u64) -> Link {
        let (peer_ip, local_ip) = (peer_ip.into(), local_ip.into());
        Link { inbound: true, connected: true, created: now, peer_ip, local_ip, ..Link::default() }
    }
}

/// All links.
#[derive(Debug, Default)]
pub(crate) struct Links {
    table: BTreeMap<LinkId, Link>,
    next: u64,
}

impl Links {
    pub(crate) fn add(&mut self, link: Link) -> LinkId {
        self.next += 1;
        let id = LinkId(self.next);
        self.table.insert(id, link);
        id
    }

    pub(crate) fn get(&self, id: LinkId) -> Option<&Link> {
        self.table.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.table.get_mut(&id)
    }

    pub(crate) fn remove(&mut self, id: LinkId) -> Option<Link> {
        self.table.remove(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        self.table.iter().map(|(id, link)| (*id, link))
    }
}
