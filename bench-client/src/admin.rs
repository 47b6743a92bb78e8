//! A plain blocking client for everything that is not load: probing the server, the slot map, checks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use rustls::StreamOwned;

use crate::tls::Tls;
use crate::workload::template::encode_command;

/// Longest string and most elements of an administrative reply.
const BULK_MAX: usize = 512 * 1024 * 1024;
const ELEMENTS_MAX: usize = 1 << 20;
/// How deep replies may nest.
const DEPTH_MAX: u32 = 16;

/// How a connection introduces itself.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// ACL user; `None` is the default user.
    pub user: Option<String>,
    /// Password, if the server wants one.
    pub password: Option<String>,
    /// RESP version, 2 or 3.
    pub resp: u8,
    /// How to make connections secure, if they are to be.
    pub tls: Option<Tls>,
}

impl Login {
    /// The commands that a fresh connection of the load sends first.
    pub fn commands(&self, readonly: bool) -> Vec<Vec<u8>> {
        let mut commands = Vec::new();
        let user = self.user.as_deref().unwrap_or("default");
        match (&self.password, self.resp) {
            (Some(password), 3) => commands.push(encode_command(&["HELLO", "3", "AUTH", user, password])),
            (None, 3) => commands.push(encode_command(&["HELLO", "3"])),
            (Some(_), _) => commands.push(encode_command(&self.auth_words())),
            (None, _) => {}
        }
        if readonly {
            commands.push(encode_command(&["READONLY"]));
        }
        commands
    }

    fn auth_words(&self) -> Vec<&str> {
        let words = [Some("AUTH"), self.user.as_deref(), self.password.as_deref()];
        words.into_iter().flatten().collect()
    }
}

/// A reply as a tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A null.
    Nil,
    /// An integer.
    Integer(i64),
    /// A simple or bulk string.
    Text(Vec<u8>),
    /// An error's text.
    Error(String),
    /// An array.
    List(Vec<Value>),
}

impl Value {
    /// The text of a string, or nothing.
    pub fn text(&self) -> String {
        if let Value::Text(bytes) = self {
            String::from_utf8_lossy(bytes).into_owned()
        } else {
            String::new()
        }
    }

    /// The elements of an array, or none.
    pub fn list(&self) -> &[Value] {
        if let Value::List(values) = self { values } else { &[] }
    }

    /// The integer, or 0.
    pub fn integer(&self) -> i64 {
        if let Value::Integer(value) = self { *value } else { 0 }
    }
}

/// A socket, or a session on top of one.
trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// A connection in RESP2.
pub struct Admin {
    stream: BufReader<Box<dyn Stream>>,
    address: SocketAddr,
}

/// The first address that `host` and `port` stand for.
pub fn resolve(host: &str, port: u16) -> Result<SocketAddr, String> {
    let mut found = (host, port).to_socket_addrs().map_err(|e| format!("cannot find host '{host}': {e}"))?;
    found.next().ok_or_else(|| format!("host '{host}' has no address"))
}

impl Admin {
    /// Connects and logs in. `limit` bounds each step. The error is one line for the user.
    pub fn connect(address: SocketAddr, login: &Login, limit: Duration) -> Result<Admin, String> {
        let failed = |e: std::io::Error| format!("cannot connect to {address}: {e}");
        let stream = TcpStream::connect_timeout(&address, limit).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        stream.set_read_timeout(Some(limit)).map_err(failed)?;
        stream.set_write_timeout(Some(limit)).map_err(failed)?;
        let stream: Box<dyn Stream> = match &login.tls {
            None => Box::new(stream),
            Some(tls) => {
                let session = tls.connect(address).map_err(|e| format!("{address}: {e}"))?;
                let mut stream = StreamOwned::new(session, stream);
                stream.conn.complete_io(&mut stream.sock).map_err(failed)?;
                Box::new(stream)
            }
        };
        let mut admin = Admin { stream: BufReader::new(stream), address };
        if login.password.is_some() {
            admin.call(&login.auth_words())?;
        }
        Ok(admin)
    }

    /// Where it is connected to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a command; an error reply is an error.
    pub fn call(&mut self, words: &[&str]) -> Result<Value, String> {
        match self.try_call(words)? {
            Value::Error(text) => Err(format!("{}: {} answers: {text}", self.address, words[0])),
            value => Ok(value),
        }
    }

    /// Sends a command; an error reply is a value.
    pub fn try_call(&mut self, words: &[&str]) -> Result<Value, String> {
        self.send(&encode_command(words))?;
        self.receive()
    }

    /// Sends encoded commands without waiting for the replies.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        let address = self.address;
        self.stream.get_mut().write_all(bytes).map_err(|e| format!("{address}: {e}"))
    }

    /// The next reply.
    pub fn receive(&mut self) -> Result<Value, String> {
        self.value(0).map_err(|e| match e.kind() {
            std::io::ErrorKind::WouldBlock => format!("{}: no answer in time", self.address),
            // What TLS complains of has words of its own.
            std::io::ErrorKind::InvalidData if e.get_ref().is_none() => {
                format!("{}: does not speak the Redis protocol", self.address)
            }
            _ => format!("{}: {e}", self.address),
        })
    }

    fn value(&mut self, depth: u32) -> std::io::Result<Value> {
        let invalid = || std::io::Error::from(std::io::ErrorKind::InvalidData);
        let mut line = Vec::new();
        (&mut self.stream).take(1 << 20).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let [kind, body @ .., b'\r', b'\n'] = &line[..] else { return Err(invalid()) };
        let body = String::from_utf8_lossy(body).into_owned();
        let number = || body.parse::<i64>().map_err(|_| invalid());
        Ok(match kind {
            b'+' => Value::Text(body.into_bytes()),
            b'-' => Value::Error(body),
            b':' => Value::Integer(number()?),
            b'$' => match usize::try_from(number()?) {
                Ok(len) if len <= BULK_MAX => self.bulk(len)?,
                Ok(_) => return Err(invalid()),
                Err(_) => Value::Nil,
            },
            b'*' if depth < DEPTH_MAX => match usize::try_from(number()?) {
                Ok(len) if len <= ELEMENTS_MAX => {
                    Value::List((0..len).map(|_| self.value(depth + 1)).collect::<Result<_, _>>()?)
                }
                Ok(_) => return Err(invalid()),
                Err(_) => Value::Nil,
            },
            _ => return Err(invalid()),
        })
    }

    fn bulk(&mut self, len: usize) -> std::io::Result<Value> {
        let mut bytes = Vec::new();
        (&mut self.stream).take(len as u64 + 2).read_to_end(&mut bytes)?;
        if bytes.len() != len + 2 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.truncate(len);
        Ok(Value::Text(bytes))
    }
}
