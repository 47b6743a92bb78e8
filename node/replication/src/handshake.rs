//! What a replica says to its master before data flows.
//!
//! One request after the other, each answered by a line: PING, AUTH, REPLCONF (who and what this replica is),
//! PSYNC (which stream it has, and up to where). The answer to the last decides: the stream goes on, or an image
//! of everything comes first. Masters of all ages answer; what an old one does not understand is no harm, up to
//! PSYNC itself, in whose place SYNC serves.
//!
//! Order of calls: send [`Handshake::output`], feed what comes to [`Handshake::receive`], log
//! [`Handshake::notes`], until there is an [`Answer`] or a [`Failure`].

use std::collections::VecDeque;
use std::fmt;

use crate::history::Id;
use crate::payload::{Framing, Payload};

/// Longest line a master may answer with, in bytes.
const LINE_MAX: usize = 64 * 1024;

/// Who the replica is and what it has.
#[derive(Debug, Clone, Default)]
pub struct Greeting {
    /// User and password at the master; an empty user is the default one, an empty password is none.
    pub user: String,
    /// See `user`.
    pub password: String,
    /// The port clients reach this replica at.
    pub port: u16,
    /// The address, where the master is not to take the connection's; empty for that.
    pub ip: String,
    /// The version this replica speaks, which tells the master what an image may hold.
    pub version: String,
    /// The stream it has, and how many bytes of it.
    pub resume: Option<(Id, u64)>,
}

/// How the master answered.
#[derive(Debug)]
pub enum Answer {
    /// The stream goes on where it stopped; under this name, if the master says one.
    Continue(Option<Id>),
    /// An image comes first.
    Full {
        /// The stream's name, and the offset at which the image was made; `None` from a master that knows none.
        place: Option<(Id, u64)>,
        /// The image, of which nothing was taken yet.
        payload: Payload,
    },
}

/// Why the handshake ended in nothing. The text says it as the log does.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What was asked, and the answer still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Ping,
    Auth,
    /// A REPLCONF whose refusal is no harm; its name for the log.
    Conf(&'static str),
    Psync,
    /// The image's header.
    Image,
}

/// A handshake under way.
#[derive(Debug)]
pub struct Handshake {
    greeting: Greeting,
    waits_for: VecDeque<Asked>,
    line: Vec<u8>,
    output: Vec<u8>,
    notes: Vec<String>,
    place: Option<(Id, u64)>,
}

impl Handshake {
    /// The beginning, with its first request to send.
    pub fn new(greeting: Greeting) -> Handshake {
        let mut handshake = Handshake {
            greeting,
            waits_for: VecDeque::new(),
            line: Vec::new(),
            output: Vec::new(),
            notes: Vec::new(),
            place: None,
        };
        handshake.ask(Asked::Ping, &[b"PING"]);
        handshake
    }

    /// Takes the bytes to send.
    pub fn output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Takes the lines to log.
    pub fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn ask(&mut self, asked: Asked, words: &[&[u8]]) {
        self.waits_for.push_back(asked);
        self.output.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            self.output.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            self.output.extend_from_slice(word);
            self.output.extend_from_slice(b"\r\n");
        }
    }

    /// Takes bytes of the master. When it has answered: the answer, and how many of the bytes were used; the rest
    /// is the image's or the stream's.
    ///
    /// # Errors
    /// The master refused, or does not speak this protocol.
    pub fn receive(&mut self, data: &[u8]) -> Result<Option<(Answer, usize)>, Failure> {
        let mut used = 0;
        while let Some(end) = memchr::memchr(b'\n', &data[used..]) {
            self.line.extend_from_slice(&data[used..used + end]);
            used += end + 1;
            let line = std::mem::take(&mut self.line);
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            // A master that is busy sends empty lines, to be known alive.
            if let Some(answer) = (!line.is_empty()).then(|| self.answered(line)).transpose()?.flatten() {
                return Ok(Some((answer, used)));
            }
        }
        self.line.extend_from_slice(&data[used..]);
        if self.line.len() > LINE_MAX {
            return Err(Failure("The answer of PRIMARY is no line: too long".into()));
        }
        Ok(None)
    }

    /// Takes the answer to the oldest request.
    fn answered(&mut self, line: &[u8]) -> Result<Option<Answer>, Failure> {
        let text = String::from_utf8_lossy(line);
        let refused = line.starts_with(b"-");
        match self.waits_for.pop_front() {
            Some(Asked::Ping) => {
                let locked = ["-NOAUTH", "-NOPERM", "-ERR operation not permitted"];
                if !line.starts_with(b"+") && !locked.iter().any(|start| text.starts_with(start)) {
                    return Err(Failure(format!("Error reply to PING from primary: '{text}'")));
                }
                self.note("Primary replied to PING, replication can continue...");
                self.introduce();
            }
            Some(Asked::Auth) if refused => {
                return Err(Failure(format!("Unable to AUTH to PRIMARY: {text}")));
            }
            Some(Asked::Conf(option)) if refused => {
                self.note(format!("(Non critical) Primary does not understand REPLCONF {option}: {text}"));
            }
            Some(Asked::Auth | Asked::Conf(_)) => {}
            Some(Asked::Psync) => return self.psync_answered(line, &text),
            Some(Asked::Image) if refused => {
                let reason = text.trim_start_matches('-');
                return Err(Failure(format!("PRIMARY aborted replication with an error: {reason}")));
            }
            Some(Asked::Image) => {
                let framing = Framing::parse(line).ok_or_else(|| {
                    Failure(format!(
                        "Bad protocol from PRIMARY, the first byte is not '$' (we received '{text}'), are you sure \
                         the host and port are right?"
                    ))
                })?;
                let payload = Payload::new(framing);
                return Ok(Some(Answer::Full { place: self.place, payload }));
            }
            None => return Err(Failure(format!("Unexpected line from PRIMARY: '{text}'"))),
        }
        if self.waits_for.is_empty() {
            self.ask_psync();
        }
        Ok(None)
    }

    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Logs in and says who this replica is.
    fn introduce(&mut self) {
        let Greeting { user, password, port, ip, version, .. } = self.greeting.clone();
        if !password.is_empty() {
            let words = [&b"AUTH"[..], user.as_bytes(), password.as_bytes()];
            let words: Vec<&[u8]> = words.into_iter().filter(|word| !word.is_empty()).collect();
            self.ask(Asked::Auth, &words);
        }
        let port = port.to_string();
        self.conf("listening-port", &[b"listening-port", port.as_bytes()]);
        if !ip.is_empty() {
            self.conf("ip-address", &[b"ip-address", ip.as_bytes()]);
        }
        self.conf("capa", &[b"capa", b"eof", b"capa", b"psync2"]);
        self.conf("VERSION", &[b"version", version.as_bytes()]);
    }

    fn conf(&mut self, name: &'static str, options: &[&[u8]]) {
        let words = [&[&b"REPLCONF"[..]], options].concat();
        self.ask(Asked::Conf(name), &words);
    }

    fn ask_psync(&mut self) {
        match self.greeting.resume {
            Some((id, offset)) => {
                let wanted = offset + 1;
                self.note(format!("Trying a partial resynchronization (request {id}:{wanted})."));
                let wanted = wanted.to_string();
                self.ask(Asked::Psync, &[b"PSYNC", id.as_str().as_bytes(), wanted.as_bytes()]);
            }
            None => {
                self.note("Partial resynchronization not possible (no cached primary)");
                self.ask(Asked::Psync, &[b"PSYNC", b"?", b"-1"]);
            }
        }
    }

    fn psync_answered(&mut self, line: &[u8], text: &str) -> Result<Option<Answer>, Failure> {
        if let Some(rest) = line.strip_prefix(b"+CONTINUE") {
            if self.greeting.resume.is_none() {
                return Err(Failure("PRIMARY continues a stream that this replica does not have".into()));
            }
            self.note("Successful partial resynchronization with primary.");
            return Ok(Some(Answer::Continue(Id::parse(rest.trim_ascii()))));
        }
        if text.starts_with("+FULLRESYNC") {
            self.place = full_place(text);
            match &self.place {
                Some((id, offset)) => self.note(format!("Full resync from primary: {id}:{offset}")),
                None => return Err(Failure("Primary replied with wrong +FULLRESYNC syntax.".into())),
            }
            self.waits_for.push_back(Asked::Image);
            return Ok(None);
        }
        if text.starts_with("-NOMASTERLINK") || text.starts_with("-LOADING") {
            return Err(Failure(format!(
                "Primary is currently unable to PSYNC but should be in the future: {text}"
            )));
        }
        self.note(if text.starts_with("-ERR") {
            format!("Primary does not support PSYNC or is in error state (reply: {text})")
        } else {
            format!("Unexpected reply to PSYNC from primary: {text}")
        });
        self.note("Retrying with SYNC...");
        self.output.extend_from_slice(b"SYNC\r\n");
        self.waits_for.push_back(Asked::Image);
        Ok(None)
    }
}

/// Name and offset of `+FULLRESYNC name offset`.
fn full_place(text: &str) -> Option<(Id, u64)> {
    let mut words = text.split(' ').skip(1);
    let id = Id::parse(words.next()?.as_bytes())?;
    Some((id, words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(resume: Option<(Id, u64)>) -> Greeting {
        Greeting { port: 7000, version: "9.0.0".into(), resume, ..Greeting::default() }
    }

    /// What the replica said, words joined by blanks, one request a line.
    fn said(handshake: &mut Handshake) -> String {
        let output = String::from_utf8(handshake.output()).unwrap();
        let words = output.split("\r\n").filter(|word| !word.starts_with('$') && !word.is_empty());
        let joined: Vec<&str> = words.collect();
        joined.join(" ").replace("*1 ", "\n").replace("*2 ", "\n").replace("*3 ", "\n").replace("*5 ", "\n")
    }

    fn introduced(greeting: Greeting) -> (Handshake, String) {
        let mut handshake = Handshake::new(greeting);
        assert_eq!(said(&mut handshake), "\nPING");
        assert!(handshake.receive(b"+PONG\r\n").unwrap().is_none());
        let said = said(&mut handshake);
        (handshake, said)
    }

    #[test]
    fn the_stream_goes_on() {
        let id = Id::from_random([7; 20]);
        let (mut handshake, said_first) = introduced(greeting(Some((id, 99))));
        assert_eq!(
            said_first,
            "\nREPLCONF listening-port 7000 \nREPLCONF capa eof capa psync2 \nREPLCONF version 9.0.0"
        );
        // An old master does not know versions.
        assert!(handshake.receive(b"+OK\r\n+OK\r\n-ERR Unrecog").unwrap().is_none());
        assert!(handshake.receive(b"nized\r\n").unwrap().is_none());
        assert_eq!(said(&mut handshake), format!("\nPSYNC {id} 100"));
        let answer = format!("\n+CONTINUE {}\r\n*1\r\n", Id::from_random([8; 20]));
        let (answer, used) = handshake.receive(answer.as_bytes()).unwrap().unwrap();
        assert!(matches!(answer, Answer::Continue(Some(id)) if id == Id::from_random([8; 20])));
        assert_eq!(used, 1 + 10 + 40 + 2);
    }

    #[test]
    fn an_image_comes_first() {
        let with_user =
            Greeting { user: "u".into(), password: "p".into(), ip: "1.2.3.4".into(), ..greeting(None) };
        let (mut handshake, said_first) = introduced(with_user);
        assert!(
            said_first.starts_with("\nAUTH u p \nREPLCONF listening-port 7000 \nREPLCONF ip-address 1.2.3.4")
        );
        assert!(handshake.receive(b"+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n").unwrap().is_none());
        assert_eq!(said(&mut handshake), "\nPSYNC ? -1");
        let id = Id::from_random([9; 20]);
        assert!(handshake.receive(format!("+FULLRESYNC {id} 14\r\n\n\n").as_bytes()).unwrap().is_none());
        let (answer, used) = handshake.receive(b"$5\r\nREDIS").unwrap().unwrap();
        assert_eq!(used, 4);
        let Answer::Full { place, payload } = answer else { panic!("{answer:?}") };
        assert_eq!((place, payload.length()), (Some((id, 14)), Some(5)));
    }

    #[test]
    fn refusals() {
        let mut shut = Handshake::new(greeting(None));
        assert!(shut.receive(b"-MISCONF x\r\n").is_err());
        let secret = Greeting { password: "p".into(), ..greeting(None) };
        let (mut handshake, _) = introduced(secret);
        assert!(handshake.receive(b"-WRONGPASS no\r\n").unwrap_err().to_string().contains("Unable to AUTH"));
        let ready = |answer: &[u8]| {
            let (mut handshake, _) = introduced(greeting(None));
            assert!(handshake.receive(b"+OK\r\n+OK\r\n+OK\r\n").unwrap().is_none());
            said(&mut handshake);
            let result = handshake.receive(answer);
            (result.map(|answer| answer.map(|(_, used)| used)), said(&mut handshake))
        };
        assert!(ready(b"-LOADING x\r\n").0.unwrap_err().to_string().contains("in the future"));
        assert!(ready(b"+FULLRESYNC x\r\n").0.is_err() && ready(b"+CONTINUE\r\n").0.is_err());
        assert_eq!(ready(b"-ERR unknown command\r\n"), (Ok(None), "SYNC".into()));
        assert!(ready(&[b'x'; LINE_MAX + 1]).0.is_err());
    }
}
