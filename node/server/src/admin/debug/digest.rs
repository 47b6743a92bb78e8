//! DEBUG DIGEST: one hash for all data, to tell whether two servers hold the same.
//!
//! Keys, members of sets and fields of hashes have no order, so hashing them one after the other would tell
//! servers apart that are equal. So unordered parts are combined by exclusive or, and only where order
//! counts (lists, a key and its value) the hash so far is hashed on. The scheme is Redis's, to the bit: a
//! master of ours can be compared with a replica of another make.

use base::key_slot;
use commands::Args;
use resp::{Reply, format_digits};
use sha1_smol::Sha1;
use store::types::int::IntText;
use store::types::list::Side;
use store::types::listpack::Item;
use store::types::stream::StreamId;
use store::types::{Hash, List, Set, Stream, Zset};
use store::{EntryRef, Type};

use crate::core::Core;

/// A hash under way.
#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest([u8; 20]);

impl Digest {
    fn of_value(entry: EntryRef<'_>) -> Digest {
        let mut digest = Digest::default();
        digest.push_value(entry);
        digest
    }

    /// Of all keys of a core, and their values.
    fn of_keys(core: &Core) -> Digest {
        let mut all = Digest::default();
        for (_, entry) in core.keys.iter() {
            let mut one = Digest::default();
            one.push(entry.key());
            one.push_value(entry);
            all.add(&one.0);
        }
        all
    }

    /// Adds what was hashed apart, and whose place does not count.
    fn join(&mut self, other: &Digest) {
        self.0.iter_mut().zip(other.0).for_each(|(byte, part)| *byte ^= part);
    }

    /// Adds a part whose place does not count.
    fn add(&mut self, part: &[u8]) {
        self.join(&Digest(Sha1::from(part).digest().bytes()));
    }

    /// Adds a part that comes behind all before.
    fn push(&mut self, part: &[u8]) {
        self.add(part);
        self.0 = Sha1::from(self.0).digest().bytes();
    }

    fn push_item(&mut self, item: Item<'_>) {
        self.push(item.as_bytes(&mut IntText::default()));
    }

    fn push_value(&mut self, entry: EntryRef<'_>) {
        let kind = entry.value_type();
        self.push(&type_number(kind).to_be_bytes());
        match kind {
            Type::String => entry.string().into_iter().for_each(|text| self.push(&text.to_cow())),
            Type::List => {
                if let Some(list) = entry.get::<List>() {
                    list.for_each(Side::Front, 0, list.len(), |item| self.push_item(item));
                }
            }
            Type::Set => {
                for member in entry.get::<Set>().into_iter().flat_map(Set::iter) {
                    self.add(member.as_bytes(&mut IntText::default()));
                }
            }
            Type::Zset => entry.get::<Zset>().into_iter().flat_map(Zset::iter).for_each(|(member, score)| {
                let mut text = Vec::new();
                format_digits(score, &mut text);
                self.add_pair(member, Item::Str(&text));
            }),
            Type::Hash => {
                // All fields, those whose time is over included: as with keys, they count until they are deleted.
                let fields = entry.get::<Hash>().into_iter().flat_map(|hash| hash.iter(0));
                fields.for_each(|field| self.add_pair(field.field, field.value));
            }
            Type::Stream => entry.get::<Stream>().into_iter().for_each(|stream| self.push_stream(stream)),
        }
        if entry.expire_at().is_some() {
            self.add(b"!!expire!!");
        }
    }

    fn add_pair(&mut self, name: Item<'_>, value: Item<'_>) {
        let mut pair = Digest::default();
        pair.push_item(name);
        pair.push_item(value);
        self.add(&pair.0);
    }

    fn push_stream(&mut self, stream: &Stream) {
        for entry in stream.log.range(StreamId::MIN, StreamId::MAX) {
            self.push(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
            for (field, value) in entry.fields() {
                self.push_item(field);
                self.push_item(value);
            }
        }
    }

    fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Redis's number of a type in memory, which is not that of its files.
fn type_number(kind: Type) -> u32 {
    match kind {
        Type::String => 0,
        Type::List => 1,
        Type::Set => 2,
        Type::Zset => 3,
        Type::Hash => 4,
        Type::Stream => 6,
    }
}

/// What DEBUG DIGEST and DEBUG DIGEST-VALUE key [key ...] find on a core: of all its keys together, or of each of those
/// named. Zeros stand for keys that are not there, so that what the cores find is combined by exclusive or.
pub fn digests(core: &Core, args: &Args<'_>) -> Vec<Digest> {
    let value =
        |key: &&[u8]| core.keys.get(key_slot(key), key).map_or_else(Digest::default, Digest::of_value);
    if is_of_values(args) { args[2..].iter().map(value).collect() } else { vec![Digest::of_keys(core)] }
}

fn is_of_values(args: &Args<'_>) -> bool {
    args.is(1, "digest-value")
}

/// Combines them with what another core found.
pub fn merge(own: &mut [Digest], others: &[Digest]) {
    own.iter_mut().zip(others).for_each(|(own, other)| own.join(other));
}

/// Writes them.
pub fn write(digests: &[Digest], args: &Args<'_>, reply: &mut Reply) {
    if is_of_values(args) {
        reply.array(digests.len());
        return digests.iter().for_each(|digest| reply.simple(&digest.hex()));
    }
    let mut all = Digest::default();
    for digest in digests.iter().filter(|digest| **digest != Digest::default()) {
        // The number of the database.
        all.push(&0u32.to_be_bytes());
        all.join(digest);
    }
    reply.simple(&all.hex());
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Slot;
    use store::types::Limits;
    use store::{Keyspace, Value};

    fn value_digest(value: Value<'_>, expire_ms: Option<u64>) -> String {
        let mut keys = Keyspace::new();
        keys.set(Slot::ZERO, b"k", value, expire_ms);
        Digest::of_value(keys.get(Slot::ZERO, b"k").unwrap()).hex()
    }

    fn list(items: &[&str]) -> Value<'static> {
        let mut list = List::new();
        items.iter().for_each(|item| list.push(Side::Back, item.as_bytes(), &Limits::default()));
        Value::List(list)
    }

    fn set(items: &[&str]) -> Value<'static> {
        let mut set = Set::new();
        for item in items {
            set.add(item.as_bytes(), &Limits::default());
        }
        Value::Set(set)
    }

    #[test]
    fn order_counts_where_there_is_one() {
        assert_ne!(value_digest(list(&["a", "b"]), None), value_digest(list(&["b", "a"]), None));
        assert_eq!(value_digest(set(&["a", "b"]), None), value_digest(set(&["b", "a"]), None));
        assert_ne!(value_digest(set(&["a", "b"]), None), value_digest(set(&["a", "c"]), None));
        assert_eq!(value_digest(Value::string(b"12"), None), value_digest(Value::Bytes(b"12"), None));
        assert_ne!(value_digest(Value::Bytes(b"x"), None), value_digest(Value::Bytes(b"x"), Some(1)));
    }
}
