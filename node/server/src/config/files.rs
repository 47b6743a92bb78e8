//! What loading and rewriting need of the file system.
//!
//! [`Files`] stands between, so that loading can be tested and fuzzed without a disk.

use commands::glob::{self, Case};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Largest configuration file, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Where configuration text comes from.
pub trait Files {
    /// The content of a file.
    fn read(&mut self, path: &str) -> io::Result<Vec<u8>>;
    /// The content of standard input.
    fn read_stdin(&mut self) -> io::Result<Vec<u8>>;
    /// The paths a pattern matches, sorted.
    fn glob(&mut self, pattern: &str) -> Vec<String>;
    /// The absolute path of a folder that must exist.
    fn resolve_dir(&mut self, dir: &str) -> io::Result<String>;
}

/// The real file system.
#[derive(Debug)]
pub struct Disk;

impl Files for Disk {
    fn read(&mut self, path: &str) -> io::Result<Vec<u8>> {
        read_bounded(File::open(path)?)
    }

    fn read_stdin(&mut self) -> io::Result<Vec<u8>> {
        read_bounded(io::stdin().lock())
    }

    fn glob(&mut self, pattern: &str) -> Vec<String> {
        let start = if pattern.starts_with('/') { PathBuf::from("/") } else { PathBuf::new() };
        let mut paths = vec![start];
        for part in pattern.split('/').filter(|part| !part.is_empty()) {
            paths = paths.iter().flat_map(|path| expand(path, part)).collect();
        }
        let mut found: Vec<String> =
            paths.into_iter().filter_map(|p| p.into_os_string().into_string().ok()).collect();
        found.sort();
        found
    }

    fn resolve_dir(&mut self, dir: &str) -> io::Result<String> {
        let path = fs::canonicalize(dir)?;
        if !path.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        path.into_os_string().into_string().map_err(|_| io::Error::other("the path is not valid UTF-8"))
    }
}

fn read_bounded(source: impl Read) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    source.take(FILE_BYTES_MAX + 1).read_to_end(&mut content)?;
    if content.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    Ok(content)
}

/// One part of a pattern, below `path`: the entries it matches, or the path itself where it is plain.
fn expand(path: &Path, part: &str) -> Vec<PathBuf> {
    if !part.contains(['*', '?', '[']) {
        let next = path.join(part);
        return if next.exists() { vec![next] } else { Vec::new() };
    }
    let folder = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    // As shells do: a leading dot must be asked for.
    let wanted = |name: &String| {
        name.starts_with('.') == part.starts_with('.')
            && glob::matches(part.as_bytes(), name.as_bytes(), Case::Sensitive)
    };
    names.filter(wanted).map(|name| path.join(name)).collect()
}

/// Room that [`write_soon`] leaves for a file to grow into.
const SPARE_BYTES: usize = 1024;

/// Replaces the file at `path` so that a crash leaves the old or the new content, never a mixture: a file
/// beside it is written, synced and renamed. Blocks for the disk.
pub fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = Replacement::write(path, content)?;
    new.file().sync_all()?;
    new.put()?.sync_all()
}

/// Brings `content` to the file at `path` without waiting for the disk: it outlives a crash of the process, and one of
/// the machine may bring the old content back, or none. For files of lines that may be blank: what fits is written
/// over the old content, in one go and filled up with line feeds, which is a twentieth of what replacing a file costs.
///
/// # Errors
/// The system's; the old content is then still there.
pub fn write_soon(path: &Path, content: &[u8]) -> io::Result<()> {
    let Ok(file) = File::options().write(true).open(path) else {
        return Replacement::write(path, content)?.put().map(drop);
    };
    let room = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    if content.len() <= room && room - content.len() < 2 * SPARE_BYTES {
        return file.write_all_at(&filled(content, room), 0);
    }
    Replacement::write(path, &filled(content, content.len() + SPARE_BYTES))?.put().map(drop)
}

/// `content`, filled up with line feeds to `len` bytes.
fn filled(content: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = content.to_vec();
    bytes.resize(len, b'\n');
    bytes
}

/// New content for a file, complete in a file beside it.
pub struct Replacement {
    path: PathBuf,
    beside: PathBuf,
    file: File,
}

impl Replacement {
    /// Writes `content` beside the file at `path`.
    ///
    /// # Errors
    /// The system's.
    pub fn write(path: &Path, content: &[u8]) -> io::Result<Replacement> {
        let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let beside = path.with_file_name(name);
        let file = File::create(&beside)?;
        let mut new = Replacement { path: path.to_owned(), beside, file };
        // The file may hold passwords: it stays as closed as it was.
        if let Ok(old) = fs::metadata(path) {
            new.file.set_permissions(old.permissions())?;
        }
        new.file.write_all(content)?;
        Ok(new)
    }

    /// What has to be on the disk before the content is put in place.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Puts the new content in the place of the old. On the disk that is so once the folder is: returned.
    ///
    /// # Errors
    /// The system's; the old content is then still there.
    pub fn put(self) -> io::Result<File> {
        fs::rename(&self.beside, &self.path)?;
        let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // It is gone already if it was put in place. Else best effort: the error that counts is another.
        let _ = fs::remove_file(&self.beside);
    }
}

/// An I/O error in the system's words, as Redis shows it.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn write_read_and_glob() {
        let folder = std::env::temp_dir().join(format!("ringmaster-config-{}", std::process::id()));
        fs::create_dir_all(folder.join("sub")).unwrap();
        let path = folder.join("sub/a.conf");
        write_atomically(&path, b"old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for content in ["new", "longer than it was", "short", &"very long ".repeat(500), "short again"] {
            write_soon(&path, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap().trim_end_matches('\n'), content);
        }
        assert!(fs::metadata(&path).unwrap().len() < 2 * SPARE_BYTES as u64, "it shrinks when much is gone");
        write_atomically(&path, b"new").unwrap();
        write_atomically(&folder.join("sub/.b.conf"), b"hidden").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Disk.read(path.to_str().unwrap()).unwrap(), b"new");
        let pattern = folder.join("s*/*.conf");
        assert_eq!(Disk.glob(pattern.to_str().unwrap()), [path.to_str().unwrap()]);
        let missing = write_atomically(&folder.join("none/a"), b"").unwrap_err();
        assert_eq!(reason(&missing), "No such file or directory");
        assert!(Disk.resolve_dir(path.to_str().unwrap()).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
