//! Hashes against a map of strings, with a clock that runs.

use std::collections::BTreeMap;

use base::Random;

use super::super::int;
use super::*;

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

fn small_limits() -> Limits {
    Limits { hash_max_listpack_entries: 6, hash_max_listpack_value: 12, ..Limits::default() }
}

fn hash_of(fields: usize, limits: &Limits) -> Hash {
    let mut hash = Hash::new();
    for i in 0..fields {
        assert!(hash.set(format!("f{i}").as_bytes(), format!("{i}").as_bytes(), Expiry::Keep, ALL, limits));
    }
    hash
}

fn content(hash: &Hash, now: u64) -> Model {
    let entry = |field: FieldRef<'_>| (field.field.to_vec(), (field.value.to_vec(), field.expiry));
    hash.iter(now).map(entry).collect()
}

fn alive(model: &Model, now: u64) -> Model {
    model
        .iter()
        .filter(|(_, (_, at))| at.is_none_or(|at| at > now))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

#[test]
fn behaves_like_a_map() {
    let mut random = Random::new(21);
    for round in 0..300u64 {
        let limits = if round % 3 == 0 { Limits::default() } else { small_limits() };
        let (mut hash, mut model, mut now) = (Hash::new(), Model::new(), 1000);
        for _ in 0..80 {
            now += random.below(3);
            let field = format!("{}", random.below(4 + round / 10)).into_bytes();
            let value = vec![b'v'; random.below(if round % 5 == 0 { 20 } else { 5 }) as usize];
            let before = alive(&model, now).get(&field).cloned();
            match random.below(8) {
                0 => {
                    assert_eq!(hash.remove(&field, now), before.is_some());
                    model.retain(|name, _| before.is_none() || *name != field);
                }
                1 if round % 2 == 0 => {
                    let expiry = random.below(4).checked_sub(1).map(|more| now + 1 + more);
                    assert_eq!(hash.set_expiry(&field, expiry, now), before.is_some());
                    if before.is_some() {
                        model.get_mut(&field).unwrap().1 = expiry;
                    }
                }
                2 => {
                    let found = hash.get(&field, now).map(|found| (found.value.to_vec(), found.expiry));
                    assert_eq!(found, before);
                }
                3 => {
                    let freed = hash.expire_fields(now, 2, |name| {
                        let (_, expiry) = model.remove(name).expect("it was there");
                        assert!(expiry.unwrap() <= now);
                    });
                    assert!(freed == 2 || alive(&model, now) == model);
                }
                n => {
                    let keep = before.as_ref().and_then(|(_, expiry)| *expiry);
                    let (expiry, after) = match n {
                        4 if round % 2 == 0 => (Expiry::At(now + 5), Some(now + 5)),
                        5 => (Expiry::Never, None),
                        _ => (Expiry::Keep, keep),
                    };
                    assert_eq!(hash.set(&field, &value, expiry, now, &limits), before.is_none());
                    model.insert(field, (value, after));
                }
            }
            assert_eq!(hash.len(now), alive(&model, now).len());
            assert_eq!(hash.next_expiry(), model.values().filter_map(|(_, at)| *at).min());
        }
        assert_eq!(content(&hash, ALL), model);
        assert_eq!(content(&hash.clone(), now), alive(&model, now));
        let mut scanned = Model::new();
        let mut cursor = 0;
        loop {
            cursor = hash.scan(cursor, now, |field| {
                scanned.insert(field.field.to_vec(), (field.value.to_vec(), field.expiry));
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(scanned, alive(&model, now));
        if let Some((entries, expiring)) = hash.to_listpack().filter(|(entries, _)| !entries.is_empty()) {
            let copy = Hash::from_listpack(&entries, expiring, &limits).unwrap();
            assert_eq!(content(&copy, ALL), model);
        }
    }
}

#[test]
fn encodings_as_redis_shows_them() {
    let limits = Limits::default();
    assert_eq!(hash_of(512, &limits).encoding_name(), "listpack");
    assert_eq!(hash_of(513, &limits).encoding_name(), "hashtable");
    for (field, value) in [(64, 65), (65, 64)] {
        let mut hash = hash_of(1, &limits);
        hash.set(&[b'x'; 64], &[b'y'; 64], Expiry::Keep, ALL, &limits);
        assert_eq!(hash.encoding_name(), "listpack");
        hash.set(&vec![b'x'; field], &vec![b'y'; value], Expiry::Keep, ALL, &limits);
        assert_eq!((hash.encoding_name(), hash.len(ALL)), ("hashtable", 2 + usize::from(field == 65)));
    }
    let mut hash = hash_of(3, &limits);
    assert!(hash.set_expiry(b"f1", Some(9), ALL));
    assert_eq!(hash.encoding_name(), "listpackex");
    assert!(hash.set_expiry(b"f1", None, ALL));
    assert_eq!((hash.encoding_name(), hash.len(ALL)), ("listpackex", 3));
    hash.expect(513, &limits);
    assert_eq!((hash.encoding_name(), hash.len(ALL)), ("hashtable", 3));
}

#[test]
fn packed_fields_stand_in_the_order_of_expiry() {
    let limits = Limits::default();
    let mut hash = hash_of(4, &limits);
    for (field, at) in [("f3", 50), ("f0", 70), ("f1", 60)] {
        assert!(hash.set_expiry(field.as_bytes(), Some(at), ALL));
    }
    let (entries, expiring) = hash.to_listpack().unwrap();
    let texts: Vec<_> = entries.iter().map(|(_, item)| String::from_utf8(item.to_vec()).unwrap()).collect();
    assert!(expiring);
    assert_eq!(texts.join(" "), "f3 3 50 f1 1 60 f0 0 70 f2 2 0");
    assert_eq!((hash.len(59), hash.len(60), hash.len(70)), (3, 2, 1));
    let mut freed = Vec::new();
    assert_eq!(hash.expire_fields(60, 9, |name| freed.push(name.to_vec())), 2);
    assert_eq!(freed, [b"f3", b"f1"]);
}

#[test]
fn random_fields_are_alive_and_fair() {
    let mut random = Random::new(8);
    for (fields, limits) in [(12, Limits::default()), (12, small_limits()), (400, small_limits())] {
        let mut hash = hash_of(fields, &limits);
        for i in 0..fields / 2 {
            assert!(hash.set_expiry(format!("f{i}").as_bytes(), Some(5), ALL));
        }
        let living = fields - fields / 2;
        for count in [0, 1, living / 4, living - 1, living, fields] {
            let mut picked = BTreeMap::new();
            hash.sample(count, 5, &mut random, |field| {
                let name = field.field.to_vec();
                let number = int::from_text(&name[1..]).unwrap();
                assert_eq!(field.value.as_int(), Some(number));
                assert!(number as usize >= fields / 2);
                assert!(picked.insert(name, ()).is_none());
            });
            assert_eq!(picked.len(), count.min(living));
        }
        let mut counts = BTreeMap::new();
        for _ in 0..living * 400 {
            *counts.entry(hash.random(5, &mut random).unwrap().field.to_vec()).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), living);
        assert!(counts.values().all(|count| (280..520).contains(count)), "{counts:?}");
        assert!(hash.set_expiry(b"f0", None, ALL));
        hash.iter(5).map(|field| field.field.to_vec()).skip(1).collect::<Vec<_>>().iter().for_each(|name| {
            assert!(hash.set_expiry(name, Some(5), 5));
        });
        assert!(hash.random(5, &mut random).is_some());
    }
}

#[test]
fn dumps_are_checked() {
    let limits = small_limits();
    let listpack = |texts: &[&str]| {
        let mut entries = Listpack::new();
        texts.iter().for_each(|text| entries.push_back(text.as_bytes()));
        entries
    };
    let bad: [(&[&str], bool); 7] = [
        (&[], false),
        (&["a"], false),
        (&["a", "1", "a", "2"], false),
        (&["a", "1", "5", "b", "2"], true),
        (&["a", "1", "9", "b", "2", "8"], true),
        (&["a", "1", "0", "b", "2", "8"], true),
        (&["a", "1", "-5"], true),
    ];
    for (texts, expiring) in bad {
        assert!(Hash::from_listpack(&listpack(texts), expiring, &limits).is_err(), "{texts:?}");
    }
    let good = listpack(&["a", "1", "8", "b", "2", "8", "c", "3", "0"]);
    assert_eq!(Hash::from_listpack(&good, true, &limits).unwrap().len(8), 1);
    let many: Vec<String> = (0..14).map(|i| i.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(Hash::from_listpack(&listpack(&many), false, &limits).unwrap().encoding_name(), "hashtable");
}

#[test]
fn drains_in_steps() {
    let limits = small_limits();
    let mut hash = hash_of(1000, &limits);
    for i in 0..100 {
        assert!(hash.set_expiry(format!("f{i}").as_bytes(), Some(7 + i), ALL));
    }
    assert!(hash.memory_bytes() > 1000 * 16);
    assert!(!hash.drain(600));
    assert!(hash.drain(600) && hash.is_empty());
}
