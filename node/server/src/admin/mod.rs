//! Commands that the server runs itself: they need sockets, configuration, the cluster or the clock.
//!
//! One function a command, in the module of its container or group. The match below is checked by the
//! compiler against the table's [`Host`], so that no row is without its code.

mod acl;
mod client;
mod cluster;
mod command;
mod commandlog;
mod config;
mod connection;
pub mod debug;
mod help;
pub mod hotkeys;
pub mod info;
mod latency;
mod memory;
mod migrate;
mod migrate_slots;
mod modules;
mod monitor;
mod persistence;
mod pubsub;
mod replication;
pub mod scripting;
mod server;
mod slot_stats;
mod tracking;
mod transaction;
pub mod view;

pub use commandlog::without_secrets;

use commands::table::{Found, Host};
use commands::{Args, Error, Outcome};

use crate::client::Client;
use crate::core::Core;
use crate::core::blocking::SessionId;
use crate::pubsub::Kind;

/// The version of Redis whose commands and replies this server has; clients decide by it what they may use. It is the
/// one Valkey names too: a newer one would promise what is only Redis's (images of version 12, for one). What it costs:
/// redis-py's cache asks for 7.4 and has to be told (`CacheProxyConnection.MIN_ALLOWED_VERSION`).
pub const REDIS_VERSION: &str = "7.2.4";

/// A running command: the core, the client that sent it, its row and its words.
pub struct Call<'a> {
    /// The core.
    pub core: &'a mut Core,
    /// The client; for a client of a sibling, one that stands in for it.
    pub client: &'a mut Client,
    /// Which command it is.
    pub host: Host,
    /// The row.
    pub found: Found,
    /// The words, the name first.
    pub args: &'a Args<'a>,
    /// Whether it stands alone: inside EXEC it must not wait, nor reply otherwise than once.
    pub may_block: bool,
    /// For this core's part of what is asked of all cores of the process: whose reply it is for, and its place there.
    pub part: Option<(SessionId, u32)>,
}

/// Drops the transaction of `client`, whose EXEC is refused for `reason`; what EXEC answers.
pub fn abort_exec(core: &mut Core, client: &mut Client, found: Found, reason: &Error) -> Error {
    let args = &Args::new(&[b"exec"]);
    let call = &mut Call { core, client, host: Host::Exec, found, args, may_block: false, part: None };
    transaction::abort_exec(call, reason)
}

/// Runs this core's part of a command that means all cores of the process. One that waits writes nothing, and fills the
/// `place` later.
pub fn run_part(
    core: &mut Core,
    client: &mut Client,
    host: Host,
    found: Found,
    args: &Args<'_>,
    place: (SessionId, u32),
) -> Outcome {
    run_call(&mut Call { core, client, host, found, args, may_block: false, part: Some(place) })
}

/// Runs `host` for `client`.
pub fn run(
    core: &mut Core,
    client: &mut Client,
    host: Host,
    found: Found,
    args: &Args<'_>,
    may_block: bool,
) -> Outcome {
    run_call(&mut Call { core, client, host, found, args, may_block, part: None })
}

fn run_call(call: &mut Call<'_>) -> Outcome {
    match call.host {
        Host::AclCat => acl::cat(call),
        Host::AclDeluser => acl::deluser(call),
        Host::AclDryrun => acl::dryrun(call),
        Host::AclGenpass => acl::genpass(call),
        Host::AclGetuser => acl::getuser(call),
        Host::AclList => acl::list(call),
        Host::AclLoad => acl::load(call),
        Host::AclLog if acl::resets_log(call.args) => acl::reset_log(call),
        Host::AclLog => view::show(call),
        Host::AclSave => acl::save(call),
        Host::AclSetuser => acl::setuser(call),
        Host::AclUsers => acl::users(call),
        Host::AclWhoami => acl::whoami(call),
        Host::Asking => connection::asking(call),
        Host::Auth => connection::auth(call),
        Host::Bgrewriteaof => persistence::bgrewriteaof(call),
        Host::Bgsave => persistence::bgsave(call),
        Host::ClientCaching => tracking::caching(call),
        Host::ClientCapa => client::capa(call),
        Host::ClientGetname => client::getname(call),
        Host::ClientGetredir => tracking::getredir(call),
        Host::ClientId => client::id(call),
        Host::ClientInfo => client::info(call),
        Host::ClientKill => client::kill(call),
        Host::ClientList => view::show(call),
        Host::ClientNoEvict => client::no_evict(call),
        Host::ClientNoTouch => client::no_touch(call),
        Host::ClientPause => client::pause(call),
        Host::ClientReply => client::reply(call),
        Host::ClientSetinfo => client::setinfo(call),
        Host::ClientSetname => client::setname(call),
        Host::ClientTracking => tracking::tracking(call),
        Host::ClientTrackinginfo => tracking::trackinginfo(call),
        Host::ClientUnblock => client::unblock(call),
        Host::ClientUnpause => client::unpause(call),
        Host::ClusterAddslots
        | Host::ClusterAddslotsrange
        | Host::ClusterBumpepoch
        | Host::ClusterCountFailureReports
        | Host::ClusterDelslots
        | Host::ClusterDelslotsrange
        | Host::ClusterFailover
        | Host::ClusterFlushslots
        | Host::ClusterForget
        | Host::ClusterMeet
        | Host::ClusterReplicate
        | Host::ClusterReset
        | Host::ClusterSaveconfig
        | Host::ClusterSetConfigEpoch
        | Host::ClusterSetslot => cluster::change(call),
        Host::ClusterCancelslotmigrations => migrate_slots::cancel_slot_migrations(call),
        Host::ClusterCountkeysinslot => cluster::countkeysinslot(call),
        Host::ClusterGetkeysinslot => cluster::getkeysinslot(call),
        Host::ClusterGetslotmigrations => migrate_slots::get_slot_migrations(call),
        Host::ClusterInfo => cluster::info(call),
        Host::ClusterKeyslot => cluster::keyslot(call),
        Host::ClusterLinks => cluster::links(call),
        Host::ClusterMigrateslots => migrate_slots::migrate_slots(call),
        Host::ClusterMyid => cluster::myid(call),
        Host::ClusterMyshardid => cluster::myshardid(call),
        Host::ClusterNodes => cluster::nodes(call),
        Host::ClusterReplicas | Host::ClusterSlaves => cluster::replicas(call),
        Host::ClusterShards => cluster::shards(call),
        Host::ClusterSlotStats => view::show(call),
        Host::ClusterSlots => cluster::slots(call),
        Host::ClusterSyncslots => migrate_slots::sync_slots(call),
        Host::Command => command::all(call),
        Host::CommandCount => command::count(call),
        Host::CommandDocs => command::docs(call),
        Host::CommandGetkeys => command::getkeys(call),
        Host::CommandGetkeysandflags => command::getkeysandflags(call),
        Host::CommandInfo => command::info(call),
        Host::CommandList => command::list(call),
        Host::CommandlogGet | Host::CommandlogLen | Host::SlowlogGet | Host::SlowlogLen => view::show(call),
        Host::CommandlogReset | Host::SlowlogReset => commandlog::reset(call),
        Host::ConfigGet => config::get(call),
        Host::ConfigResetstat => config::resetstat(call),
        Host::ConfigRewrite => config::rewrite(call),
        Host::ConfigSet => config::set(call),
        Host::Debug => debug::debug(call),
        Host::Discard => transaction::discard(call),
        Host::Echo => connection::echo(call),
        Host::Eval | Host::EvalRo | Host::Evalsha | Host::EvalshaRo | Host::Fcall | Host::FcallRo => {
            scripting::eval(call)
        }
        Host::Exec => transaction::exec(call),
        Host::Failover => replication::failover(call),
        Host::FunctionDelete
        | Host::FunctionDump
        | Host::FunctionFlush
        | Host::FunctionKill
        | Host::FunctionList
        | Host::FunctionLoad
        | Host::FunctionRestore
        | Host::ScriptDebug
        | Host::ScriptExists
        | Host::ScriptFlush
        | Host::ScriptKill
        | Host::ScriptLoad
        | Host::ScriptShow => scripting::manage(call),
        Host::FunctionStats => view::show(call),
        Host::Hello => connection::hello(call),
        Host::Help => help::help(call),
        Host::HotkeysGet => view::show(call),
        Host::HotkeysReset => hotkeys::reset(call),
        Host::HotkeysStart => hotkeys::start(call),
        Host::HotkeysStop => hotkeys::stop(call),
        Host::Info => view::show(call),
        Host::Lastsave => persistence::lastsave(call),
        Host::LatencyDoctor
        | Host::LatencyGraph
        | Host::LatencyHistogram
        | Host::LatencyHistory
        | Host::LatencyLatest => view::show(call),
        Host::LatencyReset => latency::reset(call),
        Host::Lolwut => server::lolwut(call),
        Host::MemoryDoctor | Host::MemoryStats => view::show(call),
        Host::MemoryMallocStats => memory::malloc_stats(call),
        Host::MemoryPurge => memory::purge(call),
        Host::Migrate => migrate::migrate(call),
        Host::ModuleList => modules::list(call),
        Host::ModuleLoad => modules::load(call),
        Host::ModuleUnload => modules::unload(call),
        Host::Monitor => monitor::monitor(call),
        Host::Multi => transaction::multi(call),
        Host::Ping => connection::ping(call),
        Host::Psync => replication::psync(call),
        Host::Psubscribe => pubsub::subscribe(call, Kind::Pattern),
        Host::Publish => pubsub::publish(call, Kind::Channel),
        Host::PubsubChannels => pubsub::channels(call, Kind::Channel),
        Host::PubsubNumpat => pubsub::numpat(call),
        Host::PubsubNumsub => pubsub::numsub(call, Kind::Channel),
        Host::PubsubShardchannels => pubsub::channels(call, Kind::Shard),
        Host::PubsubShardnumsub => pubsub::numsub(call, Kind::Shard),
        Host::Punsubscribe => pubsub::unsubscribe(call, Kind::Pattern),
        Host::Quit => connection::quit(call),
        Host::Readonly => connection::readonly(call),
        Host::Readwrite => connection::readwrite(call),
        Host::Replconf => replication::replconf(call),
        Host::Replicaof => replication::replicaof(call),
        Host::Reset => connection::reset(call),
        Host::Role => replication::role(call),
        Host::Save => persistence::save(call),
        Host::Select => connection::select(call),
        Host::Shutdown => server::shutdown(call),
        Host::Slaveof => replication::replicaof(call),
        Host::Spublish => pubsub::publish(call, Kind::Shard),
        Host::Ssubscribe => pubsub::ssubscribe(call),
        Host::Subscribe => pubsub::subscribe(call, Kind::Channel),
        Host::Sunsubscribe => pubsub::unsubscribe(call, Kind::Shard),
        Host::Swapdb => server::swapdb(call),
        Host::Sync => replication::sync(call),
        Host::Time => server::time(call),
        Host::Unsubscribe => pubsub::unsubscribe(call, Kind::Channel),
        Host::Unwatch => transaction::unwatch(call),
        Host::Wait => replication::wait(call),
        Host::Waitaof => replication::waitaof(call),
        Host::Watch => transaction::watch(call),
    }
}
