//! What the hot operations of the keyspace cost, without network or parsing: GET of a key that is there, SET
//! over a value of the same size, SET of new keys, DEL. Run as
//! `cargo run --release -p store --example speed [keys]`.
//!
//! Keys are visited in random order, so caches help no more than they do a server. Time is the thread's CPU
//! time, and the best of several rounds where a round can be repeated, so that other load disturbs less.

use std::hint::black_box;

use base::{Random, Slot, key_slot};
use store::keyspace::Keyspace;
use store::value::{StrRef, Value};

type Keys = Vec<(Slot, [u8; 16])>;

/// Operations of a round that can be repeated.
const OPERATIONS: usize = 1_000_000;
const ROUNDS: usize = 7;
/// Keys whose lines are prefetched together, as a server does with a batch of commands.
const BATCH: usize = 16;

fn main() {
    let count: usize =
        std::env::args().nth(1).map_or(100_000, |text| text.parse().expect("a number of keys"));
    let mut keys = numbered_keys(count);
    shuffle(&mut keys);
    let mut keyspace = Keyspace::new();
    println!("{count} keys of 16 bytes, values of 64; ns an operation:");
    measure("SET, new keys", 1, count, || {
        for (slot, key) in &keys {
            keyspace.set(*slot, key, Value::Bytes(&[b'v'; 64]), None);
        }
    });
    shuffle(&mut keys);
    let order: Keys = keys.iter().cycle().take(OPERATIONS).copied().collect();
    measure("walking the keys themselves", ROUNDS, OPERATIONS, || {
        for key in &order {
            black_box(key);
        }
    });
    measure("slot of a key", ROUNDS, OPERATIONS, || {
        for (_, key) in &order {
            black_box(key_slot(key));
        }
    });
    measure("hash of a key", ROUNDS, OPERATIONS, || {
        for (_, key) in &order {
            black_box(store::hash::key_hash(key));
        }
    });
    measure("GET hit", ROUNDS, OPERATIONS, || {
        // Where to read next depends on what was read, so the CPU cannot begin a lookup before the last is done:
        // as it is when each request comes alone.
        let mut last = b'v';
        for at in 0..order.len() {
            let (slot, key) = &order[at + usize::from(last - b'v')];
            last = get(&keyspace, *slot, key);
        }
    });
    measure("GET hit, prefetched in batches", ROUNDS, OPERATIONS, || {
        for batch in order.chunks(BATCH) {
            prefetch(&keyspace, batch);
            for (slot, key) in batch {
                get(&keyspace, *slot, key);
            }
        }
    });
    measure("GET miss", ROUNDS, OPERATIONS, || {
        for (slot, key) in &order {
            let mut other = *key;
            other[15] = b'x';
            assert!(keyspace.get(*slot, &other).is_none());
        }
    });
    measure("SET over the same size", ROUNDS, OPERATIONS, || {
        for (slot, key) in &order {
            keyspace.set(*slot, key, Value::string(black_box(&[b'v'; 64])), None);
        }
    });
    measure("the same, prefetched in batches", ROUNDS, OPERATIONS, || {
        for batch in order.chunks(BATCH) {
            prefetch(&keyspace, batch);
            for (slot, key) in batch {
                keyspace.set(*slot, key, Value::string(black_box(&[b'v'; 64])), None);
            }
        }
    });
    measure("DEL", 1, count, || {
        for (slot, key) in &keys {
            drop(keyspace.remove(*slot, key));
        }
    });
}

/// Copies the value out, as a reply does, and returns its last byte.
fn get(keyspace: &Keyspace, slot: Slot, key: &[u8]) -> u8 {
    let entry = keyspace.get(slot, key).expect("every key is there");
    let Some(StrRef::Bytes(bytes)) = entry.string() else { panic!("the values are short strings") };
    let mut reply = [0; 64];
    reply.copy_from_slice(bytes);
    black_box(reply)[63]
}

fn prefetch(keyspace: &Keyspace, batch: &[(Slot, [u8; 16])]) {
    let keys: Vec<_> = batch.iter().map(|(slot, key)| keyspace.prefetch(*slot, key)).collect();
    keys.into_iter().for_each(|key| keyspace.prefetch_entry(key));
}

fn numbered_keys(count: usize) -> Keys {
    let key = |number| -> [u8; 16] { format!("key:{number:012}").into_bytes().try_into().expect("16 bytes") };
    (0..count).map(key).map(|key| (key_slot(&key), key)).collect()
}

fn shuffle(keys: &mut Keys) {
    let mut random = Random::new(keys.len() as u64);
    for at in (1..keys.len()).rev() {
        keys.swap(at, random.below(at as u64 + 1) as usize);
    }
}

fn measure(what: &str, rounds: usize, operations: usize, mut work: impl FnMut()) {
    let mut best = i64::MAX;
    for _ in 0..rounds {
        let start = cpu_ns();
        work();
        best = best.min(cpu_ns() - start);
    }
    println!("  {what:32} {:7.1}", best as f64 / operations as f64);
}

/// CPU time of this thread so far, in ns.
fn cpu_ns() -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes the one value it is given a pointer to.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    assert_eq!(result, 0, "Linux has this clock");
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}
