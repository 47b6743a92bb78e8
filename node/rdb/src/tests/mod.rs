//! Values there and back, hostile bytes, and images of a keyspace that changes meanwhile.

mod hostile;
mod image;
mod values;

use base::Random;
use store::types::hash::{ALL, Expiry};
use store::types::list::Side;
use store::types::stream::{Pending, StreamId};
use store::types::{Hash, Limits, List, Set, Stream, Zset};
use store::{Entry, Value};

/// A text of up to `max` bytes; a third of them are numbers.
fn text(random: &mut Random, max: u64) -> Vec<u8> {
    if random.below(3) == 0 {
        let number = random.bits() as i64 >> random.below(64);
        return number.to_string().into_bytes();
    }
    let letters = 1 + random.below(255);
    (0..random.below(max + 1)).map(|_| random.below(letters) as u8).collect()
}

/// A value of any type and encoding.
fn any_value(random: &mut Random) -> Value<'static> {
    let limits = Limits { list_max_listpack_size: 5, stream_node_max_entries: 7, ..Limits::default() };
    let count = [1, 3, 40, 700][random.below(4) as usize];
    let max = [8, 70, 300][random.below(3) as usize];
    match random.below(6) {
        0 => match random.below(3) {
            0 => Value::Int(random.bits() as i64 >> random.below(64)),
            _ => {
                let max = [20, 2000, 30_000][random.below(3) as usize];
                Value::Blob(text(random, max).into())
            }
        },
        1 => {
            let mut list = List::new();
            (0..count).for_each(|_| list.push(Side::Back, &text(random, max), &limits));
            list.into()
        }
        2 => {
            let mut set = Set::new();
            let only_numbers = random.below(2) == 0;
            for _ in 0..count {
                match only_numbers {
                    true => {
                        set.add((random.bits() as i64 >> random.below(64)).to_string().as_bytes(), &limits)
                    }
                    false => set.add(&text(random, max), &limits),
                };
            }
            set.into()
        }
        3 => {
            let mut zset = Zset::new();
            for _ in 0..count {
                let score = match random.below(4) {
                    0 => random.below(10) as f64,
                    1 => f64::INFINITY,
                    2 => -random.unit() * 1e200,
                    _ => random.unit(),
                };
                zset.insert(&text(random, max), score, &limits);
            }
            zset.into()
        }
        4 => {
            let mut hash = Hash::new();
            let timed = random.below(2) == 0;
            for _ in 0..count {
                let expiry = match timed && random.below(2) == 0 {
                    true => Expiry::At(1 + random.below(1 << 40)),
                    false => Expiry::Never,
                };
                hash.set(&text(random, max), &text(random, max), expiry, ALL, &limits);
            }
            hash.into()
        }
        _ => any_stream(random, count, max, &limits).into(),
    }
}

fn any_stream(random: &mut Random, count: u64, max: u64, limits: &Limits) -> Stream {
    let mut stream = Stream::new();
    let mut ids = Vec::new();
    for i in 1..=count {
        let id = StreamId::new(i * (1 + random.below(3)), random.below(5));
        let pairs: Vec<Vec<u8>> = (0..2 * (1 + random.below(3))).map(|_| text(random, max)).collect();
        if stream.log.add(id, &pairs, limits).is_ok() {
            ids.push(id);
        }
    }
    ids.retain(|id| random.below(5) > 0 || stream.log.delete(&[*id]) == 0);
    for group in 0..random.below(3) {
        let last = StreamId::new(random.below(count), 0);
        let mut made = store::types::stream::Group::new(last, Some(random.below(9)).filter(|n| *n > 3));
        for name in 0..random.below(4) {
            made.create_consumer(format!("c{name}").as_bytes(), random.below(1 << 40)).unwrap();
        }
        for id in &ids {
            if let Some(owner) = made.find_consumer(format!("c{}", random.below(4)).as_bytes()) {
                made.assign(*id, Pending { delivered_at_ms: random.below(1 << 40), deliveries: 1, owner });
            }
        }
        stream.groups.insert(format!("g{group}").into_bytes().into(), made);
    }
    stream
}

fn entry_of(value: Value<'_>) -> Entry {
    Entry::new(b"key", value, None)
}
