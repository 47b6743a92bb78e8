//! The core as a cluster node: driving the brain, carrying out what it wants.

use std::iter;
use std::time::Duration;

use cluster::{Effect, Level as ClusterLevel, SiblingMessage};

use crate::config::Config;
use crate::core::Core;
use crate::core::nodes_file::Saying;
use crate::core::pause::What;
use crate::log::{self, Level, warning};
use crate::mesh::Message;
use crate::pubsub::{Audience, Kind};
use crate::settings;

impl Core {
    /// Lets the brain's timers run and does what it wants.
    pub fn drive_cluster(&mut self) {
        let now = self.bus_now();
        self.tell_brain();
        if self.cluster.next_deadline() <= now {
            self.cluster.tick(now);
        }
        self.cluster_changed();
        self.sync_nodes_conf();
    }

    /// Does what the brain wants.
    pub fn carry_out(&mut self) {
        while self.cluster.has_effects() {
            let effects: Vec<Effect> = iter::from_fn(|| self.cluster.poll_effect()).collect();
            // One save for all of it, and first: a packet may leave only after what it speaks of is saved.
            let saves = effects.iter().filter_map(|effect| match effect {
                Effect::SaveConfig { save } => Some(*save),
                _ => None,
            });
            if let Some(save) = saves.max() {
                self.save_nodes_conf(save);
            }
            effects.into_iter().for_each(|effect| self.carry_out_one(effect));
        }
    }

    fn carry_out_one(&mut self, effect: Effect) {
        match effect {
            Effect::SaveConfig { .. } => {} // Done already.
            Effect::Log { level, text } => {
                let level = match level {
                    ClusterLevel::Verbose => Level::Verbose,
                    ClusterLevel::Notice => Level::Notice,
                    ClusterLevel::Warning => Level::Warning,
                };
                log::write(level, if self.cluster.myself().is_replica() { 'S' } else { 'M' }, &text);
            }
            Effect::Sibling { to, message } => {
                if let Some(core) = self.core_ids.iter().position(|id| *id == to) {
                    self.say_when_saved(Saying::Message(core as u16, Message::Cluster(Box::new(message))));
                }
            }
            Effect::Connect { link, ip, port } => {
                let limit = Duration::from_millis(self.config.cluster.node_timeout.max(1));
                self.bus.connect(link, (ip, port), limit, self.tls.to_nodes.clone());
            }
            Effect::Send { link, bytes } => self.say_when_saved(Saying::Packet(link, bytes)),
            Effect::Close { link } => self.bus.close(link),
            Effect::DeleteKeys(slots) => {
                self.invalidate_slots(&slots);
                slots.into_iter().for_each(|slot| self.delete_slot(slot));
            }
            Effect::FlushData => self.flush_all(),
            Effect::PauseClients { until } => {
                self.pause.start(until, What::Writes, self.now_ms);
                self.update_overdue();
                let now = self.bus_now();
                let facts = self.replication_facts();
                self.cluster.clients_paused(facts, now);
            }
            Effect::ResumeClients => {
                self.pause.stop();
                self.update_overdue();
                self.resume_paused();
            }
            Effect::BecomeReplicaOf { ip, port, full_sync, .. } => {
                self.replaced_at = None;
                self.follow(ip, port, full_sync);
                self.shard_changed();
            }
            Effect::BecomeMaster => {
                self.unfollow();
                self.nodes_file.hold_replies();
                self.replaced_at = Some(self.bus_now());
            }
            // Modules are not there yet.
            Effect::Module { .. } => {}
            Effect::SlotsReleased(slots) => {
                self.slot_stats.forget(&slots);
                self.slots_released(&slots);
            }
            Effect::SlotsMoved { from, to, slots } => self.slots_moved(from, to, &slots),
            Effect::Publish { channel, message, sharded, hand_on } => {
                let kind = if sharded { Kind::Shard } else { Kind::Channel };
                let message = message.into();
                self.publish_here(kind, &channel, &message, Audience::All);
                if hand_on {
                    self.publish_to_siblings(kind, &channel, &message);
                }
            }
        }
    }

    /// Tells the brain which nodes are cores of this process.
    pub fn name_siblings(&mut self) {
        let now = self.bus_now();
        if self.core_ids.len() > 1 {
            self.cluster.set_process(self.process.bus_id());
        }
        self.cluster.set_siblings(self.core_ids.iter().copied(), now);
        self.carry_out();
    }

    /// Takes news of a sibling.
    pub fn hear_sibling(&mut self, core: u16, message: SiblingMessage) {
        let from = self.core_ids[usize::from(core)];
        let now = self.bus_now();
        self.cluster.handle_sibling(from, message, now);
        self.cluster_changed();
        self.rouse_for_brain();
    }

    /// Obeys `config` from now on, unless a newer one came first.
    pub fn adopt_config(&mut self, version: u64, config: Config) {
        if version <= self.config_version {
            return;
        }
        self.config_version = version;
        let brain = settings::cluster_config(&config, usize::from(self.index), self.place());
        let now = self.bus_now();
        self.cluster.set_config(brain, now);
        let on = config.persistence.appendonly;
        self.apply_config(config);
        if let Err(why) = self.switch_log(on) {
            warning!("CONFIG SET appendonly: {why}");
        }
        self.carry_out();
    }
}
