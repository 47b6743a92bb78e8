//! Client-side caching: clients hear of the keys they may have in a cache of their own.
//!
//! In the default mode a core remembers what each tracking client reads (`table`) and tells it once when such a
//! key changes, expires, is evicted or leaves; in broadcasting mode it tells of all keys with a prefix
//! (`prefixes`). Messages are RESP3 pushes, or go to another connection (REDIRECT), which in RESP2 has to be
//! subscribed to `__redis__:invalidate`.
//!
//! What a client asked for is kept here rather than with the client, because the client whose command runs now is
//! out of reach meanwhile. A client of the ingress reads keys of all cores: the core that has the key remembers
//! the session, and tells the core that has the client (`remote`), which knows what the client wants.
//!
//! Source: the page "Client-side caching reference" and the command pages of CLIENT TRACKING and CLIENT CACHING.

mod prefixes;
mod remote;
mod table;

pub use remote::Broadcast;

use std::collections::{BTreeSet, HashMap};

use base::{Slot, key_slot};
use bytes::Bytes;
use cluster::SlotSet;
use commands::Args;
use commands::table::Found;
use resp::{Proto, Reply};
use store::EntryRef;

use crate::client::{Client, Closing};
use crate::core::Core;
use crate::core::blocking::SessionId;
use crate::ingress::frame::News;

use prefixes::Prefixes;
use table::Table;

/// The channel of invalidations for RESP2.
const CHANNEL: &[u8] = b"__redis__:invalidate";
/// Most keys that give way at once when the table is full.
const EVICTIONS: usize = 100;

/// Which reads are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// All.
    #[default]
    All,
    /// Those that CLIENT CACHING YES precedes.
    OptIn,
    /// All but those that CLIENT CACHING NO precedes.
    OptOut,
    /// None: the client hears of all keys with its prefixes.
    Broadcast,
}

/// What one client asked for.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Which reads are remembered.
    pub mode: Mode,
    /// Its own writes are no news to it.
    pub no_loop: bool,
    /// Another connection that gets its messages: its number and its session.
    pub redirect: Option<(u64, SessionId)>,
    /// That connection is gone.
    pub broken: bool,
    /// CLIENT CACHING was said, for the next command.
    pub caching: bool,
    /// What it wants to hear of when broadcasting.
    pub prefixes: BTreeSet<Bytes>,
    /// It came in at the ingress: it reads keys of all cores.
    pub ingress: bool,
}

/// All that a core knows of tracking.
#[derive(Default)]
pub struct Tracking {
    /// This core's clients that track, by index.
    clients: HashMap<u32, Wishes>,
    table: Table,
    prefixes: Prefixes,
}

/// What is no longer valid.
pub enum Stale<'a> {
    /// These keys.
    Keys(&'a [Bytes]),
    /// Everything.
    All,
}

impl Stale<'_> {
    fn write(&self, reply: &mut Reply) {
        match self {
            Stale::All => reply.null(),
            Stale::Keys(keys) => {
                reply.array(keys.len());
                keys.iter().for_each(|key| reply.bulk(key));
            }
        }
    }
}

impl Tracking {
    /// What a client of this core asked for.
    pub fn of(&self, client: u32) -> Option<&Wishes> {
        self.clients.get(&client)
    }

    /// Memory that a client's prefixes take, in bytes, about: each is in its own set and in that of all.
    pub fn bytes_of(&self, client: u32) -> usize {
        let bytes = |prefix: &Bytes| prefix.len() + 2 * size_of::<Bytes>() + size_of::<SessionId>();
        self.of(client).map_or(0, |wishes| wishes.prefixes.iter().map(bytes).sum())
    }

    /// See [`Tracking::of`].
    pub fn of_mut(&mut self, client: u32) -> Option<&mut Wishes> {
        self.clients.get_mut(&client)
    }

    /// The number of the connection that gets a client's messages: 0 is itself, -1 that it does not track.
    pub fn redirection(&self, client: u32) -> i64 {
        self.of(client).map_or(-1, |wishes| wishes.redirect.map_or(0, |(id, _)| id as i64))
    }

    /// Whether changes of keys matter to anybody.
    pub fn is_active(&self) -> bool {
        !self.clients.is_empty() || !self.table.is_empty() || !self.prefixes.is_empty()
    }

    /// Whether what a client reads now is to be remembered.
    pub fn remembers(&self, client: u32) -> bool {
        self.of(client).is_some_and(|wishes| match wishes.mode {
            Mode::All => true,
            Mode::OptIn => wishes.caching,
            Mode::OptOut => !wishes.caching,
            Mode::Broadcast => false,
        })
    }

    /// The clients that came in at the ingress.
    fn of_ingress(&self) -> Vec<u32> {
        self.clients.iter().filter(|(_, wishes)| wishes.ingress).map(|(client, _)| *client).collect()
    }

    /// Whether there is something to broadcast.
    pub fn has_news(&self) -> bool {
        self.prefixes.pending
    }

    /// Number of clients that track.
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// Number of keys remembered, and of pairs of a key and a client.
    pub fn remembered(&self) -> (usize, usize) {
        (self.table.len(), self.table.items())
    }

    /// Number of prefixes broadcast.
    pub fn prefixes(&self) -> usize {
        self.prefixes.len()
    }
}

impl Core {
    /// A client of this core tracks from now on, as it wishes.
    pub fn track(&mut self, session: SessionId, wishes: Wishes) {
        if wishes.mode == Mode::Broadcast {
            wishes.prefixes.iter().for_each(|p| self.tracking.prefixes.add(p, session, !wishes.no_loop));
            if wishes.ingress {
                self.broadcast_from_siblings(session, &wishes);
            }
        }
        self.tracking.clients.insert(session.index, wishes);
        self.update_listening();
    }

    /// A client of this core tracks no more. The keys it read stay until they change.
    pub fn stop_tracking(&mut self, client: &mut Client) {
        client.tracks_reads = false;
        let Some(wishes) = self.tracking.clients.remove(&client.index) else { return };
        let session = self.session(client);
        if wishes.mode == Mode::Broadcast {
            self.tracking.prefixes.forget(session);
            if wishes.ingress {
                self.end_broadcast_from_siblings(session);
            }
        }
        self.update_listening();
    }

    /// CLIENT CACHING is for one command, or for one transaction; other words of CLIENT do not use it up.
    pub fn end_caching(&mut self, client: &Client, found: Option<Found>) {
        let lasts = client.in_multi()
            || client.paused
            || found.and_then(|found| found.container).is_some_and(|container| container.name == "client");
        if let Some(wishes) = self.tracking.of_mut(client.index).filter(|_| !lasts) {
            wishes.caching = false;
        }
    }

    /// A session has read the keys of this command.
    pub fn remember_read(&mut self, found: Found, args: &Args<'_>, session: SessionId) {
        let table = &mut self.tracking.table;
        let _ = found.command.each_key(args, &mut |i| table.remember(args[i], session));
        self.effects.listening = true;
        self.limit_tracking();
    }

    /// Keys give way while there are more than `tracking-table-max-keys`, some at a time.
    pub fn limit_tracking(&mut self) {
        let most = self.config.limits.tracking_table_max_keys as usize;
        for _ in 0..EVICTIONS {
            let keys = self.tracking.table.len();
            if most == 0 || keys <= most {
                return;
            }
            let place = self.random.below(keys as u64) as usize;
            if let Some(key) = self.tracking.table.key_at(place) {
                self.tell_readers(&key, None);
            }
        }
    }

    /// `key` changed; `writer` changed it. `of_itself`: its time was over, which is news to the writer too when it
    /// broadcasts.
    pub fn invalidate(&mut self, key: &Bytes, writer: Option<SessionId>, of_itself: bool) {
        if !self.tracking.prefixes.is_empty() {
            self.tracking.prefixes.written(key, writer.filter(|_| !of_itself));
        }
        if !self.tracking.table.is_empty() {
            self.tell_readers(key, writer);
        }
    }

    /// Forgets `key` and tells all that have read it.
    fn tell_readers(&mut self, key: &Bytes, writer: Option<SessionId>) {
        let Some(readers) = self.tracking.table.take(key) else { return };
        for session in readers.iter() {
            let (own, keys) = (writer == Some(session), std::slice::from_ref(key));
            if session.core != self.index {
                self.tell_remote(session, keys, if own { News::Own } else { News::Read });
            } else if self.clients.generation(session.index) == session.generation {
                self.tell_reader(session, keys, own);
            }
        }
    }

    /// Tells a client of this core that keys it read changed, by its own doing when `own` says so.
    fn tell_reader(&mut self, session: SessionId, keys: &[Bytes], own: bool) {
        let wishes = self.tracking.of(session.index);
        // What it read before it broadcast is of no interest any more.
        if wishes.is_some_and(|w| w.mode != Mode::Broadcast && !(own && w.no_loop)) {
            self.tell_stale(session, &Stale::Keys(keys));
        }
    }

    /// Sends what was written to the clients that broadcast; at the end of a round.
    pub fn broadcast(&mut self) {
        for (sessions, keys) in self.tracking.prefixes.take() {
            for session in sessions {
                if session.core == self.index {
                    self.tell_stale(session, &Stale::Keys(&keys));
                } else {
                    self.tell_remote(session, &keys, News::Broadcast);
                }
            }
        }
    }

    /// All keys are gone.
    pub fn invalidate_all(&mut self) {
        let gone = self.tracking.table.clear();
        let clients: Vec<u32> = self.tracking.clients.keys().copied().collect();
        clients.into_iter().for_each(|client| self.tell_stale(self.session_at(client), &Stale::All));
        self.tell_remote_all();
        drop(gone);
    }

    /// The keys of these slots are about to leave this core.
    pub fn invalidate_slots(&mut self, slots: &[Slot]) {
        let set: SlotSet = slots.iter().copied().collect();
        let mut gone = self.tracking.table.keys_where(|key| set.contains(key_slot(key)));
        if !self.tracking.prefixes.is_empty() {
            let mut add = |entry: EntryRef<'_>| gone.push(Bytes::copy_from_slice(entry.key()));
            slots.iter().for_each(|slot| self.keys.keys_in_slot(*slot, usize::MAX, &mut add));
        }
        gone.iter().for_each(|key| self.invalidate(key, None, true));
    }

    /// Sends an invalidation to a client of this core that tracks, or to the connection it named.
    fn tell_stale(&mut self, session: SessionId, stale: &Stale<'_>) {
        let Some(wishes) = self.tracking.of_mut(session.index) else { return };
        let Some((id, target)) = wishes.redirect else {
            return self.push_to_client(session, |reply| write_stale(reply, stale, false));
        };
        // One that has said QUIT hears no more, though its connection may stand a moment longer.
        let listens = |client: &mut Box<Client>| client.closing == Closing::No;
        if self.clients.generation(target.index) == target.generation
            && self.clients.get(target.index).is_none_or(listens)
        {
            let subscribed = self.pubsub.of(target.index).is_some();
            return self.push_to_client(target, |reply| write_stale(reply, stale, subscribed));
        }
        wishes.broken = true;
        self.push_to_client(session, |reply| {
            if reply.proto == Proto::Resp3 {
                reply.push(2);
                reply.bulk(b"tracking-redir-broken");
                reply.integer(id as i64);
            }
        });
    }
}

/// Writes an invalidation; a RESP2 client gets none unless it is `subscribed`.
fn write_stale(reply: &mut Reply, stale: &Stale<'_>, subscribed: bool) {
    if reply.proto == Proto::Resp3 {
        reply.push(2);
        reply.bulk(b"invalidate");
    } else if subscribed {
        reply.push(3);
        reply.bulk(b"message");
        reply.bulk(CHANNEL);
    } else {
        return;
    }
    stale.write(reply);
}
