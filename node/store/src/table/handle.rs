//! Borrowed items: what a lookup returns.

use std::mem::ManuallyDrop;
use std::ops::Deref;

use super::directory::Place;
use super::word::Word;
use super::{Item, Table, borrow};

/// An item of a table, to look at.
pub struct Ref<'a, T> {
    item: ManuallyDrop<T>,
    table: std::marker::PhantomData<&'a T>,
}

impl<T> Ref<'_, T> {
    #[inline]
    pub(super) fn new(item: ManuallyDrop<T>) -> Self {
        Ref { item, table: std::marker::PhantomData }
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.item
    }
}

/// An item of a table, to change, replace or remove.
pub struct RefMut<'a, T: Item> {
    table: &'a mut Table<T>,
    place: Place,
    /// What the cell points at. Never dropped here: the table owns it.
    item: ManuallyDrop<T>,
}

impl<T: Item> Deref for RefMut<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.item
    }
}

impl<'a, T: Item> RefMut<'a, T> {
    #[inline]
    pub(super) fn new(table: &'a mut Table<T>, place: Place) -> Self {
        let word = table.segment(place.segment).word(place.position);
        // SAFETY: the word is of this table, which this handle borrows exclusively as long as it lives.
        let item = unsafe { borrow(word) };
        RefMut { table, place, item }
    }

    /// Changes the item, which may move to another allocation but must keep its key.
    #[inline]
    pub fn update<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let guard = WriteBack { mark: self.is_marked(), handle: self };
        change(&mut guard.handle.item)
    }

    /// Puts `item`, of the same key, in this one's place, and returns this one.
    pub fn replace(&mut self, item: T) -> T {
        debug_assert!(self.item.key() == item.key());
        self.update(|old| std::mem::replace(old, item))
    }

    /// Takes the item out of the table.
    pub fn remove(self) -> T {
        self.table.remove_at(self.place)
    }

    /// Whether the item's cell is marked.
    #[inline]
    pub fn is_marked(&self) -> bool {
        self.word().is_marked()
    }

    /// Marks the item's cell, or takes the mark away; [`Table::sweep_marked`] finds marked ones cheaply.
    #[inline]
    pub fn set_mark(&mut self, mark: bool) {
        let word = self.word();
        if let Some(address) = word.address() {
            self.set_word(Word::new(address, word.tag(), mark));
        }
    }

    /// The item, to look at as long as the table stays borrowed.
    #[inline]
    pub fn into_ref(self) -> Ref<'a, T> {
        Ref::new(self.item)
    }

    #[inline]
    fn word(&self) -> Word {
        self.table.segment(self.place.segment).word(self.place.position)
    }

    #[inline]
    fn set_word(&mut self, word: Word) {
        self.table.segment_mut(self.place.segment).set_word(self.place.position, word);
    }
}

/// Tells the cell where the item is after a change, even when the change panics.
struct WriteBack<'r, 'a, T: Item> {
    handle: &'r mut RefMut<'a, T>,
    mark: bool,
}

impl<T: Item> Drop for WriteBack<'_, '_, T> {
    #[inline]
    fn drop(&mut self) {
        let tag = self.handle.word().tag();
        // SAFETY: the item is neither used nor dropped as the copy's: ownership goes to the cell and comes
        // back as the borrow that it was.
        let address = unsafe { std::ptr::read(&*self.handle.item) }.into_raw();
        self.handle.set_word(Word::new(address, tag, self.mark));
        // SAFETY: as above; the cell now holds this address.
        self.handle.item = ManuallyDrop::new(unsafe { T::from_raw(address) });
    }
}

/// The outcome of [`Table::lookup`].
pub enum Lookup<'a, T: Item> {
    /// The key is there.
    Found(RefMut<'a, T>),
    /// The key is not there.
    Vacant(Vacancy<'a, T>),
}

/// The place where a key that is not in the table would go.
pub struct Vacancy<'a, T: Item> {
    table: &'a mut Table<T>,
    hash: u64,
}

impl<'a, T: Item> Vacancy<'a, T> {
    #[inline]
    pub(super) fn new(table: &'a mut Table<T>, hash: u64) -> Self {
        Vacancy { table, hash }
    }

    /// Puts `item` there; its key is the one that was looked up.
    pub fn insert(self, item: T, mark: bool) -> RefMut<'a, T> {
        debug_assert!(crate::hash::key_hash(item.key()) == self.hash);
        let place = self.table.insert_new(self.hash, item, mark);
        RefMut::new(self.table, place)
    }
}
