//! Slots moved to another process as a whole: CLUSTER MIGRATESLOTS, over a connection in the words of Valkey 9.
//!
//! Page: <https://valkey.io/topics/atomic-slot-migration/>. Clients notice one short pause of writes and then MOVED; there
//! is no ASK and no TRYAGAIN, and whatever goes wrong before the last step leaves all as it was.
//!
//! ```text
//! source                                            target
//!   CLUSTER SYNCSLOTS ESTABLISH SOURCE .. NAME ..      the slots' keys there are deleted; +OK
//!   SYNCSLOTS ACK, RESTORE .. RESTORE                  taken, though the slots are the source's
//!   SYNCSLOTS SNAPSHOT-EOF                          <- SYNCSLOTS REQUEST-PAUSE
//!   RESTORE and DEL of keys written meanwhile
//!   writes pause; the last of them; SYNCSLOTS PAUSED <- SYNCSLOTS REQUEST-FAILOVER
//!   SYNCSLOTS FAILOVER-GRANTED                         claims the slots with a new epoch
//!   hears the claim on the bus, deletes its keys
//! ```
//!
//! What is written while keys are sent is not sent as the commands it was: the source notes the keys, and sends each as it
//! is then, again and again until few are left. A command on several keys then needs no thought, and a key that is written
//! a thousand times is sent a few times.

mod export;
mod import;
mod link;

use std::collections::HashSet;

use base::{NodeId, Slot, key_slot};
use bytes::Bytes;
use cluster::{Owner, SlotSet};

use crate::core::Core;
use crate::core::migrations::{Direction, Migration};
use crate::log::{notice, warning};
pub use import::Import;

/// Slots on their way to another process.
struct Export {
    name: NodeId,
    slots: SlotSet,
    /// Keys written since they were sent.
    dirty: HashSet<Bytes>,
    /// Why it cannot go on.
    broken: Option<Broken>,
}

/// Why a migration ends before its time.
enum Broken {
    Cancelled,
    Failed(String),
}

/// All exports of a core.
#[derive(Default)]
pub struct Exports(Vec<Export>);

impl Exports {
    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `slot` is on its way.
    pub fn holds_slot(&self, slot: Slot) -> bool {
        self.0.iter().any(|export| export.slots.contains(slot))
    }

    /// `key` was written.
    pub fn touched(&mut self, key: &Bytes) {
        if self.0.is_empty() {
            return;
        }
        let slot = key_slot(key);
        for export in self.0.iter_mut().filter(|export| export.slots.contains(slot)) {
            export.dirty.insert(key.clone());
        }
    }

    /// All keys of the core are gone.
    pub fn flushed(&mut self) {
        self.0.iter_mut().for_each(|export| {
            export.broken.get_or_insert(Broken::Failed("Data was flushed".into()));
        });
    }

    fn get(&mut self, name: NodeId) -> Option<&mut Export> {
        self.0.iter_mut().find(|export| export.name == name)
    }
}

impl Core {
    /// Begins to move `slots` to the node `target`, which is not of this process or cannot take tables.
    pub fn begin_export(&mut self, slots: SlotSet, target: NodeId) {
        let name = self.random_name();
        let numbers: Vec<Slot> = slots.iter().collect();
        let job = Migration::new(
            name,
            Direction::Export,
            &numbers,
            self.cluster.my_id(),
            target,
            self.now_ms / 1000,
        );
        self.migrations.begin(job, "connecting", self.config.cluster.slot_migration_log_max_len);
        notice!("Slot migration {name} begins: {} slots to node {target}", numbers.len());
        self.exports.0.push(Export { name, slots, dirty: HashSet::new(), broken: None });
        self.update_listening();
        self.spawn(move |core| export::run(core, name, numbers, target));
    }

    /// Cancels all exports; whether there were any.
    pub fn cancel_exports(&mut self) -> bool {
        self.exports.0.iter_mut().for_each(|export| export.broken = Some(Broken::Cancelled));
        !self.exports.is_empty()
    }

    /// Whether an export may go on, as far as is known without looking at each slot.
    fn check_export(&mut self, name: NodeId) -> Result<(), Broken> {
        let Some(export) = self.exports.get(name) else { return Err(Broken::Cancelled) };
        export.broken.take().map_or(Ok(()), Err)
    }

    /// Whether this node may still give the slots of an export away.
    fn check_owner(&mut self, name: NodeId) -> Result<(), Broken> {
        let Some(export) = self.exports.get(name) else { return Err(Broken::Cancelled) };
        let cluster = &self.cluster;
        if cluster.myself().is_master() && export.slots.iter().all(|slot| cluster.owner(slot) == Owner::Me) {
            return Ok(());
        }
        Err(Broken::Failed("Slots are no longer owned by myself".into()))
    }

    fn end_export(&mut self, name: NodeId, slots: &[Slot], outcome: Result<(), Broken>) {
        self.exports.0.retain(|export| export.name != name);
        self.update_listening();
        slots.iter().for_each(|slot| self.migrate.leaving.open(*slot));
        self.release();
        let (state, message) = match outcome {
            Ok(()) => ("success", String::new()),
            Err(Broken::Cancelled) => ("cancelled", String::new()),
            Err(Broken::Failed(why)) => ("failed", why),
        };
        match message.as_str() {
            "" => notice!("Slot migration {name} finished. State: {state}"),
            why => warning!("Slot migration {name} finished. State: {state}, Message: {why}"),
        }
        self.migrations.end(name, state, &message, self.now_ms / 1000);
        self.serve_waiting();
        self.wake_self();
    }
}
