//! MEMORY: what takes how much.

use std::ffi::{CStr, c_char, c_void};
use std::fmt::Write as _;

use commands::Outcome;

use super::Call;
use super::info::{Glance, Value};

/// A field of MEMORY STATS.
type Field = (&'static str, fn(&Glance<'_>) -> Value);

/// MEMORY STATS's fields, but for the map of the database.
const STATS: &[Field] = &[
    ("peak.allocated", |g| g.memory.peak.into()),
    ("total.allocated", |g| g.memory.used.into()),
    ("replication.backlog", |_| 0.into()),
    ("clients.slaves", |_| 0.into()),
    ("clients.normal", |g| g.clients.memory.into()),
    ("cluster.links", |g| g.bus_bytes().into()),
    ("aof.buffer", |_| 0.into()),
    ("lua.caches", |_| 0.into()),
    ("functions.caches", |_| 0.into()),
    ("overhead.db.hashtable.lut", |g| g.memory.tables.into()),
    // Tables grow in place, a segment at a time: there is never a second one.
    ("overhead.db.hashtable.rehashing", |_| 0.into()),
    ("overhead.total", |g| g.memory.overhead().into()),
    ("db.dict.rehashing.count", |_| 0.into()),
    ("keys.count", |g| g.core.keys.len().into()),
    ("keys.bytes-per-key", |g| g.memory.dataset.checked_div(g.core.keys.len() as u64).unwrap_or(0).into()),
    ("dataset.bytes", |g| g.memory.dataset.into()),
    ("dataset.percentage", |g| g.memory.dataset_percent().into()),
    ("peak.percentage", |g| g.memory.peak_percent().into()),
    ("fragmentation", |g| g.fragmentation().into()),
    ("fragmentation.bytes", |g| g.fragmentation_bytes().into()),
];

/// MEMORY STATS
pub fn stats(call: &mut Call<'_>) -> Outcome {
    let glance = Glance::of(call.core, Some(call.client));
    let fields: Vec<(&str, Value)> = STATS.iter().map(|(name, value)| (*name, value(&glance))).collect();
    let tables = glance.memory.tables;
    let shown = || fields.iter().filter(|(_, value)| *value != Value::Absent);
    let reply = &mut call.client.reply;
    reply.map(1 + shown().count());
    reply.bulk(b"db.0");
    reply.map(2);
    reply.bulk(b"overhead.hashtable.main");
    reply.integer(tables as i64);
    // An expiry stands in its key's entry.
    reply.bulk(b"overhead.hashtable.expires");
    reply.integer(0);
    for (name, value) in shown() {
        reply.bulk(name.as_bytes());
        match value {
            Value::Int(number) => reply.integer(*number),
            Value::Float(number) => reply.double(*number),
            Value::Text(text) => reply.bulk(text.as_bytes()),
            Value::Micros(_) | Value::Absent => {}
        }
    }
    Ok(())
}

/// Below so many bytes there is nothing to find out.
const DOCTOR_MIN: u64 = 5 << 20;
/// A peak of more than so many times what is used now is worth a word.
const DOCTOR_PEAK: f64 = 1.5;
/// So is resident memory of more than so many times, if the difference is so many bytes.
const DOCTOR_RESIDENT: f64 = 1.4;
const DOCTOR_RESIDENT_BYTES: i64 = 10 << 20;
/// And buffers of so many bytes a client, on average.
const DOCTOR_CLIENT: u64 = 200 << 10;

/// MEMORY DOCTOR: what is odd about memory, in words.
pub fn doctor(call: &mut Call<'_>) -> Outcome {
    let text = report(&Glance::of(call.core, Some(call.client)));
    call.client.reply.verbatim("txt", &text);
    Ok(())
}

fn report(glance: &Glance<'_>) -> String {
    let memory = &glance.memory;
    if memory.used < DOCTOR_MIN {
        return "This core holds next to nothing, so there is nothing to say about its memory yet.\n"
            .to_owned();
    }
    let mut text = String::new();
    if memory.peak as f64 > memory.used as f64 * DOCTOR_PEAK {
        let _ = writeln!(
            text,
            "- Memory use was {} bytes at its peak and is {} now. What is free again is used before new memory is \
             asked for; MEMORY PURGE gives it back to the system.",
            memory.peak, memory.used
        );
    }
    if let (Some(ratio), Some(bytes)) = (glance.fragmentation(), glance.fragmentation_bytes())
        && ratio > DOCTOR_RESIDENT
        && bytes > DOCTOR_RESIDENT_BYTES
    {
        let _ = writeln!(
            text,
            "- The process holds {ratio:.2} times the memory its data takes: it is fragmented, as after a peak or \
             after many deletions, or taken by what is not counted as data. MEMORY PURGE may help.",
        );
    }
    let per_client = glance.clients.memory.checked_div(glance.clients.count).unwrap_or(0);
    if per_client > DOCTOR_CLIENT {
        let _ = writeln!(
            text,
            "- Clients take {per_client} bytes each on average: replies that are not read, or long pipelines. See \
             qbuf, obl and omem in CLIENT LIST."
        );
    }
    if text.is_empty() {
        return "Nothing is odd about the memory of this core.\n".to_owned();
    }
    format!("What is odd about the memory of this core:\n\n{text}")
}

/// MEMORY PURGE: of the core that is asked.
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
