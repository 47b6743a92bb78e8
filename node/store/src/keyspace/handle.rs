//! A key that was looked up, to change it: every change goes through here and keeps the counters right.

use std::ops::Deref;

use super::slot_table::{Account, Measure};
use crate::entry::{Entry, EntryRef, Kind};
use crate::table::{RefMut, Vacancy};
use crate::value::Value;

/// A key of the keyspace, to change, replace or remove.
pub struct EntryMut<'a> {
    pub(super) entry: RefMut<'a, Entry>,
    pub(super) account: Account<'a>,
}

impl Deref for EntryMut<'_> {
    type Target = Entry;

    #[inline]
    fn deref(&self) -> &Entry {
        &self.entry
    }
}

impl<'a> EntryMut<'a> {
    /// The entry, to look at as long as the keyspace stays borrowed.
    pub fn into_ref(self) -> EntryRef<'a> {
        self.entry.into_ref().into()
    }

    /// The collection, if it is a `K`, to change.
    #[inline]
    pub fn get_mut<K: Kind>(&mut self) -> Option<&mut K> {
        // SAFETY: this handle borrows the entry exclusively, and is itself borrowed as long as the result.
        unsafe { self.entry.payload_mut() }
    }

    /// The collection, if it is a `K`, to change as long as the keyspace stays borrowed.
    #[inline]
    pub fn into_mut<K: Kind>(self) -> Option<&'a mut K> {
        // SAFETY: this handle borrows the entry exclusively for `'a`, and ends here.
        unsafe { self.entry.payload_mut() }
    }

    /// Sets or clears when the key expires, unix time in ms.
    pub fn set_expire(&mut self, expire_ms: Option<u64>) {
        self.change(|entry| entry.set_expire(expire_ms));
        self.mark();
    }

    /// Takes note that fields of the hash expire now, so that the sweep finds them.
    pub fn note_timed_fields(&mut self) {
        self.mark();
    }

    /// Puts another value under the key, with this expiry. Returns the old entry, perhaps to be freed
    /// lazily, unless the change could be made in place.
    #[inline]
    pub fn overwrite(&mut self, value: Value<'_>, expire_ms: Option<u64>) -> Option<Entry> {
        let old = self.entry.update(|entry| entry.overwrite(value, expire_ms))?;
        self.replaced(&old);
        Some(old)
    }

    /// Puts `entry`, of the same key, in this one's place, and returns this one.
    pub fn replace(&mut self, entry: Entry) -> Entry {
        let old = self.entry.replace(entry);
        self.replaced(&old);
        old
    }

    fn replaced(&mut self, old: &Entry) {
        self.account.replaced(Measure::of(old), Measure::of(&self.entry));
        self.mark();
    }

    fn mark(&mut self) {
        let mark = self.account.marks(&self.entry);
        self.entry.set_mark(mark);
    }

    /// [`Entry::edit_bytes`]: changes the bytes of a string in place.
    pub fn edit_bytes<R>(&mut self, len: usize, edit: impl FnOnce(&mut [u8]) -> R) -> R {
        self.change(|entry| entry.edit_bytes(len, edit))
    }

    /// Takes the key out of the keyspace.
    pub fn remove(mut self) -> Entry {
        self.account.removed(Measure::of(&self.entry));
        self.entry.remove()
    }

    fn change<R>(&mut self, change: impl FnOnce(&mut Entry) -> R) -> R {
        let before = Measure::of(&self.entry);
        let result = self.entry.update(change);
        self.account.replaced(before, Measure::of(&self.entry));
        result
    }
}

/// The outcome of [`Keyspace::lookup`](super::Keyspace::lookup).
pub enum KeyLookup<'a> {
    /// The key is there.
    Found(EntryMut<'a>),
    /// The key is not there.
    Vacant(KeyVacancy<'a>),
}

/// The place where a key that is not there would go.
pub struct KeyVacancy<'a> {
    pub(super) vacancy: Vacancy<'a, Entry>,
    pub(super) account: Account<'a>,
}

impl<'a> KeyVacancy<'a> {
    /// Puts `entry` there; its key is the one that was looked up.
    pub fn insert(mut self, entry: Entry) -> EntryMut<'a> {
        self.account.added(Measure::of(&entry));
        let mark = self.account.marks(&entry);
        EntryMut { entry: self.vacancy.insert(entry, mark), account: self.account }
    }
}
