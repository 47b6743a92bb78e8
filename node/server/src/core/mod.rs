//! One core: a complete cluster node, on one thread, sharing nothing.
//!
//! A request comes in at `reactor`, is cut out of the byte stream (`request`), checked and run (`dispatch`).
//! All state of the node is in [`Core`]; commands run to their end without await, so nothing here is locked.

pub mod access;
pub mod blocking;
pub mod clients;
pub mod commandlog;
pub mod company;
pub mod eviction;
pub mod foresight;
pub mod handover;
pub mod latency;
pub mod loading;
pub mod memory;
pub mod migrations;
pub mod pause;
pub mod propagate;
pub mod script;
pub mod stats;
pub mod transaction;
pub mod transit;

mod aside;
mod client_eviction;
pub mod cron;
mod departure;
mod dispatch;
mod life;
mod listener;
mod node;
pub mod nodes_file;
mod push;
mod request;
pub mod rest;
mod rounds;
pub mod run_times;
mod serve;
pub mod slot_stats;
mod touched;

use std::cell::RefCell;
use std::future::Future;
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use acl::Users;
use base::{NodeId, Random};
use cluster::{Cluster, SlotSet};
use commands::{Decoded, Effects, Settings};
use store::{Garbage, Keyspace};

use crate::aof::Aof;
use crate::balance::Balance;
use crate::bus::Bus;
use crate::client::Client;
use crate::clock::{Laps, Moment};
use crate::config::Config;
use crate::executor;
use crate::folders;
use crate::hotkeys::Hotkeys;
use crate::ingress::SparePending;
use crate::mesh::Mesh;
use crate::metrics::Questions;
use crate::migrate::Migrate;
use crate::monitor::Monitors;
use crate::persist::{Saves, Snapshots};
use crate::process::{Place, Process};
use crate::pubsub::{PubSub, Wants};
use crate::replication::Replication;
use crate::settings::nth_port;
use crate::shutdown::Ending;
use crate::slot_migration::Exports;
use crate::tls;
use crate::tracking::Tracking;

use blocking::Waiting;
use clients::Clients;
use commandlog::CommandLog;
use company::Company;
pub use dispatch::Runner;
use eviction::Eviction;
use latency::Latency;
use loading::Loading;
use migrations::Migrations;
use nodes_file::NodesFile;
use pause::Pause;
use propagate::Unit;
use rest::Rest;
use script::Scripting;
use slot_stats::SlotStats;
use stats::Stats;
use transaction::Watch;
use transit::Transit;

/// Reply buffers kept for reuse: number, and the largest kept, in bytes.
const SPARE_BUFFERS: usize = 64;
const SPARE_BUFFER_MAX: usize = 64 * 1024;
const NEW_BUFFER: usize = 1024;

/// One core's whole state.
pub struct Core {
    /// Itself, for the tasks it starts.
    own: Weak<RefCell<Core>>,
    /// Its number in the process, from 0.
    pub index: u16,
    /// The node IDs of all cores, by core.
    pub core_ids: Vec<NodeId>,
    /// What all cores of the process know.
    pub process: Arc<Process>,
    /// Its keys.
    pub keys: Keyspace,
    /// Its connections.
    pub clients: Clients,
    /// Its copy of the configuration.
    pub config: Config,
    config_version: u64,
    /// The users of the process, as this core knows them.
    pub users: Arc<Users>,
    /// Their version; see `users::SharedUsers`.
    users_version: u64,
    /// What was refused to this core's clients.
    pub acl_log: acl::Log,
    /// What data commands need of the configuration.
    pub settings: Settings,
    /// What TLS sessions begin with.
    pub tls: tls::Settings,
    /// Its view of the cluster.
    pub cluster: Cluster,
    /// Its `nodes.conf`.
    pub nodes_file: NodesFile,
    /// Its links to other nodes.
    pub bus: Bus,
    /// Effects of the running command.
    pub effects: Effects,
    /// What was decoded aside for the command that runs now.
    decoded: Option<Decoded>,
    /// What is to be repeated elsewhere as one.
    pub unit: Unit,
    /// Its append-only file.
    pub aof: Aof,
    /// The data it reads at start, until they are there.
    pub loading: Option<Loading>,
    /// The end of the process that was asked for.
    pub ending: Ending,
    /// Its stream to replicas.
    pub replication: Replication,
    /// Randomness for commands.
    pub random: Random,
    /// Counters.
    pub stats: Stats,
    /// What each slot costs.
    pub slot_stats: SlotStats,
    /// Commands that were slow or large.
    pub commandlog: CommandLog,
    /// HOTKEYS.
    pub hotkeys: Hotkeys,
    /// Latency events.
    pub latency: Latency,
    /// Watched keys.
    pub watch: Watch,
    /// Sessions that wait for keys.
    pub waiting: Waiting,
    /// Subscriptions.
    pub pubsub: PubSub,
    /// CLIENT TRACKING.
    pub tracking: Tracking,
    /// MONITOR.
    pub monitors: Monitors,
    /// What clients of each sibling want to hear of this core, by core.
    pub siblings_want: Vec<Wants>,
    /// What the siblings were told of this core's.
    pub told_wants: Wants,
    /// `slot-balance`.
    pub balance: Balance,
    /// MIGRATE.
    pub migrate: Migrate,
    /// What the metrics port has asked the siblings.
    pub questions: Questions,
    /// Slots on their way to other processes.
    pub exports: Exports,
    /// Slots on their way here.
    pub importing: SlotSet,
    /// When it took its master's place, ms of the bus, until it is known which keys are not its own.
    pub replaced_at: Option<u64>,
    /// Slots that move, or did.
    pub migrations: Migrations,
    /// Slots that change hands between siblings, as far as the ingress cares.
    pub transit: Transit,
    /// CLIENT PAUSE.
    pub pause: Pause,
    /// SAVE and BGSAVE.
    pub saves: Saves,
    /// Images of the keys that are being written.
    pub snapshots: Snapshots,
    /// Scripts and functions.
    pub scripting: Scripting,
    /// Where the effects of commands go; all the way but for a script that says otherwise.
    pub spread: scripting::Spread,
    /// The last command answered with an error that it wrote and counted itself.
    pub failed_quietly: bool,
    /// Queues to and from the siblings.
    pub mesh: Mesh,
    /// Changes to keys since the last save.
    pub dirty: u64,
    /// Unix time in ms, read once per batch of requests.
    pub now_ms: u64,
    /// Work in slices waits for its next turn: the client loop does not sleep meanwhile.
    pub busy: bool,
    /// A slice of work is done that clients should not feel: the next moment is theirs.
    pub paced: bool,
    /// When the present round began.
    pub round_began: Moment,
    /// Clients that rest until the next round, by index.
    pub resting: Vec<u32>,
    /// Long sleeps of the background work.
    pub rest: Rest,
    /// How many requests it waits for.
    pub company: Company,
    /// DEBUG PAUSE-CRON.
    pub cron_paused: bool,
    /// DEBUG SET-ACTIVE-EXPIRE.
    pub active_expire: bool,
    /// Connections that did not come in at a door, were deaf, or come behind others: the loop is to receive from them.
    pub arrivals: Vec<u32>,
    /// Clients that have replies to send or are going, by index.
    pub outbox: Vec<u32>,
    /// Messages for the client whose command runs now.
    pub late: push::Late,
    /// The same for a client that waited and whose command runs again.
    woken: push::Woken,
    /// Times of the commands of a pipeline.
    pub laps: Laps,
    spare_buffers: Vec<Vec<u8>>,
    /// See [`SparePending`].
    pub spare_pending: SparePending,
    /// What was removed and is still to be freed.
    pub garbage: Garbage,
    /// Keys that may have to go for `maxmemory`.
    pub eviction: Eviction,
    /// Bytes of all connections, while `maxmemory-clients` limits them.
    pub client_bytes: u64,
    /// Memory was over the limit, and nothing could be evicted, when the running command began.
    pub out_of_memory: bool,
}

impl Core {
    /// Makes the core known to itself: [`Core::spawn`] starts tasks from then on.
    pub fn know(core: &Rc<RefCell<Core>>) {
        core.borrow_mut().own = Rc::downgrade(core);
    }

    /// Starts a task on this core.
    pub fn spawn<T>(&self, task: impl FnOnce(Rc<RefCell<Core>>) -> T + 'static)
    where
        T: Future<Output = ()> + 'static,
    {
        if let Some(core) = self.own.upgrade() {
            executor::spawn_local(async move {
                // A new task runs at once, and its starter still has the core borrowed.
                executor::yield_now().await;
                task(core).await;
            });
        }
    }

    /// This core's ports, folder and CPU.
    pub fn place(&self) -> &Place {
        &self.process.cores[usize::from(self.index)]
    }

    /// Its client port; 0 for none.
    pub fn port(&self) -> u16 {
        nth_port(self.config.network.port, usize::from(self.index))
    }

    /// Its client port for TLS; 0 for none.
    pub fn tls_port(&self) -> u16 {
        nth_port(self.config.tls.port, usize::from(self.index))
    }

    /// Its folder.
    pub fn folder(&self) -> PathBuf {
        folders::folder(&self.config, self.place())
    }

    /// A buffer for replies.
    pub fn take_buffer(&mut self) -> Vec<u8> {
        self.spare_buffers.pop().unwrap_or_else(|| Vec::with_capacity(NEW_BUFFER))
    }

    /// Gives a client a buffer for its replies, if it has none.
    #[inline]
    pub fn equip(&mut self, client: &mut Client) {
        let ready = client.ready_mut();
        if ready.capacity() == 0 {
            ready.adopt_buffer(self.take_buffer());
        }
    }

    /// Takes a reply buffer back.
    pub fn give_buffer(&mut self, buffer: Vec<u8>) {
        if self.spare_buffers.len() < SPARE_BUFFERS && (1..=SPARE_BUFFER_MAX).contains(&buffer.capacity()) {
            let mut buffer = buffer;
            buffer.clear();
            self.spare_buffers.push(buffer);
        }
    }
}
