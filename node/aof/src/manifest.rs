//! The manifest: which files make up the log, in their order.
//!
//! ```text
//! file appendonly.aof.2.base.rdb seq 2 type b      the snapshot; at most one, and first
//! file appendonly.aof.1.incr.aof seq 1 type h      history: no longer needed, to be deleted
//! file appendonly.aof.2.incr.aof seq 2 type i      commands since; the last one grows
//! ```
//!
//! A rewrite makes a new manifest beside this one and puts it in its place by renaming, so at any moment the
//! files of exactly one state are named. Sequence numbers only grow; a name is never used twice, so a file left
//! over from a crash cannot be taken for another.
//!
//! Source: the manifest format of Redis 7.0; its error texts.

use std::fmt;

use resp::split_line;

/// Longest line, its end included, in bytes.
const LINE_MAX: usize = 1024;

/// What a file of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A snapshot, as RDB or as commands.
    Base,
    /// No longer needed.
    History,
    /// Commands since the snapshot.
    Incremental,
}

/// How a base is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As commands.
    Commands,
    /// As RDB (`aof-use-rdb-preamble`).
    Rdb,
}

/// A line of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Name of the file, without a folder.
    pub name: String,
    /// Its number among the files of its kind.
    pub seq: u64,
    /// What it is.
    pub kind: Kind,
}

/// The files of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    base: Option<Entry>,
    history: Vec<Entry>,
    incremental: Vec<Entry>,
    /// The last number used for a base, and for an incremental file.
    base_seq: u64,
    incremental_seq: u64,
}

/// Why a manifest cannot be used; shown, it is Redis's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError {
    /// The line, counted from 1, and its text, where one is to blame.
    pub line: Option<(usize, String)>,
    /// What is wrong.
    pub reason: &'static str,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for ManifestError {}

const INVALID: &str = "Invalid AOF manifest file format";

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &[u8]) -> Result<Manifest, ManifestError> {
        let mut manifest = Manifest::default();
        if text.is_empty() {
            return Err(ManifestError { line: None, reason: "Found an empty AOF manifest" });
        }
        for (i, line) in text.split_inclusive(|b| *b == b'\n').enumerate() {
            if line.starts_with(b"#") {
                continue;
            }
            if line.len() > LINE_MAX || !line.ends_with(b"\n") {
                let reason = "The AOF manifest file contains too long line";
                return Err(ManifestError { line: None, reason });
            }
            let line = line.trim_ascii();
            let entry = parse_line(line).and_then(|entry| manifest.add(entry));
            entry.map_err(|reason| ManifestError {
                line: Some((i + 1, String::from_utf8_lossy(line).into_owned())),
                reason,
            })?;
        }
        Ok(manifest)
    }

    fn add(&mut self, entry: Entry) -> Result<(), &'static str> {
        match entry.kind {
            Kind::Base if self.base.is_some() => return Err("Found duplicate base file information"),
            Kind::Base => {
                self.base_seq = entry.seq;
                self.base = Some(entry);
            }
            Kind::History => self.history.push(entry),
            Kind::Incremental if entry.seq <= self.incremental_seq => {
                return Err("Found a non-monotonic sequence number");
            }
            Kind::Incremental => {
                self.incremental_seq = entry.seq;
                self.incremental.push(entry);
            }
        }
        Ok(())
    }

    /// The manifest as its file has it.
    pub fn to_text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for entry in self.base.iter().chain(&self.history).chain(&self.incremental) {
            let kind = match entry.kind {
                Kind::Base => 'b',
                Kind::History => 'h',
                Kind::Incremental => 'i',
            };
            text.extend_from_slice(b"file ");
            text.extend_from_slice(&word(&entry.name));
            text.extend_from_slice(format!(" seq {} type {kind}\n", entry.seq).as_bytes());
        }
        text
    }

    /// The snapshot.
    pub fn base(&self) -> Option<&Entry> {
        self.base.as_ref()
    }

    /// The files of commands since, oldest first; the last one grows.
    pub fn incremental(&self) -> &[Entry] {
        &self.incremental
    }

    /// Files that are to be deleted.
    pub fn history(&self) -> &[Entry] {
        &self.history
    }

    /// The files to load, in their order.
    pub fn files(&self) -> impl Iterator<Item = &Entry> {
        self.base.iter().chain(&self.incremental)
    }

    /// Whether there is nothing to load.
    pub fn is_empty(&self) -> bool {
        self.base.is_none() && self.incremental.is_empty()
    }

    /// Takes the one file of a version before 7 over as it is, as the base.
    pub fn adopt_old(&mut self, name: &str) {
        self.base = Some(Entry { name: name.to_owned(), seq: 1, kind: Kind::Base });
        self.base_seq = 1;
    }

    /// Begins a new incremental file of the log called `prefix`; its name.
    pub fn begin_incremental(&mut self, prefix: &str) -> &str {
        self.incremental_seq += 1;
        let (seq, kind) = (self.incremental_seq, Kind::Incremental);
        self.incremental.push(Entry { name: format!("{prefix}.{seq}.incr.aof"), seq, kind });
        &self.incremental[self.incremental.len() - 1].name
    }

    /// Puts a new base in the place of the present one, which becomes history; its name.
    pub fn begin_base(&mut self, prefix: &str, format: Format) -> &str {
        if let Some(old) = self.base.take() {
            self.history.insert(0, Entry { kind: Kind::History, ..old });
        }
        self.base_seq += 1;
        let suffix = match format {
            Format::Commands => "aof",
            Format::Rdb => "rdb",
        };
        let (seq, kind) = (self.base_seq, Kind::Base);
        &self.base.insert(Entry { name: format!("{prefix}.{seq}.base.{suffix}"), seq, kind }).name
    }

    /// Makes history of all incremental files but the newest `kept`.
    pub fn retire_incremental(&mut self, kept: usize) {
        let end = self.incremental.len().saturating_sub(kept);
        for entry in self.incremental.drain(..end) {
            self.history.insert(0, Entry { kind: Kind::History, ..entry });
        }
    }

    /// Forgets the history, which was deleted.
    pub fn forget_history(&mut self) {
        self.history.clear();
    }
}

/// One line's entry. Keys it does not know are another version's, and skipped.
fn parse_line(line: &[u8]) -> Result<Entry, &'static str> {
    let words = split_line(line).ok_or(INVALID)?;
    if words.len() < 6 || words.len() % 2 != 0 {
        return Err(INVALID);
    }
    let (mut name, mut seq, mut kind) = (None, None, None);
    for pair in words.chunks_exact(2) {
        let value = std::str::from_utf8(&pair[1]).map_err(|_| INVALID)?;
        match pair[0].to_ascii_lowercase().as_slice() {
            b"file" if value.contains('/') => return Err("File can't be a path, just a filename"),
            b"file" if matches!(value, "." | "..") => return Err("File can't be a path, just a filename"),
            b"file" => name = Some(value.to_owned()),
            b"seq" => seq = value.parse().ok().filter(|seq| (1..i64::MAX as u64).contains(seq)),
            b"type" => kind = value.chars().next(),
            _ => {}
        }
    }
    let (Some(name), Some(seq), Some(kind)) = (name.filter(|name| !name.is_empty()), seq, kind) else {
        return Err(INVALID);
    };
    let kind = match kind {
        'b' => Kind::Base,
        'h' => Kind::History,
        'i' => Kind::Incremental,
        _ => return Err("Unknown AOF file type"),
    };
    Ok(Entry { name, seq, kind })
}

/// A file name as a word of a line: in quotes only where it must be.
fn word(name: &str) -> Vec<u8> {
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\');
    if name.bytes().all(plain) { name.as_bytes().to_vec() } else { resp::quote(name.as_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> &'static str {
        Manifest::parse(text.as_bytes()).unwrap_err().reason
    }

    #[test]
    fn a_log_through_its_life() {
        let mut manifest = Manifest::default();
        assert!(manifest.is_empty());
        manifest.begin_base("a.aof", Format::Rdb);
        manifest.begin_incremental("a.aof");
        let born = "file a.aof.1.base.rdb seq 1 type b\nfile a.aof.1.incr.aof seq 1 type i\n";
        assert_eq!(manifest.to_text(), born.as_bytes());
        manifest.begin_incremental("a.aof");
        manifest.begin_base("a.aof", Format::Commands);
        manifest.retire_incremental(1);
        let rewritten = "file a.aof.2.base.aof seq 2 type b\n\
            file a.aof.1.incr.aof seq 1 type h\n\
            file a.aof.1.base.rdb seq 1 type h\n\
            file a.aof.2.incr.aof seq 2 type i\n";
        assert_eq!(String::from_utf8(manifest.to_text()).unwrap(), rewritten);
        let mut again = Manifest::parse(rewritten.as_bytes()).unwrap();
        assert_eq!(again, manifest);
        again.forget_history();
        assert_eq!(again.begin_incremental("a.aof"), "a.aof.3.incr.aof");
        assert_eq!(again.files().map(|f| f.seq).collect::<Vec<_>>(), [2, 2, 3]);
    }

    #[test]
    fn lines_as_others_may_write_them() {
        let text = "# a note\n\tFILE \"a b.aof\" seq 7 type base later thing\r\n";
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        let entry = Entry { name: "a b.aof".to_owned(), seq: 7, kind: Kind::Base };
        assert_eq!(manifest.base(), Some(&entry));
        assert_eq!(manifest.to_text(), b"file \"a b.aof\" seq 7 type b\n");
        let mut foreign = Manifest::default();
        foreign.adopt_old("\u{e9}\"");
        assert_eq!(Manifest::parse(&foreign.to_text()), Ok(foreign));
    }

    #[test]
    fn what_is_wrong_and_where() {
        assert_eq!(reason(""), "Found an empty AOF manifest");
        for bad in [
            "\n",
            "file a seq 1\n",
            "file a seq 1 type i more\n",
            "filx a seq 1 type i\n",
            "file a seq 0 type i\n",
            "file a seq -1 type i\n",
            "file a seq 1 type \"\"\n",
            "file \"\" seq 1 type i\n",
            "file \"a seq 1 type i\n",
        ] {
            assert_eq!(reason(bad), INVALID, "{bad:?}");
        }
        assert_eq!(reason("file a seq 1 type x\n"), "Unknown AOF file type");
        assert_eq!(reason("file ../a seq 1 type i\n"), "File can't be a path, just a filename");
        let two = "file a seq 1 type b\nfile b seq 2 type b\n";
        let error = Manifest::parse(two.as_bytes()).unwrap_err();
        assert_eq!(error.reason, "Found duplicate base file information");
        assert_eq!(error.line, Some((2, "file b seq 2 type b".to_owned())));
        let back = "file a seq 2 type i\nfile b seq 1 type i\n";
        assert_eq!(reason(back), "Found a non-monotonic sequence number");
        let long = format!("file a seq 1 type i {:>1100} v\n", "k");
        assert_eq!(reason(&long), "The AOF manifest file contains too long line");
        assert_eq!(reason("file a seq 1 type i"), "The AOF manifest file contains too long line");
    }
}
