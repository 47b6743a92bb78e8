//! A file of commands, read piece by piece.
//!
//! A file may be far larger than memory, and its end may be torn: the process was killed while it wrote. So the
//! reader is given what is there so far and says whether that begins with a command, with a note to skip, or
//! with something that goes on behind it. What is behind is the caller's to know: more of the file, or its torn
//! end. Anything else is no such file, and is never repaired.

use std::fmt;

use resp::{Limits, Parsed, Parser};

/// Longest note, in bytes.
const NOTE_MAX: usize = 1024;
/// Whoever wrote a value was allowed to.
const LIMITS: Limits = Limits { bulk_max: i64::MAX / 2, authenticated: true };

/// What a file goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A command: see [`Reader::words`]. It took so many bytes.
    Command(usize),
    /// A note of so many bytes, which means nothing to a loader.
    Note(usize),
    /// More of the file is needed to tell.
    Incomplete,
}

/// What follows is neither a command nor a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadFormat;

impl fmt::Display for BadFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bad file format")
    }
}

impl std::error::Error for BadFormat {}

/// Reads one command after the other.
#[derive(Debug, Default)]
pub struct Reader {
    parser: Parser,
}

impl Reader {
    /// What `bytes` begins with. After [`Found::Incomplete`], call again with the same bytes and more behind them;
    /// otherwise, after [`Reader::next`], with what follows.
    ///
    /// # Errors
    /// [`BadFormat`], for good.
    pub fn look(&mut self, bytes: &[u8]) -> Result<Found, BadFormat> {
        match bytes.first() {
            None => Ok(Found::Incomplete),
            Some(b'#') => match bytes.iter().take(NOTE_MAX).position(|b| *b == b'\n') {
                Some(end) => Ok(Found::Note(end + 1)),
                None if bytes.len() < NOTE_MAX => Ok(Found::Incomplete),
                None => Err(BadFormat),
            },
            Some(b'*') => match self.parser.parse(bytes, &LIMITS) {
                Ok(Parsed::Request { consumed }) => Ok(Found::Command(consumed)),
                Ok(Parsed::Incomplete) => Ok(Found::Incomplete),
                // A command without a word is what no server writes.
                Ok(Parsed::Nothing { .. }) | Err(_) => Err(BadFormat),
            },
            Some(_) => Err(BadFormat),
        }
    }

    /// The words of the command that `bytes` begins with.
    pub fn words<'a>(&'a self, bytes: &'a [u8]) -> impl ExactSizeIterator<Item = &'a [u8]> {
        self.parser.args(bytes)
    }

    /// Goes on behind what was found.
    pub fn next(&mut self) {
        self.parser.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write_timestamp;
    use resp::write_command;

    type Command = Vec<Vec<u8>>;

    /// The commands of `file`, given to the reader in pieces of `piece` bytes; whether it ended torn.
    fn read(file: &[u8], piece: usize) -> Result<(Vec<Command>, bool), BadFormat> {
        let (mut reader, mut commands) = (Reader::default(), Vec::new());
        let (mut start, mut there) = (0, 0);
        loop {
            match reader.look(&file[start..there])? {
                Found::Incomplete if there == file.len() => return Ok((commands, start < there)),
                Found::Incomplete => there = (there + piece).min(file.len()),
                Found::Note(len) => {
                    reader.next();
                    start += len;
                }
                Found::Command(len) => {
                    commands.push(reader.words(&file[start..there]).map(<[u8]>::to_vec).collect());
                    reader.next();
                    start += len;
                }
            }
        }
    }

    fn sample() -> Vec<u8> {
        let mut file = Vec::new();
        write_timestamp(&mut file, 1_628_217_470);
        write_command(&mut file, ["SET", "a", "1"].iter());
        write_command(&mut file, [&b"SET"[..], b"", &[b'x'; 10_000]].iter());
        write_command(&mut file, ["INCR", "#*$\r\n"].iter());
        file
    }

    #[test]
    fn what_was_written_is_read_in_any_pieces() {
        let file = sample();
        for piece in [1, 3, 100, 9_999, file.len()] {
            let (commands, torn) = read(&file, piece).unwrap();
            assert!(!torn);
            assert_eq!(commands.len(), 3, "pieces of {piece}");
            assert_eq!(commands[0], [b"SET".to_vec(), b"a".to_vec(), b"1".to_vec()]);
            assert_eq!((commands[1][1].len(), commands[1][2].len()), (0, 10_000));
            assert_eq!(commands[2][1], b"#*$\r\n");
        }
    }

    #[test]
    fn every_cut_is_a_torn_end_or_a_whole_file() {
        let file = sample();
        let mut ends = 0;
        for cut in 0..file.len() {
            let (commands, torn) = read(&file[..cut], 64 * 1024).unwrap();
            ends += usize::from(!torn);
            assert!(commands.len() <= 3);
        }
        // Before the note, behind it, and behind each command but the last.
        assert_eq!(ends, 4);
    }

    #[test]
    fn what_no_server_writes() {
        for bad in
            ["!!!", "SET a 1\r\n", "*0\r\n", "*-1\r\n", "*x\r\n", "*1\r\n:1\r\n", "*1\r\n$-1\r\n", "\0\0"]
        {
            assert_eq!(read(bad.as_bytes(), 100), Err(BadFormat), "{bad:?}");
        }
        assert_eq!(read(&[b'#'; 2000], 5000), Err(BadFormat));
    }
}
