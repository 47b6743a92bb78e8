//! Writing an image to a file that takes the old one's place only when it is whole and on the disk.

use std::cell::RefCell;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_lite::future;

use crate::core::Core;
use crate::executor::{self, File};
use crate::log::warning;
use crate::persist::intake::dawdle;
use crate::persist::snapshots::{Pull, SnapshotId};

/// Bytes of one write: large enough that waiting for it does not matter.
const WRITE_BYTES: usize = 1024 * 1024;
/// Bytes between two syncs of a growing file, so that the last one is short (`rdb-save-incremental-fsync`).
const SYNC_BYTES: u64 = 4 * 1024 * 1024;

/// How long a pause between two keys lasts before it is seen whether the image is still wanted.
const PAUSE_STEP: Duration = Duration::from_millis(10);

/// Why an image did not become a file.
#[derive(Debug)]
pub enum WriteError {
    /// The system's error.
    Io(io::Error),
    /// The image was given up.
    Cancelled,
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> WriteError {
        WriteError::Io(error)
    }
}

/// The name that the file of the image `id` has in `folder` until it is whole.
pub fn temporary(folder: &Path, id: SnapshotId) -> PathBuf {
    folder.join(format!("temp-{}-{}.rdb", std::process::id(), id.number()))
}

/// Pulls the image `id` into the file `to`, by way of `temporary`. While one portion is written the next is made.
/// The image stays to be ended by the caller.
pub async fn write_image(
    core: &Rc<RefCell<Core>>,
    id: SnapshotId,
    temporary: &Path,
    to: &Path,
    incremental_sync: bool,
) -> Result<(), WriteError> {
    write_temporary(core, id, temporary, incremental_sync).await?;
    let renamed = executor::rename(temporary, to).await;
    if let Err(e) = &renamed {
        let (from, to) = (temporary.display(), to.display());
        warning!("Error moving temp DB file {from} on the final destination {to}: {e}");
        // Nobody will look for it under that name.
        let _ = executor::remove(temporary).await;
    }
    Ok(renamed?)
}

/// As [`write_image`], but the file keeps its temporary name.
pub async fn write_temporary(
    core: &Rc<RefCell<Core>>,
    id: SnapshotId,
    temporary: &Path,
    incremental_sync: bool,
) -> Result<(), WriteError> {
    let written = pull_to_file(core, id, temporary, incremental_sync).await;
    if let Err(WriteError::Io(e)) = &written {
        warning!("Write error while saving DB to the disk: {e}");
    }
    if written.is_err() {
        // It may not even have come into being.
        let _ = executor::remove(temporary).await;
    }
    written
}

async fn pull_to_file(
    core: &Rc<RefCell<Core>>,
    id: SnapshotId,
    path: &Path,
    incremental_sync: bool,
) -> Result<(), WriteError> {
    let mut file = File::create(path)?;
    let mut synced = 0;
    let (mut bytes, mut state) = pull_portion(core, id).await;
    loop {
        if state == Pull::Cancelled {
            return Err(WriteError::Cancelled);
        }
        let last = state == Pull::Done;
        let write = async {
            file.write(std::mem::take(&mut bytes)).await?;
            if incremental_sync && file.position() - synced >= SYNC_BYTES {
                file.sync().await?;
                synced = file.position();
            }
            io::Result::Ok(())
        };
        if last {
            write.await?;
            file.sync().await?;
            return Ok(file.close().await?);
        }
        let (written, next) = future::zip(write, pull_portion(core, id)).await;
        written?;
        (bytes, state) = next;
    }
}

/// The next bytes of an image, made in slices between which clients are served.
async fn pull_portion(core: &Rc<RefCell<Core>>, id: SnapshotId) -> (Vec<u8>, Pull) {
    let mut bytes = Vec::with_capacity(WRITE_BYTES);
    loop {
        let state = core.borrow_mut().pull_snapshot(id, &mut bytes);
        if state != Pull::More || bytes.len() >= WRITE_BYTES {
            return (bytes, state);
        }
        pause_after_key(core, id).await;
    }
}

/// Lets others run before an image goes on; where a test asked for that (`rdb-key-save-delay`), for a while.
pub async fn pause_after_key(core: &Rc<RefCell<Core>>, id: SnapshotId) {
    let delay_us = core.borrow().config.persistence.rdb_key_save_delay;
    executor::yield_now().await;
    let until = Instant::now() + Duration::from_micros(u64::try_from(delay_us).unwrap_or(0));
    while Instant::now() < until && core.borrow().snapshots.is_under_way(id) {
        executor::sleep(PAUSE_STEP.min(until - Instant::now())).await;
    }
}

/// As [`write_image`], without letting anything else run.
///
/// # Errors
/// The system's.
pub fn write_image_now(core: &mut Core, id: SnapshotId, temporary: &Path, to: &Path) -> io::Result<()> {
    let written = pull_all(core, id, temporary).and_then(|()| {
        fs::rename(temporary, to)?;
        fs::File::open(to.parent().unwrap_or(Path::new("/")))?.sync_all()
    });
    if let Err(e) = &written {
        warning!("Write error saving DB on disk: {e}");
        // It may not even have come into being.
        let _ = fs::remove_file(temporary);
    }
    written
}

fn pull_all(core: &mut Core, id: SnapshotId, path: &Path) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    let mut bytes = Vec::with_capacity(WRITE_BYTES);
    loop {
        let state = core.pull_snapshot(id, &mut bytes);
        dawdle(core.config.persistence.rdb_key_save_delay, core.snapshots.progress(id).0);
        if state != Pull::More || bytes.len() >= WRITE_BYTES {
            file.write_all(&bytes)?;
            bytes.clear();
        }
        if state != Pull::More {
            return file.sync_all();
        }
    }
}
