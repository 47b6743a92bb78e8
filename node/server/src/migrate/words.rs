//! The words of MIGRATE.
//!
//! ```text
//! MIGRATE host port key|"" db timeout [COPY] [REPLACE] [AUTH password | AUTH2 user password] [KEYS key ...]
//! ```

use std::time::Duration;

use base::{Slot, key_slot};
use bytes::Bytes;
use commands::{Args, Error, error};

/// How long the other server may be silent when a client gives no time.
const DEFAULT_TIMEOUT_MS: u64 = 1000;
const KEY_AND_KEYS: Error =
    Error::new("ERR When using MIGRATE KEYS option, the key argument must be set to the empty string");

/// What a MIGRATE asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Where to: a name or an address, and a port.
    pub host: String,
    /// See `host`.
    pub port: u16,
    /// The database there.
    pub db: i64,
    /// How long the other server may be silent.
    pub timeout: Duration,
    /// The keys stay here too.
    pub copy: bool,
    /// Keys of the same name there are replaced.
    pub replace: bool,
    /// Who to be there: the words behind AUTH.
    pub auth: Vec<Bytes>,
    /// The keys.
    pub keys: Vec<Bytes>,
    /// Their slot.
    pub slot: Slot,
}

impl Words {
    /// Reads the words, the command's name first.
    ///
    /// # Errors
    /// As Redis has them.
    pub fn read(args: &Args<'_>) -> Result<Words, Error> {
        let (mut copy, mut replace, mut auth, mut at) = (false, false, Vec::new(), 6);
        let mut keys = vec![args.to_bytes(3)];
        while at < args.len() {
            let behind = args.len() - 1 - at;
            let take = |count: usize| (at + 1..=at + count).map(|i| args.to_bytes(i)).collect();
            match () {
                () if args.is(at, "copy") => copy = true,
                () if args.is(at, "replace") => replace = true,
                () if args.is(at, "auth") && behind >= 1 => {
                    auth = take(1);
                    at += 1;
                }
                () if args.is(at, "auth2") && behind >= 2 => {
                    auth = take(2);
                    at += 2;
                }
                () if args.is(at, "keys") && !args[3].is_empty() => return Err(KEY_AND_KEYS),
                () if args.is(at, "keys") => {
                    keys = take(behind);
                    break;
                }
                () => return Err(error::SYNTAX),
            }
            at += 1;
        }
        let (timeout, db) = (args.integer(5)?, args.integer(4)?);
        let timeout = u64::try_from(timeout).ok().filter(|ms| *ms > 0).unwrap_or(DEFAULT_TIMEOUT_MS);
        let port = std::str::from_utf8(args[2]).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(Words {
            host: String::from_utf8_lossy(args[1]).into_owned(),
            port,
            db,
            timeout: Duration::from_millis(timeout),
            copy,
            replace,
            auth,
            slot: keys.first().map_or(Slot::ZERO, |key| key_slot(key)),
            keys,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Words, String> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        Words::read(&Args::new(&words)).map_err(|error| error.to_string())
    }

    #[test]
    fn words_are_read() {
        let one = read("migrate ::1 7000 k 0 -1").unwrap();
        assert_eq!((one.host.as_str(), one.port, one.keys.len()), ("::1", 7000, 1));
        assert_eq!((one.timeout, one.slot), (Duration::from_secs(1), key_slot(b"k")));
        let many = read("migrate h 1  0 5 COPY auth2 keys copy replace keys {a}1 {a}2").unwrap();
        assert!(many.copy && many.replace);
        assert_eq!((many.auth.len(), many.keys.len(), many.slot), (2, 2, key_slot(b"a")));
        assert_eq!(read("migrate h 1 k 0 5 keys a"), Err(KEY_AND_KEYS.to_string()));
        assert_eq!(read("migrate h 1 k 0 x"), Err(error::NOT_INTEGER.to_string()));
        for line in ["migrate h 1 k 0 5 auth", "migrate h 1 k 0 5 auth2 u", "migrate h 1 k 0 5 what"] {
            assert_eq!(read(line), Err(error::SYNTAX.to_string()), "{line}");
        }
    }
}
