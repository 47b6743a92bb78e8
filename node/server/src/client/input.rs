//! Requests that are not all there, or that must wait.
//!
//! Most requests arrive whole and are parsed where the kernel put them. What is left over when a receive
//! ends inside a request, or when the client has to wait, is kept here until more comes.

use bytes::Bytes;
use resp::{Limits, Parsed, Parser, ProtocolError};

/// The payload of a big bulk string, collected where it will stay.
struct BigBulk {
    payload: Vec<u8>,
    len: usize,
}

/// Grow a big payload's buffer to at most this many times what has arrived: memory follows what was sent,
/// not what was announced.
const GROWTH: usize = 4;
const FIRST_RESERVE: usize = 256 * 1024;

/// Bytes kept for a client, beginning with an unfinished request.
#[derive(Default)]
pub struct Input {
    bytes: Vec<u8>,
    /// Where the request being read begins in `bytes`.
    start: usize,
    /// Length of the request that `next` found.
    consumed: usize,
    /// What is known of that request.
    parser: Parser,
    big: Option<Box<BigBulk>>,
    /// Bytes of the line end after a big payload still to be skipped.
    skip: usize,
}

/// What [`Input::next`] found.
pub enum Next {
    /// A request is ready: see [`Input::request`].
    Request,
    /// More must arrive first.
    Incomplete,
}

impl Input {
    /// Keeps `rest`, what followed the last request that ran.
    pub fn with_rest(rest: &[u8]) -> Input {
        Input { bytes: rest.to_vec(), ..Input::default() }
    }

    /// Adds bytes that arrived.
    pub fn append(&mut self, mut data: &[u8]) {
        if let Some(big) = &mut self.big {
            let take = data.len().min(big.len - big.payload.len());
            if big.payload.capacity() - big.payload.len() < take {
                let wanted = (big.payload.len() + take) * GROWTH;
                big.payload.reserve_exact(wanted.min(big.len) - big.payload.len());
            }
            big.payload.extend_from_slice(&data[..take]);
            data = &data[take..];
            if big.payload.len() == big.len {
                let payload = self.big.take().map(|big| big.payload).unwrap_or_default();
                self.parser.finish_big_bulk(Bytes::from(payload));
                self.skip = 2;
            }
        }
        let skipped = data.len().min(self.skip);
        self.skip -= skipped;
        self.bytes.extend_from_slice(&data[skipped..]);
    }

    /// Looks for the next request.
    pub fn next(&mut self, limits: &Limits) -> Result<Next, ProtocolError> {
        if self.big.is_some() || self.skip > 0 {
            return Ok(Next::Incomplete);
        }
        loop {
            match self.parser.parse(&self.bytes[self.start..], limits)? {
                Parsed::Request { consumed } => {
                    self.consumed = consumed;
                    return Ok(Next::Request);
                }
                Parsed::Nothing { consumed } => {
                    self.start += consumed;
                    self.parser.reset();
                }
                Parsed::Incomplete => {
                    self.compact();
                    self.collect_big_bulk();
                    return Ok(Next::Incomplete);
                }
            }
        }
    }

    /// The request that `next` found: its bytes, and the parser that knows its arguments.
    pub fn request(&self) -> (&[u8], &Parser) {
        (&self.bytes[self.start..], &self.parser)
    }

    /// Length of the request that `next` found, as it was sent.
    pub fn request_len(&self) -> usize {
        // Words of an inline request are copies; big payloads were never in the buffer.
        let inline = self.bytes.get(self.start) != Some(&b'*');
        self.consumed + if inline { 0 } else { self.parser.owned_bytes() }
    }

    /// Goes on after the request that `next` found.
    pub fn advance(&mut self) {
        self.start += std::mem::take(&mut self.consumed);
        self.parser.reset();
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.start == self.bytes.len() && self.parser.is_empty() && self.big.is_none() && self.skip == 0
    }

    /// Bytes kept.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
            + self.parser.owned_bytes()
            + self.big.as_ref().map_or(0, |big| big.payload.len())
    }

    /// Memory held, in bytes.
    pub fn memory(&self) -> usize {
        size_of::<Input>()
            + self.bytes.capacity()
            + self.parser.owned_bytes()
            + self.big.as_ref().map_or(0, |big| big.payload.capacity())
    }

    /// Drops the bytes of requests that are done.
    fn compact(&mut self) {
        self.bytes.drain(..self.start);
        self.start = 0;
    }

    /// When the parse stopped inside a big bulk string, moves its payload to a buffer of its own.
    fn collect_big_bulk(&mut self) {
        let Some((at, len)) = self.parser.big_bulk() else { return };
        let have = (self.bytes.len() - at).min(len);
        let mut payload = Vec::with_capacity(len.min(FIRST_RESERVE.max(have)));
        payload.extend_from_slice(&self.bytes[at..at + have]);
        // At most the first byte of the line end can follow, else the string would have been whole.
        let followed = self.bytes.len() - at - have;
        self.bytes.truncate(at);
        if have == len {
            self.parser.finish_big_bulk(Bytes::from(payload));
            self.skip = 2 - followed;
        } else {
            self.big = Some(Box::new(BigBulk { payload, len }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Limits = Limits { bulk_max: 512 << 20, authenticated: true };

    /// All requests that come out when `data` arrives in pieces of `piece` bytes.
    fn requests(data: &[u8], piece: usize) -> Vec<Vec<Vec<u8>>> {
        let (mut input, mut found) = (Input::default(), Vec::new());
        for piece in data.chunks(piece) {
            input.append(piece);
            while let Next::Request = input.next(&OPEN).unwrap() {
                let (bytes, parser) = input.request();
                found.push(parser.args(bytes).map(<[u8]>::to_vec).collect());
                input.advance();
            }
        }
        assert!(input.is_empty(), "all bytes were used");
        found
    }

    #[test]
    fn big_values_in_any_pieces() {
        let big = vec![b'x'; 70_000];
        let one = [b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$70000\r\n", &big[..], b"\r\n"].concat();
        let data = [&one[..], b"PING\r\n", &one, &one].concat();
        for piece in [1, 7, 1000, 33_000, 69_999, 70_000, 70_030, 1 << 20] {
            let found = requests(&data, piece);
            assert_eq!(found.len(), 4, "pieces of {piece}");
            for i in [0, 2, 3] {
                assert_eq!(found[i][2], big);
            }
            assert_eq!(found[1], [b"PING".to_vec()]);
        }
    }

    #[test]
    fn memory_follows_what_arrived() {
        let mut input = Input::default();
        input.append(b"*2\r\n$3\r\nGET\r\n$500000000\r\nabc");
        assert!(matches!(input.next(&OPEN), Ok(Next::Incomplete)));
        assert!(input.memory() < 1 << 20);
    }
}
