//! What the files of a log hold, run again.
//!
//! A base of commands and the incremental files are run through the handlers that ran them first, a slice at a time.
//! What is between MULTI and EXEC runs when its EXEC was read, or not at all. The end of the last file may be torn,
//! by a crash in the middle of a write; with `aof-load-truncated` it is cut off and logged, else it ends the start,
//! as anything else does that is not what a server writes: nothing is guessed.
//!
//! Time stands still for what is run again: a key expires when the log says so.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use ::aof::{Found, Reader};
use commands::Overdue;

use super::replay::Replay;
use super::{Aof, Folder, State};
use crate::config::{AppendFsync, reason};
use crate::core::Core;
use crate::executor;
use crate::log::{notice, warning};
use crate::persist::{Expired, Intake, Present, Progress};

/// The longest a slice of loading takes.
const SLICE: Duration = Duration::from_micros(200);
/// Bytes read at once.
const READ_BYTES: usize = 128 * 1024;
/// Commands run between two looks at the clock.
const STEP: usize = 32;

/// Loads the log that `core`'s folder holds, if any, while clients are told to wait.
///
/// # Errors
/// One sentence for the log: why the data cannot be trusted.
pub async fn load(core: &Rc<RefCell<Core>>) -> Result<(), String> {
    let mut loader = Loader::new(&mut core.borrow_mut())?;
    loop {
        {
            let mut core = core.borrow_mut();
            if !loader.step(&mut core, SLICE)? {
                return Ok(());
            }
            core.busy = true;
        }
        executor::yield_now().await;
    }
}

impl Core {
    /// Forgets all keys and loads the log anew, while nobody is served (DEBUG LOADAOF).
    ///
    /// # Errors
    /// One sentence for the log: why it could not be loaded. Of a log that was just turned on there is nothing to load yet:
    /// then the keys stay.
    pub fn reload_log(&mut self) -> Result<(), String> {
        if self.aof.state == State::Waiting {
            return Err("The append only file was turned on and has no base yet".into());
        }
        let now_ms = self.now_ms;
        if let Some(writer) = &mut self.aof.writer {
            writer.write(AppendFsync::No, now_ms, true);
        }
        self.flush_all();
        // What is run again is in the log already.
        self.effects.recording = false;
        let loaded = Loader::new(self).and_then(|mut loader| {
            while loader.step(self, Duration::MAX)? {}
            Ok(())
        });
        self.end_loading();
        self.update_recording();
        self.dirty = 0;
        loaded
    }
}

/// The files of a log on their way back into memory.
pub struct Loader {
    folder: Folder,
    /// Files still to be read: name, size, what it is called in the log.
    files: VecDeque<(String, u64, &'static str)>,
    current: Option<Current>,
    may_cut: bool,
    started: Instant,
    is_empty: bool,
}

/// A file being read.
struct Current {
    name: String,
    what: &'static str,
    file: File,
    reader: Reader,
    /// Bytes read and not yet understood, from `start` on.
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
    /// Bytes of the file before `start`.
    offset: u64,
    /// Bytes of the file that were run.
    valid: u64,
    /// The image that the file begins with, while it is read.
    image: Option<Box<Intake>>,
    replay: Replay,
    started: Instant,
}

impl Loader {
    /// Looks at the folder: which files there are.
    ///
    /// # Errors
    /// One sentence for the log.
    pub fn new(core: &mut Core) -> Result<Loader, String> {
        let aof = &mut core.aof;
        aof.manifest = aof.folder.load_manifest()?;
        aof.folder.adopt_old(&mut aof.manifest)?;
        let mut files = VecDeque::new();
        for (i, entry) in aof.manifest.files().enumerate() {
            let size = fs::metadata(aof.folder.path(&entry.name)).map_err(|e| {
                format!("Unable to obtain the AOF file {} length. stat: {}", entry.name, reason(&e))
            })?;
            let what = if i == 0 && aof.manifest.base().is_some() { "base" } else { "incr" };
            files.push_back((entry.name.clone(), size.len(), what));
        }
        let total: u64 = files.iter().map(|(_, size, _)| size).sum();
        let grows = aof.manifest.incremental().last().is_some();
        aof.other_bytes = total - files.back().filter(|_| grows).map_or(0, |(_, size, _)| *size);
        aof.base_bytes = files.front().filter(|(_, _, what)| *what == "base").map_or(0, |(_, size, _)| *size);
        core.begin_loading(total);
        Ok(Loader {
            folder: core.aof.folder.clone(),
            files,
            current: None,
            may_cut: core.config.persistence.aof_load_truncated,
            started: Instant::now(),
            is_empty: total == 0,
        })
    }

    /// Works for about `limit`; whether there is more to do.
    ///
    /// # Errors
    /// One sentence for the log: why the data cannot be trusted.
    pub fn step(&mut self, core: &mut Core, limit: Duration) -> Result<bool, String> {
        // What is run again expires when the log says so.
        let overdue = std::mem::replace(&mut core.settings.overdue, Overdue::Keep);
        let more = self.step_on(core, limit);
        core.settings.overdue = overdue;
        more
    }

    fn step_on(&mut self, core: &mut Core, limit: Duration) -> Result<bool, String> {
        let start = Instant::now();
        while start.elapsed() < limit {
            if self.current.is_none() && !self.open_next()? {
                if !self.is_empty {
                    let seconds = self.started.elapsed().as_secs_f64();
                    notice!("DB loaded from append only file: {seconds:.3} seconds");
                }
                return Ok(false);
            }
            let Some(current) = &mut self.current else { continue };
            if !current.run_some(core)? {
                self.end_file(core)?;
            }
        }
        Ok(true)
    }

    fn open_next(&mut self) -> Result<bool, String> {
        let Some((name, _, what)) = self.files.pop_front() else { return Ok(false) };
        let file = File::open(self.folder.path(&name)).map_err(|e| {
            format!("Fatal error: can't open the append log file {name} for reading: {}", reason(&e))
        })?;
        self.current = Some(Current {
            name,
            what,
            file,
            reader: Reader::default(),
            buffer: Vec::new(),
            start: 0,
            ended: false,
            offset: 0,
            valid: 0,
            image: None,
            replay: Replay::default(),
            started: Instant::now(),
        });
        Ok(true)
    }

    /// The present file is read to its end: was it whole?
    fn end_file(&mut self, core: &mut Core) -> Result<(), String> {
        let Some(current) = self.current.take() else { return Ok(()) };
        let Current { name, what, started, .. } = &current;
        let in_multi = current.replay.begun_at();
        if in_multi.is_some() {
            warning!("Revert incomplete MULTI/EXEC transaction in AOF file {name}");
        }
        if in_multi.is_some() || current.start < current.buffer.len() {
            let valid = in_multi.unwrap_or(current.valid);
            self.cut(name, valid)?;
            // Files that follow hold what came later: with a gap before them they mean nothing.
            if self.files.iter().any(|(_, size, _)| *size > 0) {
                return Err("Fatal error: the truncated file is not the last file".to_owned());
            }
            core.aof.note_cut(current.offset + current.buffer.len() as u64 - valid, self.files.is_empty());
        }
        notice!("DB loaded from {what} file {name}: {:.3} seconds", started.elapsed().as_secs_f64());
        Ok(())
    }

    /// Cuts the torn end off a file, if that is allowed.
    fn cut(&self, name: &str, valid: u64) -> Result<(), String> {
        if self.may_cut {
            warning!("!!! Warning: short read while loading the AOF file {name}!!!");
            warning!("!!! Truncating the AOF {name} at offset {valid} !!!");
            match cut_file(&self.folder.path(name), valid) {
                Ok(()) => {
                    warning!("AOF {name} loaded anyway because aof-load-truncated is enabled");
                    return Ok(());
                }
                Err(e) => warning!("Error truncating the AOF file {name}: {}", reason(&e)),
            }
        }
        Err(format!(
            "Unexpected end of file reading the append only file {name}. You can: 1) Make a backup of your AOF file, \
             then use redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the \
             'aof-load-truncated' configuration option to yes and restart the server."
        ))
    }
}

fn cut_file(path: &Path, len: u64) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    file.set_len(len)?;
    file.sync_all()
}

impl Current {
    /// Runs some commands, or takes in some of an image; false at the end of the file, torn or not.
    fn run_some(&mut self, core: &mut Core) -> Result<bool, String> {
        if self.offset == 0 && self.start == 0 && self.image.is_none() && self.begins_with_image(core)? {
            notice!("Reading RDB base file on AOF loading...");
            self.image = Some(Box::new(Intake::new(core, Expired::Keep)));
        }
        if let Some(image) = self.image.take() {
            self.image = self.take_in(core, image)?;
            return Ok(true);
        }
        for _ in 0..STEP {
            let rest = &self.buffer[self.start..];
            let found = self.reader.look(rest).map_err(|_| self.bad_format())?;
            match found {
                Found::Incomplete if self.ended => return Ok(false),
                Found::Incomplete => self.read(core)?,
                Found::Note(len) => self.advance(len),
                Found::Command(len) => {
                    let words: Vec<&[u8]> = self.reader.words(rest).collect();
                    self.replay.run(core, &words, self.offset + self.start as u64).map_err(|e| {
                        let name = &self.name;
                        format!("{e} reading the append only file {name}")
                    })?;
                    self.advance(len);
                }
            }
        }
        Ok(true)
    }

    /// Whether the file is an image, or begins with one.
    fn begins_with_image(&mut self, core: &mut Core) -> Result<bool, String> {
        if self.buffer.is_empty() && !self.ended {
            self.read(core)?;
        }
        Ok(rdb::load::begins_file(&self.buffer))
    }

    /// Takes in some of the image; what is left to do of it. Commands may follow its end.
    fn take_in(&mut self, core: &mut Core, mut image: Box<Intake>) -> Result<Option<Box<Intake>>, String> {
        let failed = |name: &str, why: String| {
            format!("Error reading the RDB preamble of the AOF file {name}, AOF loading aborted: {why}")
        };
        image.feed(&self.buffer[self.start..]);
        self.start = self.buffer.len();
        match image.run(core, SLICE).map_err(|why| failed(&self.name, why))? {
            Progress::More => return Ok(Some(image)),
            Progress::Hungry if self.ended => return Err(failed(&self.name, image.cut_short())),
            Progress::Hungry => {
                self.read(core)?;
                return Ok(Some(image));
            }
            Progress::Whole => {}
        }
        self.start = self.buffer.len() - image.rest().len();
        self.valid = self.offset + self.start as u64;
        core.saves.last_load = image.settle(core, Present::Kept).map_err(|why| failed(&self.name, why))?;
        Ok(None)
    }

    fn bad_format(&self) -> String {
        format!(
            "Bad file format reading the append only file {}: make a backup of your AOF file, then use \
             redis-check-aof --fix <filename.manifest>",
            self.name
        )
    }

    fn advance(&mut self, len: usize) {
        self.reader.next();
        self.start += len;
        self.valid = self.offset + self.start as u64;
    }

    fn read(&mut self, core: &mut Core) -> Result<(), String> {
        self.buffer.drain(..self.start);
        self.offset += std::mem::take(&mut self.start) as u64;
        // A command larger than this is read in ever larger pieces, but never more at once than there is already.
        let wanted = READ_BYTES.max(self.buffer.len());
        let len = self.buffer.len();
        self.buffer.resize(len + wanted, 0);
        let got = self.file.read(&mut self.buffer[len..]).map_err(|e| {
            format!("Unrecoverable error reading the append only file {}: {}", self.name, reason(&e))
        })?;
        self.buffer.truncate(len + got);
        self.ended = got == 0;
        core.note_loaded(got as u64);
        Ok(())
    }
}

impl Aof {
    /// So many bytes of a file were cut off; it is the one that grows, or another.
    fn note_cut(&mut self, bytes: u64, grows: bool) {
        if !grows {
            self.other_bytes = self.other_bytes.saturating_sub(bytes);
        }
    }
}
