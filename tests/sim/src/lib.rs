//! A whole cluster in one thread: virtual nodes on a virtual network, driven by one seed.
//!
//! Cluster bugs live in rare interleavings of loss, delay, crashes and clocks. Here each is an event with a
//! virtual time, drawn from a seeded generator, so an hour passes in seconds and a seed that breaks an
//! invariant breaks it every time. The nodes are the real [`cluster::Cluster`]; only sockets, disks, clocks
//! and replication are made up:
//!
//! - `network`: connections with TCP's promises (order within a direction, no loss without a reset) and
//!   without more: delay, stalls, half-open ends, refusals, partitions, also one-sided ones;
//! - `node`: one process or core with its clock skew, its `nodes.conf` (synced or not) and its offset;
//! - `disk`: files that are saved while the node goes on, as the server does it;
//! - `setup`, `world`, `wires`: how it begins, the queue of events and what each does;
//! - `faults`: what goes wrong and when;
//! - `moves`, `fix`: slots that move meanwhile (with an option of its own), and the repair afterwards;
//! - `checks`: the invariants, looked at after every event, and convergence once all is well again;
//! - `storm`: a thousand nodes that meet, and lose a hundred at once.

pub mod checks;
mod disk;
pub mod faults;
mod fix;
pub mod moves;
pub mod network;
pub mod node;
pub mod setup;
pub mod storm;
mod wires;
pub mod world;

pub use setup::Options;
pub use world::{Outcome, World, run_seed};
