//! Messages to clients that are no replies: published messages, invalidations, MONITOR's lines.
//!
//! A message may be for any client, also for the one whose command runs now: that one is out of the table
//! meanwhile, and half of its reply may be written. What it gets is kept here and follows its reply, as in Redis;
//! inside EXEC or a script, the reply of the whole. A client that does not read is closed when what waits for it
//! is over its output limits; were that looked at only between commands, one command could fill the memory.

use resp::Reply;

use crate::client::{Client, Closing};
use crate::config::BufferLimit;
use crate::core::Core;
use crate::core::blocking::SessionId;
use crate::log::warning;

/// Messages for the client whose command runs now.
#[derive(Default)]
pub struct Late {
    reply: Reply,
    /// The output class of that client.
    class: usize,
    /// Its limit was passed: it is to be closed.
    overflow: bool,
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
        if self.clients.is_taken(session.index, session.generation) {
            return self.late.write(limits, write);
        }
        let Some(client) = self.clients.get(session.index) else { return };
        if client.generation != session.generation || client.closing != Closing::No {
            return;
        }
        if client.reply.capacity() == 0 {
            client.reply.adopt_buffer(self.spare_buffers.pop().unwrap_or_default());
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
        let late = std::mem::take(&mut self.late.reply);
        client.push(|reply| reply.append(&late));
        self.give_buffer(late.into_buffer());
        if std::mem::take(&mut self.late.overflow) {
            close_full(client);
            self.stats.output_buffer_disconnections += 1;
        }
        // One of them may have told it of a shard channel's end.
        client.subscriber = self.pubsub.of(client.index).is_some();
    }
}

/// Closes a client that does not read.
pub fn close_full(client: &mut Client) {
    warning!("Client {} closed for overcoming of output buffer limits.", client.peer);
    client.shut();
}
