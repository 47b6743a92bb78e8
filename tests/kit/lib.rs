//! What tests of the whole share: real processes on free ports, and a client that sees replies as they are.
//!
//! A process that a test starts ends with the value that stands for it. A test waits for a condition, never for
//! a time.

mod client;
mod process;

pub use client::{Client, Value, encode};
pub use process::{
    Process, answers, binary, empty_peer, empty_peer_with, free_ports, lone_peer, peer, ringmaster,
    ringmaster_with_file, run, wait_until,
};
