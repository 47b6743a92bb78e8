//! Which client may have which key in its cache.
//!
//! A key that a tracking client reads is remembered with the client, until it changes: the client is told once,
//! and remembered again when it reads again. Clients that are gone are not looked for here; they are dropped with
//! their keys. The number of keys is bounded by `tracking-table-max-keys`, and a key that must give way is picked
//! at random: so the keys stand in an array, and a map tells each one's place.

use std::collections::{BTreeSet, HashMap};
use std::mem;

use bytes::Bytes;

use crate::core::blocking::SessionId;

/// The clients that read a key; nearly always one.
pub enum Readers {
    /// One.
    One(SessionId),
    /// More.
    Many(BTreeSet<SessionId>),
}

impl Readers {
    /// Adds a client; whether it is new.
    fn add(&mut self, session: SessionId) -> bool {
        match self {
            Readers::One(one) if *one == session => false,
            Readers::One(one) => {
                *self = Readers::Many(BTreeSet::from([*one, session]));
                true
            }
            Readers::Many(many) => many.insert(session),
        }
    }

    fn len(&self) -> usize {
        match self {
            Readers::One(_) => 1,
            Readers::Many(many) => many.len(),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = SessionId> {
        let (one, many) = match self {
            Readers::One(one) => (Some(*one), None),
            Readers::Many(many) => (None, Some(many)),
        };
        one.into_iter().chain(many.into_iter().flatten().copied())
    }
}

struct Tracked {
    key: Bytes,
    readers: Readers,
}

/// The keys that clients may have.
#[derive(Default)]
pub struct Table {
    tracked: Vec<Tracked>,
    places: HashMap<Bytes, usize>,
    items: usize,
}

impl Table {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.tracked.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tracked.is_empty()
    }

    /// Number of pairs of a key and a client.
    pub fn items(&self) -> usize {
        self.items
    }

    /// A client has read a key.
    pub fn remember(&mut self, key: &[u8], session: SessionId) {
        let new = match self.places.get(key) {
            Some(place) => self.tracked[*place].readers.add(session),
            None => {
                let key = Bytes::copy_from_slice(key);
                self.places.insert(key.clone(), self.tracked.len());
                self.tracked.push(Tracked { key, readers: Readers::One(session) });
                true
            }
        };
        self.items += usize::from(new);
    }

    /// Forgets a key; who has read it.
    pub fn take(&mut self, key: &[u8]) -> Option<Readers> {
        let place = self.places.remove(key)?;
        let Tracked { readers, .. } = self.tracked.swap_remove(place);
        if let Some(moved) = self.tracked.get(place) {
            self.places.insert(moved.key.clone(), place);
        }
        self.items -= readers.len();
        Some(readers)
    }

    /// The key at a place below [`Table::len`].
    pub fn key_at(&self, place: usize) -> Option<Bytes> {
        self.tracked.get(place).map(|tracked| tracked.key.clone())
    }

    /// All keys that `picked` picks.
    pub fn keys_where(&self, picked: impl Fn(&[u8]) -> bool) -> Vec<Bytes> {
        self.tracked.iter().map(|tracked| &tracked.key).filter(|key| picked(key)).cloned().collect()
    }

    /// Forgets all keys.
    pub fn clear(&mut self) -> Table {
        mem::take(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(index: u32) -> SessionId {
        SessionId { core: 0, index, generation: 0 }
    }

    #[test]
    fn remembered_until_taken() {
        let mut table = Table::default();
        for (key, client) in [("a", 1), ("b", 1), ("c", 2), ("a", 2), ("a", 1), ("a", 3)] {
            table.remember(key.as_bytes(), session(client));
        }
        assert_eq!((table.len(), table.items()), (3, 5));
        let readers: Vec<SessionId> = table.take(b"a").unwrap().iter().collect();
        assert_eq!(readers, [session(1), session(2), session(3)]);
        assert!(table.take(b"a").is_none());
        assert_eq!((table.len(), table.items()), (2, 2));
        assert_eq!(table.keys_where(|key| key == b"c"), ["c"]);
        // The last key took the place of the first.
        assert_eq!(table.key_at(0).unwrap(), "c");
        assert_eq!(table.take(b"c").unwrap().iter().collect::<Vec<_>>(), [session(2)]);
        assert_eq!(table.take(b"b").unwrap().iter().count(), 1);
        assert!(table.is_empty() && table.places.is_empty() && table.items() == 0);
    }
}
