//! Replication without I/O: what a master keeps for its replicas, and how the two talk.
//!
//! Replication is a stream of bytes, the commands a master ran, and a position in it, the offset. All that is
//! hard about it is bookkeeping: who has heard how much, whose history is whose, what may be forgotten. So it
//! stands here as plain state, with bytes and times as arguments; sockets and keys are the server's.
//!
//! Source: what Redis 7 and Valkey 8 and 9 do on the wire.

mod backlog;

pub use backlog::{Backlog, Piece};
