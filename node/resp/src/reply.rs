//! Replies: values to bytes, in the client's protocol version.
//!
//! All replies of a batch go into one buffer, so that one send carries them. A big value would be copied
//! into it only to be copied again by the kernel: from [`BLOB_MIN`] bytes on, a value that is already
//! reference counted rides along as a segment of its own.

use bytes::Bytes;

use crate::double::format_double;
use crate::integer::IntegerText;
use crate::short::append_short;

/// A shared value of at least this many bytes is sent from where it lies; below it, copying is cheaper than
/// one more piece in the send.
const BLOB_MIN: usize = 8 * 1024;

/// The protocol version a client chose by HELLO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proto {
    /// The version a connection starts with.
    #[default]
    Resp2,
    /// Typed replies and push messages.
    Resp3,
}

/// A place between two replies of a buffer: the plain bytes and the shared values before it.
pub type Mark = (usize, usize);

/// The bytes of replies not yet sent.
#[derive(Debug, Default)]
pub struct Reply {
    bytes: Vec<u8>,
    /// Shared values, each with the position in `bytes` it belongs before; ascending.
    blobs: Vec<(usize, Bytes)>,
    blob_bytes: usize,
    /// The version replies are written in.
    pub proto: Proto,
}

/// One piece of what is to be sent, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Segment<'a> {
    /// Bytes of the reply buffer.
    Bytes(&'a [u8]),
    /// A shared value.
    Blob(&'a Bytes),
}

/// A place where a length is to be written once it is known; see [`Reply::defer`].
#[derive(Debug)]
#[must_use = "a deferred length must be set"]
pub struct Deferred {
    position: usize,
    blobs: usize,
}

impl Reply {
    /// An empty buffer for a client that speaks `proto`.
    pub fn new(proto: Proto) -> Reply {
        Reply { proto, ..Reply::default() }
    }

    /// An empty buffer that uses the memory of `bytes`.
    pub fn with_buffer(mut bytes: Vec<u8>, proto: Proto) -> Reply {
        bytes.clear();
        Reply { bytes, proto, ..Reply::default() }
    }

    /// Bytes that are ready to be sent as they are.
    pub fn ready(bytes: Vec<u8>, proto: Proto) -> Reply {
        Reply { bytes, proto, ..Reply::default() }
    }

    /// Uses the memory of `bytes`, an empty buffer, from now on; for a reply that has none yet.
    pub fn adopt_buffer(&mut self, bytes: Vec<u8>) {
        debug_assert!(self.bytes.capacity() == 0 && bytes.is_empty());
        self.bytes = bytes;
    }

    /// Exchanges what this buffer holds for what another does; both go on in this one's version.
    pub fn exchange(&mut self, other: &mut Reply) {
        other.proto = self.proto;
        std::mem::swap(self, other);
    }

    /// Total bytes to send.
    pub fn len(&self) -> usize {
        self.bytes.len() + self.blob_bytes
    }

    /// Whether nothing is to be sent.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.blobs.is_empty()
    }

    /// The bytes, when no shared value rides along.
    pub fn as_plain(&self) -> Option<&[u8]> {
        self.blobs.is_empty().then_some(&self.bytes[..])
    }

    /// Bytes of memory held for replies that are no shared values.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Takes the plain buffer out, for reuse.
    pub fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }

    /// All pieces in order.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let ends = self.blobs.iter().map(|(at, _)| *at).chain([self.bytes.len()]);
        let starts = [0].into_iter().chain(self.blobs.iter().map(|(at, _)| *at));
        let texts = starts.zip(ends).map(|(from, to)| Segment::Bytes(&self.bytes[from..to]));
        let blobs = self.blobs.iter().map(|(_, blob)| Some(Segment::Blob(blob))).chain([None]);
        let pieces = texts.zip(blobs).flat_map(|(text, blob)| [Some(text), blob]).flatten();
        pieces.filter(|s| !matches!(s, Segment::Bytes([])))
    }

    /// Appends all pieces, shared values as copies, to `out`.
    #[inline]
    pub fn copy_to(&self, out: &mut Vec<u8>) {
        if let Some(plain) = self.as_plain() {
            return append_short(out, plain);
        }
        for segment in self.segments() {
            out.extend_from_slice(match segment {
                Segment::Bytes(bytes) => bytes,
                Segment::Blob(blob) => blob,
            });
        }
    }

    /// Drops everything written, keeping the memory.
    pub fn clear(&mut self) {
        self.truncate((0, 0));
    }

    /// Cuts everything written after `mark` (a former [`Reply::mark`]).
    pub fn truncate(&mut self, mark: Mark) {
        self.bytes.truncate(mark.0);
        for (_, blob) in self.blobs.drain(mark.1..) {
            self.blob_bytes -= blob.len();
        }
    }

    /// The present end, to come back to by [`Reply::truncate`].
    pub fn mark(&self) -> Mark {
        (self.bytes.len(), self.blobs.len())
    }

    /// Total bytes before `mark`.
    pub fn len_at(&self, mark: Mark) -> usize {
        mark.0 + self.blobs[..mark.1].iter().map(|(_, blob)| blob.len()).sum::<usize>()
    }

    /// The plain bytes written since `mark`.
    pub fn since(&self, mark: Mark) -> &[u8] {
        &self.bytes[mark.0..]
    }

    /// Appends bytes that are RESP already.
    #[inline]
    pub fn raw(&mut self, resp: &[u8]) {
        append_short(&mut self.bytes, resp);
    }

    /// Appends bytes that are RESP already and may be sent from where they lie.
    pub fn shared(&mut self, resp: Bytes) {
        if resp.len() < BLOB_MIN { self.raw(&resp) } else { self.push_blob(resp) }
    }

    /// Appends another buffer's replies, sharing its big values.
    pub fn append(&mut self, other: &Reply) {
        self.append_part(other, (0, 0), other.mark());
    }

    /// Appends what another buffer holds between two marks, sharing its big values.
    pub fn append_part(&mut self, other: &Reply, from: Mark, to: Mark) {
        let mut start = from.0;
        for (at, blob) in &other.blobs[from.1..to.1] {
            self.raw(&other.bytes[start..*at]);
            self.push_blob(blob.clone());
            start = *at;
        }
        self.raw(&other.bytes[start..to.0]);
    }

    /// Drops everything written before `mark`.
    pub fn cut_front(&mut self, mark: Mark) {
        self.bytes.drain(..mark.0);
        for (_, blob) in self.blobs.drain(..mark.1) {
            self.blob_bytes -= blob.len();
        }
        self.blobs.iter_mut().for_each(|(at, _)| *at -= mark.0);
    }

    fn push_blob(&mut self, blob: Bytes) {
        self.blob_bytes += blob.len();
        self.blobs.push((self.bytes.len(), blob));
    }

    fn is_resp3(&self) -> bool {
        self.proto == Proto::Resp3
    }

    fn header(&mut self, kind: u8, number: i64) {
        self.bytes.push(kind);
        // Most counts and lengths are one or two digits.
        match number {
            0..=9 => self.bytes.push(b'0' + number as u8),
            10..=99 => {
                self.bytes.extend_from_slice(&[b'0' + (number / 10) as u8, b'0' + (number % 10) as u8])
            }
            _ => self.bytes.extend_from_slice(IntegerText::new(number).as_bytes()),
        }
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn line(&mut self, kind: u8, text: &str) {
        self.bytes.push(kind);
        // A line end inside would cut the reply in two.
        self.bytes.extend(text.bytes().map(|b| if b == b'\r' || b == b'\n' { b' ' } else { b }));
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// `+OK`.
    pub fn ok(&mut self) {
        self.bytes.extend_from_slice(b"+OK\r\n");
    }

    /// A simple string.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text);
    }

    /// An error; `text` begins with its code (`ERR`, `WRONGTYPE`, ...).
    pub fn error(&mut self, text: &str) {
        self.line(b'-', text);
    }

    /// An integer.
    pub fn integer(&mut self, value: i64) {
        self.header(b':', value);
    }

    /// A bulk string.
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.bytes.reserve(bytes.len() + 16);
        self.header(b'$', bytes.len() as i64);
        append_short(&mut self.bytes, bytes);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// A bulk string that may be sent from where it lies.
    pub fn blob(&mut self, bytes: &Bytes) {
        if bytes.len() < BLOB_MIN {
            return self.bulk(bytes);
        }
        self.header(b'$', bytes.len() as i64);
        self.push_blob(bytes.clone());
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// An integer as a bulk string.
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(IntegerText::new(value).as_bytes());
    }

    /// Null: `$-1` in RESP2, `_` in RESP3.
    pub fn null(&mut self) {
        self.bytes.extend_from_slice(if self.is_resp3() { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// Null where an array was asked for: `*-1` in RESP2, `_` in RESP3.
    pub fn null_array(&mut self) {
        self.bytes.extend_from_slice(if self.is_resp3() { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// The header of an array of `len` values.
    pub fn array(&mut self, len: usize) {
        self.header(b'*', len as i64);
    }

    /// The header of a map of `len` pairs; in RESP2 an array of twice as many values.
    pub fn map(&mut self, len: usize) {
        if self.is_resp3() { self.header(b'%', len as i64) } else { self.header(b'*', 2 * len as i64) }
    }

    /// The header of a set of `len` values; in RESP2 an array.
    pub fn set(&mut self, len: usize) {
        self.header(if self.is_resp3() { b'~' } else { b'*' }, len as i64);
    }

    /// The header of a push message of `len` values; in RESP2 an array.
    pub fn push(&mut self, len: usize) {
        self.header(if self.is_resp3() { b'>' } else { b'*' }, len as i64);
    }

    /// A double; in RESP2 a bulk string.
    pub fn double(&mut self, value: f64) {
        let mut text = Vec::with_capacity(24);
        format_double(value, &mut text);
        if !self.is_resp3() {
            return self.bulk(&text);
        }
        self.bytes.push(b',');
        self.bytes.extend_from_slice(&text);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// A boolean; in RESP2 the integer 0 or 1.
    pub fn boolean(&mut self, value: bool) {
        if self.is_resp3() {
            self.bytes.extend_from_slice(if value { b"#t\r\n" } else { b"#f\r\n" });
        } else {
            self.integer(i64::from(value));
        }
    }

    /// A number of any size, as its digits; in RESP2 a bulk string.
    pub fn big_number(&mut self, digits: &str) {
        if self.is_resp3() { self.line(b'(', digits) } else { self.bulk(digits.as_bytes()) }
    }

    /// Text with its three-letter format (`txt`, `mkd`); in RESP2 a bulk string.
    pub fn verbatim(&mut self, format: &str, text: &str) {
        self.verbatim_bytes(format.as_bytes(), text.as_bytes());
    }

    /// As [`Reply::verbatim`], of any bytes; the format is cut or filled with spaces to three.
    pub fn verbatim_bytes(&mut self, format: &[u8], text: &[u8]) {
        if !self.is_resp3() {
            return self.bulk(text);
        }
        self.header(b'=', text.len() as i64 + 4);
        let letter = |i: usize| format.get(i).copied().unwrap_or(b' ');
        self.bytes.extend_from_slice(&[letter(0), letter(1), letter(2), b':']);
        self.bytes.extend_from_slice(text);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// The header of attributes of `len` pairs (RESP3 only; the caller checks).
    pub fn attribute(&mut self, len: usize) {
        self.header(b'|', len as i64);
    }

    /// Leaves room for the header of a collection whose length is not known yet.
    pub fn defer(&mut self) -> Deferred {
        Deferred { position: self.bytes.len(), blobs: self.blobs.len() }
    }

    /// Writes the array header that was deferred.
    pub fn set_array(&mut self, at: Deferred, len: usize) {
        self.insert_header(at, |reply| reply.array(len));
    }

    /// Writes the map header that was deferred.
    pub fn set_map(&mut self, at: Deferred, len: usize) {
        self.insert_header(at, |reply| reply.map(len));
    }

    /// Writes the set header that was deferred.
    pub fn set_set(&mut self, at: Deferred, len: usize) {
        self.insert_header(at, |reply| reply.set(len));
    }

    fn insert_header(&mut self, at: Deferred, write: impl FnOnce(&mut Reply)) {
        let mut header = Reply::new(self.proto);
        write(&mut header);
        let header = header.bytes;
        self.bytes.splice(at.position..at.position, header.iter().copied());
        for (position, _) in &mut self.blobs[at.blobs..] {
            *position += header.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(proto: Proto, write: impl FnOnce(&mut Reply)) -> String {
        let mut reply = Reply::new(proto);
        write(&mut reply);
        String::from_utf8(reply.as_plain().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn both_versions() {
        type Case = (fn(&mut Reply), &'static str, &'static str);
        let cases: [Case; 10] = [
            (|r| r.null(), "$-1\r\n", "_\r\n"),
            (|r| r.null_array(), "*-1\r\n", "_\r\n"),
            (|r| r.map(2), "*4\r\n", "%2\r\n"),
            (|r| r.set(100), "*100\r\n", "~100\r\n"),
            (|r| r.push(3), "*3\r\n", ">3\r\n"),
            (|r| r.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"),
            (|r| r.boolean(true), ":1\r\n", "#t\r\n"),
            (|r| r.big_number("123"), "$3\r\n123\r\n", "(123\r\n"),
            (|r| r.verbatim("txt", "hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"),
            (|r| r.error("ERR a\nb"), "-ERR a b\r\n", "-ERR a b\r\n"),
        ];
        for (write, two, three) in cases {
            assert_eq!(written(Proto::Resp2, write), two);
            assert_eq!(written(Proto::Resp3, write), three);
        }
    }

    #[test]
    fn deferred_lengths() {
        let text = written(Proto::Resp2, |r| {
            r.integer(-12);
            let at = r.defer();
            r.bulk(b"a");
            r.bulk(b"b");
            r.set_array(at, 2);
        });
        assert_eq!(text, ":-12\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    }

    #[test]
    fn blobs_ride_along() {
        let big = Bytes::from(vec![b'x'; BLOB_MIN]);
        let mut reply = Reply::default();
        let at = reply.defer();
        reply.blob(&big);
        reply.blob(&big);
        reply.set_array(at, 2);
        let header: &[u8] = b"*2\r\n$8192\r\n";
        let expect = [
            Segment::Bytes(header),
            Segment::Blob(&big),
            Segment::Bytes(b"\r\n$8192\r\n"),
            Segment::Blob(&big),
            Segment::Bytes(b"\r\n"),
        ];
        assert_eq!(reply.segments().collect::<Vec<_>>(), expect);
        assert_eq!(reply.len(), header.len() + 2 * big.len() + 2 + 9);
        assert_eq!(reply.as_plain(), None);
        let mark = reply.mark();
        reply.blob(&big);
        reply.truncate(mark);
        assert_eq!(reply.len(), header.len() + 2 * big.len() + 2 + 9);
        let mut copy = Reply::default();
        copy.append(&reply);
        assert_eq!(copy.segments().collect::<Vec<_>>(), expect);
    }
}
