//! One row of the node table: all that this node knows about one node, itself included.

use std::fmt;

use base::NodeId;

use crate::config::Ports;
use crate::links::LinkId;
use crate::publish::ProcessId;
use crate::slot_set::SlotSet;

/// Where a node stands in the table. Valid until that node is forgotten; never kept across calls.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeIndex(pub(crate) u16);

/// The flags of a node, bit for bit as packets carry them.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u16);

impl Flags {
    /// A master.
    pub const MASTER: Flags = Flags(1);
    /// A replica.
    pub const REPLICA: Flags = Flags(1 << 1);
    /// Not reachable, as far as this node can tell.
    pub const PFAIL: Flags = Flags(1 << 2);
    /// Not reachable, as a majority of masters agreed.
    pub const FAIL: Flags = Flags(1 << 3);
    /// This node itself.
    pub const MYSELF: Flags = Flags(1 << 4);
    /// Its first answer is still to come; its name is made up.
    pub const HANDSHAKE: Flags = Flags(1 << 5);
    /// Its address is not known.
    pub const NOADDR: Flags = Flags(1 << 6);
    /// The first packet to it has to be a MEET.
    pub const MEET: Flags = Flags(1 << 7);
    /// A master that replicas may migrate to.
    pub const MIGRATE_TO: Flags = Flags(1 << 8);
    /// A replica that will not stand for election.
    pub const NOFAILOVER: Flags = Flags(1 << 9);
    /// It reads ping extensions.
    pub const EXTENSIONS: Flags = Flags(1 << 10);
    /// It reads light headers of published messages (Valkey 8).
    pub const LIGHT_HEADER: Flags = Flags(1 << 11);
    /// It reads light headers of module messages (Valkey 9).
    pub const LIGHT_MODULE: Flags = Flags(1 << 12);

    /// Whether any flag of `other` is set.
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets of flags.
    pub const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// These flags less `other`.
    pub const fn without(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }

    /// Sets or clears all flags of `other`.
    pub fn set(&mut self, other: Flags, on: bool) {
        *self = if on { self.with(other) } else { self.without(other) };
    }
}

/// The names of the flags that CLUSTER NODES and nodes.conf spell out, in their order.
pub(crate) const FLAG_NAMES: [(Flags, &str); 8] = [
    (Flags::MYSELF, "myself"),
    (Flags::MASTER, "master"),
    (Flags::REPLICA, "slave"),
    (Flags::PFAIL, "fail?"),
    (Flags::FAIL, "fail"),
    (Flags::HANDSHAKE, "handshake"),
    (Flags::NOADDR, "noaddr"),
    (Flags::NOFAILOVER, "nofailover"),
];

impl fmt::Display for Flags {
    /// Comma-separated as in CLUSTER NODES; `noflags` when none is named.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            FLAG_NAMES.iter().filter(|(flag, _)| self.has(*flag)).map(|(_, name)| *name).collect();
        if names.is_empty() { f.write_str("noflags") } else { f.write_str(&names.join(",")) }
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({self})")
    }
}

/// Where a node can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Address {
    /// IP address as text; empty while it is not known.
    pub ip: String,
    /// Its ports.
    pub ports: Ports,
}

/// That a master reported a node as unreachable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FailureReport {
    pub(crate) from: NodeIndex,
    pub(crate) at: u64,
}

/// What is known about a node. Times are milliseconds since 1970, 0 for never.
#[derive(Debug)]
pub struct Node {
    /// Its name.
    pub id: NodeId,
    /// Its shard: a master and its replicas share this name.
    pub shard_id: NodeId,
    /// What it is and how it fares.
    pub flags: Flags,
    /// Last config epoch it announced (a master's own; see [`crate::Cluster::node_epoch`]).
    pub config_epoch: u64,
    /// Slots it serves.
    pub slots: SlotSet,
    /// Its master, when it is a replica and the master is known.
    pub master: Option<NodeIndex>,
    /// Its replicas, by name.
    pub(crate) replicas: Vec<NodeIndex>,
    /// Address and ports.
    pub address: Address,
    /// Announced host name, empty for none.
    pub hostname: String,
    /// Announced human name, empty for none.
    pub human_name: String,
    /// Address announced to IPv4 clients, empty for none.
    pub client_ipv4: String,
    /// Address announced to IPv6 clients, empty for none.
    pub client_ipv6: String,
    /// Plain port announced to clients, 0 for the real one (Valkey 9).
    pub client_tcp_port: u16,
    /// TLS port announced to clients, 0 for the real one (Valkey 9).
    pub client_tls_port: u16,
    /// Announced availability zone, empty for none (Valkey 9).
    pub zone: String,
    /// When it entered the table.
    pub created: u64,
    /// When the ping that is still unanswered was sent.
    pub ping_sent: u64,
    /// When its last pong came.
    pub pong_received: u64,
    /// When its last byte of any kind came.
    pub data_received: u64,
    /// When it was flagged FAIL.
    pub fail_time: u64,
    /// When this node last voted for one of its replicas.
    pub voted_time: u64,
    /// Since when it has had no working replica though it should have.
    pub orphaned_since: u64,
    /// Its replication offset as last announced.
    pub offset: i64,
    /// The link this node opened to it.
    pub link: Option<LinkId>,
    /// The link it opened to this node.
    pub inbound: Option<LinkId>,
    /// Whether it is another core of this process.
    pub sibling: bool,
    /// That core's number.
    pub core: Option<u16>,
    /// Its process, when that has several cores.
    pub process: Option<ProcessId>,
    /// Whether a packet of it came since its link was opened.
    pub(crate) heard: bool,
    pub(crate) reports: Vec<FailureReport>,
    /// Number of the ping that last carried gossip about it.
    pub(crate) gossiped_in: u64,
    /// What the fast failure detection has seen (module `fast_failure`).
    pub(crate) probe: crate::fast_failure::Probe,
}

impl Node {
    /// A node called `id` that nothing else is known about. `shard_id` is a random name until it says.
    pub(crate) fn new(id: NodeId, shard_id: NodeId, flags: Flags, now: u64) -> Node {
        Node {
            id,
            shard_id,
            flags,
            config_epoch: 0,
            slots: SlotSet::default(),
            master: None,
            replicas: Vec::new(),
            address: Address::default(),
            hostname: String::new(),
            human_name: String::new(),
            client_ipv4: String::new(),
            client_ipv6: String::new(),
            client_tcp_port: 0,
            client_tls_port: 0,
            zone: String::new(),
            created: now,
            ping_sent: 0,
            pong_received: 0,
            data_received: 0,
            fail_time: 0,
            voted_time: 0,
            orphaned_since: 0,
            offset: 0,
            link: None,
            inbound: None,
            sibling: false,
            core: None,
            process: None,
            heard: false,
            reports: Vec::new(),
            gossiped_in: 0,
            probe: crate::fast_failure::Probe::default(),
        }
    }

    /// Whether it is a master.
    pub fn is_master(&self) -> bool {
        self.flags.has(Flags::MASTER)
    }

    /// Whether it is a replica.
    pub fn is_replica(&self) -> bool {
        self.flags.has(Flags::REPLICA)
    }

    /// Whether it may vote: a master with at least one slot.
    pub fn is_voter(&self) -> bool {
        self.is_master() && !self.slots.is_empty()
    }

    /// Whether it is flagged FAIL.
    pub fn is_failed(&self) -> bool {
        self.flags.has(Flags::FAIL)
    }

    /// Whether it is flagged FAIL or PFAIL.
    pub fn is_unreachable(&self) -> bool {
        self.flags.has(Flags::FAIL.with(Flags::PFAIL))
    }

    /// Whether its first answer is still to come.
    pub fn in_handshake(&self) -> bool {
        self.flags.has(Flags::HANDSHAKE)
    }

    /// Whether this is the node the table belongs to.
    pub fn is_myself(&self) -> bool {
        self.flags.has(Flags::MYSELF)
    }

    /// The port clients are told, by TLS or in the clear.
    pub fn client_port(&self, tls: bool) -> u16 {
        let announced = if tls { self.client_tls_port } else { self.client_tcp_port };
        if announced != 0 { announced } else { self.main_port(tls) }
    }

    /// The port it listens on for clients and replicas, by TLS or in the clear.
    pub fn main_port(&self, tls: bool) -> u16 {
        if tls { self.address.ports.tls } else { self.address.ports.tcp }
    }

    /// `NAME (human name)`, as log lines call a node.
    pub fn label(&self) -> String {
        format!("{} ({})", self.id, self.human_name)
    }
}
