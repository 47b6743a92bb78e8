//! Tracking across the cores of a process, for clients of the ingress.
//!
//! An invalidation must not overtake the answer it is about: the client would keep a value that it was told to
//! drop. So it travels in the same frames as replies (`ingress::frame`), in order.

use bytes::Bytes;

use super::{Mode, Stale, Wishes};
use crate::core::Core;
use crate::core::blocking::SessionId;
use crate::ingress::frame::{self, News};
use crate::mesh::Message;

/// A client of a sibling wants to hear of this core's keys with these prefixes.
pub struct Broadcast {
    session: SessionId,
    prefixes: Vec<Bytes>,
    /// Also of its own writes.
    own_too: bool,
}

impl Core {
    /// Tells a sibling's client that keys changed.
    pub(super) fn tell_remote(&mut self, session: SessionId, keys: &[Bytes], news: News) {
        if let Some(out) = self.mesh.replies(session.core) {
            frame::write_news(out, session, news, keys);
        }
    }

    /// A sibling tells that keys changed.
    pub fn hear_news(&mut self, session: SessionId, news: News, keys: &[Bytes]) {
        if self.clients.generation(session.index) != session.generation {
            return;
        }
        if news != News::Broadcast {
            return self.tell_reader(session, keys, news == News::Own);
        }
        if self.tracking.of(session.index).is_some_and(|wishes| wishes.mode == Mode::Broadcast) {
            self.tell_stale(session, &Stale::Keys(keys));
        }
    }

    /// A client of the ingress broadcasts: the siblings are to tell it of their keys too.
    pub(super) fn broadcast_from_siblings(&mut self, session: SessionId, wishes: &Wishes) {
        for core in self.mesh.siblings() {
            let prefixes = wishes.prefixes.iter().cloned().collect();
            let broadcast = Broadcast { session, prefixes, own_too: !wishes.no_loop };
            self.mesh.send(core, Message::Broadcast(Box::new(broadcast)));
        }
    }

    /// That client broadcasts no more.
    pub(super) fn end_broadcast_from_siblings(&mut self, session: SessionId) {
        self.mesh.siblings().for_each(|core| self.mesh.send(core, Message::EndBroadcast(session)));
    }

    /// A sibling's client broadcasts.
    pub fn broadcast_to_sibling(&mut self, broadcast: &Broadcast) {
        let Broadcast { session, prefixes, own_too } = broadcast;
        prefixes.iter().for_each(|prefix| self.tracking.prefixes.add(prefix, *session, *own_too));
        self.update_listening();
    }

    /// A sibling's client broadcasts no more.
    pub fn end_broadcast_to_sibling(&mut self, session: SessionId) {
        self.tracking.prefixes.forget(session);
        self.update_listening();
    }

    /// All keys of this core are gone, of which clients of the siblings may have some.
    pub(super) fn tell_remote_all(&mut self) {
        if self.process.ingress_port != 0 {
            self.mesh.siblings().for_each(|core| self.mesh.send(core, Message::AllStale));
        }
    }

    /// All keys of a sibling are gone.
    pub fn hear_all_stale(&mut self) {
        for client in self.tracking.of_ingress() {
            self.tell_stale(self.session_at(client), &Stale::All);
        }
    }
}
