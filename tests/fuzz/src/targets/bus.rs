//! Packets of the cluster bus: read or refused, and what was read can be written and read again.

use std::fs;
use std::path::Path;

use cluster::wire::{Packet, WireError, decode, encode, frame_len};

use super::Target;
use crate::answer;

pub(super) const TARGET: Target = Target {
    name: "bus",
    about: "packets of the cluster bus",
    words: &["RCmb", "\0\0\0\0", "127.0.0.1", "::1"],
    seeds,
    run,
    brief_runs: 20_000,
};

/// Packets of real servers, as recorded for the crate's own tests; those of a moderate size.
fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../node/cluster/tests/golden");
    let entries = fs::read_dir(folder).expect("the recorded packets are in the repository");
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "bin"));
    paths.sort();
    paths.iter().filter_map(|path| fs::read(path).ok()).filter(|bytes| bytes.len() < 16 * 1024).collect()
}

fn run(input: &[u8]) -> u64 {
    let framed = frame_len(input);
    let as_it_is = check(input);
    // The same with the right length and version, so that what comes behind them is reached.
    let mut fitting = input.to_vec();
    if fitting.len() >= 10 {
        let len = fitting.len() as u32;
        fitting[..4].copy_from_slice(b"RCmb");
        fitting[4..8].copy_from_slice(&len.to_be_bytes());
        fitting[8..10].copy_from_slice(&1u16.to_be_bytes());
    }
    answer((framed.is_ok(), as_it_is, check(&fitting)))
}

/// What became of a packet: its kind, or a number that tells the error.
fn check(bytes: &[u8]) -> (u16, u8) {
    let packet = match decode(bytes) {
        Ok(packet) => packet,
        Err(error) => return (0, error_number(&error)),
    };
    let written = encode(&packet);
    let again = decode(&written).unwrap_or_else(|error| panic!("{error}: {packet:?}"));
    assert_eq!(again, packet);
    let (Packet::Full(_, body) | Packet::Light(body)) = &packet;
    (body.kind().min(11), u8::MAX)
}

fn error_number(error: &WireError) -> u8 {
    match error {
        WireError::Signature => 0,
        WireError::Version(_) => 1,
        WireError::Length { .. } => 2,
        WireError::NotLight(_) => 3,
        WireError::NodeId => 4,
        WireError::Text => 5,
        WireError::Extension { .. } => 6,
    }
}
