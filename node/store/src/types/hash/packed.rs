//! Small hashes: fields and values in turn, in one strip.
//!
//! ```text
//! plain:    field value   field value   ...              in the order they were first set
//! expiring: field value expiry   field value expiry ...  by expiry, then those without one (0)
//! ```
//!
//! The second form is that of Redis 7.4 (`listpackex`). It begins when a field first gets an expiry and
//! stays until the hash ends. Its order makes the next field to expire the first one, so that neither
//! finding nor counting expired fields looks at the others.

use std::collections::BTreeSet;

use super::super::listpack::{Corrupt, Item, Listpack, Pos, Strip};
use super::FieldRef;

/// What a strip holds for "never expires".
const NEVER: i64 = 0;

/// A hash in one strip.
#[derive(Clone)]
pub(super) struct Packed {
    entries: Strip,
    expiring: bool,
}

impl Packed {
    pub(super) fn new() -> Packed {
        Packed { entries: Strip::new(), expiring: false }
    }

    /// The hash in `entries`: whole tuples, no field twice, and when `expiring` in the order of expiry.
    pub(super) fn from_listpack(entries: &Listpack, expiring: bool) -> Result<Packed, Corrupt> {
        let packed = Packed { entries: entries.repack(), expiring };
        if packed.entries.is_empty() || !packed.entries.len().is_multiple_of(packed.stride()) {
            return Err(Corrupt);
        }
        let mut names = BTreeSet::new();
        let mut before = 0;
        for tuple in packed.tuples() {
            let rank = tuple.expiry.map_or(u64::MAX, |at| at);
            if !names.insert(tuple.field.to_vec()) || rank < before || !packed.expiry_is_valid(tuple.pos) {
                return Err(Corrupt);
            }
            before = rank;
        }
        Ok(packed)
    }

    fn expiry_is_valid(&self, field: Pos) -> bool {
        let Some(pos) = self.expiry_pos(field) else { return true };
        matches!(self.entries.get(pos), Item::Int(at) if at >= NEVER)
    }

    pub(super) fn entries(&self) -> &Strip {
        &self.entries
    }

    pub(super) fn is_expiring(&self) -> bool {
        self.expiring
    }

    /// Entries of the strip per field.
    fn stride(&self) -> usize {
        if self.expiring { 3 } else { 2 }
    }

    /// Number of fields, expired ones included.
    pub(super) fn len(&self) -> usize {
        self.entries.len() / self.stride()
    }

    /// Every field in order.
    pub(super) fn tuples(&self) -> Tuples<'_> {
        Tuples { packed: self, next: self.entries.first() }
    }

    /// The field at `index` in order.
    pub(super) fn tuple_at(&self, index: usize) -> Option<Tuple<'_>> {
        let pos = self.entries.seek(index * self.stride())?;
        Some(self.tuple(pos))
    }

    /// The field named `field`.
    pub(super) fn find(&self, field: &[u8]) -> Option<Tuple<'_>> {
        self.entries.find(field, self.stride() - 1).map(|pos| self.tuple(pos))
    }

    fn tuple(&self, pos: Pos) -> Tuple<'_> {
        let value = self.after(pos);
        let expiry = if self.expiring { self.expiry_at(self.after(value)) } else { None };
        Tuple { pos, field: self.entries.get(pos), value: self.entries.get(value), expiry }
    }

    fn after(&self, pos: Pos) -> Pos {
        self.entries.next(pos).expect("a field is followed by its value and expiry")
    }

    fn expiry_pos(&self, field: Pos) -> Option<Pos> {
        self.expiring.then(|| self.after(self.after(field)))
    }

    fn expiry_at(&self, pos: Pos) -> Option<u64> {
        let at = self.entries.get(pos).as_int().unwrap_or(NEVER);
        u64::try_from(at).ok().filter(|&at| at != 0)
    }

    /// Adds a field that is not there yet.
    pub(super) fn insert(&mut self, field: &[u8], value: &[u8], expiry: Option<u64>) {
        if expiry.is_some() {
            self.begin_expiring();
        }
        match expiry.and_then(|at| self.first_after(at)) {
            Some(pos) => {
                let pos = self.entries.insert_before(pos, field);
                let pos = self.entries.insert_after(pos, value);
                self.entries.insert_int_after(pos, stored(expiry));
            }
            None => {
                self.entries.push_back(field);
                self.entries.push_back(value);
                if self.expiring {
                    self.entries.push_back_int(stored(expiry));
                }
            }
        }
    }

    /// Gives the field at `pos` another value and expiry.
    pub(super) fn update(&mut self, pos: Pos, value: &[u8], expiry: Option<u64>) {
        let value_pos = self.after(pos);
        self.entries.replace(value_pos, value);
        self.set_expiry(pos, expiry);
    }

    /// Sets or takes away the expiry of the field at `pos`, which moves to its place in the order.
    pub(super) fn set_expiry(&mut self, pos: Pos, expiry: Option<u64>) {
        if expiry.is_some() && !self.expiring {
            // Rewriting moves every field, so the position has to be found again.
            let field = self.entries.get(pos).to_vec();
            self.begin_expiring();
            let pos = self.entries.find(&field, self.stride() - 1).expect("the field is still there");
            return self.set_expiry(pos, expiry);
        }
        let tuple = self.tuple(pos);
        if tuple.expiry == expiry {
            return;
        }
        let (field, value) = (tuple.field.to_vec(), tuple.value.to_vec());
        self.remove(pos);
        self.insert(&field, &value, expiry);
    }

    /// Removes the field at `pos`.
    pub(super) fn remove(&mut self, pos: Pos) {
        self.entries.remove_run(pos, self.stride());
    }

    /// When the first field expires.
    pub(super) fn next_expiry(&self) -> Option<u64> {
        if !self.expiring {
            return None;
        }
        self.tuples().next()?.expiry
    }

    /// How many fields have expired at `now`, by a walk over them.
    pub(super) fn expired_len(&self, now: u64) -> usize {
        if !self.expiring {
            return 0;
        }
        self.tuples().take_while(|tuple| tuple.expiry.is_some_and(|at| at <= now)).count()
    }

    /// The name of the first field to expire, if it has at `now`.
    pub(super) fn first_expired(&self, now: u64) -> Option<Vec<u8>> {
        self.tuples()
            .next()
            .filter(|tuple| tuple.expiry.is_some_and(|at| at <= now))
            .map(|t| t.field.to_vec())
    }

    /// Adds the third entry to every field, once.
    fn begin_expiring(&mut self) {
        if self.expiring {
            return;
        }
        let mut entries = Strip::new();
        for tuple in self.tuples() {
            entries.push_back(tuple.field);
            entries.push_back(tuple.value);
            entries.push_back_int(NEVER);
        }
        *self = Packed { entries, expiring: true };
    }

    /// The first field that expires after `at`, or never does.
    fn first_after(&self, at: u64) -> Option<Pos> {
        self.tuples().find(|tuple| tuple.expiry.is_none_or(|other| other > at)).map(|tuple| tuple.pos)
    }
}

fn stored(expiry: Option<u64>) -> i64 {
    expiry.map_or(NEVER, |at| i64::try_from(at).expect("an expiry is a time in milliseconds"))
}

/// A field of a packed hash, and where it stands.
pub(super) struct Tuple<'a> {
    pub(super) pos: Pos,
    pub(super) field: Item<'a>,
    pub(super) value: Item<'a>,
    pub(super) expiry: Option<u64>,
}

impl<'a> Tuple<'a> {
    pub(super) fn field_ref(&self) -> FieldRef<'a> {
        FieldRef { field: self.field, value: self.value, expiry: self.expiry }
    }
}

/// The fields of a packed hash in order.
#[derive(Clone)]
pub(super) struct Tuples<'a> {
    packed: &'a Packed,
    next: Option<Pos>,
}

impl<'a> Iterator for Tuples<'a> {
    type Item = Tuple<'a>;

    fn next(&mut self) -> Option<Tuple<'a>> {
        let pos = self.next?;
        let packed = self.packed;
        let last = packed.expiry_pos(pos).unwrap_or_else(|| packed.after(pos));
        self.next = packed.entries.next(last);
        Some(packed.tuple(pos))
    }
}
