//! What the brain wants done: the only way anything leaves this crate.
//!
//! Effects are carried out in the order in which they come. One rule makes votes safe: after a
//! [`Effect::SaveConfig`] with [`Save::Promised`], no later [`Effect::Send`], [`Effect::Sibling`] or answer to a client
//! leaves before the file is on disk, because a packet that follows may promise what the file must not forget
//! (a vote, an epoch). The driver may go on serving clients meanwhile.

use base::{NodeId, Slot};
use bytes::Bytes;

use crate::links::LinkId;
use crate::siblings::SiblingMessage;

/// How loud a log line is, as Redis's `loglevel` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `LL_VERBOSE`.
    Verbose,
    /// `LL_NOTICE`.
    Notice,
    /// `LL_WARNING`.
    Warning,
}

/// How well a file has to be kept, each better than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Save {
    /// So that it outlives the process.
    Soon,
    /// So too, and on the disk within a second, for which nobody waits.
    Synced,
    /// On the disk before later packets leave.
    Promised,
}

/// Something for the driver to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Open a connection; answer with [`crate::Cluster::link_connected`] or [`crate::Cluster::link_failed`].
    Connect {
        /// Its number.
        link: LinkId,
        /// IP address to connect to.
        ip: String,
        /// Bus port.
        port: u16,
    },
    /// Send bytes on a connection. Those for a link that is gone are dropped.
    Send {
        /// Which connection.
        link: LinkId,
        /// Whole packets.
        bytes: Bytes,
    },
    /// Close a connection; no event follows for it.
    Close {
        /// Which connection.
        link: LinkId,
    },
    /// Give a message to a sibling over the mesh.
    Sibling {
        /// The sibling's name.
        to: NodeId,
        /// What to give it.
        message: SiblingMessage,
    },
    /// Write [`crate::Cluster::nodes_conf`] to disk, atomically.
    SaveConfig {
        /// How well it has to be kept.
        save: Save,
    },
    /// Write a log line.
    Log {
        /// How loud.
        level: Level,
        /// The line.
        text: String,
    },
    /// Delete all keys of these slots: another master serves them now.
    DeleteKeys(Vec<Slot>),
    /// These slots left this node or its master: drop their shard channels.
    SlotsReleased(Vec<Slot>),
    /// These slots changed hands between two cores of this process, this one perhaps among them: commands sent to
    /// the first may still be on their way.
    SlotsMoved {
        /// Who served them.
        from: NodeId,
        /// Who does now.
        to: NodeId,
        /// Which.
        slots: Vec<Slot>,
    },
    /// Replicate this master from now on. Repeated when its address changes.
    BecomeReplicaOf {
        /// Its name.
        id: NodeId,
        /// Its address.
        ip: String,
        /// The client port replication uses.
        port: u16,
        /// Whether its history is another one, so that only a full synchronisation is safe.
        full_sync: bool,
    },
    /// Stop replicating: this node is a master now.
    BecomeMaster,
    /// Throw the whole data set away (CLUSTER RESET of a replica).
    FlushData,
    /// Pause writing clients, then call [`crate::Cluster::clients_paused`].
    PauseClients {
        /// Until when at most, ms since 1970.
        until: u64,
    },
    /// End that pause.
    ResumeClients,
    /// Give a message that came over the bus to the local subscribers.
    Publish {
        /// Channel name.
        channel: Vec<u8>,
        /// Message.
        message: Vec<u8>,
        /// Whether it is a shard channel.
        sharded: bool,
        /// Whether it came for the siblings too.
        hand_on: bool,
    },
    /// Give a module message that came over the bus to its receiver.
    Module {
        /// Who sent it.
        from: NodeId,
        /// Which module it is for, as it came.
        module: u64,
        /// The module's own message type.
        kind: u8,
        /// Its bytes.
        payload: Vec<u8>,
    },
}
