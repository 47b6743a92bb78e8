//! The brain of a Redis Cluster node: what to say on the bus, whom to believe, when to fail over.
//!
//! Cluster behaviour is hard to get right because it depends on timing, order and loss; tied to sockets and
//! clocks it can only be tested by luck. So this crate is sans-IO: bytes, events, commands and the time come
//! in as arguments, effects come out, and nothing else ever happens. The server drives one [`Cluster`] per
//! core with real sockets; `tests/sim` drives a thousand with a made-up network and a seed.
//!
//! Order of calls, for each event: one `handle_*`, `link_*`, `tick` or command call with the present time,
//! then [`Cluster::poll_effect`] until it returns `None`. The time is milliseconds since 1970 and must not
//! run backwards within a process: a driver adds monotonic time to the wall clock read at start.
//!
//! The wire is the cluster bus of Redis 7 and Valkey 8 and 9, and the rules are those of the cluster
//! specification (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>).

mod bans;
mod bootstrap;
mod claims;
mod command_error;
mod commands;
mod config;
mod connections;
mod debug;
mod effects;
mod election;
mod epoch;
mod failure;
mod fast_failure;
mod gossip;
mod handover;
mod handshake;
mod health;
mod heartbeat;
mod links;
mod manual_failover;
mod membership;
mod migration;
mod node;
mod nodes;
mod nodes_conf;
mod open_slots;
mod promises;
mod publish;
mod queries;
mod random;
mod receive;
mod role;
mod send;
mod shards;
mod siblings;
mod slot_commands;
mod slot_set;
mod slots;
mod startup;
mod state;
mod stats;
mod tick;
pub mod wire;

pub use bootstrap::{bootstrap, introduce, share_slots};
pub use command_error::CommandError;
pub use commands::{Client, Keys, Reply};
pub use config::{BUS_PORT_OFFSET, Config, EndpointType, Ports};
pub use effects::{Effect, Level, Save};
pub use handover::settle_handovers;
pub use health::{Access, DownReason, State};
pub use links::{ConnectFailure, LinkId};
pub use manual_failover::FailoverMode;
pub use node::{Address, Flags, Node, NodeIndex};
pub use nodes::MAX_NODES;
pub use nodes_conf::ConfError;
pub use promises::{Promises, Write};
pub use publish::ProcessId;
pub use queries::{Asker, LinkView};
pub use random::Random;
pub use shards::{Shard, ShardNode, SlotNode, SlotRange};
pub use siblings::SiblingMessage;
pub use slot_commands::SetSlot;
pub use slot_set::{SLOT_BYTES, SlotBits, SlotSet, has_slot, slots_of};
pub use slots::Owner;
pub use startup::Strays;
pub use state::{Cluster, Replication};
pub use stats::Stats;
