//! Slots on the move as a replica learns them: from the image its master sends, later from SETSLOT in the stream.
//!
//! The image carries them as Valkey 8 does, in the field `cluster-slot-states`: `SLOT<NODE,` for each that is taken
//! over from NODE, `SLOT>NODE,` for each that is given to it. A replica must know: it may be the master next, and the
//! move goes on.

use base::{NodeId, Slot};

use crate::effects::Save;
use crate::node::{Flags, Node, NodeIndex};
use crate::state::Cluster;

/// One slot on the move.
struct Open {
    slot: Slot,
    importing: bool,
    other: NodeId,
}

impl Cluster {
    /// The slots on the move, for an image to a replica.
    pub fn open_slots_text(&self) -> String {
        let write =
            |(slot, other): (&Slot, &NodeIndex), sign| format!("{slot}{sign}{},", self.nodes[*other].id);
        let importing = self.slots.importing.iter().map(|open| write(open, '<'));
        importing.chain(self.slots.migrating.iter().map(|open| write(open, '>'))).collect()
    }

    /// What a master's image says takes the place of what this replica knew.
    ///
    /// # Errors
    /// The text is damaged: what is wrong, as a part of a sentence. Nothing was changed then.
    pub fn take_open_slots(&mut self, text: &str, now: u64) -> Result<(), String> {
        let entries = text.split_terminator(',').map(parse);
        let entries: Vec<Open> = entries.collect::<Result<_, _>>()?;
        self.slots.close_all();
        for Open { slot, importing, other } in entries {
            let Some(other) = self.nodes.find(other).or_else(|| self.add_unseen(other, now)) else {
                continue;
            };
            let moves = if importing { &mut self.slots.importing } else { &mut self.slots.migrating };
            moves.insert(slot, other);
        }
        self.todo.keep(Save::Soon);
        self.finish(now);
        Ok(())
    }

    /// A node of which only the name is known; where it lives, gossip will tell.
    fn add_unseen(&mut self, id: NodeId, now: u64) -> Option<NodeIndex> {
        let shard = self.random.node_id();
        self.nodes.insert(Node::new(id, shard, Flags::NOADDR, now))
    }
}

fn parse(entry: &str) -> Result<Open, String> {
    let bad = || format!("'{entry}' is no slot on the move");
    let at = entry.find(['<', '>']).ok_or_else(bad)?;
    let slot = entry[..at].parse().ok().and_then(Slot::new).ok_or_else(bad)?;
    let other = entry[at + 1..].parse().map_err(|_| bad())?;
    Ok(Open { slot, importing: entry[at..].starts_with('<'), other })
}
