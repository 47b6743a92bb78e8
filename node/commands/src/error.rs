//! The error a command answers with: Redis's words, code first.

use std::borrow::Cow;
use std::fmt;

/// An error reply; the text begins with its code (`ERR`, `WRONGTYPE`, ...), has no `-` and no line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Cow<'static, str>);

impl Error {
    /// The error with this fixed text.
    pub const fn new(text: &'static str) -> Error {
        Error(Cow::Borrowed(text))
    }

    /// The error with a text made for the occasion.
    pub fn text(text: String) -> Error {
        Error(Cow::Owned(text))
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first word, as INFO's errorstats count it.
    pub fn code(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key holds another type.
pub const WRONG_TYPE: Error = Error::new("WRONGTYPE Operation against a key holding the wrong kind of value");
/// Unknown or misplaced option.
pub const SYNTAX: Error = Error::new("ERR syntax error");
/// Not a 64-bit integer.
pub const NOT_INTEGER: Error = Error::new("ERR value is not an integer or out of range");
/// Not a double.
pub const NOT_FLOAT: Error = Error::new("ERR value is not a valid float");
/// A count or index outside what the command takes.
pub const OUT_OF_RANGE: Error = Error::new("ERR value is out of range");
/// A count that must not be negative.
pub const NOT_POSITIVE: Error = Error::new("ERR value is out of range, must be positive");
/// The key must exist.
pub const NO_SUCH_KEY: Error = Error::new("ERR no such key");
/// The index is beyond the collection's end.
pub const INDEX_OUT_OF_RANGE: Error = Error::new("ERR index out of range");
/// A string would grow over `proto-max-bulk-len`.
pub const STRING_TOO_LONG: Error = Error::new("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
/// INCR and its like would overflow.
pub const OVERFLOW: Error = Error::new("ERR increment or decrement would overflow");

/// Wrong number of arguments for `command` (lower case, `container|sub` for a subcommand).
pub fn wrong_arity(command: &str) -> Error {
    Error::text(format!("ERR wrong number of arguments for '{command}' command"))
}

/// An expiry that is no time: zero, negative or too far, in a command named `command`.
pub fn invalid_expire(command: &str) -> Error {
    Error::text(format!("ERR invalid expire time in '{command}' command"))
}
