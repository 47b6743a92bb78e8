//! Messages to clients that are no replies: published messages, invalidations, MONITOR's lines.
//!
//! A message may be for any client, also for the one whose command runs now: that one is out of the table
//! meanwhile, and half of its reply may be written. What it gets is kept here and follows its reply, as in Redis;
//! inside EXEC or a script, the reply of the whole. The same holds for a client that waited and whose command runs
//! again at the end of another's (`woken`). A client that does not read is closed when what waits for it is over
//! its output limits; were that looked at only between commands, one command could fill the memory.

use resp::Reply;

use crate::client::{Client, Closing};
use crate::config::BufferLimit;
use crate::core::Core;
use crate::core::blocking::SessionId;
use crate::log::warning;

/// Messages for a client whose command runs now.
#[derive(Default)]
pub struct Late {
    reply: Reply,
    /// The output class of that client.
    class: usize,
    /// Its limit was passed: it is to be closed.
    overflow: bool,
}

/// Messages for a client that waited and whose command runs again.
#[derive(Default)]
pub struct Woken {
    client: Option<u32>,
    late: Late,
}

impl Late {
    /// A command of `client` is about to run.
    #[inline]
    pub fn begin(&mut self, client: &Client) {
        self.reply.proto = client.proto();
        self.class = client.class();
    }

    /// Whether there are messages.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.reply.is_empty()
    }

    /// Writes a message behind the running command's reply.
    pub fn write(&mut self, limits: &[BufferLimit], write: impl FnOnce(&mut Reply)) {
        if !self.overflow {
            write(&mut self.reply);
            self.overflow = limits[self.class].is_over_hard(self.reply.len());
        }
    }
}

impl Core {
    /// Gives a message, written by `write`, to a client of this core; nothing happens when it is gone.
    pub fn push_to_client(&mut self, session: SessionId, write: impl FnOnce(&mut Reply)) {
        debug_assert_eq!(session.core, self.index);
        let limits = &self.config.limits.client_output_buffer_limit;
        if self.woken.client == Some(session.index) {
            return self.woken.late.write(limits, write);
        }
        if self.clients.is_taken(session.index, session.generation) {
            return self.late.write(limits, write);
        }
        let Some(client) = self.clients.get(session.index) else { return };
        if client.generation != session.generation || client.closing != Closing::No {
            return;
        }
        if client.ready().capacity() == 0 {
            client.ready_mut().adopt_buffer(self.spare_buffers.pop().unwrap_or_default());
        }
        client.push(write);
        if limits[client.class()].is_over_hard(client.unsent()) {
            close_full(client);
            self.stats.output_buffer_disconnections += 1;
        }
        self.mark_outgoing(session.index);
    }

    /// The session of this core's client number `index`, which is connected.
    pub fn session_at(&self, index: u32) -> SessionId {
        SessionId { core: self.index, index, generation: self.clients.generation(index) }
    }

    /// Writes the messages that came for `client` while its command ran behind the command's reply.
    pub fn deliver_late(&mut self, client: &mut Client) {
        let late = std::mem::take(&mut self.late);
        client.push(|reply| reply.append(&late.reply));
        if late.overflow {
            close_full(client);
            self.stats.output_buffer_disconnections += 1;
        }
        self.give_buffer(late.reply.into_buffer());
        self.late.begin(client);
        // One of them may have told it of a shard channel's end.
        client.subscriber = self.pubsub.of(client.index).is_some();
    }

    /// The command of a client that waited is about to run again.
    pub fn begin_woken(&mut self, session: SessionId) {
        if session.core == self.index
            && let Some(client) = self.clients.get(session.index)
        {
            self.woken.client = Some(session.index);
            self.woken.late.begin(client);
        }
    }

    /// Writes the messages that came for a client that waited behind its reply, if it got one.
    pub fn end_woken(&mut self) {
        let Woken { client, late } = std::mem::take(&mut self.woken);
        let Some(index) = client.filter(|_| !late.is_empty()) else { return };
        self.push_to_client(self.session_at(index), |reply| reply.append(&late.reply));
    }
}

/// Closes a client that does not read.
pub fn close_full(client: &mut Client) {
    warning!("Client {} closed for overcoming of output buffer limits.", client.peer);
    client.shut();
}
