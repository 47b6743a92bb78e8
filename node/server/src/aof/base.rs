//! A base written as commands (`aof-use-rdb-preamble no`): those that make the keys anew.
//!
//! A collection takes a command for every [`ITEMS_MAX`] of its elements, so that one of any size is written, and run
//! again, in small pieces. What goes on where another step stopped is a place within the value, as with RDB
//! (`rdb::encode`): while it is open the value does not change.

use ::aof::write_timestamp;
use bytes::Bytes;
use rdb::{Format, Writer};
use resp::{format_double, write_command};
use store::EntryRef;
use store::types::hash::ALL;
use store::types::int::IntText;
use store::types::list::Side;
use store::types::listpack::Item;
use store::types::stream::StreamId;
use store::types::{Hash, List, Set, Stream, Zset};

/// Elements of a collection in one command.
const ITEMS_MAX: usize = 64;

/// A base of commands.
pub struct Commands {
    /// The code of each library of functions.
    pub functions: Vec<Bytes>,
    /// Unix seconds, where the time is to be noted (`aof-timestamp-enabled`).
    pub noted_s: Option<u64>,
}

/// How far a key's commands are written: the next element, as the type counts them.
#[derive(Default)]
pub enum Place {
    /// Nothing is written.
    #[default]
    Start,
    /// The element with this index or rank.
    Index(usize),
    /// What a scan finds from this cursor on.
    Cursor(u64),
    /// The entries of a stream from this ID on.
    Entries(StreamId),
    /// The group behind the one of this name, or the first.
    GroupAfter(Option<Box<[u8]>>),
    /// Of the group of this name, the consumer with this index, and its pending entries from this ID on.
    Consumer(Box<[u8]>, usize, StreamId),
    /// All but when it expires.
    Written,
}

impl Format for Commands {
    type Progress = Place;

    fn begin(&mut self, _keys: u64, _expires: u64, out: &mut Writer) {
        if let Some(now_s) = self.noted_s {
            let mut note = Vec::new();
            write_timestamp(&mut note, now_s);
            out.raw(&note);
        }
        for code in &self.functions {
            Words::of("FUNCTION").text("LOAD").bytes(code).write(out);
        }
        Words::of("SELECT").text("0").write(out);
    }

    fn record(&self, entry: EntryRef<'_>, place: &mut Place, limit: usize, out: &mut Writer) -> bool {
        let end = out.len().saturating_add(limit.max(1));
        while !matches!(place, Place::Written) {
            if out.len() >= end {
                return false;
            }
            *place = write_some(entry, std::mem::take(place), out);
        }
        if let Some(at_ms) = entry.expire_at() {
            Words::of("PEXPIREAT").bytes(entry.key()).number(at_ms).write(out);
        }
        true
    }

    fn end(&mut self, _out: &mut Writer) {}

    fn has_checksum(&self) -> bool {
        false
    }

    fn seal(&self, _checksum: u64, _out: &mut Vec<u8>) {}
}

/// Writes the next command of `entry`, or a few; where to go on.
fn write_some(entry: EntryRef<'_>, place: Place, out: &mut Writer) -> Place {
    let key = entry.key();
    if let Some(string) = entry.string() {
        Words::of("SET").bytes(key).bytes(&string.to_cow()).write(out);
        return Place::Written;
    }
    if let Some(list) = entry.get::<List>() {
        return write_list(key, list, place, out);
    }
    if let Some(set) = entry.get::<Set>() {
        return write_set(key, set, place, out);
    }
    if let Some(zset) = entry.get::<Zset>() {
        return write_zset(key, zset, place, out);
    }
    if let Some(hash) = entry.get::<Hash>() {
        return write_hash(key, hash, place, out);
    }
    let stream = entry.get::<Stream>().expect("no string and none of the other collections");
    write_stream(key, stream, place, out)
}

fn index_of(place: &Place) -> usize {
    if let Place::Index(index) = place { *index } else { 0 }
}

fn cursor_of(place: &Place) -> u64 {
    if let Place::Cursor(cursor) = place { *cursor } else { 0 }
}

fn after(index: usize, len: usize) -> Place {
    if index < len { Place::Index(index) } else { Place::Written }
}

fn write_list(key: &[u8], list: &List, place: Place, out: &mut Writer) -> Place {
    let from = index_of(&place);
    let mut words = Words::of("RPUSH").bytes(key);
    list.for_each(Side::Front, from, ITEMS_MAX, |item| words.0.push(item.to_vec()));
    words.write(out);
    after(from + ITEMS_MAX, list.len())
}

fn write_zset(key: &[u8], zset: &Zset, place: Place, out: &mut Writer) -> Place {
    let from = index_of(&place);
    let mut words = Words::of("ZADD").bytes(key);
    for (member, score) in zset.range(from..from + ITEMS_MAX) {
        let mut text = Vec::new();
        format_double(score, &mut text);
        words = words.bytes(&text).item(member);
    }
    words.write(out);
    after(from + ITEMS_MAX, zset.len())
}

fn write_set(key: &[u8], set: &Set, place: Place, out: &mut Writer) -> Place {
    let mut members = Vec::new();
    let mut cursor = cursor_of(&place);
    loop {
        cursor = set.scan(cursor, |member| members.push(owned(member)));
        if cursor == 0 || members.len() >= ITEMS_MAX {
            break;
        }
    }
    for some in members.chunks(ITEMS_MAX) {
        some.iter().fold(Words::of("SADD").bytes(key), |words, member| words.bytes(member)).write(out);
    }
    if cursor == 0 { Place::Written } else { Place::Cursor(cursor) }
}

fn write_hash(key: &[u8], hash: &Hash, place: Place, out: &mut Writer) -> Place {
    let mut fields = Vec::new();
    let mut cursor = cursor_of(&place);
    loop {
        cursor = hash.scan(cursor, ALL, |field| {
            fields.push((owned(field.field), owned(field.value), field.expiry));
        });
        if cursor == 0 || fields.len() >= ITEMS_MAX {
            break;
        }
    }
    for some in fields.chunks(ITEMS_MAX) {
        let set = Words::of("HSET").bytes(key);
        some.iter().fold(set, |words, (field, value, _)| words.bytes(field).bytes(value)).write(out);
    }
    for (field, _, expiry) in &fields {
        if let Some(at_ms) = expiry {
            let words = Words::of("HPEXPIREAT").bytes(key).number(*at_ms);
            words.text("FIELDS").text("1").bytes(field).write(out);
        }
    }
    if cursor == 0 { Place::Written } else { Place::Cursor(cursor) }
}

fn write_stream(key: &[u8], stream: &Stream, place: Place, out: &mut Writer) -> Place {
    match place {
        Place::GroupAfter(before) => write_group(key, stream, before, out),
        Place::Consumer(name, index, from) => write_consumer(key, stream, name, index, from, out),
        Place::Entries(from) => write_entries(key, stream, from, out),
        _ => write_entries(key, stream, StreamId::MIN, out),
    }
}

fn write_entries(key: &[u8], stream: &Stream, from: StreamId, out: &mut Writer) -> Place {
    for (written, entry) in stream.log.range(from, StreamId::MAX).enumerate() {
        if written == ITEMS_MAX {
            return Place::Entries(entry.id);
        }
        let words = Words::of("XADD").bytes(key).id(entry.id);
        entry.fields().fold(words, |words, (field, value)| words.item(field).item(value)).write(out);
    }
    let counters = stream.log.counters();
    if stream.log.is_empty() {
        // There is no other command that makes a stream without entries.
        let id = counters.last_id.max(StreamId { ms: 0, seq: 1 });
        let words = Words::of("XADD").bytes(key).text("MAXLEN").text("0").id(id);
        words.text("x").text("y").write(out);
    }
    let words = Words::of("XSETID").bytes(key).id(counters.last_id);
    let words = words.text("ENTRIESADDED").number(counters.entries_added);
    words.text("MAXDELETEDID").id(counters.max_deleted_id).write(out);
    Place::GroupAfter(None)
}

fn write_group(key: &[u8], stream: &Stream, before: Option<Box<[u8]>>, out: &mut Writer) -> Place {
    use std::ops::Bound::{Excluded, Unbounded};
    let from = before.map_or(Unbounded, Excluded);
    let Some((name, group)) = stream.groups.range((from, Unbounded)).next() else { return Place::Written };
    let words = Words::of("XGROUP").text("CREATE").bytes(key).bytes(name).id(group.last_id);
    let read = group.entries_read.map_or_else(|| "-1".to_owned(), |read| read.to_string());
    words.text("ENTRIESREAD").text(&read).write(out);
    Place::Consumer(name.clone(), 0, StreamId::MIN)
}

fn write_consumer(
    key: &[u8],
    stream: &Stream,
    name: Box<[u8]>,
    index: usize,
    from: StreamId,
    out: &mut Writer,
) -> Place {
    let Some(group) = stream.groups.get(&name) else { return Place::Written };
    let Some(consumer) = group.consumers().nth(index) else { return Place::GroupAfter(Some(name)) };
    if from == StreamId::MIN {
        Words::of("XGROUP").text("CREATECONSUMER").bytes(key).bytes(&name).bytes(consumer.name()).write(out);
    }
    for (written, id) in consumer.pending().range(from..).enumerate() {
        if written == ITEMS_MAX {
            return Place::Consumer(name, index, *id);
        }
        if let Some(delivery) = group.pending().get(id) {
            let words = Words::of("XCLAIM").bytes(key).bytes(&name).bytes(consumer.name()).text("0").id(*id);
            let words = words.text("TIME").number(delivery.delivered_at_ms);
            words.text("RETRYCOUNT").number(delivery.deliveries).text("JUSTID").text("FORCE").write(out);
        }
    }
    Place::Consumer(name, index + 1, StreamId::MIN)
}

fn owned(item: Item<'_>) -> Vec<u8> {
    item.as_bytes(&mut IntText::default()).to_vec()
}

/// The words of a command.
struct Words(Vec<Vec<u8>>);

impl Words {
    fn of(name: &str) -> Words {
        Words(vec![name.as_bytes().to_vec()])
    }

    fn bytes(mut self, word: &[u8]) -> Words {
        self.0.push(word.to_vec());
        self
    }

    fn text(self, word: &str) -> Words {
        self.bytes(word.as_bytes())
    }

    fn item(self, item: Item<'_>) -> Words {
        self.bytes(item.as_bytes(&mut IntText::default()))
    }

    fn number(self, number: u64) -> Words {
        self.text(&number.to_string())
    }

    fn id(self, id: StreamId) -> Words {
        self.text(&format!("{}-{}", id.ms, id.seq))
    }

    fn write(self, out: &mut Writer) {
        let mut command = Vec::new();
        write_command(&mut command, self.0.iter());
        out.raw(&command);
    }
}
