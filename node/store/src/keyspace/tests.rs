//! The keyspace against a model, with every counter checked against a recount.

use std::collections::{BTreeMap, HashMap, HashSet};

use base::{Random, Slot, key_slot};

use super::*;
use crate::types::{Hash, Limits, List, list::Side};

type Model = HashMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

fn bytes_of(entry: EntryRef<'_>) -> Vec<u8> {
    entry.string().unwrap().to_cow().into_owned()
}

fn set(keys: &mut Keyspace, key: &str, value: &str, expire_ms: Option<u64>) {
    keys.set(key_slot(key.as_bytes()), key.as_bytes(), Value::string(value.as_bytes()), expire_ms);
}

/// Recounts everything that is kept as a counter.
fn check(keys: &Keyspace) {
    let (mut len, mut expires, mut bytes) = (0, 0, 0);
    for slot in Slot::all() {
        let table = keys.slot(slot);
        let (mut slot_expires, mut slot_bytes) = (0, 0);
        for entry in table.iter() {
            assert_eq!(key_slot(entry.key()), slot);
            slot_expires += usize::from(entry.expire_at().is_some());
            slot_bytes += entry.size();
        }
        assert_eq!(
            (table.iter().count(), table.expires(), table.bytes()),
            (table.len(), slot_expires, slot_bytes)
        );
        len += table.len();
        expires += slot_expires;
        bytes += slot_bytes;
    }
    assert_eq!((keys.len(), keys.expires_len(), keys.bytes()), (len, expires, bytes));
}

fn random_value(random: &mut Random) -> Vec<u8> {
    let len = [3, 10, 64, 70, 500, 1_500][random.below(6) as usize];
    if random.below(3) == 0 {
        random.below(1 << 40).to_string().into_bytes()
    } else {
        vec![random.bits() as u8; len]
    }
}

fn step(random: &mut Random, keys: &mut Keyspace, model: &mut Model) {
    let key = format!("key:{{{}}}:{}", random.below(40), random.below(50)).into_bytes();
    let slot = key_slot(&key);
    let expire = (random.below(2) == 0).then(|| random.below(1_000));
    match random.below(9) {
        0 | 1 => {
            let removed = keys.remove(slot, &key).map(|entry| bytes_of(entry.view()));
            assert_eq!(removed, model.remove(&key).map(|(value, _)| value));
        }
        2 => {
            assert_eq!(keys.set_expire(slot, &key, expire), model.contains_key(&key));
            model.entry(key).and_modify(|(_, at)| *at = expire);
        }
        3 => {
            if let KeyLookup::Found(mut entry) = keys.lookup(slot, &key) {
                let (value, at) = model.get_mut(&key).unwrap();
                assert_eq!(entry.expire_at(), *at);
                value.extend_from_slice(b"tail");
                let len = value.len();
                entry.edit_bytes(len, |bytes| bytes[len - 4..].copy_from_slice(b"tail"));
            }
        }
        4 => {
            let other = format!("renamed:{}", random.below(300)).into_bytes();
            if let Some(entry) = keys.remove(slot, &key) {
                let replaced = keys.put(key_slot(&other), entry.rename(&other));
                let moved = model.remove(&key).unwrap();
                assert_eq!(
                    replaced.map(|e| bytes_of(e.view())),
                    model.insert(other, moved).map(|(value, _)| value)
                );
            }
        }
        _ => {
            let value = random_value(random);
            let stored = keys.set(slot, &key, Value::string(&value), expire);
            let old = model.insert(key, (value, expire));
            match stored {
                Stored::New => assert!(old.is_none()),
                Stored::InPlace => assert!(old.is_some()),
                Stored::Replaced(entry) => assert_eq!(bytes_of(entry.view()), old.unwrap().0),
            }
        }
    }
}

#[test]
fn agrees_with_a_model() {
    for seed in 0..4 {
        let mut random = Random::new(seed);
        let (mut keys, mut model) = (Keyspace::new(), Model::new());
        for round in 0..10 {
            (0..3_000).for_each(|_| step(&mut random, &mut keys, &mut model));
            check(&keys);
            let all: Model =
                keys.iter().map(|(_, e)| (e.key().to_vec(), (bytes_of(e), e.expire_at()))).collect();
            assert!(all == model, "seed {seed} round {round}");
            let now = random.below(200);
            let mut expired = HashSet::new();
            while keys.expire_slice(now, 64, &mut |_, o| assert!(expired.insert(key_of(&o)))).expired > 0 {}
            for _ in 0..20_000 / 64 {
                keys.expire_slice(now, 64, &mut |_, o| assert!(expired.insert(key_of(&o))));
            }
            model.retain(|key, (_, at)| {
                let due = at.is_some_and(|at| at <= now);
                assert_eq!(due, expired.contains(key));
                !due
            });
            check(&keys);
        }
    }
}

#[test]
fn get_finds_and_touches() {
    let mut keys = Keyspace::new();
    set(&mut keys, "foo", "bar", Some(5));
    let slot = key_slot(b"foo");
    keys.prefetch_entry(keys.prefetch(slot, b"foo"));
    keys.prefetch_entry(keys.prefetch(slot, b"not there"));
    let entry = keys.get(slot, b"foo").unwrap();
    entry.set_clock(77);
    assert_eq!((entry.clock(), entry.expire_at(), bytes_of(entry)), (77, Some(5), b"bar".to_vec()));
    assert!(keys.get(slot, b"fo").is_none() && keys.get_mut(slot, b"").is_none());
}

#[test]
fn collections_live_in_place() {
    let mut keys = Keyspace::new();
    let (slot, limits) = (key_slot(b"l"), Limits::default());
    let KeyLookup::Vacant(vacancy) = keys.lookup(slot, b"l") else { panic!("an empty keyspace has a key") };
    let mut entry = vacancy.insert(Entry::new(b"l", List::new().into(), None));
    entry.get_mut::<List>().unwrap().push(Side::Back, b"a", &limits);
    entry.set_expire(Some(9));
    entry.into_mut::<List>().unwrap().push(Side::Back, b"b", &limits);
    assert_eq!(keys.get(slot, b"l").unwrap().get::<List>().unwrap().len(), 2);
    check(&keys);
    let Stored::Replaced(mut old) = keys.set(slot, b"l", Value::Int(1), None) else {
        panic!("not handed back")
    };
    assert_eq!(old.get_mut::<List>().unwrap().len(), 2);
    check(&keys);
}

#[test]
fn scan_covers_all_slots_once() {
    let mut keys = Keyspace::new();
    assert_eq!(keys.scan(0, &mut |_| panic!("no key")), 0);
    for i in 0..2_000 {
        set(&mut keys, &format!("{{{}}}{i}", i % 300), "v", None);
    }
    let (mut seen, mut cursor) = (BTreeMap::new(), 0);
    loop {
        cursor = keys.scan(cursor, &mut |e| *seen.entry(e.key().to_vec()).or_insert(0) += 1);
        if cursor == 0 {
            break;
        }
    }
    assert!(seen.len() == 2_000 && seen.values().all(|&times| times == 1));
    let mut random = Random::new(4);
    for _ in 0..2_000 {
        let next = keys.scan(random.bits() >> random.below(64), &mut |_| ());
        assert!(next <= i64::MAX as u64);
    }
    let slot = key_slot(b"{7}");
    let mut in_slot = 0;
    keys.keys_in_slot(slot, 5, |_| in_slot += 1);
    assert_eq!(in_slot, 5);
    let mut scanned = 0;
    let mut cursor = keys.scan_slot(slot, 0, &mut |_| scanned += 1);
    while cursor != 0 {
        cursor = keys.scan_slot(slot, cursor, &mut |_| scanned += 1);
    }
    assert_eq!(scanned, keys.slot_len(slot));
}

#[test]
fn random_keys_are_fair_over_uneven_slots() {
    let mut keys = Keyspace::new();
    let mut random = Random::new(9);
    assert!(keys.random_key(&mut || random.bits()).is_none());
    // One slot of 150 keys, and 50 slots of one.
    for i in 0..200 {
        let expire = (i % 10 == 0).then_some(1);
        set(&mut keys, &if i < 150 { format!("{{a}}{i}") } else { i.to_string() }, &i.to_string(), expire);
    }
    let mut counts = [0f64; 200];
    for _ in 0..200 * 100 {
        let (slot, entry) = keys.random_key(&mut || random.bits()).unwrap();
        assert_eq!(slot, key_slot(entry.key()));
        counts[entry.string().unwrap().to_int().unwrap() as usize] += 1.0;
    }
    let chi_square: f64 = counts.iter().map(|c| (c - 100.0).powi(2) / 100.0).sum();
    assert!(chi_square < 199.0 + 4.0 * 20.0, "{chi_square}");
    let mut expiring = HashSet::new();
    for _ in 0..2_000 {
        let (_, entry) = keys.random_expiring_key(&mut || random.bits()).unwrap();
        assert!(entry.expire_at().is_some());
        expiring.insert(entry.key().to_vec());
    }
    assert_eq!(expiring.len(), 20);
}

#[test]
fn slots_move_between_threads_and_back() {
    let mut here = Keyspace::new();
    (0..500).for_each(|i| set(&mut here, &format!("{{x}}{i}"), "value", Some(i)));
    set(&mut here, "other", "value", None);
    let slot = key_slot(b"{x}");
    let table = here.take_slot(slot);
    assert_eq!((here.len(), here.expires_len(), table.len()), (1, 0, 500));
    let there = std::thread::spawn(move || {
        let mut there = Keyspace::new();
        assert!(there.put_slot(slot, table).is_empty());
        (0..500).step_by(2).for_each(|i| drop(there.remove(slot, format!("{{x}}{i}").as_bytes())));
        set(&mut there, "{x}new", "value", None);
        check(&there);
        there.take_slot(slot)
    });
    assert!(here.put_slot(slot, there.join().unwrap()).is_empty());
    assert_eq!((here.len(), here.slot_len(slot), here.slot_expires(slot)), (252, 251, 250));
    check(&here);
}

#[test]
fn everything_is_freed_in_slices() {
    let mut keys = Keyspace::new();
    (0..1_000).for_each(|i| set(&mut keys, &i.to_string(), "v", Some(1)));
    let mut garbage = keys.take_all();
    assert_eq!((keys.len(), keys.expires_len(), garbage.len()), (0, 0, 1_000));
    check(&keys);
    let mut more = Garbage::new();
    more.push(Entry::new(b"k", Value::Int(1), None));
    garbage.append(more);
    let mut slices = 0;
    while !garbage.free_some(100) {
        slices += 1;
    }
    assert!((15..30).contains(&slices) && garbage.is_empty(), "{slices}");
}

#[test]
fn expiry_walks_only_what_expires() {
    let mut keys = Keyspace::new();
    assert_eq!(keys.expire_slice(1, 10, &mut |_, _| ()), ExpireSlice::default());
    for i in 0..3_000 {
        set(&mut keys, &i.to_string(), "v", (i % 3 == 0).then_some(if i % 2 == 0 { 100 } else { 5_100 }));
    }
    let mut slice = ExpireSlice::default();
    while slice.looked < 1_000 {
        let more = keys.expire_slice(100, 50, &mut |_, overdue| {
            assert!(matches!(overdue, Overdue::Key(entry) if entry.expire_at() == Some(100)))
        });
        slice.lines += more.lines;
        slice.looked += more.looked;
        slice.expired += more.expired;
    }
    assert_eq!((slice.expired, keys.expires_len(), keys.len()), (500, 500, 2_500));
    assert!((4_000..=5_000).contains(&keys.average_ttl_ms()), "{}", keys.average_ttl_ms());
    check(&keys);
}

fn key_of(overdue: &Overdue) -> Vec<u8> {
    match overdue {
        Overdue::Key(entry) => entry.key().to_vec(),
        Overdue::Fields(key) => key.clone(),
    }
}

#[test]
fn the_sweep_finds_fields_that_expire() {
    use crate::types::hash::Expiry;
    let (mut keys, limits) = (Keyspace::new(), Limits::default());
    let slot = Slot::new(7).unwrap();
    let mut hash = Hash::new();
    hash.set(b"field", b"value", Expiry::At(50), 0, &limits);
    keys.set(slot, b"timed", Value::from(hash), None);
    keys.set(slot, b"plain", Value::from(Hash::new()), None);
    assert!(keys.may_expire());
    let sweep = |keys: &mut Keyspace, now: u64| {
        let mut found = Vec::new();
        keys.expire_slice(now, 64, &mut |at, overdue| found.push((at, key_of(&overdue))));
        found
    };
    assert!(sweep(&mut keys, 49).is_empty());
    assert!(sweep(&mut keys, 50).contains(&(slot, b"timed".to_vec())));
    let mut entry = keys.get_mut(slot, b"timed").unwrap();
    entry.get_mut::<Hash>().unwrap().expire_fields(50, 10, |_| ());
    assert!(sweep(&mut keys, 50).is_empty());
    assert!(!keys.may_expire(), "a round found no such field");
}
