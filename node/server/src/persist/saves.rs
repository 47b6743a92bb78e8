//! SAVE, BGSAVE, and saving by itself: when this core's keys become its RDB file.
//!
//! A background save is an image (`snapshots`) that a task writes to a temporary file; nothing is forked, so its
//! cost is the slices that the walk takes and what writers save first.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use commands::Error;

use crate::core::Core;
use crate::log::{notice, warning};
use crate::persist::files::{self, WriteError};
use crate::persist::intake::Counts;
use crate::persist::snapshots::{OnFlush, SnapshotId, SnapshotOptions};

/// Seconds before a save that failed is tried again by itself.
const RETRY_S: u64 = 5;

/// BGSAVE or SAVE while a background save runs.
pub const IN_PROGRESS: Error = Error::new("ERR Background save already in progress");
/// BGSAVE CANCEL without anything to cancel.
pub const NOTHING_TO_CANCEL: Error =
    Error::new("ERR Background saving is currently not in progress or scheduled");

/// What a core knows of its saves.
pub struct Saves {
    /// When the keys were last saved, or the process started; unix seconds.
    pub last_s: u64,
    /// Whether the last background save succeeded.
    pub last_ok: bool,
    /// Seconds the last background save took.
    pub last_took_s: Option<u64>,
    /// Saves that succeeded.
    pub count: u64,
    /// Keys of the image that was last taken in.
    pub last_load: Counts,
    /// A save is to begin when the present one ends.
    pub scheduled: bool,
    /// When a background save was last begun; unix seconds.
    last_try_s: u64,
    running: Option<Running>,
}

struct Running {
    id: SnapshotId,
    started: Instant,
    /// Changes that the image holds.
    dirty: u64,
    /// It was scheduled, by FLUSHALL or within a transaction: one that is asked for outright replaces it.
    gives_way: bool,
}

impl Saves {
    /// A core that starts at `now_s` and counts that as its last save, as Redis does.
    pub fn new(now_s: u64) -> Saves {
        Saves {
            last_s: now_s,
            last_ok: true,
            last_took_s: None,
            count: 0,
            last_load: Counts::default(),
            scheduled: false,
            last_try_s: 0,
            running: None,
        }
    }

    /// The image being saved in the background, and for how many seconds.
    pub fn running(&self) -> Option<(SnapshotId, u64)> {
        self.running.as_ref().map(|running| (running.id, running.started.elapsed().as_secs()))
    }
}

impl Core {
    /// The file that this core's keys are saved to.
    pub fn rdb_file(&self) -> PathBuf {
        self.folder().join(&self.config.persistence.dbfilename)
    }

    /// BGSAVE: begins a background save, also in the place of one that only FLUSHALL asked for.
    ///
    /// # Errors
    /// Another runs.
    pub fn begin_wanted_save(&mut self) -> Result<(), Error> {
        self.clear_way()?;
        self.begin_background_save();
        Ok(())
    }

    fn clear_way(&mut self) -> Result<(), Error> {
        if let Some(running) = self.saves.running.take_if(|running| running.gives_way) {
            self.end_snapshot(running.id);
        }
        if self.saves.running.is_some() { Err(IN_PROGRESS) } else { Ok(()) }
    }

    fn begin_save(&mut self) -> SnapshotId {
        let mut aux = self.stream_fields();
        aux.push(("aof-base", b"0".to_vec()));
        let functions = self.scripting.engine.libraries().map(|library| library.code.clone()).collect();
        self.begin_snapshot(SnapshotOptions { slots: None, aux, functions, on_flush: OnFlush::Cancel })
    }

    /// Begins a background save; only when none runs.
    pub fn begin_background_save(&mut self) {
        let gives_way = std::mem::take(&mut self.saves.scheduled);
        self.saves.last_try_s = self.now_ms / 1000;
        let id = self.begin_save();
        let running = Running { id, started: Instant::now(), dirty: self.dirty, gives_way };
        self.saves.running = Some(running);
        notice!("Background saving started by pid {}", std::process::id());
        self.spawn(move |core| save_in_background(core, id));
    }

    fn end_background_save(&mut self, id: SnapshotId, outcome: Result<(), WriteError>) {
        self.end_snapshot(id);
        // Another may have taken its place.
        let Some(running) = self.saves.running.take_if(|running| running.id == id) else { return };
        self.saves.last_took_s = Some(running.started.elapsed().as_secs());
        match outcome {
            Ok(()) => {
                self.saved(running.dirty);
                notice!("DB saved on disk");
                notice!("Background saving terminated with success");
            }
            Err(WriteError::Io(_)) => {
                self.saves.last_ok = false;
                warning!("Background saving error");
            }
            // No error: the keys it was to save are gone, or nobody wants it any more.
            Err(WriteError::Cancelled) => notice!("Background saving cancelled"),
        }
    }

    /// Notes a save that holds the first `dirty` of the changes counted.
    fn saved(&mut self, dirty: u64) {
        // Keys that were loaded anew meanwhile began to count from 0.
        self.dirty = self.dirty.saturating_sub(dirty);
        self.saves.last_s = crate::clock::unix_ms() / 1000;
        self.saves.last_ok = true;
        self.saves.count += 1;
    }

    /// SAVE: saves now, while everything waits; a save that only FLUSHALL asked for is given up.
    ///
    /// # Errors
    /// Redis's for a failed SAVE, which does not say why; the log does.
    pub fn save_now(&mut self) -> Result<(), Error> {
        self.clear_way()?;
        self.save_regardless()
    }

    /// Saves now, also while a background save runs: at the end of the process, and for DEBUG RELOAD.
    ///
    /// # Errors
    /// As [`Core::save_now`].
    pub fn save_regardless(&mut self) -> Result<(), Error> {
        let id = self.begin_save();
        let folder = self.folder();
        let to = self.rdb_file();
        let written = files::write_image_now(self, id, &files::temporary(&folder, id), &to);
        self.end_snapshot(id);
        match written {
            Ok(()) => {
                self.saved(self.dirty);
                // What FLUSHALL asked for is done.
                self.saves.scheduled = false;
                notice!("DB saved on disk");
                Ok(())
            }
            Err(_) => Err(Error::new("ERR")),
        }
    }

    /// Gives up the background save that runs, and the one that is scheduled.
    ///
    /// # Errors
    /// When there is neither.
    pub fn cancel_save(&mut self) -> Result<&'static str, Error> {
        let scheduled = std::mem::take(&mut self.saves.scheduled);
        match &self.saves.running {
            Some(running) => {
                // The task that writes it finds it gone.
                let id = running.id;
                self.end_snapshot(id);
                Ok("Background saving cancelled")
            }
            None if scheduled => Ok("Scheduled background saving cancelled"),
            None => Err(NOTHING_TO_CANCEL),
        }
    }

    /// Saves when a save point is reached or a save was scheduled.
    pub fn save_if_due(&mut self) {
        let saves = &self.saves;
        if saves.running.is_some() {
            return;
        }
        let now_s = self.now_ms / 1000;
        let may_try = saves.last_ok || now_s.saturating_sub(saves.last_try_s) > RETRY_S;
        let since = now_s.saturating_sub(saves.last_s);
        let due = self.config.persistence.save.iter().find(|point| {
            self.dirty >= point.changes.unsigned_abs() && since > point.seconds.unsigned_abs() && may_try
        });
        if let Some(point) = due {
            notice!("{} changes in {} seconds. Saving...", point.changes, point.seconds);
        } else if !(saves.scheduled && may_try) {
            return;
        }
        self.begin_background_save();
    }

    /// Whether writes are refused because saving fails.
    pub fn saving_fails(&self) -> bool {
        !self.saves.last_ok
            && self.config.persistence.stop_writes_on_bgsave_error
            && !self.config.persistence.save.is_empty()
    }
}

async fn save_in_background(core: Rc<RefCell<Core>>, id: SnapshotId) {
    let (folder, to, incremental) = {
        let core = core.borrow();
        let incremental = core.config.persistence.rdb_save_incremental_fsync;
        (core.folder(), core.rdb_file(), incremental)
    };
    let outcome = files::write_image(&core, id, &files::temporary(&folder, id), &to, incremental).await;
    core.borrow_mut().end_background_save(id, outcome);
}
