//! One core's keys: a table per slot, the values, their encodings, expiry.
//!
//! A pure crate: it reads no clock, no randomness and no socket; time and random numbers are arguments.
//! Everything it hands out is `Send`, so that a slot can change cores by moving its table.
//!
//! From the bottom up: [`mod@hash`] and [`slab`] (the hash function, memory for small objects), [`table`] (the
//! one hash table), [`types`] (the collections), [`value`] (values on their way in and out), [`entry`] (key,
//! expiry and value in one allocation), [`keyspace`] (a table per slot).

pub mod entry;
pub mod hash;
pub mod keyspace;
pub mod lzf;
pub mod slab;
pub mod table;
pub mod types;
pub mod value;

pub use entry::{EMBED_MAX, Entry, EntryRef, Kind};
pub use keyspace::{
    EntryMut, ExpireSlice, Garbage, KeyLookup, KeyVacancy, Keyspace, Overdue, SlotSet, SlotTable,
};
pub use table::LoadAhead;
pub use value::{StrRef, Type, Value};
