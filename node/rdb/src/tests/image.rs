//! An image is of the moment it was begun, whatever happens to the keys while it is written.

use std::collections::BTreeMap;

use base::{Random, Slot};
use store::types::Limits;
use store::{Entry, Keyspace, SlotSet};

use super::any_value;
use crate::dump::dump;
use crate::file::{File, Usage};
use crate::format::VERSION_VALKEY;
use crate::load::{Event, Loader};
use crate::snapshot::{Image, Snapshot};

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

/// The values by key, each as an uncompressed dump of what a dump makes of it: order and encoding settled.
fn settled(entry: &Entry) -> (Vec<u8>, Option<u64>) {
    let value = crate::dump::restore(&dump(entry.view(), false), &Limits::default()).unwrap();
    (sorted_dump(value), entry.expire_at())
}

/// A dump, its bytes sorted: tables have no order of their own.
fn sorted_dump(value: store::Value<'_>) -> Vec<u8> {
    let payload = dump(Entry::new(b"", value, None).view(), false);
    let mut bytes = payload[..payload.len() - 10].to_vec();
    bytes.sort_unstable();
    bytes
}

fn model(keys: &Keyspace) -> Model {
    keys.iter()
        .map(|(_, entry)| {
            let value = crate::dump::restore(&dump(entry, false), &Limits::default()).unwrap();
            (entry.key().to_vec(), (sorted_dump(value), entry.expire_at()))
        })
        .collect()
}

fn file() -> File {
    let (aux, functions) = (vec![("redis-ver", b"7.2.4".to_vec())], vec![b"code"[..].into()]);
    File { version: VERSION_VALKEY, aux, functions, usage: Usage::Untold, now_ms: 0, checksum: true }
}

fn read(bytes: &[u8]) -> Model {
    let mut loader = Loader::new(true);
    loader.feed(bytes);
    let mut model = Model::new();
    let mut ended = false;
    while let Some(event) = loader.next(&Limits::default()).unwrap() {
        match event {
            Event::Key(key) => {
                let entry = Entry::new(&key.key, key.value.unwrap(), key.expire_ms);
                assert!(model.insert(key.key, settled(&entry)).is_none(), "no key twice");
            }
            Event::End => ended = true,
            _ => {}
        }
    }
    assert!(ended && loader.rest().is_empty());
    model
}

fn slot_of(key: u64, slots: u64) -> Slot {
    Slot::new((key % slots) as u16 * 7).unwrap()
}

/// One change by a command: the images are told first.
fn change(keys: &mut Keyspace, images: &mut [Snapshot<File>], random: &mut Random, slots: u64, most: u64) {
    let number = random.below(most);
    let (slot, key) = (slot_of(number, slots), format!("key:{number}").into_bytes());
    images.iter_mut().for_each(|image| image.save_first(keys, slot, &key));
    match random.below(4) {
        0 => drop(keys.remove(slot, &key)),
        1 => drop(keys.set_expire(slot, &key, Some(random.below(1 << 40)).filter(|_| random.below(2) == 0))),
        _ => drop(keys.set(slot, &key, any_value(random), None)),
    }
}

#[test]
fn images_are_of_one_moment() {
    for (seed, slots, start) in [(31, 3, 100), (32, 1, 900), (33, 500, 400), (34, 2, 0)] {
        let mut random = Random::new(seed);
        let mut keys = Keyspace::new();
        let most = start * 2 + 50;
        for number in 0..start {
            let key = format!("key:{number}");
            keys.set(slot_of(number, slots), key.as_bytes(), any_value(&mut random), None);
        }
        let mut all = SlotSet::new();
        Slot::all().for_each(|slot| all.set(slot, true));
        // Images of several moments, in different stages.
        let mut images = Vec::new();
        let mut wanted = Vec::new();
        let mut written: Vec<Vec<u8>> = Vec::new();
        while images.len() < 3 || !images.iter().all(Image::is_done) {
            if images.len() < 3 && random.below(8) == 0 {
                images.push(Snapshot::new(file(), &keys, all.clone(), random.below(2) == 0));
                wanted.push(model(&keys));
                written.push(Vec::new());
            }
            (0..random.below(6)).for_each(|_| change(&mut keys, &mut images, &mut random, slots, most));
            for (image, bytes) in images.iter_mut().zip(&mut written) {
                image.step(&keys, random.below(3000) as usize);
                image.take(random.below(5000) as usize, bytes);
            }
        }
        for (bytes, wanted) in written.iter().zip(&wanted) {
            let read = read(bytes);
            assert_eq!(read.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
            assert!(read == *wanted, "values differ");
        }
    }
}

#[test]
fn a_flush_shortens_and_leaves_no_half_of_a_key() {
    let mut random = Random::new(41);
    for round in 0..30 {
        let mut keys = Keyspace::new();
        for number in 0..200 {
            let key = format!("key:{number}");
            keys.set(slot_of(number, 5), key.as_bytes(), any_value(&mut random), None);
        }
        let before = model(&keys);
        let mut all = SlotSet::new();
        Slot::all().for_each(|slot| all.set(slot, true));
        let mut image = Snapshot::new(file(), &keys, all, false);
        let mut bytes = Vec::new();
        for _ in 0..round {
            image.step(&keys, 500);
            image.take(500, &mut bytes);
        }
        image.forget_all(&keys);
        drop(keys.take_all());
        while !image.is_done() {
            image.step(&keys, 500);
            image.take(500, &mut bytes);
        }
        let after = read(&bytes);
        assert!(after.iter().all(|(key, value)| before.get(key) == Some(value)));
        assert_eq!(after.is_empty(), round == 0, "what was begun stays");
    }
}
