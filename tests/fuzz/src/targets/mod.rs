//! What is fuzzed.

mod aof;
mod bus;
mod collections;
mod config;
mod hyperloglog;
mod operations;
mod requests;
mod restore;
mod stream;
mod text;

/// Something that takes any bytes.
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, one line.
    pub about: &'static str,
    /// Words that matter to it.
    pub words: &'static [&'static str],
    /// Good inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Takes an input and checks what must hold; the answer tells how far the input came.
    pub run: fn(&[u8]) -> u64,
    /// Inputs tried by `cargo test`.
    pub brief_runs: u64,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    requests::TARGET,
    text::TARGET,
    config::TARGET,
    aof::LOG,
    aof::MANIFEST,
    bus::TARGET,
    restore::TARGET,
    collections::HASH,
    collections::LIST,
    collections::SET,
    collections::ZSET,
    stream::TARGET,
    hyperloglog::TARGET,
];
