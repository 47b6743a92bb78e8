//! Files that a core writes and reads without waiting for the disk.
//!
//! glommio's buffered files hand reads, writes and syncs to the kernel's own workers; the core serves clients
//! meanwhile. What is only a look-up (opening) is done at once, for the sake of the system's own error.

use std::fs;
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::path::Path;

use glommio::io::BufferedFile;

/// A file that is read or written from its start on.
pub struct File {
    file: BufferedFile,
    at: u64,
}

impl File {
    /// Makes a file, or empties one that is there.
    ///
    /// # Errors
    /// The system's.
    pub fn create(path: &Path) -> io::Result<File> {
        Ok(File::from_std(fs::File::create(path)?, 0))
    }

    /// Opens a file to read it.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> io::Result<File> {
        Ok(File::from_std(fs::File::open(path)?, 0))
    }

    /// A file that was opened elsewhere; reading or writing begins at `at`.
    pub fn from_std(file: fs::File, at: u64) -> File {
        // SAFETY: the descriptor is given up by `into_raw_fd`, so nobody else owns it.
        File { file: unsafe { BufferedFile::from_raw_fd(file.into_raw_fd()) }, at }
    }

    /// Where the next read or write begins: the bytes written so far to a new file.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Writes all bytes.
    ///
    /// # Errors
    /// The system's; `StorageFull` when only a part could be written.
    pub async fn write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        let len = bytes.len();
        let written = self.file.write_at(bytes, self.at).await.map_err(io::Error::from)?;
        self.at += written as u64;
        if written < len { Err(io::Error::from_raw_os_error(libc::ENOSPC)) } else { Ok(()) }
    }

    /// Reads at most `len` bytes; none at the end.
    ///
    /// # Errors
    /// The system's.
    pub async fn read(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let bytes = self.file.read_at(self.at, len).await.map_err(io::Error::from)?.to_vec();
        self.at += bytes.len() as u64;
        Ok(bytes)
    }

    /// Waits until what was written is on the disk.
    ///
    /// # Errors
    /// The system's.
    pub async fn sync(&self) -> io::Result<()> {
        self.file.fdatasync().await.map_err(io::Error::from)
    }

    /// Closes the file.
    ///
    /// # Errors
    /// The system's.
    pub async fn close(self) -> io::Result<()> {
        self.file.close().await.map_err(io::Error::from)
    }
}

/// Puts the file `from` in the place of `to`, and sees that a crash does not undo it.
///
/// # Errors
/// The system's.
pub async fn rename(from: &Path, to: &Path) -> io::Result<()> {
    glommio::io::rename(from, to).await.map_err(io::Error::from)?;
    sync_folder(to.parent().unwrap_or(Path::new("/"))).await
}

/// Removes a file; what it held is freed off the core.
///
/// # Errors
/// The system's.
pub async fn remove(path: &Path) -> io::Result<()> {
    glommio::io::remove(path).await.map_err(io::Error::from)
}

/// Waits until the folder's entries are on the disk.
///
/// # Errors
/// The system's.
pub async fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = File::open(folder)?;
    folder.sync().await?;
    folder.close().await
}
