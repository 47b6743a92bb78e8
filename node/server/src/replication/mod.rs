//! Replication's sockets, clients and clock: what the crate `replication` decides is carried out here.
//!
//! A replica of ours is a client on the ring whose replies are the stream: what is propagated goes into the backlog
//! once, and each replica's place in it is sent on when its last send is done ([`replicas`]). A full synchronisation
//! begins with an image of the keys ([`images`]).
//!
//! When this node is a replica, a task connects, shakes hands and takes the image ([`upstream`]); then the
//! connection becomes a client on the ring too, whose requests are its master's commands ([`apply`]). Its bytes go
//! on, as they are, to replicas of this replica.
//!
//! Once a second [`cron`] pings, acknowledges and gives up what is dead; [`wait`] answers WAIT.

pub mod apply;
pub mod replicas;
pub mod upstream;
pub mod wait;

mod cron;
mod images;
mod take;

use std::fmt;

use commands::table::{self, Flags};
use commands::{Error, Overdue};
use replication::{Backlog, History, Id};

use crate::core::Core;
use crate::log::notice;
use crate::start::random_u64;

use apply::Inbound;
use images::Images;
use replicas::Replicas;
use upstream::Upstream;
use wait::Waits;

const NO_REPLICAS: Error = Error::new("NOREPLICAS Not enough good replicas to write.");
const READ_ONLY: Error = Error::new("READONLY You can't write against a read only replica.");
const MASTER_DOWN: Error =
    Error::new("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.");
/// What a stream begins with for readers that came without one: a cluster node has one database.
const SELECT: &[u8] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
const GET_ACK: &[u8] = b"*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n";
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// A core's part in replication.
pub struct Replication {
    /// The names of its stream.
    pub history: History,
    /// The end of the stream; there is none while nobody ever followed.
    pub backlog: Option<Backlog>,
    /// The offset while there is no backlog.
    offset: u64,
    /// The next command is preceded by SELECT.
    select: bool,
    /// The stream grew since replicas were last looked at.
    grew: bool,
    /// Somebody waits for acknowledgements: replicas are asked for theirs.
    ask_ack: bool,
    /// The replicas that follow this node.
    pub replicas: Replicas,
    /// Images on their way to replicas.
    images: Images,
    /// The master this node follows.
    pub upstream: Option<Upstream>,
    /// What the master's connection brings.
    inbound: Inbound,
    /// WAIT.
    pub waits: Waits,
    /// Since when nobody follows, unix ms.
    alone_since_ms: u64,
    /// When the log last said that the disk takes nothing, unix ms.
    disk_warned_ms: u64,
    /// Seconds that [`cron`] has counted.
    seconds: u64,
    /// Full synchronisations given, partial ones, and requests for one that was not possible.
    pub full_syncs: u64,
    /// See `full_syncs`.
    pub partial_syncs: u64,
    /// See `full_syncs`.
    pub refused_syncs: u64,
}

/// A new random name of a stream.
pub fn random_id() -> Id {
    let words = [random_u64(), random_u64(), random_u64()];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    Id::from_random(std::array::from_fn(|i| bytes[i]))
}

impl Replication {
    /// A master that nobody follows.
    pub fn new(now_ms: u64) -> Replication {
        Replication {
            history: History::new(random_id()),
            backlog: None,
            offset: 0,
            select: true,
            grew: false,
            ask_ack: false,
            replicas: Replicas::default(),
            images: Images::default(),
            upstream: None,
            inbound: Inbound::default(),
            waits: Waits::default(),
            alone_since_ms: now_ms,
            disk_warned_ms: 0,
            seconds: 0,
            full_syncs: 0,
            partial_syncs: 0,
            refused_syncs: 0,
        }
    }

    /// Bytes of the stream: written as master, or processed as replica.
    pub fn offset(&self) -> u64 {
        self.backlog.as_ref().map_or(self.offset, Backlog::end)
    }

    /// The same, with what came of the master and waits for its end.
    pub fn offset_read(&self) -> u64 {
        self.offset() + self.inbound.len() as u64
    }

    /// Whether this node follows another.
    pub fn is_replica(&self) -> bool {
        self.upstream.is_some()
    }

    /// Whether commands that run here are to be told to replicas: a replica's own are its master's.
    pub fn takes_commands(&self) -> bool {
        self.backlog.is_some() && !self.is_replica()
    }

    /// Bytes kept beyond `size` because a replica still has to read them.
    pub fn held_back(&self, size: u64) -> u64 {
        self.backlog.as_ref().map_or(0, |backlog| (backlog.len() as u64).saturating_sub(size))
    }

    /// DEBUG CHANGE-REPL-ID: nobody can go on with the stream by its old names.
    pub fn rename(&mut self) {
        self.history = History::new(random_id());
    }

    /// Whether replicas are to be looked at.
    pub fn has_news(&self) -> bool {
        self.grew || self.ask_ack || self.images.is_due()
    }

    /// Replicas are to be asked how far they are.
    pub fn ask_for_acks(&mut self) {
        self.ask_ack = true;
    }

    /// Whoever waits for an image wants it at once.
    pub fn want_image(&mut self) {
        self.images.want();
    }

    /// Whether an image is on its way to replicas.
    pub fn is_sending_image(&self) -> bool {
        self.images.is_busy()
    }

    /// Takes a unit of commands.
    pub fn feed(&mut self, mut parts: &[&[u8]]) {
        if self.is_replica() {
            return;
        }
        let Some(backlog) = &mut self.backlog else {
            // Somebody else (the append-only file) tells states apart by the offset.
            self.offset += 1;
            return;
        };
        if std::mem::take(&mut self.select) {
            // As Redis has it: it is the first command of a transaction that selects, not MULTI.
            let (multi, commands) = parts.split_at(usize::from(parts.len() > 1));
            backlog.append(&[multi, &[SELECT]].concat());
            parts = commands;
        }
        backlog.append(parts);
        self.grew = true;
    }

    /// Takes a command that is about the stream itself.
    fn feed_aside(&mut self, command: &[u8]) {
        if let Some(backlog) = self.backlog.as_mut().filter(|_| self.upstream.is_none()) {
            backlog.append(&[command]);
            self.grew = true;
        }
    }

    /// Takes bytes of the master's stream that were processed.
    fn feed_stream(&mut self, bytes: &[u8]) {
        if let Some(backlog) = &mut self.backlog {
            backlog.append(&[bytes]);
            self.grew = true;
        }
    }

    /// The stream continues from `offset` on, with nothing before it kept.
    fn restart_stream(&mut self, history: History, offset: u64) {
        self.history = history;
        self.backlog = Some(Backlog::new(offset));
    }

    /// Begins to keep the stream. What was written before went nowhere, so it is another stream from here on.
    fn ensure_backlog(&mut self) {
        if self.backlog.is_none() {
            let offset = self.offset();
            self.restart_stream(History::new(random_id()), offset);
            let (id, second) = (self.history.id, self.second_id());
            notice!("Replication backlog created, my new replication IDs are '{id}' and '{second}'");
        }
    }

    /// Forgets the stream, and with it its name: without a backlog the offset does not follow the writes.
    fn drop_backlog(&mut self) {
        self.offset = self.offset();
        self.backlog = None;
        self.history = History::new(random_id());
    }

    /// The second name as it is shown, zeros for none.
    pub fn second_id(&self) -> String {
        self.history.second.as_ref().map_or_else(|| "0".repeat(replication::ID_LEN), |(id, _)| id.to_string())
    }
}

impl Core {
    /// Begins to keep the stream.
    pub fn start_stream(&mut self) {
        self.replication.ensure_backlog();
        self.update_recording();
    }

    /// What an image says of the stream that it is a moment of; nothing where nobody ever followed.
    pub fn stream_fields(&self) -> Vec<(&'static str, Vec<u8>)> {
        if self.replication.backlog.is_none() {
            return Vec::new();
        }
        let text = |text: &dyn fmt::Display| text.to_string().into_bytes();
        vec![
            ("repl-stream-db", b"0".to_vec()),
            ("repl-id", text(&self.replication.history.id)),
            ("repl-offset", text(&self.replication.offset())),
        ]
    }

    /// The keys that were loaded are the stream `id` up to `offset`: a replica asks its master to go on from there, a
    /// master lets those go on that followed the stream before.
    pub fn continue_stream_of(&mut self, id: Id, offset: u64) {
        self.replication.restart_stream(History::new(id), offset);
        if !self.cluster.myself().is_replica() {
            self.replication.history.branch(random_id(), offset);
            self.replication.alone_since_ms = self.now_ms;
        }
        self.update_recording();
    }

    /// What the brain should know of this node's data.
    pub fn replication_facts(&self) -> cluster::Replication {
        let upstream = self.replication.upstream.as_ref();
        // What is of another history counts for nothing.
        let offset = if upstream.is_none_or(Upstream::counts) { self.replication.offset() } else { 0 };
        cluster::Replication {
            offset: offset as i64,
            master_last_seen: upstream.map_or(0, Upstream::last_seen_ms),
        }
    }

    /// Tells the brain.
    pub fn tell_brain(&mut self) {
        let facts = self.replication_facts();
        self.cluster.set_replication(facts);
    }

    /// Whether keys whose time is over are deleted here: a replica's are its master's to delete, and while writes
    /// are paused nothing changes.
    pub fn deletes_overdue(&self) -> bool {
        self.settings.overdue == Overdue::Delete
    }

    /// Decides that anew, after a change of role or pause.
    pub fn update_overdue(&mut self) {
        let keeps = self.replication.is_replica() || self.pause.until_ms(self.now_ms).is_some();
        self.settings.overdue = if keeps { Overdue::Hide } else { Overdue::Delete };
    }

    /// Why this node's part in replication does not allow a client what has these traits now.
    pub fn role_forbids(&self, flags: Flags) -> Option<Error> {
        let config = &self.config.replication;
        let writes = flags & table::WRITE != 0;
        let Some(upstream) = &self.replication.upstream else {
            let (wanted, lag_s) = (config.min_replicas_to_write, config.min_replicas_max_lag);
            let lacks = wanted > 0 && lag_s > 0 && self.replication.replicas.good < wanted;
            return (lacks && writes).then_some(NO_REPLICAS);
        };
        if writes && config.replica_read_only {
            return Some(READ_ONLY);
        }
        let stale = !upstream.is_up() && !config.replica_serve_stale_data;
        (stale && flags & table::STALE == 0).then_some(MASTER_DOWN)
    }
}
