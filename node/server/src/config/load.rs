//! From arguments and files to a [`Config`].
//!
//! The order of precedence is Redis's: the file, then standard input (`-`), then the options, each option
//! read as one more line (`--port 6380` is the line `port "6380"`); what comes later wins. A file is read
//! line by line, an `include` where it stands. The first line that does not hold ends the start, with a
//! message of the form tools know from Redis.

use super::Config;
use super::directives;
use super::files::{Files, reason};
use super::kind::{Kind, Source};
use super::row::{Effect, Row};
use super::value::{AclPubsubDefault, Value};
use acl::{Defaults, Users};
use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

/// Deepest nesting of `include`.
const INCLUDE_DEPTH_MAX: usize = 16;
/// Most files read in one start, so that files that include each other end.
const FILES_MAX: usize = 1024;
/// Directives of old versions that Redis reads and forgets.
const RETIRED: [&str; 3] = ["list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands"];

/// A configuration ready to run.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file named on the command line, which CONFIG REWRITE writes; relative to the folder at start.
    pub file: Option<PathBuf>,
    /// The users that `requirepass` and the lines `user` make.
    pub users: Users,
    /// Whether there are such lines.
    pub names_users: bool,
    /// Lines for the log.
    pub warnings: Vec<String>,
}

/// Why a configuration was refused. Shown, it is the text for stderr, in Redis's form.
#[derive(Debug, PartialEq)]
pub struct ConfigError {
    /// Where: the file's path or `command line`, line number, line.
    pub line: Option<(String, usize, String)>,
    /// Why.
    pub reason: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n*** FATAL CONFIG FILE ERROR (Version {}) ***", env!("CARGO_PKG_VERSION"))?;
        if let Some((origin, number, text)) = &self.line {
            writeln!(f, "Reading the configuration file, at line {number} ({origin})")?;
            writeln!(f, ">>> '{text}'")?;
        }
        write!(f, "{}", self.reason)
    }
}

impl std::error::Error for ConfigError {}

/// Loads a configuration from the arguments of the process, less its name. `--help` and `--version` are
/// the caller's.
pub fn load(args: &[String], files: &mut dyn Files) -> Result<Loaded, ConfigError> {
    let mut loader = Loader {
        config: Config::default(),
        files,
        used: HashSet::new(),
        warnings: Vec::new(),
        user_lines: Vec::new(),
        files_read: 0,
    };
    let file = args.first().filter(|arg| !arg.starts_with('-'));
    let options = &args[usize::from(file.is_some())..];
    if let Some(path) = file {
        loader.load_file(path, None)?;
    }
    if options.first().is_some_and(|arg| arg == "-") || options.last().is_some_and(|arg| arg == "-") {
        let text = loader.files.read_stdin().map_err(|e| cannot_open("stdin", &e, None))?;
        loader.load_text(&text, "stdin", 0)?;
    }
    for (i, line) in option_lines(options).iter().enumerate() {
        loader.load_line(&At {
            origin: "command line",
            number: i + 1,
            text: line.trim().as_bytes(),
            depth: 0,
        })?;
    }
    loader.finish(file.map(PathBuf::from))
}

/// Turns options into lines of a file. An option's name goes in as it is, so that `"--port 6380"` in one
/// argument works too; its arguments are quoted. The argument right after a name is a value even if it begins
/// with `--`; only `--save` may stand without one.
fn option_lines(options: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut has_value = true;
    for (i, option) in options.iter().enumerate() {
        let is_edge = i == 0 || i == options.len() - 1;
        if option == "-" && is_edge {
            continue;
        }
        if let Some(name) = option.strip_prefix("--").filter(|_| has_value) {
            let alone = resp::split_line(option.as_bytes()).is_some_and(|words| words.len() == 1);
            let next_is_option = options.get(i + 1).is_none_or(|next| next.starts_with("--"));
            let empty_save = alone && name.eq_ignore_ascii_case("save") && next_is_option;
            lines.push(if empty_save { format!("{name} \"\" ") } else { format!("{name} ") });
            has_value = !alone || empty_save;
        } else {
            if lines.is_empty() {
                lines.push(String::new());
            }
            let line = lines.last_mut().expect("pushed above");
            line.push_str(&String::from_utf8_lossy(&resp::quote(option.as_bytes())));
            line.push(' ');
            has_value = true;
        }
    }
    lines
}

/// A line and where it stands.
struct At<'a> {
    origin: &'a str,
    number: usize,
    text: &'a [u8],
    depth: usize,
}

impl At<'_> {
    fn error(&self, reason: impl Into<String>) -> ConfigError {
        let text = String::from_utf8_lossy(self.text).into_owned();
        ConfigError { line: Some((self.origin.to_owned(), self.number, text)), reason: reason.into() }
    }
}

/// A line `user`: its words but the first, and what an error says of it.
struct UserLine {
    words: Vec<String>,
    place: (String, usize, String),
}

fn cannot_open(path: &str, error: &std::io::Error, at: Option<&At>) -> ConfigError {
    let reason = format!("Fatal error, can't open config file '{path}': {}", reason(error));
    match at {
        Some(at) => at.error(reason),
        None => ConfigError { line: None, reason },
    }
}

struct Loader<'f> {
    config: Config,
    files: &'f mut dyn Files,
    /// Names of the rows that were used.
    used: HashSet<&'static str>,
    warnings: Vec<String>,
    /// Read when the directives that matter to users are known.
    user_lines: Vec<UserLine>,
    files_read: usize,
}

impl Loader<'_> {
    fn load_file(&mut self, path: &str, included_at: Option<&At>) -> Result<(), ConfigError> {
        let depth = included_at.map_or(0, |at| at.depth + 1);
        self.files_read += 1;
        if let Some(at) = included_at.filter(|_| depth > INCLUDE_DEPTH_MAX || self.files_read > FILES_MAX) {
            return Err(at.error(format!(
                "include nests more than {INCLUDE_DEPTH_MAX} deep or reads more than {FILES_MAX} files"
            )));
        }
        let text = self.files.read(path).map_err(|e| cannot_open(path, &e, included_at))?;
        self.load_text(&text, path, depth)
    }

    fn load_text(&mut self, text: &[u8], origin: &str, depth: usize) -> Result<(), ConfigError> {
        for (i, line) in text.split(|b| *b == b'\n').enumerate() {
            let text = line.trim_ascii();
            if !text.is_empty() && text[0] != b'#' {
                self.load_line(&At { origin, number: i + 1, text, depth })?;
            }
        }
        Ok(())
    }

    fn load_line(&mut self, at: &At) -> Result<(), ConfigError> {
        let words = split(at.text).map_err(|e| at.error(e))?;
        let Some((name, args)) = words.split_first() else { return Ok(()) };
        match directives::find(name) {
            Some(row) => self.load_row(row, args).map_err(|e| at.error(e)),
            None => self.load_other(&name.to_ascii_lowercase(), args, at),
        }
    }

    fn load_row(&mut self, row: &'static Row, args: &[String]) -> Result<(), String> {
        let many = row.kind.takes_many();
        if !many && args.len() != 1 {
            return Err("wrong number of arguments".to_owned());
        }
        // One argument may hold them all: --save "900 1".
        let inner = match args {
            [one] if many && !one.is_empty() => Some(split(one.as_bytes())?),
            _ => None,
        };
        let args: Vec<&str> = inner.as_deref().unwrap_or(args).iter().map(String::as_str).collect();
        let first_use = self.used.insert(row.name);
        // Lines of `save` add up, but not to the default.
        let old = match row.kind {
            Kind::Save if first_use => Value::Save(Vec::new()),
            _ => row.read(&self.config),
        };
        let mut value = row.kind.parse(&args, &old, Source::File)?;
        if let (DIR, Value::Text(dir)) = (row.name, &mut value) {
            *dir = self.files.resolve_dir(dir).map_err(|e| reason(&e))?;
        }
        row.write(&mut self.config, value);
        Ok(())
    }

    /// Lines that are not directives of the table.
    fn load_other(&mut self, name: &str, args: &[String], at: &At) -> Result<(), ConfigError> {
        const BAD: &str = "Bad directive or wrong number of arguments";
        match (name, args) {
            ("include", [path]) => return self.include(path, at),
            (_, [_]) if RETIRED.contains(&name) => {
                self.warnings
                    .push(format!("{name} is accepted and has no effect: it belongs to an older version"));
                return Ok(());
            }
            ("user", [_, ..]) => {
                let place = (at.origin.to_owned(), at.number, String::from_utf8_lossy(at.text).into_owned());
                self.user_lines.push(UserLine { words: args.to_vec(), place });
                return Ok(());
            }
            _ => {}
        }
        Err(at.error(match (name, args.len()) {
            ("rename-command", 2) => "rename-command is not supported: commands keep their names",
            ("loadmodule", 1..) => "loadmodule is not supported: there are no modules",
            ("sentinel", _) => "sentinel directive while not in sentinel mode",
            (_, 1..) if name.contains('.') => "directives of modules are not supported: there are no modules",
            _ => BAD,
        }))
    }

    fn include(&mut self, path: &str, at: &At) -> Result<(), ConfigError> {
        if !path.contains(['*', '?', '[']) {
            return self.load_file(path, Some(at));
        }
        for found in self.files.glob(path) {
            self.load_file(&found, Some(at))?;
        }
        Ok(())
    }

    /// The users that `requirepass` and the lines `user` make.
    fn users(&self) -> Result<Users, ConfigError> {
        let security = &self.config.security;
        let all_channels = security.acl_pubsub_default == AclPubsubDefault::AllChannels;
        let (mut users, mut names) = (Users::default(), Vec::new());
        users.set_default_password(security.requirepass.as_bytes());
        for line in &self.user_lines {
            let words: Vec<&[u8]> = line.words.iter().map(String::as_bytes).collect();
            let added = users.add_line(&words, &mut names, Defaults { all_channels });
            added.map_err(|reason| ConfigError { line: Some(line.place.clone()), reason })?;
        }
        Ok(users)
    }

    fn finish(mut self, file: Option<PathBuf>) -> Result<Loaded, ConfigError> {
        if !self.config.replication.replicaof.is_empty() {
            let reason = "replicaof directive not allowed in cluster mode".to_owned();
            return Err(ConfigError { line: None, reason });
        }
        if !self.used.contains(DIR) {
            let here = self.files.resolve_dir(".");
            self.config.general.dir = here.map_err(|e| ConfigError { line: None, reason: reason(&e) })?;
        }
        for row in directives::rows().filter(|row| self.used.contains(row.name)) {
            let Effect::Never(reason) = row.effect else { continue };
            self.warnings.push(format!("{} is accepted and has no effect: {reason}", row.name));
        }
        self.warnings.extend(self.config.settle());
        let users = self.users()?;
        let names_users = !self.user_lines.is_empty();
        Ok(Loaded { config: self.config, file, users, names_users, warnings: self.warnings })
    }
}

/// The directive whose value is a folder that must exist.
const DIR: &str = "dir";

/// Splits a line into words.
fn split(line: &[u8]) -> Result<Vec<String>, String> {
    let words = resp::split_line(line).ok_or("Unbalanced quotes in configuration line")?;
    let texts = words.into_iter().map(String::from_utf8).collect::<Result<_, _>>();
    texts.map_err(|_| "the line is not valid UTF-8".to_owned())
}
