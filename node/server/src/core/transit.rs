//! Order at the ingress while slots change cores.
//!
//! The commands of an ingress client run in the order in which it sent them. Those on one slot go to one core, one
//! behind the other, and that keeps the order. When the slot moves from one sibling to another, commands under way to the
//! first are passed on to the second, and one sent straight to the second could overtake them. So from the moment
//! in which this core learns of the move, commands on the slot are held, until a message has gone the way of those
//! under way: to the sibling that had the slot, on to the one that has it, and back. The queues of the mesh keep
//! their order, so nothing is left behind that message. It takes microseconds.

use base::{NodeId, Slot};
use cluster::SlotSet;

use crate::core::Core;
use crate::mesh::Message;

/// Moves of which something may still be under way.
#[derive(Default)]
pub struct Transit {
    moves: Vec<(u64, SlotSet)>,
    last: u64,
}

impl Transit {
    /// Whether commands on `slot` have to wait.
    #[inline]
    pub fn holds(&self, slot: Slot) -> bool {
        !self.moves.is_empty() && self.moves.iter().any(|(_, slots)| slots.contains(slot))
    }
}

impl Core {
    /// Slots changed hands between two siblings, or between this core and one.
    pub fn slots_moved(&mut self, from: NodeId, to: NodeId, slots: &[Slot]) {
        let core = |id: NodeId| self.core_ids.iter().position(|core| *core == id);
        let (Some(from), Some(to)) = (core(from), core(to)) else { return };
        // What this core itself sends behind a table that it gave away stays behind it.
        if self.process.ingress_port == 0 || from == usize::from(self.index) {
            return;
        }
        self.transit.last += 1;
        self.transit.moves.push((self.transit.last, slots.iter().copied().collect()));
        let (origin, id, to) = (self.index, self.transit.last, to as u16);
        self.mesh.send_in_order(from as u16, Message::Settle { origin, id, to });
    }

    /// Passes the message on that goes the way of commands under way, or ends its journey.
    pub fn settle(&mut self, origin: u16, id: u64, to: u16) {
        if to != self.index {
            self.mesh.send_in_order(to, Message::Settle { origin, id, to });
        } else if origin != self.index {
            self.mesh.send(origin, Message::Settled(id));
        } else {
            self.settled(id);
        }
    }

    /// Nothing of this move is under way any more.
    pub fn settled(&mut self, id: u64) {
        self.transit.moves.retain(|(open, _)| *open != id);
        self.resume_paused();
    }
}
