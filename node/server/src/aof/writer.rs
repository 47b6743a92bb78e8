//! The file that grows: what commands appended, on its way to the kernel and to the disk.
//!
//! A round of the core appends to a buffer in memory; at its end the buffer is written, one write for all
//! commands of all clients. When the disk is asked to keep it depends on `appendfsync`:
//!
//! - `always`: at once, and the round's replies wait for it (`core::commit`). The disk is asked through the
//!   core's ring, so meanwhile the core serves on; what that appends is the next group.
//! - `everysec`: once a second, through the ring. A write behind a sync under way could be held up by the kernel,
//!   so it waits for it, two seconds at most.
//! - `no`: never; the kernel writes when it likes.
//!
//! What could not be written stays in the buffer: nothing is lost, and nothing stands in the file twice or in
//! halves. The next round tries again. Under `always` there is no going on: the data in memory has changed, and
//! what clients may already have seen can be neither kept nor taken back.
//!
//! ```text
//!  appended by commands           buffer            file            disk
//!  --------------------------> [ ........ ] --> [ written | synced ]
//! ```

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};

use crate::config::{AppendFsync, reason};
use crate::log::{notice, warning};

/// Time between two syncs under `everysec`, in ms.
const SYNC_INTERVAL_MS: u64 = 1000;
/// How long a write waits for a sync under way, in ms.
const POSTPONE_MAX_MS: u64 = 2000;
/// Time between two log lines about writes that fail, in ms.
const COMPLAINT_INTERVAL_MS: u64 = 30_000;
/// Memory kept for the next round, in bytes.
const KEEP_BYTES: usize = 64 * 1024;

/// A sync that was asked for.
#[derive(Debug)]
struct Sync {
    /// Tells it from others.
    serial: u32,
    /// It covers everything appended up to here, counted as in [`Writer`].
    position: u64,
}

/// What [`Writer::write`] did.
#[derive(Debug)]
pub enum Wrote {
    /// There was nothing to write.
    Nothing,
    /// Everything was written.
    All,
    /// It waits for a sync under way.
    Later,
    /// The kernel refused; what was not written is kept.
    Failed,
}

/// The file that commands are appended to.
pub struct Writer {
    file: File,
    /// The file before, as long as the disk may be about it.
    before: Option<File>,
    /// Bytes of whole commands in it.
    size: u64,
    buffer: Vec<u8>,
    /// Bytes ever appended, written and known to be on the disk, over all files, counted from the same start.
    appended: u64,
    written: u64,
    synced: u64,
    sync: Option<Sync>,
    syncs: u32,
    last_sync_ms: u64,
    postponed_since_ms: Option<u64>,
    complained_ms: u64,
    /// Why the last write, and the last sync, failed: an `errno`.
    write_error: Option<i32>,
    sync_error: Option<i32>,
    /// Writes that did not wait for a slow sync any longer (`aof_delayed_fsync`).
    delayed: u64,
}

impl Writer {
    /// Appends to `file`, which holds `size` bytes of whole commands; its syncs have numbers above `syncs`.
    pub fn new(file: File, size: u64, now_ms: u64, syncs: u32) -> Writer {
        Writer {
            file,
            before: None,
            size,
            buffer: Vec::new(),
            appended: 0,
            written: 0,
            synced: 0,
            sync: None,
            syncs,
            last_sync_ms: now_ms,
            postponed_since_ms: None,
            complained_ms: 0,
            write_error: None,
            sync_error: None,
            delayed: 0,
        }
    }

    /// Goes on in `file`, which is empty. What was appended so far was [flushed](Writer::flush).
    pub fn switch_to(&mut self, file: File) {
        let before = std::mem::replace(&mut self.file, file);
        // The ring may still know it by its descriptor.
        self.before = self.sync.is_some().then_some(before);
        self.size = 0;
    }

    /// The number of the last sync that was asked for.
    pub fn syncs(&self) -> u32 {
        self.syncs
    }

    /// Appends whole commands.
    #[inline]
    pub fn append(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.buffer.extend_from_slice(part);
            self.appended += part.len() as u64;
        }
    }

    /// Bytes ever appended.
    pub fn appended(&self) -> u64 {
        self.appended
    }

    /// Bytes ever appended that the disk is known to hold.
    pub fn synced(&self) -> u64 {
        self.synced
    }

    /// Bytes in the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that wait to be written.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Whether a sync is under way.
    pub fn is_syncing(&self) -> bool {
        self.sync.is_some()
    }

    /// Whether a sync that is under way will cover all that was appended.
    pub fn is_covered(&self) -> bool {
        self.sync.as_ref().is_some_and(|sync| sync.position == self.appended)
    }

    /// See the field.
    pub fn delayed(&self) -> u64 {
        self.delayed
    }

    /// Whether the last write succeeded.
    pub fn writes(&self) -> bool {
        self.write_error.is_none()
    }

    /// Why commands may be lost should the process or the machine stop now: an `errno`.
    pub fn error(&self) -> Option<i32> {
        self.write_error.or(self.sync_error)
    }

    /// Writes the buffer, or keeps it for later.
    pub fn write(&mut self, policy: AppendFsync, now_ms: u64, force: bool) -> Wrote {
        if self.buffer.is_empty() {
            return Wrote::Nothing;
        }
        if policy == AppendFsync::EverySec && self.sync.is_some() && !force && self.postpone(now_ms) {
            return Wrote::Later;
        }
        self.postponed_since_ms = None;
        let (taken, error) = write_some(&mut self.file, &self.buffer);
        let whole = match &error {
            Some(error) => self.keep_whole(taken, error, now_ms),
            None => taken,
        };
        self.size += whole as u64;
        self.written += whole as u64;
        if whole == self.buffer.len() {
            self.buffer.clear();
            self.buffer.shrink_to(KEEP_BYTES);
        } else {
            self.buffer.drain(..whole);
        }
        if let Some(error) = error {
            self.write_error = Some(errno(&error));
            return Wrote::Failed;
        }
        if self.write_error.take().is_some() {
            notice!("AOF write error looks solved. The server can write again.");
        }
        Wrote::All
    }

    /// Whether a write still waits for the sync under way.
    fn postpone(&mut self, now_ms: u64) -> bool {
        let since = *self.postponed_since_ms.get_or_insert(now_ms);
        if now_ms.saturating_sub(since) < POSTPONE_MAX_MS {
            return true;
        }
        self.delayed += 1;
        notice!(
            "Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for \
             fsync to complete, this may slow down the server."
        );
        false
    }

    /// After a write that took only `taken` bytes: takes them back, so that the file ends with a whole command; how
    /// many bytes are in the file for good.
    fn keep_whole(&mut self, taken: usize, error: &io::Error, now_ms: u64) -> usize {
        let complain = now_ms.saturating_sub(self.complained_ms) > COMPLAINT_INTERVAL_MS;
        if complain {
            self.complained_ms = now_ms;
            if taken == 0 {
                warning!("Error writing to the AOF file: {}", reason(error));
            } else {
                let len = self.buffer.len();
                warning!("Short write while writing to the AOF file: (nwritten={taken}, expected={len})");
            }
        }
        if taken == 0 {
            return 0;
        }
        match self.file.set_len(self.size) {
            Ok(()) => 0,
            Err(e) => {
                if complain {
                    warning!(
                        "Could not remove short write from the append-only file. The server may refuse to load the \
                         AOF the next time it starts. ftruncate: {}",
                        reason(&e)
                    );
                }
                taken
            }
        }
    }

    /// Whether the disk is to be asked now; [`Writer::begin_sync`] then.
    pub fn wants_sync(&self, policy: AppendFsync, now_ms: u64) -> bool {
        let due = match policy {
            AppendFsync::Always => true,
            AppendFsync::EverySec => now_ms.saturating_sub(self.last_sync_ms) >= SYNC_INTERVAL_MS,
            AppendFsync::No => false,
        };
        due && self.sync.is_none() && self.synced < self.written
    }

    /// Notes that the disk is asked to keep what was written so far: by which serial number, and of which file.
    pub fn begin_sync(&mut self, now_ms: u64) -> (u32, RawFd) {
        self.syncs = self.syncs.wrapping_add(1);
        self.sync = Some(Sync { serial: self.syncs, position: self.written });
        self.last_sync_ms = now_ms;
        (self.syncs, self.file.as_raw_fd())
    }

    /// Notes how sync `serial` ended: with 0, or a negative `errno`. False when it is none of this writer's.
    pub fn finish_sync(&mut self, serial: u32, result: i32) -> bool {
        let Some(sync) = self.sync.take_if(|sync| sync.serial == serial) else { return false };
        self.before = None;
        if result == 0 {
            self.synced = self.synced.max(sync.position);
            self.sync_error = None;
        } else {
            if self.sync_error.is_none() {
                warning!("Fail to fsync the AOF file: {}", reason(&io::Error::from_raw_os_error(-result)));
            }
            self.sync_error = Some(-result);
        }
        true
    }

    /// Writes and syncs everything now, waiting for the disk.
    ///
    /// # Errors
    /// The system's; what was not written is kept.
    pub fn flush(&mut self, now_ms: u64) -> io::Result<()> {
        if let (Wrote::Failed, Some(errno)) = (self.write(AppendFsync::No, now_ms, true), self.write_error) {
            return Err(io::Error::from_raw_os_error(errno));
        }
        self.file.sync_data()?;
        self.synced = self.written;
        Ok(())
    }
}

/// Writes until all is written or the kernel refuses; how many bytes it took, and why it stopped.
fn write_some(file: &mut File, bytes: &[u8]) -> (usize, Option<io::Error>) {
    let mut taken = 0;
    while taken < bytes.len() {
        match file.write(&bytes[taken..]) {
            Ok(0) => return (taken, Some(io::ErrorKind::WriteZero.into())),
            Ok(len) => taken += len,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return (taken, Some(e)),
        }
    }
    (taken, None)
}

/// The error's number; a write that takes nothing and says nothing means a full disk.
fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::ENOSPC)
}
