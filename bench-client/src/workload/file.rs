//! Workloads as TOML files, and the ones that are built in.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::workload::keys::Keys;
use crate::workload::sizes::Sizes;
use crate::workload::template::Template;
use crate::workload::{Workload, command};

/// Largest workload file that is read, in bytes.
const FILE_MAX: u64 = 1024 * 1024;

/// The workloads in `bench-client/workloads/`, by name.
pub const PRESETS: [(&str, &str); 6] = [
    ("cache", include_str!("../../workloads/cache.toml")),
    ("session", include_str!("../../workloads/session.toml")),
    ("counter", include_str!("../../workloads/counter.toml")),
    ("leaderboard", include_str!("../../workloads/leaderboard.toml")),
    ("queue", include_str!("../../workloads/queue.toml")),
    ("classic", include_str!("../../workloads/classic.toml")),
];

/// Flags that stand above what the file says.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--keys`
    pub keys: Option<u64>,
    /// `--key-prefix`
    pub prefix: Option<String>,
    /// `--key-size`
    pub key_size: Option<Sizes>,
    /// `--tags`
    pub tags: Option<u64>,
    /// `--distribution`
    pub distribution: Option<String>,
    /// `--size`
    pub size: Option<Sizes>,
    /// `--expiry`
    pub expiry: Option<Sizes>,
    /// `--replica-share`
    pub replica_share: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: String,
    #[serde(default)]
    in_turn: bool,
    #[serde(default)]
    keys: KeysPart,
    #[serde(default)]
    values: ValuesPart,
    expiry: Option<String>,
    preload: Option<String>,
    #[serde(default)]
    replica_share: f64,
    commands: Vec<CommandPart>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct KeysPart {
    count: u64,
    prefix: String,
    size: String,
    tags: u64,
    distribution: String,
}

impl Default for KeysPart {
    fn default() -> KeysPart {
        KeysPart {
            count: 1_000_000,
            prefix: "key:".into(),
            size: "16".into(),
            tags: 0,
            distribution: "uniform".into(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ValuesPart {
    size: String,
}

impl Default for ValuesPart {
    fn default() -> ValuesPart {
        ValuesPart { size: "64".into() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandPart {
    run: String,
    #[serde(default = "one")]
    weight: u32,
    label: Option<String>,
}

fn one() -> u32 {
    1
}

/// The text and name of a built-in workload, or of the file at `name`.
fn find(name: &str) -> Result<(String, String), String> {
    if let Some((name, text)) = PRESETS.iter().find(|(preset, _)| *preset == name) {
        return Ok((name.to_string(), text.to_string()));
    }
    let path = Path::new(name);
    let presets = || PRESETS.map(|(name, _)| name).join(", ");
    let size =
        fs::metadata(path).map_err(|e| format!("workload '{name}': {e} (built in: {})", presets()))?.len();
    if size > FILE_MAX {
        return Err(format!("workload '{name}': larger than {FILE_MAX} bytes"));
    }
    let text = fs::read_to_string(path).map_err(|e| format!("workload '{name}': {e}"))?;
    let stem = path.file_stem().map_or(name.into(), |stem| stem.to_string_lossy().into_owned());
    Ok((stem, text))
}

/// The workload `name` (built in, or a file's path) with `flags` on top.
pub fn load(name: &str, flags: &Overrides) -> Result<Workload, String> {
    let (stem, text) = find(name)?;
    let file: File = toml::from_str(&text).map_err(|e| one_line(&stem, &text, &e))?;
    build(&stem, file, flags).map_err(|e| format!("workload '{stem}': {e}"))
}

/// A workload of command lines with `flags` on top.
pub fn from_commands(lines: &[String], flags: &Overrides) -> Result<Workload, String> {
    let mut workload = Workload::of_commands(lines)?;
    apply(&mut workload, &KeysPart::default(), flags)?;
    Ok(workload)
}

fn build(name: &str, file: File, flags: &Overrides) -> Result<Workload, String> {
    if file.commands.is_empty() {
        return Err("no [[commands]]".into());
    }
    let mut workload = Workload::of_commands(&[])?;
    workload.name = name.into();
    workload.about = file.about;
    workload.in_turn = file.in_turn;
    for part in file.commands {
        let mut command = command(part.weight, &part.run)?;
        command.label = part.label.unwrap_or(command.label);
        workload.commands.push(command);
    }
    workload.set_values(file.values.size.parse()?);
    if let Some(expiry) = file.expiry {
        workload.expiry = seconds(&expiry.parse()?)?;
    }
    workload.preload = file.preload.as_deref().map(Template::parse).transpose()?;
    workload.replica_share = share(file.replica_share)?;
    apply(&mut workload, &file.keys, flags)?;
    Ok(workload)
}

fn apply(workload: &mut Workload, keys: &KeysPart, flags: &Overrides) -> Result<(), String> {
    workload.keys = Keys::new(
        flags.keys.unwrap_or(keys.count),
        flags.prefix.as_deref().unwrap_or(&keys.prefix),
        flags.key_size.clone().map_or_else(|| keys.size.parse(), Ok)?,
        flags.tags.unwrap_or(keys.tags),
        flags.distribution.as_deref().unwrap_or(&keys.distribution),
    )?;
    if let Some(size) = &flags.size {
        workload.set_values(size.clone());
    }
    if let Some(expiry) = &flags.expiry {
        workload.expiry = seconds(expiry)?;
    }
    if let Some(value) = flags.replica_share {
        workload.replica_share = share(value)?;
    }
    Ok(())
}

fn seconds(text: &Sizes) -> Result<(u64, u64), String> {
    match text {
        Sizes::Fixed(s) if *s > 0 => Ok((*s as u64, *s as u64)),
        Sizes::Range(low, high) if *low > 0 => Ok((*low as u64, *high as u64)),
        _ => Err("an expiry is 60 or 60-3600, in seconds, at least 1".into()),
    }
}

fn share(value: f64) -> Result<f64, String> {
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err("a replica share lies between 0 and 1".into()) }
}

/// The TOML parser's message on one line, with the line's number.
fn one_line(name: &str, text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let message = error.message().replace('\n', " ");
    format!("workload '{name}', line {line}: {message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_can_be_loaded() {
        for (name, _) in PRESETS {
            let workload = load(name, &Overrides::default()).unwrap();
            assert!(!workload.commands.is_empty() && !workload.about.is_empty(), "{name}");
        }
    }

    #[test]
    fn flags_stand_above_the_file() {
        let flags = Overrides { keys: Some(10), size: Some(Sizes::Fixed(3)), ..Overrides::default() };
        let workload = load("cache", &flags).unwrap();
        assert_eq!((workload.keys.count(), workload.values), (10, Sizes::Fixed(3)));
    }

    #[test]
    fn mistakes_name_the_line() {
        let mistake = |text: &str| {
            let file = toml::from_str::<File>(text).map_err(|e| one_line("w", text, &e));
            file.and_then(|file| build("w", file, &Overrides::default())).unwrap_err()
        };
        let unknown = mistake("about = ''\nkees = 3\n[[commands]]\nrun = 'PING'\n");
        assert!(unknown.contains("line 2") && unknown.contains("kees"), "{unknown}");
        assert!(mistake("about = ''\ncommands = []\n").contains("no [[commands]]"));
        assert!(mistake("about = ''\nexpiry = '0'\n[[commands]]\nrun = 'PING'\n").contains("expiry"));
        assert!(mistake("about = ''\n[[commands]]\nrun = 'GET __x__'\n").contains("__x__"));
        let missing = load("nowhere", &Overrides::default()).unwrap_err();
        assert!(missing.contains("cache") && !missing.contains('\n'), "{missing}");
    }
}
