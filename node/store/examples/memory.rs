//! Resident memory per key: what the design's goal of 104 bytes for a 16-byte key with a 64-byte value is
//! measured by. Run as `cargo run --release -p store --example memory [keys]`.
//!
//! Resident memory is the kernel's figure for the whole process less what it was before the first key, so
//! table cells, counters and whatever the allocator leaves unused are in it.

use base::{Slot, key_slot};
use store::keyspace::Keyspace;
use store::slab;
use store::value::Value;

const VALUE: [u8; 64] = [b'v'; 64];

fn main() {
    let keys: u64 = std::env::args().nth(1).map_or(1_000_000, |text| text.parse().expect("a number of keys"));
    let before = resident_bytes();
    let mut keyspace = Keyspace::new();
    fill(&mut keyspace, keys, None);
    report("16-byte keys, 64-byte values", keys, before, &keyspace);
    fill(&mut keyspace, keys, Some(u64::MAX));
    report("the same, with an expiry", keys, before, &keyspace);
    let mut garbage = keyspace.take_all();
    while !garbage.free_some(1_000) {}
    println!("after flushing: {} KiB more resident than at the start", (resident_bytes() - before) / 1024);
}

fn fill(keyspace: &mut Keyspace, keys: u64, expire_ms: Option<u64>) {
    for number in 0..keys {
        let key = format!("key:{number:012}");
        keyspace.set(key_slot(key.as_bytes()), key.as_bytes(), Value::Bytes(&VALUE), expire_ms);
    }
    assert_eq!(keyspace.len() as u64, keys);
}

fn report(what: &str, keys: u64, before: i64, keyspace: &Keyspace) {
    let each = |bytes: i64| bytes as f64 / keys as f64;
    println!("{what}, {keys} keys, bytes a key:");
    println!("  resident   {:7.2}", each(resident_bytes() - before));
    println!("  entries    {:7.2}", each(keyspace.bytes() as i64));
    println!("  tables     {:7.2}", each(keyspace.table_bytes() as i64));
    println!("  slab pages {:7.2}", each(slab::page_bytes() as i64));
    let largest = Slot::all().map(|slot| keyspace.slot_len(slot)).max();
    println!("  (keys in the largest slot: {})", largest.unwrap_or(0));
}

/// The kernel's count of this process's resident memory, in bytes.
fn resident_bytes() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux tells VmRSS");
    let kib: i64 =
        line.split_ascii_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number of kB");
    kib * 1024
}
