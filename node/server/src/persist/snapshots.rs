//! The images of this core's keys that are being written.
//!
//! Each belongs to a reader (a file, a replica), who pulls its bytes a slice at a time; several may be under way,
//! of different moments. Before a command changes a key, every image that has not reached the key saves its old
//! value ([`Core::save_first`]). While no image is under way that costs one branch a command.
//!
//! Whoever changes keys otherwise has to say so: before a change of one key [`Snapshots::before_change`], before a
//! whole slot comes or goes [`Snapshots::before_slot_change`], after a removal of what expired
//! [`Snapshots::removed`].

use std::time::{Duration, Instant};

use base::Slot;
use bytes::Bytes;
use commands::Args;
use commands::table::{self, Found};
use rdb::format::{VERSION, VERSION_VALKEY};
use rdb::{File, Format, Image, Snapshot, Usage};
use store::{EntryRef, Keyspace, SlotSet};

use crate::admin::REDIS_VERSION;
use crate::config::MaxmemoryPolicy;
use crate::core::Core;

/// The longest a pull works.
const SLICE: Duration = Duration::from_micros(200);
/// Bytes a pull gives when there is time for them.
const CHUNK: usize = 256 * 1024;
/// Bytes written between two looks at the clock.
const STEP: usize = 16 * 1024;

/// Names an image under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotId(u64);

impl SnapshotId {
    /// Its number among the core's images.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// What FLUSHALL does to an image under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFlush {
    /// It is of no use any more: the next pull answers [`Pull::Cancelled`].
    Cancel,
    /// It goes on without the keys not written yet: its reader gets the FLUSHALL too, after the image.
    Shorten,
}

/// What an image is to hold.
pub struct SnapshotOptions {
    /// The slots; `None` for all.
    pub slots: Option<SlotSet>,
    /// Fields to put behind those that every file begins with.
    pub aux: Vec<(&'static str, Vec<u8>)>,
    /// The code of each library of functions.
    pub functions: Vec<Bytes>,
    /// What FLUSHALL does to it.
    pub on_flush: OnFlush,
}

/// What a pull brought beside bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pull {
    /// There is more to come.
    More,
    /// These were the last bytes.
    Done,
    /// FLUSHALL made the image useless.
    Cancelled,
}

struct Active {
    id: SnapshotId,
    image: Box<dyn Image>,
    on_flush: OnFlush,
    cancelled: bool,
}

/// All images under way on a core.
#[derive(Default)]
pub struct Snapshots {
    active: Vec<Active>,
    last_id: u64,
}

impl Snapshots {
    /// Whether there is any.
    #[inline]
    pub fn is_active(&self) -> bool {
        !self.active.is_empty()
    }

    /// To be called before `key` is changed, made or removed by what is no data command.
    pub fn before_change(&mut self, keys: &Keyspace, slot: Slot, key: &[u8]) {
        self.active.iter_mut().for_each(|active| active.image.save_first(keys, slot, key));
    }

    /// To be called before keys of `slot`, or of any slot, are looked at in a way that removes what has expired.
    pub fn before_look(&mut self, keys: &Keyspace, slot: Option<Slot>, now_ms: u64) {
        self.active.iter_mut().for_each(|active| active.image.before_look(keys, slot, now_ms));
    }

    /// To be called before the keys of `slot` are replaced or taken away as a whole.
    pub fn before_slot_change(&mut self, keys: &Keyspace, slot: Slot) {
        self.active.iter_mut().for_each(|active| active.image.forget_slot(keys, slot));
    }

    /// To be called before all keys are deleted.
    pub fn before_flush(&mut self, keys: &Keyspace) {
        for active in &mut self.active {
            active.cancelled |= active.on_flush == OnFlush::Cancel;
            active.image.forget_all(keys);
        }
    }

    /// To be called with an entry that was removed because it expired or was evicted.
    pub fn removed(&mut self, slot: Slot, entry: EntryRef<'_>) {
        self.active.iter_mut().for_each(|active| active.image.removed(slot, entry));
    }

    /// Whether this image is still wanted.
    pub fn is_under_way(&self, id: SnapshotId) -> bool {
        self.active.iter().any(|active| active.id == id && !active.cancelled)
    }

    /// Keys written so far, and keys in all, of an image.
    pub fn progress(&self, id: SnapshotId) -> (u64, u64) {
        self.active.iter().find(|active| active.id == id).map_or((0, 0), |active| active.image.progress())
    }

    /// Bytes that images hold for their readers.
    pub fn backlog(&self) -> usize {
        self.active.iter().map(|active| active.image.backlog()).sum()
    }
}

impl Core {
    /// Begins an image of the keys as they are now, in the form of an RDB file.
    pub fn begin_snapshot(&mut self, options: SnapshotOptions) -> SnapshotId {
        let SnapshotOptions { slots, aux, functions, on_flush } = options;
        let mut own_aux = vec![
            ("redis-ver", REDIS_VERSION.into()),
            ("redis-bits", usize::BITS.to_string().into_bytes()),
            ("ctime", (self.now_ms / 1000).to_string().into_bytes()),
            ("used-mem", self.used_memory().to_string().into_bytes()),
        ];
        own_aux.extend(aux);
        let file = File {
            version: if self.keys.has_timed_fields() { VERSION_VALKEY } else { VERSION },
            aux: own_aux,
            functions,
            usage: self.usage_told(),
            now_ms: self.now_ms,
            checksum: self.config.persistence.rdbchecksum,
        };
        self.begin_snapshot_as(file, slots, on_flush)
    }

    /// Begins an image of the keys as they are now, in whatever form.
    pub fn begin_snapshot_as<F>(&mut self, format: F, slots: Option<SlotSet>, on_flush: OnFlush) -> SnapshotId
    where
        F: Format + 'static,
        F::Progress: 'static,
    {
        let slots = slots.unwrap_or_else(|| {
            let mut all = SlotSet::new();
            Slot::all().for_each(|slot| all.set(slot, true));
            all
        });
        let image = Snapshot::new(format, &self.keys, slots, self.config.persistence.rdbcompression);
        let snapshots = &mut self.snapshots;
        snapshots.last_id += 1;
        let id = SnapshotId(snapshots.last_id);
        snapshots.active.push(Active { id, image: Box::new(image), on_flush, cancelled: false });
        id
    }

    /// Appends the next bytes of an image to `out`, after one slice of work.
    pub fn pull_snapshot(&mut self, id: SnapshotId, out: &mut Vec<u8>) -> Pull {
        let start = Instant::now();
        let Some(active) = self.snapshots.active.iter_mut().find(|active| active.id == id) else {
            return Pull::Cancelled;
        };
        if active.cancelled {
            return Pull::Cancelled;
        }
        let (image, end) = (&mut active.image, out.len() + CHUNK);
        let delayed = self.config.persistence.rdb_key_save_delay != 0;
        let written = image.progress().0;
        image.take(CHUNK, out);
        while out.len() < end && start.elapsed() < SLICE && !image.is_done() {
            image.step(&self.keys, if delayed { 1 } else { STEP });
            image.take(end - out.len(), out);
            if delayed && image.progress().0 > written {
                break;
            }
        }
        self.busy = !image.is_done();
        if self.busy { Pull::More } else { Pull::Done }
    }

    /// Ends an image, whether it is whole or not.
    pub fn end_snapshot(&mut self, id: SnapshotId) {
        self.snapshots.active.retain(|active| active.id != id);
    }

    /// Before a data command: saves what it is about to change.
    pub fn save_first(&mut self, found: Found, args: &Args<'_>, slot: Option<Slot>) {
        let keys = &self.keys;
        self.snapshots.before_look(keys, slot, self.now_ms);
        let Some(slot) = slot.filter(|_| found.command.has(table::WRITE)) else { return };
        let mut save = |index: usize| self.snapshots.before_change(keys, slot, args[index]);
        // A malformed count names no keys, and the handler refuses it.
        let _ = found.command.each_written_key(args, &mut save);
    }

    /// What dumps say of a key's use: what the eviction policy goes by.
    fn usage_told(&self) -> Usage {
        match self.config.limits.maxmemory_policy {
            MaxmemoryPolicy::VolatileLru | MaxmemoryPolicy::AllkeysLru => Usage::Idle,
            MaxmemoryPolicy::VolatileLfu | MaxmemoryPolicy::AllkeysLfu => Usage::Frequency,
            _ => Usage::Untold,
        }
    }
}
