//! Where a command runs: here, at a sibling, or elsewhere in the cluster.
//!
//! Source: cluster specification, "Redirection and resharding".

use base::{Slot, key_slot};
use cluster::{Asker, Cluster, NodeIndex, Owner};
use commands::table::{self, Begin, Command, Find, Host, Run};
use commands::{Args, Error};

/// Keys of several slots in one command.
pub const CROSS_SLOT: Error = Error::new("CROSSSLOT Keys in request don't hash to the same slot");
/// Nobody serves the slot.
pub const NOT_SERVED: Error = Error::new("CLUSTERDOWN Hash slot not served");
/// The cluster is down.
pub const DOWN: Error = Error::new("CLUSTERDOWN The cluster is down");
const DOWN_READ_ONLY: Error = Error::new("CLUSTERDOWN The cluster is down and only accepts read commands");
const TRY_AGAIN: Error = Error::new("TRYAGAIN Multiple keys request during rehashing of slot");

/// The slot of a command's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// It has none.
    None,
    /// All are in this slot.
    In(Slot),
    /// They are in several slots.
    Across,
}

/// Where to send a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Run it here.
    Here,
    /// This node owns the slot.
    Node(NodeIndex),
    /// The slot is moving to this node, and the keys are gone there already.
    Ask(NodeIndex),
    /// Answer with this error.
    Refuse(Error),
}

/// What a client has said that matters for routing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Permits {
    /// ASKING before this command.
    pub asking: bool,
    /// READONLY.
    pub readonly: bool,
    /// How it is connected: it is sent where it can connect in the same way.
    pub asker: Asker,
}

/// Which of a command's keys are here; asked only while their slot moves.
#[derive(Default)]
pub struct Presence<'a> {
    first: Option<&'a [u8]>,
    named: usize,
    here: usize,
}

impl<'a> Presence<'a> {
    /// Adds a key that the command names. One named twice is one.
    pub fn add(&mut self, key: &'a [u8], is_here: bool) {
        if self.first != Some(key) {
            self.first.get_or_insert(key);
            self.named += 1;
            self.here += usize::from(is_here);
        }
    }

    fn is_complete(&self) -> bool {
        self.here == self.named
    }
}

/// The slot of the keys in `args`.
#[inline]
pub fn keys_of(command: &Command, args: &Args<'_>) -> Keys {
    match command.keys {
        [] => Keys::None,
        // Nearly every command has its one key at a fixed place.
        [spec] => match (spec.begin, spec.find) {
            (Begin::Index(index), Find::Range { last: 0, .. }) => {
                args.get(index).map_or(Keys::None, |key| Keys::In(key_slot(key)))
            }
            _ => search_keys(command, args),
        },
        _ => search_keys(command, args),
    }
}

fn search_keys(command: &Command, args: &Args<'_>) -> Keys {
    let mut keys = Keys::None;
    // A malformed count finds no keys: the handler then says what is wrong with it.
    let _ = command.each_key(args, &mut |index| {
        let slot = key_slot(args[index]);
        keys = match keys {
            Keys::None => Keys::In(slot),
            Keys::In(other) if other == slot => Keys::In(slot),
            _ => Keys::Across,
        };
    });
    keys
}

/// Whether a command whose keys are all in `slot` runs here.
#[inline]
pub fn route<'a>(
    cluster: &Cluster,
    command: &Command,
    slot: Slot,
    permits: Permits,
    presence: impl FnOnce() -> Presence<'a>,
) -> Route {
    if cluster.serves(slot) && cluster.is_ok() && !is_moving(cluster, slot) {
        return Route::Here;
    }
    route_with_care(cluster, command, slot, permits, presence)
}

fn route_with_care<'a>(
    cluster: &Cluster,
    command: &Command,
    slot: Slot,
    permits: Permits,
    presence: impl FnOnce() -> Presence<'a>,
) -> Route {
    let owner = cluster.owner(slot);
    if owner == Owner::None {
        return Route::Refuse(NOT_SERVED);
    }
    if !cluster.is_ok() && command.has(table::PUBSUB) {
        if !cluster.config().allow_pubsubshard_when_down {
            return Route::Refuse(DOWN);
        }
    } else if !cluster.is_ok() {
        if !cluster.config().allow_reads_when_down {
            return Route::Refuse(DOWN);
        }
        if command.has(table::WRITE) {
            return Route::Refuse(DOWN_READ_ONLY);
        }
    }
    // It sends what is here; for keys that are gone it says so.
    if matches!(command.run, Run::Host(Host::Migrate))
        && is_moving(cluster, slot)
        && cluster.myself().is_master()
    {
        return Route::Here;
    }
    // A replica that may not be read from sends everyone to its master, which knows what moved.
    let may_serve = cluster.myself().is_master() || permits.readonly;
    let leaves_here = may_serve && cluster.is_mine_or_my_masters(slot);
    // A shard channel is served where its slot is until the slot's move is complete.
    let leaves_to = cluster.migrating_to(slot).filter(|_| leaves_here && !command.has(table::PUBSUB));
    let is_asked = permits.asking || command.has(table::ASKING);
    if let Some(to) = leaves_to {
        let keys = presence();
        if !keys.is_complete() {
            // Some keys are here, some gone: only when all are gone the other node can answer.
            return if keys.here > 0 { Route::Refuse(TRY_AGAIN) } else { Route::Ask(to) };
        }
    } else if cluster.importing_from(slot).is_some() && may_serve && is_asked {
        let keys = if command.has(table::PUBSUB) { Presence::default() } else { presence() };
        let alone = keys.named < 2;
        return if alone || keys.is_complete() { Route::Here } else { Route::Refuse(TRY_AGAIN) };
    }
    match owner {
        Owner::Me => Route::Here,
        Owner::Node(_)
            if (permits.readonly && reads(command) || command.has(table::PUBSUB))
                && cluster.is_mine_or_my_masters(slot) =>
        {
            Route::Here
        }
        Owner::Node(node) => Route::Node(node),
        Owner::None => Route::Refuse(NOT_SERVED),
    }
}

fn is_moving(cluster: &Cluster, slot: Slot) -> bool {
    cluster.migrating_to(slot).is_some() || cluster.importing_from(slot).is_some()
}

fn reads(command: &Command) -> bool {
    command.has(table::READONLY) || !command.has(table::WRITE)
}

/// The error for a client whose command does not run here.
pub fn refusal(route: Route, cluster: &Cluster, slot: Slot, asker: Asker) -> Error {
    match route {
        Route::Node(node) => redirection("MOVED", cluster, slot, node, asker),
        Route::Ask(node) => redirection("ASK", cluster, slot, node, asker),
        Route::Refuse(error) => error,
        Route::Here => NOT_SERVED,
    }
}

/// The error that sends a client to `node`; `kind` is `MOVED` or `ASK`.
pub fn redirection(kind: &str, cluster: &Cluster, slot: Slot, node: NodeIndex, asker: Asker) -> Error {
    let Some(node) = cluster.node(node) else { return NOT_SERVED };
    let (host, port) = cluster.endpoint(node, asker);
    Error::text(format!("{kind} {slot} {host}:{port}"))
}
