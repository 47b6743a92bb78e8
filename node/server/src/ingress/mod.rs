//! The ingress: one port for the whole process.
//!
//! A plain client, which knows nothing of slots, should see one big server. A command whose slot a sibling
//! owns goes over the mesh, runs there, and its reply is put in its place among the pipeline's replies
//! (`pending`). Commands on keys of several slots are taken apart, one part a key, and their replies put
//! together (`gather`); each part is atomic, the whole is not. Commands that mean the server are done by all cores
//! (`whole`). A transaction runs on the core of its first key (`exec`).
//!
//! Some things stay a core's, and the ingress does not hide it: a script that takes too long makes its own core busy; a
//! script without keys runs on the core that accepted the client, and so does SYNC, which follows that core's stream;
//! MIGRATE is said to the core that has the key, and what makes a node of the cluster another one (CLUSTER RESET) to
//! its own port.

pub mod frame;

mod exec;
mod gather;
mod pending;
mod remote;
mod whole;

use base::{Slot, key_slot};
use cluster::{NodeIndex, Owner};
use commands::table::{self, Found, Host, Run};
use commands::{Args, Error, Outcome};
use resp::Reply;

use crate::admin::scripting;
use crate::client::Client;
use crate::core::Core;
use crate::route::{self, CROSS_SLOT};
use frame::{Header, Kind};
pub use gather::Combine;
use gather::Gather;
pub use pending::{Pending, Place, SparePending};

/// What only the core itself can do.
pub const NOT_FORWARDED: Error = Error::new(
    "ERR this command runs only on the port of the core that owns the key's slot, not on the ingress port",
);

/// SCAN on the ingress walks core after core: its cursor carries the core's number in the low bits.
const SCAN_CORE_BITS: u32 = 10;

impl Core {
    /// The number of the sibling that is the cluster's node `index`.
    pub fn sibling(&self, index: NodeIndex) -> Option<u16> {
        self.cluster.node(index)?.core
    }

    /// Makes a place for a reply and sends the command to `core`, which owns `slot`.
    pub fn forward(
        &mut self,
        client: &mut Client,
        found: Found,
        args: &Args<'_>,
        slot: Slot,
        core: u16,
        asking: bool,
    ) -> Outcome {
        if client.in_multi() {
            let flags = self.flags_of(found, args);
            return self.queue(client, found, flags, args, Some(slot));
        }
        if self.transit.holds(slot) {
            client.paused = true;
            return Ok(());
        }
        if matches!(found.command.run, Run::Host(Host::Watch)) {
            return self.watch_remote(client, args, slot, core);
        }
        if !matches!(found.command.run, Run::Data(_)) && !runs_script(found) {
            return Err(NOT_FORWARDED);
        }
        let flags = self.flags_of(found, args);
        if self.pause.holds(found, flags, client, self.now_ms) {
            client.paused = true;
            return Ok(());
        }
        client.commands += 1;
        if runs_script(found) {
            self.tell_monitors_first(client, found, args, core);
        }
        self.tell_monitors(client, found, args, core);
        // A client that may have to wait goes on when it is answered.
        client.awaits_sibling = found.command.has(table::BLOCKING);
        let ticket = client.take_place(Place::Open, &mut self.spare_pending);
        let kind = if asking { Kind::Asking } else { Kind::Run };
        self.send_frame(client, kind, found, args, slot, core, ticket);
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "they are the frame's fields")]
    #[inline]
    fn send_frame(
        &mut self,
        client: &Client,
        kind: Kind,
        found: Found,
        args: &Args<'_>,
        slot: Slot,
        core: u16,
        ticket: u32,
    ) {
        let header = self.header(client, kind, found, slot, ticket);
        self.send(&header, args, core);
    }

    #[inline]
    fn send(&mut self, header: &Header, args: &Args<'_>, core: u16) {
        self.stats.forwarded += 1;
        if let Some(out) = self.mesh.requests(core) {
            frame::write_request(out, header, args);
        }
    }

    #[inline]
    fn header(&self, client: &Client, kind: Kind, found: Found, slot: Slot, ticket: u32) -> Header {
        let session = self.session(client);
        let (proto, user) = (client.proto(), client.user.id());
        let tracks = client.tracks_reads && self.tracking.remembers(client.index);
        let counts = kind != Kind::Part;
        Header { kind, proto, row: found.id, slot, session, ticket, user, tracks, counts, hops: 0 }
    }

    /// Where `slot` is served: this core (`None`) or a sibling; a peer's slot is an error for the client.
    fn core_of_slot(&self, client: &Client, slot: Slot) -> Result<Option<u16>, Error> {
        match self.cluster.owner(slot) {
            Owner::Me => Ok(None),
            Owner::None => Err(Error::new("CLUSTERDOWN Hash slot not served")),
            Owner::Node(node) => match self.sibling(node) {
                Some(core) => Ok(Some(core)),
                None => Err(route::redirection("MOVED", &self.cluster, slot, node, client.asker())),
            },
        }
    }

    /// Runs a command whose keys are in several slots, one part a key.
    pub fn scatter(&mut self, client: &mut Client, found: Found, args: &Args<'_>) -> Outcome {
        // Parts: the words of one key (and its value) behind the command's name.
        let width = part_width(found).ok_or(CROSS_SLOT)?;
        let combine = match found.command.name {
            "mget" => None,
            "mset" => Some(Combine::Ok),
            _ => Some(Combine::Sum),
        };
        let words = &args[1..];
        if !words.len().is_multiple_of(width) {
            return Err(commands::error::wrong_arity(found.command.name));
        }
        let mut parts = Vec::with_capacity(words.len() / width);
        for part in words.chunks_exact(width) {
            let slot = key_slot(part[0]);
            parts.push((slot, self.core_of_slot(client, slot)?, part));
        }
        if parts.iter().any(|(slot, ..)| self.transit.holds(*slot)) {
            client.paused = true;
            return Ok(());
        }
        self.tell_monitors(client, found, args, self.index);
        let noted = self.commandlog.mark();
        let gathered = combine.map(|combine| {
            let gather = Place::Gather(Box::new(Gather::new(combine, parts.len())));
            client.take_place(gather, &mut self.spare_pending)
        });
        if gathered.is_none() && !client.is_muted() {
            client.reply.array(parts.len());
        }
        for (slot, core, part) in parts {
            let words: frame::Words<'_> = [args[0]].into_iter().chain(part.iter().copied()).collect();
            let ticket =
                gathered.unwrap_or_else(|| client.take_place(Place::Element, &mut self.spare_pending));
            let args = &Args::new(&words);
            match core {
                Some(core) => {
                    let header = self.header(client, Kind::Run, found, slot, ticket);
                    self.send(&Header { counts: false, ..header }, args, core);
                }
                None => self.run_part(client, found, args, Some(slot), ticket, false),
            }
        }
        if self.commandlog.mark() != noted {
            self.commandlog.sign(noted, &client.peer, &client.name);
        }
        // All parts are one call.
        self.stats.ran(&found, 0, false, self.config.insight.latency_tracking);
        client.commands += 1;
        self.serve_waiting();
        Ok(())
    }

    fn watch_remote(&mut self, client: &mut Client, args: &Args<'_>, slot: Slot, core: u16) -> Outcome {
        let transaction = client.transaction.get_or_insert_default();
        match transaction.remote {
            Some((old, watched)) if old != core && watched == slot => {
                transaction.lost = true;
                client.reply.ok();
                return Ok(());
            }
            Some((old, _)) if old != core => return Err(CROSS_SLOT),
            _ if transaction.watches => return Err(CROSS_SLOT),
            _ => transaction.remote.get_or_insert((core, slot)),
        };
        let found = table::find(b"watch").expect("the table has WATCH");
        let ticket = client.take_place(Place::Open, &mut self.spare_pending);
        self.send_frame(client, Kind::Watch, found, args, slot, core, ticket);
        Ok(())
    }

    /// Tells `core` that a session of this core is gone, or watches nothing any more.
    pub fn forget_remote(&mut self, client: &Client, core: u16) {
        let found = table::find(b"unwatch").expect("the table has UNWATCH");
        self.send_frame(client, Kind::Forget, found, &Args::new(&[]), Slot::ZERO, core, 0);
    }
}

/// Whether a command runs a script.
fn runs_script(found: Found) -> bool {
    matches!(found.command.run, Run::Host(host) if scripting::runs_script(host))
}

/// How many words, of which the first is a key, stand for themselves in a command that may be run part by part.
pub fn part_width(found: Found) -> Option<usize> {
    match found.command.name {
        "mset" => Some(2),
        "mget" | "del" | "unlink" | "exists" | "touch" => Some(1),
        _ => None,
    }
}

/// The reply's bytes, shared values included.
fn flat(reply: &Reply) -> Vec<u8> {
    let mut out = Vec::with_capacity(reply.len());
    reply.copy_to(&mut out);
    out
}

/// The cursor an ingress client gets for `inner`, the cursor within `core`; 0 when all cores are done.
pub fn scan_cursor(inner: u64, core: u16, next: Option<u16>) -> u64 {
    match (inner, next) {
        (0, None) => 0,
        (0, Some(next)) => u64::from(next),
        (inner, _) => inner << SCAN_CORE_BITS | u64::from(core),
    }
}
