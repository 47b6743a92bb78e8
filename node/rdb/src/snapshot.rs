//! The image of a keyspace at one moment, written while the keyspace changes.
//!
//! A fork would freeze the memory for us, at the price of a second process, a stall for its page tables, and in
//! the worst case twice the memory. Instead the image is walked slot by slot, a few keys at a time, and whoever
//! is about to change a key that the walk has not reached yet says so first ([`Image::save_first`]): its old
//! value is then written before its turn, and its name noted, so that the walk leaves it out. A key that was not
//! there is noted too. What is noted of a slot is forgotten when the walk has left it.
//!
//! So the memory that an image takes is: the bytes written and not yet taken by their reader, and the names of
//! keys changed in slots still ahead. The reader sets the pace ([`Image::step`] works only to fill its next
//! portion), but old values come as writes do: [`Image::backlog`] says how much of them waits.
//!
//! A value too large for one step is written in several. While such a record is *open*, its value must not
//! change at all: `save_first` finishes it, and so must be called for what is no write also, but removes expired
//! keys and fields ([`Image::before_look`]).
//!
//! The walk within a slot is exact though its table grows and shrinks meanwhile: see
//! [`Table::walk`](store::table::Table::walk).

use std::collections::HashMap;

use base::Slot;
use store::table::walk_place;
use store::types::{Hash, Limits, Set};
use store::{EntryRef, Keyspace, SlotSet};

use crate::crc64;
use crate::writer::Writer;

/// How an image is written.
pub trait Format {
    /// How far a record is written.
    type Progress: Default;

    /// Writes what stands before the first record; the numbers are of keys, and of those that expire.
    fn begin(&mut self, keys: u64, expires: u64, out: &mut Writer);

    /// Writes about `limit` more bytes of a key's record; whether it is whole now.
    fn record(
        &self,
        entry: EntryRef<'_>,
        progress: &mut Self::Progress,
        limit: usize,
        out: &mut Writer,
    ) -> bool;

    /// Writes what stands behind the last record.
    fn end(&mut self, out: &mut Writer);

    /// Whether the checksum of all bytes is wanted.
    fn has_checksum(&self) -> bool;

    /// Writes the very end, where the checksum of all before (0 unless wanted) may stand.
    fn seal(&self, checksum: u64, out: &mut Vec<u8>);
}

/// What can be done with an image of whatever format.
pub trait Image {
    /// Works until `limit` bytes wait to be taken, or nothing is left to write; whether there is more to do.
    fn step(&mut self, keys: &Keyspace, limit: usize) -> bool;

    /// Takes up to `max` bytes from the front into `out`.
    fn take(&mut self, max: usize, out: &mut Vec<u8>);

    /// Whether all was written and taken.
    fn is_done(&self) -> bool;

    /// Bytes that wait to be taken, old values of changed keys among them.
    fn backlog(&self) -> usize;

    /// Keys written so far, and keys there were at the start.
    fn progress(&self) -> (u64, u64);

    /// To be called before `key` is changed, made or removed.
    fn save_first(&mut self, keys: &Keyspace, slot: Slot, key: &[u8]);

    /// To be called before a command looks at keys of `slot`, or of any slot, at `now_ms`: looking removes what
    /// has expired.
    fn before_look(&mut self, keys: &Keyspace, slot: Option<Slot>, now_ms: u64);

    /// To be called with an entry that was removed because it expired or was evicted. The image may lack such a
    /// key, but not half of it.
    fn removed(&mut self, slot: Slot, entry: EntryRef<'_>);

    /// To be called before the keys of `slot` are replaced or taken away as a whole: the image does without
    /// those not written yet.
    fn forget_slot(&mut self, keys: &Keyspace, slot: Slot);

    /// [`Image::forget_slot`] for all slots.
    fn forget_all(&mut self, keys: &Keyspace);
}

/// An image under way. See the module's header.
pub struct Snapshot<F: Format> {
    format: F,
    /// Slots not begun.
    ahead: SlotSet,
    /// The slot begun.
    walk: Option<Walk<F::Progress>>,
    /// By slot begun or ahead: keys that the walk must leave out.
    noted: HashMap<Slot, Set>,
    noted_limits: Limits,
    out: Writer,
    /// Records that wait for the open one to be whole.
    aside: Writer,
    stage: Stage,
    checksum: u64,
    keys_written: u64,
    keys_total: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Records,
    /// All is written, but the reader has not taken it all.
    Ended,
    /// All is taken.
    Sealed,
}

struct Walk<P> {
    slot: Slot,
    /// Keys below this place are written or in `todo`; `None`: all are.
    next: Option<u64>,
    /// Keys to be written next, the last first.
    todo: Vec<Box<[u8]>>,
    /// How far the last of `todo` is written.
    open: Option<P>,
}

/// A noted key of a slot takes few bytes, in a listpack up to this many of them.
const NOTED_PACKED: usize = 16;

impl<F: Format> Snapshot<F> {
    /// The image, as of now, of the keys in `slots`; strings are compressed if `compress`.
    pub fn new(mut format: F, keys: &Keyspace, slots: SlotSet, compress: bool) -> Snapshot<F> {
        let chosen = Slot::all().filter(|slot| slots.contains(*slot));
        let (count, expires) = chosen.fold((0, 0), |(count, expires), slot| {
            (count + keys.slot_len(slot) as u64, expires + keys.slot_expires(slot) as u64)
        });
        let mut out = Writer::new(compress);
        format.begin(count, expires, &mut out);
        let noted_limits =
            Limits { set_max_listpack_entries: NOTED_PACKED, set_max_intset_entries: 0, ..Limits::default() };
        Snapshot {
            format,
            ahead: slots,
            walk: None,
            noted: HashMap::new(),
            noted_limits,
            out,
            aside: Writer::new(compress),
            stage: Stage::Records,
            checksum: 0,
            keys_written: 0,
            keys_total: count,
        }
    }
}

impl<F: Format> Image for Snapshot<F> {
    fn step(&mut self, keys: &Keyspace, limit: usize) -> bool {
        while self.stage == Stage::Records && self.out.len() < limit {
            if self.walk.is_none() && !self.begin_slot(keys) {
                self.format.end(&mut self.out);
                self.stage = Stage::Ended;
                break;
            }
            self.write_next(keys, limit);
        }
        self.stage == Stage::Records
    }

    fn take(&mut self, max: usize, out: &mut Vec<u8>) {
        let from = out.len();
        self.out.take(max, out);
        if self.format.has_checksum() {
            self.checksum = crc64::update(self.checksum, &out[from..]);
        }
        if self.stage == Stage::Ended && self.out.is_empty() {
            self.format.seal(self.checksum, out);
            self.stage = Stage::Sealed;
        }
    }

    fn is_done(&self) -> bool {
        self.stage == Stage::Sealed
    }

    fn backlog(&self) -> usize {
        self.out.len() + self.aside.len()
    }

    fn progress(&self) -> (u64, u64) {
        (self.keys_written, self.keys_total)
    }

    fn save_first(&mut self, keys: &Keyspace, slot: Slot, key: &[u8]) {
        let in_walk = self.walk.as_ref().is_some_and(|walk| walk.slot == slot);
        if !in_walk {
            if self.ahead.contains(slot) && self.note(slot, key) {
                self.write_aside(keys, slot, key);
            }
            return;
        }
        let Some(walk) = &mut self.walk else { return };
        if walk.next.is_some_and(|next| walk_place(key) >= next) {
            if self.note(slot, key) {
                self.write_aside(keys, slot, key);
            }
        } else if let Some(at) = walk.todo.iter().position(|waiting| &waiting[..] == key) {
            if walk.open.is_some() && at + 1 == walk.todo.len() {
                return self.finish_open(keys);
            }
            walk.todo.remove(at);
            self.write_aside(keys, slot, key);
        }
    }

    fn before_look(&mut self, keys: &Keyspace, slot: Option<Slot>, now_ms: u64) {
        let Some((open_slot, key)) = self.open_key() else { return };
        if slot.is_some_and(|slot| slot != open_slot) {
            return;
        }
        let is_over = |at: Option<u64>| at.is_some_and(|at| at <= now_ms);
        let shrinks = keys.get(open_slot, key).is_some_and(|entry| {
            is_over(entry.expire_at()) || is_over(entry.get::<Hash>().and_then(Hash::next_expiry))
        });
        if shrinks {
            self.finish_open(keys);
        }
    }

    fn removed(&mut self, slot: Slot, entry: EntryRef<'_>) {
        if self.open_key() == Some((slot, entry.key())) {
            self.finish_open_as(entry);
        }
    }

    fn forget_slot(&mut self, keys: &Keyspace, slot: Slot) {
        self.ahead.set(slot, false);
        self.noted.remove(&slot);
        if self.walk.as_ref().is_some_and(|walk| walk.slot == slot) {
            self.finish_open(keys);
            self.walk = None;
        }
    }

    fn forget_all(&mut self, keys: &Keyspace) {
        self.finish_open(keys);
        self.walk = None;
        self.ahead = SlotSet::new();
        self.noted.clear();
    }
}

impl<F: Format> Snapshot<F> {
    fn begin_slot(&mut self, keys: &Keyspace) -> bool {
        let mut from = 0;
        while let Some(slot) = self.ahead.next(from) {
            self.ahead.set(slot, false);
            if keys.slot_len(slot) > 0 {
                self.walk = Some(Walk { slot, next: Some(0), todo: Vec::new(), open: None });
                return true;
            }
            self.noted.remove(&slot);
            from = slot.index();
        }
        false
    }

    /// Writes the next record of the walk, or a part of it; or gets more keys to write; or ends the slot.
    fn write_next(&mut self, keys: &Keyspace, limit: usize) {
        let Some(walk) = &mut self.walk else { return };
        if let Some(key) = walk.todo.last() {
            let Some(entry) = keys.get(walk.slot, key) else {
                // Expired or evicted meanwhile.
                walk.todo.pop();
                return;
            };
            let mut progress = walk.open.take().unwrap_or_default();
            let room = limit.saturating_sub(self.out.len());
            if self.format.record(entry, &mut progress, room, &mut self.out) {
                self.record_is_whole();
            } else {
                walk.open = Some(progress);
            }
        } else if let Some(next) = walk.next {
            let noted = self.noted.get(&walk.slot);
            let todo = &mut walk.todo;
            walk.next = keys.walk_slot(walk.slot, next, &mut |entry| {
                if noted.is_none_or(|noted| !noted.contains(entry.key())) {
                    todo.push(entry.key().into());
                }
            });
        } else {
            self.noted.remove(&walk.slot);
            self.walk = None;
        }
    }

    /// Leaves `key` out of the walk; false if that was so before.
    fn note(&mut self, slot: Slot, key: &[u8]) -> bool {
        self.noted.entry(slot).or_insert_with(Set::packed).add(key, &self.noted_limits)
    }

    /// Writes the record of a key before its turn.
    fn write_aside(&mut self, keys: &Keyspace, slot: Slot, key: &[u8]) {
        let Some(entry) = keys.get(slot, key) else { return };
        let out = if self.open_key().is_some() { &mut self.aside } else { &mut self.out };
        self.format.record(entry, &mut F::Progress::default(), usize::MAX, out);
        self.keys_written += 1;
    }

    fn open_key(&self) -> Option<(Slot, &[u8])> {
        let walk = self.walk.as_ref().filter(|walk| walk.open.is_some())?;
        Some((walk.slot, walk.todo.last()?))
    }

    fn finish_open(&mut self, keys: &Keyspace) {
        if let Some((slot, key)) = self.open_key() {
            let entry = keys.get(slot, key).expect("an open record's key is there");
            self.finish_open_as(entry);
        }
    }

    fn finish_open_as(&mut self, entry: EntryRef<'_>) {
        let open = self.walk.as_mut().and_then(|walk| walk.open.take());
        let mut progress = open.expect("asked only while a record is open");
        self.format.record(entry, &mut progress, usize::MAX, &mut self.out);
        self.record_is_whole();
    }

    fn record_is_whole(&mut self) {
        if let Some(walk) = &mut self.walk {
            walk.todo.pop();
            walk.open = None;
        }
        self.keys_written += 1;
        self.out.append(&mut self.aside);
    }
}
