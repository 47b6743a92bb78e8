//! Writing `nodes.conf` off the command path: the core serves on while the disk works.
//!
//! What the brain says after a save that a promise hangs on (a vote, an epoch, a claim) leaves when that save is on the
//! disk: packets, news for siblings, the answer to whoever asked for the change. The steps are those of any safe
//! replacement of a file, with the two waits left to the core's ring: write a file beside it; sync that; rename it; sync
//! the folder. One save is under way at a time; changes that come meanwhile are the next one. SETSLOT promises nothing: it is
//! written at once, and synced with others of its kind.
//!
//! Replies to other clients do not wait, but for one case: this core has become the owner of slots. A write that it takes
//! for them and then forgets, because the claim died with it, would be lost.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use bytes::Bytes;
use cluster::{LinkId, Promises, Save};

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
    saving: Option<Saving>,
    /// Something has changed that has to be on the disk, though nobody waits for it.
    stale: bool,
    /// The save after which all clients may be answered.
    replies_after: u64,
}

/// A save under way.
struct Saving {
    /// The last save that it is.
    number: u64,
    step: Step,
    /// The disk was asked.
    asked: bool,
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
    /// Saves what the brain knows as well as `save` says. What would only be written soon is a promise while a save is under
    /// way, because the file cannot be written before that is through.
    pub fn save_nodes_conf(&mut self, save: Save) {
        let is_saving = self.nodes_file.saving.is_some();
        self.nodes_file.stale |= save == Save::Synced;
        match (save, is_saving) {
            (Save::Soon | Save::Synced, false) => {
                let file = folders::cluster_file(&self.config, self.place());
                report(write_soon(&file, self.cluster.nodes_conf().as_bytes()));
            }
            (Save::Synced, true) => {}
            (Save::Promised, false) => {
                self.nodes_file.promises.ask();
                self.begin_nodes_conf();
            }
            (Save::Soon | Save::Promised, true) => self.nodes_file.promises.ask(),
        }
    }

    /// Brings to the disk what nobody waits for; called now and then, so that thousands of changes are a few saves.
    pub fn sync_nodes_conf(&mut self) {
        if self.nodes_file.stale && self.nodes_file.saving.is_none() {
            self.begin_nodes_conf();
        }
    }

    /// Begins to save all that is promised, or only known.
    fn begin_nodes_conf(&mut self) {
        self.nodes_file.stale = false;
        let file = folders::cluster_file(&self.config, self.place());
        let number = self.nodes_file.promises.asked();
        match Replacement::write(&file, self.cluster.nodes_conf().as_bytes()) {
            Ok(new) => {
                self.nodes_file.saving = Some(Saving { number, step: Step::Content(new), asked: false });
                // The loop has the ring, and may be asleep.
                self.wake_self();
            }
            Err(e) => {
                report(Err(e));
                self.saved_nodes_conf(number);
            }
        }
    }

    /// Says `saying` as soon as the disk has what it speaks of.
    pub fn say_when_saved(&mut self, saying: Saying) {
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
        if let Some(saving) = self.nodes_file.saving.as_mut().filter(|saving| !saving.asked) {
            saving.asked = true;
            let file = match &saving.step {
                Step::Content(new) => new.file().as_raw_fd(),
                Step::Folder(folder) => folder.as_raw_fd(),
            };
            ring.sync_all(Token::of(Op::SyncNodes, 0), file);
        }
    }

    /// The disk has answered.
    pub fn synced_nodes_conf(&mut self, result: i32) {
        let Some(Saving { number, step, .. }) = self.nodes_file.saving.take() else { return };
        let done = if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(step) };
        let folder = done.and_then(|step| match step {
            Step::Content(new) => new.put().map(Some),
            Step::Folder(_) => Ok(None),
        });
        match folder {
            Ok(Some(folder)) => {
                self.nodes_file.saving = Some(Saving { number, step: Step::Folder(folder), asked: false });
            }
            Ok(None) => self.saved_nodes_conf(number),
            Err(e) => {
                report(Err(e));
                self.saved_nodes_conf(number);
            }
        }
    }

    /// Save `number` is through: what waited for it leaves, and what was promised meanwhile is saved.
    fn saved_nodes_conf(&mut self, number: u64) {
        self.nodes_file.promises.saved(number);
        while let Some(saying) = self.nodes_file.promises.take() {
            self.say(saying);
        }
        self.release_waiting();
        if self.nodes_file.promises.asked() > number {
            self.begin_nodes_conf();
        }
    }

    /// Ends the save under way at once: the process ends.
    pub fn finish_nodes_conf(&mut self) {
        if self.nodes_file.saving.take().is_some() {
            let file = folders::cluster_file(&self.config, self.place());
            report(write_atomically(&file, self.cluster.nodes_conf().as_bytes()));
        }
    }
}

fn report(saved: io::Result<()>) {
    if let Err(e) = saved {
        warning!("Could not write the cluster configuration file: {}", reason(&e));
    }
}
