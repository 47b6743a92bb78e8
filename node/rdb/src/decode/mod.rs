//! Values from the format, read as their bytes come in.
//!
//! All types of Redis 4 to 7.4 and of Valkey 8 and 9 are read; the elements go into this server's own encodings,
//! by its own limits. A value is read part by part, and a part is tried again from its beginning when the buffer
//! ends within it: so a hash of a million fields needs no more of a buffer than its longest field.
//!
//! Whatever the bytes are, the end is a value or a [`Fault`]: packed values are checked to their last entry, no
//! collection holds anything twice, and what is announced takes no memory before it is there.

mod collections;
mod stream;
mod ziplist;

use bytes::Bytes;
use store::Value;
use store::types::Limits;
use store::types::int::IntText;
use store::types::intset::IntSet;
use store::types::list::Side;
use store::types::listpack::Listpack;
use store::types::{Hash, List, Set, Zset};

use crate::format::{VERSION_VALKEY_MIN, container, kind};
use crate::reader::{Fault, Read, Reader, Text};
use collections::{FieldExpiry, add_field, add_member, add_scored, hash_of_triplets};
use stream::StreamDecoder;

/// What a value was read as.
pub enum Decoded {
    /// A value.
    Value(Value<'static>),
    /// A collection without elements, which no key can hold: servers leave such a key out.
    Empty,
}

/// How far a value is read.
pub struct Decoder(State);

enum State {
    String,
    /// A value that is one packed string; what it is, and whether the earliest expiry stands before it.
    Packed(u8),
    /// What is made of elements, before their number is known.
    Counted(u8),
    List {
        list: List,
        kind: u8,
        left: u64,
    },
    Set {
        set: Set,
        left: u64,
    },
    Zset {
        zset: Zset,
        kind: u8,
        left: u64,
    },
    Hash {
        hash: Hash,
        expiry: FieldExpiry,
        left: u64,
    },
    Stream(Box<StreamDecoder>),
}

impl Decoder {
    /// Begins a value of type `kind` in a file or payload of this version.
    ///
    /// # Errors
    /// Types that are unknown, or of modules.
    pub fn new(kind: u8, version: u16) -> Read<Decoder> {
        Ok(Decoder(match kind {
            kind::STRING => State::String,
            kind::HASH_ZIPMAP
            | kind::LIST_ZIPLIST
            | kind::SET_INTSET
            | kind::ZSET_ZIPLIST
            | kind::HASH_ZIPLIST
            | kind::HASH_LISTPACK
            | kind::ZSET_LISTPACK
            | kind::SET_LISTPACK
            | kind::HASH_LISTPACK_EX => State::Packed(kind),
            kind::LIST
            | kind::LIST_QUICKLIST
            | kind::LIST_QUICKLIST_2
            | kind::SET
            | kind::ZSET
            | kind::ZSET_2
            | kind::HASH
            | kind::HASH_METADATA => State::Counted(kind),
            kind::HASH_2 if version >= VERSION_VALKEY_MIN => State::Counted(kind),
            kind::STREAM_LISTPACKS | kind::STREAM_LISTPACKS_2 | kind::STREAM_LISTPACKS_3 => {
                State::Stream(Box::new(StreamDecoder::new(kind)))
            }
            kind::MODULE_PRE_GA | kind::MODULE_2 => return Err(Fault::Bad("a value of a module")),
            _ => return Err(Fault::Bad("a value of an unknown type")),
        }))
    }

    /// Reads on. [`Fault::Short`] wants the call again with a buffer that begins where `reader` stands then and
    /// holds at least so many bytes.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn read(&mut self, reader: &mut Reader<'_>, limits: &Limits) -> Read<Decoded> {
        loop {
            let start = reader.position();
            match self.read_part(reader, limits) {
                Ok(None) => {}
                Ok(Some(decoded)) => return Ok(decoded),
                Err(Fault::Short(end)) => {
                    reader.rewind(start);
                    return Err(Fault::Short(end - start));
                }
                Err(bad) => return Err(bad),
            }
        }
    }

    /// Reads the next part, after which the state has moved on, or the value is whole.
    fn read_part(&mut self, reader: &mut Reader<'_>, limits: &Limits) -> Read<Option<Decoded>> {
        let left = match &mut self.0 {
            State::String => return reader.text().map(|text| Some(Decoded::Value(string_value(text)))),
            State::Packed(kind) => return read_packed(*kind, reader, limits).map(Some),
            State::Counted(kind) => {
                let kind = *kind;
                self.0 = begin_counted(kind, reader, limits)?;
                return Ok(if self.is_empty() { Some(Decoded::Empty) } else { None });
            }
            State::Stream(stream) => {
                let whole = stream.read_part(reader)?;
                return Ok(whole.map(|stream| Decoded::Value(stream.into())));
            }
            State::List { list, kind, left } => {
                read_list_part(list, *kind, reader, limits)?;
                left
            }
            State::Set { set, left } => {
                add_member(set, &reader.text()?, limits)?;
                left
            }
            State::Zset { zset, kind, left } => {
                let member = reader.text()?;
                let score = if *kind == kind::ZSET_2 { reader.double()? } else { reader.double_text()? };
                add_scored(zset, &member, score, limits)?;
                left
            }
            State::Hash { hash, expiry, left } => {
                let before = expiry.read_before(reader)?;
                let (field, value) = (reader.text()?, reader.text()?);
                let at = expiry.read_behind(before, reader)?;
                add_field(hash, &field, &value, at, limits)?;
                left
            }
        };
        *left -= 1;
        Ok(if *left == 0 { Some(self.finish(limits)) } else { None })
    }

    fn is_empty(&self) -> bool {
        matches!(
            self.0,
            State::List { left: 0, .. }
                | State::Set { left: 0, .. }
                | State::Zset { left: 0, .. }
                | State::Hash { left: 0, .. }
        )
    }

    fn finish(&mut self, limits: &Limits) -> Decoded {
        match std::mem::replace(&mut self.0, State::String) {
            State::List { mut list, .. } => {
                list.settle(limits);
                if list.is_empty() { Decoded::Empty } else { Decoded::Value(list.into()) }
            }
            State::Set { set, .. } => Decoded::Value(set.into()),
            State::Zset { mut zset, .. } => {
                zset.settle(limits);
                Decoded::Value(zset.into())
            }
            State::Hash { hash, .. } => Decoded::Value(hash.into()),
            _ => unreachable!("only collections are counted"),
        }
    }
}

/// A string, in the encoding a client's SET would give it.
fn string_value(text: Text<'_>) -> Value<'static> {
    let bytes = match text {
        Text::Int(number) => return Value::Int(number),
        Text::Bytes(bytes) => bytes,
    };
    match store::types::int::from_text(&bytes) {
        Some(number) => Value::Int(number),
        None => Value::Blob(Bytes::from(bytes.into_owned())),
    }
}

/// Reads what stands before the elements of a collection.
fn begin_counted(kind: u8, reader: &mut Reader<'_>, limits: &Limits) -> Read<State> {
    let expiry = FieldExpiry::begin(kind, reader)?;
    let left = reader.length()?;
    let count = usize::try_from(left).unwrap_or(usize::MAX);
    Ok(match kind {
        kind::LIST | kind::LIST_QUICKLIST | kind::LIST_QUICKLIST_2 => {
            State::List { list: List::new(), kind, left }
        }
        kind::SET => {
            // More than fit an intset are not looked at for being numbers, as in Redis.
            let is_small = count <= limits.set_max_intset_entries;
            let mut set = if is_small { Set::new() } else { Set::packed() };
            set.expect(count, limits);
            State::Set { set, left }
        }
        kind::ZSET | kind::ZSET_2 => {
            let mut zset = Zset::new();
            zset.expect(count, 0, limits);
            State::Zset { zset, kind, left }
        }
        _ => {
            let mut hash = Hash::new();
            hash.expect(count, limits);
            State::Hash { hash, expiry, left }
        }
    })
}

/// Reads an element of a list, or a node of several.
fn read_list_part(list: &mut List, kind: u8, reader: &mut Reader<'_>, limits: &Limits) -> Read<()> {
    if kind == kind::LIST {
        list.push(Side::Back, reader.text()?.as_bytes(&mut IntText::default()), limits);
        return Ok(());
    }
    if kind == kind::LIST_QUICKLIST {
        list.push_packed(ziplist::to_listpack(&reader.blob()?)?);
        return Ok(());
    }
    match reader.length()? {
        container::PLAIN => match reader.text()?.into_vec() {
            text if text.is_empty() => return Err(Fault::Bad("an empty element by itself")),
            text => list.push_plain(text.into_boxed_slice()),
        },
        container::PACKED => list.push_packed(listpack(&reader.blob()?)?),
        _ => return Err(Fault::Bad("a list's part of an unknown form")),
    }
    Ok(())
}

fn listpack(bytes: &[u8]) -> Read<Listpack> {
    Listpack::from_bytes(bytes, true).map_err(|_| Fault::Bad("a malformed listpack"))
}

/// Reads a value that is one packed string.
fn read_packed(kind: u8, reader: &mut Reader<'_>, limits: &Limits) -> Read<Decoded> {
    FieldExpiry::begin(kind, reader)?;
    let bytes = reader.blob()?;
    if kind == kind::SET_INTSET {
        let ints = IntSet::from_bytes(&bytes, true).map_err(|_| Fault::Bad("a malformed intset"))?;
        if ints.is_empty() {
            return Ok(Decoded::Empty);
        }
        let set = Set::from_intset(ints, limits).map_err(|_| Fault::Bad("a malformed intset"))?;
        return Ok(Decoded::Value(set.into()));
    }
    let entries = match kind {
        kind::HASH_ZIPMAP => ziplist::zipmap_to_listpack(&bytes)?,
        kind::LIST_ZIPLIST | kind::ZSET_ZIPLIST | kind::HASH_ZIPLIST => ziplist::to_listpack(&bytes)?,
        _ => listpack(&bytes)?,
    };
    if entries.is_empty() {
        return Ok(Decoded::Empty);
    }
    let value: Value<'static> = match kind {
        kind::LIST_ZIPLIST => {
            let mut list = List::new();
            list.push_packed(entries);
            list.settle(limits);
            list.into()
        }
        kind::SET_LISTPACK => {
            let set = Set::from_listpack(&entries, limits);
            set.map_err(|_| Fault::Bad("a set that holds something twice"))?.into()
        }
        kind::ZSET_ZIPLIST | kind::ZSET_LISTPACK => {
            let zset = Zset::from_listpack(entries, limits);
            zset.map_err(|_| Fault::Bad("a malformed packed sorted set"))?.into()
        }
        kind::HASH_LISTPACK_EX => hash_of_triplets(&entries, limits)?.into(),
        _ => {
            let hash = Hash::from_listpack(&entries, false, limits);
            hash.map_err(|_| Fault::Bad("a malformed packed hash"))?.into()
        }
    };
    Ok(Decoded::Value(value))
}
