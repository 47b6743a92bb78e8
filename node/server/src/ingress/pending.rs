//! Replies of an ingress client that are not all there: kept in the order of its requests.
//!
//! Commands of one pipeline run on several cores and finish in any order; a reply may be handed out only when
//! all before it were. Each forwarded command takes a ticket, a place in this queue; what is answered here
//! while places before it are open queues up too.

use std::collections::VecDeque;

use resp::{Proto, Reply};

use super::exec::Composed;
use super::gather::{Gather, line_number};
use super::scan_cursor;
use super::whole::Viewing;
use crate::admin::view::View;

/// One place in the queue.
pub enum Place {
    /// A sibling is at it.
    Open,
    /// A sibling is at it, and answers with an array of one: only its element is wanted.
    Element,
    /// `core` is at a SCAN; `next` follows it.
    Scan {
        /// The core whose keys are walked.
        core: u16,
        /// The core after it.
        next: Option<u16>,
    },
    /// Several cores are at it.
    Gather(Box<Gather>),
    /// Several cores look.
    View(Box<Viewing>),
    /// A core is at a transaction, and its reply is not all of it. Nothing is behind this place.
    Exec(Composed),
    /// Done; waits for the places before it.
    Done(Reply),
    /// The same, for nearly all replies: without memory of its own.
    Short(Short),
}

/// A few bytes of replies, where an allocation would cost more than the command.
pub struct Short {
    len: u8,
    bytes: [u8; Short::ROOM],
}

impl Short {
    /// What fits a place anyway.
    const ROOM: usize = 62;

    fn new(resp: &[u8]) -> Option<Short> {
        let mut short = Short { len: 0, bytes: [0; Short::ROOM] };
        short.extend(resp).then_some(short)
    }

    /// Appends `resp` if there is room.
    fn extend(&mut self, resp: &[u8]) -> bool {
        let from = usize::from(self.len);
        let Some(room) = self.bytes.get_mut(from..from + resp.len()) else { return false };
        room.copy_from_slice(resp);
        self.len += resp.len() as u8;
        true
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl Place {
    fn done(resp: &[u8], proto: Proto) -> Place {
        Short::new(resp).map_or_else(|| Place::Done(raw(resp, proto)), Place::Short)
    }
}

/// The open places of one client, oldest first.
pub struct Pending {
    first_ticket: u32,
    places: VecDeque<Place>,
}

/// Room for the replies of a pipeline; more is found when needed.
const PLACES: usize = 16;

impl Default for Pending {
    fn default() -> Pending {
        Pending { first_ticket: 0, places: VecDeque::with_capacity(PLACES) }
    }
}

impl Pending {
    /// Takes a place; its ticket.
    pub fn push(&mut self, place: Place) -> u32 {
        self.places.push_back(place);
        self.first_ticket.wrapping_add(self.places.len() as u32 - 1)
    }

    /// Whether no place is taken.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Fills the place of `ticket` with a reply, or a part of one, and moves what is ready to `out`.
    pub fn fill(&mut self, ticket: u32, resp: &[u8], out: &mut Reply) {
        let at = ticket.wrapping_sub(self.first_ticket) as usize;
        let proto = out.proto;
        match self.places.get_mut(at) {
            // The common case: the oldest place, answered straight into the client's buffer.
            Some(Place::Open) if at == 0 => {
                out.raw(resp);
                self.pop();
            }
            Some(place @ (Place::Open | Place::View(_) | Place::Exec(_))) => {
                *place = Place::done(resp, proto);
            }
            Some(place @ Place::Element) => {
                let element = if resp.starts_with(b"*1\r\n") { &resp[4..] } else { resp };
                *place = Place::done(element, proto);
            }
            Some(Place::Scan { core, next }) => {
                let whole = scan_reply(resp, *core, *next, proto);
                self.places[at] = Place::Done(whole);
            }
            Some(Place::Gather(gather)) => {
                if let Some(whole) = gather.add(resp, proto) {
                    self.places[at] = Place::Done(whole);
                }
            }
            Some(Place::Done(_) | Place::Short(_)) | None => {}
        }
        self.drain(out);
    }

    /// The newest place is that of a transaction whose reply is to be composed.
    pub fn compose(&mut self, queue: Composed) {
        if let Some(place) = self.places.back_mut() {
            *place = Place::Exec(queue);
        }
    }

    /// Gives the place of `ticket` up if it is that of such a transaction, for what its reply is composed of.
    pub fn take_composed(&mut self, ticket: u32) -> Option<Composed> {
        let at = ticket.wrapping_sub(self.first_ticket) as usize;
        self.places.get(at).filter(|place| matches!(place, Place::Exec(_)))?;
        match self.places.pop_back() {
            Some(Place::Exec(queue)) => Some(queue),
            _ => None,
        }
    }

    /// Adds what a core saw to the place of `ticket`; all of it, when it was the last, and the place is open for the reply.
    pub fn see(&mut self, ticket: u32, view: View) -> Option<Viewing> {
        let place = self.places.get_mut(ticket.wrapping_sub(self.first_ticket) as usize)?;
        let Place::View(viewing) = place else { return None };
        if !viewing.add(view) {
            return None;
        }
        match std::mem::replace(place, Place::Open) {
            Place::View(viewing) => Some(*viewing),
            _ => None,
        }
    }

    /// Puts a reply that was written here behind the open places, and leaves `reply` empty.
    pub fn append(&mut self, reply: &mut Reply) {
        let plain = reply.as_plain();
        match self.places.back_mut() {
            Some(Place::Done(last)) => last.append(reply),
            Some(place @ Place::Short(_)) => {
                let Place::Short(last) = place else { return };
                if !plain.is_some_and(|resp| last.extend(resp)) {
                    let mut both = raw(last.bytes(), reply.proto);
                    both.append(reply);
                    *place = Place::Done(both);
                }
            }
            _ => match plain.and_then(Short::new) {
                Some(short) => self.places.push_back(Place::Short(short)),
                None => {
                    let proto = reply.proto;
                    self.places.push_back(Place::Done(std::mem::replace(reply, Reply::new(proto))));
                }
            },
        }
        reply.clear();
    }

    /// Whether a place has an answer, or part of one, that waits for others.
    pub fn holds_answers(&self) -> bool {
        let is_answer =
            |place| matches!(place, &Place::Done(_) | &Place::Short(_) | &Place::Gather(_) | &Place::View(_));
        self.places.iter().any(is_answer)
    }

    /// Moves finished replies at the front to `out`.
    pub fn drain(&mut self, out: &mut Reply) {
        loop {
            match self.places.front() {
                Some(Place::Done(reply)) => out.append(reply),
                Some(Place::Short(short)) => out.raw(short.bytes()),
                _ => return,
            }
            self.pop();
        }
    }

    fn pop(&mut self) {
        self.places.pop_front();
        self.first_ticket = self.first_ticket.wrapping_add(1);
    }
}

fn raw(resp: &[u8], proto: Proto) -> Reply {
    let mut reply = Reply::new(proto);
    reply.raw(resp);
    reply
}

/// One core's SCAN reply (`*2`, the cursor as a bulk string, the keys) with the cursor of the process in it.
fn scan_reply(resp: &[u8], core: u16, next: Option<u16>, proto: Proto) -> Reply {
    let cursor = resp.strip_prefix(b"*2\r\n").map(line_number);
    let Some((len, at)) = cursor.filter(|(len, _)| *len >= 0) else { return raw(resp, proto) };
    let rest = &resp[4 + at..];
    let (digits, keys) = rest.split_at((len as usize).min(rest.len()));
    let inner = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut reply = Reply::new(proto);
    reply.array(2);
    reply.bulk(scan_cursor(inner, core, next).to_string().as_bytes());
    reply.raw(keys.strip_prefix(b"\r\n").unwrap_or(keys));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_in_order_of_requests() {
        let (mut pending, mut out) = (Pending::default(), Reply::default());
        let a = pending.push(Place::Open);
        let b = pending.push(Place::Open);
        pending.append(&mut raw(b"+here\r\n", Proto::Resp2));
        let c = pending.push(Place::Open);
        pending.fill(c, b"+c\r\n", &mut out);
        pending.fill(b, b"+b\r\n", &mut out);
        assert!(out.is_empty());
        pending.fill(a, b"+a\r\n", &mut out);
        assert_eq!(out.as_plain().unwrap(), b"+a\r\n+b\r\n+here\r\n+c\r\n");
        assert!(pending.is_empty());
        let d = pending.push(Place::Open);
        pending.fill(d, b"+d\r\n", &mut out);
        assert!(out.as_plain().unwrap().ends_with(b"+d\r\n"));
    }

    #[test]
    fn replies_behind_an_open_place_grow_beyond_what_fits_it() {
        let (mut pending, mut out, mut all) = (Pending::default(), Reply::default(), Vec::new());
        let open = pending.push(Place::Open);
        for len in [5, 30, 30, 3, Short::ROOM, Short::ROOM + 1, 1] {
            let resp = vec![b'a' + len as u8 % 26; len];
            let mut reply = raw(&resp, Proto::Resp2);
            pending.append(&mut reply);
            assert!(reply.is_empty());
            all.extend(resp);
        }
        assert!(pending.holds_answers());
        pending.fill(open, b"", &mut out);
        assert_eq!(out.as_plain().unwrap(), all);
        assert!(pending.is_empty());
    }
}
