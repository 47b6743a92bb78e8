//! Replies on their way to the kernel.
//!
//! The bytes of a send must stay where they are until it completes, while new replies are written; so a
//! reply buffer is taken from the client as a whole and kept here meanwhile.

use resp::{Reply, Segment};

use crate::client::Client;
use crate::ring::{ClientRing, Op};

/// Most pieces of one send; the kernel's own limit is 1024.
const PIECES_MAX: usize = 512;

/// One send under way.
pub struct Sending {
    reply: Reply,
    /// Bytes of `reply` sent before this send.
    done: usize,
    /// Pieces of this send, when `reply` holds shared values. Never moved while the ring holds it: boxed.
    pieces: Vec<libc::iovec>,
    message: libc::msghdr,
    /// It waits for the disk (see `aof::commit`): the ring does not hold it yet.
    parked: bool,
}

impl Sending {
    /// Whether the ring holds it.
    pub fn is_under_way(&self) -> bool {
        !self.parked
    }

    /// Bytes still to be sent.
    pub fn len(&self) -> usize {
        self.reply.len() - self.done
    }

    /// Gives the plain buffer back for reuse.
    pub fn into_buffer(self) -> Vec<u8> {
        self.reply.into_buffer()
    }

    /// Fills `pieces` with what is left.
    fn gather(&mut self) {
        self.pieces.clear();
        let mut skip = self.done;
        for segment in self.reply.segments() {
            let bytes = match segment {
                Segment::Bytes(bytes) => bytes,
                Segment::Blob(blob) => &blob[..],
            };
            let from = skip.min(bytes.len());
            skip -= from;
            if from < bytes.len() && self.pieces.len() < PIECES_MAX {
                let rest = &bytes[from..];
                self.pieces
                    .push(libc::iovec { iov_base: rest.as_ptr().cast_mut().cast(), iov_len: rest.len() });
            }
        }
        self.message.msg_iov = self.pieces.as_mut_ptr();
        self.message.msg_iovlen = self.pieces.len();
    }
}

impl Client {
    /// Hands the replies written so far to the ring, unless an earlier send is still under way; whether it did.
    pub fn start_send(&mut self, ring: &mut ClientRing) -> bool {
        if self.sending.is_some() || !self.has_to_send() || self.closing == super::Closing::Now {
            return false;
        }
        self.take_reply(false);
        self.submit_send(ring);
        true
    }

    /// Puts the replies written so far aside for [`Client::send_parked`]; false when an earlier send is still under
    /// way.
    pub fn park_reply(&mut self) -> bool {
        if !self.has_to_send() || self.closing == super::Closing::Now {
            return true;
        }
        match &self.sending {
            Some(sending) if sending.parked => {
                let reply = self.take_sealed();
                if let Some(sending) = &mut self.sending {
                    sending.reply.append(&reply);
                }
                true
            }
            Some(_) => false,
            None => {
                self.take_reply(true);
                true
            }
        }
    }

    /// Hands the parked replies to the ring; whether there were any.
    pub fn send_parked(&mut self, ring: &mut ClientRing) -> bool {
        let Some(sending) = self.sending.as_mut().filter(|sending| sending.parked) else { return false };
        if self.closing == super::Closing::Now {
            self.sending = None;
            return false;
        }
        sending.parked = false;
        self.submit_send(ring);
        true
    }

    /// Takes the replies written so far, as they go over the wire.
    fn take_sealed(&mut self) -> Reply {
        let proto = self.proto();
        let reply = std::mem::replace(self.ready_mut(), Reply::new(proto));
        match &mut self.secure {
            Some(secure) => Reply::ready(secure.seal(&reply), proto),
            None => reply,
        }
    }

    fn take_reply(&mut self, parked: bool) {
        let reply = self.take_sealed();
        // SAFETY: `msghdr` is plain data for which all zeros are valid.
        let message = unsafe { std::mem::zeroed() };
        self.sending = Some(Box::new(Sending { reply, done: 0, pieces: Vec::new(), message, parked }));
    }

    /// Whether there are replies, or what a TLS session has to say by itself.
    pub fn has_to_send(&self) -> bool {
        !self.ready().is_empty() || self.secure.as_ref().is_some_and(|secure| secure.wants_send())
    }

    fn submit_send(&mut self, ring: &mut ClientRing) {
        let (token, fd) = (self.token(Op::Send), self.fd());
        let Some(sending) = &mut self.sending else { return };
        match sending.reply.as_plain() {
            // SAFETY: the bytes are in `sending.reply`, which is neither changed nor dropped until this send's
            // completion: `finish_send` is the only place that ends it, and a client is freed only when quiet.
            Some(bytes) => unsafe { ring.send(token, fd, &bytes[sending.done..]) },
            None => {
                sending.gather();
                // SAFETY: as above; `message` and `pieces` are in the same boxed `Sending`.
                unsafe { ring.send_pieces(token, fd, &sending.message) }
            }
        }
    }

    /// Takes note of a completed send; what could not be sent at once is sent on. When all is sent, the buffer is
    /// returned for reuse.
    pub fn finish_send(&mut self, result: i32, ring: &mut ClientRing) -> Option<Vec<u8>> {
        let sending = self.sending.as_mut()?;
        if result <= 0 {
            let sending = self.sending.take();
            self.shut();
            return sending.map(|s| s.into_buffer());
        }
        sending.done += result as usize;
        self.bytes_out += result as u64;
        if sending.len() > 0 && self.closing != super::Closing::Now {
            self.submit_send(ring);
            return None;
        }
        self.sending.take().map(|s| s.into_buffer())
    }
}
