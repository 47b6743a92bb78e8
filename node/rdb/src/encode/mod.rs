//! Values as the format has them, written some bytes at a time.
//!
//! Which of the format's types to write is chosen so that Redis 7.0 reads what it can hold (see
//! `docs/adr/2026-11-22-rdb.md`): packed hashes and sorted sets as the listpacks they are, lists as their nodes,
//! packed sets member by member, streams without the times that 7.2 added. Only a hash with fields that expire
//! needs a type that 7.0 does not know: Valkey 9's.
//!
//! A large value takes many calls of [`Encoder::step`]. Between two of them the value must not change: whoever
//! wants to change it finishes it first.

mod stream;

use store::types::hash::{ALL, FieldRef};
use store::types::list::NodeRef;
use store::types::{Hash, List, Set, Stream, Zset};
use store::{EntryRef, Type};

use crate::format::{container, kind};
use crate::writer::Writer;
use stream::StreamPlace;

/// What Valkey writes for a field that does not expire.
pub(crate) const NO_EXPIRY: i64 = -1;

/// The type that `entry`'s value is written as.
pub fn kind_of(entry: EntryRef<'_>) -> u8 {
    match entry.value_type() {
        Type::String => kind::STRING,
        Type::List => kind::LIST_QUICKLIST_2,
        Type::Set => match entry.get::<Set>() {
            Some(Set::Ints(_)) => kind::SET_INTSET,
            _ => kind::SET,
        },
        Type::Zset => match entry.get::<Zset>().and_then(Zset::as_listpack) {
            Some(_) => kind::ZSET_LISTPACK,
            None => kind::ZSET_2,
        },
        Type::Hash => match entry.get::<Hash>() {
            Some(hash) if hash.next_expiry().is_some() => kind::HASH_2,
            Some(hash) if hash.encoding_name() != "hashtable" => kind::HASH_LISTPACK,
            _ => kind::HASH,
        },
        Type::Stream => kind::STREAM_LISTPACKS_2,
    }
}

/// How far the writing of a value has come.
#[derive(Default)]
pub struct Encoder(Place);

#[derive(Default)]
enum Place {
    #[default]
    Start,
    /// Next is the node with this index.
    List(usize),
    /// Next is what a scan finds from this cursor on; it has begun.
    Table(u64),
    /// So many members are still to be written, the last first.
    Zset(usize),
    Stream(StreamPlace),
    End,
}

impl Encoder {
    /// Writes about `limit` bytes of the value, more only when a single part is longer; whether it is whole now.
    pub fn step(&mut self, entry: EntryRef<'_>, limit: usize, out: &mut Writer) -> bool {
        let end = out.len().saturating_add(limit.max(1));
        while !matches!(self.0, Place::End) && out.len() < end {
            self.0 = self.write_some(entry, end, out);
        }
        matches!(self.0, Place::End)
    }

    fn write_some(&mut self, entry: EntryRef<'_>, end: usize, out: &mut Writer) -> Place {
        if let Some(string) = entry.string() {
            out.value(string);
            return Place::End;
        }
        if let Some(list) = entry.get::<List>() {
            return self.write_list(list, end, out);
        }
        if let Some(set) = entry.get::<Set>() {
            return self.write_set(set, out);
        }
        if let Some(zset) = entry.get::<Zset>() {
            return self.write_zset(zset, end, out);
        }
        if let Some(hash) = entry.get::<Hash>() {
            return self.write_hash(hash, out);
        }
        let stream = entry.get::<Stream>().expect("no string and none of the other collections");
        let place = match std::mem::take(&mut self.0) {
            Place::Stream(place) => place,
            _ => StreamPlace::default(),
        };
        place.write_some(stream, end, out).map_or(Place::End, Place::Stream)
    }

    fn write_list(&self, list: &List, end: usize, out: &mut Writer) -> Place {
        let nodes = list.nodes();
        let count = nodes.len();
        let from = match self.0 {
            Place::List(from) => from,
            _ => {
                out.length(count as u64);
                0
            }
        };
        for (index, node) in nodes.enumerate().skip(from) {
            match node {
                NodeRef::Packed(listpack) => {
                    out.length(container::PACKED);
                    out.blob(listpack.as_bytes());
                }
                NodeRef::Pressed(pressed) => {
                    out.length(container::PACKED);
                    if !out.lzf(pressed.lzf(), pressed.opened_len()) {
                        out.blob(pressed.listpack().as_bytes());
                    }
                }
                NodeRef::Plain(bytes) => {
                    out.length(container::PLAIN);
                    out.blob(bytes);
                }
            }
            if out.len() >= end && index + 1 < count {
                return Place::List(index + 1);
            }
        }
        Place::End
    }

    fn write_set(&self, set: &Set, out: &mut Writer) -> Place {
        if let Set::Ints(ints) = set {
            out.blob(&ints.to_bytes());
            return Place::End;
        }
        let cursor = self.table_cursor(set.len(), out);
        next_of_table(set.scan(cursor, |member| out.item(member)))
    }

    fn write_zset(&self, zset: &Zset, end: usize, out: &mut Writer) -> Place {
        if let Some(listpack) = zset.as_listpack() {
            out.blob(listpack.as_bytes());
            return Place::End;
        }
        let mut left = match self.0 {
            Place::Zset(left) => left,
            _ => {
                out.length(zset.len() as u64);
                zset.len()
            }
        };
        // From the last to the first, as Redis does: a skiplist is built fastest at its head.
        for (member, score) in zset.range(0..left).rev() {
            out.item(member);
            out.double(score);
            left -= 1;
            if out.len() >= end {
                break;
            }
        }
        if left == 0 { Place::End } else { Place::Zset(left) }
    }

    fn write_hash(&self, hash: &Hash, out: &mut Writer) -> Place {
        let expiring = hash.next_expiry().is_some();
        if !expiring && let Some((listpack, false)) = hash.to_listpack() {
            out.blob(listpack.as_bytes());
            return Place::End;
        }
        let write = |field: FieldRef<'_>, out: &mut Writer| {
            out.item(field.field);
            out.item(field.value);
            if expiring {
                out.millis(field.expiry.map_or(NO_EXPIRY, |at| at as i64));
            }
        };
        let cursor = self.table_cursor(hash.len(ALL), out);
        next_of_table(hash.scan(cursor, ALL, |field| write(field, out)))
    }

    /// The cursor to go on with; writes the number of elements before the first.
    fn table_cursor(&self, len: usize, out: &mut Writer) -> u64 {
        match self.0 {
            Place::Table(cursor) => cursor,
            _ => {
                out.length(len as u64);
                0
            }
        }
    }
}

fn next_of_table(cursor: u64) -> Place {
    if cursor == 0 { Place::End } else { Place::Table(cursor) }
}
