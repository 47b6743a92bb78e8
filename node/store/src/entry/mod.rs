//! An entry: key, expiry, clock and value of one key in one allocation.
//!
//! A map from `Box<[u8]>` to an enum of values costs three allocations a key, their rounding, and as many
//! cache misses a GET. Here it is one of each: the `layout` puts a string of up to [`EMBED_MAX`] bytes
//! right behind its key, and for anything else a few bytes that own it. The price is that a change of length
//! or of expiry may move the entry, so those methods need the owner (`&mut Entry`), and a table's cell
//! follows through [`RefMut::update`](crate::table::RefMut::update).
//!
//! What a payload is, the flags alone say; only this module turns one into the other.

mod layout;
mod raw;
mod string;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::ptr::NonNull;

use bytes::Bytes;

use crate::table::{Item, LoadAhead, Ref};
use crate::types::{Hash, List, Set, Stream, Zset};
use crate::value::{StrRef, Type, Value};
use layout::{Flags, Form};
use raw::{Raw, Shape, is_long_key};

pub use string::EMBED_MAX;

/// Longest string that clients see as `embstr` (Redis's `OBJ_ENCODING_EMBSTR_SIZE_LIMIT`), in bytes.
const EMBSTR_MAX: usize = 44;

/// A collection that an entry can hold.
pub trait Kind: sealed::Payload {
    /// Its type.
    const TYPE: Type;
}

mod sealed {
    /// Keeps [`Kind`](super::Kind) to the types whose form the entry knows.
    pub trait Payload: Send {
        const FORM: super::layout::Form;
    }
}

macro_rules! kinds {
    ($($kind:ident),*) => {$(
        impl sealed::Payload for $kind {
            const FORM: Form = Form::$kind;
        }

        impl Kind for $kind {
            const TYPE: Type = Type::$kind;
        }

        // Small, for each entry has one, and nowhere more aligned than an entry is.
        const _: () = assert!(size_of::<$kind>() <= 16 && align_of::<$kind>() <= 8);
    )*};
}

kinds!(List, Set, Zset, Hash, Stream);

/// `$body` with `$payload` as the pointer to the collection the entry holds, or `$string` for a string.
macro_rules! by_kind {
    ($raw:expr, $payload:ident => $body:expr, string => $string:expr) => {
        by_kind!(@ $raw, $payload, $body, $string, List Set Zset Hash Stream)
    };
    (@ $raw:expr, $payload:ident, $body:expr, $string:expr, $($kind:ident)*) => {
        match $raw.flags().form() {
            $(Form::$kind => {
                let $payload: NonNull<$kind> = $raw.payload();
                $body
            })*
            Form::Embedded | Form::Int | Form::Blob => $string,
        }
    };
}

/// An entry and its only owner. See the module's header.
pub struct Entry {
    raw: Raw,
}

// SAFETY: an entry is the only owner of its allocation, and what that holds is `Send` (`Kind` demands it of
// collections; numbers and `Bytes` are).
unsafe impl Send for Entry {}

// SAFETY: `Raw` is a plain pointer, and no method of an entry in a table changes its key.
unsafe impl Item for Entry {
    /// Header, key, and the start of a short string.
    const LINES: usize = 2;

    #[inline]
    fn key(&self) -> &[u8] {
        Entry::key(self)
    }

    #[inline]
    fn into_raw(self) -> NonNull<u8> {
        ManuallyDrop::new(self).raw.0.cast()
    }

    #[inline]
    unsafe fn from_raw(pointer: NonNull<u8>) -> Self {
        Entry { raw: Raw(pointer.cast()) }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // SAFETY: the payload is what the form says, is dropped once, and the allocation after it.
        unsafe {
            by_kind!(self.raw, payload => payload.drop_in_place(), string => {
                if self.raw.flags().form() == Form::Blob {
                    self.raw.payload::<Bytes>().drop_in_place();
                }
            });
            self.raw.free();
        }
    }
}

impl Entry {
    /// An entry of this key and value that expires at `expire_ms` (unix time in ms), if at all.
    pub fn new(key: &[u8], value: Value<'_>, expire_ms: Option<u64>) -> Entry {
        match value {
            Value::Int(number) => Entry::with_payload(key, Form::Int, number, expire_ms),
            Value::Bytes(bytes) => Entry::with_bytes(key, bytes, false, expire_ms),
            Value::Raw(bytes) => Entry::with_bytes(key, bytes, true, expire_ms),
            Value::Blob(blob) => Entry::with_blob(key, blob, expire_ms),
            Value::List(list) => Entry::with_payload(key, Form::List, list, expire_ms),
            Value::Set(set) => Entry::with_payload(key, Form::Set, set, expire_ms),
            Value::Zset(zset) => Entry::with_payload(key, Form::Zset, zset, expire_ms),
            Value::Hash(hash) => Entry::with_payload(key, Form::Hash, hash, expire_ms),
            Value::Stream(stream) => Entry::with_payload(key, Form::Stream, stream, expire_ms),
        }
    }

    /// An entry whose payload is `payload`, which is what `form` says.
    fn with_payload<P: Send>(key: &[u8], form: Form, payload: P, expire_ms: Option<u64>) -> Entry {
        let entry = Entry::allocate(key, form, 0, expire_ms);
        // SAFETY: the new allocation has room for this form's payload, and nobody else has the pointer.
        unsafe { entry.raw.payload().write(payload) };
        entry
    }

    /// An entry whose payload, or embedded string, the caller has yet to write, before anything else.
    fn allocate(key: &[u8], form: Form, val_len: usize, expire_ms: Option<u64>) -> Entry {
        let flags = Flags::new(form, expire_ms.is_some(), is_long_key(key.len()));
        let raw = Raw::allocate(Shape { flags, key_len: key.len(), val_len }, key);
        if let Some(at_ms) = expire_ms {
            // SAFETY: the entry is new and nobody else's, and has an expiry.
            unsafe { raw.set_expiry(at_ms) };
        }
        Entry { raw }
    }

    /// The entry as a value that can be copied and that lends its parts as long as `self` is borrowed.
    #[inline]
    pub fn view(&self) -> EntryRef<'_> {
        EntryRef { raw: self.raw, entry: PhantomData }
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        self.view().key()
    }

    /// The type of the value.
    #[inline]
    pub fn value_type(&self) -> Type {
        self.view().value_type()
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding_name(&self) -> &'static str {
        self.view().encoding_name()
    }

    /// The string, unless it is a collection.
    #[inline]
    pub fn string(&self) -> Option<StrRef<'_>> {
        self.view().string()
    }

    /// The collection, if it is a `K`.
    #[inline]
    pub fn get<K: Kind>(&self) -> Option<&K> {
        self.view().get()
    }

    /// The collection, if it is a `K`, to change.
    #[inline]
    pub fn get_mut<K: Kind>(&mut self) -> Option<&mut K> {
        // SAFETY: `self` is borrowed exclusively as long as the result lives.
        unsafe { self.payload_mut() }
    }

    /// The collection, if it is a `K`, to change, for as long as the caller says.
    ///
    /// # Safety
    /// For `'a` the entry lives, and only the caller uses its value.
    #[inline]
    pub(crate) unsafe fn payload_mut<'a, K: Kind>(&self) -> Option<&'a mut K> {
        // SAFETY: the form says that the payload is a `K`; the rest is the caller's promise.
        (self.raw.flags().form() == K::FORM).then(|| unsafe { self.raw.payload().as_mut() })
    }

    /// When the key expires, unix time in ms.
    #[inline]
    pub fn expire_at(&self) -> Option<u64> {
        self.raw.expiry()
    }

    /// Sets or clears when the key expires, unix time in ms.
    pub fn set_expire(&mut self, expire_ms: Option<u64>) {
        let flags = self.raw.flags();
        if flags.expires() != expire_ms.is_some() {
            self.relocate(Shape { flags: flags.with_expires(expire_ms.is_some()), ..self.raw.shape() });
        }
        if let Some(at_ms) = expire_ms {
            // SAFETY: borrowed exclusively, and the entry has an expiry by now.
            unsafe { self.raw.set_expiry(at_ms) };
        }
    }

    /// The 24 bits that eviction keeps: time of last use, or frequency.
    #[inline]
    pub fn clock(&self) -> u32 {
        self.raw.clock()
    }

    /// Sets the low 24 bits of the clock; reading a key does that, so a shared borrow is enough.
    #[inline]
    pub fn set_clock(&self, clock: u32) {
        self.view().set_clock(clock);
    }

    /// Bytes of the entry itself, and of its string; a collection's own bytes are not counted.
    #[inline]
    pub fn size(&self) -> usize {
        self.view().size()
    }

    /// All bytes held: what MEMORY USAGE answers. Reads all of a collection's parts, if it has parts.
    pub fn memory_usage(&self) -> usize {
        self.view().memory_usage()
    }

    /// Frees about `count` elements of a collection; true when the rest is free to drop. To free what is
    /// large in slices; the value is no longer good for anything else.
    pub fn drain(&mut self, count: usize) -> bool {
        // SAFETY: the payload is what the form says, and `self` is borrowed exclusively.
        by_kind!(self.raw, payload => unsafe { (*payload.as_ptr()).drain(count) }, string => true)
    }

    /// Puts another value under the key, with this expiry. Returns the old entry unless the change could be
    /// made in place, as it can for a string of about the same length.
    #[inline]
    pub fn overwrite(&mut self, value: Value<'_>, expire_ms: Option<u64>) -> Option<Entry> {
        match self.write_string_in_place(value, expire_ms) {
            Ok(()) => None,
            Err(value) => {
                let new = Entry::new(self.key(), value, expire_ms);
                new.set_clock(self.clock());
                Some(mem::replace(self, new))
            }
        }
    }

    /// The same entry under another key.
    pub fn rename(mut self, key: &[u8]) -> Entry {
        let shape = self.raw.shape();
        let flags = Flags::new(shape.flags.form(), shape.flags.expires(), is_long_key(key.len()));
        let flags = flags.with_raw(shape.flags.is_raw());
        self.move_to(Raw::allocate(Shape { flags, key_len: key.len(), ..shape }, key));
        self
    }

    /// Moves everything to an allocation of another shape.
    fn relocate(&mut self, shape: Shape) {
        self.move_to(Raw::allocate(shape, self.key()));
    }

    /// Moves all but the key to `new`, whose form is the same and whose embedded string has the same length.
    fn move_to(&mut self, new: Raw) {
        let (old, flags) = (mem::replace(&mut self.raw, new), new.flags());
        debug_assert!(old.flags().form() == flags.form() && old.shape().val_len == new.shape().val_len);
        let payload_len = flags.key_at() - flags.payload_at();
        // SAFETY: both payloads have the length that follows from their common form; the bits move, so what
        // they own has one owner still; the embedded string's place is that of its length in both. The old
        // allocation is not used again.
        unsafe {
            new.set_clock(old.clock());
            new.payload::<u8>().copy_from_nonoverlapping(old.payload(), payload_len);
            if flags.form() == Form::Embedded {
                new.write_embedded(old.embedded());
            }
            if let (Some(at_ms), true) = (old.expiry(), flags.expires()) {
                new.set_expiry(at_ms);
            }
            old.free();
        }
    }
}

/// A borrowed entry that can be copied: what it lends lives as long as the keyspace stays borrowed, not only
/// as long as this value.
#[derive(Clone, Copy)]
pub struct EntryRef<'a> {
    raw: Raw,
    entry: PhantomData<&'a Entry>,
}

impl<'a> From<Ref<'a, Entry>> for EntryRef<'a> {
    #[inline]
    fn from(entry: Ref<'a, Entry>) -> Self {
        EntryRef { raw: entry.raw, entry: PhantomData }
    }
}

impl<'a> EntryRef<'a> {
    /// The key.
    #[inline]
    pub fn key(self) -> &'a [u8] {
        // SAFETY: the entry is borrowed for `'a`.
        unsafe { self.raw.key() }
    }

    /// The type of the value.
    #[inline]
    pub fn value_type(self) -> Type {
        match self.raw.flags().form() {
            Form::Embedded | Form::Int | Form::Blob => Type::String,
            Form::List => Type::List,
            Form::Set => Type::Set,
            Form::Zset => Type::Zset,
            Form::Hash => Type::Hash,
            Form::Stream => Type::Stream,
        }
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding_name(self) -> &'static str {
        // SAFETY: the payload is what the form says, and borrowed for `'a`.
        by_kind!(self.raw, payload => unsafe { payload.as_ref() }.encoding_name(), string => {
            match self.string() {
                Some(StrRef::Int(_)) => "int",
                Some(StrRef::Bytes(bytes)) if bytes.len() <= EMBSTR_MAX && !self.raw.flags().is_raw() => "embstr",
                _ => "raw",
            }
        })
    }

    /// The string, unless it is a collection.
    #[inline]
    pub fn string(self) -> Option<StrRef<'a>> {
        // SAFETY: each payload is what the form says, and borrowed for `'a`.
        unsafe {
            match self.raw.flags().form() {
                Form::Embedded => Some(StrRef::Bytes(self.raw.embedded())),
                Form::Int => Some(StrRef::Int(self.raw.payload().read())),
                Form::Blob => Some(StrRef::Blob(self.raw.payload().as_ref())),
                _ => None,
            }
        }
    }

    /// The collection, if it is a `K`.
    #[inline]
    pub fn get<K: Kind>(self) -> Option<&'a K> {
        // SAFETY: the form says that the payload is a `K`, and it is borrowed for `'a`.
        (self.raw.flags().form() == K::FORM).then(|| unsafe { self.raw.payload().as_ref() })
    }

    /// The table of a large collection's elements, to load some of them ahead.
    #[inline]
    pub fn elements(self) -> Option<&'a dyn LoadAhead> {
        match self.raw.flags().form() {
            Form::Set => self.get::<Set>()?.table(),
            Form::Hash => self.get::<Hash>()?.table(),
            Form::Zset => self.get::<Zset>()?.table(),
            _ => None,
        }
    }

    /// When the key expires, unix time in ms.
    #[inline]
    pub fn expire_at(self) -> Option<u64> {
        self.raw.expiry()
    }

    /// Whether its time is over at `now_ms`.
    #[inline]
    pub fn is_over(self, now_ms: u64) -> bool {
        self.raw.expiry().is_some_and(|at_ms| at_ms <= now_ms)
    }

    /// The 24 bits that eviction keeps: time of last use, or frequency.
    #[inline]
    pub fn clock(self) -> u32 {
        self.raw.clock()
    }

    /// Sets the low 24 bits of the clock.
    #[inline]
    pub fn set_clock(self, clock: u32) {
        // SAFETY: nothing lends the clock's bytes out, and an entry is not `Sync`: this thread is alone.
        unsafe { self.raw.set_clock(clock) }
    }

    /// Bytes of the entry itself, and of its string; a collection's own bytes are not counted.
    #[inline]
    pub fn size(self) -> usize {
        let blob = match self.string() {
            Some(StrRef::Blob(bytes)) => bytes.len(),
            _ => 0,
        };
        self.raw.shape().size() + blob
    }

    /// All bytes held: what MEMORY USAGE answers. Reads all of a collection's parts, if it has parts.
    pub fn memory_usage(self) -> usize {
        // SAFETY: the payload is what the form says, and borrowed for `'a`.
        let held = by_kind!(self.raw, payload => unsafe { payload.as_ref() }.memory_bytes(), string => 0);
        self.size() + held
    }
}
