//! Files that are saved while the node goes on: a disk takes its time, and what a promise hangs on waits for it, as in the
//! server's `core::nodes_file`. A crash meanwhile leaves the old file, and nobody has heard of the new one.

use base::NodeId;
use bytes::Bytes;
use cluster::{LinkId, Promises, Save, SiblingMessage, Write};

use crate::checks::Claim;
use crate::world::{Event, World};

/// What may have to wait for the disk.
#[derive(Debug)]
pub enum Saying {
    /// Bytes for another node.
    Packet(LinkId, Bytes),
    /// Something for a sibling.
    Message(NodeId, SiblingMessage),
}

/// A node's disk.
#[derive(Debug, Default)]
pub struct Disk {
    promises: Promises<Saying>,
    /// What the save under way writes, and what the node claims in it.
    saving: Option<(String, Claim)>,
}

impl Disk {
    /// Whether something is not on the disk yet that has to be.
    pub fn lags(&self) -> bool {
        self.promises.lags()
    }

    /// Whether something that was promised is not on the disk yet.
    pub fn owes(&self) -> bool {
        !self.promises.has_saved(self.promises.asked())
    }
}

impl World {
    /// Node `i` saves its file as well as `save` says.
    pub(crate) fn save(&mut self, i: usize, save: Save) {
        let write = self.nodes[i].disk.promises.save(save);
        self.write(i, write);
        if self.options.disk_ms == 0 {
            self.sync(i);
            self.finish_saves(i);
        }
    }

    /// Brings to the disk of node `i` what nobody waits for.
    pub(crate) fn sync(&mut self, i: usize) {
        let write = self.nodes[i].disk.promises.sync();
        self.write(i, write);
    }

    fn write(&mut self, i: usize, write: Write) {
        let node = &mut self.nodes[i];
        let Some(brain) = node.cluster.as_ref().filter(|_| write != Write::Nothing) else { return };
        let text = brain.nodes_conf();
        if write == Write::Soon {
            node.conf = text;
            return;
        }
        node.disk.saving = Some((text, Claim::of(brain)));
        if self.options.disk_ms > 0 {
            let (number, life) = (node.disk.promises.saving().unwrap_or_default(), node.life);
            let at = self.now + 1 + self.disk.below(self.options.disk_ms);
            self.push(at, Event::Saved { node: i, life, number });
        }
    }

    /// The disk of node `i` answers; the node that hears it.
    pub(crate) fn disk_answers(&mut self, i: usize, life: u32, number: u64) -> Option<usize> {
        let node = &self.nodes[i];
        if node.life != life || node.disk.promises.saving() != Some(number) {
            return None;
        }
        if node.stopped {
            self.push(self.now + 50, Event::Saved { node: i, life, number });
            return None;
        }
        self.finish_save(i);
        Some(i)
    }

    fn finish_save(&mut self, i: usize) {
        let node = &mut self.nodes[i];
        let Some((text, claim)) = node.disk.saving.take() else { return };
        node.synced_conf.clone_from(&text);
        node.conf = text;
        self.checks.claims(claim);
        let write = self.nodes[i].disk.promises.saved();
        while let Some(saying) = self.nodes[i].disk.promises.take() {
            self.say(i, saying);
        }
        self.write(i, write);
    }

    /// Waits for the disk of node `i` as long as it saves: somebody does not go on before.
    pub(crate) fn finish_saves(&mut self, i: usize) {
        while self.nodes[i].disk.saving.is_some() {
            self.finish_save(i);
        }
    }

    /// Node `i` says something as soon as its disk has what it speaks of.
    pub(crate) fn say_when_saved(&mut self, i: usize, saying: Saying) {
        if let Some(saying) = self.nodes[i].disk.promises.pass(saying) {
            self.say(i, saying);
        }
    }

    fn say(&mut self, i: usize, saying: Saying) {
        match saying {
            Saying::Packet(link, bytes) => {
                self.checks.sent(&bytes);
                self.send(i, link, bytes);
            }
            Saying::Message(to, message) => {
                if let SiblingMessage::Packet(bytes) = &message {
                    self.checks.sent(bytes);
                }
                let (to, from) = (self.by_id[&to], self.nodes[i].id);
                let life = self.nodes[to].life;
                self.push(self.now, Event::Sibling { to, life, from, message });
            }
        }
    }
}
