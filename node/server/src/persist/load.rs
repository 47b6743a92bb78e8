//! A core's RDB file, read: at start, and again by DEBUG RELOAD.
//!
//! Each core reads its own file, all at the same time, a slice at a time, so that clients are told how far it is.
//! Nothing is guessed: a file that is damaged ends the start with one sentence that says where.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::rc::Rc;
use std::time::{Duration, Instant};

use base::Slot;
use cluster::SlotSet;

use crate::config::reason;
use crate::core::Core;
use crate::executor;
use crate::log::notice;
use crate::persist::intake::{Counts, Expired, Intake, Present, Progress};
use crate::process::fatal;

/// The longest a slice of loading takes.
const SLICE: Duration = Duration::from_millis(1);
/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;

/// The file on its way into the keys.
struct Reading {
    file: File,
    /// What its errors begin with.
    name: String,
    intake: Intake,
    buffer: Vec<u8>,
    started: Instant,
}

/// Reads the core's RDB file, where there is one. A file that cannot be used ends the process.
pub async fn load_file(core: &Rc<RefCell<Core>>) {
    let reading = Reading::open(&mut core.borrow_mut());
    let Some(mut reading) = reading.unwrap_or_else(|why| fatal(&why)) else { return };
    loop {
        let more = reading.step(&mut core.borrow_mut(), SLICE);
        if !more.unwrap_or_else(|why| fatal(&why)) {
            break;
        }
        core.borrow_mut().busy = true;
        executor::yield_now().await;
    }
    let mut core = core.borrow_mut();
    let stream = reading.intake.stream();
    reading.settle(&mut core, Present::Replaced).unwrap_or_else(|why| fatal(&why));
    if let Some((id, offset)) = stream {
        core.continue_stream_of(id, offset);
    }
}

impl Reading {
    /// Begins to read the core's file; `None` where there is none.
    fn open(core: &mut Core) -> Result<Option<Reading>, String> {
        let path = core.rdb_file();
        let name = format!("Fatal error loading the DB {}", path.display());
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (size, file) = match opened {
            Ok(opened) => opened,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(format!("{name}: {}. Exiting.", reason(&e))),
        };
        core.begin_loading(size);
        // On a replica nothing expires before the master says so.
        let is_replica = core.cluster.myself().is_replica();
        let intake = Intake::new(core, if is_replica { Expired::Keep } else { Expired::Drop });
        let (buffer, started) = (vec![0; READ_BYTES], Instant::now());
        Ok(Some(Reading { file, name, intake, buffer, started }))
    }

    /// Works for about `limit`; whether there is more to do.
    fn step(&mut self, core: &mut Core, limit: Duration) -> Result<bool, String> {
        let start = Instant::now();
        while start.elapsed() < limit {
            let progress = self.intake.run(core, limit).map_err(|why| self.failure(&why))?;
            match progress {
                Progress::More => {}
                Progress::Whole => return Ok(false),
                Progress::Hungry => {
                    let got = self.file.read(&mut self.buffer).map_err(|e| self.failure(&reason(&e)))?;
                    if got == 0 {
                        return Err(self.failure(&self.intake.cut_short()));
                    }
                    self.intake.feed(&self.buffer[..got]);
                    core.note_loaded(got as u64);
                }
            }
        }
        Ok(true)
    }

    fn failure(&self, why: &str) -> String {
        format!("{}: {why}. Exiting.", self.name)
    }

    /// The whole file becomes the core's keys.
    fn settle(self, core: &mut Core, present: Present) -> Result<(), String> {
        let name = self.name;
        let counts = self.intake.settle(core, present).map_err(|why| format!("{name}: {why}. Exiting."))?;
        let Counts { loaded, expired, empty } = counts;
        core.saves.last_load = counts;
        match empty {
            0 => notice!("Done loading RDB, keys loaded: {loaded}, keys expired: {expired}."),
            _ => notice!(
                "Done loading RDB, keys loaded: {loaded}, keys expired: {expired}, empty keys skipped: {empty}."
            ),
        }
        notice!("DB loaded from disk: {:.3} seconds", self.started.elapsed().as_secs_f64());
        Ok(())
    }
}

impl Core {
    /// Reads the RDB file anew, while nobody is served (DEBUG RELOAD).
    ///
    /// # Errors
    /// One sentence for the log; the keys are as they were then.
    pub fn reload_file(&mut self, present: Present) -> Result<(), String> {
        let loaded = self.read_file_now(present);
        self.end_loading();
        loaded
    }

    fn read_file_now(&mut self, present: Present) -> Result<(), String> {
        let missing = format!("There is no file {}", self.rdb_file().display());
        let mut reading = Reading::open(self)?.ok_or(missing)?;
        while reading.step(self, Duration::MAX)? {}
        if present == Present::Replaced {
            self.flush_all();
        }
        reading.settle(self, present)?;
        self.dirty = 0;
        Ok(())
    }

    /// After loading: makes slots and keys agree. What a master has keys of and nobody serves becomes its own.
    pub fn reconcile_slots(&mut self) {
        let mut with_keys = SlotSet::default();
        for slot in Slot::all().filter(|slot| self.keys.slot_len(*slot) > 0) {
            with_keys.insert(slot);
        }
        let now = self.bus_now();
        self.cluster.reconcile_keys(&with_keys, now);
        self.carry_out();
    }
}
