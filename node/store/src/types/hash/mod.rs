//! Hashes: fields with values, each of which may expire on its own.
//!
//! | encoding     | fields                             | left by                                             |
//! |--------------|------------------------------------|-----------------------------------------------------|
//! | `listpack`   | few and short                      | more than `hash-max-listpack-entries`, or `-value`  |
//! | `listpackex` | the same, since one got an expiry  | the same                                            |
//! | `hashtable`  | any                                | nothing                                             |
//!
//! A field whose time has come is gone for every reader at once, though it is freed only later, by
//! [`Hash::expire_fields`]. So whatever looks at fields takes the time `now` (unix time in milliseconds);
//! [`ALL`] stands for a time at which nothing has expired yet.

mod field;
mod large;
mod packed;
mod pick;
#[cfg(test)]
mod tests;

use self::large::Large;
use self::packed::Packed;
use super::Limits;
use super::listpack::{Corrupt, Item, Listpack};
use crate::table::{Cursor, LoadAhead};

/// The `now` that shows expired fields too: for dumps, copies and counts of what is stored.
pub const ALL: u64 = 0;

/// A hash, two words in its owner.
#[derive(Clone)]
pub struct Hash(Form);

#[derive(Clone)]
enum Form {
    Packed(Packed),
    Large(Box<Large>),
}

const _: () = assert!(size_of::<Hash>() == 16);

/// A field as a hash shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldRef<'a> {
    /// Its name.
    pub field: Item<'a>,
    /// Its value.
    pub value: Item<'a>,
    /// When it expires, as unix time in milliseconds.
    pub expiry: Option<u64>,
}

impl FieldRef<'_> {
    fn is_alive(&self, now: u64) -> bool {
        self.expiry.is_none_or(|at| at > now)
    }
}

/// What setting a field does to its expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// A field that is there keeps its own; a new one never expires.
    Keep,
    /// It never expires.
    Never,
    /// It expires at this unix time in milliseconds, which is not 0.
    At(u64),
}

impl Expiry {
    /// The expiry of a field that was `before`, if it was there and alive.
    fn apply(self, before: Option<FieldRef<'_>>) -> Option<u64> {
        match self {
            Expiry::Keep => before.and_then(|field| field.expiry),
            Expiry::Never => None,
            Expiry::At(at) => Some(at),
        }
    }
}

impl Default for Hash {
    fn default() -> Hash {
        Hash::new()
    }
}

impl Hash {
    /// An empty hash, of the smallest encoding.
    pub fn new() -> Hash {
        Hash(Form::Packed(Packed::new()))
    }

    /// Its table, to load fields ahead.
    pub fn table(&self) -> Option<&dyn LoadAhead> {
        if let Form::Large(large) = &self.0 { Some(large.table()) } else { None }
    }

    /// The hash in a listpack of a dump. With `expiring` it holds triplets of field, value and expiry (0:
    /// never) in the order of expiry, else pairs; at least one, and no field twice.
    pub fn from_listpack(entries: &Listpack, expiring: bool, limits: &Limits) -> Result<Hash, Corrupt> {
        let mut hash = Hash(Form::Packed(Packed::from_listpack(entries, expiring)?));
        hash.expect(hash.len(ALL), limits);
        Ok(hash)
    }

    /// The listpack of a packed hash, and whether it holds triplets: what a dump of it carries.
    pub fn to_listpack(&self) -> Option<(Listpack, bool)> {
        match &self.0 {
            Form::Packed(packed) => Some((packed.entries().repack(), packed.is_expiring())),
            Form::Large(_) => None,
        }
    }

    /// Makes a table at once of a hash that holds, or is about to be given, `fields` fields, if those are
    /// more than a packed one may have.
    pub fn expect(&mut self, fields: usize, limits: &Limits) {
        if fields > limits.hash_max_listpack_entries {
            self.make_large();
        }
    }

    /// `OBJECT ENCODING`.
    pub fn encoding_name(&self) -> &'static str {
        match &self.0 {
            Form::Packed(packed) if packed.is_expiring() => "listpackex",
            Form::Packed(_) => "listpack",
            Form::Large(_) => "hashtable",
        }
    }

    /// Number of fields. Walks over those that have expired.
    pub fn len(&self, now: u64) -> usize {
        match &self.0 {
            Form::Packed(packed) => packed.len() - packed.expired_len(now),
            Form::Large(large) => large.len() - large.expired_len(now),
        }
    }

    /// Whether nothing is stored, not even an expired field.
    pub fn is_empty(&self) -> bool {
        self.len(ALL) == 0
    }

    /// Bytes taken from the allocator; for a table an estimate from some of its fields.
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Form::Packed(packed) => packed.entries().memory_bytes(),
            Form::Large(large) => large.memory_bytes(),
        }
    }

    /// The field named `field`.
    pub fn get(&self, field: &[u8], now: u64) -> Option<FieldRef<'_>> {
        let found = match &self.0 {
            Form::Packed(packed) => packed.find(field).map(|tuple| tuple.field_ref()),
            Form::Large(large) => large.find(field),
        };
        found.filter(|found| found.is_alive(now))
    }

    /// Whether `field` is still stored though it has expired at `now`.
    pub fn has_expired(&self, field: &[u8], now: u64) -> bool {
        self.next_expiry().is_some_and(|at| at <= now)
            && self.get(field, ALL).is_some_and(|found| !found.is_alive(now))
    }

    /// Sets `field` to `value`; the answer is whether it was missing.
    pub fn set(&mut self, field: &[u8], value: &[u8], expiry: Expiry, now: u64, limits: &Limits) -> bool {
        let fits = field.len().max(value.len()) <= limits.hash_max_listpack_value;
        if !fits || !self.has_room(field.len() + value.len()) {
            self.make_large();
        }
        let mut is_new = true;
        let mut apply = |before: Option<FieldRef<'_>>| {
            let before = before.filter(|before| before.is_alive(now));
            is_new = before.is_none();
            expiry.apply(before)
        };
        match &mut self.0 {
            Form::Large(large) => large.set(field, value, apply),
            Form::Packed(packed) => {
                let found = packed.find(field).map(|tuple| (tuple.pos, tuple.field_ref()));
                let expiry = apply(found.map(|(_, before)| before));
                match found.map(|(pos, _)| pos) {
                    Some(pos) => packed.update(pos, value, expiry),
                    None => packed.insert(field, value, expiry),
                }
            }
        }
        if let Form::Packed(packed) = &self.0 {
            self.expect(packed.len(), limits);
        }
        is_new
    }

    /// Gives `field` another expiry, or none; false when there is no such field.
    pub fn set_expiry(&mut self, field: &[u8], expiry: Option<u64>, now: u64) -> bool {
        if self.get(field, now).is_none() {
            return false;
        }
        match &mut self.0 {
            Form::Large(large) => large.set_expiry(field, expiry),
            Form::Packed(packed) => packed.find(field).map(|tuple| tuple.pos).is_some_and(|pos| {
                packed.set_expiry(pos, expiry);
                true
            }),
        }
    }

    /// Removes `field`; false when there is none. One that has expired stays for [`Self::expire_fields`], so
    /// that its end is told of in one way only.
    pub fn remove(&mut self, field: &[u8], now: u64) -> bool {
        if self.get(field, now).is_none() {
            return false;
        }
        match &mut self.0 {
            Form::Large(large) => large.remove(field),
            Form::Packed(packed) => packed.find(field).map(|tuple| tuple.pos).is_some_and(|pos| {
                packed.remove(pos);
                true
            }),
        }
    }

    /// When the next field expires: of all fields stored, those that have expired included.
    pub fn next_expiry(&self) -> Option<u64> {
        match &self.0 {
            Form::Packed(packed) => packed.next_expiry(),
            Form::Large(large) => large.next_expiry(),
        }
    }

    /// Frees up to `max` fields that have expired at `now`, in the order of their expiry, and calls `freed`
    /// with the name of each. Returns how many.
    pub fn expire_fields(&mut self, now: u64, max: usize, mut freed: impl FnMut(&[u8])) -> usize {
        let mut count = 0;
        while count < max {
            let name = match &self.0 {
                Form::Packed(packed) => packed.first_expired(now),
                Form::Large(large) => large.first_expired(now),
            };
            let Some(name) = name else { break };
            self.remove(&name, ALL);
            freed(&name);
            count += 1;
        }
        count
    }

    /// Every field: in the order of a packed hash, or in none that means anything.
    pub fn iter(&self, now: u64) -> impl Iterator<Item = FieldRef<'_>> {
        let (packed, large) = match &self.0 {
            Form::Packed(packed) => (Some(packed.tuples().map(|tuple| tuple.field_ref())), None),
            Form::Large(large) => (None, Some(large.iter())),
        };
        let all = packed.into_iter().flatten().chain(large.into_iter().flatten());
        all.filter(move |field| field.is_alive(now))
    }

    /// One step of `HSCAN`: calls `emit` for some fields and returns where to go on, 0 at the end. A packed
    /// hash is emitted whole; a table gives the guarantees of [`Table::scan`](crate::table::Table::scan).
    pub fn scan(&self, cursor: Cursor, now: u64, mut emit: impl FnMut(FieldRef<'_>)) -> Cursor {
        match &self.0 {
            Form::Large(large) => large.scan(cursor, |field| {
                if field.is_alive(now) {
                    emit(field);
                }
            }),
            Form::Packed(_) => {
                self.iter(now).for_each(emit);
                0
            }
        }
    }

    /// Frees about `count` fields of a hash that is no longer needed; true when none is left.
    pub fn drain(&mut self, count: usize) -> bool {
        match &mut self.0 {
            Form::Packed(_) => true,
            Form::Large(large) => large.drain(count),
        }
    }

    /// Whether a packed hash may grow by `extra` bytes; a table always may.
    fn has_room(&self, extra: usize) -> bool {
        match &self.0 {
            Form::Packed(packed) => packed.entries().would_fit(extra),
            Form::Large(_) => true,
        }
    }

    fn make_large(&mut self) {
        if let Form::Packed(packed) = &self.0 {
            self.0 = Form::Large(Box::new(packed.tuples().map(|tuple| tuple.field_ref()).collect()));
        }
    }
}
