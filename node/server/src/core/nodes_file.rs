//! Writing `nodes.conf` off the command path: the core serves on while the disk works.
//!
//! What the brain says after a save that a promise hangs on (a vote, an epoch, a claim) leaves when that save is on the
//! disk: packets, news for siblings, the answer to whoever asked for the change. The steps are those of any safe
//! replacement of a file, with the two waits left to the core's ring: write a file beside it; sync that; rename it; sync
//! the folder. One save is under way at a time; changes that come meanwhile are the next one. SETSLOT promises nothing: it is
//! written at once, and synced with others of its kind.
//!
//! A file that cannot be written is tried again at each tick, and what waits for it goes on waiting: Redis ends there, as a
//! node must not promise what it may forget. This one serves on, says nothing on the bus, and so is replaced in time.
//!
//! Replies to other clients do not wait, but for one case: this core has become the owner of slots. A write that it takes
//! for them and then forgets, because the claim died with it, would be lost.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use bytes::Bytes;
use cluster::{LinkId, Promises, Save, Write};

use crate::aof::Gate;
use crate::config::{Replacement, reason, write_atomically, write_soon};
use crate::core::Core;
use crate::folders;
use crate::log::warning;
use crate::mesh::Message;
use crate::ring::{ClientRing, Op, Token};

/// What may have to wait for the disk.
pub enum Saying {
    /// Bytes for another node.
    Packet(LinkId, Bytes),
    /// Something for a sibling.
    Message(u16, Message),
}

/// The file's state.
#[derive(Default)]
pub struct NodesFile {
    promises: Promises<Saying>,
    /// What the save under way has come to.
    step: Option<Step>,
    /// The disk was asked for that.
    asked: bool,
    /// The save after which all clients may be answered.
    replies_after: u64,
    /// The last write failed.
    failing: bool,
}

/// What the disk has to keep next.
enum Step {
    Content(Replacement),
    Folder(File),
}

impl NodesFile {
    /// The number of the save that an answer given now has to wait for.
    pub fn promised(&self) -> u64 {
        self.promises.asked()
    }

    /// Whether the disk has save `number`.
    #[inline]
    pub fn has_saved(&self, number: u64) -> bool {
        self.promises.has_saved(number)
    }

    /// Lets no client be answered before the saves asked for so far are on the disk.
    pub fn hold_replies(&mut self) {
        self.replies_after = self.promises.asked();
    }

    /// What replies may do that may do `gate` for other reasons.
    #[inline]
    pub fn narrow(&self, gate: Gate) -> Gate {
        if self.has_saved(self.replies_after) { gate } else { Gate::Wait }
    }
}

impl Core {
    /// Saves what the brain knows as well as `save` says.
    pub fn save_nodes_conf(&mut self, save: Save) {
        let write = self.nodes_file.promises.save(save);
        self.write_nodes_conf(write);
    }

    /// Brings to the disk what nobody waits for.
    pub fn sync_nodes_conf(&mut self) {
        let write = self.nodes_file.promises.sync();
        self.write_nodes_conf(write);
    }

    fn write_nodes_conf(&mut self, write: Write) {
        if write == Write::Nothing {
            return;
        }
        let file = folders::cluster_file(&self.config, self.place());
        let content = self.cluster.nodes_conf();
        if write == Write::Soon {
            return match write_soon(&file, content.as_bytes()) {
                Ok(()) => self.wrote_nodes_conf(),
                Err(e) => self.failed_nodes_conf(&e),
            };
        }
        match Replacement::write(&file, content.as_bytes()) {
            Ok(new) => {
                self.next_step(Step::Content(new));
                // The loop has the ring, and may be asleep.
                self.wake_self();
            }
            Err(e) => self.failed_nodes_conf(&e),
        }
    }

    fn failed_nodes_conf(&mut self, e: &io::Error) {
        self.nodes_file.promises.failed();
        if !std::mem::replace(&mut self.nodes_file.failing, true) {
            warning!(
                "Could not write the cluster configuration file: {}. This node tells others nothing more that depends on \
                 it, and tries again.",
                reason(e)
            );
        }
    }

    fn wrote_nodes_conf(&mut self) {
        if std::mem::take(&mut self.nodes_file.failing) {
            warning!("The cluster configuration file is written again.");
        }
    }

    fn next_step(&mut self, step: Step) {
        (self.nodes_file.step, self.nodes_file.asked) = (Some(step), false);
    }

    /// Says `saying` as soon as the disk has what it speaks of.
    pub fn say_when_saved(&mut self, saying: Saying) {
        let file = &self.nodes_file;
        if file.failing && !file.has_saved(file.promised()) && matches!(saying, Saying::Packet(..)) {
            return; // They would gather for as long as the disk fails, and other nodes bear their loss.
        }
        if let Some(saying) = self.nodes_file.promises.pass(saying) {
            self.say(saying);
        }
    }

    fn say(&mut self, saying: Saying) {
        match saying {
            Saying::Message(core, message) => self.mesh.send(core, message),
            Saying::Packet(link, bytes) => {
                if let Some(backlog) = self.bus.send(link, bytes) {
                    self.cluster.set_link_backlog(link, backlog);
                }
            }
        }
    }

    /// Asks the disk for what the save under way waits for.
    #[inline]
    pub fn push_nodes_conf(&mut self, ring: &mut ClientRing) {
        if let Some(step) = self.nodes_file.step.as_ref().filter(|_| !self.nodes_file.asked) {
            let file = match step {
                Step::Content(new) => new.file().as_raw_fd(),
                Step::Folder(folder) => folder.as_raw_fd(),
            };
            ring.sync_all(Token::of(Op::SyncNodes, 0), file);
            self.nodes_file.asked = true;
        }
    }

    /// The disk has answered.
    pub fn synced_nodes_conf(&mut self, result: i32) {
        let Some(step) = self.nodes_file.step.take() else { return };
        let done = if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(step) };
        let folder = done.and_then(|step| match step {
            Step::Content(new) => new.put().map(Some),
            Step::Folder(_) => Ok(None),
        });
        match folder {
            Ok(Some(folder)) => self.next_step(Step::Folder(folder)),
            Ok(None) => self.saved_nodes_conf(),
            Err(e) => self.failed_nodes_conf(&e),
        }
    }

    /// The save under way is through: what waited for it leaves, and what has changed meanwhile is saved.
    fn saved_nodes_conf(&mut self) {
        self.wrote_nodes_conf();
        let write = self.nodes_file.promises.saved();
        while let Some(saying) = self.nodes_file.promises.take() {
            self.say(saying);
        }
        self.release_waiting();
        self.write_nodes_conf(write);
    }

    /// Brings all to the disk at once: the process ends.
    pub fn finish_nodes_conf(&mut self) {
        self.nodes_file.step = None;
        if self.nodes_file.promises.lags() {
            let file = folders::cluster_file(&self.config, self.place());
            if let Err(e) = write_atomically(&file, self.cluster.nodes_conf().as_bytes()) {
                warning!("Could not write the cluster configuration file: {}", reason(&e));
            }
        }
    }
}
