//! A slot changes cores: its table goes over the mesh as it is.
//!
//! Between two machines a slot moves key by key, for minutes. Between siblings a slot is a pointer: this core lets
//! go of the table and points clients at the sibling (MOVED) in the same moment, and the sibling serves it when it
//! reads the message. No command sees a key twice or not at all:
//!
//! - What clients of the ingress had under way for the slot is passed on behind the table ([`Core::pass_on`]), and
//!   their next commands wait until that has arrived (`transit`).
//! - Those of them that wait for one of its keys go with the slot, and wait there. Clients of this core's own port
//!   get MOVED, as after any migration.
//! - Who watches one of its keys finds it changed.

use base::{NodeId, Slot};
use cluster::SlotSet;
use commands::Error;
use store::SlotTable;

use crate::client::Door;
use crate::core::Core;
use crate::core::blocking::{Blocked, SessionId};
use crate::core::migrations::{Direction, Migration};
use crate::core::nodes_file::Saying;
use crate::ingress::Place;
use crate::mesh::Message;

const IN_UNIT: Error = Error::new("ERR a slot cannot change hands inside a transaction or a script");
const KEYS_LEAVING: Error = Error::new("ERR Slots are being manually migrated");
const RECORDED: Error = Error::new(
    "ERR slots of a node with replicas or an append-only file cannot change hands inside the process yet",
);

/// Slots on their way to a sibling.
pub struct Handover {
    /// The job's name in the logs of both.
    name: NodeId,
    /// The giver's epoch. Its claims wait for its disk and may come behind the slots, which must not be lost to them.
    epoch: u64,
    /// The slots and their keys.
    slots: Vec<(Slot, SlotTable)>,
    /// Clients of the ingress that wait for one of these keys.
    waits: Vec<(SessionId, Blocked)>,
    /// The sibling could not take them: they come back.
    returned: bool,
}

impl Core {
    /// Moves `slots` to the node `target`: a sibling gets the tables as they are, unless what happens to them is recorded;
    /// any other node is sent the keys.
    ///
    /// # Errors
    /// It cannot be done now, and nothing has changed.
    pub fn move_slots(&mut self, slots: SlotSet, target: NodeId) -> Result<(), Error> {
        let sibling = self.core_ids.iter().position(|id| *id == target);
        match sibling.filter(|_| !self.effects.recording) {
            Some(core) => self.hand_over(&slots.iter().collect::<Vec<Slot>>(), core as u16),
            None => {
                self.begin_export(slots, target);
                Ok(())
            }
        }
    }

    /// Hands `slots` to the sibling `to`.
    ///
    /// # Errors
    /// It cannot be done now, and nothing has changed.
    pub fn hand_over(&mut self, slots: &[Slot], to: u16) -> Result<(), Error> {
        if self.in_unit() {
            return Err(IN_UNIT);
        }
        if slots.iter().any(|slot| self.migrate.leaving.holds_slot(*slot) || self.exports.holds_slot(*slot)) {
            return Err(KEYS_LEAVING);
        }
        if self.effects.recording {
            return Err(RECORDED);
        }
        let (from, taker) = (self.cluster.my_id(), self.core_ids[usize::from(to)]);
        let refused = |e: cluster::CommandError| Error::text(e.to_string());
        self.cluster.check_handover(slots, taker).map_err(refused)?;
        let name = self.random_name();
        let job = Migration::new(name, Direction::Export, slots, from, taker, self.now_ms / 1000);
        self.migrations.begin(job, "failover-granted", self.config.cluster.slot_migration_log_max_len);
        self.send_slots(name, slots, to, false);
        let now = self.bus_now();
        self.cluster.give_slots(slots, taker, now).map_err(refused)?;
        self.cluster_changed();
        Ok(())
    }

    /// Takes slots and all that hangs on them out of this core and sends them off.
    fn send_slots(&mut self, name: NodeId, slots: &[Slot], to: u16, returned: bool) {
        let leaving: SlotSet = slots.iter().copied().collect();
        let waits = self.take_waits(&leaving);
        self.watch.written_if(|_, slot| leaving.contains(slot));
        self.invalidate_slots(slots);
        slots.iter().for_each(|slot| self.snapshots.before_slot_change(&self.keys, *slot));
        let slots: Vec<(Slot, SlotTable)> =
            slots.iter().map(|slot| (*slot, self.keys.take_slot(*slot))).collect();
        self.dirty += slots.iter().map(|(_, table)| table.len() as u64).sum::<u64>();
        let epoch = self.cluster.current_epoch();
        self.mesh.send(to, Message::Handover(Box::new(Handover { name, epoch, slots, waits, returned })));
    }

    /// The waits of ingress clients for keys of `slots`; those of this core's own are forwarded from now on.
    fn take_waits(&mut self, slots: &SlotSet) -> Vec<(SessionId, Blocked)> {
        let mut waits = Vec::new();
        for (session, _) in self.waiting.in_slots(|slot| slots.contains(slot)) {
            let forwarded = self.waiting.get(session).is_some_and(|wait| wait.runner.ticket.is_some());
            let mut runner = None;
            if !forwarded && session.core == self.index {
                let client = self.clients.get(session.index);
                let Some(client) = client.filter(|c| c.generation == session.generation) else { continue };
                if client.door != Door::Ingress {
                    continue;
                }
                client.blocked = false;
                client.awaits_sibling = true;
                let ticket = client.take_place(Place::Open, &mut self.spare_pending);
                runner = Some((ticket, client.user.id()));
            }
            let Some(mut wait) = self.waiting.remove(session) else { continue };
            if let Some((ticket, user)) = runner {
                (wait.runner.ticket, wait.runner.user) = (Some(ticket), Some(user));
            }
            waits.push((session, wait));
        }
        self.update_listening();
        waits
    }

    /// Takes slots over from the sibling `from`, or back.
    pub fn take_handover(&mut self, from: u16, handover: Handover) {
        let Handover { name, epoch, slots, waits, returned } = handover;
        let numbers: Vec<Slot> = slots.iter().map(|(slot, _)| *slot).collect();
        if !returned && (!self.cluster.myself().is_master() || self.effects.recording) {
            let back = Handover { name, epoch, slots, waits, returned: true };
            return self.mesh.send(from, Message::Handover(Box::new(back)));
        }
        for (slot, table) in slots {
            self.dirty += table.len() as u64;
            self.snapshots.before_slot_change(&self.keys, slot);
            let old = self.keys.put_slot(slot, table);
            self.garbage.push_slot(old);
        }
        for (session, wait) in waits {
            self.waiting.add(session, wait);
            self.decode_aside(session);
        }
        self.update_listening();
        let (giver, now) = (self.core_ids[usize::from(from)], self.bus_now());
        self.cluster.heard_of_epoch(epoch);
        self.cluster.take_slots(&numbers, giver, now);
        self.cluster_changed();
        if returned {
            let reason = "Target node is not a master that can take slots";
            return self.migrations.end(name, "failed", reason, self.now_ms / 1000);
        }
        let me = self.cluster.my_id();
        let job = Migration::new(name, Direction::Import, &numbers, giver, me, self.now_ms / 1000);
        self.migrations.begin(job, "success", self.config.cluster.slot_migration_log_max_len);
        self.say_when_saved(Saying::Message(from, Message::HandoverTaken(name)));
    }

    /// The sibling serves what it was given, and its claim is in its file.
    pub fn handover_taken(&mut self, name: NodeId) {
        let now = self.bus_now();
        self.cluster.slots_were_taken(now);
        self.cluster_changed();
        self.migrations.end(name, "success", "", self.now_ms / 1000);
    }

    /// A name for a migration.
    pub fn random_name(&mut self) -> NodeId {
        let mut bytes = [0; 20];
        bytes.chunks_mut(8).for_each(|chunk| {
            chunk.copy_from_slice(&self.random.bits().to_ne_bytes()[..chunk.len()]);
        });
        NodeId::from_random(bytes)
    }
}
