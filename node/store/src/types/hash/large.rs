//! Large hashes: a table of fields, and beside it the order in which some of them expire.
//!
//! Fields with an expiry are few, or many with expiries far away, so looking through the table for the
//! expired ones costs too much. A sorted set of (expiry, address of the field) finds the next one at once.
//! An address, because a copy of every name would cost more than the fields themselves.
//!
//! The invariant that makes this safe: what `order` holds is a field of `fields`, under its current expiry
//! and address. Both change only here, and together; until a hash is drained every expiring field is in it.

use std::collections::BTreeSet;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use base::Random;

use super::super::int::IntText;
use super::FieldRef;
use super::field::{Field, field_ref};
use crate::table::{Cursor, Item as _, Lookup, Table};

/// How many fields of a table stand for all of them when memory is estimated.
const MEMORY_SAMPLES: usize = 16;
/// Bytes per expiring field in `order`: its two words, and a B-tree's slack.
const ORDER_BYTES: usize = 24;

/// The address of a field of the table beside it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Address(NonNull<u8>);

// SAFETY: the address is only followed through the hash that owns the field (the module's invariant).
unsafe impl Send for Address {}
// SAFETY: as above; shared, it is only compared.
unsafe impl Sync for Address {}

/// A hash that is a table.
#[derive(Default)]
pub(super) struct Large {
    fields: Table<Field>,
    order: BTreeSet<(u64, Address)>,
}

impl Large {
    pub(super) fn table(&self) -> &Table<Field> {
        &self.fields
    }

    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let samples = self.fields.iter().take(MEMORY_SAMPLES);
        let (count, bytes) = samples.fold((0, 0), |(count, sum), field| (count + 1, sum + field.allocated()));
        let fields = self.fields.memory_bytes() + bytes * self.len() / count.max(1);
        size_of::<Large>() + fields + self.order.len() * ORDER_BYTES
    }

    pub(super) fn find(&self, name: &[u8]) -> Option<FieldRef<'_>> {
        self.fields.get(name).map(|field| field_ref(&field))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = FieldRef<'_>> {
        self.fields.iter().map(|field| field_ref(&field))
    }

    pub(super) fn scan(&self, cursor: Cursor, mut emit: impl FnMut(FieldRef<'_>)) -> Cursor {
        self.fields.scan(cursor, &mut |field| emit(field.as_ref()))
    }

    pub(super) fn random(&self, random: &mut Random) -> Option<FieldRef<'_>> {
        self.fields.random(&mut || random.bits()).map(|field| field_ref(&field))
    }

    /// Sets a field. `expiry` says which expiry the field gets, given the one it has, or `None` for a new one.
    pub(super) fn set(
        &mut self,
        name: &[u8],
        value: &[u8],
        expiry: impl FnOnce(Option<FieldRef<'_>>) -> Option<u64>,
    ) {
        match self.fields.lookup(name) {
            Lookup::Found(mut field) => {
                let before = entry(&field);
                let expiry = expiry(Some(field.as_ref()));
                field.update(|field| field.change(value, expiry));
                let after = entry(&field);
                self.reorder(before, after);
            }
            Lookup::Vacant(vacancy) => {
                let field = vacancy.insert(Field::new(name, value, expiry(None)), false);
                let after = entry(&field);
                self.reorder(None, after);
            }
        }
    }

    /// Gives a field another expiry; false when there is no such field.
    pub(super) fn set_expiry(&mut self, name: &[u8], expiry: Option<u64>) -> bool {
        let Some(mut field) = self.fields.get_mut(name) else { return false };
        let before = entry(&field);
        let value = field.value().to_vec();
        field.update(|field| field.change(&value, expiry));
        let after = entry(&field);
        self.reorder(before, after);
        true
    }

    /// Removes a field; false when there is none.
    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        let Some(field) = self.fields.remove(name) else { return false };
        self.reorder(entry(&field), None);
        true
    }

    /// When the first field expires.
    pub(super) fn next_expiry(&self) -> Option<u64> {
        self.order.first().map(|&(at, _)| at)
    }

    /// How many fields have expired at `now`, by a walk over them.
    pub(super) fn expired_len(&self, now: u64) -> usize {
        self.order.iter().take_while(|&&(at, _)| at <= now).count()
    }

    /// The name of the first field to expire, if it has at `now`.
    pub(super) fn first_expired(&self, now: u64) -> Option<Vec<u8>> {
        let &(_, Address(address)) = self.order.first().filter(|&&(at, _)| at <= now)?;
        // SAFETY: by the module's invariant a field of `fields` is at this address. It stays there, and is
        // not dropped by us, while `self` is borrowed.
        let field = ManuallyDrop::new(unsafe { Field::from_raw(address) });
        Some(field.name().to_vec())
    }

    /// Frees about `count` fields of a hash that is no longer needed; true when none is left.
    pub(super) fn drain(&mut self, count: usize) -> bool {
        for _ in 0..count {
            if self.order.pop_first().is_none() {
                return self.fields.drain_some(count);
            }
        }
        false
    }

    fn reorder(&mut self, before: Option<(u64, Address)>, after: Option<(u64, Address)>) {
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.order.remove(&before);
        }
        self.order.extend(after);
    }
}

impl<'a> FromIterator<FieldRef<'a>> for Large {
    fn from_iter<I: IntoIterator<Item = FieldRef<'a>>>(fields: I) -> Large {
        let mut large = Large::default();
        for field in fields {
            let (mut name, mut value) = (IntText::default(), IntText::default());
            let (name, value) = (field.field.as_bytes(&mut name), field.value.as_bytes(&mut value));
            large.set(name, value, |_| field.expiry);
        }
        large
    }
}

impl Clone for Large {
    fn clone(&self) -> Large {
        self.iter().collect()
    }
}

/// What `order` holds for a field.
fn entry(field: &Field) -> Option<(u64, Address)> {
    field.expiry().map(|at| (at, Address(field.address())))
}
