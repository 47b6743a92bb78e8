//! Values on their way in ([`Value`]) and strings on their way out ([`StrRef`]).

use std::borrow::Cow;

use bytes::Bytes;

use crate::types::int::{self, IntText};
use crate::types::{Hash, List, Set, Stream, Zset};

/// The type of a value, in the order of Redis's own numbers (`RDB_TYPE_*`, the module API's key types).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A string of bytes, or a number kept as one.
    String,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    Zset,
    /// A hash.
    Hash,
    /// A stream.
    Stream,
}

impl Type {
    /// The name the TYPE command answers.
    pub fn name(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::List => "list",
            Type::Set => "set",
            Type::Zset => "zset",
            Type::Hash => "hash",
            Type::Stream => "stream",
        }
    }
}

/// A value to store under a key.
pub enum Value<'a> {
    /// A string that is the decimal text of this number: kept as the number, `int` to clients.
    Int(i64),
    /// A string, copied: `embstr` to clients when short, else `raw`.
    Bytes(&'a [u8]),
    /// A string, copied, that a command built by changing another one: `raw` to clients at any length.
    Raw(&'a [u8]),
    /// A string taken over without a copy when it is long enough for that. It should be all of its buffer,
    /// or nearly: a small part would keep the whole buffer in memory.
    Blob(Bytes),
    /// A list.
    List(List),
    /// A set.
    Set(Set),
    /// A sorted set.
    Zset(Zset),
    /// A hash.
    Hash(Hash),
    /// A stream.
    Stream(Stream),
}

impl<'a> Value<'a> {
    /// A string as a client sent it: the number it is the exact text of, or its bytes.
    #[inline]
    pub fn string(text: &'a [u8]) -> Value<'a> {
        match int::from_text(text) {
            Some(number) => Value::Int(number),
            None => Value::Bytes(text),
        }
    }
}

macro_rules! from_collection {
    ($($kind:ident),*) => {$(
        impl From<$kind> for Value<'_> {
            fn from(value: $kind) -> Self {
                Value::$kind(value)
            }
        }
    )*};
}

from_collection!(List, Set, Zset, Hash, Stream);

/// A stored string, to look at.
#[derive(Debug, Clone, Copy)]
pub enum StrRef<'a> {
    /// The decimal text of this number.
    Int(i64),
    /// These bytes, within the key's own allocation.
    Bytes(&'a [u8]),
    /// These bytes, which a socket may keep without a copy.
    Blob(&'a Bytes),
}

impl<'a> StrRef<'a> {
    /// Length in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            StrRef::Int(number) => int::text_len(*number),
            StrRef::Bytes(bytes) => bytes.len(),
            StrRef::Blob(bytes) => bytes.len(),
        }
    }

    /// Whether the string is empty.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes; `buffer` is where a number's digits go.
    #[inline]
    pub fn as_bytes<'b>(&self, buffer: &'b mut IntText) -> &'b [u8]
    where
        'a: 'b,
    {
        match *self {
            StrRef::Int(number) => int::to_text(number, buffer),
            StrRef::Bytes(bytes) => bytes,
            StrRef::Blob(bytes) => bytes,
        }
    }

    /// The bytes, without a buffer at hand.
    pub fn to_cow(&self) -> Cow<'a, [u8]> {
        match *self {
            StrRef::Int(number) => Cow::Owned(int::to_text(number, &mut IntText::default()).to_vec()),
            StrRef::Bytes(bytes) => Cow::Borrowed(bytes),
            StrRef::Blob(bytes) => Cow::Borrowed(bytes),
        }
    }

    /// The bytes with an owner: shared when they are a blob, else copied.
    pub fn to_bytes(&self) -> Bytes {
        match *self {
            StrRef::Blob(bytes) => bytes.clone(),
            _ => Bytes::copy_from_slice(self.as_bytes(&mut IntText::default())),
        }
    }

    /// The number that the string is the exact text of.
    pub fn to_int(&self) -> Option<i64> {
        match *self {
            StrRef::Int(number) => Some(number),
            StrRef::Bytes(bytes) => int::from_text(bytes),
            StrRef::Blob(_) => None,
        }
    }
}
