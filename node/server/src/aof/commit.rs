//! The end of a round: what commands appended is written, and replies leave when they may.
//!
//! Under `appendfsync always` nobody may see the effect of a write that a power cut could still undo: not who
//! wrote, and not who reads what was written. Waiting for the disk command by command would cost a sync each;
//! waiting for it with all of the core would stop all clients for each sync. So commits are grouped: the first
//! round with something new writes it and asks the disk, through the core's ring; until the answer comes the core
//! serves on, its replies are kept, and what it appends is the next group.
//!
//! A reply is kept in one of two ways ([`Gate`]). When the group under way covers all that was appended, it is put
//! where the ring will find it (parked), and leaves with that group. When something newer was appended, it stays in
//! the client's buffer until there is a group that covers it. So a client that never stops writing is still
//! answered with every group.

use std::io;

use super::Wrote;
use crate::client::Client;
use crate::config::{AppendFsync, reason};
use crate::core::Core;
use crate::process::fatal;
use crate::ring::{ClientRing, Op, Token};

/// What the replies of a round may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Leave.
    Open,
    /// Leave with the group that is under way.
    Join,
    /// Wait for the next group.
    Wait,
}

/// Clients whose replies are kept, by index; they may be gone meanwhile.
#[derive(Default)]
pub struct Kept {
    /// Parked: they leave with the group under way.
    parked: Vec<u32>,
    /// They wait for the next group.
    waiting: Vec<u32>,
}

impl Kept {
    /// The replies of the client at `index` leave with the group under way.
    pub fn park(&mut self, index: u32) {
        self.parked.push(index);
    }

    /// `client` is looked at again when a group is through.
    pub fn wait(&mut self, client: &mut Client) {
        if !client.waits_for_disk {
            client.waits_for_disk = true;
            self.waiting.push(client.index);
        }
    }
}

impl Core {
    /// Writes what the round's commands appended, and asks the disk to keep it where that is due; what the round's
    /// replies may do.
    #[inline]
    pub fn commit(&mut self, ring: &mut ClientRing) -> Gate {
        if self.aof.writer.is_none() { Gate::Open } else { self.commit_file(ring) }
    }

    fn commit_file(&mut self, ring: &mut ClientRing) -> Gate {
        let policy = self.fsync_policy();
        let now_ms = self.now_ms;
        self.aof.dawdle();
        let Some(writer) = &mut self.aof.writer else { return Gate::Open };
        // A group that is under way is waited for: what is written now would only be part of the next.
        let grouped = policy == AppendFsync::Always && writer.is_syncing();
        if !grouped
            && let Wrote::Failed = writer.write(policy, now_ms, false)
            && policy == AppendFsync::Always
        {
            fatal("Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...");
        }
        let mut asked = None;
        if writer.wants_sync(policy, now_ms) {
            let (serial, file) = writer.begin_sync(now_ms);
            ring.sync(Token::of(Op::Sync, serial), file);
            asked = (writer.buffered() == 0).then(|| writer.appended());
        }
        let gate = match policy {
            AppendFsync::Always if writer.synced() == writer.appended() => Gate::Open,
            AppendFsync::Always if writer.is_covered() => Gate::Join,
            AppendFsync::Always => Gate::Wait,
            AppendFsync::EverySec | AppendFsync::No => Gate::Open,
        };
        if let Some(appended) = asked {
            self.aof.marks.push_back((appended, self.replication.offset()));
        }
        gate
    }

    /// When the disk is asked, now: `no-appendfsync-on-rewrite` leaves it to those that write whole files.
    fn fsync_policy(&self) -> AppendFsync {
        let config = &self.config.persistence;
        let writes = self.aof.rewrites.running_s().is_some() || self.saves.running().is_some();
        if config.no_appendfsync_on_rewrite && writes { AppendFsync::No } else { config.appendfsync }
    }

    /// Takes note that the disk answered: replies that waited for it may leave. How many sends that began.
    pub fn synced(&mut self, serial: u32, result: i32, ring: &mut ClientRing) -> usize {
        if self.aof.ended.take_if(|ended| ended.finish_sync(serial, result)).is_some() {
            // It was flushed when it ended.
            return self.release_kept(ring);
        }
        if !self.aof.finish_sync(serial, result) {
            return 0;
        }
        self.answer_waits();
        if result != 0 && self.config.persistence.appendfsync == AppendFsync::Always {
            let reason = reason(&io::Error::from_raw_os_error(-result));
            fatal(&format!(
                "Can't persist AOF for fsync error when the AOF fsync policy is 'always': {reason}. Exiting..."
            ));
        }
        self.release_kept(ring)
    }

    /// Sends parked replies, and looks at those again that wait; how many sends that began.
    fn release_kept(&mut self, ring: &mut ClientRing) -> usize {
        let mut sends = 0;
        for index in std::mem::take(&mut self.aof.kept.parked) {
            if let Some(client) = self.clients.get(index) {
                sends += usize::from(client.send_parked(ring));
                // One that was closing is looked at again.
                self.mark_outgoing(index);
            }
        }
        self.release_waiting();
        self.mesh.release();
        sends
    }

    /// Looks at replies again that wait.
    pub fn release_waiting(&mut self) {
        for index in std::mem::take(&mut self.aof.kept.waiting) {
            if let Some(client) = self.clients.get(index) {
                client.waits_for_disk = false;
                self.mark_outgoing(index);
            }
        }
    }
}
