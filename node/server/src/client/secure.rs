//! A connection's TLS session, between the ring and the requests.
//!
//! rustls does no I/O of its own, which fits a ring: received bytes go in, requests come out; replies go in, bytes to
//! send come out. What the session itself has to say (handshake, alerts) goes out with the replies, or alone.

use std::io::{Read, Write};
use std::sync::Arc;

use resp::{Reply, Segment};
use rustls::{ServerConfig, ServerConnection};

/// Plaintext taken out of the session at once, in bytes: a record holds at most 16 KiB.
const PORTION: usize = 64 * 1024;
/// What a record adds to its contents, at most, in bytes.
const RECORD_OVERHEAD: usize = 64;

/// The session of one connection.
pub struct Secure {
    session: ServerConnection,
}

impl Secure {
    /// The server's end of a session that is about to begin; `None` when there can be none.
    pub fn accept(config: Arc<ServerConfig>) -> Option<Secure> {
        let mut session = ServerConnection::new(config).ok()?;
        // Bounded by client-output-buffer-limit, as replies without TLS are.
        session.set_buffer_limit(None);
        Some(Secure { session })
    }

    /// Takes bytes as they were received and calls `requests` with what they say; whether more may come.
    ///
    /// # Errors
    /// The peer broke the protocol, or refused ours: what is left to send is the last.
    pub fn feed(
        &mut self,
        mut received: &[u8],
        requests: &mut impl FnMut(&[u8]),
    ) -> Result<bool, rustls::Error> {
        let mut plain = Vec::new();
        while !received.is_empty() {
            // Reading from memory cannot fail; 0 means that the peer has said its goodbye.
            if self.session.read_tls(&mut received).unwrap_or(0) == 0 {
                return Ok(false);
            }
            let state = self.session.process_new_packets()?;
            plain.resize(state.plaintext_bytes_to_read().min(PORTION), 0);
            while let Ok(count @ 1..) = self.session.reader().read(&mut plain) {
                requests(&plain[..count]);
            }
            if state.peer_has_closed() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the session itself has something to send.
    pub fn wants_send(&self) -> bool {
        self.session.wants_write()
    }

    /// Bytes to send for `reply`, behind what the session itself has to say.
    pub fn seal(&mut self, reply: &Reply) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(reply.len() + RECORD_OVERHEAD);
        for segment in reply.segments() {
            let plain = match segment {
                Segment::Bytes(bytes) => bytes,
                Segment::Blob(blob) => &blob[..],
            };
            // Memory takes all.
            let _ = self.session.writer().write_all(plain);
        }
        while self.session.wants_write() {
            if self.session.write_tls(&mut bytes).unwrap_or(0) == 0 {
                break;
            }
        }
        bytes
    }
}
