//! What was written is read as it was.

use base::Random;
use store::types::Limits;
use store::types::hash::ALL;
use store::types::list::Side;
use store::types::listpack::Item;
use store::types::{Hash, List, Set, Stream, Zset};
use store::{Entry, Type};

use super::{any_value, entry_of};
use crate::decode::{Decoded, Decoder};
use crate::dump::{Refused, dump, restore};
use crate::encode::{Encoder, kind_of};
use crate::format::VERSION_VALKEY;
use crate::reader::{Fault, Reader};
use crate::writer::Writer;

/// All that can be seen of a value, in an order of its own.
fn look(entry: &Entry) -> Vec<String> {
    let show = |item: Item<'_>| format!("{:?}", item.to_vec());
    let mut parts: Vec<String> = match entry.value_type() {
        Type::String => vec![format!("{:?}", entry.string().unwrap().to_bytes())],
        Type::List => {
            let mut shown = Vec::new();
            entry.get::<List>().unwrap().for_each(Side::Front, 0, usize::MAX, |item| shown.push(show(item)));
            shown
        }
        Type::Set => entry.get::<Set>().unwrap().iter().map(show).collect(),
        Type::Zset => {
            let zset = entry.get::<Zset>().unwrap();
            zset.iter().map(|(member, score)| show(member) + &format!("{score:e}")).collect()
        }
        Type::Hash => {
            let hash = entry.get::<Hash>().unwrap();
            hash.iter(ALL).map(|f| show(f.field) + &show(f.value) + &format!("{:?}", f.expiry)).collect()
        }
        Type::Stream => look_at_stream(entry.get::<Stream>().unwrap()),
    };
    if matches!(entry.value_type(), Type::Set | Type::Hash) {
        parts.sort();
    }
    parts.push(entry.encoding_name().to_owned());
    parts
}

fn look_at_stream(stream: &Stream) -> Vec<String> {
    let mut parts = vec![format!("{:?}", stream.log.counters())];
    for (base, listpack) in stream.log.nodes() {
        parts.push(format!("{base} {:?}", listpack.as_bytes()));
    }
    for (name, group) in &stream.groups {
        parts.push(format!("{name:?} {:?} {:?}", group.last_id, group.entries_read));
        for consumer in group.consumers() {
            parts.push(format!("{:?} {} {:?}", consumer.name(), consumer.seen_at_ms, consumer.pending()));
        }
        for (id, pending) in group.pending() {
            parts.push(format!("{id} {} {}", pending.delivered_at_ms, pending.deliveries));
        }
    }
    parts
}

#[test]
fn dumps_come_back_as_they_were() {
    let mut random = Random::new(11);
    let limits = Limits { list_max_listpack_size: 5, ..Limits::default() };
    for round in 0..800 {
        let before = entry_of(any_value(&mut random));
        let payload = dump(before.view(), round % 2 == 0);
        let after = entry_of(restore(&payload, &limits).unwrap_or_else(|e| panic!("{e:?}: {payload:?}")));
        let (mut before, after) = (look(&before), look(&after));
        // A collection that has shrunk may come back smaller than it was.
        if before.last() != after.last() {
            assert!(after.last().is_some_and(|name| name != "hashtable"), "{before:?} {after:?}");
            *before.last_mut().unwrap() = after.last().unwrap().clone();
        }
        assert_eq!(before, after);
    }
}

#[test]
fn values_are_the_same_however_they_are_cut() {
    let mut random = Random::new(12);
    for _ in 0..400 {
        let before = entry_of(any_value(&mut random));
        let (mut whole, mut parts) = (Writer::new(false), Writer::new(false));
        assert!(Encoder::default().step(before.view(), usize::MAX, &mut whole));
        let mut encoder = Encoder::default();
        while !encoder.step(before.view(), random.below(200) as usize, &mut parts) {}
        let (whole, parts) = (whole.into_vec(), parts.into_vec());
        assert_eq!(whole, parts);
        let limits = Limits { list_max_listpack_size: 5, ..Limits::default() };
        let mut decoder = Decoder::new(kind_of(before.view()), VERSION_VALKEY).unwrap();
        let (mut from, mut to) = (0, 0);
        let value = loop {
            let mut reader = Reader::new(&parts[from..to]);
            match decoder.read(&mut reader, &limits) {
                Ok(Decoded::Value(value)) => break value,
                Ok(Decoded::Empty) => panic!("it had elements"),
                Err(Fault::Short(needed)) => {
                    from += reader.position();
                    assert!(from + needed > to, "asks for what it has");
                    to = (from + needed + random.below(50) as usize).min(parts.len());
                }
                Err(bad) => panic!("{bad:?}"),
            }
        };
        let after = entry_of(value);
        assert_eq!(look(&before)[..look(&before).len() - 1], look(&after)[..look(&after).len() - 1]);
    }
}

#[test]
fn payloads_of_other_servers() {
    let hex = |text: &str| -> Vec<u8> {
        let text: String = text.split_whitespace().collect();
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    };
    let see = |payload: &str| {
        let value = restore(&hex(payload), &Limits::default());
        value.map(|value| look(&entry_of(value)))
    };
    // Valkey 9.1.2: a hash of which one field expires, a packed set, a number.
    let hash =
        see("16 02 0161 c001 2d53b703a2010000 0162 c002 ffffffffffffffff 5000 9fe7c5fab37bc08b").unwrap();
    assert_eq!(hash[0], "[97][49]Some(1795358675757)");
    assert_eq!((&hash[1][..], &hash[2][..]), ("[98][50]None", "listpackex"));
    let set = see("14 10 10000000 0300 816102 816202 816302 ff 5000 cbc02085a8c5174a").unwrap();
    assert_eq!(set, ["[97]", "[98]", "[99]", "listpack"]);
    assert_eq!(see("00 c2 40e20100 5000 8c0c8e65dd4b1577").unwrap()[1], "int");
    assert_eq!(see("00 c2 40e20101 5000 8c0c8e65dd4b1577"), Err(Refused::Footer));
    assert_eq!(see("00 c2 40e20100 0d00 8c0c8e65dd4b1577"), Err(Refused::Footer), "version 13");
    assert_eq!(see(""), Err(Refused::Footer));
}
