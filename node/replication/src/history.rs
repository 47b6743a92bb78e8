//! Whose stream this is: replication IDs, and who may go on where.
//!
//! A stream has a random name, the replication ID; name and offset together say which data a node holds. A replica
//! that is promoted writes on under a new name, but up to that moment its history is the old master's: it keeps
//! the old name as its second, with the offset up to which it holds, so that its fellows can follow it without a
//! new copy of everything.

use std::fmt;

use crate::backlog::Backlog;

/// Length of an ID in characters.
pub const ID_LEN: usize = 40;

/// The name of a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Id([u8; ID_LEN]);

impl Id {
    /// 40 hex digits of random bytes.
    pub fn from_random(bytes: [u8; ID_LEN / 2]) -> Id {
        let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
        Id(std::array::from_fn(|i| digit(bytes[i / 2] >> (4 * (1 - i % 2)) & 15)))
    }

    /// The ID that `text` is; a master may name itself as it likes, as long as the length is right.
    pub fn parse(text: &[u8]) -> Option<Id> {
        let id = Id(text.try_into().ok()?);
        text.iter().all(u8::is_ascii_graphic).then_some(id)
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn is(&self, text: &[u8]) -> bool {
        self.0.eq_ignore_ascii_case(text)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The names of a node's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Its name.
    pub id: Id,
    /// The name of the stream it goes back to, and the last offset at which a reader of that one may ask to go on
    /// (as PSYNC counts: the number of the next byte, the first being 1).
    pub second: Option<(Id, u64)>,
}

/// Why a replica cannot go on from where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It asked for everything.
    Wanted,
    /// It follows another stream.
    OtherStream,
    /// It has more of the second stream than this node continued.
    Diverged {
        /// The last offset it could have asked for.
        last: u64,
    },
    /// What it asks for is forgotten, or never was.
    NotHeld,
}

impl History {
    /// A new stream.
    pub fn new(id: Id) -> History {
        History { id, second: None }
    }

    /// The stream goes on under a new name, from `offset` on (promotion).
    pub fn branch(&mut self, id: Id, offset: u64) {
        self.second = Some((std::mem::replace(&mut self.id, id), offset + 1));
    }

    /// Where in the backlog a replica goes on that asks for the byte number `wanted` of the stream `id`.
    ///
    /// # Errors
    /// Why it needs everything.
    pub fn place(&self, backlog: Option<&Backlog>, id: &[u8], wanted: i64) -> Result<u64, Refusal> {
        let second = self.second.as_ref().filter(|(second, _)| second.is(id));
        match second {
            _ if self.id.is(id) => {}
            Some((_, last)) if wanted <= *last as i64 => {}
            Some((_, last)) => return Err(Refusal::Diverged { last: *last }),
            None if id.starts_with(b"?") => return Err(Refusal::Wanted),
            None => return Err(Refusal::OtherStream),
        }
        let cursor = u64::try_from(wanted).ok().and_then(|wanted| wanted.checked_sub(1));
        let held = cursor.filter(|cursor| backlog.is_some_and(|backlog| backlog.holds(*cursor)));
        held.ok_or(Refusal::NotHeld)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> Id {
        Id::from_random([byte; ID_LEN / 2])
    }

    #[test]
    fn ids() {
        assert_eq!(id(0xa1).as_str(), "a1".repeat(20));
        assert_eq!(Id::parse(id(3).as_str().as_bytes()), Some(id(3)));
        assert_eq!(Id::parse(b"short"), None);
    }

    #[test]
    fn who_may_go_on() {
        let mut history = History::new(id(1));
        let mut backlog = Backlog::new(100);
        backlog.append(&[b"0123456789"]);
        let place = |history: &History, of: u8, wanted| {
            history.place(Some(&backlog), id(of).as_str().as_bytes(), wanted)
        };
        assert_eq!(place(&history, 1, 101), Ok(100));
        assert_eq!(place(&history, 1, 111), Ok(110));
        for wanted in [100, 112, 0, -1, i64::MIN] {
            assert_eq!(place(&history, 1, wanted), Err(Refusal::NotHeld));
        }
        assert_eq!(place(&history, 2, 105), Err(Refusal::OtherStream));
        assert_eq!(history.place(Some(&backlog), b"?", -1), Err(Refusal::Wanted));
        assert_eq!(history.place(None, id(1).as_str().as_bytes(), 105), Err(Refusal::NotHeld));
        // Promoted at offset 105: followers of the old stream may go on up to there.
        history.branch(id(2), 105);
        assert_eq!(place(&history, 1, 106), Ok(105));
        assert_eq!(place(&history, 1, 107), Err(Refusal::Diverged { last: 106 }));
        assert_eq!(place(&history, 2, 111), Ok(110));
    }
}
