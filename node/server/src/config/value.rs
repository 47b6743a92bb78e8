//! What a directive's value is while it passes between text and a typed field.
//!
//! Text is parsed once (`kind.rs`) into a [`Value`]; a [`Field`] takes it in and gives it back. The two meet
//! in the rows of `directives/`, whose types must agree: `Config::default` walks every row, so a row whose
//! field cannot hold its value fails the first test and never a user.

/// A parsed value. `kind.rs` says which kind of directive yields which variant.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// yes or no.
    Bool(bool),
    /// A number, a memory size in bytes, an enumeration's index, or a set of bits.
    Int(i128),
    /// One string; empty where unset.
    Text(String),
    /// Several strings.
    Words(Vec<String>),
    /// The `save` points.
    Save(Vec<SavePoint>),
    /// The `client-output-buffer-limit` of each class.
    BufferLimits([BufferLimit; BUFFER_CLASSES.len()]),
    /// Percentiles, each within 0 and 100.
    Percentiles(Vec<f64>),
}

/// A type that can be a public field of a configuration group.
pub trait Field {
    /// The field as a value.
    fn read(&self) -> Value;
    /// Takes a value that the directive's kind made, range-checked. Panics if row and field disagree.
    fn write(&mut self, value: Value);
}

/// One point of `save`: take a snapshot after `seconds` if there were at least `changes` writes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SavePoint {
    /// Seconds since the last snapshot, at least 1.
    pub seconds: i64,
    /// Writes since the last snapshot.
    pub changes: i64,
}

/// The classes of `client-output-buffer-limit`, in the order of the array. Redis shows the second one as
/// `slave` and reads `replica` too.
pub const BUFFER_CLASSES: [&str; 3] = ["normal", "slave", "pubsub"];

/// When a client that reads too slowly is closed. Zero means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BufferLimit {
    /// Bytes waiting that close the client at once.
    pub hard_bytes: u64,
    /// Bytes waiting that close the client after `soft_seconds` above them without a break.
    pub soft_bytes: u64,
    /// Seconds above `soft_bytes`.
    pub soft_seconds: u64,
}

impl BufferLimit {
    /// Whether so many bytes waiting close the client at once.
    pub fn is_over_hard(&self, waiting: usize) -> bool {
        self.hard_bytes > 0 && beyond_buffer(waiting) > self.hard_bytes
    }

    /// Whether so many bytes waiting close the client when that lasts.
    pub fn is_over_soft(&self, waiting: usize) -> bool {
        self.soft_bytes > 0 && beyond_buffer(waiting) > self.soft_bytes
    }
}

/// Bytes of replies that a client may always have waiting, as Redis counts: limits are for what is beyond. Else one
/// below the size of a usual reply would close every client.
pub const REPLY_BUFFER: usize = 16 << 10;

fn beyond_buffer(waiting: usize) -> u64 {
    waiting.saturating_sub(REPLY_BUFFER) as u64
}

/// How many cores to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cores {
    /// One for each CPU the process may use.
    #[default]
    Auto,
    /// So many, at least 1.
    Count(u16),
}

/// A bit a letter of `notify-keyspace-events`; the numbers are Redis's.
pub mod notify {
    /// Letter and bit, in the order CONFIG GET shows them; the first [`TYPES`] make up `A`.
    pub const LETTERS: [(char, u32); 14] = [
        ('g', GENERIC),
        ('$', STRING),
        ('l', LIST),
        ('s', SET),
        ('h', HASH),
        ('z', ZSET),
        ('x', EXPIRED),
        ('e', EVICTED),
        ('t', STREAM),
        ('d', MODULE),
        ('n', NEW),
        ('K', KEYSPACE),
        ('E', KEYEVENT),
        ('m', KEY_MISS),
    ];
    /// How many of [`LETTERS`] `A` stands for.
    pub const TYPES: usize = 10;

    /// Publish on `__keyspace@0__:` channels.
    pub const KEYSPACE: u32 = 1;
    /// Publish on `__keyevent@0__:` channels.
    pub const KEYEVENT: u32 = 1 << 1;
    /// Commands of no type, such as DEL and EXPIRE.
    pub const GENERIC: u32 = 1 << 2;
    /// String commands.
    pub const STRING: u32 = 1 << 3;
    /// List commands.
    pub const LIST: u32 = 1 << 4;
    /// Set commands.
    pub const SET: u32 = 1 << 5;
    /// Hash commands.
    pub const HASH: u32 = 1 << 6;
    /// Sorted set commands.
    pub const ZSET: u32 = 1 << 7;
    /// A key expired.
    pub const EXPIRED: u32 = 1 << 8;
    /// A key was evicted for `maxmemory`.
    pub const EVICTED: u32 = 1 << 9;
    /// Stream commands.
    pub const STREAM: u32 = 1 << 10;
    /// A key was looked up and not found.
    pub const KEY_MISS: u32 = 1 << 11;
    /// Types of modules.
    pub const MODULE: u32 = 1 << 13;
    /// A key was created.
    pub const NEW: u32 = 1 << 14;
}

/// Bits of `shutdown-on-sigint` and `shutdown-on-sigterm`, in the order of [`SHUTDOWN_NAMES`] less `default`.
pub mod shutdown {
    /// Save even without save points.
    pub const SAVE: u32 = 1;
    /// Do not save even with save points.
    pub const NOSAVE: u32 = 1 << 1;
    /// Do not wait for replicas that lag.
    pub const NOW: u32 = 1 << 2;
    /// Go on where an error would stop the shutdown.
    pub const FORCE: u32 = 1 << 3;
}

/// The words of the shutdown directives; the first is the empty set.
pub const SHUTDOWN_NAMES: &[&str] = &["default", "save", "nosave", "now", "force"];

/// A row and its field are of different types: our own mistake, seen by the first test.
#[cold]
fn mismatch(value: &Value) -> ! {
    panic!("a directive's row and its field disagree: {value:?}")
}

macro_rules! int_fields {
    ($($int:ty)*) => {$(
        impl Field for $int {
            fn read(&self) -> Value {
                Value::Int(*self as i128)
            }
            fn write(&mut self, value: Value) {
                match value {
                    Value::Int(n) => *self = <$int>::try_from(n).unwrap_or_else(|_| mismatch(&value)),
                    other => mismatch(&other),
                }
            }
        }
    )*};
}
int_fields!(u16 u32 u64 i32 i64 usize);

macro_rules! fields {
    ($($type:ty = $variant:ident;)*) => {$(
        impl Field for $type {
            fn read(&self) -> Value {
                Value::$variant(self.clone())
            }
            fn write(&mut self, value: Value) {
                match value {
                    Value::$variant(inner) => *self = inner,
                    other => mismatch(&other),
                }
            }
        }
    )*};
}
fields! {
    bool = Bool;
    String = Text;
    Vec<String> = Words;
    Vec<SavePoint> = Save;
    [BufferLimit; BUFFER_CLASSES.len()] = BufferLimits;
    Vec<f64> = Percentiles;
}

impl Field for Cores {
    fn read(&self) -> Value {
        match self {
            Cores::Auto => Value::Int(0),
            Cores::Count(n) => Value::Int(i128::from(*n)),
        }
    }
    fn write(&mut self, value: Value) {
        let mut count = 0u16;
        count.write(value);
        *self = if count == 0 { Cores::Auto } else { Cores::Count(count) };
    }
}

/// Declares an enumeration with the word each variant has in a configuration file, in Redis's order (the
/// order in which an error lists them).
macro_rules! choice {
    ($($(#[doc = $about:literal])+ $Name:ident { $first:ident = $first_word:literal
        $(, $variant:ident = $word:literal)* $(,)? })*) => {$(
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $Name {
            #[doc = concat!("`", $first_word, "`.")]
            #[default]
            $first,
            $(#[doc = concat!("`", $word, "`.")] $variant,)*
        }
        impl $Name {
            /// The words, in the variants' order.
            pub const WORDS: &'static [&'static str] = &[$first_word $(, $word)*];
            const ALL: &'static [$Name] = &[$Name::$first $(, $Name::$variant)*];
            /// The word of this variant.
            pub fn word(self) -> &'static str {
                Self::WORDS[self as usize]
            }
        }
        impl Field for $Name {
            fn read(&self) -> Value {
                Value::Int(*self as i128)
            }
            fn write(&mut self, value: Value) {
                let mut index = 0usize;
                index.write(value);
                *self = Self::ALL[index];
            }
        }
    )*};
}

choice! {
    /// Whom a protected command or directive is open to (`enable-*-command`, `enable-protected-configs`).
    Allowed { No = "no", Yes = "yes", Local = "local" }
    /// How much is logged (`loglevel`).
    LogLevel {
        Debug = "debug", Verbose = "verbose", Notice = "notice", Warning = "warning", Nothing = "nothing",
    }
    /// What gives way when memory is short (`maxmemory-policy`).
    MaxmemoryPolicy {
        VolatileLru = "volatile-lru", VolatileLfu = "volatile-lfu", VolatileRandom = "volatile-random",
        VolatileTtl = "volatile-ttl", AllkeysLru = "allkeys-lru", AllkeysLfu = "allkeys-lfu",
        AllkeysRandom = "allkeys-random", NoEviction = "noeviction",
    }
    /// When the append-only file reaches the disk (`appendfsync`).
    AppendFsync { EverySec = "everysec", Always = "always", No = "no" }
    /// What a replica does with its data while a full sync comes in (`repl-diskless-load`).
    DisklessLoad { Disabled = "disabled", OnEmptyDb = "on-empty-db", SwapDb = "swapdb" }
    /// Whether TLS clients must show a certificate (`tls-auth-clients`).
    TlsAuthClients { No = "no", Yes = "yes", Optional = "optional" }
    /// What a new ACL user may subscribe to (`acl-pubsub-default`).
    AclPubsubDefault { AllChannels = "allchannels", ResetChannels = "resetchannels" }
    /// Whose RESTORE payloads are checked in depth (`sanitize-dump-payload`).
    SanitizeDumpPayload { No = "no", Yes = "yes", Clients = "clients" }
    /// The address that redirections and CLUSTER SLOTS show (`cluster-preferred-endpoint-type`).
    EndpointType { Ip = "ip", Hostname = "hostname", UnknownEndpoint = "unknown-endpoint" }
    /// Whether slots change hands between cores for their load (`slot-balance`).
    SlotBalance { Off = "off", Advise = "advise", Auto = "auto" }
    /// What to do with a replicated command that fails (`propagation-error-behavior`).
    PropagationError { Ignore = "ignore", Panic = "panic", PanicOnReplicas = "panic-on-replicas" }
}
