//! The connection of an export: words out, words in.

use std::io;
use std::time::{Duration, Instant};

use resp::{Limits, Parsed, Parser};

use crate::channel::Channel;
use crate::executor;

/// Bytes sent at once.
const SEND: usize = 64 * 1024;
/// The other end hears at least so often that this one lives.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
const READ: usize = 4 * 1024;
const LIMITS: Limits = Limits { bulk_max: 1024 * 1024, authenticated: true };

/// A connection to the target.
pub struct Link {
    stream: Channel,
    limit: Duration,
    out: Vec<u8>,
    unread: Vec<u8>,
    /// When it last gave a sign of life.
    alive: Instant,
}

impl Link {
    /// A connection on which nothing may take longer than `limit`.
    pub fn new(stream: Channel, limit: Duration) -> Link {
        Link { stream, limit, out: Vec::new(), unread: Vec::new(), alive: Instant::now() }
    }

    /// Adds a command; it is sent when enough are there.
    pub async fn send(&mut self, words: &[&[u8]]) -> io::Result<()> {
        resp::write_command(&mut self.out, words.iter());
        self.give_sign().await
    }

    /// Adds a command that comes in parts, as [`Link::send`].
    pub async fn send_parts(&mut self, parts: impl Iterator<Item = Vec<u8>>) -> io::Result<()> {
        for part in parts {
            self.out.extend_from_slice(&part);
            if self.out.len() >= SEND {
                self.flush().await?;
                executor::yield_if_needed().await;
            }
        }
        self.give_sign().await
    }

    /// Adds a sign of life where one is due, and sends when enough is there.
    async fn give_sign(&mut self) -> io::Result<()> {
        if self.alive.elapsed() >= SIGN_OF_LIFE {
            self.alive = Instant::now();
            resp::write_command(&mut self.out, [&b"CLUSTER"[..], b"SYNCSLOTS", b"ACK"].iter());
        }
        if self.out.len() >= SEND { self.flush().await } else { Ok(()) }
    }

    /// Sends what was added.
    pub async fn flush(&mut self) -> io::Result<()> {
        for part in self.out.chunks(SEND) {
            executor::within(self.limit, self.stream.write_all(part)).await?;
        }
        self.out.clear();
        Ok(())
    }

    /// Adds `CLUSTER SYNCSLOTS word` and sends all.
    pub async fn say(&mut self, word: &str) -> io::Result<()> {
        self.send(&[b"CLUSTER", b"SYNCSLOTS", word.as_bytes()]).await?;
        self.flush().await
    }

    /// Waits for `CLUSTER SYNCSLOTS word`. Signs of life are passed over.
    pub async fn hear(&mut self, word: &str) -> io::Result<()> {
        loop {
            let words = self.read().await?;
            match words.get(2).map(String::as_str) {
                Some(heard) if heard.eq_ignore_ascii_case(word) => return Ok(()),
                Some(heard) if heard.eq_ignore_ascii_case("ack") => {}
                _ => return Err(io::Error::other(words.join(" "))),
            }
        }
    }

    /// Sends what was added and waits for `+OK`.
    pub async fn hear_ok(&mut self) -> io::Result<()> {
        self.flush().await?;
        let words = self.read().await?;
        if words == ["+OK"] { Ok(()) } else { Err(io::Error::other(words.join(" "))) }
    }

    /// The next command, or the words of a reply of one line: to the parser that is a command too.
    async fn read(&mut self) -> io::Result<Vec<String>> {
        loop {
            let mut parser = Parser::default();
            match parser.parse(&self.unread, &LIMITS) {
                Ok(Parsed::Request { consumed }) => {
                    let words = parser.args(&self.unread[..consumed]);
                    let words = words.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
                    self.unread.drain(..consumed);
                    return Ok(words);
                }
                Ok(Parsed::Nothing { consumed }) => drop(self.unread.drain(..consumed)),
                Ok(Parsed::Incomplete) => {
                    let mut buffer = [0; READ];
                    match executor::within(self.limit, self.stream.read(&mut buffer)).await? {
                        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                        count => self.unread.extend_from_slice(&buffer[..count]),
                    }
                }
                Err(_) => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
    }
}
