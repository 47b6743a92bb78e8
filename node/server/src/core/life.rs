//! A core's beginning, and the comings and goings of its clients.

use std::os::fd::AsRawFd;
use std::rc::Weak;
use std::sync::Arc;

use base::{NodeId, Random, Slot};
use bytes::Bytes;
use cluster::{Cluster, SlotSet};
use commands::Effects;
use store::{Garbage, Keyspace};

use crate::aof::Aof;
use crate::balance::Balance;
use crate::bus::Bus;
use crate::client::{Client, Closing, Role};
use crate::clock::{self, Laps, Moment};
use crate::config::{Config, SlotBalance};
use crate::core::access::Access;
use crate::core::blocking::{SessionId, Waiting};
use crate::core::clients::Clients;
use crate::core::commandlog::CommandLog;
use crate::core::company::Company;
use crate::core::eviction::Eviction;
use crate::core::latency::Latency;
use crate::core::migrations::Migrations;
use crate::core::nodes_file::NodesFile;
use crate::core::pause::Pause;
use crate::core::propagate::Unit;
use crate::core::push::{Late, Woken, close_full};
use crate::core::rest::Rest;
use crate::core::script::Scripting;
use crate::core::slot_stats::SlotStats;
use crate::core::stats::Stats;
use crate::core::transaction::Watch;
use crate::core::transit::Transit;
use crate::core::{Core, Runner};
use crate::executor;
use crate::folders;
use crate::hotkeys::Hotkeys;
use crate::ingress::SparePending;
use crate::log::warning;
use crate::mesh::Mesh;
use crate::metrics::Questions;
use crate::migrate::Migrate;
use crate::monitor::Monitors;
use crate::persist::{Saves, Snapshots};
use crate::process::Process;
use crate::pubsub::{PubSub, Wants};
use crate::replication::Replication;
use crate::settings::data_settings;
use crate::shutdown::Ending;
use crate::slot_migration::Exports;
use crate::start::random_u64;
use crate::tls;
use crate::tracking::Tracking;

impl Core {
    /// Core `index` of `process`.
    pub fn new(
        index: u16,
        process: Arc<Process>,
        config: Config,
        core_ids: Vec<NodeId>,
        cluster: Cluster,
        mesh: Mesh,
    ) -> Core {
        let (users, users_version) = process.users.newest();
        let mut core = Core {
            own: Weak::new(),
            index,
            users,
            users_version,
            acl_log: acl::Log::default(),
            core_ids,
            keys: Keyspace::new(),
            clients: Clients::numbered(u64::from(index), mesh.cores() as u64),
            settings: data_settings(&config),
            tls: tls::Settings::default(),
            config: config.clone(),
            config_version: 0,
            cluster,
            nodes_file: NodesFile::default(),
            bus: Bus::default(),
            effects: Effects::default(),
            decoded: None,
            unit: Unit::default(),
            aof: Aof::new(&folders::folder(&config, &process.cores[usize::from(index)]), &config),
            loading: None,
            ending: Ending::default(),
            replication: Replication::new(clock::unix_ms()),
            process,
            random: Random::new(random_u64()),
            stats: Stats::default(),
            slot_stats: SlotStats::default(),
            commandlog: CommandLog::default(),
            hotkeys: Hotkeys::default(),
            latency: Latency::default(),
            watch: Watch::default(),
            waiting: Waiting::default(),
            pubsub: PubSub::default(),
            tracking: Tracking::default(),
            monitors: Monitors::default(),
            siblings_want: vec![Wants::default(); mesh.cores()],
            told_wants: Wants::default(),
            migrate: Migrate::default(),
            questions: Questions::default(),
            exports: Exports::default(),
            importing: SlotSet::default(),
            replaced_at: None,
            balance: Balance::default(),
            migrations: Migrations::default(),
            transit: Transit::default(),
            pause: Pause::default(),
            saves: Saves::new(clock::unix_ms() / 1000),
            snapshots: Snapshots::default(),
            scripting: Scripting::new(&config),
            spread: scripting::Spread::default(),
            failed_quietly: false,
            mesh,
            dirty: 0,
            now_ms: clock::unix_ms(),
            busy: false,
            paced: false,
            round_began: Moment::now(),
            resting: Vec::new(),
            rest: Rest::default(),
            company: Company::default(),
            cron_paused: false,
            active_expire: true,
            arrivals: Vec::new(),
            outbox: Vec::new(),
            garbage: Garbage::new(),
            eviction: Eviction::default(),
            client_bytes: 0,
            out_of_memory: false,
            late: Late::default(),
            woken: Woken::default(),
            laps: Laps::default(),
            spare_buffers: Vec::new(),
            spare_pending: SparePending::default(),
        };
        core.apply_config(config);
        core
    }

    /// Takes over a configuration: what is derived from it is derived anew.
    pub fn apply_config(&mut self, config: Config) {
        // Set by DEBUG alone, so no configuration changes them.
        let (packed, skip) = (self.settings.limits.quicklist_packed_threshold, self.settings.skip_checksums);
        self.settings = data_settings(&config);
        self.settings.limits.quicklist_packed_threshold = packed;
        self.settings.skip_checksums = skip;
        self.effects.chance = self.settings.lfu.map(|_| Random::new(random_u64()));
        self.commandlog.obey(&config.insight);
        if config.limits.maxmemory_clients != self.config.limits.maxmemory_clients {
            self.count_clients();
        }
        let balances = config.ringmaster.slot_balance != SlotBalance::Off;
        self.slot_stats.switch(config.insight.cluster_slot_stats_enabled || balances);
        self.scripting.engine.set_memory_limit(config.limits.lua_memory_limit);
        match tls::settings(&config.tls) {
            Ok(settings) => self.tls = settings,
            // At start and by CONFIG SET it was tried before; the files have changed since.
            Err(e) => warning!("TLS stays as it is: {e}"),
        }
        self.config = config;
        self.update_recording();
        self.update_listening();
        self.limit_tracking();
        self.update_overdue();
        self.count_good_replicas();
    }

    /// How a client's own commands run.
    pub fn runner(&self, client: &Client) -> Runner {
        let user = (client.access != Access::Everything).then(|| client.user.id());
        let session = self.session(client);
        let tracks = client.tracks_reads && self.tracking.remembers(client.index);
        Runner {
            session,
            ticket: None,
            may_block: true,
            no_touch: client.no_touch,
            user,
            tracks,
            counts: true,
        }
    }

    /// `session` watches `key` from now on.
    pub fn watch_key(&mut self, session: SessionId, slot: Slot, key: &[u8]) {
        let entry = self.keys.get(slot, key);
        let expired = entry.and_then(|e| e.expire_at()).is_some_and(|at_ms| at_ms <= self.now_ms);
        self.watch.add(Bytes::copy_from_slice(key), session, slot, expired);
        self.update_listening();
    }

    /// Whether a key that `session` watches is there but its time is over, unless it was so from the start.
    pub fn watched_expired(&self, session: SessionId) -> bool {
        self.watch.keys_of(session).any(|(key, slot, expired)| {
            let over = |at_ms: u64| at_ms <= self.now_ms;
            !expired && self.keys.get(slot, key).and_then(|e| e.expire_at()).is_some_and(over)
        })
    }

    /// `session` watches and waits for nothing any more.
    pub fn forget_session(&mut self, session: SessionId) {
        self.watch.forget(session);
        self.waiting.remove(session);
        self.replication.waits.remove(session);
        self.ending.forget(session);
        self.update_listening();
    }

    /// A client is gone: its descriptor closes, its traces go.
    pub fn forget_client(&mut self, mut client: Box<Client>) {
        let session = self.session(&client);
        self.forget_session(session);
        self.fail_import(&mut client, "Connection lost to source");
        self.forget_subscriptions(&mut client);
        self.forget_monitor(&mut client);
        self.stop_tracking(&mut client);
        self.forget_replica(&client);
        if let Some((core, _)) = client.transaction.as_ref().and_then(|t| t.remote) {
            self.forget_remote(&client, core);
        }
        if client.pending.is_some() {
            // A command of it may be waiting at a sibling.
            self.mesh.siblings().for_each(|core| self.forget_remote(&client, core));
        }
        self.client_bytes = self.client_bytes.saturating_sub(client.counted_bytes as u64);
        self.give_buffer(std::mem::take(&mut client.reply).into_buffer());
        self.clients.retire(client);
    }

    /// Deletes all keys; they are freed in slices.
    pub fn flush_all(&mut self) {
        self.invalidate_all();
        self.exports.flushed();
        let (keys, now_ms) = (&self.keys, self.now_ms);
        self.watch.written_if(|key, slot| {
            let live = |at_ms: u64| at_ms > now_ms;
            keys.get(slot, key).is_some_and(|entry| entry.expire_at().is_none_or(live))
        });
        self.waiting.all_written();
        self.dirty += self.keys.len() as u64;
        self.snapshots.before_flush(&self.keys);
        let gone = self.keys.take_all();
        self.garbage.append(gone);
    }

    /// Closes a client whose unsent replies are over its output limits.
    pub fn check_output(&mut self, index: u32) {
        let now_ms = self.now_ms;
        let Some(client) = self.clients.get(index) else { return };
        let (mut unsent, class, role) = (client.unsent() as u64, client.class(), client.role);
        let mut limit = self.config.limits.client_output_buffer_limit[class];
        if role == Role::Replica {
            unsent = self.stream_backlog(index);
            limit = self.replica_limit();
        }
        let Some(client) = self.clients.get(index) else { return };
        let over_soft = limit.is_over_soft(unsent as usize);
        client.soft_limit_ms = match (over_soft, client.soft_limit_ms) {
            (false, _) => 0,
            (true, 0) => now_ms,
            (true, since) => since,
        };
        let soft_ms = limit.soft_seconds * 1000;
        let too_long = over_soft && now_ms.saturating_sub(client.soft_limit_ms) >= soft_ms;
        let over_hard = limit.is_over_hard(unsent as usize);
        if (over_hard || too_long) && client.closing != Closing::Now {
            close_full(client);
            self.stats.output_buffer_disconnections += 1;
        }
    }

    /// Whether replies or messages wait for the client loop to send them.
    pub fn has_work_for_clients(&self) -> bool {
        !self.outbox.is_empty()
            || !self.arrivals.is_empty()
            || self.mesh.has_outgoing()
            || self.tracking.has_news()
            || self.replication.has_news()
    }

    /// Wakes this core's own client loop, should it be parked.
    pub fn wake_self(&self) {
        executor::signal(self.process.cores[usize::from(self.index)].event_fd.as_raw_fd());
    }
}
