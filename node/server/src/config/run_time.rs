//! CONFIG GET and CONFIG SET.

use super::Config;
use super::directives;
use super::kind::Source;
use super::row::Row;
use commands::glob::{self, Case};
use std::collections::HashSet;
use std::fmt;

/// What CONFIG SET must know of the server and the client.
#[derive(Clone, Copy, Debug)]
pub struct SetContext {
    /// Whether `enable-protected-configs` opens protected directives to this client.
    pub protected_allowed: bool,
    /// Whether a data set is being loaded.
    pub loading: bool,
}

/// What CONFIG SET leads to.
#[derive(Debug)]
pub struct Change {
    /// The configuration as it is to be.
    pub config: Config,
    /// Directives named in the command, in its order: TLS files are read again even if their paths stay.
    pub named: Vec<&'static str>,
    /// Those of them whose value is another now.
    pub changed: Vec<&'static str>,
}

/// Why CONFIG SET changed nothing. Shown, it is Redis's text, without its `ERR`.
#[derive(Debug, PartialEq)]
pub enum SetError {
    /// No directive of this name.
    Unknown(String),
    /// This argument cannot be set, for this reason.
    Failed(String, String),
    /// Not while loading: the reply is Redis's LOADING error.
    Loading,
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetError::Unknown(name) => {
                write!(f, "Unknown option or number of arguments for CONFIG SET - '{name}'")
            }
            SetError::Failed(name, reason) => {
                write!(f, "CONFIG SET failed (possibly related to argument '{name}') - {reason}")
            }
            SetError::Loading => write!(f, "LOADING Redis is loading the dataset in memory"),
        }
    }
}

impl std::error::Error for SetError {}

impl Config {
    /// CONFIG GET: names and values that any of the patterns matches, none twice. A name without wildcards
    /// is given back as it was asked for, and finds hidden directives too.
    pub fn get(&self, patterns: &[&[u8]]) -> Vec<(String, String)> {
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for pattern in patterns {
            if !pattern.iter().any(|b| b"[*?".contains(b)) {
                let name = String::from_utf8_lossy(pattern).into_owned();
                if let Some(row) = directives::find(&name).filter(|_| seen.insert(name.to_ascii_lowercase()))
                {
                    found.push((name, row.kind.show(&row.read(self))));
                }
                continue;
            }
            for row in directives::rows().filter(|row| !row.hidden) {
                let matching =
                    row.names().filter(|name| glob::matches(pattern, name.as_bytes(), Case::Insensitive));
                for name in matching.filter(|name| seen.insert((*name).to_owned())) {
                    found.push((name.to_owned(), row.kind.show(&row.read(self))));
                }
            }
        }
        found
    }

    /// CONFIG SET: all of the settings or none. `self` stays as it is; the caller does what the changes ask
    /// for (answering [`SetError::Failed`] if it cannot), then takes the new configuration over.
    pub fn set(&self, settings: &[(&[u8], &[u8])], context: SetContext) -> Result<Change, SetError> {
        let mut rows: Vec<(&'static Row, String)> = Vec::new();
        for (name, _) in settings {
            let name = String::from_utf8_lossy(name).into_owned();
            let row = may_set(&name, context)?;
            if rows.iter().any(|(_, other)| other.eq_ignore_ascii_case(&name)) {
                return Err(SetError::Failed(name, "duplicate parameter".to_owned()));
            }
            rows.push((row, name));
        }
        let mut config = self.clone();
        for ((row, name), (_, text)) in rows.iter().zip(settings) {
            parse_into(&mut config, row, text).map_err(|e| SetError::Failed(name.to_ascii_lowercase(), e))?;
        }
        config.settle();
        let named: Vec<&'static str> = rows.iter().map(|(row, _)| row.name).collect();
        let differs = |row: &Row| row.read(self) != row.read(&config);
        let changed = rows.iter().filter(|(row, _)| differs(row)).map(|(row, _)| row.name).collect();
        Ok(Change { config, named, changed })
    }
}

/// Whether the value of this directive is a secret, which logs, SLOWLOG and MONITOR must not show.
pub fn is_secret(name: &[u8]) -> bool {
    std::str::from_utf8(name).ok().and_then(directives::find).is_some_and(|row| row.secret)
}

fn may_set(name: &str, context: SetContext) -> Result<&'static Row, SetError> {
    let failed = |reason: &str| Err(SetError::Failed(name.to_owned(), reason.to_owned()));
    match directives::find(name) {
        None => Err(SetError::Unknown(name.to_owned())),
        Some(row) if row.fixed => failed("can't set immutable config"),
        Some(row) if row.protected && !context.protected_allowed => failed("can't set protected config"),
        Some(row) if row.not_while_loading && context.loading => Err(SetError::Loading),
        Some(row) => Ok(row),
    }
}

fn parse_into(config: &mut Config, row: &Row, text: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(text).map_err(|_| "argument is not valid UTF-8")?;
    let args: Vec<&str> = match row.kind.takes_many() {
        true if text.is_empty() => Vec::new(),
        true => text.split(' ').collect(),
        false => vec![text],
    };
    let value = row.kind.parse(&args, &row.read(config), Source::Command)?;
    row.write(config, value);
    Ok(())
}
