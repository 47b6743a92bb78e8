//! The folder of a core's log: its files, and the manifest that names them.
//!
//! Everything here blocks for the disk. At start and at the end that is as it should be; while clients are served
//! it is called from a thread that serves none (`executor::blocking`), but where a switch of files must not be
//! seen half done.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use ::aof::Manifest;

use crate::config::{reason, write_atomically};
use crate::log::{notice, warning};

/// Where a log lies and what its files are called.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The core's own folder.
    home: PathBuf,
    /// `appenddirname`: the log's folder, within `home`.
    pub name: String,
    /// `appendfilename`: what the files' names begin with.
    pub prefix: String,
}

impl Folder {
    /// The folder `name`, in `home`, of a log whose files begin with `prefix`.
    pub fn new(home: &Path, name: &str, prefix: &str) -> Folder {
        Folder { home: home.to_owned(), name: name.to_owned(), prefix: prefix.to_owned() }
    }

    /// Moves to the core's new folder `home`; false when it is there already.
    pub fn move_to(&mut self, home: &Path) -> bool {
        let moves = self.home != home;
        self.home = home.to_owned();
        moves
    }

    /// Path of the file `name`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.join(&self.name).join(name)
    }

    /// Path of the one file a version before 7 kept.
    pub fn old_file(&self) -> PathBuf {
        self.home.join(&self.prefix)
    }

    fn manifest_name(&self) -> String {
        format!("{}.manifest", self.prefix)
    }

    /// Makes the folder, if it is missing.
    pub fn make(&self) -> io::Result<()> {
        match fs::create_dir(self.home.join(&self.name)) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                warning!("Can't open or create append-only dir {}: {}", self.name, reason(&e));
                Err(e)
            }
            _ => Ok(()),
        }
    }

    /// Reads the manifest; an empty one when there is none.
    ///
    /// # Errors
    /// What is wrong with it, which was logged as Redis words it.
    pub fn load_manifest(&self) -> Result<Manifest, String> {
        let path = self.path(&self.manifest_name());
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Manifest::default());
            }
            Err(e) => {
                return Err(format!(
                    "Fatal error: can't open the AOF manifest file {} for reading: {}",
                    path.display(),
                    reason(&e)
                ));
            }
        };
        Manifest::parse(&text).map_err(|error| {
            warning!("*** FATAL AOF MANIFEST FILE ERROR ***");
            if let Some((line, text)) = &error.line {
                warning!("Reading the manifest file, at line {line}");
                warning!(">>> '{text}'");
            }
            error.to_string()
        })
    }

    /// Puts `manifest` in the place of the present one.
    pub fn save_manifest(&self, manifest: &Manifest) -> io::Result<()> {
        let name = self.manifest_name();
        write_atomically(&self.path(&name), &manifest.to_text())
            .inspect_err(|e| warning!("Error trying to write the AOF manifest file {name}: {}", reason(e)))
    }

    /// Opens a file of the log for writing at its end; `fresh` empties it first.
    pub fn open(&self, name: &str, fresh: bool) -> io::Result<File> {
        self.open_path(&self.path(name), fresh)
    }

    /// The file that takes commands while a log that was turned on has no base.
    pub fn temporary_increment(&self) -> PathBuf {
        self.path(&format!("temp-{}.incr", self.prefix))
    }

    /// As [`Folder::open`], of a file that the manifest does not name.
    pub fn open_path(&self, path: &Path, fresh: bool) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        let file = options.open(path).and_then(|file| {
            if fresh {
                file.set_len(0)?;
            }
            Ok(file)
        });
        file.inspect_err(|e| warning!("Can't open the append-only file {}: {}", path.display(), reason(e)))
    }

    /// Takes over the one file of a version before 7, where there is one that was not taken over yet.
    ///
    /// # Errors
    /// Says what could not be done; the next start goes on where this one stopped.
    pub fn adopt_old(&self, manifest: &mut Manifest) -> Result<(), String> {
        let old = self.old_file();
        let named = manifest.base().is_some_and(|base| base.name == self.prefix);
        let interrupted = named && manifest.incremental().is_empty() && !self.path(&self.prefix).exists();
        if !old.is_file() || !(manifest.is_empty() || interrupted) {
            return Ok(());
        }
        let failed = |what: &str, e: io::Error| format!("{what}: {}", reason(&e));
        self.make().map_err(|e| failed("Can't open or create append-only dir", e))?;
        manifest.adopt_old(&self.prefix);
        self.save_manifest(manifest).map_err(|e| failed("The AOF manifest cannot be written", e))?;
        fs::rename(&old, self.path(&self.prefix)).map_err(|e| {
            let what =
                format!("Error trying to move the old AOF file {} into dir {}", self.prefix, self.name);
            failed(&what, e)
        })?;
        notice!(
            "Successfully migrated an old-style AOF file ({}) into the AOF directory ({}).",
            self.prefix,
            self.name
        );
        Ok(())
    }
}
