//! ACL categories: which a command is in.
//!
//! A row names those that nothing else tells; the rest follow from its flags, so that a row cannot contradict
//! itself. A bit a category, in the order in which ACL CAT and COMMAND INFO list them.

use crate::table::{self, Command};

/// A set of ACL categories.
pub type Acl = u32;
/// `@keyspace`
pub const KEYSPACE: Acl = 1 << 0;
const READS: Acl = 1 << 1;
const WRITES: Acl = 1 << 2;
/// `@set`
pub const SET: Acl = 1 << 3;
/// `@sortedset`
pub const SORTEDSET: Acl = 1 << 4;
/// `@list`
pub const LIST: Acl = 1 << 5;
/// `@hash`
pub const HASH: Acl = 1 << 6;
/// `@string`
pub const STRING: Acl = 1 << 7;
/// `@bitmap`
pub const BITMAP: Acl = 1 << 8;
/// `@hyperloglog`
pub const HYPERLOGLOG: Acl = 1 << 9;
/// `@geo`
pub const GEO: Acl = 1 << 10;
/// `@stream`
pub const STREAM: Acl = 1 << 11;
const PUBLISHES: Acl = 1 << 12;
/// `@admin`, of a command without the flag.
pub const ADMINISTRATES: Acl = 1 << 13;
const IS_FAST: Acl = 1 << 14;
const IS_SLOW: Acl = 1 << 15;
const BLOCKS: Acl = 1 << 16;
/// `@dangerous`
pub const DANGEROUS: Acl = 1 << 17;
/// `@connection`
pub const CONNECTION: Acl = 1 << 18;
/// `@transaction`
pub const TRANSACTION: Acl = 1 << 19;
/// `@scripting`
pub const SCRIPTING: Acl = 1 << 20;

/// The categories' names, by bit.
pub const CATEGORIES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

/// The category of this name, in any case.
pub fn category(name: &[u8]) -> Option<Acl> {
    CATEGORIES.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(name)).map(|bit| 1 << bit)
}

/// All categories of a command: its own and those that its flags imply.
pub fn categories(command: &Command) -> Acl {
    let implied = [
        (command.has(table::READONLY) && command.acl & SCRIPTING == 0, READS),
        (command.has(table::WRITE), WRITES),
        (command.has(table::PUBSUB), PUBLISHES),
        (command.has(table::ADMIN), ADMINISTRATES | DANGEROUS),
        (command.has(table::FAST), IS_FAST),
        (!command.has(table::FAST), IS_SLOW),
        (command.has(table::BLOCKING), BLOCKS),
    ];
    implied.into_iter().filter(|(holds, _)| *holds).fold(command.acl, |all, (_, category)| all | category)
}

/// The names in a set, in order.
pub fn category_names(set: Acl) -> impl Iterator<Item = &'static str> {
    CATEGORIES.iter().enumerate().filter(move |(bit, _)| set & (1 << bit) != 0).map(|(_, name)| *name)
}
