//! A connection to another node, perhaps encrypted: the bus's links, a replica's to its master, MIGRATE's and MIGRATESLOTS'.
//!
//! Without TLS it is its socket. With it, the same session as a client's (`client::Secure`) stands between; duplicates
//! of a connection, of which one reads while another writes, share it. What the session itself has to say goes out
//! with whatever is sent next, or as soon as something came in.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ServerConfig};

use crate::client::Secure;
use crate::executor::{self, Stream};

/// Encrypted bytes read at once.
const WIRE_BYTES: usize = 32 * 1024;

/// One end of a connection.
pub struct Channel {
    stream: Stream,
    secure: Option<Rc<Shared>>,
    /// What came and is not read yet, decrypted.
    plain: Vec<u8>,
    /// The session is over: nothing more is to come.
    ended: bool,
}

/// The session of a connection and its duplicates.
struct Shared {
    session: RefCell<Secure>,
    /// One of them is sending: what others have to say goes with it, so that records stay whole and in order. A send
    /// that is given up leaves this standing, which is right: half a record makes the connection useless.
    sending: Cell<bool>,
}

impl Channel {
    /// Connects to `address`, from `source` if one is given; with `tls`, the hands are shaken when this returns.
    ///
    /// # Errors
    /// The system's; `TimedOut` after `limit`; `InvalidData` when the other end is not trusted or does not trust us.
    pub async fn connect(
        address: SocketAddr,
        source: Option<IpAddr>,
        limit: Duration,
        tls: Option<Arc<ClientConfig>>,
    ) -> io::Result<Channel> {
        let secure = tls.map(|tls| Secure::connect(tls, address.ip())).transpose().map_err(broken)?;
        let connecting = async {
            let stream = Stream::connect(address, source, limit).await?;
            let mut channel = Channel::new(stream, secure);
            channel.shake_hands().await?;
            Ok(channel)
        };
        executor::within(limit, connecting).await
    }

    /// The end of a connection that the other opened.
    ///
    /// # Errors
    /// The session cannot begin.
    pub fn accepted(stream: Stream, tls: Option<Arc<ServerConfig>>) -> io::Result<Channel> {
        let secure = tls.map(Secure::accept).transpose().map_err(broken)?;
        Ok(Channel::new(stream, secure))
    }

    fn new(stream: Stream, secure: Option<Secure>) -> Channel {
        let share = |session| Rc::new(Shared { session: RefCell::new(session), sending: Cell::new(false) });
        Channel { stream, secure: secure.map(share), plain: Vec::new(), ended: false }
    }

    /// The same connection once more; only one of both may read.
    ///
    /// # Errors
    /// The system's, such as too few descriptors.
    pub fn duplicate(&self) -> io::Result<Channel> {
        let (stream, secure) = (self.stream.duplicate()?, self.secure.clone());
        Ok(Channel { stream, secure, plain: Vec::new(), ended: false })
    }

    /// The socket, to end the connection by; bytes go through the channel.
    pub fn socket(&self) -> &Stream {
        &self.stream
    }

    /// The connection for the client ring: its socket, its session, and what came and was not read.
    ///
    /// # Errors
    /// The system's; `Other` while a duplicate is left.
    pub fn hand_over(self) -> io::Result<(OwnedFd, Option<Box<Secure>>, Vec<u8>)> {
        let socket = self.stream.hand_over()?;
        let unshare = |shared| Rc::try_unwrap(shared).map_err(|_| io::Error::from(io::ErrorKind::Other));
        let shared = self.secure.map(unshare).transpose()?;
        Ok((socket, shared.map(|shared| Box::new(shared.session.into_inner())), self.plain))
    }

    /// Reads some bytes; 0 at the end.
    ///
    /// # Errors
    /// The system's; `InvalidData` when the other end breaks the protocol.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.secure.is_none() {
            return self.stream.read(buffer).await;
        }
        while self.plain.is_empty() && !self.ended {
            self.receive().await?;
        }
        let len = self.plain.len().min(buffer.len());
        buffer[..len].copy_from_slice(&self.plain[..len]);
        self.plain.drain(..len);
        Ok(len)
    }

    /// Writes all bytes.
    ///
    /// # Errors
    /// The system's.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(shared) = self.secure.clone() else { return self.stream.write_all(bytes).await };
        shared.session.borrow_mut().put(bytes);
        self.flush(&shared).await
    }

    async fn shake_hands(&mut self) -> io::Result<()> {
        let Some(shared) = self.secure.clone() else { return Ok(()) };
        self.flush(&shared).await?;
        while shared.session.borrow().is_shaking_hands() {
            if self.ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.receive().await?;
        }
        Ok(())
    }

    /// Takes what the other end sent, and answers where the session has to.
    async fn receive(&mut self) -> io::Result<()> {
        let Some(shared) = self.secure.clone() else { return Ok(()) };
        let mut wire = vec![0; WIRE_BYTES];
        let len = self.stream.read(&mut wire).await?;
        let plain = &mut self.plain;
        let fed = shared.session.borrow_mut().feed(&wire[..len], &mut |bytes| plain.extend_from_slice(bytes));
        self.ended = len == 0 || matches!(fed, Ok(false));
        self.flush(&shared).await?;
        fed.map(drop).map_err(broken)
    }

    /// Sends what the session has to say, unless another does already.
    async fn flush(&mut self, shared: &Shared) -> io::Result<()> {
        if shared.sending.replace(true) {
            return Ok(());
        }
        loop {
            let bytes = shared.session.borrow_mut().take();
            if bytes.is_empty() {
                break;
            }
            self.stream.write_all(&bytes).await?;
        }
        shared.sending.set(false);
        Ok(())
    }
}

fn broken(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
