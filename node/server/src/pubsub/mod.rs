//! Who is subscribed to what, on one core.
//!
//! A subscription lives on the core that accepted its client, and nowhere else: a message is brought to every
//! core that may have subscribers (`deliver`), and each core looks here. Both directions are kept, from a name to
//! its subscribers and from a subscriber to its names, so that a client that goes leaves nothing behind.
//! Clients are named by their index, as none keeps its subscriptions beyond its connection.

mod deliver;
mod notify;
mod spread;

pub use deliver::{Audience, confirm, count, list};
pub use spread::{Published, Wants};

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use base::{Slot, key_slot};
use bytes::Bytes;
use commands::glob::{self, Case};

/// The three ways to subscribe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To one channel.
    Channel,
    /// To all channels that match a pattern.
    Pattern,
    /// To one channel of a shard: it lives where its slot does.
    Shard,
}

impl Kind {
    /// The first word of the message that confirms a subscription.
    pub fn subscribed(self) -> &'static [u8] {
        match self {
            Kind::Channel => b"subscribe",
            Kind::Pattern => b"psubscribe",
            Kind::Shard => b"ssubscribe",
        }
    }

    /// The first word of the message that confirms its end.
    pub fn unsubscribed(self) -> &'static [u8] {
        match self {
            Kind::Channel => b"unsubscribe",
            Kind::Pattern => b"punsubscribe",
            Kind::Shard => b"sunsubscribe",
        }
    }
}

/// Subscribers by name.
type Names = HashMap<Bytes, BTreeSet<u32>>;

/// One client's subscriptions.
#[derive(Default)]
pub struct Subscriptions {
    channels: HashSet<Bytes>,
    patterns: HashSet<Bytes>,
    shards: HashSet<Bytes>,
    /// Memory they take, about.
    bytes: usize,
    /// Whether it came in at the ingress: it then sees the whole process as one server.
    ingress: bool,
}

impl Subscriptions {
    /// The names of a kind.
    pub fn names(&self, kind: Kind) -> &HashSet<Bytes> {
        match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
            Kind::Shard => &self.shards,
        }
    }

    fn names_mut(&mut self, kind: Kind) -> &mut HashSet<Bytes> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shards,
        }
    }

    /// The number that confirmations of a kind carry: shard channels are counted apart.
    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Channel | Kind::Pattern => self.channels.len() + self.patterns.len(),
            Kind::Shard => self.shards.len(),
        }
    }

    fn is_empty(&self) -> bool {
        self.count(Kind::Channel) + self.count(Kind::Shard) == 0
    }
}

/// Memory of one subscription, about: the name, in the client's set and in the core's table, and the client there.
fn bytes_of(name: &[u8]) -> usize {
    name.len() + 2 * size_of::<Bytes>() + size_of::<u32>()
}

/// All subscriptions of a core.
#[derive(Default)]
pub struct PubSub {
    channels: Names,
    patterns: Names,
    shards: BTreeMap<Slot, Names>,
    clients: HashMap<u32, Subscriptions>,
    /// How many subscriptions to channels and patterns clients of the ingress have.
    of_ingress: usize,
}

impl PubSub {
    /// The subscriptions of a client.
    pub fn of(&self, client: u32) -> Option<&Subscriptions> {
        self.clients.get(&client)
    }

    /// How many names of a kind a client is subscribed to.
    pub fn number(&self, client: u32, kind: Kind) -> usize {
        self.of(client).map_or(0, |subscriptions| subscriptions.names(kind).len())
    }

    /// The number that a confirmation to `client` carries.
    pub fn count(&self, client: u32, kind: Kind) -> usize {
        self.of(client).map_or(0, |subscriptions| subscriptions.count(kind))
    }

    /// Memory that a client's subscriptions take, in bytes, about.
    pub fn bytes_of(&self, client: u32) -> usize {
        self.of(client).map_or(0, |subscriptions| subscriptions.bytes)
    }

    /// Number of clients with subscriptions.
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// The table that has `name`, made when `make` says so.
    fn table(&mut self, kind: Kind, name: &[u8]) -> &mut Names {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => self.shards.entry(key_slot(name)).or_default(),
        }
    }

    /// Subscribes a client; nothing changes when it is subscribed already.
    pub fn subscribe(&mut self, client: u32, ingress: bool, kind: Kind, name: &Bytes) {
        let subscriptions = self.clients.entry(client).or_default();
        subscriptions.ingress = ingress;
        if subscriptions.names_mut(kind).insert(name.clone()) {
            subscriptions.bytes += bytes_of(name);
            self.of_ingress += usize::from(ingress && kind != Kind::Shard);
            self.table(kind, name).entry(name.clone()).or_default().insert(client);
        }
    }

    /// Ends a subscription, if there is one.
    pub fn unsubscribe(&mut self, client: u32, kind: Kind, name: &[u8]) {
        let Some(subscriptions) = self.clients.get_mut(&client) else { return };
        if subscriptions.names_mut(kind).remove(name) {
            subscriptions.bytes -= bytes_of(name);
            self.of_ingress -= usize::from(subscriptions.ingress && kind != Kind::Shard);
            if subscriptions.is_empty() {
                self.clients.remove(&client);
            }
            self.strike(client, kind, name);
        }
    }

    /// Takes a client off the list of a name.
    fn strike(&mut self, client: u32, kind: Kind, name: &[u8]) {
        let table = self.table(kind, name);
        if let Some(subscribers) = table.get_mut(name) {
            subscribers.remove(&client);
            if subscribers.is_empty() {
                table.remove(name);
            }
        }
        if kind == Kind::Shard && table.is_empty() {
            self.shards.remove(&key_slot(name));
        }
    }

    /// Ends all subscriptions of a client.
    pub fn forget(&mut self, client: u32) {
        let Some(subscriptions) = self.clients.remove(&client) else { return };
        if subscriptions.ingress {
            self.of_ingress -= subscriptions.count(Kind::Channel);
        }
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            for name in subscriptions.names(kind) {
                self.strike(client, kind, name);
            }
        }
    }

    /// The subscribers of a channel or shard channel.
    pub fn subscribers(&self, kind: Kind, name: &[u8]) -> Option<&BTreeSet<u32>> {
        match kind {
            Kind::Channel => self.channels.get(name),
            Kind::Pattern => self.patterns.get(name),
            Kind::Shard => self.shards.get(&key_slot(name)).and_then(|names| names.get(name)),
        }
    }

    /// Each pattern that matches `channel`, with its subscribers.
    pub fn matching(&self, channel: &[u8]) -> impl Iterator<Item = (&Bytes, &BTreeSet<u32>)> {
        self.patterns.iter().filter(move |(pattern, _)| glob::matches(pattern, channel, Case::Sensitive))
    }

    /// All names of a kind that have subscribers.
    pub fn names(&self, kind: Kind) -> Box<dyn Iterator<Item = &Bytes> + '_> {
        match kind {
            Kind::Channel => Box::new(self.channels.keys()),
            Kind::Pattern => Box::new(self.patterns.keys()),
            Kind::Shard => Box::new(self.shards.values().flat_map(HashMap::keys)),
        }
    }

    /// Whether a message to a channel could have a subscriber here.
    pub fn has_listeners(&self) -> bool {
        !self.channels.is_empty() || !self.patterns.is_empty()
    }

    /// Whether such a subscriber came in at the ingress.
    pub fn has_ingress_listeners(&self) -> bool {
        self.of_ingress > 0
    }

    /// Whether a client came in at the ingress.
    pub fn is_ingress(&self, client: u32) -> bool {
        self.of(client).is_some_and(|subscriptions| subscriptions.ingress)
    }

    /// The slots whose shard channels have subscribers.
    pub fn shard_slots(&self) -> impl Iterator<Item = Slot> {
        self.shards.keys().copied()
    }

    /// The shard channels of a slot, each with its subscribers.
    pub fn shard_channels(&self, slot: Slot) -> impl Iterator<Item = (&Bytes, &BTreeSet<u32>)> {
        self.shards.get(&slot).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscribers(pubsub: &PubSub, kind: Kind, name: &str) -> Vec<u32> {
        pubsub.subscribers(kind, name.as_bytes()).into_iter().flatten().copied().collect()
    }

    #[test]
    fn both_directions_agree() {
        let mut pubsub = PubSub::default();
        for (client, kind, name) in [
            (1, Kind::Channel, "a"),
            (1, Kind::Channel, "a"),
            (1, Kind::Pattern, "*"),
            (1, Kind::Shard, "a"),
            (2, Kind::Channel, "a"),
            (2, Kind::Shard, "{a}x"),
        ] {
            pubsub.subscribe(client, false, kind, &Bytes::from_static(name.as_bytes()));
        }
        assert_eq!((pubsub.count(1, Kind::Channel), pubsub.count(1, Kind::Shard)), (2, 1));
        assert_eq!(subscribers(&pubsub, Kind::Channel, "a"), [1, 2]);
        assert_eq!(pubsub.shard_channels(key_slot(b"a")).count(), 2);
        assert_eq!(pubsub.matching(b"anything").count(), 1);
        pubsub.unsubscribe(1, Kind::Channel, b"a");
        pubsub.unsubscribe(1, Kind::Channel, b"never");
        assert_eq!(subscribers(&pubsub, Kind::Channel, "a"), [2]);
        pubsub.forget(1);
        assert_eq!((pubsub.clients(), pubsub.matching(b"anything").count()), (1, 0));
        pubsub.unsubscribe(2, Kind::Shard, b"{a}x");
        assert_eq!(pubsub.shard_channels(key_slot(b"a")).count(), 0);
        pubsub.unsubscribe(2, Kind::Channel, b"a");
        assert!(pubsub.clients.is_empty() && pubsub.channels.is_empty() && pubsub.shards.is_empty());
    }
}
