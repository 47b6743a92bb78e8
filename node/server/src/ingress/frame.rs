//! How a command crosses the mesh, and how its reply comes back.
//!
//! A frame is a fixed header and its payload, one behind the other in a message's buffer. The words of a
//! command travel as lengths and bytes rather than as RESP: the core that runs it has nothing to parse or look
//! up again.
//!
//! ```text
//! request: kind u8 | proto u8 | row u16 | slot u16 | words u32 | index u32 | generation u32 | ticket u32
//!          | user u32 | core u16 | hops u8 | length u64 of what follows: `words` times length u32, bytes
//! reply:   index u32 | generation u32 | ticket u32 | length u32 | RESP bytes
//! news:    index u32 | generation u32, highest bit set | kind u32 | length u32, then keys: length u32, bytes
//! ```
//!
//! The second byte of a request, `proto`, also says whether what it reads is tracked, and whether it counts as a call. News are invalidations for a
//! tracking client: among the replies, as they must not overtake them.

use acl::UserId;
use base::Slot;
use bytes::Bytes;
use commands::Args;
use resp::{Proto, append_short};
use smallvec::SmallVec;

use crate::core::blocking::SessionId;

/// What is asked of the sibling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Run this command.
    Run = 0,
    /// Run the commands that follow in the frames of kind `Queued`, as one.
    Exec = 1,
    /// One command of a transaction.
    Queued = 2,
    /// Watch these keys.
    Watch = 3,
    /// The session watches and waits for nothing any more.
    Forget = 4,
    /// Run this command though its slot is still on its way here.
    Asking = 6,
    /// In the place of a transaction's command that its user may not run: answer with this error.
    Refused = 5,
    /// Do this core's part of what all cores do.
    Part = 7,
    /// Say what this core sees for the command.
    Look = 8,
}

/// A request's header.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    /// What is asked.
    pub kind: Kind,
    /// The version of the reply.
    pub proto: Proto,
    /// The command's row.
    pub row: u16,
    /// The slot of its keys.
    pub slot: Slot,
    /// Whose it is.
    pub session: SessionId,
    /// The place of its reply.
    pub ticket: u32,
    /// Whose permissions hold.
    pub user: UserId,
    /// What it reads is remembered for client-side caching.
    pub tracks: bool,
    /// Its run is a call, not a part of one that is counted where it came in.
    pub counts: bool,
    /// How often it was passed on, its slot having moved.
    pub hops: u8,
}

/// Why a client hears of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It read the key.
    Read = 0,
    /// It read the key, and wrote it itself.
    Own = 1,
    /// It broadcasts.
    Broadcast = 2,
}

/// The second byte of a request.
const RESP3: u8 = 1;
const TRACKS: u8 = 2;
const COUNTS: u8 = 4;
/// Generations of sessions have 24 bits.
const IS_NEWS: u32 = 1 << 31;

/// What [`read_reply`] finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// The reply to the command with this ticket.
    Reply(u32, &'a [u8]),
    /// News.
    News(News, Vec<Bytes>),
}

/// Bytes of a request's header, and where in it the length of what follows is.
const FIXED_LEN: usize = 37;
const LEN_AT: usize = 29;

/// Words of nearly all commands fit without an allocation.
pub type Words<'a> = SmallVec<[&'a [u8]; 12]>;

/// Appends a request.
#[inline(always)]
pub fn write_request(out: &mut Vec<u8>, header: &Header, args: &Args<'_>) {
    let mut fixed = [0u8; FIXED_LEN];
    fixed[0] = header.kind as u8;
    let flags = [(header.proto == Proto::Resp3, RESP3), (header.tracks, TRACKS), (header.counts, COUNTS)];
    fixed[1] = flags.into_iter().map(|(is_set, flag)| u8::from(is_set) * flag).sum();
    fixed[2..4].copy_from_slice(&header.row.to_le_bytes());
    fixed[4..6].copy_from_slice(&header.slot.number().to_le_bytes());
    fixed[6..10].copy_from_slice(&(args.len() as u32).to_le_bytes());
    fixed[10..14].copy_from_slice(&header.session.index.to_le_bytes());
    fixed[14..18].copy_from_slice(&header.session.generation.to_le_bytes());
    fixed[18..22].copy_from_slice(&header.ticket.to_le_bytes());
    fixed[22..26].copy_from_slice(&header.user.number().to_le_bytes());
    fixed[26..28].copy_from_slice(&header.session.core.to_le_bytes());
    fixed[28] = header.hops;
    let start = out.len();
    out.extend_from_slice(&fixed);
    for word in args.iter() {
        out.extend_from_slice(&(word.len() as u32).to_le_bytes());
        append_short(out, word);
    }
    let len = (out.len() - start - FIXED_LEN) as u64;
    out[start + LEN_AT..start + FIXED_LEN].copy_from_slice(&len.to_le_bytes());
}

/// Takes `N` bytes off the front. Frames come from a sibling: a short one is a broken invariant.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (front, back) = rest.split_first_chunk::<N>().expect("a sibling sends whole frames");
    *rest = back;
    *front
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let len = u32::from_le_bytes(take(rest)) as usize;
    let (front, back) = rest.split_at(len);
    *rest = back;
    front
}

/// The number at `at` of a request's header.
fn number<const N: usize>(fixed: &[u8; FIXED_LEN], at: usize) -> [u8; N] {
    *fixed[at..].first_chunk::<N>().expect("the header has it")
}

/// Takes a request of a sibling off the front.
pub fn read_request<'a>(rest: &mut &'a [u8]) -> (Header, Words<'a>) {
    let mut words = Words::new();
    (read_request_into(rest, &mut words), words)
}

/// The same; its words take the place of those in `words`.
#[inline]
pub fn read_request_into<'a>(rest: &mut &'a [u8], words: &mut Words<'a>) -> Header {
    let fixed: &[u8; FIXED_LEN] = &take(rest);
    let kind = match fixed[0] {
        0 => Kind::Run,
        1 => Kind::Exec,
        2 => Kind::Queued,
        3 => Kind::Watch,
        5 => Kind::Refused,
        6 => Kind::Asking,
        7 => Kind::Part,
        8 => Kind::Look,
        _ => Kind::Forget,
    };
    let flags = fixed[1];
    let session = SessionId {
        core: u16::from_le_bytes(number(fixed, 26)),
        index: u32::from_le_bytes(number(fixed, 10)),
        generation: u32::from_le_bytes(number(fixed, 14)),
    };
    words.clear();
    words.extend((0..u32::from_le_bytes(number(fixed, 6))).map(|_| take_bytes(rest)));
    Header {
        kind,
        proto: if flags & RESP3 != 0 { Proto::Resp3 } else { Proto::Resp2 },
        row: u16::from_le_bytes(number(fixed, 2)),
        slot: slot_in(fixed),
        session,
        ticket: u32::from_le_bytes(number(fixed, 18)),
        user: UserId::new(u32::from_le_bytes(number(fixed, 22))).expect("a sibling sends users"),
        tracks: flags & TRACKS != 0,
        counts: flags & COUNTS != 0,
        hops: fixed[28],
    }
}

fn slot_in(fixed: &[u8; FIXED_LEN]) -> Slot {
    Slot::new(u16::from_le_bytes(number(fixed, 4))).expect("a sibling sends slots")
}

/// Takes a request of a sibling off the front; its slot, and what is most likely its first key.
pub fn peek_request<'a>(rest: &mut &'a [u8]) -> (Slot, Option<&'a [u8]>) {
    let fixed: &[u8; FIXED_LEN] = &take(rest);
    let (mut words, behind) = rest.split_at(u64::from_le_bytes(number(fixed, LEN_AT)) as usize);
    *rest = behind;
    let has_key = u32::from_le_bytes(number(fixed, 6)) > 1;
    let key = has_key.then(|| {
        take_bytes(&mut words);
        take_bytes(&mut words)
    });
    (slot_in(fixed), key)
}

/// Appends a reply's header; its `len` bytes are to follow.
#[inline]
pub fn begin_reply(out: &mut Vec<u8>, session: SessionId, ticket: u32, len: usize) {
    out.reserve(16 + len);
    let mut header = [0u8; 16];
    let numbers = [session.index, session.generation, ticket, len as u32];
    for (place, number) in header.chunks_exact_mut(4).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&header);
}

/// Appends news of `keys`.
pub fn write_news(out: &mut Vec<u8>, session: SessionId, news: News, keys: &[Bytes]) {
    let len = keys.iter().map(|key| 4 + key.len()).sum();
    begin_reply(out, SessionId { generation: session.generation | IS_NEWS, ..session }, news as u32, len);
    for key in keys {
        out.extend_from_slice(&(key.len() as u32).to_le_bytes());
        out.extend_from_slice(key);
    }
}

/// Takes a reply off the front if it is one for a command of this session; its ticket, and its bytes.
pub fn next_reply<'a>(session: SessionId, rest: &mut &'a [u8]) -> Option<(u32, &'a [u8])> {
    let mut ahead = *rest;
    if ahead.is_empty() || u32::from_le_bytes(take(&mut ahead)) != session.index {
        return None;
    }
    // News have another generation.
    if u32::from_le_bytes(take(&mut ahead)) != session.generation {
        return None;
    }
    let reply = (u32::from_le_bytes(take(&mut ahead)), take_bytes(&mut ahead));
    *rest = ahead;
    Some(reply)
}

/// Takes a reply or news off the front, for the client with this index and generation.
pub fn read_reply<'a>(rest: &mut &'a [u8]) -> (u32, u32, Answer<'a>) {
    let (index, generation) = (u32::from_le_bytes(take(rest)), u32::from_le_bytes(take(rest)));
    let number = u32::from_le_bytes(take(rest));
    let mut bytes = take_bytes(rest);
    if generation & IS_NEWS == 0 {
        return (index, generation, Answer::Reply(number, bytes));
    }
    let news = match number {
        0 => News::Read,
        1 => News::Own,
        _ => News::Broadcast,
    };
    let mut keys = Vec::new();
    while !bytes.is_empty() {
        keys.push(Bytes::copy_from_slice(take_bytes(&mut bytes)));
    }
    (index, generation & !IS_NEWS, Answer::News(news, keys))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        let session = SessionId { core: 3, index: 7, generation: 9 };
        let (kind, proto, slot, user) = (Kind::Run, Proto::Resp3, Slot::ZERO, UserId::new(4).unwrap());
        let header = Header {
            kind,
            proto,
            row: 12,
            slot,
            session,
            ticket: 5,
            user,
            tracks: true,
            counts: false,
            hops: 2,
        };
        let mut out = Vec::new();
        write_request(&mut out, &header, &Args::new(&[b"get", b""]));
        write_request(&mut out, &Header { kind: Kind::Watch, ..header }, &Args::new(&[]));
        assert_eq!(peek_request(&mut &out[..]), (Slot::ZERO, Some(&b""[..])));
        let mut rest = &out[..];
        let (read, words) = read_request(&mut rest);
        assert_eq!(
            (read.kind, read.proto, read.row, read.session, read.ticket, read.user, read.tracks, read.counts),
            (kind, proto, 12, session, 5, user, true, false)
        );
        assert_eq!(&words[..], [&b"get"[..], b""]);
        assert_eq!(read.hops, 2);
        assert_eq!(read_request(&mut rest).0.kind, Kind::Watch);
        assert!(rest.is_empty());

        let mut out = Vec::new();
        begin_reply(&mut out, session, 5, 3);
        out.extend_from_slice(b"+x\n");
        let keys = [Bytes::from_static(b"a"), Bytes::new()];
        write_news(&mut out, session, News::Own, &keys);
        let mut rest = &out[..];
        assert_eq!(read_reply(&mut rest), (7, 9, Answer::Reply(5, b"+x\n")));
        assert_eq!(next_reply(session, &mut rest), None);
        assert_eq!(read_reply(&mut rest), (7, 9, Answer::News(News::Own, keys.to_vec())));
        assert!(rest.is_empty());
        assert_eq!(next_reply(session, &mut rest), None);
        let mut rest = &out[..];
        assert_eq!(next_reply(SessionId { index: 8, ..session }, &mut rest), None);
        assert_eq!(next_reply(session, &mut rest), Some((5, &b"+x\n"[..])));
        assert_eq!(next_reply(session, &mut rest), None, "news");
    }
}
