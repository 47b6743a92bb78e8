//! A RESP client that hides nothing.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a reply may take before the test fails.
const REPLY_LIMIT: Duration = Duration::from_secs(30);

/// A reply.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `+`
    Simple(String),
    /// `-`
    Error(String),
    /// `:`
    Integer(i64),
    /// `$`, `=`
    Bulk(Vec<u8>),
    /// `$-1`, `*-1`, `_`
    Null,
    /// `*`
    Array(Vec<Value>),
    /// `~`, `>` and `%`, with the kind; a map has keys and values in turn.
    Typed(char, Vec<Value>),
    /// `,`, `#` and `(`, as text, with the kind.
    Scalar(char, String),
}

impl Value {
    /// The text of a bulk or simple string, or of an error.
    pub fn text(&self) -> String {
        match self {
            Value::Simple(text) | Value::Error(text) => text.clone(),
            Value::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => format!("{other:?}"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Simple(text) => write!(f, "+{text}"),
            Value::Error(text) => write!(f, "-{text}"),
            Value::Integer(number) => write!(f, ":{number}"),
            Value::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Value::Null => write!(f, "null"),
            Value::Scalar(kind, text) => write!(f, "{kind}{text}"),
            Value::Array(items) => list(f, '*', items),
            Value::Typed(kind, items) => list(f, *kind, items),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, kind: char, items: &[Value]) -> fmt::Result {
    write!(f, "{kind}[")?;
    for (i, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
    }
    write!(f, "]")
}

/// One connection.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects to a port of this machine.
    pub fn connect(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        stream.set_read_timeout(Some(REPLY_LIMIT)).expect("a valid time");
        stream.set_nodelay(true).expect("a TCP socket");
        Client { stream: BufReader::new(stream) }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("the server reads");
    }

    /// Sends bytes as they are; `None` when the server is gone.
    pub fn try_send(&mut self, bytes: &[u8]) -> Option<()> {
        self.stream.get_mut().write_all(bytes).ok()
    }

    /// Sends a command and reads its reply.
    pub fn call(&mut self, words: &[impl AsRef<[u8]>]) -> Value {
        self.send(&encode(words));
        self.read().expect("the server answers")
    }

    /// Sends a command given as one line and reads its reply.
    pub fn line(&mut self, line: &str) -> Value {
        self.call(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Reads one reply; `None` when the server closed the connection.
    pub fn read(&mut self) -> Option<Value> {
        let line = self.read_line()?;
        let (kind, rest) = (line.chars().next()?, &line[1..]);
        let number = || rest.parse::<i64>().unwrap_or_else(|_| panic!("a length in {line:?}"));
        Some(match kind {
            '+' => Value::Simple(rest.to_owned()),
            '-' => Value::Error(rest.to_owned()),
            ':' => Value::Integer(number()),
            '_' => Value::Null,
            '$' | '=' if number() < 0 => Value::Null,
            '$' | '=' => Value::Bulk(self.read_bytes(number() as usize)),
            '*' if number() < 0 => Value::Null,
            '*' => Value::Array(self.read_many(number())),
            '%' => Value::Typed('%', self.read_many(2 * number())),
            '~' | '>' => Value::Typed(kind, self.read_many(number())),
            ',' | '#' | '(' => Value::Scalar(kind, rest.to_owned()),
            _ => panic!("no reply begins like {line:?}"),
        })
    }

    fn read_many(&mut self, count: i64) -> Vec<Value> {
        (0..count).map(|_| self.read().expect("a whole reply")).collect()
    }

    fn read_line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.stream.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(String::from_utf8_lossy(&line).trim_end().to_owned()),
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(e) => panic!("no reply: {e}"),
        }
    }

    fn read_bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len + 2];
        self.stream.read_exact(&mut bytes).expect("a whole bulk string");
        bytes.truncate(len);
        bytes
    }
}

/// A command as RESP.
pub fn encode(words: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        let word = word.as_ref();
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
    out
}
