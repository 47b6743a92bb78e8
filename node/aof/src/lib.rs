//! The append-only file without I/O: what stands in its files, and which file comes next.
//!
//! The log of a data set is several files: a base (a snapshot), and the commands since (incremental files). A
//! small manifest names them, so that a rewrite is one atomic replacement of the manifest (`manifest`). A file
//! of commands is requests as a client would send them (`resp::write_command`), with notes in between (`reader`,
//! `write`).
//!
//! Source: what Redis 7 and Valkey 8 and 9 write and accept.

mod manifest;
mod reader;
mod write;

pub use manifest::{Entry, Format, Kind, Manifest, ManifestError};
pub use reader::{BadFormat, Found, Reader};
pub use write::write_timestamp;
