//! A connection's TLS session, between the socket and what is said.
//!
//! rustls does no I/O of its own, which fits a ring: received bytes go in, requests come out; replies go in, bytes to
//! send come out. What the session itself has to say (handshake, alerts) goes out with the replies, or alone.

use std::io::{Read, Write};
use std::net::IpAddr;
use std::sync::Arc;

use resp::{Reply, Segment};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};

/// Plaintext taken out of the session at once, in bytes: a record holds at most 16 KiB.
const PORTION: usize = 64 * 1024;

/// The session of one connection.
pub struct Secure {
    session: Connection,
}

impl Secure {
    /// The end of a session that the other end begins.
    ///
    /// # Errors
    /// There can be none.
    pub fn accept(config: Arc<ServerConfig>) -> Result<Secure, rustls::Error> {
        Ok(Secure::new(ServerConnection::new(config)?.into()))
    }

    /// The end of a session with the server at `ip` that this end begins.
    ///
    /// # Errors
    /// There can be none.
    pub fn connect(config: Arc<ClientConfig>, ip: IpAddr) -> Result<Secure, rustls::Error> {
        Ok(Secure::new(ClientConnection::new(config, ServerName::IpAddress(ip.into()))?.into()))
    }

    fn new(mut session: Connection) -> Secure {
        // Bounded by the limits on output buffers and links, as what goes without TLS is.
        session.set_buffer_limit(None);
        Secure { session }
    }

    /// Whether the two ends have still to agree.
    pub fn is_shaking_hands(&self) -> bool {
        self.session.is_handshaking()
    }

    /// Takes bytes as they were received and calls `hear` with what they say; whether more may come.
    ///
    /// # Errors
    /// The peer broke the protocol, or refused ours: what is left to send is the last.
    pub fn feed(&mut self, mut received: &[u8], hear: &mut impl FnMut(&[u8])) -> Result<bool, rustls::Error> {
        let mut plain = Vec::new();
        while !received.is_empty() {
            // Reading from memory cannot fail; 0 means that the peer has said its goodbye.
            if self.session.read_tls(&mut received).unwrap_or(0) == 0 {
                return Ok(false);
            }
            let state = self.session.process_new_packets()?;
            plain.resize(state.plaintext_bytes_to_read().min(PORTION), 0);
            while let Ok(count @ 1..) = self.session.reader().read(&mut plain) {
                hear(&plain[..count]);
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
        for segment in reply.segments() {
            match segment {
                Segment::Bytes(bytes) => self.put(bytes),
                Segment::Blob(blob) => self.put(blob),
            }
        }
        self.take()
    }

    /// Says `plain`, with the next [`Secure::take`].
    pub fn put(&mut self, plain: &[u8]) {
        // Memory takes all.
        let _ = self.session.writer().write_all(plain);
    }

    /// The bytes to send.
    pub fn take(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.session.wants_write() {
            if self.session.write_tls(&mut bytes).unwrap_or(0) == 0 {
                break;
            }
        }
        bytes
    }
}
