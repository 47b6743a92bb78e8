//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::goal::Wish;
use crate::knobs::{self, Knob};
use crate::size::constants::Kind;
use crate::size::model::Sort;
use crate::size::plan::{Demand, Plan};
use crate::units::{parse_bytes, parse_count};

/// Is this machine set up for Ringmaster, and how much memory does it need?
#[derive(Debug, Parser)]
#[command(name = "ringmaster-tune", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at each knob and say what should be otherwise, worst first. Exit code: 0 nothing, 1 advice only, 2 something
    /// critical, 64 wrong usage
    Check {
        /// For whom.
        #[command(flatten)]
        target: Target,
        /// Also what is fine, and what does not apply here
        #[arg(long)]
        all: bool,
        /// As JSON, with every step and its way back
        #[arg(long)]
        json: bool,
    },
    /// Print a shell script that makes the changes (or one that takes them back)
    Plan {
        /// For whom.
        #[command(flatten)]
        target: Target,
        /// The script that takes the changes back
        #[arg(long)]
        undo: bool,
        /// Write both, as apply.sh and undo.sh, into this folder instead
        #[arg(long, value_name = "DIR", conflicts_with = "undo")]
        out: Option<PathBuf>,
    },
    /// Make the changes and look again; without --yes only say what would be done
    Apply {
        /// For whom.
        #[command(flatten)]
        target: Target,
        /// Really do it (as root)
        #[arg(long)]
        yes: bool,
        /// Where to keep the script that takes the changes back [default: a new file in /run/ringmaster-tune]
        #[arg(long, value_name = "FILE")]
        undo: Option<PathBuf>,
    },
    /// How much memory: RAM of a host, maxmemory, memlock, with the arithmetic
    Size(Size),
    /// Measure what 'size' counts with, as root: the file for its --constants
    Measure {
        /// The server to measure
        #[arg(long, value_name = "BINARY")]
        server: PathBuf,
        /// A free port, four above it, and the bus ports of all
        #[arg(long, default_value_t = 7600)]
        port: u16,
    },
    /// Print what the checks have read, as a file for --root: to ask somebody, or to keep
    Record {
        /// For whom.
        #[command(flatten)]
        target: Target,
    },
}

/// The server the machine is judged for, and which knobs.
#[derive(Debug, Args)]
pub struct Target {
    /// Cores of the process [default: one for each CPU it may use]
    #[arg(long)]
    cores: Option<usize>,
    /// The network card clients come by [default: that of the default route]
    #[arg(long, value_name = "NAME")]
    nic: Option<String>,
    /// Port of the first core
    #[arg(long, default_value_t = 6379)]
    port: u16,
    /// The server's tcp-backlog
    #[arg(long, default_value_t = 511, value_name = "N")]
    tcp_backlog: u64,
    /// The server's maxclients, per core
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    maxclients: u64,
    /// What the server is to hold: the output of 'size --json'
    #[arg(long, value_name = "FILE")]
    memory_plan: Option<PathBuf>,
    /// Another machine: a folder that holds its /proc and /sys, or a recording of 'record'
    #[arg(long, default_value = "/", value_name = "PATH")]
    pub root: PathBuf,
    /// Only these knobs
    #[arg(long, value_delimiter = ',', value_parser = knob_name(), value_name = "KNOB,...")]
    only: Vec<String>,
    /// All knobs but these
    #[arg(long, value_delimiter = ',', value_parser = knob_name(), value_name = "KNOB,...")]
    skip: Vec<String>,
}

fn knob_name() -> clap::builder::PossibleValuesParser {
    knobs::ALL.iter().map(|knob| knob.name).collect::<Vec<_>>().into()
}

impl Target {
    /// The server, as far as options describe it.
    ///
    /// # Errors
    /// The plan cannot be read.
    pub fn wish(&self) -> Result<Wish, String> {
        let plan = self.memory_plan.as_deref().map(Plan::open).transpose()?;
        Ok(Wish {
            cores: self.cores,
            nic: self.nic.clone(),
            port: self.port,
            backlog: self.tcp_backlog,
            maxclients: self.maxclients,
            plan,
        })
    }

    /// The knobs to look at.
    pub fn knobs(&self) -> impl Iterator<Item = &'static Knob> + '_ {
        let named = |list: &[String], knob: &Knob| list.iter().any(|name| name == knob.name);
        knobs::ALL
            .iter()
            .filter(move |knob| (self.only.is_empty() || named(&self.only, knob)) && !named(&self.skip, knob))
    }
}

/// What is to be held, and where.
#[derive(Debug, Args)]
pub struct Size {
    /// Keys in all, without replicas, such as 100M
    #[arg(long, value_parser = parse_count)]
    keys: u64,
    /// Their type
    #[arg(long, value_enum, default_value_t = Kind::String, value_name = "TYPE")]
    r#type: Kind,
    /// Bytes of a key
    #[arg(long, default_value = "16", value_parser = parse_bytes, value_name = "BYTES")]
    key_size: u64,
    /// Bytes of a value, a member or an item
    #[arg(long, default_value = "64", value_parser = parse_bytes, value_name = "BYTES")]
    value_size: u64,
    /// Bytes of the name of a hash's field
    #[arg(long, default_value = "16", value_parser = parse_bytes, value_name = "BYTES")]
    field_size: u64,
    /// Fields, members or items of a key
    #[arg(long, default_value = "10", value_parser = parse_count, value_name = "N")]
    elements: u64,
    /// More keys, such as 'hash keys=1M key-size=20 elements=8 field-size=10 value-size=30'; may be given again
    #[arg(long, value_parser = parse_sort, value_name = "KEYS")]
    and: Vec<(Sort, u64)>,
    /// Machines
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    hosts: u64,
    /// Replicas of each master
    #[arg(long, default_value_t = 0)]
    replicas: u64,
    /// Cores of each machine's process
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    cores: u64,
    /// Clients of each machine
    #[arg(long, default_value = "1000", value_parser = parse_count)]
    clients: u64,
    /// Bytes each of them may have under way: long pipelines, big replies
    #[arg(long, default_value = "16k", value_parser = parse_bytes, value_name = "BYTES")]
    client_buffer: u64,
    /// repl-backlog-size, which each core has
    #[arg(long, default_value = "10mb", value_parser = parse_bytes, value_name = "BYTES")]
    backlog: u64,
    /// Room for growth, in percent
    #[arg(long, default_value_t = 20, value_name = "PERCENT")]
    growth: u64,
    /// Measurements of another server or machine, instead of those that come with the program
    #[arg(long, value_name = "FILE")]
    pub constants: Option<PathBuf>,
    /// As JSON, for 'check --memory-plan'
    #[arg(long)]
    pub json: bool,
}

impl Size {
    /// What is asked for.
    pub fn demand(&self) -> Demand {
        let first = sort(self.r#type, self.key_size, self.elements, self.field_size, self.value_size);
        let mut sorts = vec![(first, self.keys)];
        sorts.extend(&self.and);
        Demand {
            sorts,
            hosts: self.hosts,
            replicas: self.replicas,
            cores: self.cores,
            clients: self.clients,
            client_buffer: self.client_buffer,
            backlog: self.backlog,
            growth: self.growth,
        }
    }
}

/// Strings have no elements, and only hashes have fields.
fn sort(kind: Kind, key: u64, elements: u64, field: u64, value: u64) -> Sort {
    Sort {
        kind,
        key,
        elements: if kind == Kind::String { 1 } else { elements },
        value,
        field: if kind == Kind::Hash { field } else { 0 },
    }
}

fn parse_sort(text: &str) -> Result<(Sort, u64), String> {
    let mut words = text.split_whitespace();
    let kind = words.next().unwrap_or_default();
    let kind = <Kind as clap::ValueEnum>::from_str(kind, true).map_err(|_| format!("{kind:?} is no type"))?;
    let (mut keys, mut key, mut elements, mut field, mut value) = (None, 16, 10, 16, 64);
    for word in words {
        match word.split_once('=') {
            Some(("keys", count)) => keys = Some(parse_count(count)?),
            Some(("elements", count)) => elements = parse_count(count)?,
            Some(("key-size", size)) => key = parse_bytes(size)?,
            Some(("field-size", size)) => field = parse_bytes(size)?,
            Some(("value-size", size)) => value = parse_bytes(size)?,
            _ => {
                return Err(format!(
                    "{word:?}: neither keys=, key-size=, elements=, field-size= nor value-size="
                ));
            }
        }
    }
    Ok((sort(kind, key, elements, field, value), keys.ok_or("keys= is missing")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_are_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn more_keys() {
        let want = Sort { kind: Kind::Hash, key: 20, elements: 8, value: 30, field: 16 };
        assert_eq!(parse_sort("hash keys=1M key-size=20 elements=8 value-size=30"), Ok((want, 1_000_000)));
        let want = Sort { kind: Kind::String, key: 16, elements: 1, value: 64, field: 0 };
        assert_eq!(parse_sort("string keys=5"), Ok((want, 5)));
        assert!(
            parse_sort("tree keys=5").is_err()
                && parse_sort("set").is_err()
                && parse_sort("set keys=1 x").is_err()
        );
    }
}
