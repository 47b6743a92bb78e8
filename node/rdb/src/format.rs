//! The numbers of the format: types of values, and what stands between them in a file.
//!
//! Facts from `rdb.h` of Redis 7.4 and Valkey 8, and from files that Valkey 9.1 writes.

/// What a value is, and how it is written (`RDB_TYPE_*`).
pub mod kind {
    /// A string.
    pub const STRING: u8 = 0;
    /// A list, element by element.
    pub const LIST: u8 = 1;
    /// A set, member by member.
    pub const SET: u8 = 2;
    /// A sorted set; scores as text.
    pub const ZSET: u8 = 3;
    /// A hash, field by field.
    pub const HASH: u8 = 4;
    /// A sorted set; scores as 8-byte doubles.
    pub const ZSET_2: u8 = 5;
    /// A module's value, of a form that no release wrote.
    pub const MODULE_PRE_GA: u8 = 6;
    /// A module's value.
    pub const MODULE_2: u8 = 7;
    /// A hash in a zipmap.
    pub const HASH_ZIPMAP: u8 = 9;
    /// A list in a ziplist.
    pub const LIST_ZIPLIST: u8 = 10;
    /// A set in an intset.
    pub const SET_INTSET: u8 = 11;
    /// A sorted set in a ziplist.
    pub const ZSET_ZIPLIST: u8 = 12;
    /// A hash in a ziplist.
    pub const HASH_ZIPLIST: u8 = 13;
    /// A list in several ziplists.
    pub const LIST_QUICKLIST: u8 = 14;
    /// A stream.
    pub const STREAM_LISTPACKS: u8 = 15;
    /// A hash in a listpack.
    pub const HASH_LISTPACK: u8 = 16;
    /// A sorted set in a listpack.
    pub const ZSET_LISTPACK: u8 = 17;
    /// A list in several listpacks and large elements.
    pub const LIST_QUICKLIST_2: u8 = 18;
    /// A stream, with what Redis 7.0 added.
    pub const STREAM_LISTPACKS_2: u8 = 19;
    /// A set in a listpack: Redis 7.2.
    pub const SET_LISTPACK: u8 = 20;
    /// A stream, with what Redis 7.2 added.
    pub const STREAM_LISTPACKS_3: u8 = 21;
    /// Valkey 9: a hash whose fields may expire. (A release candidate of Redis 7.4 meant something else by it.)
    pub const HASH_2: u8 = 22;
    /// A release candidate of Redis 7.4; no release reads or writes it.
    pub const HASH_LISTPACK_EX_PRE_GA: u8 = 23;
    /// Redis 7.4: a hash whose fields may expire.
    pub const HASH_METADATA: u8 = 24;
    /// Redis 7.4: the same in a listpack.
    pub const HASH_LISTPACK_EX: u8 = 25;
}

/// What stands between the values of a file (`RDB_OPCODE_*`).
pub mod op {
    /// Valkey 9: slots that were being imported; the job's name and the slots' ranges.
    pub const SLOT_IMPORT: u8 = 243;
    /// Redis 7.4, Valkey 9: a slot's number, keys and keys that expire.
    pub const SLOT_INFO: u8 = 244;
    /// The code of a library of functions.
    pub const FUNCTION2: u8 = 245;
    /// The same in a form that no release wrote.
    pub const FUNCTION_PRE_GA: u8 = 246;
    /// A module's own data.
    pub const MODULE_AUX: u8 = 247;
    /// Seconds since the key that follows was used.
    pub const IDLE: u8 = 248;
    /// How often the key that follows is used.
    pub const FREQ: u8 = 249;
    /// A name and a text.
    pub const AUX: u8 = 250;
    /// Numbers of keys, and of keys that expire.
    pub const RESIZEDB: u8 = 251;
    /// When the key that follows expires, in ms.
    pub const EXPIRETIME_MS: u8 = 252;
    /// The same in seconds.
    pub const EXPIRETIME: u8 = 253;
    /// The number of the database that the keys that follow are in.
    pub const SELECTDB: u8 = 254;
    /// The end; the checksum follows.
    pub const EOF: u8 = 255;
}

/// The version written where no value needs a newer one: that of Redis 7.0.
pub const VERSION: u16 = 10;
/// The version written where hashes have fields that expire: that of Valkey 9.
pub const VERSION_VALKEY: u16 = 80;
/// The newest version of Redis read: 7.4's.
pub const VERSION_REDIS_MAX: u16 = 12;
/// Where Valkey's own numbers begin.
pub const VERSION_VALKEY_MIN: u16 = 80;

/// Whether files and payloads of this version are read.
pub fn is_version_known(version: u16) -> bool {
    (1..=VERSION_REDIS_MAX).contains(&version) || version == VERSION_VALKEY
}

/// First bytes of a length.
pub(crate) mod len {
    pub const BITS_14: u8 = 0x40;
    pub const BITS_32: u8 = 0x80;
    pub const BITS_64: u8 = 0x81;
    /// Not a length: a string in one of the forms below.
    pub const SPECIAL: u8 = 0xC0;
}

/// Forms of a string: the low bits of [`len::SPECIAL`].
pub(crate) mod string {
    pub const INT_8: u8 = 0;
    pub const INT_16: u8 = 1;
    pub const INT_32: u8 = 2;
    pub const LZF: u8 = 3;
}

/// Parts of a quicklist (`QUICKLIST_NODE_CONTAINER_*`).
pub(crate) mod container {
    pub const PLAIN: u64 = 1;
    pub const PACKED: u64 = 2;
}
