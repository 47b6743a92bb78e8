//! The append-only file of a core: every write, in a log that outlives the process.
//!
//! Source: the documentation of Redis persistence, and the files of Redis 7 and Valkey 8 and 9. Each core has its
//! own log in its own folder, which a real server can take over as it is.
//!
//! - `files`: the folder, the manifest, and where files come from.
//! - `load`, `replay`: what the files hold, run again at the start.
//! - `writer`: the file that grows.
//! - `commit`: the end of a round, and which replies wait for the disk.
//! - `rewrite`, `base`: a new base in the place of all before; the log turned on and off.

mod base;
mod commit;
mod files;
mod load;
mod replay;
mod rewrite;
mod writer;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::Duration;

use ::aof::{Manifest, write_timestamp};
use commands::Error;
use resp::write_command;

use crate::config::{Config, reason};
use crate::core::Core;
use crate::log::notice;
pub use commit::Gate;
use commit::Kept;
use files::Folder;
pub use load::load;
pub use rewrite::Rewrites;
pub use writer::Writer;
use writer::Wrote;

/// Whether there is a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No.
    Off,
    /// It was turned on, and its base is not written yet.
    Waiting,
    /// Yes.
    On,
}

/// A core's log.
pub struct Aof {
    state: State,
    folder: Folder,
    manifest: Manifest,
    /// The file that takes commands.
    writer: Option<Writer>,
    /// The one that took them until the log was turned off, as long as the disk may be about it.
    ended: Option<Writer>,
    /// Rewrites.
    pub rewrites: Rewrites,
    /// Bytes of the other files that the manifest names.
    other_bytes: u64,
    /// Bytes of all files when the last base was written.
    base_bytes: u64,
    /// Replies that wait for the disk.
    pub kept: Kept,
    /// Ends of writes on their way to the disk: how much was appended, and the stream's offset then.
    marks: VecDeque<(u64, u64)>,
    /// The stream's offset up to which the disk has all.
    synced_offset: u64,
    /// SELECT stands in the file that grows.
    selected: bool,
    /// Unix seconds of the last note of the time.
    noted_s: u64,
    /// What each write waits for first (DEBUG AOF-FLUSH-SLEEP).
    pub write_pause: Duration,
}

impl Aof {
    /// The log in a core's folder, not opened yet.
    pub fn new(home: &Path, config: &Config) -> Aof {
        let names = &config.persistence;
        Aof {
            state: State::Off,
            folder: Folder::new(home, &names.appenddirname, &names.appendfilename),
            manifest: Manifest::default(),
            writer: None,
            ended: None,
            rewrites: Rewrites::default(),
            other_bytes: 0,
            base_bytes: 0,
            kept: Kept::default(),
            marks: VecDeque::new(),
            synced_offset: 0,
            selected: false,
            noted_s: 0,
            write_pause: Duration::ZERO,
        }
    }

    /// Whether there is a log.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether commands are taken.
    #[inline]
    pub fn is_recording(&self) -> bool {
        self.writer.is_some()
    }

    /// The file that takes commands.
    pub fn writer(&self) -> Option<&Writer> {
        self.writer.as_ref()
    }

    /// Bytes of all files that the manifest names.
    pub fn current_bytes(&self) -> u64 {
        self.other_bytes + self.writer.as_ref().map_or(0, Writer::size)
    }

    /// Bytes of all files when the last base was written.
    pub fn base_bytes(&self) -> u64 {
        self.base_bytes
    }

    /// Appends what one unit did; `now_s` where the time is to be noted.
    pub fn append(&mut self, parts: &[&[u8]], now_s: Option<u64>) {
        let Some(writer) = &mut self.writer else { return };
        let mut head = Vec::new();
        if let Some(now_s) = now_s.filter(|now_s| self.noted_s < *now_s) {
            self.noted_s = now_s;
            write_timestamp(&mut head, now_s);
        }
        if !self.selected {
            self.selected = true;
            write_command(&mut head, ["SELECT", "0"].iter());
        }
        if !head.is_empty() {
            writer.append(&[&head]);
        }
        writer.append(parts);
    }

    /// Opens the file that is to grow: the last of those that were loaded, or a new one.
    fn open(&mut self, mut manifest: Manifest, now_ms: u64) -> io::Result<()> {
        let opened = manifest.incremental().last().map(|file| file.name.clone());
        let name = match &opened {
            Some(name) => name.clone(),
            None => manifest.begin_incremental(&self.folder.prefix).to_owned(),
        };
        let file = self.folder.open(&name, false)?;
        let size = file.metadata()?.len();
        if manifest != self.manifest {
            self.folder.save_manifest(&manifest)?;
        }
        let verb = if opened.is_some() { "Opening" } else { "Creating" };
        notice!("{verb} AOF incr file {name} on server start");
        self.manifest = manifest;
        self.writer = Some(Writer::new(file, size, now_ms, 0));
        self.state = State::On;
        Ok(())
    }

    /// Writes and syncs all of it, as far as that can be done.
    pub fn finish(&mut self, now_ms: u64) {
        if let Some(writer) = &mut self.writer {
            notice!("Calling fsync() on the AOF file.");
            if let Err(e) = writer.flush(now_ms) {
                crate::log::warning!("Fail to fsync the AOF file: {}", reason(&e));
            }
        }
    }

    /// Waits before a write, where a test asked for that.
    fn dawdle(&self) {
        if !self.write_pause.is_zero() && self.writer.as_ref().is_some_and(|writer| writer.buffered() > 0) {
            std::thread::sleep(self.write_pause);
        }
    }

    fn finish_sync(&mut self, serial: u32, result: i32) -> bool {
        let known = self.writer.as_mut().is_some_and(|writer| writer.finish_sync(serial, result));
        let synced = self.writer.as_ref().map_or(0, Writer::synced);
        while self.marks.front().is_some_and(|(appended, _)| *appended <= synced) {
            self.synced_offset = self.marks.pop_front().map_or(0, |(_, offset)| offset);
        }
        known
    }
}

impl Core {
    /// Opens the log that was loaded, or begins one where there was none.
    ///
    /// # Errors
    /// The system's; it was logged.
    pub fn open_log(&mut self) -> io::Result<()> {
        self.aof.folder.make()?;
        let mut manifest = self.aof.manifest.clone();
        if manifest.is_empty() {
            let format = self.base_format();
            let base = manifest.begin_base(&self.aof.folder.prefix, format).to_owned();
            let path = self.aof.folder.path(&base);
            self.write_first_base(format, &path)?;
            notice!("Creating AOF base file {base} on server start");
        }
        let now_ms = self.now_ms;
        self.aof.open(manifest, now_ms)
    }

    /// At the end of the process: sees that the disk has all of the log.
    pub fn finish_log(&mut self) {
        let now_ms = self.now_ms;
        self.aof.finish(now_ms);
    }

    /// The stream's offset up to which this node's disk has all; `None` without a log.
    pub fn log_offset(&self) -> Option<u64> {
        let writer = self.aof.writer().filter(|_| self.aof.state == State::On)?;
        let all = writer.synced() == writer.appended();
        Some(if all { self.replication.offset() } else { self.aof.synced_offset })
    }

    /// Why no writes are taken: the log cannot be written.
    #[inline]
    pub fn log_trouble(&self) -> Option<Error> {
        let errno = self.aof.writer()?.error()?;
        let reason = reason(&io::Error::from_raw_os_error(errno));
        Some(Error::text(format!("MISCONF Errors writing to the AOF file: {reason}")))
    }
}
