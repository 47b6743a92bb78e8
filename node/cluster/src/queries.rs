//! What clients may ask: routing, CLUSTER NODES, REPLICAS, INFO, MYID, LINKS.
//!
//! Answers are plain text or plain structs; turning them into RESP is the server's. CLUSTER SLOTS and SHARDS
//! are in `shards`.

use std::fmt::Write as _;

use base::{NodeId, SLOT_COUNT, Slot};

use crate::config::EndpointType;
use crate::links::Link;
use crate::node::{Node, NodeIndex};
use crate::slots::Owner;
use crate::state::Cluster;
use crate::stats::TYPE_NAMES;

/// How the asking client is connected: it is told addresses it can use.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asker {
    /// By TLS.
    pub tls: bool,
    /// By IPv6.
    pub ipv6: bool,
}

/// One row of CLUSTER LINKS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkView {
    /// `from` for a link the other end opened, `to` for one this node opened.
    pub direction: &'static str,
    /// The other end.
    pub node: NodeId,
    /// When it was created, ms since 1970.
    pub create_time: u64,
    /// `r`, `w` or `rw`: what the link waits for.
    pub events: &'static str,
    /// Bytes not sent yet.
    pub send_buffer: usize,
}

impl Cluster {
    /// Whether this node serves `slot`. The hot path: it asks 2 KB of bits, which stay in the nearest cache as the 32 KB of
    /// [`Cluster::owner`] do not.
    #[inline]
    pub fn serves(&self, slot: Slot) -> bool {
        self.myself().slots.contains(slot)
    }

    /// Who serves `slot`.
    #[inline]
    pub fn owner(&self, slot: Slot) -> Owner {
        match self.slots.owner(slot) {
            Some(index) if index == self.me => Owner::Me,
            Some(index) => Owner::Node(index),
            None => Owner::None,
        }
    }

    /// The core of this process that serves `slot`, if it is another one and nothing else is to be looked at: the cluster is
    /// well, and neither does the slot move, nor could this node answer for its master.
    #[inline]
    pub fn serving_sibling(&self, slot: Slot) -> Option<u16> {
        let core = self.nodes[self.slots.owner(slot)?].core;
        let moves = self.migrating_to(slot).is_some() || self.importing_from(slot).is_some();
        core.filter(|_| self.is_ok() && self.myself().is_master() && !moves)
    }

    /// Begins to load what [`Cluster::owner`] will be asked for `slot`: the owners of all slots are more than a CPU keeps at hand.
    #[inline]
    pub fn prefetch_owner(&self, slot: Slot) {
        self.slots.prefetch_owner(slot);
    }

    /// Whom this node is giving `slot` to: keys it no longer has are asked for there (ASK).
    #[inline]
    pub fn migrating_to(&self, slot: Slot) -> Option<NodeIndex> {
        self.slots.migrating.get(&slot).copied()
    }

    /// From whom this node is taking `slot` over: commands after ASKING are served.
    #[inline]
    pub fn importing_from(&self, slot: Slot) -> Option<NodeIndex> {
        self.slots.importing.get(&slot).copied()
    }

    /// Whether any slot is migrating or importing by hand (SETSLOT).
    pub fn has_open_slots(&self) -> bool {
        !self.slots.migrating.is_empty() || !self.slots.importing.is_empty()
    }

    /// The node whose keys this node holds: itself, or the master it replicates.
    pub fn is_mine_or_my_masters(&self, slot: Slot) -> bool {
        self.slots.owner(slot) == Some(self.my_master())
    }

    /// The slots this node's shard serves.
    pub fn shard_slots(&self) -> &crate::SlotSet {
        &self.nodes[self.my_master()].slots
    }

    /// Host and port to put into MOVED and ASK, by `cluster-preferred-endpoint-type`.
    pub fn endpoint<'a>(&self, node: &'a Node, asker: Asker) -> (&'a str, u16) {
        let host = match self.config.preferred_endpoint {
            EndpointType::Ip => client_ip(node, asker),
            EndpointType::Hostname if node.hostname.is_empty() => "?",
            EndpointType::Hostname => &node.hostname,
            EndpointType::Unknown => "",
        };
        (host, node.client_port(asker.tls))
    }

    /// CLUSTER MYID.
    pub fn my_id(&self) -> NodeId {
        self.myself().id
    }

    /// CLUSTER MYSHARDID.
    pub fn my_shard_id(&self) -> NodeId {
        self.myself().shard_id
    }

    /// CLUSTER NODES.
    pub fn nodes_text(&self, asker: Asker) -> String {
        let mut text = String::with_capacity(128 * self.nodes.len());
        for (index, _) in self.nodes.iter() {
            self.write_node(&mut text, index, asker);
            text.push('\n');
        }
        text
    }

    /// CLUSTER REPLICAS: one line a replica of the master called `id`.
    ///
    /// # Errors
    /// The node is not known, or is no master.
    pub fn replicas_of(&self, id: &str, asker: Asker) -> Result<Vec<String>, crate::CommandError> {
        let index = self.find_by_text(id).ok_or_else(|| crate::CommandError::UnknownNode(id.into()))?;
        if self.nodes[index].is_replica() {
            return Err(crate::CommandError::NotAMaster);
        }
        let line = |replica: &NodeIndex| {
            let mut text = String::new();
            self.write_node(&mut text, *replica, asker);
            text
        };
        Ok(self.nodes[index].replicas.iter().map(line).collect())
    }

    fn write_node(&self, text: &mut String, index: NodeIndex, asker: Asker) {
        let node = &self.nodes[index];
        let (ip, port) = (client_ip(node, asker), node.client_port(asker.tls));
        let _ = write!(text, "{} {ip}:{port}@{}", node.id, node.address.ports.bus);
        if !node.hostname.is_empty() {
            let _ = write!(text, ",{}", node.hostname);
        }
        self.write_node_tail(text, index, &node.slots);
    }

    /// The node with this name, spelt in either case as Redis allows.
    pub(crate) fn find_by_text(&self, id: &str) -> Option<NodeIndex> {
        self.nodes.find(id.parse().ok()?)
    }

    /// CLUSTER LINKS: only links whose other end is known.
    pub fn links_view(&self) -> Vec<LinkView> {
        let view = |link: &Link| {
            Some(LinkView {
                direction: if link.inbound { "from" } else { "to" },
                node: self.nodes[link.node?].id,
                create_time: link.created,
                events: match (link.connected, link.backlog) {
                    (false, _) => "w",
                    (true, 0) => "r",
                    (true, _) => "rw",
                },
                send_buffer: link.backlog,
            })
        };
        self.links.iter().filter_map(|(_, link)| view(link)).collect()
    }

    /// CLUSTER INFO.
    pub fn info_text(&self) -> String {
        let mut text = String::with_capacity(1024);
        let (mut assigned, mut failed, mut suspected) = (0, 0, 0);
        for node in self.nodes() {
            assigned += node.slots.len();
            if node.is_failed() {
                failed += node.slots.len();
            } else if node.is_unreachable() {
                suspected += node.slots.len();
            }
        }
        debug_assert!(assigned <= SLOT_COUNT);
        let state = if self.is_ok() { "ok" } else { "fail" };
        let rows: [(&str, &dyn std::fmt::Display); 9] = [
            ("cluster_state", &state),
            ("cluster_slots_assigned", &assigned),
            ("cluster_slots_ok", &(assigned - failed - suspected)),
            ("cluster_slots_pfail", &suspected),
            ("cluster_slots_fail", &failed),
            ("cluster_known_nodes", &self.nodes.len()),
            ("cluster_size", &self.size()),
            ("cluster_current_epoch", &self.current_epoch),
            ("cluster_my_epoch", &self.node_epoch(self.me)),
        ];
        for (name, value) in rows {
            let _ = write!(text, "{name}:{value}\r\n");
        }
        for (direction, counts) in [("sent", &self.stats.sent), ("received", &self.stats.received)] {
            for (name, count) in TYPE_NAMES.iter().zip(counts).filter(|(_, count)| **count > 0) {
                let _ = write!(text, "cluster_stats_messages_{name}_{direction}:{count}\r\n");
            }
            let _ = write!(text, "cluster_stats_messages_{direction}:{}\r\n", counts.iter().sum::<u64>());
        }
        let exceeded = self.stats.buffer_limit_exceeded;
        let _ = write!(text, "total_cluster_links_buffer_limit_exceeded:{exceeded}\r\n");
        self.write_sibling_info(&mut text);
        text
    }
}

/// The address to show the asking client.
pub(crate) fn client_ip(node: &Node, asker: Asker) -> &str {
    let announced = if asker.ipv6 { &node.client_ipv6 } else { &node.client_ipv4 };
    if announced.is_empty() { &node.address.ip } else { announced }
}
