//! What makes values a file: a header, records, and the end with its checksum.
//!
//! ```text
//! REDIS0010 | VALKEY080
//! [AUX name text]... [FUNCTION2 code]...
//! SELECTDB 0  RESIZEDB keys expires
//! [EXPIRETIME_MS ms] [IDLE seconds | FREQ count] kind key value      a record
//! ...
//! EOF checksum
//! ```

use bytes::Bytes;
use store::EntryRef;

use crate::encode::{Encoder, kind_of};
use crate::format::{VERSION_VALKEY_MIN, op};
use crate::snapshot::Format;
use crate::writer::Writer;

/// What a record says of its key's use, for eviction to go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// Nothing.
    Untold,
    /// How long ago it was used (an LRU policy).
    Idle,
    /// How often it is used (an LFU policy).
    Frequency,
}

/// An RDB file, or what a full sync sends.
pub struct File {
    /// The version written: [`VERSION`](crate::format::VERSION), unless there are values that need a newer one.
    pub version: u16,
    /// Names and texts at the start, in order.
    pub aux: Vec<(&'static str, Vec<u8>)>,
    /// The code of each library of functions.
    pub functions: Vec<Bytes>,
    /// What is said of the use of keys.
    pub usage: Usage,
    /// Unix time in ms.
    pub now_ms: u64,
    /// Whether the file ends with its checksum or with 0 (`rdbchecksum`).
    pub checksum: bool,
}

/// The first nine bytes of a file of this version.
pub fn magic(version: u16) -> String {
    if version >= VERSION_VALKEY_MIN { format!("VALKEY{version:03}") } else { format!("REDIS{version:04}") }
}

impl Format for File {
    type Progress = Record;

    fn begin(&mut self, keys: u64, expires: u64, out: &mut Writer) {
        out.raw(magic(self.version).as_bytes());
        for (name, text) in &self.aux {
            out.byte(op::AUX);
            out.string(name.as_bytes());
            out.string(text);
        }
        for code in &self.functions {
            out.byte(op::FUNCTION2);
            out.blob(code);
        }
        out.byte(op::SELECTDB);
        out.length(0);
        out.byte(op::RESIZEDB);
        out.length(keys);
        out.length(expires);
    }

    fn record(&self, entry: EntryRef<'_>, progress: &mut Record, limit: usize, out: &mut Writer) -> bool {
        if !progress.begun {
            progress.begun = true;
            self.write_key(entry, out);
        }
        progress.value.step(entry, limit, out)
    }

    fn end(&mut self, out: &mut Writer) {
        out.byte(op::EOF);
    }

    fn has_checksum(&self) -> bool {
        self.checksum
    }

    fn seal(&self, checksum: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&checksum.to_le_bytes());
    }
}

/// How far a record is written.
#[derive(Default)]
pub struct Record {
    begun: bool,
    value: Encoder,
}

impl File {
    fn write_key(&self, entry: EntryRef<'_>, out: &mut Writer) {
        if let Some(at_ms) = entry.expire_at() {
            out.byte(op::EXPIRETIME_MS);
            out.millis(at_ms as i64);
        }
        match self.usage {
            Usage::Untold => {}
            Usage::Idle => {
                out.byte(op::IDLE);
                out.length(idle_seconds(entry.clock(), self.now_ms));
            }
            Usage::Frequency => {
                out.byte(op::FREQ);
                out.byte(entry.clock() as u8);
            }
        }
        out.byte(kind_of(entry));
        out.string(entry.key());
    }
}

/// Seconds since a key with this LRU clock, 24 bits of unix seconds, was used.
fn idle_seconds(clock: u32, now_ms: u64) -> u64 {
    (now_ms / 1000).wrapping_sub(u64::from(clock)) & 0xFF_FFFF
}
