//! Redis's dump format: values, files, and images of a keyspace that changes meanwhile.
//!
//! A pure crate: bytes in, bytes out. It knows no file and no socket, and time is an argument.
//!
//! Writing, from the bottom up: [`crc64`], [`writer`] (numbers and strings), [`encode`] (values),
//! [`file`](mod@file) (what stands around them), [`snapshot`] (which values, and when). Reading: [`reader`],
//! [`decode`] (values), [`load`] (files). [`dump`] is one value by itself, [`functions`] the
//! libraries by themselves.

pub mod crc64;
pub mod decode;
pub mod dump;
pub mod encode;
pub mod file;
pub mod format;
pub mod functions;
pub mod load;

pub mod reader;
pub mod snapshot;
pub mod writer;

#[cfg(test)]
mod tests;

pub use file::{File, Usage};
pub use snapshot::{Format, Image, Snapshot};
pub use writer::Writer;
