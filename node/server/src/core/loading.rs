//! Loading: the time from the start until a core's data are read, and that in which a master's image comes in.
//!
//! From the start on the core serves only what needs no data; everything else is answered with -LOADING, so that
//! clients and tools can wait for it and watch it. An image comes in aside, so reads find the old data meanwhile.

use std::time::Instant;

use commands::Error;
use commands::table::{self, Flags};

use crate::admin::info::Value;
use crate::config::DisklessLoad;
use crate::core::Core;
use crate::replication::upstream::Link;

const LOADING: Error = Error::new("LOADING Redis is loading the dataset in memory");

/// How far data are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loading {
    /// When it began, unix seconds.
    pub started_s: u64,
    started: Instant,
    /// Bytes in all; 0 where nobody knows.
    pub total_bytes: u64,
    /// Bytes read.
    pub loaded_bytes: u64,
}

impl Loading {
    /// Nothing is read yet of `total_bytes`.
    pub fn new(now_ms: u64, total_bytes: u64) -> Loading {
        Loading { started_s: now_ms / 1000, started: Instant::now(), total_bytes, loaded_bytes: 0 }
    }

    /// How far, in percent; 0 where nobody knows.
    pub fn percent(&self) -> Value {
        let known = if self.total_bytes == 0 { 0 } else { self.loaded_bytes };
        Value::Ratio(known as f64 * 100.0, self.total_bytes as f64)
    }

    /// Bytes to come.
    pub fn left_bytes(&self) -> u64 {
        self.total_bytes.saturating_sub(self.loaded_bytes)
    }

    /// Seconds until the end, if it goes on as so far.
    pub fn eta_s(&self) -> u64 {
        let left = self.left_bytes() as f64;
        (self.started.elapsed().as_secs_f64() * left / self.loaded_bytes.max(1) as f64) as u64
    }
}

impl Core {
    /// Data of `total_bytes` are being read from now on.
    pub fn begin_loading(&mut self, total_bytes: u64) {
        self.loading = Some(Loading::new(self.now_ms, total_bytes));
    }

    /// So many bytes more were read.
    pub fn note_loaded(&mut self, bytes: u64) {
        if let Some(loading) = &mut self.loading {
            loading.loaded_bytes += bytes;
        }
    }

    /// All data are there.
    pub fn end_loading(&mut self) {
        self.loading = None;
    }

    /// Why a command with these traits cannot run while data are read, if so.
    #[inline]
    pub fn loading_forbids(&self, flags: Flags) -> Option<Error> {
        (self.loading.is_some() && flags & table::LOADING == 0).then_some(LOADING)
    }

    /// The master's image that comes in.
    pub fn image(&self) -> Option<Loading> {
        match self.replication.upstream.as_ref()?.link {
            Link::Image(loading) => Some(loading),
            _ => None,
        }
    }

    /// Whether INFO says `async_loading` of the image that comes in rather than `loading`. Reads are served either way,
    /// but `loading` keeps those away who look first, and only `swapdb` asks for old data to be shown.
    pub fn shows_old_data(&self) -> bool {
        self.config.replication.repl_diskless_load == DisklessLoad::SwapDb
    }
}
