//! An image that comes in: its bytes become keys, aside from those that are there.
//!
//! A file at start, a master's image, the base of a log, DEBUG RELOAD: whoever reads one feeds its bytes and lets it
//! work in slices. Its keys gather in a keyspace of their own and move into the core's, slot by slot and without a
//! copy, when all of it was read and its checksum is right ([`Intake::settle`]). So nobody ever sees half an image,
//! and one that is damaged costs nothing.

use std::thread;
use std::time::{Duration, Instant};

use base::{Slot, key_slot};
use commands::Used;
use rdb::load::{Event, Key, LoadError, Loader};
use replication::Id;
use store::Keyspace;

use crate::core::Core;
use crate::core::script::Policy;
use crate::log::notice;

/// Empty keys that the log names one by one.
const EMPTY_KEYS_NAMED: u64 = 10;

/// The field of a master's image that says which slots are on the move.
pub const OPEN_SLOTS: &str = "cluster-slot-states";

/// What becomes of keys of an image whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// They are left out.
    Drop,
    /// They stay: a master or a log will say when they go.
    Keep,
}

/// What becomes of the keys that are there when an image takes their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Present {
    /// There are none any more.
    Replaced,
    /// They stay, and the image must name none of them.
    Kept,
    /// They stay, but those that the image names are replaced.
    Merged,
}

/// How far a slice came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do with the bytes that were fed.
    More,
    /// More bytes are needed.
    Hungry,
    /// The end was read; what follows is not of the image.
    Whole,
}

/// Keys of an image: how many were taken in, and how many not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Taken in.
    pub loaded: u64,
    /// Left out because their time was over.
    pub expired: u64,
    /// Left out because they had no elements.
    pub empty: u64,
}

/// An image on its way in.
pub struct Intake {
    loader: Loader,
    keys: Keyspace,
    functions: Vec<Vec<u8>>,
    expired: Expired,
    whole: bool,
    /// The stream that the image is a moment of: its name, and the offset.
    stream: (Option<Id>, Option<u64>),
    /// Slots on the move, as the brain writes them.
    pub open_slots: String,
    /// Keys taken in and left out so far.
    pub counts: Counts,
}

impl Intake {
    /// An image from its first byte on.
    pub fn new(core: &Core, expired: Expired) -> Intake {
        Intake {
            loader: Loader::new(core.config.persistence.rdbchecksum),
            keys: Keyspace::new(),
            functions: Vec::new(),
            expired,
            whole: false,
            stream: (None, None),
            open_slots: String::new(),
            counts: Counts::default(),
        }
    }

    /// Adds the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.loader.feed(bytes);
    }

    /// Bytes that were fed and not read.
    pub fn rest(&self) -> &[u8] {
        self.loader.rest()
    }

    /// Whether the end was read.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// The stream that the image is a moment of, where it says so.
    pub fn stream(&self) -> Option<(Id, u64)> {
        Some((self.stream.0?, self.stream.1?))
    }

    /// Why an image whose bytes end here cannot be used.
    pub fn cut_short(&self) -> String {
        format!("Short read: it ends at offset {}, in the middle", self.loader.position())
    }

    /// Works for about `limit` with what was fed.
    ///
    /// # Errors
    /// Why the image cannot be used, as a part of a sentence.
    pub fn run(&mut self, core: &Core, limit: Duration) -> Result<Progress, String> {
        let start = Instant::now();
        while !self.whole && start.elapsed() < limit {
            let event = self.loader.next(&core.settings.limits).map_err(|e: LoadError| e.to_string())?;
            match event {
                None => return Ok(Progress::Hungry),
                Some(event) => self.take(core, event)?,
            }
        }
        Ok(if self.whole { Progress::Whole } else { Progress::More })
    }

    fn take(&mut self, core: &Core, event: Event) -> Result<(), String> {
        match event {
            Event::End => self.whole = true,
            Event::Database(0) | Event::Sizes(..) => {}
            Event::Database(_) => {
                return Err("it has more databases than the one of a cluster node".to_owned());
            }
            Event::Aux(name, text) => self.note(&name, &text),
            Event::Function(code) => self.functions.push(code),
            Event::Key(key) => {
                self.put(core, key)?;
                dawdle(core.config.persistence.key_load_delay, self.counts.loaded);
            }
        }
        Ok(())
    }

    fn note(&mut self, name: &[u8], text: &[u8]) {
        let shown = String::from_utf8_lossy(text);
        match name {
            b"redis-ver" | b"valkey-ver" => notice!("Loading RDB produced by version {shown}"),
            b"used-mem" => {
                let bytes: f64 = shown.parse().unwrap_or(0.0);
                notice!("RDB memory usage when created {:.2} Mb", bytes / f64::from(1 << 20));
            }
            b"repl-id" => self.stream.0 = Id::parse(text),
            name if name == OPEN_SLOTS.as_bytes() => self.open_slots = shown.into_owned(),
            b"repl-offset" => self.stream.1 = shown.parse().ok(),
            _ => {}
        }
    }

    fn put(&mut self, core: &Core, key: Key) -> Result<(), String> {
        let Key { key, value, expire_ms, idle_s, frequency } = key;
        let Some(value) = value else {
            self.counts.empty += 1;
            if self.counts.empty <= EMPTY_KEYS_NAMED {
                notice!("rdbLoadObject skipping empty key: {}", key.escape_ascii());
            }
            return Ok(());
        };
        if self.expired == Expired::Drop && expire_ms.is_some_and(|at_ms| at_ms < core.now_ms) {
            self.counts.expired += 1;
            return Ok(());
        }
        let slot = key_slot(&key);
        if self.keys.get(slot, &key).is_some() {
            return Err(format!("RDB has duplicated key '{}'", key.escape_ascii()));
        }
        self.keys.set(slot, &key, value, expire_ms);
        self.counts.loaded += 1;
        let used = frequency.map(Used::Often).or(idle_s.map(Used::Ago)).unwrap_or(Used::Ago(0));
        if let (Some(clock), Some(entry)) =
            (used.clock(core.now_ms, core.settings.lfu), self.keys.get(slot, &key))
        {
            entry.set_clock(clock);
        }
        Ok(())
    }

    /// Puts the whole image into the core's keys and functions.
    ///
    /// # Errors
    /// Why that cannot be, as a part of a sentence; nothing was changed then.
    pub fn settle(mut self, core: &mut Core, present: Present) -> Result<Counts, String> {
        let filled: Vec<Slot> = Slot::all().filter(|slot| self.keys.slot_len(*slot) > 0).collect();
        if present == Present::Kept {
            let clash = self.keys.iter().find(|(slot, entry)| core.keys.get(*slot, entry.key()).is_some());
            if let Some((_, entry)) = clash {
                return Err(format!("RDB has duplicated key '{}'", entry.key().escape_ascii()));
            }
        }
        let policy = match present {
            Present::Replaced => Policy::Flush,
            Present::Kept => Policy::Append,
            Present::Merged => Policy::Replace,
        };
        core.load_function_libraries(&self.functions, policy)
            .map_err(|why| format!("a library of functions cannot be loaded: {why}"))?;
        for slot in filled {
            core.snapshots.before_slot_change(&core.keys, slot);
            if present == Present::Replaced || core.keys.slot_len(slot) == 0 {
                let before = core.keys.put_slot(slot, self.keys.take_slot(slot));
                core.garbage.push_slot(before);
            } else {
                self.merge_slot(core, slot);
            }
        }
        Ok(self.counts)
    }

    /// Moves the keys of a slot over, one by one, to those that are there.
    fn merge_slot(&mut self, core: &mut Core, slot: Slot) {
        let names: Vec<Vec<u8>> = self.keys.slot(slot).iter().map(|entry| entry.key().to_vec()).collect();
        for entry in names.iter().filter_map(|name| self.keys.remove(slot, name)) {
            if let Some(before) = core.keys.put(slot, entry) {
                core.garbage.push(before);
            }
        }
    }
}

/// Waits after a key, where a test asked for that (`key-load-delay`, `rdb-key-save-delay`): so many microseconds, or
/// when negative, one for every so many keys.
pub fn dawdle(delay_us: i32, keys: u64) {
    match u64::from(delay_us.unsigned_abs()) {
        0 => {}
        us if delay_us > 0 => thread::sleep(Duration::from_micros(us)),
        every if keys.is_multiple_of(every) => thread::sleep(Duration::from_micros(1)),
        _ => {}
    }
}
