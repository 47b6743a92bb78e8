//! Writing an image to a file that takes the old one's place only when it is whole and on the disk.

use std::cell::RefCell;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use futures_lite::future;

use crate::core::Core;
use crate::executor::{self, File};
use crate::log::warning;
use crate::persist::snapshots::{Pull, SnapshotId};

/// Bytes of one write: large enough that waiting for it does not matter.
const WRITE_BYTES: usize = 1024 * 1024;
/// Bytes between two syncs of a growing file, so that the last one is short (`rdb-save-incremental-fsync`).
const SYNC_BYTES: u64 = 4 * 1024 * 1024;

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
    let written = pull_to_file(core, id, temporary, incremental_sync).await;
    let written = match written {
        Ok(()) => executor::rename(temporary, to).await.map_err(|e| {
            let (from, to) = (temporary.display(), to.display());
            warning!("Error moving temp DB file {from} on the final destination {to}: {e}");
            WriteError::Io(e)
        }),
        Err(WriteError::Io(e)) => {
            warning!("Write error while saving DB to the disk: {e}");
            Err(WriteError::Io(e))
        }
        cancelled => cancelled,
    };
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
        executor::yield_now().await;
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
        if state != Pull::More || bytes.len() >= WRITE_BYTES {
            file.write_all(&bytes)?;
            bytes.clear();
        }
        if state != Pull::More {
            return file.sync_all();
        }
    }
}
