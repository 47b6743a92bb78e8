//! Loading: the time from the start until a core's data are read.
//!
//! The core serves meanwhile, but only what needs no data; everything else is answered with -LOADING, so that
//! clients and tools can wait for it and watch it.

use std::time::Instant;

use commands::Error;
use commands::table::{self, Flags};

use crate::core::Core;

const LOADING: Error = Error::new("LOADING Redis is loading the dataset in memory");

/// How far a core has come.
#[derive(Debug, Clone)]
pub struct Loading {
    /// When it began, unix seconds.
    pub started_s: u64,
    started: Instant,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// Bytes read.
    pub loaded_bytes: u64,
}

impl Loading {
    /// Seconds until the end, if it goes on as so far.
    pub fn eta_s(&self) -> u64 {
        let rest = self.total_bytes.saturating_sub(self.loaded_bytes) as f64;
        (self.started.elapsed().as_secs_f64() * rest / self.loaded_bytes.max(1) as f64) as u64
    }
}

impl Core {
    /// Data of `total_bytes` are being read from now on.
    pub fn begin_loading(&mut self, total_bytes: u64) {
        let started_s = self.now_ms / 1000;
        self.loading = Some(Loading { started_s, started: Instant::now(), total_bytes, loaded_bytes: 0 });
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
}
