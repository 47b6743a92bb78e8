//! Ids, slots, epochs and limits that every crate of the node shares.
//!
//! The bottom of the crate graph: it needs nothing of the project, does no I/O and keeps no state. A type
//! belongs here only when two or more crates above must agree on it.

mod node_id;
pub mod prefetch;
mod random;
mod slot;

pub use node_id::{NODE_ID_LEN, NodeId, ParseNodeIdError};
pub use random::Random;
pub use slot::{SLOT_COUNT, Slot, key_slot};
