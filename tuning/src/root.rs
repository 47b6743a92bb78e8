//! The machine as checks see it: files of /proc and /sys, and what read-only tools print.
//!
//! A check must not care whether the machine is this one, a folder where another machine's /proc and /sys are
//! mounted, or a recording. A recording is one text file, so that a whole machine can be read on a page and sent
//! with a question; `ringmaster-tune record` writes it from what the checks have really read. Its form:
//!
//! ```text
//! # a comment
//! == /proc/sys/net/core/somaxconn
//! 4096
//! == /sys/class/net/eth0/device/driver -> virtio_net
//! == /sys/class/net/eth0/queues/rx-{0..7}/rps_cpus
//! 0
//! == $ ethtool -l eth0
//! Channel parameters for eth0: ...
//! == /proc/1/environ (forbidden)
//! ```

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// This machine has no such thing; the reason.
    Absent(String),
    /// It is there, or may be, but cannot be seen; what is missing.
    Unseen(String),
}

/// What a recording says of a path.
#[derive(Debug, Clone, PartialEq)]
enum Entry {
    Text(String),
    Link(String),
    Forbidden,
}

type Entries = BTreeMap<String, Entry>;

#[derive(Debug)]
enum Source {
    /// A folder; "/" is this machine.
    Folder(PathBuf),
    Recording(RefCell<Entries>),
}

/// A machine.
#[derive(Debug)]
pub struct Root {
    source: Source,
    /// What was read so far.
    seen: RefCell<Entries>,
}

impl Root {
    /// The machine at `path`: a folder or a recording.
    ///
    /// # Errors
    /// One sentence.
    pub fn open(path: &Path) -> Result<Root, String> {
        if path.is_dir() {
            return Ok(Root::new(Source::Folder(path.to_owned())));
        }
        let text = fs::read_to_string(path).map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
        Root::recorded(&text).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// The machine of a recording.
    ///
    /// # Errors
    /// The line that is none.
    pub fn recorded(text: &str) -> Result<Root, String> {
        Ok(Root::new(Source::Recording(RefCell::new(parse(text)?))))
    }

    fn new(source: Source) -> Root {
        Root { source, seen: RefCell::default() }
    }

    /// Whether this is the machine that the program runs on.
    pub fn is_here(&self) -> bool {
        matches!(&self.source, Source::Folder(folder) if folder == Path::new("/"))
    }

    /// A file's text, trimmed.
    ///
    /// # Errors
    /// Why not.
    pub fn read(&self, path: &str) -> Result<String, Unread> {
        let entry = match &self.source {
            Source::Folder(folder) => match fs::read_to_string(below(folder, path)) {
                Ok(text) => Some(Entry::Text(text.trim().to_owned())),
                Err(e) if e.kind() == ErrorKind::PermissionDenied => Some(Entry::Forbidden),
                Err(_) => None,
            },
            Source::Recording(entries) => entries.borrow().get(path).cloned(),
        };
        self.note(path, entry.as_ref());
        match entry {
            Some(Entry::Text(text)) => Ok(text),
            Some(Entry::Forbidden) => Err(Unread::Unseen(format!("{path} needs root"))),
            Some(Entry::Link(_)) | None => Err(Unread::Absent(format!("no {path}"))),
        }
    }

    /// A file's text as a number.
    ///
    /// # Errors
    /// Why not; a text that is no number is as good as none.
    pub fn number(&self, path: &str) -> Result<u64, Unread> {
        self.read(path)?.parse().map_err(|_| Unread::Absent(format!("{path} holds no number")))
    }

    /// The last name of what a link leads to.
    pub fn link(&self, path: &str) -> Option<String> {
        let target = match &self.source {
            Source::Folder(folder) => {
                let target = fs::read_link(below(folder, path)).ok()?;
                target.file_name()?.to_string_lossy().into_owned()
            }
            Source::Recording(entries) => match entries.borrow().get(path) {
                Some(Entry::Link(target)) => target.clone(),
                _ => return None,
            },
        };
        self.note(path, Some(&Entry::Link(target.clone())));
        Some(target)
    }

    /// The names in a folder, sorted; none when it is not there.
    pub fn list(&self, folder: &str) -> Vec<String> {
        let names: BTreeSet<String> = match &self.source {
            Source::Folder(root) => fs::read_dir(below(root, folder)).map_or(BTreeSet::new(), |entries| {
                entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
            }),
            Source::Recording(entries) => {
                let entries = entries.borrow();
                let inside = entries.keys().filter_map(|key| key.strip_prefix(folder)?.strip_prefix('/'));
                inside.filter_map(|rest| rest.split('/').next()).map(str::to_owned).collect()
            }
        };
        for name in &names {
            // The slash at its end makes it a folder, of which no more may be known.
            self.note(&format!("{folder}/{name}/"), Some(&Entry::Text(String::new())));
        }
        names.into_iter().collect()
    }

    /// What a tool prints that only reads, such as `ethtool -g eth0`.
    ///
    /// # Errors
    /// Why it prints nothing.
    pub fn tool(&self, command: &str) -> Result<String, Unread> {
        let key = format!("$ {command}");
        let program = command.split(' ').next().unwrap_or_default();
        let missing = Unread::Unseen(format!("{program} is not installed"));
        let recording = match &self.source {
            Source::Folder(_) if self.is_here() => return self.run(command, &key, missing),
            Source::Folder(_) => return Err(Unread::Unseen(format!("{program} sees this machine only"))),
            Source::Recording(entries) => entries.borrow(),
        };
        match recording.get(&key) {
            Some(Entry::Text(text)) => Ok(text.clone()),
            Some(_) => Err(Unread::Unseen(format!("{command} needs root"))),
            None if recording.keys().any(|key| key.starts_with(&format!("$ {program} "))) => {
                Err(Unread::Absent(format!("{command} knows nothing")))
            }
            None => Err(missing),
        }
    }

    fn run(&self, command: &str, key: &str, missing: Unread) -> Result<String, Unread> {
        let mut words = command.split(' ');
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
        let mut process = Command::new(find(words.next().unwrap_or_default(), &path).ok_or(missing)?);
        let output = process.args(words).output();
        let output = output.map_err(|e| Unread::Unseen(format!("{command}: {e}")))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
            self.note(key, Some(&Entry::Text(text.clone())));
            Ok(text)
        } else if errors.contains("not permitted") {
            self.note(key, Some(&Entry::Forbidden));
            Err(Unread::Unseen(format!("{command} needs root")))
        } else {
            Err(Unread::Absent(format!("{command}: {}", errors.lines().last().unwrap_or("it fails"))))
        }
    }

    /// The lowest number of a process of this name.
    pub fn process(&self, name: &str) -> Option<u32> {
        let comm = |pid: u32| format!("/proc/{pid}/comm");
        let pid = match &self.source {
            // Only what is found is noted: a recording is no list of everything that runs.
            Source::Folder(root) => {
                let named = |pid: &u32| {
                    fs::read_to_string(below(root, &comm(*pid))).is_ok_and(|text| text.trim() == name)
                };
                let entries = fs::read_dir(root.join("proc")).ok()?.flatten();
                let pids = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
                pids.filter(named).min()?
            }
            Source::Recording(entries) => entries.borrow().iter().find_map(|(path, entry)| {
                let pid = path.strip_prefix("/proc/")?.strip_suffix("/comm")?.parse().ok()?;
                (*entry == Entry::Text(name.to_owned())).then_some(pid)
            })?,
        };
        self.note(&comm(pid), Some(&Entry::Text(name.to_owned())));
        Some(pid)
    }

    /// Writes a file of the machine.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, path: &str, value: &str) -> io::Result<()> {
        match &self.source {
            Source::Folder(folder) => fs::write(below(folder, path), format!("{value}\n")),
            Source::Recording(entries) => {
                entries.borrow_mut().insert(path.to_owned(), Entry::Text(value.to_owned()));
                Ok(())
            }
        }
    }

    /// What was read so far, as a recording.
    pub fn recording(&self) -> String {
        let mut text = String::new();
        for (path, entry) in &*self.seen.borrow() {
            text += &match entry {
                Entry::Text(content) if content.is_empty() => format!("== {path}\n"),
                Entry::Text(content) => format!("== {path}\n{content}\n"),
                Entry::Link(target) => format!("== {path} -> {target}\n"),
                Entry::Forbidden => format!("== {path} (forbidden)\n"),
            };
        }
        text
    }

    fn note(&self, path: &str, entry: Option<&Entry>) {
        if let Some(entry) = entry {
            self.seen.borrow_mut().insert(path.to_owned(), entry.clone());
        }
    }
}

fn below(folder: &Path, path: &str) -> PathBuf {
    folder.join(path.trim_start_matches('/'))
}

/// Where `program` is; an ordinary user's PATH often lacks the folders of the administrator's tools.
fn find(program: &str, path: &str) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn parse(text: &str) -> Result<Entries, String> {
    let mut entries = Entries::new();
    let mut open: Vec<String> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some(header) = line.strip_prefix("== ") else {
            if open.is_empty() && !line.is_empty() && !line.starts_with('#') {
                return Err(format!("line {}: neither '== PATH' nor a comment", number + 1));
            }
            for path in &open {
                if let Some(Entry::Text(content)) = entries.get_mut(path) {
                    *content += if content.is_empty() { "" } else { "\n" };
                    *content += line;
                }
            }
            continue;
        };
        let (path, entry) = if let Some((path, target)) = header.split_once(" -> ") {
            (path, Entry::Link(target.to_owned()))
        } else if let Some(path) = header.strip_suffix(" (forbidden)") {
            (path, Entry::Forbidden)
        } else {
            (header, Entry::Text(String::new()))
        };
        open = expand(path);
        entries.extend(open.iter().map(|path| (path.clone(), entry.clone())));
    }
    Ok(entries)
}

/// `cpu{0..2}` is `cpu0`, `cpu1`, `cpu2`.
fn expand(path: &str) -> Vec<String> {
    let range = || {
        let (before, rest) = path.split_once('{')?;
        let (range, after) = rest.split_once('}')?;
        let (first, last) = range.split_once("..")?;
        Some((before, first.parse::<u32>().ok()?..=last.parse::<u32>().ok()?, after))
    };
    range().map_or(vec![path.to_owned()], |(before, numbers, after)| {
        numbers.flat_map(|n| expand(&format!("{before}{n}{after}"))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_reads_back_what_was_read() {
        let text = "# here\n== /a/{0..1}/b\n1\n2\n== /a/driver -> mlx5\n== /secret (forbidden)\n== $ tc x\nout\n== /proc/7/comm\nd\n";
        let root = Root::recorded(text).unwrap();
        assert_eq!(root.list("/a"), ["0", "1", "driver"]);
        assert_eq!(root.read("/a/1/b").unwrap(), "1\n2");
        assert_eq!(root.link("/a/driver").unwrap(), "mlx5");
        assert_eq!(root.read("/secret"), Err(Unread::Unseen("/secret needs root".into())));
        assert_eq!(root.tool("tc x").unwrap(), "out");
        assert_eq!(root.tool("tc y"), Err(Unread::Absent("tc y knows nothing".into())));
        assert_eq!(root.tool("ethtool x"), Err(Unread::Unseen("ethtool is not installed".into())));
        assert_eq!(root.process("d"), Some(7));
        let again = Root::recorded(&root.recording()).unwrap();
        assert_eq!(again.read("/a/1/b").unwrap(), "1\n2");
        assert_eq!(again.list("/a"), ["0", "1", "driver"]);
        assert!(Root::recorded("what\n").is_err());
    }

    #[test]
    fn a_folder_is_a_machine_too() {
        let folder = std::env::temp_dir().join(format!("ringmaster-tune-{}", std::process::id()));
        fs::create_dir_all(folder.join("proc/5")).unwrap();
        fs::write(folder.join("proc/5/comm"), "irqbalance\n").unwrap();
        let root = Root::open(&folder).unwrap();
        assert_eq!(root.process("irqbalance"), Some(5));
        assert_eq!(root.process("other"), None);
        root.write("/proc/5/comm", "other").unwrap();
        assert_eq!(root.read("/proc/5/comm").unwrap(), "other");
        assert_eq!(root.read("/proc/6/comm"), Err(Unread::Absent("no /proc/6/comm".into())));
        assert!(matches!(root.tool("ls /"), Err(Unread::Unseen(_))));
        fs::remove_dir_all(folder).unwrap();
    }
}
