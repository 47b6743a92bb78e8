//! Files that are saved while the node goes on: a disk takes its time, and what a promise hangs on waits for it, as in the
//! server's `core::nodes_file`. A crash meanwhile leaves the old file, and nobody has heard of the new one.

use base::NodeId;
use bytes::Bytes;
use cluster::{Cluster, LinkId, Promises, Save, SiblingMessage};

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
    saving: Option<Saving>,
    /// Something has changed since that began that has to be on the disk.
    stale: bool,
}

/// A save under way: its number, its text, and what the node claims in it.
#[derive(Debug)]
struct Saving {
    number: u64,
    text: String,
    claim: Option<Claim>,
}

impl Disk {
    /// Whether a save is under way.
    fn is_busy(&self) -> bool {
        self.saving.is_some()
    }

    /// Whether something is not on the disk yet that has to be.
    pub fn lags(&self) -> bool {
        self.stale || self.is_busy()
    }

    /// Whether something that was promised is not on the disk yet.
    pub fn owes(&self) -> bool {
        !self.promises.has_saved(self.promises.asked())
    }
}

impl World {
    /// Node `i` saves its file as well as `save` says.
    pub(crate) fn save(&mut self, i: usize, save: Save) {
        let is_saving = self.nodes[i].disk.is_busy();
        let takes_no_time = self.options.disk_ms == 0;
        let node = &mut self.nodes[i];
        if takes_no_time || (save != Save::Promised && !is_saving) {
            node.conf = node.cluster.as_ref().map(Cluster::nodes_conf).unwrap_or_default();
        }
        if takes_no_time {
            if save != Save::Soon {
                node.synced_conf.clone_from(&node.conf);
            }
            return;
        }
        node.disk.stale |= save == Save::Synced;
        if save == Save::Promised || (save == Save::Soon && is_saving) {
            node.disk.promises.ask();
            if !is_saving {
                self.begin_save(i);
            }
        }
    }

    /// Brings to the disk of node `i` what nobody waits for.
    pub(crate) fn sync(&mut self, i: usize) {
        if self.nodes[i].disk.stale && !self.nodes[i].disk.is_busy() {
            self.begin_save(i);
        }
    }

    fn begin_save(&mut self, i: usize) {
        let node = &mut self.nodes[i];
        node.disk.stale = false;
        let (number, life) = (node.disk.promises.asked(), node.life);
        let text = node.cluster.as_ref().map(Cluster::nodes_conf).unwrap_or_default();
        node.disk.saving = Some(Saving { number, text, claim: node.cluster.as_ref().map(Claim::of) });
        let at = self.now + 1 + self.disk.below(self.options.disk_ms);
        self.push(at, Event::Saved { node: i, life, number });
    }

    /// The disk of node `i` answers; the node that hears it.
    pub(crate) fn disk_answers(&mut self, i: usize, life: u32, number: u64) -> Option<usize> {
        let node = &self.nodes[i];
        if node.life != life || node.disk.saving.as_ref().is_none_or(|saving| saving.number != number) {
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
        let Some(Saving { number, text, claim }) = node.disk.saving.take() else { return };
        node.synced_conf.clone_from(&text);
        node.conf = text;
        node.disk.promises.saved(number);
        claim.into_iter().for_each(|claim| self.checks.claims(claim));
        if self.nodes[i].disk.promises.asked() > number {
            self.begin_save(i);
        }
        while let Some(saying) = self.nodes[i].disk.promises.take() {
            self.say(i, saying);
        }
    }

    /// Waits for the disk of node `i` as long as something is promised: somebody does not go on before.
    pub(crate) fn finish_saves(&mut self, i: usize) {
        while self.nodes[i].disk.owes() {
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
