//! Filling a server: just enough of the protocol for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::size::constants::{DataSet, Kind};

const REPLY_LIMIT: Duration = Duration::from_secs(60);
/// Bytes of requests sent before their answers are read.
const BATCH_BYTES: usize = 256 << 10;
/// Elements a request adds at most.
const ELEMENTS_MAX: u64 = 200;

/// A connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects to this machine's `port`.
    ///
    /// # Errors
    /// One sentence.
    pub fn open(port: u16) -> Result<Connection, String> {
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(|e| format!("port {port}: {e}"))?;
        stream.set_read_timeout(Some(REPLY_LIMIT)).map_err(|e| e.to_string())?;
        Ok(Connection { stream: BufReader::new(stream) })
    }

    /// Whether all slots are served: an error if not yet.
    pub fn wait_for_cluster(&mut self) -> Result<(), String> {
        self.send(&request(&["CLUSTER", "INFO"]))?;
        let text = self.reply()?;
        if text.contains("cluster_state:ok") { Ok(()) } else { Err("the cluster is not up".to_owned()) }
    }

    /// A number of the configuration.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn config(&mut self, name: &str) -> Result<u64, String> {
        self.send(&request(&["CONFIG", "GET", name]))?;
        let header = self.reply()?;
        if header != "*2" {
            return Err(format!("the server has no {name}"));
        }
        self.reply()?;
        self.reply()?.parse().map_err(|_| format!("{name} is no number"))
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.get_mut().write_all(bytes).map_err(|e| e.to_string())
    }

    /// The next reply as text; of an array, its header.
    fn reply(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).map_err(|e| e.to_string())?;
        let line = line.trim_end();
        match line.as_bytes().first() {
            Some(b'$') => {
                let length: usize = line[1..].parse().map_err(|_| format!("not a length: {line}"))?;
                let mut bytes = vec![0; length + 2];
                self.stream.read_exact(&mut bytes).map_err(|e| e.to_string())?;
                bytes.truncate(length);
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            }
            Some(b'-') | None => Err(format!("the server says {line:?}")),
            _ => Ok(line.to_owned()),
        }
    }
}

/// Loads a data set.
///
/// # Errors
/// The server's own words.
pub fn fill(connection: &mut Connection, set: &DataSet) -> Result<(), String> {
    let mut batch = Vec::new();
    let mut pending = 0;
    for key in 0..set.keys {
        let mut first = 0;
        while first < set.elements {
            let last = set.elements.min(first + ELEMENTS_MAX);
            batch.extend(request(&add(set, key, first..last)));
            pending += 1;
            first = last;
        }
        if batch.len() >= BATCH_BYTES || key + 1 == set.keys {
            connection.send(&batch)?;
            batch.clear();
            for _ in 0..std::mem::take(&mut pending) {
                connection.reply()?;
            }
        }
    }
    Ok(())
}

/// The words that add some elements to a key.
fn add(set: &DataSet, key: u64, elements: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    let command: &[u8] = match set.kind {
        Kind::String => b"SET",
        Kind::Hash => b"HSET",
        Kind::Set => b"SADD",
        Kind::Zset => b"ZADD",
        Kind::List => b"RPUSH",
    };
    let mut words = vec![command.to_vec(), text(key, set.key)];
    for element in elements {
        match set.kind {
            Kind::String => words.push(text(key, set.element)),
            Kind::Set | Kind::List => words.push(text(element, set.element)),
            Kind::Hash => {
                words.push(text(element, set.element / 2));
                words.push(text(key + element, set.element - set.element / 2));
            }
            Kind::Zset => {
                // Scores as people have them: not all small, not all whole.
                words.push(format!("{}.5", (key + 1) * 1000 + element).into_bytes());
                words.push(text(element, set.element));
            }
        }
    }
    words
}

/// `length` bytes that tell `number`, and are no number themselves: the server keeps those in less.
fn text(number: u64, length: u64) -> Vec<u8> {
    let mut text = format!("{number:x}").into_bytes();
    text.insert(0, b'k');
    text.resize(text.len().max(length as usize), b'.');
    text
}

fn request(words: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.as_ref().len()).as_bytes());
        bytes.extend_from_slice(word.as_ref());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_their_length_and_differ() {
        assert_eq!(text(255, 8), b"kff.....");
        assert_eq!(text(0, 2), b"k0");
        let set = DataSet { kind: Kind::Hash, key: 4, elements: 2, element: 8, keys: 1, resident: 0 };
        let words = add(&set, 0, 0..2);
        assert_eq!(words, [&b"HSET"[..], b"k0..", b"k0..", b"k0..", b"k1..", b"k1.."]);
        assert_eq!(request(&[b"PING"]), b"*1\r\n$4\r\nPING\r\n");
    }
}
