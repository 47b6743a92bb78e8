//! Replication without I/O: what a master keeps for its replicas, and how the two talk.
//!
//! Replication is a stream of bytes, the commands a master ran, and a position in it, the offset. All that is
//! hard about it is bookkeeping: who has heard how much, whose history is whose, what may be forgotten. So it
//! stands here as plain state, with bytes and randomness as arguments; sockets, keys and clocks are the server's.
//!
//! Offsets count bytes of the stream, and an offset is where the next byte goes: `offset` bytes are behind it. On
//! the wire PSYNC asks for the number of the next byte instead, the first being 1.
//!
//! Source: what Redis 7 and Valkey 8 and 9 do on the wire.

mod backlog;
mod handshake;
mod history;
mod payload;

pub use backlog::{Backlog, Piece};
pub use handshake::{Answer, Failure, Greeting, Handshake};
pub use history::{History, ID_LEN, Id, Refusal};
pub use payload::{Framing, MARK_LEN, Payload};
