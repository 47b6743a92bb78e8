//! Sections with a line for each command, error, database or replica.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base::Random;
use commands::table::Found;

use super::Glance;
use super::key_sizes::KeySizes;
use crate::core::run_times::RunTimes;
use crate::core::stats::CommandStats;

/// What is counted of commands, by row.
pub type ByCommand = BTreeMap<u16, CommandStats>;

/// The lines of a section, to be written.
#[derive(Debug)]
pub enum Lines {
    /// Of Commandstats.
    Commands(ByCommand),
    /// Of Latencystats.
    Latencies(ByCommand),
    /// Of Errorstats: by code, how often it was answered.
    Errors(BTreeMap<String, u64>),
    /// Of Keyspace.
    Database(Database),
    /// Of Keysizes.
    KeySizes(KeySizes),
    /// Of Replication: each but for its number.
    Replicas(Vec<String>),
}

/// The one database of a cluster node.
#[derive(Debug)]
pub struct Database {
    keys: u64,
    /// How many have a time to live, and how long all of them have to live, about, in milliseconds.
    expires: u64,
    ttl_ms: u128,
}

/// Section Commandstats.
pub(super) fn commands(glance: &Glance<'_>) -> Lines {
    // Histograms are large, and not for this section.
    let counts = |stats: &CommandStats| CommandStats { run_times: RunTimes::default(), ..*stats };
    let commands = glance.core.stats.by_command();
    Lines::Commands(commands.map(|(found, stats)| (found.id, counts(stats))).collect())
}

/// Section Latencystats.
pub(super) fn latencies(glance: &Glance<'_>) -> Lines {
    let is_tracked = glance.core.config.insight.latency_tracking;
    let commands =
        glance.core.stats.by_command().filter(|(_, stats)| is_tracked && !stats.run_times.is_empty());
    Lines::Latencies(commands.map(|(found, stats)| (found.id, stats.clone())).collect())
}

/// Section Errorstats.
pub(super) fn errors(glance: &Glance<'_>) -> Lines {
    Lines::Errors(glance.core.stats.errors_by_code.clone())
}

/// Keys that the average time to live is estimated from.
const TTL_SAMPLES: u64 = 32;

/// Section Keyspace.
pub(super) fn databases(glance: &Glance<'_>) -> Lines {
    let (keys, now_ms) = (&glance.core.keys, glance.core.now_ms);
    let mut random = Random::new(now_ms);
    let mut sample = |_| {
        let (_, entry) = keys.random_expiring_key(&mut || random.bits())?;
        entry.expire_at().map(|at_ms| at_ms.saturating_sub(now_ms))
    };
    let samples: Vec<u64> = (0..TTL_SAMPLES).map_while(&mut sample).collect();
    let average = samples.iter().map(|ttl| u128::from(*ttl)).sum::<u128>() / samples.len().max(1) as u128;
    let expires = keys.expires_len() as u64;
    Lines::Database(Database { keys: keys.len() as u64, expires, ttl_ms: average * u128::from(expires) })
}

impl Lines {
    /// Combines them with the same section's of another core.
    pub fn merge(&mut self, other: Lines) {
        match (self, other) {
            (Lines::Commands(own), Lines::Commands(more))
            | (Lines::Latencies(own), Lines::Latencies(more)) => {
                merge_commands(own, more);
            }
            (Lines::Errors(own), Lines::Errors(more)) => {
                more.into_iter().for_each(|(code, count)| *own.entry(code).or_default() += count);
            }
            (Lines::Database(own), Lines::Database(more)) => {
                own.keys += more.keys;
                own.expires += more.expires;
                own.ttl_ms += more.ttl_ms;
            }
            (Lines::KeySizes(own), Lines::KeySizes(more)) => own.merge(more),
            (Lines::Replicas(own), Lines::Replicas(more)) => own.extend(more),
            _ => unreachable!("all cores show the same sections"),
        }
    }

    /// Writes them; run times as these percentiles.
    pub fn write(&self, percentiles: &[f64], text: &mut String) {
        match self {
            Lines::Commands(commands) => {
                found(commands).for_each(|(found, stats)| write_command(&found, stats, text));
            }
            Lines::Latencies(commands) => {
                found(commands).for_each(|(found, stats)| write_latency(&found, stats, percentiles, text));
            }
            Lines::Errors(errors) => errors.iter().for_each(|(code, count)| {
                // A code may be anything that was sent as an error; what would break the line is replaced.
                let code = code.replace(['#', ':', '\n', '\r'], "_");
                let _ = write!(text, "errorstat_{code}:count={count}\r\n");
            }),
            // Only databases that are not empty are shown.
            Lines::Database(Database { keys: 0, .. }) => {}
            Lines::Database(Database { keys, expires, ttl_ms }) => {
                let average = ttl_ms / u128::from(*expires).max(1);
                let _ = write!(text, "db0:keys={keys},expires={expires},avg_ttl={average}\r\n");
            }
            Lines::KeySizes(sizes) => sizes.write(text),
            Lines::Replicas(replicas) => replicas.iter().enumerate().for_each(|(i, replica)| {
                let _ = write!(text, "slave{i}:{replica}\r\n");
            }),
        }
    }
}

/// Adds what another core counted of its commands.
pub fn merge_commands(own: &mut ByCommand, more: ByCommand) {
    more.into_iter().for_each(|(id, stats)| own.entry(id).or_default().merge(stats));
}

fn found(commands: &ByCommand) -> impl Iterator<Item = (Found, &CommandStats)> {
    commands.iter().filter_map(|(id, stats)| Some((Found::by_id(*id)?, stats)))
}

fn write_command(found: &Found, stats: &CommandStats, text: &mut String) {
    let us = stats.microseconds;
    let us_per_call = if stats.calls == 0 { 0.0 } else { us as f64 / stats.calls as f64 };
    let _ = write!(
        text,
        "cmdstat_{}:calls={},usec={us},usec_per_call={us_per_call:.2},rejected_calls={},failed_calls={}\r\n",
        found.full_name(),
        stats.calls,
        stats.rejected,
        stats.failed
    );
}

/// Percentiles of run times in microseconds.
fn write_latency(found: &Found, stats: &CommandStats, percentiles: &[f64], text: &mut String) {
    let histogram = stats.run_times.histogram();
    let at =
        |percentile: &f64| format!("p{percentile}={:.3}", histogram.value_at_percentile(*percentile) as f64);
    let percentiles: Vec<String> = percentiles.iter().map(at).collect();
    let _ = write!(text, "latency_percentiles_usec_{}:{}\r\n", found.full_name(), percentiles.join(","));
}
