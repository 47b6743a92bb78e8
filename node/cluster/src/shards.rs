//! CLUSTER SLOTS and CLUSTER SHARDS: the two maps smart clients route by.

use std::collections::BTreeMap;

use base::{NodeId, Slot};

use crate::config::EndpointType;
use crate::node::{Node, NodeIndex};
use crate::queries::{Asker, client_ip};
use crate::state::Cluster;

/// One run of slots in CLUSTER SLOTS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRange {
    /// First slot.
    pub first: Slot,
    /// Last slot, included.
    pub last: Slot,
    /// The master, then its replicas that work.
    pub nodes: Vec<SlotNode>,
}

/// A node as CLUSTER SLOTS shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotNode {
    /// Preferred endpoint; `None` (a null) when clients keep the address they know.
    pub endpoint: Option<String>,
    /// Client port.
    pub port: u16,
    /// Its name.
    pub id: NodeId,
    /// Other addresses, by name.
    pub metadata: Vec<(&'static str, String)>,
}

/// One shard in CLUSTER SHARDS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Runs of slots, in order.
    pub slots: Vec<(Slot, Slot)>,
    /// Master first.
    pub nodes: Vec<ShardNode>,
}

/// A node as CLUSTER SHARDS shows it; fields in the order of the reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardNode {
    /// `id`.
    pub id: NodeId,
    /// `port`, left out when `None`.
    pub port: Option<u16>,
    /// `tls-port`, left out when `None`.
    pub tls_port: Option<u16>,
    /// `ip`.
    pub ip: String,
    /// `endpoint`.
    pub endpoint: String,
    /// `hostname`, left out when `None`.
    pub hostname: Option<String>,
    /// `role`: `master` or `replica`.
    pub role: &'static str,
    /// `replication-offset`.
    pub replication_offset: i64,
    /// `health`: `online`, `loading` or `fail`.
    pub health: &'static str,
}

impl Cluster {
    /// CLUSTER SLOTS, in order of slots.
    pub fn slots_view(&self, asker: Asker) -> Vec<SlotRange> {
        let mut ranges: Vec<(Slot, Slot, NodeIndex)> = Vec::new();
        for (index, node) in self.nodes.iter() {
            ranges.extend(node.slots.ranges().into_iter().map(|(first, last)| (first, last, index)));
        }
        ranges.sort_unstable();
        let row = |(first, last, master): (Slot, Slot, NodeIndex)| {
            let replicas = self.nodes[master].replicas.iter().filter(|r| self.is_replica_available(**r));
            let all = std::iter::once(&master).chain(replicas);
            SlotRange { first, last, nodes: all.map(|n| self.slot_node(&self.nodes[*n], asker)).collect() }
        };
        ranges.into_iter().map(row).collect()
    }

    fn slot_node(&self, node: &Node, asker: Asker) -> SlotNode {
        let preferred = self.config.preferred_endpoint;
        let (endpoint, port) = self.endpoint(node, asker);
        let mut metadata = Vec::new();
        if preferred != EndpointType::Ip {
            metadata.push(("ip", client_ip(node, asker).to_string()));
        }
        if preferred != EndpointType::Hostname && !node.hostname.is_empty() {
            metadata.push(("hostname", node.hostname.clone()));
        }
        let endpoint = (preferred != EndpointType::Unknown).then(|| endpoint.to_string());
        SlotNode { endpoint, port, id: node.id, metadata }
    }

    /// A replica is shown to clients once it has data and unless it failed.
    fn is_replica_available(&self, replica: NodeIndex) -> bool {
        !self.nodes[replica].is_failed() && self.offset_of(replica) != 0
    }

    /// The replication offset of any node, as far as it is known.
    pub(crate) fn offset_of(&self, index: NodeIndex) -> i64 {
        if index == self.me { self.replication.offset } else { self.nodes[index].offset }
    }

    /// CLUSTER SHARDS, by shard ID.
    pub fn shards_view(&self, asker: Asker) -> Vec<Shard> {
        let mut shards: BTreeMap<NodeId, Vec<NodeIndex>> = BTreeMap::new();
        for (index, node) in self.nodes.iter().filter(|(_, node)| !node.in_handshake()) {
            shards.entry(node.shard_id).or_default().push(index);
        }
        let view = |mut members: Vec<NodeIndex>| {
            members.sort_by_key(|m| (self.nodes[*m].is_replica(), self.nodes[*m].id));
            let slots = members.iter().flat_map(|m| self.nodes[*m].slots.ranges()).collect();
            Shard { slots, nodes: members.into_iter().map(|m| self.shard_node(m, asker)).collect() }
        };
        shards.into_values().map(view).collect()
    }

    fn shard_node(&self, index: NodeIndex, asker: Asker) -> ShardNode {
        let node = &self.nodes[index];
        let offset = self.offset_of(index);
        let ports = node.address.ports;
        ShardNode {
            id: node.id,
            port: (ports.tcp != 0).then_some(ports.tcp),
            tls_port: (ports.tls != 0).then_some(ports.tls),
            ip: client_ip(node, asker).into(),
            endpoint: self.endpoint(node, asker).0.into(),
            hostname: (!node.hostname.is_empty()).then(|| node.hostname.clone()),
            role: if node.is_replica() { "replica" } else { "master" },
            replication_offset: offset,
            health: match (node.is_failed(), node.is_replica() && offset == 0) {
                (true, _) => "fail",
                (false, true) => "loading",
                (false, false) => "online",
            },
        }
    }
}
