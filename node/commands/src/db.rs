//! The keys a command works on: look-ups that know of expiry, types, use and effects.
//!
//! The keyspace below knows none of that. Here a key whose time is over is gone at the first look, a wrong
//! type is an error, and a read marks the key as used. All keys of a command are in one slot, so a handler
//! never names it.

use base::Slot;
use store::types::{Hash, List, Set, Stream, Zset};
use store::{Entry, EntryMut, EntryRef, Garbage, KeyLookup, Keyspace, Kind, StrRef, Type, Value};

use crate::ctx::{Lfu, Overdue, Settings};
use crate::effects::{Class, Effects};
use crate::error::{Error, NOT_INTEGER, OVERFLOW, WRONG_TYPE};

/// What a new value does to its key's expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expire {
    /// The key will not expire.
    Clear,
    /// As it was.
    Keep,
    /// At this unix time in ms.
    At(u64),
}

/// The keys of one slot during one command.
pub struct Db<'a> {
    /// All keys of the core.
    pub keyspace: &'a mut Keyspace,
    /// The slot of the command's keys.
    pub slot: Slot,
    /// Unix time in ms, the same for the whole command.
    pub now_ms: u64,
    /// What the command did.
    pub effects: &'a mut Effects,
    /// What was removed and is worth freeing in slices.
    pub garbage: &'a mut Garbage,
    lfu: Option<Lfu>,
    overdue: Overdue,
    no_touch: bool,
}

/// An empty collection of a type, for a key that is not there yet.
pub trait Create: Kind {
    /// The empty collection.
    fn create() -> Self;
    /// Whether the key must go.
    fn is_gone(&self) -> bool;
}

macro_rules! create {
    ($($kind:ident),*) => {$(
        impl Create for $kind {
            fn create() -> Self {
                $kind::new()
            }
            fn is_gone(&self) -> bool {
                self.is_empty()
            }
        }
    )*};
}

create!(List, Set, Zset, Hash);

impl Create for Stream {
    fn create() -> Self {
        Stream::new()
    }

    /// A stream stays, however empty.
    fn is_gone(&self) -> bool {
        false
    }
}

/// Collections with more elements than this are freed in slices.
const LAZY_ELEMENTS: usize = 64;

impl<'a> Db<'a> {
    /// The keys of `slot` at `now_ms`.
    #[inline]
    pub fn new(
        keyspace: &'a mut Keyspace,
        slot: Slot,
        now_ms: u64,
        effects: &'a mut Effects,
        garbage: &'a mut Garbage,
        settings: &Settings,
    ) -> Db<'a> {
        let (lfu, overdue) = (settings.lfu, settings.overdue);
        Db { keyspace, slot, now_ms, effects, garbage, lfu, overdue, no_touch: false }
    }

    /// Whether reads leave no mark on keys (CLIENT NO-TOUCH).
    #[inline]
    pub fn no_touch(self, no_touch: bool) -> Db<'a> {
        Db { no_touch, ..self }
    }

    /// Whether a key that expires at `at_ms` is gone.
    #[inline]
    pub fn is_over(&self, at_ms: u64) -> bool {
        at_ms <= self.now_ms && self.overdue != Overdue::Keep
    }

    /// The key, if it is there; one whose time is over is usually deleted on the way.
    #[inline(always)]
    fn live(&mut self, key: &[u8]) -> Option<EntryMut<'_>> {
        let overdue = self.overdue;
        let KeyLookup::Found(entry) = self.keyspace.lookup(self.slot, key) else { return None };
        if overdue != Overdue::Keep && entry.expire_at().is_some_and(|at_ms| at_ms <= self.now_ms) {
            if overdue == Overdue::Delete {
                self.effects.expire(key);
                discard(self.garbage, entry.remove());
            }
            return None;
        }
        Some(entry)
    }

    /// The key as it is, neither counted as a look-up nor marked as used.
    pub fn peek(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        self.live(key).map(EntryMut::into_ref)
    }

    /// The key, to read: counted as a hit or a miss, and marked as used.
    #[inline]
    pub fn find(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let (now_ms, lfu, no_touch) = (self.now_ms, self.lfu, self.no_touch);
        let (chance, overdue) = (self.effects.chance(), self.overdue);
        let KeyLookup::Found(entry) = self.keyspace.lookup(self.slot, key) else {
            self.effects.miss(key);
            return None;
        };
        if entry.expire_at().is_some_and(|at_ms| at_ms <= now_ms) && overdue != Overdue::Keep {
            if overdue == Overdue::Delete {
                self.effects.expire(key);
                discard(self.garbage, entry.remove());
            }
            self.effects.miss(key);
            return None;
        }
        self.effects.hits += 1;
        if !no_touch {
            touch(&entry, now_ms, lfu, chance);
        }
        Some(entry.into_ref())
    }

    /// The string at `key`, to read.
    #[inline]
    pub fn read_string(&mut self, key: &[u8]) -> Result<Option<StrRef<'_>>, Error> {
        self.find(key).map(|entry| entry.string().ok_or(WRONG_TYPE)).transpose()
    }

    /// The collection at `key`, to read.
    #[inline]
    pub fn read<K: Kind>(&mut self, key: &[u8]) -> Result<Option<&K>, Error> {
        self.find(key).map(|entry| entry.get::<K>().ok_or(WRONG_TYPE)).transpose()
    }

    /// The collection at `key`, to change.
    #[inline]
    pub fn write<K: Kind>(&mut self, key: &[u8]) -> Result<Option<&mut K>, Error> {
        let (now_ms, lfu, no_touch) = (self.now_ms, self.lfu, self.no_touch);
        let chance = self.effects.chance();
        let Some(entry) = self.live(key) else { return Ok(None) };
        if !no_touch {
            touch(&entry, now_ms, lfu, chance);
        }
        entry.into_mut::<K>().map(Some).ok_or(WRONG_TYPE)
    }

    /// The collection at `key`, to change; made, empty, when the key is not there. One look-up, as this is on the way
    /// of every write to a collection.
    pub fn write_or_create<K: Create>(&mut self, key: &[u8]) -> Result<&mut K, Error>
    where
        Value<'static>: From<K>,
    {
        let (now_ms, lfu) = (self.now_ms, self.lfu);
        let chance = self.effects.chance();
        let empty = || Value::from(K::create());
        let entry = match self.keyspace.lookup(self.slot, key) {
            KeyLookup::Found(mut entry) => {
                let over =
                    self.overdue != Overdue::Keep && entry.expire_at().is_some_and(|at_ms| at_ms <= now_ms);
                if over {
                    if self.overdue == Overdue::Delete {
                        self.effects.expire(key);
                    }
                    if let Some(old) = entry.overwrite(empty(), None) {
                        discard(self.garbage, old);
                    }
                    self.effects.notify(key, Class::New, "new");
                    entry.set_clock(fresh_clock(now_ms, lfu));
                } else if !self.no_touch {
                    touch(&entry, now_ms, lfu, chance);
                }
                entry
            }
            KeyLookup::Vacant(place) => {
                self.effects.notify(key, Class::New, "new");
                let entry = place.insert(Entry::new(key, empty(), None));
                entry.set_clock(fresh_clock(now_ms, lfu));
                entry
            }
        };
        entry.into_mut::<K>().ok_or(WRONG_TYPE)
    }

    /// Puts a value under `key`, whatever was there.
    #[inline]
    pub fn set(&mut self, key: &[u8], value: Value<'_>, expire: Expire) {
        let clock = fresh_clock(self.now_ms, self.lfu);
        match self.keyspace.lookup(self.slot, key) {
            KeyLookup::Found(mut entry) => {
                let old = entry.expire_at();
                let over = self.overdue != Overdue::Keep && old.is_some_and(|at_ms| at_ms <= self.now_ms);
                let expire_ms = match expire {
                    Expire::Clear => None,
                    Expire::Keep if over => None,
                    Expire::Keep => old,
                    Expire::At(at_ms) => Some(at_ms),
                };
                if over && self.overdue == Overdue::Delete {
                    self.effects.expire(key);
                    self.effects.notify(key, Class::New, "new");
                }
                if let Some(old) = entry.overwrite(value, expire_ms) {
                    discard(self.garbage, old);
                }
                entry.set_clock(clock);
            }
            KeyLookup::Vacant(place) => {
                let expire_ms = if let Expire::At(at_ms) = expire { Some(at_ms) } else { None };
                place.insert(Entry::new(key, value, expire_ms)).set_clock(clock);
                self.effects.notify(key, Class::New, "new");
            }
        }
    }

    /// Adds to the number at `key`, 0 where the key is not there; what it is now. One look-up, as in
    /// [`Db::write_or_create`].
    pub fn add(&mut self, key: &[u8], by: i64) -> Result<i64, Error> {
        let clock = fresh_clock(self.now_ms, self.lfu);
        let Some(mut entry) = self.live(key) else {
            self.set(key, Value::Int(by), Expire::Keep);
            return Ok(by);
        };
        let old = entry.string().ok_or(WRONG_TYPE)?.to_int().ok_or(NOT_INTEGER)?;
        let new = old.checked_add(by).ok_or(OVERFLOW)?;
        let expire_ms = entry.expire_at();
        let replaced = entry.overwrite(Value::Int(new), expire_ms);
        entry.set_clock(clock);
        if let Some(replaced) = replaced {
            discard(self.garbage, replaced);
        }
        Ok(new)
    }

    /// Changes the bytes of the string at `key`, made `len` long (zeros are added) first; the key must be there
    /// and be a string.
    pub fn edit_string<R>(&mut self, key: &[u8], len: usize, edit: impl FnOnce(&mut [u8]) -> R) -> Option<R> {
        let (now_ms, lfu) = (self.now_ms, self.lfu);
        let mut entry = self.live(key)?;
        let result = entry.edit_bytes(len, edit);
        entry.set_clock(fresh_clock(now_ms, lfu));
        Some(result)
    }

    /// Says how `key` was used before it came here.
    pub fn set_used(&mut self, key: &[u8], used: Used) {
        let clock = used.clock(self.now_ms, self.lfu);
        if let (Some(clock), Some(entry)) = (clock, self.live(key)) {
            entry.set_clock(clock);
        }
    }

    /// Deletes `key`; whether it was there. Notifying is the caller's.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        self.take(key).map(|entry| discard(self.garbage, entry)).is_some()
    }

    /// Takes `key` out, to be put elsewhere.
    pub fn take(&mut self, key: &[u8]) -> Option<Entry> {
        self.live(key).map(EntryMut::remove)
    }

    /// Puts an entry under its own key, whatever was there.
    pub fn put(&mut self, entry: Entry) {
        if let Some(old) = self.keyspace.put(self.slot, entry) {
            discard(self.garbage, old);
        }
    }

    /// Deletes `key` when its collection is empty, and tells so; whether it did.
    pub fn remove_if_empty<K: Create>(&mut self, key: &[u8]) -> bool {
        let empty = self.peek(key).and_then(|entry| entry.get::<K>()).is_some_and(K::is_gone);
        if empty {
            self.remove(key);
            self.effects.notify(key, Class::Generic, "del");
        }
        empty
    }

    /// Whether `key` is there.
    pub fn exists(&mut self, key: &[u8]) -> bool {
        self.peek(key).is_some()
    }

    /// The type of the value at `key`.
    pub fn kind(&mut self, key: &[u8]) -> Option<Type> {
        self.peek(key).map(|entry| entry.value_type())
    }

    /// When `key` expires, unix ms.
    pub fn expire_ms(&mut self, key: &[u8]) -> Option<u64> {
        self.peek(key).and_then(|entry| entry.expire_at())
    }

    /// Fields of the hash at `key` expire now: the sweep must know.
    pub fn note_timed_fields(&mut self, key: &[u8]) {
        if let Some(mut entry) = self.live(key) {
            entry.note_timed_fields();
        }
    }

    /// Sets or clears when `key` expires; whether it is there.
    pub fn set_expire(&mut self, key: &[u8], expire_ms: Option<u64>) -> bool {
        self.live(key).map(|mut entry| entry.set_expire(expire_ms)).is_some()
    }
}

/// Frees a removed entry: a small one at once, a large collection in slices later.
pub fn discard(garbage: &mut Garbage, entry: Entry) {
    if elements(&entry) > LAZY_ELEMENTS {
        garbage.push(entry);
    }
}

/// Number of allocations, about, that freeing an entry takes.
fn elements(entry: &Entry) -> usize {
    match entry.value_type() {
        Type::String => 1,
        Type::List => entry.get().map_or(0, List::len),
        Type::Set => entry.get().map_or(0, Set::len),
        Type::Zset => entry.get().map_or(0, Zset::len),
        Type::Hash => entry.get().map_or(0, |hash: &Hash| hash.len(0)),
        Type::Stream => entry.get().map_or(0, |stream: &Stream| stream.log.len() as usize),
    }
}

/// Seconds of unix time are kept in 24 bits: they wrap after 194 days.
const LRU_MASK: u64 = (1 << 24) - 1;
/// A new key's access counter (Redis: `LFU_INIT_VAL`): it must live long enough to be used.
const LFU_INITIAL: u32 = 5;

/// The clock of a key used for the first time: LRU seconds, or LFU minutes (16 bits) and counter (8 bits).
#[inline]
fn fresh_clock(now_ms: u64, lfu: Option<Lfu>) -> u32 {
    match lfu {
        None => ((now_ms / 1000) & LRU_MASK) as u32,
        Some(_) => lfu_minutes(now_ms) << 8 | LFU_INITIAL,
    }
}

fn lfu_minutes(now_ms: u64) -> u32 {
    ((now_ms / 60_000) & 0xFFFF) as u32
}

/// Marks a key as used now.
#[inline]
fn touch(entry: &Entry, now_ms: u64, lfu: Option<Lfu>, chance: f64) {
    let clock = match lfu {
        None => fresh_clock(now_ms, None),
        Some(lfu) => {
            let counter = lfu_counter(entry.clock(), now_ms, lfu);
            let base = f64::from(counter.saturating_sub(LFU_INITIAL));
            let grows = counter < 255 && chance < 1.0 / (base * f64::from(lfu.log_factor) + 1.0);
            lfu_minutes(now_ms) << 8 | (counter + u32::from(grows))
        }
    };
    // Most keys of a busy core were used this second already: nothing is written then.
    if entry.clock() != clock {
        entry.set_clock(clock);
    }
}

/// What is known of a key's use that comes from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// It was used so many seconds ago.
    Ago(u64),
    /// This is its access counter.
    Often(u8),
}

impl Used {
    /// The clock of a key that was used so; `None` where the policy does not go by that.
    pub fn clock(self, now_ms: u64, lfu: Option<Lfu>) -> Option<u32> {
        match (self, lfu) {
            (Used::Ago(seconds), None) => {
                Some(((now_ms / 1000).wrapping_sub(seconds.min(LRU_MASK)) & LRU_MASK) as u32)
            }
            (Used::Often(counter), Some(_)) => Some(lfu_minutes(now_ms) << 8 | u32::from(counter)),
            _ => None,
        }
    }
}

/// The access counter of a clock, less what the time since its last use takes off (Redis: `LFUDecrAndReturn`).
pub fn lfu_counter(clock: u32, now_ms: u64, lfu: Lfu) -> u32 {
    let elapsed = lfu_minutes(now_ms).wrapping_sub(clock >> 8) & 0xFFFF;
    let periods = elapsed.checked_div(lfu.decay_minutes).unwrap_or(0);
    (clock & 0xFF).saturating_sub(periods)
}

/// Seconds since a key with this LRU clock was used.
pub fn idle_seconds(clock: u32, now_ms: u64) -> u64 {
    (now_ms / 1000).wrapping_sub(u64::from(clock)) & LRU_MASK
}
