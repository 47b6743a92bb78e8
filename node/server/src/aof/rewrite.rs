//! The log, rewritten: a base of the keys as they are takes the place of how they came to be.
//!
//! ```text
//!  base.1  incr.1 | incr.2 ............ grows from the moment on of which base.2 is the image
//!                 | base.2 is written to a temporary file
//!                                     | base.2 gets its name, the manifest names base.2 and incr.2 alone
//! ```
//!
//! At any moment the manifest names files that together hold everything: until the new one is in its place, that is
//! the old base and all increments. What it names no more is kept as history until it is deleted.
//!
//! A log that is turned on while the server runs has no base yet. What is appended meanwhile goes to a temporary
//! file, which becomes the first increment when the base is there; a server that dies before has no log.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use ::aof::Format;
use commands::Error;

use super::base::Commands;
use super::{Aof, State, Writer};
use crate::config::reason;
use crate::core::Core;
use crate::executor;
use crate::log::{notice, warning};
use crate::persist::{OnFlush, SnapshotId, SnapshotOptions, WriteError, write_image_now, write_temporary};

/// BGREWRITEAOF while one runs.
const IN_PROGRESS: Error = Error::new("ERR Background append only file rewriting already in progress");
/// It could not even begin.
const NOT_BEGUN: Error = Error::new(
    "ERR Can't execute an AOF background rewriting. Please check the server logs for more information.",
);
/// The log could not be turned on.
const NOT_TURNED_ON: &str = "Unable to turn on AOF. Check server logs.";
/// Rewrites that fail in a row before the next one has to wait, and how long at first and at most, in ms.
const FAILURES_MAX: u32 = 3;
const WAIT_FIRST_MS: u64 = 60_000;
const WAIT_MAX_MS: u64 = 3_600_000;

/// What a core knows of its rewrites.
pub struct Rewrites {
    running: Option<Running>,
    /// One is to begin when nothing is in its way.
    pub scheduled: bool,
    /// Whether the last one succeeded.
    pub last_ok: bool,
    /// Seconds the last one took.
    pub last_took_s: Option<u64>,
    /// How many succeeded.
    pub count: u64,
    /// How many failed in a row.
    pub failures: u32,
    /// Before this moment none begins by itself, unix ms.
    not_before_ms: u64,
}

struct Running {
    id: SnapshotId,
    format: Format,
    started: Instant,
    /// The name of the base until it is whole.
    temporary: PathBuf,
}

impl Default for Rewrites {
    fn default() -> Rewrites {
        Rewrites {
            running: None,
            scheduled: false,
            last_ok: true,
            last_took_s: None,
            count: 0,
            failures: 0,
            not_before_ms: 0,
        }
    }
}

impl Rewrites {
    /// Seconds since the one under way began.
    pub fn running_s(&self) -> Option<u64> {
        self.running.as_ref().map(|running| running.started.elapsed().as_secs())
    }

    fn failed(&mut self, now_ms: u64) {
        self.last_ok = false;
        self.failures += 1;
        if self.failures >= FAILURES_MAX {
            let doubled = (self.failures - FAILURES_MAX).min(16);
            let wait_ms = (WAIT_FIRST_MS << doubled).min(WAIT_MAX_MS);
            self.not_before_ms = now_ms + wait_ms;
            warning!(
                "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in {} minutes",
                wait_ms / 60_000
            );
        }
    }
}

impl Aof {
    /// Closes the file that grows and begins the next, in the folder `home`.
    fn begin_next_file(&mut self, home: &Path, now_ms: u64) -> io::Result<()> {
        if self.folder.move_to(home) {
            // What was written so far stays behind: the log begins anew.
            self.manifest = ::aof::Manifest::default();
            if self.state == State::On {
                self.state = State::Waiting;
            }
        }
        self.folder.make()?;
        if self.manifest.is_empty() {
            // A log that was turned off before may lie there: its files become history.
            self.manifest = self.folder.load_manifest().map_err(io::Error::other)?;
        }
        if self.state == State::Off {
            return Ok(());
        }
        if let Some(writer) = &mut self.writer {
            writer.flush(now_ms)?;
        }
        let mut manifest = self.manifest.clone();
        let path = if self.state == State::On {
            let name = manifest.begin_incremental(&self.folder.prefix).to_owned();
            self.folder.path(&name)
        } else {
            self.folder.temporary_increment()
        };
        let file = self.folder.open_path(&path, true)?;
        if manifest != self.manifest {
            self.folder.save_manifest(&manifest)?;
            notice!("Creating AOF incr file {} on background rewrite", path.display());
        }
        self.manifest = manifest;
        self.selected = false;
        match &mut self.writer {
            Some(writer) => {
                self.other_bytes += writer.size();
                writer.switch_to(file);
            }
            None => {
                let syncs = self.ended.as_ref().map_or(0, Writer::syncs);
                self.writer = Some(Writer::new(file, 0, now_ms, syncs));
            }
        }
        Ok(())
    }

    /// The new base is whole: it gets its name, and the manifest names it and what is behind it.
    fn finish_rewrite(&mut self, format: Format, temporary: &Path) -> io::Result<()> {
        let prefix = self.folder.prefix.clone();
        let mut manifest = self.manifest.clone();
        let base = manifest.begin_base(&prefix, format).to_owned();
        fs::rename(temporary, self.folder.path(&base))?;
        let mut adopted = None;
        if self.state == State::Waiting {
            manifest.retire_incremental(0);
            let name = manifest.begin_incremental(&prefix).to_owned();
            fs::rename(self.folder.temporary_increment(), self.folder.path(&name))?;
            adopted = Some(name);
        } else {
            manifest.retire_incremental(usize::from(self.state == State::On));
        }
        self.folder.save_manifest(&manifest).inspect_err(|_| {
            // The file goes on under the name that nobody will look for.
            if let Some(name) = &adopted {
                let _ = fs::rename(self.folder.path(name), self.folder.temporary_increment());
            }
        })?;
        self.manifest = manifest;
        self.base_bytes = fs::metadata(self.folder.path(&base))?.len();
        self.other_bytes = self.base_bytes;
        if self.state == State::Waiting {
            self.state = State::On;
        }
        Ok(())
    }

    /// Takes the history out of the manifest; its files are to be deleted.
    fn forget_history(&mut self) -> Vec<PathBuf> {
        let paths: Vec<PathBuf> =
            self.manifest.history().iter().map(|entry| self.folder.path(&entry.name)).collect();
        if !paths.is_empty() {
            let mut manifest = self.manifest.clone();
            manifest.forget_history();
            if self.folder.save_manifest(&manifest).is_err() {
                return Vec::new();
            }
            self.manifest = manifest;
        }
        paths
    }
}

impl Core {
    /// BGREWRITEAOF: begins a rewrite, or notes that one is wanted; what to answer.
    ///
    /// # Errors
    /// One runs, or it cannot begin.
    pub fn ask_rewrite(&mut self) -> Result<&'static str, Error> {
        if self.aof.rewrites.running.is_some() {
            return Err(IN_PROGRESS);
        }
        if self.saves.running().is_some() || self.in_unit() {
            self.aof.rewrites.scheduled = true;
            self.aof.rewrites.not_before_ms = 0;
            return Ok("Background append only file rewriting scheduled");
        }
        self.begin_rewrite()?;
        Ok("Background append only file rewriting started")
    }

    fn begin_rewrite(&mut self) -> Result<(), Error> {
        self.aof.rewrites.scheduled = false;
        let (home, now_ms) = (self.folder(), self.now_ms);
        if let Err(e) = self.aof.begin_next_file(&home, now_ms) {
            warning!("Can't begin to rewrite the AOF: {}", reason(&e));
            self.aof.rewrites.failed(now_ms);
            return Err(NOT_BEGUN);
        }
        let format = self.base_format();
        let id = self.begin_base(format);
        let name = format!("temp-rewriteaof-bg-{}-{}.aof", std::process::id(), id.number());
        let temporary = home.join(name);
        let running = Running { id, format, started: Instant::now(), temporary: temporary.clone() };
        self.aof.rewrites.running = Some(running);
        self.update_recording();
        notice!("Background append only file rewriting started by pid {}", std::process::id());
        let incremental = self.config.persistence.aof_rewrite_incremental_fsync;
        self.spawn(move |core| rewrite_in_background(core, id, temporary, incremental));
        Ok(())
    }

    /// How a base is written.
    pub(super) fn base_format(&self) -> Format {
        if self.config.persistence.aof_use_rdb_preamble { Format::Rdb } else { Format::Commands }
    }

    /// Writes the base of a log that begins with the server.
    pub(super) fn write_first_base(&mut self, format: Format, path: &Path) -> io::Result<()> {
        let id = self.begin_base(format);
        let temporary = path.with_extension("temp");
        let written = write_image_now(self, id, &temporary, path);
        self.end_snapshot(id);
        written?;
        self.aof.base_bytes = fs::metadata(path)?.len();
        self.aof.other_bytes = self.aof.base_bytes;
        Ok(())
    }

    fn begin_base(&mut self, format: Format) -> SnapshotId {
        let functions = self.scripting.engine.libraries().map(|library| library.code.clone()).collect();
        // FLUSHALL stands behind the image, in the file that grows.
        let on_flush = OnFlush::Shorten;
        match format {
            Format::Rdb => {
                let aux = vec![("aof-base", b"1".to_vec())];
                self.begin_snapshot(SnapshotOptions { slots: None, aux, functions, on_flush })
            }
            Format::Commands => {
                let noted_s = self.config.persistence.aof_timestamp_enabled.then_some(self.now_ms / 1000);
                self.begin_snapshot_as(Commands { functions, noted_s }, None, on_flush)
            }
        }
    }

    /// The image `id` was written to `temporary`, or was not; which files are to be deleted now.
    fn end_rewrite(
        &mut self,
        id: SnapshotId,
        outcome: Result<(), WriteError>,
        temporary: PathBuf,
    ) -> Vec<PathBuf> {
        self.end_snapshot(id);
        // Another may run by now: this one was given up.
        let Some(running) = self.aof.rewrites.running.take_if(|running| running.id == id) else {
            return Vec::new();
        };
        let took = running.started.elapsed();
        self.aof.rewrites.last_took_s = Some(took.as_secs());
        let finished = outcome.is_ok() && self.put_base_in_place(running.format, &temporary);
        let now_ms = self.now_ms;
        let mut gone = Vec::new();
        if finished {
            let rewrites = &mut self.aof.rewrites;
            (rewrites.last_ok, rewrites.failures, rewrites.not_before_ms) = (true, 0, 0);
            rewrites.count += 1;
            notice!("Background AOF rewrite finished successfully");
            if !self.config.persistence.aof_disable_auto_gc {
                gone = self.aof.forget_history();
            }
        } else {
            warning!("Background AOF rewrite terminated with error");
            self.aof.rewrites.failed(now_ms);
        }
        // One that was turned on has no base yet: it is tried again.
        self.aof.rewrites.scheduled |= self.aof.state == State::Waiting;
        self.update_recording();
        gone
    }

    fn put_base_in_place(&mut self, format: Format, temporary: &Path) -> bool {
        let placed = self.aof.finish_rewrite(format, temporary);
        if let Err(e) = &placed {
            warning!("Error trying to put the rewritten AOF in its place: {}", reason(e));
        }
        placed.is_ok()
    }

    /// Begins a rewrite that was scheduled, or that the log's growth asks for.
    pub fn rewrite_if_due(&mut self) {
        let rewrites = &self.aof.rewrites;
        if rewrites.running.is_some()
            || self.saves.running().is_some()
            || self.now_ms < rewrites.not_before_ms
        {
            return;
        }
        if !rewrites.scheduled {
            let (current, base) = (self.aof.current_bytes(), self.aof.base_bytes().max(1));
            let percent = u64::from(self.config.persistence.auto_aof_rewrite_percentage);
            let least = self.config.persistence.auto_aof_rewrite_min_size;
            let growth = (u128::from(current) * 100 / u128::from(base)).saturating_sub(100);
            if self.aof.state != State::On || percent == 0 || current <= least || growth < u128::from(percent)
            {
                return;
            }
            notice!("Starting automatic rewriting of AOF on {growth}% growth");
        }
        // What is wrong stands in the log, and the next attempt waits.
        let _ = self.begin_rewrite();
    }

    /// `appendonly` is another now: begins a log, or ends it.
    ///
    /// # Errors
    /// Why it cannot begin, for CONFIG SET.
    pub fn switch_log(&mut self, on: bool) -> Result<(), &'static str> {
        match (on, self.aof.state) {
            // At start the files say what there is.
            _ if self.loading.is_some() => Ok(()),
            (true, State::Off) => self.start_log(),
            (false, State::On | State::Waiting) => {
                self.stop_log();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A log of other data is of no use: it begins anew (after a full synchronisation).
    pub fn restart_log(&mut self) {
        if self.aof.state != State::Off {
            self.stop_log();
            if self.start_log().is_err() {
                warning!("The AOF could not be begun anew: it is tried again");
                self.aof.state = State::Waiting;
                self.aof.rewrites.scheduled = true;
            }
        }
    }

    /// Begins a log. A save under way is no obstacle, as it is for BGREWRITEAOF, which can wait: what is written before the base
    /// is there outlives nothing.
    fn start_log(&mut self) -> Result<(), &'static str> {
        self.give_rewrite_up();
        self.aof.state = State::Waiting;
        if self.in_unit() {
            self.aof.rewrites.scheduled = true;
            notice!(
                "AOF was enabled during a transaction. An AOF background was scheduled to start when possible."
            );
        } else if self.begin_rewrite().is_err() {
            self.aof.state = State::Off;
            return Err(NOT_TURNED_ON);
        }
        Ok(())
    }

    fn stop_log(&mut self) {
        self.give_rewrite_up();
        self.finish_log();
        self.aof.marks.clear();
        if let Some(ended) = self.aof.writer.take() {
            self.aof.other_bytes += ended.size();
            self.aof.ended = ended.is_syncing().then_some(ended);
        }
        if self.aof.state == State::Waiting {
            // It may not even have come into being.
            let _ = fs::remove_file(self.aof.folder.temporary_increment());
        }
        self.aof.state = State::Off;
        self.aof.rewrites.scheduled = false;
        self.update_recording();
    }

    /// Ends the rewrite under way, if any: the log is as good without.
    pub fn give_rewrite_up(&mut self) {
        if let Some(running) = self.aof.rewrites.running.take() {
            notice!("Killing AOF child");
            // The task that writes it finds it gone.
            self.end_snapshot(running.id);
            // It may not even have come into being.
            let _ = fs::remove_file(running.temporary);
        }
    }
}

async fn rewrite_in_background(
    core: Rc<RefCell<Core>>,
    id: SnapshotId,
    temporary: PathBuf,
    incremental_sync: bool,
) {
    let outcome = write_temporary(&core, id, &temporary, incremental_sync).await;
    let gone = core.borrow_mut().end_rewrite(id, outcome, temporary);
    for path in gone {
        notice!("Removing {} in the background", path.display());
        if let Err(e) = executor::remove(&path).await {
            warning!("Fail to remove {}: {e}", path.display());
        }
    }
}
