//! The house rules that a program can check: who may use whom, how long a file may be, what `unsafe` must say.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Which crates of the project each may use (DESIGN, "The tree").
const EDGES: &[(&str, &[&str])] = &[
    ("node/base", &[]),
    ("node/resp", &[]),
    ("node/aof", &["resp"]),
    ("node/store", &["base"]),
    ("node/cluster", &["base"]),
    ("node/replication", &["base", "resp"]),
    ("node/rdb", &["base", "store"]),
    ("node/commands", &["base", "resp", "store", "rdb"]),
    ("node/acl", &["resp", "commands"]),
    ("node/scripting", &["resp"]),
    (
        "node/server",
        &["base", "resp", "aof", "store", "rdb", "commands", "acl", "cluster", "replication", "scripting"],
    ),
    ("bench-client", &["base", "resp"]),
    ("tuning", &[]),
];
const OWN: &[&str] = &[
    "base",
    "resp",
    "aof",
    "store",
    "rdb",
    "commands",
    "acl",
    "cluster",
    "replication",
    "scripting",
    "server",
];
/// Crates that read no clock, no randomness and no socket.
const PURE: &[&str] = &[
    "node/base",
    "node/resp",
    "node/aof",
    "node/store",
    "node/rdb",
    "node/commands",
    "node/acl",
    "node/cluster",
    "node/replication",
    "node/scripting",
];
const IMPURE: &[&str] =
    &["Instant::now", "SystemTime", "TcpStream", "UdpSocket", "getrandom", "std::thread::sleep"];
/// Lines a file may have. The aim is 500.
const LINES_MAX: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository").to_owned()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') && name != "node_modules" {
            files.extend(rust_files(&path));
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn crates_use_only_what_lies_below() {
    for (folder, allowed) in EDGES {
        let manifest = read(&root().join(folder).join("Cargo.toml"));
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        let used: BTreeSet<&str> = dependencies
            .lines()
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .filter(|name| OWN.contains(name))
            .collect();
        for name in used {
            assert!(allowed.contains(&name), "{folder} must not use {name}");
        }
    }
}

#[test]
fn pure_crates_stay_pure() {
    for folder in PURE {
        for file in rust_files(&root().join(folder).join("src")) {
            let text = read(&file);
            for word in IMPURE {
                assert!(!text.contains(word), "{} names {word}: take it as an argument", file.display());
            }
        }
    }
}

#[test]
fn files_stay_short_and_say_what_they_are() {
    for file in rust_files(&root()) {
        let text = read(&file);
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines, more than {LINES_MAX}", file.display());
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        assert!(first.starts_with("//!") || first.starts_with("#!["), "{} has no header", file.display());
    }
}

#[test]
fn unsafe_says_why_it_is_sound() {
    // Written apart, so that this file does not find itself.
    let words = [["unsafe", " {"].concat(), ["unsafe", " impl"].concat()];
    for file in rust_files(&root()) {
        let text = read(&file);
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if !words.iter().any(|word| code.contains(word.as_str())) {
                continue;
            }
            // The reason may stand above a statement of several lines.
            let above = &lines[i.saturating_sub(8)..=i];
            assert!(
                above.iter().any(|line| line.contains("SAFETY")),
                "{}:{} has no SAFETY line",
                file.display(),
                i + 1
            );
        }
    }
}

#[test]
fn nothing_is_left_open() {
    // Written apart, so that this file does not find itself.
    let words = [
        ["to", "do!("].concat(),
        ["unimpl", "emented!("].concat(),
        ["FIX", "ME"].concat(),
        ["XX", "X:"].concat(),
    ];
    for file in rust_files(&root()) {
        let text = read(&file);
        for word in &words {
            assert!(!text.contains(word.as_str()), "{} leaves {word} open", file.display());
        }
    }
}
