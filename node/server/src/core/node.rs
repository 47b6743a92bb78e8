//! The core as a cluster node: driving the brain, carrying out what it wants.

use cluster::{Effect, Level as ClusterLevel, SiblingMessage};

use crate::clock;
use crate::config::{Config, write_atomically};
use crate::core::Core;
use crate::log::{self, Level, warning};
use crate::mesh::Message;
use crate::settings;
use crate::start;

impl Core {
    /// Lets the brain's timers run and does what it wants.
    pub fn drive_cluster(&mut self) {
        let now = clock::unix_ms();
        if self.cluster.next_deadline() <= now {
            self.cluster.tick(now);
        }
        self.carry_out();
    }

    /// Does what the brain wants.
    pub fn carry_out(&mut self) {
        while let Some(effect) = self.cluster.poll_effect() {
            self.carry_out_one(effect);
        }
    }

    fn carry_out_one(&mut self, effect: Effect) {
        match effect {
            Effect::SaveConfig { .. } => self.save_nodes_conf(),
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
                    self.mesh.send(core as u16, Message::Cluster(Box::new(message)));
                }
            }
            Effect::DeleteKeys(slots) => {
                for slot in slots {
                    let gone = self.keys.take_slot(slot);
                    self.garbage.push_slot(gone);
                }
            }
            other => warning!("Not done, as this version has no cluster bus yet: {other:?}"),
        }
    }

    /// Writes this node's `nodes.conf`.
    fn save_nodes_conf(&mut self) {
        let place = &self.process.cores[usize::from(self.index)];
        let file = start::cluster_file(&self.config, &place.folder, self.process.cores.len());
        if let Err(e) = write_atomically(&file, self.cluster.nodes_conf().as_bytes()) {
            warning!("Could not write {}: {e}", file.display());
        }
    }

    /// Takes news of a sibling.
    pub fn hear_sibling(&mut self, core: u16, message: SiblingMessage) {
        let from = self.core_ids[usize::from(core)];
        self.cluster.handle_sibling(from, message, clock::unix_ms());
        self.carry_out();
    }

    /// Obeys `config` from now on.
    pub fn adopt_config(&mut self, config: Config) {
        let place = &self.process.cores[usize::from(self.index)];
        let brain = settings::cluster_config(&config, place.port, place.bus_port);
        self.cluster.set_config(brain, clock::unix_ms());
        self.apply_config(config);
        self.carry_out();
    }
}
