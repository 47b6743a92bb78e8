//! The measurements that sizes are made of.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What `ringmaster-tune measure` found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Constants {
    /// When, on what, and how to do it again.
    pub measured: Measured,
    /// The process itself.
    pub process: Process,
    /// What each type turns from its compact form by: `[most elements, longest element]`.
    pub compact: BTreeMap<Kind, (u64, u64)>,
    /// Data sets that were loaded.
    pub sets: Vec<DataSet>,
}

/// The circumstances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Day.
    pub date: String,
    /// The server.
    pub server: String,
    /// The machine.
    pub machine: String,
    /// What to run to measure again.
    pub command: String,
}

/// What a process takes without data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Resident bytes of a process with one core.
    pub base_bytes: u64,
    /// More resident bytes for each further core.
    pub core_bytes: u64,
    /// More resident bytes for each client that is connected and idle.
    pub client_bytes: u64,
    /// Locked bytes for each core.
    pub memlock_core_bytes: u64,
}

/// The types that can be sized.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A value for each key.
    String,
    /// Fields with values.
    Hash,
    /// Members.
    Set,
    /// Members with scores.
    Zset,
    /// Items in order.
    List,
}

/// One data set that was loaded, and what it took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DataSet {
    /// Type of all its keys.
    pub kind: Kind,
    /// Bytes of a key.
    pub key: u64,
    /// Elements of a key; 1 for strings.
    pub elements: u64,
    /// Bytes of an element: a value, a member, a field and its value together.
    pub element: u64,
    /// How many keys.
    pub keys: u64,
    /// Resident bytes of all of them.
    pub resident: u64,
}

impl DataSet {
    /// Resident bytes of a key beyond those of its name and its elements; below zero where elements are packed.
    pub fn around(&self) -> f64 {
        self.resident as f64 / self.keys as f64 - (self.key + self.elements * self.element) as f64
    }
}

impl Constants {
    /// Those that come with the program.
    pub fn built_in() -> Constants {
        toml::from_str(include_str!("../../data/memory.toml")).expect("a test reads it")
    }

    /// Those of a file, if one is named.
    ///
    /// # Errors
    /// One sentence.
    pub fn open(file: Option<&Path>) -> Result<Constants, String> {
        let Some(file) = file else { return Ok(Constants::built_in()) };
        let text = fs::read_to_string(file).map_err(|e| format!("{} cannot be read: {e}", file.display()))?;
        toml::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_with_the_program_is_whole() {
        let constants = Constants::built_in();
        assert!(constants.process.base_bytes > 1 << 20 && constants.process.memlock_core_bytes > 0);
        for kind in [Kind::String, Kind::Hash, Kind::Set, Kind::Zset, Kind::List] {
            let count = constants.sets.iter().filter(|set| set.kind == kind).count();
            assert!(count >= 4, "{kind:?} was measured {count} times");
        }
        let text = toml::to_string(&constants).unwrap();
        assert_eq!(toml::from_str::<Constants>(&text).unwrap(), constants);
    }
}
