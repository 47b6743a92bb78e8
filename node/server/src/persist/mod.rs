//! Data that outlives the process, or leaves it whole: snapshots, their files, loading.
//!
//! [`intake`] takes an image in, [`load`] reads this core's file at start.
//!
//! [`snapshots`] holds the images under way, for whoever wants one: BGSAVE, a full sync, the base of a rewritten
//! append-only file. [`saves`] decides when the keys become this core's RDB file, [`files`] writes it.
//! Whoever begins an image pulls its bytes and ends it:
//!
//! ```text
//! let id = core.begin_snapshot(SnapshotOptions { .. });        the image is of this very moment
//! loop {
//!     match core.pull_snapshot(id, &mut bytes) {               one slice of work, at most some 200 us
//!         Pull::More => hand the bytes on; let clients in
//!         Pull::Done => hand the bytes on; break
//!         Pull::Cancelled => give up; break
//!     }
//! }
//! core.end_snapshot(id);                                       always, also when giving up
//! ```

mod files;
mod intake;
mod load;
mod saves;
mod snapshots;

pub use files::{WriteError, pause_after_key, write_image_now, write_temporary};
pub use intake::{Expired, Intake, OPEN_SLOTS, Present, Progress};
pub use load::load_file;
pub use saves::{IN_PROGRESS, Saves};
pub use snapshots::{OnFlush, Pull, SnapshotId, SnapshotOptions, Snapshots};
