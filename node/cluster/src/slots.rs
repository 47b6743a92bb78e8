//! Who serves which slot, and which slots are on the move.
//!
//! Routing asks for every command whether the slot is this node's own, which its own [`SlotSet`] tells; all owners stand in
//! one flat array of 32 KB: a load and a compare, no hashing. Slots on the move are few and mostly none, so they live in two ordered maps; asking
//! an empty map costs nothing. Each node's own [`SlotSet`] is kept in step here and nowhere else.

use std::collections::BTreeMap;

use base::{SLOT_COUNT, Slot};

use crate::node::{Flags, NodeIndex};
use crate::nodes::Nodes;
use crate::slot_set::SlotSet;

const NOBODY: NodeIndex = NodeIndex(u16::MAX);

/// Who serves a slot, as seen by routing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// This node.
    Me,
    /// Another node.
    Node(NodeIndex),
    /// Nobody.
    None,
}

/// Owners and moves of all slots.
#[derive(Debug)]
pub(crate) struct Slots {
    owners: Box<[NodeIndex; SLOT_COUNT]>,
    /// Slots this node is giving away, and to whom.
    pub(crate) migrating: BTreeMap<Slot, NodeIndex>,
    /// Slots this node is taking over, and from whom.
    pub(crate) importing: BTreeMap<Slot, NodeIndex>,
    /// Slots whose owner stopped claiming them while nobody else claims them yet. They stay bound, so that
    /// clients see redirections rather than errors, but an UPDATE must not spread them.
    pub(crate) not_claimed: SlotSet,
    /// Slots this node imports that their sources stopped claiming, and since when that is known.
    pub(crate) given_up: BTreeMap<Slot, u64>,
    /// Slots this node or its master imported, which not everyone may know yet: from whom, and when.
    pub(crate) taken_over: BTreeMap<Slot, (NodeIndex, u64)>,
    /// Slots unbound since the owner of the state last looked.
    pub(crate) released: Vec<(Slot, NodeIndex)>,
}

impl Slots {
    pub(crate) fn new() -> Slots {
        Slots {
            owners: Box::new([NOBODY; SLOT_COUNT]),
            migrating: BTreeMap::new(),
            importing: BTreeMap::new(),
            not_claimed: SlotSet::default(),
            given_up: BTreeMap::new(),
            taken_over: BTreeMap::new(),
            released: Vec::new(),
        }
    }

    /// The node that serves `slot`.
    pub(crate) fn owner(&self, slot: Slot) -> Option<NodeIndex> {
        let owner = self.owners[slot.index()];
        (owner != NOBODY).then_some(owner)
    }

    /// Begins to load who serves `slot`.
    #[inline]
    pub(crate) fn prefetch_owner(&self, slot: Slot) {
        base::prefetch::read(&self.owners[slot.index()]);
    }

    /// Binds an unbound slot; false when it is bound.
    pub(crate) fn bind(&mut self, nodes: &mut Nodes, slot: Slot, to: NodeIndex) -> bool {
        if self.owner(slot).is_some() {
            return false;
        }
        nodes[to].slots.insert(slot);
        if nodes[to].slots.len() == 1 && nodes.replicated > 0 {
            // A master with its first slot may attract replicas, unless the cluster has none at all.
            nodes[to].flags.set(Flags::MIGRATE_TO, true);
        }
        self.owners[slot.index()] = to;
        self.not_claimed.remove(slot);
        true
    }

    /// Unbinds a slot and returns who had it.
    pub(crate) fn unbind(&mut self, nodes: &mut Nodes, slot: Slot) -> Option<NodeIndex> {
        let owner = self.owner(slot)?;
        nodes[owner].slots.remove(slot);
        self.owners[slot.index()] = NOBODY;
        self.not_claimed.remove(slot);
        self.taken_over.remove(&slot);
        self.released.push((slot, owner));
        Some(owner)
    }

    /// Binds a slot whoever had it before.
    pub(crate) fn rebind(&mut self, nodes: &mut Nodes, slot: Slot, to: NodeIndex) {
        self.unbind(nodes, slot);
        self.bind(nodes, slot, to);
    }

    /// Unbinds every slot of `node` and returns how many it had.
    pub(crate) fn unbind_all(&mut self, nodes: &mut Nodes, node: NodeIndex) -> usize {
        let owned: Vec<Slot> = nodes[node].slots.iter().collect();
        for &slot in &owned {
            self.unbind(nodes, slot);
        }
        owned.len()
    }

    /// Ends every move.
    pub(crate) fn close_all(&mut self) {
        self.migrating.clear();
        self.importing.clear();
    }

    /// The slots of a node and those on the move: those of which it matters that the node does not claim them.
    pub(crate) fn mattering(&self, of_node: &SlotSet) -> SlotSet {
        let moving = [&self.migrating, &self.importing].into_iter().flat_map(BTreeMap::keys).copied();
        of_node.iter().chain(moving).collect()
    }

    /// Clears every reference to `node`.
    pub(crate) fn forget(&mut self, nodes: &mut Nodes, node: NodeIndex) {
        self.migrating.retain(|_, to| *to != node);
        self.importing.retain(|_, from| *from != node);
        self.taken_over.retain(|_, (from, _)| *from != node);
        self.unbind_all(nodes, node);
    }
}
