//! Access control: who may run which command on which keys and channels.
//!
//! Users are asked on every command of a client that may not do everything, on every core, while an
//! administrator changes them. Locks on that way would cost all clients, and users changed in place would let a
//! command see half a change. So users never change: a new rule makes a new [`User`] in a new set ([`Users`]),
//! and the server replaces one set by the other at one point of time. What does not parse makes no set at all.
//!
//! ```text
//! user = name, on/off, passwords, selectors    ("user alice on #9f86.. ~app:* &news +@read (~tmp:* +@all)")
//! selector = commands + keys + channels        the first is the user's own, further ones stand in parentheses
//! ```
//!
//! A command passes if one selector allows all of it: its name, its keys, its channels.
//!
//! Source: the ACL page of the Redis 7.2 documentation, and the command pages of ACL.

mod check;
mod command_rules;
mod file;
mod log;
mod password;
mod pattern;
mod rule;
mod selector;
mod user;
mod users;

pub use check::{Denial, Reason};
pub use log::{Context, Entry, Event, Log, unite};
pub use rule::{RuleError, SetError};
pub use selector::{Defaults, Selector};
pub use user::{User, UserId};
pub use users::{DEFAULT, Users, check_name};
