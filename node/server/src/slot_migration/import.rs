//! The target's side: what comes on the source's connection is taken, and when the source says so the slots are claimed.
//!
//! The keys are in slots that this node does not serve, so nobody sees them. If the connection ends too early they go.

use base::NodeId;
use cluster::{Owner, SlotSet};
use commands::table::{Found, Host, Run};
use commands::{Args, Error, Outcome};

use crate::client::Client;
use crate::core::Core;
use crate::core::blocking::SessionId;
use crate::core::migrations::{Direction, Migration};
use crate::log::{notice, warning};
use crate::reactor::PACE;
use crate::route::Keys;

const UNKNOWN_SOURCE: Error = Error::new("ERR Target node does not know the source node");
const NOT_A_MASTER: Error = Error::new("ERR Slot migration can only be used on primary nodes.");
const NOT_THE_SOURCES: Error = Error::new("ERR Target node does not agree about current slot ownership");
const COMMAND_FAILED: &str =
    "Failed to process command during slot migration. Check logs for more information";
const BUSY: Error = Error::new("ERR Slot is already being imported on the target by a different migration");
const BY_HAND: Error = Error::new("ERR Slots are being manually migrated");

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Snapshot,
    Changes,
    Requested,
}

/// Slots that come in on a connection.
pub struct Import {
    name: NodeId,
    source: NodeId,
    slots: SlotSet,
    stage: Stage,
    /// When it came to this stage, unix ms.
    since_ms: u64,
}

impl Core {
    /// CLUSTER SYNCSLOTS ESTABLISH: what `client` sends from now on are keys of `slots`, which `source` gives.
    pub fn begin_import(
        &mut self,
        client: &mut Client,
        name: NodeId,
        source: NodeId,
        slots: SlotSet,
    ) -> Outcome {
        if !self.cluster.myself().is_master() {
            return Err(NOT_A_MASTER);
        }
        if self.cluster.find_node(source).is_none() {
            return Err(UNKNOWN_SOURCE);
        }
        if !self.owns_all(source, &slots) {
            return Err(NOT_THE_SOURCES);
        }
        if slots.iter().any(|slot| self.cluster.importing_from(slot).is_some()) {
            return Err(BY_HAND); // Keys of it are here that are nowhere else.
        }
        if client.import.is_some() || slots.iter().any(|slot| self.importing.contains(slot)) {
            return Err(BUSY);
        }
        slots.iter().for_each(|slot| self.delete_slot(slot));
        slots.ranges().into_iter().for_each(|(first, last)| self.importing.extend(first, last));
        let numbers: Vec<_> = slots.iter().collect();
        let me = self.cluster.my_id();
        let job = Migration::new(name, Direction::Import, &numbers, source, me, self.now_ms / 1000);
        self.migrations.begin(job, "receiving-snapshot", self.config.cluster.slot_migration_log_max_len);
        notice!("Slot migration {name} begins: {} slots from node {source}", numbers.len());
        client.import = Some(Box::new(Import { name, source, slots, stage: Stage::Snapshot, since_ms: 0 }));
        client.reply.ok();
        Ok(())
    }

    fn owns_all(&self, node: NodeId, slots: &SlotSet) -> bool {
        slots.iter().all(|slot| match self.cluster.owner(slot) {
            Owner::Node(owner) => self.cluster.node(owner).is_some_and(|owner| owner.id == node),
            _ => false,
        })
    }

    /// CLUSTER SYNCSLOTS with one of the words that follow ESTABLISH.
    pub fn advance_import(&mut self, client: &mut Client, word: &str) {
        let Some(import) = &mut client.import else { return };
        let (stage, state, answer) = match (import.stage, word) {
            (stage, "ack") => (stage, "", "ACK"),
            (Stage::Snapshot, "snapshot-eof") => (Stage::Changes, "waiting-for-paused", "REQUEST-PAUSE"),
            (Stage::Changes, "paused") => (Stage::Requested, "failover-requested", "REQUEST-FAILOVER"),
            (Stage::Requested, "failover-granted") => return self.claim_import(client),
            _ => return self.fail_import(client, "Unexpected state machine transition"),
        };
        import.stage = stage;
        if !state.is_empty() {
            import.since_ms = self.now_ms;
            self.migrations.enter(import.name, state, self.now_ms / 1000);
        }
        // The source reads commands, not replies. Its own signs of life are answered as it answers ours.
        client.reply.array(3);
        [&b"CLUSTER"[..], b"SYNCSLOTS", answer.as_bytes()].iter().for_each(|word| client.reply.bulk(word));
    }

    /// The source has paused, and gives the slots up.
    fn claim_import(&mut self, client: &mut Client) {
        let Some(import) = client.import.take() else { return };
        if !self.cluster.myself().is_master() || !self.owns_all(import.source, &import.slots) {
            return self.drop_import(client, *import, "Slots are no longer owned by source node");
        }
        // The source grants in the first half of its pause; a quarter is left for the claim to come there.
        let waited_ms = self.now_ms.saturating_sub(import.since_ms);
        if waited_ms > self.config.cluster.manual_failover_timeout / 4 {
            return self.drop_import(client, *import, "Slots were granted too late");
        }
        let slots: Vec<_> = import.slots.iter().collect();
        for slot in &slots {
            self.importing.remove(*slot);
        }
        let now = self.bus_now();
        self.cluster.take_slots(&slots, import.source, now);
        self.cluster_changed();
        self.nodes_file.hold_replies();
        notice!("Slot migration {} completed: this node serves the slots now", import.name);
        self.migrations.end(import.name, "success", "", self.now_ms / 1000);
    }

    /// A command of the source that is no SYNCSLOTS.
    pub fn run_import(&mut self, client: &mut Client, found: Found, keys: Keys, args: &Args<'_>) {
        let mark = client.reply.mark();
        let outcome = match (keys, found.command.run) {
            (Keys::In(slot), Run::Data(_))
                if client.import.as_ref().is_some_and(|import| import.slots.contains(slot)) =>
            {
                self.call(client, found, args, Some(slot))
            }
            // Nobody sees these slots, so what belongs together may come one by one.
            (Keys::None, Run::Host(Host::Select | Host::Multi | Host::Exec | Host::Ping)) => Ok(()),
            _ => Err(Error::new("ERR command not allowed on a slot migration connection")),
        };
        client.reply.truncate(mark);
        if let Err(error) = outcome {
            warning!("Slot migration command {} failed: {error}", found.full_name());
            self.fail_import(client, COMMAND_FAILED);
        }
        if self.round_began.elapsed_ns() >= PACE.as_nanos() as u64 {
            client.resting = true;
            self.resting.push(client.index);
        }
    }

    /// Who rested goes on.
    pub fn end_rests(&mut self) {
        for index in std::mem::take(&mut self.resting) {
            let Some(client) = self.clients.get(index) else { continue };
            client.resting = false;
            if std::mem::take(&mut client.deaf) && !client.receiving {
                self.arrivals.push(index);
            }
            self.mark_outgoing(index);
        }
    }

    /// A command of `session` that had to wait has failed: if it is a source, so has what it does.
    pub fn source_failed(&mut self, session: SessionId, error: &Error) {
        if session.core != self.index {
            return;
        }
        let Some(mut client) = self.clients.take(session.index, session.generation) else { return };
        if client.import.is_some() {
            warning!("Slot migration command failed: {error}");
            self.fail_import(&mut client, COMMAND_FAILED);
        }
        self.clients.put(client);
    }

    /// The client is gone, or sends what it must not: if it was a source, what it sent is deleted.
    pub fn fail_import(&mut self, client: &mut Client, why: &str) {
        if let Some(import) = client.import.take() {
            self.drop_import(client, *import, why);
        }
    }

    fn drop_import(&mut self, client: &mut Client, import: Import, why: &str) {
        warning!("Slot migration {} failed: {why}", import.name);
        for slot in import.slots.iter() {
            self.importing.remove(slot);
            if self.cluster.owner(slot) != Owner::Me {
                self.delete_slot(slot);
            }
        }
        self.migrations.end(import.name, "failed", why, self.now_ms / 1000);
        client.shut();
    }
}
