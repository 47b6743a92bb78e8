//! RESP, the protocol clients speak: bytes to requests, replies to bytes.
//!
//! Pure functions over byte buffers; sockets and buffers' lives are the server's. A request is parsed in
//! place: its arguments are ranges of the buffer it came in, so a command costs no copy and no allocation
//! (`request`). A reply is appended to one growing buffer; only big values ride along uncopied (`reply`).
//!
//! Source: the protocol specification (RESP2, RESP3) and what Redis and Valkey answer.

mod command;
mod double;
mod inline;
mod integer;
mod reply;
mod request;
mod short;

pub use command::{write_command, write_header, write_words};
pub use double::{format_digits, format_double, parse_double};
pub use inline::{quote, split_line};
pub use integer::{IntegerText, parse_integer};
pub use reply::{Deferred, Mark, Proto, Reply, Segment};
pub use request::{Limits, Parsed, Parser, ProtocolError, peek_key, read_whole};
pub use short::append_short;
