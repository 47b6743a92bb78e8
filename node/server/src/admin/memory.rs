//! MEMORY: what takes how much.

use std::ffi::{CStr, c_char, c_void};
use std::fmt::Write as _;

use commands::Outcome;
use resp::Reply;

use super::Call;
use super::info::Rule::Sum;
use super::info::{Field, Figures, Glance, Value};

/// MEMORY STATS's fields, but for the map of the database.
const STATS: &[Field] = &[
    ("peak.allocated", Sum, |g| g.memory.peak.into()),
    ("total.allocated", Sum, |g| g.memory.used.into()),
    ("replication.backlog", Sum, |_| 0.into()),
    ("clients.slaves", Sum, |_| 0.into()),
    ("clients.normal", Sum, |g| g.clients.memory.into()),
    ("cluster.links", Sum, |g| g.bus_bytes().into()),
    ("aof.buffer", Sum, |_| 0.into()),
    ("lua.caches", Sum, |_| 0.into()),
    ("functions.caches", Sum, |_| 0.into()),
    (TABLES, Sum, |g| g.memory.tables.into()),
    // Tables grow in place, a segment at a time: there is never a second one.
    ("overhead.db.hashtable.rehashing", Sum, |_| 0.into()),
    ("overhead.total", Sum, |g| g.memory.overhead().into()),
    ("db.dict.rehashing.count", Sum, |_| 0.into()),
    ("keys.count", Sum, |g| g.core.keys.len().into()),
    ("keys.bytes-per-key", Sum, |g| Value::Ratio(g.memory.dataset as f64, g.core.keys.len() as f64)),
    ("dataset.bytes", Sum, |g| g.memory.dataset.into()),
    ("dataset.percentage", Sum, |g| Value::Percent(g.memory.dataset as f64, g.memory.used as f64)),
    ("peak.percentage", Sum, |g| Value::Percent(g.memory.used as f64, g.memory.peak as f64)),
    ("fragmentation", Sum, |g| g.fragmentation()),
    ("fragmentation.bytes", Sum, |g| g.fragmentation_bytes()),
];
const TABLES: &str = "overhead.db.hashtable.lut";

/// What MEMORY DOCTOR judges by.
const SIGNS: &[Field] = &[
    ("used", Sum, |g| g.memory.used.into()),
    ("peak", Sum, |g| g.memory.peak.into()),
    ("fragmentation", Sum, |g| g.fragmentation()),
    ("fragmentation.bytes", Sum, |g| g.fragmentation_bytes()),
    ("bytes-per-client", Sum, |g| Value::Ratio(g.clients.memory as f64, g.clients.count as f64)),
];

/// What MEMORY STATS tells.
pub fn stats(glance: &Glance<'_>) -> Figures {
    Figures::look(STATS, glance)
}

/// What MEMORY DOCTOR looks at.
pub fn signs(glance: &Glance<'_>) -> Figures {
    Figures::look(SIGNS, glance)
}

/// Writes MEMORY STATS.
pub fn write_stats(figures: &Figures, reply: &mut Reply) {
    reply.map(1 + figures.shown().count());
    reply.bulk(b"db.0");
    reply.map(2);
    reply.bulk(b"overhead.hashtable.main");
    reply.integer(figures.number(TABLES).unwrap_or(0.0) as i64);
    // An expiry stands in its key's entry.
    reply.bulk(b"overhead.hashtable.expires");
    reply.integer(0);
    for (name, value) in figures.shown() {
        reply.bulk(name.as_bytes());
        let number = value.number().unwrap_or(0.0);
        match value {
            Value::Int(number) => reply.integer(*number),
            _ if name == "keys.bytes-per-key" => reply.integer(number as i64),
            _ => reply.double(number),
        }
    }
}

/// Below so many bytes there is nothing to find out.
const DOCTOR_MIN: f64 = 5.0 * 1024.0 * 1024.0;
/// A peak of more than so many times what is used now is worth a word.
const DOCTOR_PEAK: f64 = 1.5;
/// So is resident memory of more than so many times, if the difference is so many bytes.
const DOCTOR_RESIDENT: f64 = 1.4;
const DOCTOR_RESIDENT_BYTES: f64 = 10.0 * 1024.0 * 1024.0;
/// And buffers of so many bytes a client, on average.
const DOCTOR_CLIENT: f64 = 200.0 * 1024.0;

/// MEMORY DOCTOR: what is odd about memory, in words.
pub fn report(signs: &Figures) -> String {
    let sign = |name| signs.number(name).unwrap_or(0.0);
    let (used, peak, per_client) = (sign("used"), sign("peak"), sign("bytes-per-client"));
    if used < DOCTOR_MIN {
        return "There is next to nothing held, so there is nothing to say about memory yet.\n".to_owned();
    }
    let mut text = String::new();
    if peak > used * DOCTOR_PEAK {
        let _ = writeln!(
            text,
            "- Memory use was {peak} bytes at its peak and is {used} now. What is free again is used before new \
             memory is asked for; MEMORY PURGE gives it back to the system."
        );
    }
    let ratio = sign("fragmentation");
    if ratio > DOCTOR_RESIDENT && sign("fragmentation.bytes") > DOCTOR_RESIDENT_BYTES {
        let _ = writeln!(
            text,
            "- The process holds {ratio:.2} times the memory its data takes: it is fragmented, as after a peak or \
             after many deletions, or taken by what is not counted as data. MEMORY PURGE may help.",
        );
    }
    if per_client > DOCTOR_CLIENT {
        let _ = writeln!(
            text,
            "- Clients take {per_client:.0} bytes each on average: replies that are not read, or long pipelines. See \
             qbuf, obl and omem in CLIENT LIST."
        );
    }
    if text.is_empty() {
        return "Nothing is odd about memory.\n".to_owned();
    }
    format!("What is odd about memory:\n\n{text}")
}

/// MEMORY PURGE: of this core's heap.
pub fn purge(call: &mut Call<'_>) -> Outcome {
    // SAFETY: takes no pointers, and may be called at any time; it works on this thread's own heap.
    unsafe { libmimalloc_sys::mi_collect(true) };
    call.client.reply.ok();
    Ok(())
}

/// MEMORY MALLOC-STATS
pub fn malloc_stats(call: &mut Call<'_>) -> Outcome {
    let mut text = String::new();
    // SAFETY: `take` gets `text`, which outlives the call, and C strings, which it only reads.
    unsafe { libmimalloc_sys::mi_stats_print_out(Some(take), (&raw mut text).cast()) };
    call.client.reply.verbatim("txt", &text);
    Ok(())
}

/// Takes a piece of the allocator's report.
///
/// # Safety
/// `piece` is a C string, and `text` a `String` that nobody else uses.
unsafe extern "C" fn take(piece: *const c_char, text: *mut c_void) {
    // SAFETY: the caller's promise.
    let (piece, text) = unsafe { (CStr::from_ptr(piece), &mut *text.cast::<String>()) };
    text.push_str(&piece.to_string_lossy());
}
