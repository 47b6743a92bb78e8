//! How much memory: from keys and values to RAM a host.
//!
//! No figure here is a guess: what a key costs beside its bytes was measured with the real server, and stands with
//! date and command in `data/memory.toml` ([`constants`]). [`model`] reads a key's cost off the nearest measurements,
//! [`plan`] adds up a host and shows its arithmetic.

pub mod constants;
pub mod model;
pub mod plan;
