//! Replies of an ingress client that are not all there: kept in the order of its requests.
//!
//! Commands of one pipeline run on several cores and finish in any order; a reply may be handed out only when
//! all before it were. Each forwarded command takes a ticket, a place in this queue. What is answered here while places
//! before it are open stays where it was written, in the client's buffer; a place says how much of that it is. So a
//! client's buffer holds what waits as long as it has places, and what may leave is in `ready`; without places the buffer
//! itself may leave.

use std::collections::VecDeque;

use resp::{Mark, Proto, Reply};

use super::exec::Composed;
use super::gather::{Gather, line_number};
use super::whole::Viewing;
use super::{flat, scan_cursor};
use crate::admin::view::View;
use crate::client::Client;

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
    /// A core is at a transaction, and its reply is not all of it. Only messages are behind this place.
    Exec(Composed),
    /// Done; waits for the places before it.
    Done(Vec<u8>),
    /// The same, for nearly all replies: without memory of its own.
    Short(Short),
    /// So much of the client's buffer: plain bytes, shared values.
    Own(Mark),
}

/// A few bytes of a reply, where an allocation would cost more than the command.
pub struct Short {
    len: u8,
    bytes: [u8; Short::ROOM],
}

impl Short {
    /// What fits a place anyway.
    const ROOM: usize = 30;

    fn new(resp: &[u8]) -> Option<Short> {
        let mut bytes = [0; Short::ROOM];
        bytes.get_mut(..resp.len())?.copy_from_slice(resp);
        Some(Short { len: resp.len() as u8, bytes })
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl Place {
    fn done(resp: &[u8]) -> Place {
        Short::new(resp).map_or_else(|| Place::Done(resp.to_vec()), Place::Short)
    }
}

/// The open places of one client, oldest first.
pub struct Pending {
    /// What may leave.
    ready: Reply,
    first_ticket: u32,
    places: VecDeque<Place>,
    /// Where in the client's buffer begins what is not handed out.
    from: Mark,
    /// Where in the client's buffer ends what has a place.
    upto: Mark,
    /// Tickets of places whose replies nobody wants (CLIENT REPLY), ascending.
    muted: VecDeque<u32>,
}

/// Room for the replies of a pipeline; more is found when needed.
const PLACES: usize = 16;
/// So much that was handed out, bytes or shared values, may stay in front of what was not.
const LEFTOVER: Mark = (16 * 1024, 16);

impl Default for Pending {
    fn default() -> Pending {
        let places = VecDeque::with_capacity(PLACES);
        let (ready, muted) = (Reply::default(), VecDeque::new());
        Pending { ready, first_ticket: 0, places, from: (0, 0), upto: (0, 0), muted }
    }
}

impl Pending {
    /// Takes a place behind what `own`, the client's buffer, holds; its ticket.
    fn push(&mut self, place: Place, own: &Reply, muted: bool) -> u32 {
        self.note(own);
        self.places.push_back(place);
        let ticket = self.end().wrapping_sub(1);
        if muted {
            self.muted.push_back(ticket);
        }
        ticket
    }

    /// The ticket of the next place.
    fn end(&self) -> u32 {
        self.first_ticket.wrapping_add(self.places.len() as u32)
    }

    /// Gives what was written to the client's buffer since the last time a place.
    #[inline]
    fn note(&mut self, own: &Reply) {
        if own.mark() != self.upto {
            self.note_more(own);
        }
    }

    fn note_more(&mut self, own: &Reply) {
        let end = own.mark();
        let (bytes, blobs) = (end.0 - self.upto.0, end.1 - self.upto.1);
        self.upto = end;
        let last_muted = self.muted.back().is_some_and(|ticket| *ticket == self.end().wrapping_sub(1));
        match self.places.back_mut() {
            Some(Place::Own(part)) if !last_muted => *part = (part.0 + bytes, part.1 + blobs),
            _ => self.places.push_back(Place::Own((bytes, blobs))),
        }
    }

    /// Whether `resp`, the reply with this ticket, is the next to be handed out, as nearly all are; then it is, and what was
    /// written here behind it too.
    #[inline]
    pub fn hand_out(&mut self, ticket: u32, resp: &[u8], own: &Reply) -> bool {
        let is_next = ticket == self.first_ticket && matches!(self.places.front(), Some(Place::Open));
        if !is_next || !self.muted.is_empty() {
            return false;
        }
        self.ready.raw(resp);
        self.pop();
        if let Some(Place::Own(part)) = self.places.front() {
            self.hand_out_own(*part, own, true);
            self.pop();
        }
        true
    }

    /// Goes on by `part` in the client's buffer, which is handed out if somebody wants it.
    #[inline]
    fn hand_out_own(&mut self, part: Mark, own: &Reply, is_wanted: bool) {
        let end = (self.from.0 + part.0, self.from.1 + part.1);
        if is_wanted {
            self.ready.append_part(own, self.from, end);
        }
        self.from = end;
    }

    /// Fills the place of `ticket` with a reply, or a part of one.
    pub fn fill(&mut self, ticket: u32, resp: &[u8], proto: Proto) {
        let at = ticket.wrapping_sub(self.first_ticket) as usize;
        match self.places.get_mut(at) {
            Some(place @ (Place::Open | Place::View(_) | Place::Exec(_))) => *place = Place::done(resp),
            Some(place @ Place::Element) => {
                *place = Place::done(resp.strip_prefix(b"*1\r\n").unwrap_or(resp))
            }
            Some(Place::Scan { core, next }) => {
                self.places[at] = Place::Done(scan_reply(resp, *core, *next, proto).into_buffer());
            }
            Some(Place::Gather(gather)) => {
                if let Some(whole) = gather.add(resp, proto) {
                    self.places[at] = Place::Done(whole.into_buffer());
                }
            }
            Some(Place::Done(_) | Place::Short(_) | Place::Own(_)) | None => {}
        }
    }

    /// The newest place is that of a transaction whose reply is to be composed.
    pub fn compose(&mut self, queue: Composed) {
        if let Some(place) = self.places.back_mut() {
            *place = Place::Exec(queue);
        }
    }

    /// Gives the place of `ticket` up if it is that of such a transaction: what its reply is composed of, and the messages
    /// behind it, for [`Pending::composed`].
    pub fn take_composed(&mut self, ticket: u32) -> Option<(Composed, VecDeque<Place>)> {
        let at = ticket.wrapping_sub(self.first_ticket) as usize;
        self.places.get(at).filter(|place| matches!(place, Place::Exec(_)))?;
        let messages = self.places.split_off(at + 1);
        match self.places.pop_back() {
            Some(Place::Exec(queue)) => Some((queue, messages)),
            _ => None,
        }
    }

    /// The places of such a transaction, the first of which has its ticket, are taken; `messages` follow.
    pub fn composed(&mut self, ticket: u32, mut messages: VecDeque<Place>, own: &Reply) {
        self.note(own);
        if self.muted.contains(&ticket) {
            self.muted.retain(|muted| muted.wrapping_sub(ticket) > i32::MAX as u32);
            self.muted.extend((0..self.end().wrapping_sub(ticket)).map(|i| ticket.wrapping_add(i)));
        }
        self.places.append(&mut messages);
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

    /// Adds a message that answers no request. It does not overtake answers that are there but wait for earlier
    /// ones: they may be what it is about.
    pub fn message(&mut self, own: &mut Reply, write: impl FnOnce(&mut Reply)) {
        let answer = |place: &Place| {
            matches!(
                place,
                Place::Done(_) | Place::Short(_) | Place::Own(_) | Place::Gather(_) | Place::View(_)
            )
        };
        self.note(own);
        if !self.places.iter().any(answer) {
            self.ready.proto = own.proto;
            write(&mut self.ready);
        } else if self.places.iter().any(|place| matches!(place, Place::Exec(_))) {
            let mut message = Reply::new(own.proto);
            write(&mut message);
            self.places.push_back(Place::Done(flat(&message)));
        } else {
            write(own);
        }
    }

    /// Whether something may be handed out, or nothing is left but what has no place yet.
    fn has_ready_places(&self) -> bool {
        matches!(self.places.front(), None | Some(Place::Done(_) | Place::Short(_) | Place::Own(_)))
    }

    /// Hands out what is done, and behind no open place.
    fn drain(&mut self, own: &mut Reply) {
        self.note(own);
        loop {
            let is_muted = self.is_muted();
            match self.places.front() {
                Some(Place::Own(part)) => self.hand_out_own(*part, own, !is_muted),
                Some(Place::Done(_) | Place::Short(_)) if is_muted => {}
                Some(Place::Done(resp)) => self.ready.raw(resp),
                Some(Place::Short(short)) => self.ready.raw(short.bytes()),
                _ => break,
            }
            self.pop();
        }
        self.forget_handed_out(own);
    }

    /// Cuts from the client's buffer what was handed out, where that is all or worth it.
    fn forget_handed_out(&mut self, own: &mut Reply) {
        let left = (self.upto.0 - self.from.0, self.upto.1 - self.from.1);
        if left == (0, 0) {
            own.clear();
        } else if self.from.0 >= left.0.max(LEFTOVER.0) || self.from.1 >= left.1.max(LEFTOVER.1) {
            own.cut_front(self.from);
        } else {
            return;
        }
        (self.from, self.upto) = ((0, 0), left);
    }

    /// Whether nobody wants the reply of the oldest place.
    #[inline]
    fn is_muted(&self) -> bool {
        self.muted.front() == Some(&self.first_ticket)
    }

    /// Ends the oldest place.
    #[inline]
    fn pop(&mut self) {
        if self.is_muted() {
            self.muted.pop_front();
        }
        self.places.pop_front();
        self.first_ticket = self.first_ticket.wrapping_add(1);
    }

    /// Bytes of its buffer and its queue.
    fn memory(&self) -> usize {
        self.ready.capacity() + self.places.capacity() * size_of::<Place>()
    }
}

/// Emptied queues to use again: one that begins is in the CPU's cache, and its memory costs nothing.
#[derive(Default)]
#[expect(clippy::vec_box, reason = "clients have them boxed")]
pub struct SparePending(Vec<Box<Pending>>);

impl SparePending {
    const KEEP: usize = 32;
    const KEEP_BYTES: usize = 32 * 1024;

    fn give(&mut self, pending: Box<Pending>) {
        if self.0.len() < SparePending::KEEP && pending.memory() <= SparePending::KEEP_BYTES {
            self.0.push(pending);
        }
    }
}

impl Client {
    /// Takes a place for the reply of a command that others run; its ticket.
    pub fn take_place(&mut self, place: Place, spare: &mut SparePending) -> u32 {
        let is_muted = self.is_muted();
        let pending = self.pending.get_or_insert_with(|| {
            let mut pending = spare.0.pop().unwrap_or_default();
            self.reply.exchange(&mut pending.ready);
            pending
        });
        pending.push(place, &self.reply, is_muted)
    }

    /// Drops what was written since `mark`, when it had places or had none; what has got a place is dropped there.
    pub fn unsay(&mut self, mark: Mark, had_places: bool) {
        let from = match &self.pending {
            Some(pending) if had_places => (mark.0.max(pending.upto.0), mark.1.max(pending.upto.1)),
            Some(pending) => pending.upto,
            None if had_places => return,
            None => mark,
        };
        self.reply.truncate(from);
    }

    /// Hands out what is answered, and behind no open place.
    #[inline]
    pub fn settle(&mut self, spare: &mut SparePending) {
        let Some(pending) = self.pending.as_mut().filter(|pending| pending.has_ready_places()) else {
            return;
        };
        pending.drain(&mut self.reply);
        if pending.places.is_empty()
            && let Some(mut pending) = self.pending.take()
        {
            self.reply.exchange(&mut pending.ready);
            spare.give(pending);
        }
    }

    /// Replies that may leave.
    pub fn ready(&self) -> &Reply {
        self.pending.as_ref().map_or(&self.reply, |pending| &pending.ready)
    }

    /// See [`Client::ready`].
    pub fn ready_mut(&mut self) -> &mut Reply {
        self.pending.as_mut().map_or(&mut self.reply, |pending| &mut pending.ready)
    }

    /// Bytes of replies that were not taken to be sent.
    pub fn unsent_replies(&self) -> usize {
        match &self.pending {
            Some(pending) => pending.ready.len() + self.reply.len() - self.reply.len_at(pending.from),
            None => self.reply.len(),
        }
    }

    /// Bytes of the buffers and the queue in which replies wait.
    pub fn reply_memory(&self) -> usize {
        self.reply.capacity() + self.pending.as_ref().map_or(0, |pending| pending.memory())
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

    /// A client's places, its buffer, and spare ones.
    #[derive(Default)]
    struct Queue(Pending, Reply);

    impl Queue {
        fn push(&mut self, place: Place) -> u32 {
            self.0.push(place, &self.1, false)
        }

        fn fill(&mut self, ticket: u32, resp: &[u8]) {
            self.0.fill(ticket, resp, Proto::Resp2);
            self.0.drain(&mut self.1);
        }

        fn ready(&self) -> String {
            let bytes = flat(&self.0.ready);
            String::from_utf8(bytes).unwrap()
        }
    }

    #[test]
    fn replies_in_order_of_requests() {
        let mut queue = Queue::default();
        let a = queue.push(Place::Open);
        let b = queue.push(Place::Open);
        queue.1.raw(b"+here\r\n");
        let c = queue.push(Place::Open);
        queue.fill(c, b"+c\r\n");
        queue.fill(b, b"+b\r\n");
        assert_eq!(queue.ready(), "");
        queue.fill(a, b"+a\r\n");
        assert_eq!(queue.ready(), "+a\r\n+b\r\n+here\r\n+c\r\n");
        assert!(queue.0.places.is_empty() && queue.1.is_empty());
        let d = queue.push(Place::Open);
        queue.fill(d, b"+d\r\n");
        assert!(queue.ready().ends_with("+d\r\n"));
    }

    #[test]
    fn replies_behind_an_open_place_of_any_size() {
        let (mut queue, mut all) = (Queue::default(), Vec::<u8>::new());
        let mut tickets = vec![queue.push(Place::Open)];
        for len in [5, Short::ROOM, 3 * LEFTOVER.0, Short::ROOM + 1, 10_000, 1, LEFTOVER.0] {
            // One that was made here, shared if it is big, and one that a sibling made.
            let resp = vec![b'a' + len as u8 % 26; len];
            queue.1.shared(resp.clone().into());
            all.extend(&resp);
            tickets.push(queue.push(Place::Open));
            queue.fill(*tickets.last().unwrap(), &resp);
            all.extend(&resp);
            tickets.push(queue.push(Place::Open));
        }
        assert_eq!(queue.ready(), "");
        for ticket in tickets {
            queue.fill(ticket, b"");
            let waits = queue.1.len() - queue.1.len_at(queue.0.from);
            let shorts = queue.0.places.iter().map(|place| match place {
                Place::Done(resp) => resp.len(),
                Place::Short(short) => short.bytes().len(),
                _ => 0,
            });
            assert_eq!(queue.ready().len() + waits + shorts.sum::<usize>(), all.len());
        }
        assert_eq!(queue.ready().as_bytes(), all);
        assert!(queue.1.is_empty());
    }

    #[test]
    fn muted_replies_are_dropped() {
        let mut queue = Queue::default();
        let first = queue.push(Place::Open);
        let second = queue.0.push(Place::Open, &queue.1, true);
        queue.1.raw(b"+own\r\n");
        let third = queue.0.push(Place::Open, &queue.1, true);
        queue.fill(third, b"+third\r\n");
        queue.fill(first, b"+first\r\n");
        queue.fill(second, b"+second\r\n");
        assert_eq!(queue.ready(), "+first\r\n+own\r\n");
        assert!(queue.0.places.is_empty() && queue.0.muted.is_empty());
    }

    #[test]
    fn messages_wait_for_answers_before_them() {
        let mut queue = Queue::default();
        let open = queue.push(Place::Open);
        queue.0.message(&mut queue.1, |reply| reply.raw(b">1\r\n"));
        assert_eq!(queue.ready(), ">1\r\n");
        queue.1.raw(b"+own\r\n");
        queue.0.message(&mut queue.1, |reply| reply.raw(b">2\r\n"));
        let exec = queue.push(Place::Open);
        queue.0.compose(Composed::new());
        queue.0.message(&mut queue.1, |reply| reply.raw(b">3\r\n"));
        let (_, messages) = queue.0.take_composed(exec).unwrap();
        queue.1.raw(b"*0\r\n");
        queue.0.composed(exec, messages, &queue.1);
        queue.fill(open, b"+open\r\n");
        assert_eq!(queue.ready(), ">1\r\n+open\r\n+own\r\n>2\r\n*0\r\n>3\r\n");
        assert!(queue.0.places.is_empty());
    }
}
