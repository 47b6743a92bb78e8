//! RESTORE: payloads of DUMP from anybody, with a checksum that is right.
//!
//! An input is the format's version, the kind and the value; the footer is made here, as no mutation would hit on it.
//! What is taken can be dumped, and that payload is taken again and says the same.

use rdb::crc64;
use rdb::dump::{dump, restore};
use store::types::{Hash, Limits, List, Set, Stream, Zset};
use store::{KeyLookup, Keyspace, Value};

use super::Target;
use crate::answer;

pub(super) const TARGET: Target = Target {
    name: "restore",
    about: "payloads of RESTORE",
    words: &["\u{0}", "\u{1}", "\u{7f}", "listpack"],
    seeds,
    run,
    brief_runs: 10_000,
};

/// The versions whose payloads are read: of Redis 4 to 7.4, and of Valkey 9.
const VERSIONS: [u16; 4] = [8, 10, 12, 80];
/// Elements of the seeds' collections, few and many.
const SIZES: [u64; 2] = [3, 200];

/// The payload of `value` under some key.
fn payload_of(value: Value<'_>) -> Vec<u8> {
    let slot = base::Slot::ZERO;
    let mut keyspace = Keyspace::new();
    keyspace.set(slot, b"key", value, None);
    let KeyLookup::Found(entry) = keyspace.lookup(slot, b"key") else { unreachable!("it was just set") };
    dump(entry.into_ref(), false)
}

fn seeds() -> Vec<Vec<u8>> {
    let limits = Limits::default();
    let text = |n: u64| format!("element:{n}").into_bytes();
    let mut payloads = vec![payload_of(Value::Bytes(b"abc")), payload_of(Value::Bytes(b"12345"))];
    for size in SIZES {
        let (mut list, mut set, mut ints, mut zset, mut hash) =
            (List::new(), Set::new(), Set::new(), Zset::new(), Hash::new());
        for n in 0..size {
            list.push(store::types::list::Side::Back, &text(n), &limits);
            set.add(&text(n)[..], &limits);
            ints.add(n.to_string().as_bytes(), &limits);
            zset.insert(&text(n), n as f64 / 3.0, &limits);
            hash.set(&text(n), &text(n), store::types::hash::Expiry::Never, 0, &limits);
        }
        payloads.extend([Value::from(list), Value::from(set), Value::from(ints)].map(payload_of));
        payloads.extend([Value::from(zset), Value::from(hash), Value::from(Stream::new())].map(payload_of));
    }
    let without_footer = |payload: Vec<u8>| {
        let body = &payload[..payload.len() - 10];
        [&[payload[body.len()]], body].concat()
    };
    payloads.into_iter().map(without_footer).collect()
}

/// The input with the footer that makes it a payload.
fn with_footer(input: &[u8]) -> Vec<u8> {
    let (version, body) =
        input.split_first().map_or((10, input), |(version, body)| (u16::from(*version), body));
    let version = VERSIONS.into_iter().find(|known| *known >= version).unwrap_or(10);
    let mut payload = [body, &version.to_le_bytes()[..]].concat();
    let checksum = crc64::update(0, &payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

fn run(input: &[u8]) -> u64 {
    let limits = Limits::default();
    let payload = with_footer(input);
    let value = match restore(&payload, &limits) {
        Ok(value) => value,
        Err(refused) => return answer((format!("{refused:?}"), payload[0])),
    };
    let first = payload_of(value);
    let again = restore(&first, &limits).expect("what was dumped is taken");
    let second = payload_of(again);
    assert_eq!((first[0], first.len()), (second[0], second.len()), "the same value has the same payload");
    answer((first[0], first.len()))
}
