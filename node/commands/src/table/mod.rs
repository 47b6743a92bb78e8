//! The command table: one row a command, one place for all that is known of it.
//!
//! Arity errors, routing, COMMAND and its documentation, ACL categories and key extraction all derive from
//! the row; a command that is not here does not exist. Rows stand in one file per group, in the order of the
//! alphabet, beside nothing else; handlers of data commands stand in this crate, and what needs sockets,
//! configuration or the cluster is named by a [`Host`] and done by the server.

mod acl;
mod bitmap;
mod cluster;
mod connection;
mod generic;
mod geo;
mod hash;
mod host;
mod hyperloglog;
mod keys;
mod list;
mod logs;
mod lookup;
mod pubsub;
mod replication;
mod scripting;
mod server;
mod set;
mod sorted_set;
mod stream;
mod string;
mod transactions;
mod users;

pub use acl::*;
pub use host::Host;
pub use keys::{
    ACCESS, Begin, DELETE, Find, INSERT, KEY_FLAG_NAMES, KeyError, KeyFlags, KeySpec, NOT_KEY, UPDATE,
    first_key,
};
pub use lookup::{Found, find, row_count};

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;

/// A command's traits, as COMMAND INFO names them; see [`flag_names`].
pub type Flags = u32;
/// May change keys.
pub const WRITE: Flags = 1 << 0;
/// Reads keys only.
pub const READONLY: Flags = 1 << 1;
/// Refused when memory is over its limit.
pub const DENYOOM: Flags = 1 << 2;
/// For administrators.
pub const ADMIN: Flags = 1 << 3;
/// Of publish/subscribe.
pub const PUBSUB: Flags = 1 << 4;
/// Not from scripts.
pub const NOSCRIPT: Flags = 1 << 5;
/// May wait.
pub const BLOCKING: Flags = 1 << 6;
/// Allowed while loading.
pub const LOADING: Flags = 1 << 7;
/// Allowed on a replica whose data is stale.
pub const STALE: Flags = 1 << 8;
/// Not shown to MONITOR.
pub const SKIP_MONITOR: Flags = 1 << 9;
/// Not kept in the slow log.
pub const SKIP_SLOWLOG: Flags = 1 << 10;
/// Allowed on a slot being imported without ASKING's flag being used up.
pub const ASKING: Flags = 1 << 11;
/// Constant or logarithmic time.
pub const FAST: Flags = 1 << 12;
/// Allowed before authentication.
pub const NO_AUTH: Flags = 1 << 13;
/// May be replicated though it is no write.
pub const MAY_REPLICATE: Flags = 1 << 14;
/// Not inside MULTI.
pub const NO_MULTI: Flags = 1 << 15;
/// Its keys are not where a simple range would say.
pub const MOVABLE_KEYS: Flags = 1 << 16;
/// Allowed while a script runs too long.
pub const ALLOW_BUSY: Flags = 1 << 17;
/// Not while data loads in the background.
pub const NO_ASYNC_LOADING: Flags = 1 << 18;
/// Its keys may not be those of the data (`no_mandatory_keys`: a script or function may have none).
pub const NO_MANDATORY_KEYS: Flags = 1 << 19;
/// Known to sentinels too (`SENTINEL` in the tables of other servers; shown by no flag name).
pub const SENTINEL: Flags = 1 << 20;
/// The containing row only names its subcommands.
pub const CONTAINER: Flags = 1 << 21;
/// Refused unless a directive of its own allows it (`enable-debug-command`).
pub const PROTECTED: Flags = 1 << 22;

/// The group a command is documented under (COMMAND DOCS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is its own name")]
pub enum Group {
    Bitmap,
    Cluster,
    Connection,
    Generic,
    Geo,
    Hash,
    Hyperloglog,
    List,
    Pubsub,
    Scripting,
    Server,
    Set,
    SortedSet,
    Stream,
    String,
    Transactions,
}

/// Which words of a command are channels that permissions are asked for; giving channels up needs none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// None.
    None,
    /// The first word behind the name.
    First,
    /// All words behind the name.
    All,
    /// All words behind the name, and each is a pattern.
    Patterns,
}

/// The handler of a data command: runs on the core that owns the slot, from start to end without a pause.
pub type Handler = fn(&mut Ctx<'_>, &Args<'_>) -> Outcome;

/// Who runs a command.
#[derive(Clone, Copy)]
pub enum Run {
    /// This crate, on the keys alone.
    Data(Handler),
    /// The server.
    Host(Host),
    /// Nobody: the row only holds subcommands.
    Container,
}

/// One command, or one subcommand.
#[derive(Clone, Copy)]
pub struct Command {
    /// Lower-case name; of a subcommand, without its container's.
    pub name: &'static str,
    /// Number of arguments with the name (and the container's); negative for "at least".
    pub arity: i32,
    /// Traits.
    pub flags: Flags,
    /// Where its keys are.
    pub keys: &'static [KeySpec],
    /// The argument that names an element of the collection at its first key, which is worth loading ahead; 0 when
    /// there is none.
    pub element: usize,
    /// ACL categories beyond those that flags imply; see [`categories`].
    pub acl: Acl,
    /// Which of its words are channels.
    pub channels: Channels,
    /// Documentation group.
    pub group: Group,
    /// The Redis version that first had it.
    pub since: &'static str,
    /// One line for COMMAND DOCS, ours.
    pub summary: &'static str,
    /// COMMAND INFO's tips (`nondeterministic_output`, `request_policy:all_shards`, ...).
    pub tips: &'static [&'static str],
    /// Who runs it.
    pub run: Run,
    /// Subcommands, when [`Run::Container`].
    pub subcommands: &'static [Command],
}

/// What rows leave out.
pub(crate) const ROW: Command = Command {
    name: "",
    arity: 0,
    flags: 0,
    keys: &[],
    element: 0,
    acl: 0,
    channels: Channels::None,
    group: Group::Generic,
    since: "1.0.0",
    summary: "",
    tips: &[],
    run: Run::Container,
    subcommands: &[],
};

/// Every command, by group.
pub const TABLE: &[&[Command]] = &[
    bitmap::ROWS,
    cluster::ROWS,
    connection::ROWS,
    generic::ROWS,
    geo::ROWS,
    hash::ROWS,
    hyperloglog::ROWS,
    list::ROWS,
    logs::ROWS,
    pubsub::ROWS,
    replication::ROWS,
    scripting::ROWS,
    server::ROWS,
    set::ROWS,
    sorted_set::ROWS,
    stream::ROWS,
    string::ROWS,
    transactions::ROWS,
    users::ROWS,
];

/// Every top-level command.
pub fn all() -> impl Iterator<Item = &'static Command> {
    TABLE.iter().flat_map(|rows| rows.iter())
}

impl Command {
    /// Whether `count` arguments, the name included, are right.
    #[inline]
    pub fn arity_fits(&self, count: usize) -> bool {
        if self.arity >= 0 {
            count == self.arity as usize
        } else {
            count >= self.arity.unsigned_abs() as usize
        }
    }

    /// Whether the row has all of `flags`.
    #[inline]
    pub fn has(&self, flags: Flags) -> bool {
        self.flags & flags == flags
    }
}

/// The flags' names in COMMAND INFO's order.
pub fn flag_names(command: &Command) -> Vec<&'static str> {
    const NAMES: &[(Flags, &str)] = &[
        (WRITE, "write"),
        (READONLY, "readonly"),
        (DENYOOM, "denyoom"),
        (ADMIN, "admin"),
        (PUBSUB, "pubsub"),
        (NOSCRIPT, "noscript"),
        (BLOCKING, "blocking"),
        (LOADING, "loading"),
        (STALE, "stale"),
        (SKIP_MONITOR, "skip_monitor"),
        (SKIP_SLOWLOG, "skip_slowlog"),
        (ASKING, "asking"),
        (FAST, "fast"),
        (NO_AUTH, "no_auth"),
        (MAY_REPLICATE, "may_replicate"),
        (NO_MANDATORY_KEYS, "no_mandatory_keys"),
        (NO_ASYNC_LOADING, "no_async_loading"),
        (NO_MULTI, "no_multi"),
        (MOVABLE_KEYS, "movablekeys"),
        (ALLOW_BUSY, "allow_busy"),
    ];
    NAMES.iter().filter(|(flag, _)| command.has(*flag)).map(|(_, name)| *name).collect()
}
