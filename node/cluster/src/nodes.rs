//! The table of all known nodes.
//!
//! Rows refer to each other (master, replicas, reports) and slots refer to rows, so a row has a small stable
//! index; names are looked up once per packet entry. Order by name makes every walk deterministic.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use base::NodeId;

use crate::node::{Node, NodeIndex};
use crate::random::Random;

/// Most nodes a table takes in, far above the 1000 the specification aims at: gossip cannot grow it further.
pub const MAX_NODES: usize = 16_384;

/// All known nodes by index and by name.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    rows: Vec<Option<Box<Node>>>,
    free: Vec<NodeIndex>,
    by_id: BTreeMap<NodeId, NodeIndex>,
    /// How many nodes have replicas. Counted, for whoever has a thousand nodes to meet.
    pub(crate) replicated: usize,
}

impl Nodes {
    /// The node called `id`.
    pub(crate) fn find(&self, id: NodeId) -> Option<NodeIndex> {
        self.by_id.get(&id).copied()
    }

    /// The row at `index`, or `None` once that node is forgotten.
    pub(crate) fn get(&self, index: NodeIndex) -> Option<&Node> {
        self.rows.get(usize::from(index.0))?.as_deref()
    }

    /// How many nodes are known.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Every node, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeIndex, &Node)> {
        self.by_id.values().map(|&index| (index, &self[index]))
    }

    /// The indexes of all nodes, by name; a copy, so that the rows may change meanwhile.
    pub(crate) fn indexes(&self) -> Vec<NodeIndex> {
        self.by_id.values().copied().collect()
    }

    /// Adds a row; `None` when the table is full. The name must be new.
    pub(crate) fn insert(&mut self, node: Node) -> Option<NodeIndex> {
        if self.len() >= MAX_NODES {
            return None;
        }
        let id = node.id;
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.rows.push(None);
                NodeIndex((self.rows.len() - 1) as u16)
            }
        };
        self.rows[usize::from(index.0)] = Some(Box::new(node));
        let known = self.by_id.insert(id, index);
        assert!(known.is_none(), "node {id} added twice");
        Some(index)
    }

    /// Takes a row out. The caller has cleared every reference to it.
    pub(crate) fn remove(&mut self, index: NodeIndex) -> Node {
        let node = self.rows[usize::from(index.0)].take().expect("a node is removed once");
        self.by_id.remove(&node.id);
        self.replicated -= usize::from(!node.replicas.is_empty());
        self.free.push(index);
        *node
    }

    /// Gives a node its real name. The name must be new.
    pub(crate) fn rename(&mut self, index: NodeIndex, id: NodeId) {
        let old = std::mem::replace(&mut self[index].id, id);
        self.by_id.remove(&old);
        let known = self.by_id.insert(id, index);
        assert!(known.is_none(), "node {id} added twice");
    }

    /// Any node, all equally likely.
    pub(crate) fn random(&self, random: &mut Random) -> NodeIndex {
        loop {
            let index = NodeIndex(random.below(self.rows.len() as u64) as u16);
            if self.get(index).is_some() {
                return index;
            }
        }
    }
}

impl Index<NodeIndex> for Nodes {
    type Output = Node;

    fn index(&self, index: NodeIndex) -> &Node {
        self.get(index).expect("an index is not kept once its node is forgotten")
    }
}

impl IndexMut<NodeIndex> for Nodes {
    fn index_mut(&mut self, index: NodeIndex) -> &mut Node {
        self.rows[usize::from(index.0)]
            .as_deref_mut()
            .expect("an index is not kept once its node is forgotten")
    }
}

const _: () = assert!(MAX_NODES < u16::MAX as usize, "indexes are u16 and one value means no node");
