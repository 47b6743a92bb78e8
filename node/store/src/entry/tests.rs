//! Entries of every form: what goes in comes out, through every change of shape.

use base::Random;

use super::*;
use crate::types::Limits;
use crate::types::list::Side;

fn text(entry: &Entry) -> Vec<u8> {
    entry.string().unwrap().to_cow().into_owned()
}

fn some_list() -> List {
    let mut list = List::new();
    list.push(Side::Back, b"element", &Limits::default());
    list
}

#[test]
fn short_values_are_dense() {
    let entry = Entry::new(&[b'k'; 16], Value::Bytes(&[b'v'; 64]), None);
    assert_eq!(entry.size(), 88);
    let entry = Entry::new(&[b'k'; 16], Value::Bytes(&[b'v'; 64]), Some(1));
    assert_eq!(entry.size(), 96);
    let entry = Entry::new(&[b'k'; 16], Value::Int(i64::MIN), None);
    assert_eq!(entry.size(), 32);
}

#[test]
fn every_form_keeps_key_value_and_expiry() {
    let long_key = vec![7; 70_000];
    let long = vec![b'x'; 5_000];
    for key in [&b""[..], b"k", &[1; 16], &[2; 65_534], &[3; 65_535], &long_key] {
        for expiry in [None, Some(0), Some(u64::MAX)] {
            for value in [&b""[..], b"v", &[5; 64], &[6; EMBED_MAX], &[7; EMBED_MAX + 1], &long] {
                for entry in [
                    Entry::new(key, Value::Bytes(value), expiry),
                    Entry::new(key, Value::Raw(value), expiry),
                    Entry::new(key, Value::Blob(Bytes::copy_from_slice(value)), expiry),
                ] {
                    assert_eq!((entry.key(), entry.expire_at()), (key, expiry));
                    assert_eq!((text(&entry).as_slice(), entry.value_type()), (value, Type::String));
                    assert!(entry.memory_usage() >= key.len() + value.len());
                }
            }
            let entry = Entry::new(key, Value::Int(-42), expiry);
            assert_eq!((entry.key(), text(&entry).as_slice()), (key, &b"-42"[..]));
            let entry = Entry::new(key, some_list().into(), expiry);
            assert_eq!((entry.key(), entry.expire_at(), entry.value_type()), (key, expiry, Type::List));
            assert_eq!(entry.get::<List>().unwrap().len(), 1);
            assert!(entry.string().is_none() && entry.get::<Set>().is_none());
        }
    }
}

#[test]
fn expiry_and_name_change_without_the_rest() {
    let values = || {
        [
            Value::Bytes(b"embedded"),
            Value::Raw(b"raw"),
            Value::Int(7),
            Value::Blob(Bytes::from(vec![1; 3_000])),
            some_list().into(),
        ]
    };
    for value in values() {
        let mut entry = Entry::new(b"key", value, None);
        entry.set_clock(0xFF12_3456);
        let (encoding, size) = (entry.encoding_name(), entry.size());
        let string = entry.string().map(|s| s.to_cow().into_owned());
        for (key, expiry) in [(&b"key"[..], Some(9)), (b"k2", Some(10)), (&[1; 65_536], None), (b"key", None)]
        {
            entry = entry.rename(key);
            entry.set_expire(expiry);
            assert_eq!((entry.key(), entry.expire_at(), entry.clock()), (key, expiry, 0x12_3456));
            assert_eq!(
                (entry.encoding_name(), entry.string().map(|s| s.to_cow().into_owned())),
                (encoding, string.clone())
            );
        }
        assert_eq!(entry.size(), size);
        assert!(entry.get::<List>().is_none_or(|list| list.len() == 1));
    }
}

#[test]
fn encodings_are_those_of_redis() {
    let encoding = |value| Entry::new(b"k", value, None).encoding_name();
    assert_eq!(encoding(Value::string(b"123")), "int");
    assert_eq!(encoding(Value::string(b"0123")), "embstr");
    assert_eq!(encoding(Value::Bytes(&[b'x'; 44])), "embstr");
    assert_eq!(encoding(Value::Bytes(&[b'x'; 45])), "raw");
    assert_eq!(encoding(Value::Raw(b"x")), "raw");
    assert_eq!(encoding(Value::Blob(Bytes::from_static(b"x"))), "embstr");
    assert_eq!(encoding(Value::Blob(Bytes::from(vec![0; 2_000]))), "raw");
}

#[test]
fn overwriting_is_in_place_when_it_can_be() {
    let mut entry = Entry::new(&[b'k'; 16], Value::Bytes(&[b'a'; 64]), None);
    let address = entry.raw.0;
    assert!(entry.overwrite(Value::Bytes(&[b'b'; 60]), None).is_none());
    assert!(entry.overwrite(Value::Bytes(&[b'c'; 64]), None).is_none());
    assert_eq!((entry.raw.0, text(&entry)), (address, vec![b'c'; 64]));
    let old = entry.overwrite(Value::Bytes(&[b'd'; 65]), None).expect("a larger one must move");
    assert_eq!((text(&old), text(&entry)), (vec![b'c'; 64], vec![b'd'; 65]));
    let mut number = Entry::new(b"n", Value::Int(1), Some(5));
    assert!(number.overwrite(Value::Int(2), Some(6)).is_none());
    assert_eq!((text(&number), number.expire_at()), (b"2".to_vec(), Some(6)));
    assert!(number.overwrite(Value::Int(2), None).is_some());
    assert_eq!(number.expire_at(), None);
    let mut list = Entry::new(b"l", some_list().into(), None);
    let old =
        list.overwrite(Value::Bytes(b"x"), None).expect("a collection is handed back, to be freed lazily");
    assert_eq!(old.value_type(), Type::List);
}

#[test]
fn edits_agree_with_a_vector() {
    let mut random = Random::new(1);
    for start in [
        Value::Int(-12),
        Value::Bytes(b"abc"),
        Value::Bytes(&[1; 1_000]),
        Value::Blob(Bytes::from(vec![2; 2_000])),
    ] {
        let mut entry = Entry::new(b"key", start, Some(77));
        let mut model = text(&entry);
        for _ in 0..400 {
            let len = match random.below(4) {
                0 => random.below(40) as usize,
                1 => model.len(),
                _ => model.len() + random.below(20) as usize,
            };
            // Now and then somebody still sends the old value.
            let held = (random.below(5) == 0).then(|| entry.string().unwrap().to_bytes());
            let before = model.clone();
            model.resize(len, 0);
            let at = random.below(len as u64 + 1) as usize;
            model[at..].fill(len as u8);
            entry.edit_bytes(len, |bytes| bytes[at..].fill(len as u8));
            assert_eq!(
                (text(&entry), entry.key(), entry.expire_at()),
                (model.clone(), &b"key"[..], Some(77))
            );
            assert_eq!(entry.encoding_name(), "raw");
            assert!(held.is_none_or(|held| held == before));
        }
    }
}

#[test]
fn blobs_are_shared_with_replies_and_grow_in_place() {
    let received = Bytes::from(vec![7; 4_096]);
    let address = received.as_ptr();
    let mut entry = Entry::new(b"key", Value::Blob(received), None);
    let reply = entry.string().unwrap().to_bytes();
    assert_eq!(reply.as_ptr(), address, "neither SET nor GET copies");
    drop(reply);
    let mut moves = 0;
    let mut last = address;
    for len in 4_097..20_000 {
        entry.edit_bytes(len, |bytes| bytes[len - 1] = 1);
        let now = entry.string().unwrap().to_bytes().as_ptr();
        moves += usize::from(std::mem::replace(&mut last, now) != now);
    }
    assert!(moves < 10, "{moves} moves");
}

#[test]
fn collections_change_and_drain() {
    let mut entry = Entry::new(b"key", some_list().into(), None);
    entry.get_mut::<List>().unwrap().push(Side::Back, b"two", &Limits::default());
    assert!(entry.get_mut::<Set>().is_none());
    assert_eq!(entry.view().get::<List>().unwrap().len(), 2);
    assert!(entry.memory_usage() > entry.size());
    while !entry.drain(1) {}
    assert!(Entry::new(b"s", Value::Int(1), None).drain(1));
}
