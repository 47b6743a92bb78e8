//! The command table and the handlers of data commands.
//!
//! [`table`] has one row a command, with all that is known of it. A data command's handler is a plain
//! function: arguments and [`Ctx`] in, a reply written, keys changed, [`Effects`] told. It runs on the core
//! that owns the slot, to its end, without await or lock. Commands that need sockets, configuration or the
//! cluster have their rows here too, and their code in the server.

pub mod error;
pub mod glob;
pub mod table;

mod args;
mod ctx;
mod db;
mod effects;
mod expiry;
mod long_double;
mod scan;

mod bits;
mod generic;
mod geo;
mod hash;
mod hyperloglog;
mod list;
mod set;
mod sort;
mod stream;
mod string;
mod zset;

mod whole;

pub use args::Args;
pub use ctx::{Ctx, Decoded, Lfu, Overdue, Settings};
pub use db::{Create, Db, Expire, Used, discard, idle_seconds, lfu_counter};
pub use effects::{Block, Class, Effects, Outcome, Touch, Unblocked};
pub use error::Error;
pub use generic::decode;
