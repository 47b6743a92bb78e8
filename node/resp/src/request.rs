//! Requests: bytes in, argument ranges out.
//!
//! A reader that copies each argument, or starts over when half a request is there, is slow twice: an
//! allocation per argument, and quadratic work on a request of a million arguments. So [`Parser`] keeps
//! where it stopped, counted from the request's first byte, and gives ranges into the caller's buffer. The
//! caller keeps the bytes of an unfinished request and calls again when more have come.
//!
//! A big bulk string would pass through that buffer only to be copied out again. When one is announced and
//! not all there, [`Parsed::Incomplete`] comes with [`Parser::big_bulk`]: the caller may collect the payload
//! in a buffer of its own and hand it in by [`Parser::finish_big_bulk`].

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use crate::inline::split_line;
use crate::integer::parse_integer;

/// Longest inline request, and longest header line of a bulk request, in bytes (Redis: 64 KB).
const LINE_MAX: usize = 64 * 1024;
/// Most arguments of one request.
const MULTIBULK_MAX: i64 = 1024 * 1024;
/// Limits of a client that still owes its password (Redis: 10 arguments of 16 KB).
const UNAUTHENTICATED_ARGS_MAX: i64 = 10;
const UNAUTHENTICATED_BULK_MAX: i64 = 16384;
/// A bulk string of at least this many bytes is worth collecting outside the request buffer.
const BIG_BULK: usize = 4 * 1024;

/// What a connection allows its client to send.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest bulk string in bytes (`proto-max-bulk-len`).
    pub bulk_max: i64,
    /// Whether the client has given its password, where one is asked.
    pub authenticated: bool,
}

/// What [`Parser::parse`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A whole request; its arguments are ready, its bytes are `consumed`.
    Request {
        /// How many bytes of the buffer the request took.
        consumed: usize,
    },
    /// Bytes that ask for nothing (an empty line, `*0`): skip them.
    Nothing {
        /// How many bytes to skip.
        consumed: usize,
    },
    /// The request goes on past the buffer's end.
    Incomplete,
}

/// The client broke the protocol; the text goes to it after `-ERR Protocol error: `, then the connection
/// closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolError {
    /// An inline request over 64 KB.
    InlineTooBig,
    /// Quotes of an inline request do not pair.
    UnbalancedQuotes,
    /// No line end within 64 KB of a `*`.
    CountLineTooBig,
    /// The number after `*` is no number, or over the maximum.
    InvalidCount,
    /// More arguments than an unauthenticated client may send.
    UnauthenticatedCount,
    /// No line end within 64 KB of a `$`.
    BulkLineTooBig,
    /// This byte stands where a `$` should.
    ExpectedDollar(u8),
    /// The number after `$` is no number, or over `proto-max-bulk-len`.
    InvalidBulk,
    /// A longer argument than an unauthenticated client may send.
    UnauthenticatedBulk,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProtocolError::InlineTooBig => "too big inline request",
            ProtocolError::UnbalancedQuotes => "unbalanced quotes in request",
            ProtocolError::CountLineTooBig => "too big mbulk count string",
            ProtocolError::InvalidCount => "invalid multibulk length",
            ProtocolError::UnauthenticatedCount => "unauthenticated multibulk length",
            ProtocolError::BulkLineTooBig => "too big bulk count string",
            ProtocolError::ExpectedDollar(got) => return write!(f, "expected '$', got '{}'", *got as char),
            ProtocolError::InvalidBulk => "invalid bulk length",
            ProtocolError::UnauthenticatedBulk => "unauthenticated bulk length",
        })
    }
}

/// Where one argument's bytes are.
#[derive(Debug)]
enum Arg {
    /// In the request's buffer.
    Range(Range<usize>),
    /// Collected apart: a big bulk string, or a word of an inline request.
    Owned(Bytes),
}

/// The state of one request being read. Call [`Parser::parse`] until it is whole, look at the arguments,
/// then [`Parser::reset`].
#[derive(Debug, Default)]
pub struct Parser {
    args: Vec<Arg>,
    /// Arguments still to come; 0 before the header was read.
    missing: usize,
    /// Length of the bulk string being read, when its header was read.
    bulk: Option<usize>,
    /// Bytes of the request already understood.
    position: usize,
}

impl Parser {
    /// Forgets the request, keeping the memory for the next.
    pub fn reset(&mut self) {
        self.args.clear();
        self.missing = 0;
        self.bulk = None;
        self.position = 0;
    }

    /// Number of arguments read, the command's name included.
    pub fn len(&self) -> usize {
        self.args.len()
    }

    /// Whether nothing was read yet.
    pub fn is_empty(&self) -> bool {
        self.args.is_empty()
    }

    /// The arguments of a whole request, in order; `request` is the buffer last given to `parse`.
    pub fn args<'a>(&'a self, request: &'a [u8]) -> impl ExactSizeIterator<Item = &'a [u8]> {
        self.args.iter().map(move |arg| match arg {
            Arg::Range(range) => &request[range.clone()],
            Arg::Owned(bytes) => &bytes[..],
        })
    }

    /// Argument `index`, when it has a buffer of its own that may be kept without a copy.
    pub fn owned(&self, index: usize) -> Option<&Bytes> {
        match self.args.get(index) {
            Some(Arg::Owned(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// Bytes held outside the request's buffer.
    pub fn owned_bytes(&self) -> usize {
        self.args.iter().map(|arg| if let Arg::Owned(bytes) = arg { bytes.len() } else { 0 }).sum()
    }

    /// Reads on. `request` begins at the request's first byte, also when called again with more of it.
    #[inline]
    pub fn parse(&mut self, request: &[u8], limits: &Limits) -> Result<Parsed, ProtocolError> {
        // With its last argument collected apart, nothing of the request is left to read here.
        if self.missing == 0 && self.args.is_empty() {
            match request.first() {
                None => return Ok(Parsed::Incomplete),
                Some(b'*') => {
                    if let Some(early) = self.parse_count(request, limits)? {
                        return Ok(early);
                    }
                }
                Some(_) => return self.parse_inline(request),
            }
        }
        while self.missing > 0 {
            if !self.parse_bulk(request, limits)? {
                return Ok(Parsed::Incomplete);
            }
        }
        Ok(Parsed::Request { consumed: self.position })
    }

    /// The `*N` line. `Some` when the request ends here: incomplete, or empty.
    fn parse_count(&mut self, request: &[u8], limits: &Limits) -> Result<Option<Parsed>, ProtocolError> {
        let Some((count, end)) = header_number(request, 1) else {
            let overlong = request.len() > LINE_MAX;
            return if overlong { Err(ProtocolError::CountLineTooBig) } else { Ok(Some(Parsed::Incomplete)) };
        };
        let count = count.filter(|n| *n <= MULTIBULK_MAX).ok_or(ProtocolError::InvalidCount)?;
        if count > UNAUTHENTICATED_ARGS_MAX && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedCount);
        }
        if count <= 0 {
            return Ok(Some(Parsed::Nothing { consumed: end }));
        }
        self.missing = count as usize;
        self.position = end;
        Ok(None)
    }

    /// One bulk string; whether it was all there.
    #[inline]
    fn parse_bulk(&mut self, request: &[u8], limits: &Limits) -> Result<bool, ProtocolError> {
        let length = match self.bulk {
            Some(length) => length,
            None => match self.parse_bulk_header(request, limits)? {
                Some(length) => length,
                None => return Ok(false),
            },
        };
        let end = self.position + length;
        // The two bytes after the payload are skipped unread, as Redis does.
        if request.len() < end + 2 {
            self.bulk = Some(length);
            return Ok(false);
        }
        self.args.push(Arg::Range(self.position..end));
        self.bulk = None;
        self.position = end + 2;
        self.missing -= 1;
        Ok(true)
    }

    #[inline]
    fn parse_bulk_header(&mut self, request: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
        let line = &request[self.position.min(request.len())..];
        let Some((length, end)) = header_number(line, 1) else {
            let overlong = line.len() > LINE_MAX;
            return if overlong { Err(ProtocolError::BulkLineTooBig) } else { Ok(None) };
        };
        if line[0] != b'$' {
            return Err(ProtocolError::ExpectedDollar(line[0]));
        }
        let length =
            length.filter(|n| (0..=limits.bulk_max).contains(n)).ok_or(ProtocolError::InvalidBulk)?;
        if length > UNAUTHENTICATED_BULK_MAX && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedBulk);
        }
        self.position += end;
        Ok(Some(length as usize))
    }

    /// When the parse stopped inside a big bulk string: where its payload starts in the request's buffer
    /// and its whole length.
    pub fn big_bulk(&self) -> Option<(usize, usize)> {
        self.bulk.filter(|length| *length >= BIG_BULK).map(|length| (self.position, length))
    }

    /// Takes the payload of the bulk string that [`Parser::big_bulk`] told of. The request's buffer goes on
    /// with what follows the payload's own line end: both are no longer in it.
    pub fn finish_big_bulk(&mut self, payload: Bytes) {
        debug_assert_eq!(self.bulk, Some(payload.len()));
        self.args.push(Arg::Owned(payload));
        self.bulk = None;
        self.missing -= 1;
    }

    fn parse_inline(&mut self, request: &[u8]) -> Result<Parsed, ProtocolError> {
        let Some(newline) = memchr::memchr(b'\n', &request[..request.len().min(LINE_MAX + 1)]) else {
            let overlong = request.len() > LINE_MAX;
            return if overlong { Err(ProtocolError::InlineTooBig) } else { Ok(Parsed::Incomplete) };
        };
        let line = request[..newline].strip_suffix(b"\r").unwrap_or(&request[..newline]);
        let words = split_line(line).ok_or(ProtocolError::UnbalancedQuotes)?;
        let consumed = newline + 1;
        if words.is_empty() {
            return Ok(Parsed::Nothing { consumed });
        }
        self.args.extend(words.into_iter().map(|word| Arg::Owned(Bytes::from(word))));
        // A whole request may be asked for again, when it had to wait.
        self.position = consumed;
        Ok(Parsed::Request { consumed })
    }
}

/// Reads the request that `bytes` begin with if it is all there and written as an array, as nearly every request is:
/// hands its words on, and says how many bytes it is. `None` for any other, and for a client that still owes its
/// password: those are [`Parser`]'s to read, and words handed on before mean nothing.
#[inline]
pub fn read_whole<'a>(bytes: &'a [u8], limits: &Limits, mut word: impl FnMut(&'a [u8])) -> Option<usize> {
    if *bytes.first()? != b'*' || !limits.authenticated {
        return None;
    }
    let (count, mut at) = header_number(bytes, 1)?;
    for _ in 0..count.filter(|count| (1..=MULTIBULK_MAX).contains(count))? {
        let (bulk, next) = bulk_at(bytes, at)?;
        if bulk.len() as i64 > limits.bulk_max || next > bytes.len() {
            return None;
        }
        word(bulk);
        at = next;
    }
    Some(at)
}

/// The word behind the name of the request that `bytes` begin with, most likely its key: a cheap look for whoever
/// wants to load what the request will need. `None` when it is not all there, or not written as an array.
pub fn peek_key(bytes: &[u8]) -> Option<&[u8]> {
    let (count, name) = header_number(bytes, 1).filter(|_| bytes[0] == b'*')?;
    count.filter(|count| *count > 1)?;
    let (_, key) = bulk_at(bytes, name)?;
    bulk_at(bytes, key).map(|(key, _)| key)
}

/// The bulk string whose header is at `at`, and where what follows it begins, if all of its payload is there; the two bytes
/// behind that, which nobody reads, may be missing.
#[inline]
fn bulk_at(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let line = bytes.get(at..).filter(|line| line.first() == Some(&b'$'))?;
    let (length, header) = header_number(line, 1)?;
    let start = at + header;
    let end = start.checked_add(usize::try_from(length?).ok()?)?;
    Some((bytes.get(start..end)?, end + 2))
}

/// The number on a header line, from byte `from` to its `\r\n`, and where the next line starts; the number
/// is `None` when it is not one. `None` when the line's end is not there yet.
#[inline]
fn header_number(line: &[u8], from: usize) -> Option<(Option<i64>, usize)> {
    // Nearly every header is one to four digits: no search for the line's end then.
    let mut value: i64 = 0;
    for (i, &b) in line.iter().enumerate().skip(from).take(5) {
        match b {
            b'0'..=b'9' if i == from || value > 0 => value = value * 10 + i64::from(b - b'0'),
            b'\r' if i > from => {
                return (line.len() > i + 1).then_some((Some(value), i + 2));
            }
            _ => break,
        }
    }
    let end = memchr::memchr(b'\r', &line[..line.len().min(LINE_MAX + 1)])?;
    if line.len() < end + 2 {
        return None;
    }
    Some((parse_integer(line.get(from..end).unwrap_or_default()), end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Limits = Limits { bulk_max: 512 << 20, authenticated: true };

    #[test]
    fn what_is_read_whole_is_what_the_parser_reads() {
        let input: &[u8] =
            b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*3\r\n$3\r\nSET\r\n$0\r\n\r\n$12\r\nhello world!\r\nGET k\r\n";
        let read = |bytes| {
            let mut words = Vec::new();
            let length =
                read_whole(bytes, &OPEN, |word| words.push(String::from_utf8_lossy(word).into_owned()))?;
            Some((words, length))
        };
        let (first, second) = input.split_at(20);
        assert_eq!(read(input), Some((vec!["GET".to_owned(), "k".to_owned()], first.len())));
        let (words, length) = read(second).unwrap();
        assert_eq!(words, ["SET", "", "hello world!"]);
        assert_eq!(second[length..], b"GET k\r\n"[..]);
        assert_eq!(drip(&input[..first.len() + length], &OPEN).0[1], words);
        (0..length).for_each(|end| assert_eq!(read(&second[..end]), None, "{end}"));
        let other: [&[u8]; 7] = [
            b"",
            b"*0\r\n",
            b"*-1\r\n",
            b"*9999999\r\n$1\r\na\r\n",
            b"*1\r\n$-1\r\n",
            b"*1\r\n:1\r\n",
            b"*1\r\n$9223372036854775807\r\na\r\n",
        ];
        other.iter().for_each(|bytes| assert_eq!(read(bytes), None));
        for limits in [Limits { bulk_max: 2, ..OPEN }, Limits { authenticated: false, ..OPEN }] {
            assert_eq!(read_whole(input, &limits, |_| ()), None);
        }
    }

    fn words(parser: &Parser, request: &[u8]) -> Vec<String> {
        parser.args(request).map(|a| String::from_utf8_lossy(a).into_owned()).collect()
    }

    /// Parses `input` handing in one byte more at each call; all requests and the error, if one ended it.
    fn drip(input: &[u8], limits: &Limits) -> (Vec<Vec<String>>, Option<ProtocolError>) {
        let (mut parser, mut found, mut start) = (Parser::default(), Vec::new(), 0);
        for end in 0..=input.len() {
            loop {
                match parser.parse(&input[start..end], limits) {
                    Ok(Parsed::Incomplete) => break,
                    Ok(Parsed::Nothing { consumed }) => start += consumed,
                    Ok(Parsed::Request { consumed }) => {
                        found.push(words(&parser, &input[start..end]));
                        start += consumed;
                    }
                    Err(e) => return (found, Some(e)),
                }
                parser.reset();
            }
        }
        (found, None)
    }

    #[test]
    fn the_key_is_seen_ahead() {
        let request = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1\r\nv\r\n*1\r\n";
        assert_eq!(peek_key(request), Some(&b"key"[..]));
        // Up to here the key is not there yet.
        (0..20).for_each(|end| assert_eq!(peek_key(&request[..end]), None, "{end}"));
        assert_eq!(peek_key(&request[..20]), Some(&b"key"[..]));
        for none in [&b"*1\r\n$4\r\nPING\r\n"[..], b"GET key\r\n", b"*2\r\n$-1\r\n$1\r\nk", b"*2\r\n\r\n\r\n"]
        {
            assert_eq!(peek_key(none), None);
        }
        let huge = format!("*2\r\n${}\r\nGET\r\n$1\r\nk\r\n", i64::MAX);
        assert_eq!(peek_key(huge.as_bytes()), None);
    }

    #[test]
    fn any_split() {
        let input = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n\r\nPING\r\n*0\r\n*-1\r\nset a \"b c\"\n*1\r\n$0\r\n\r\n";
        let (found, error) = drip(input, &OPEN);
        let expect: [&[&str]; 4] = [&["GET", "k"], &["PING"], &["set", "a", "b c"], &[""]];
        assert_eq!(found, expect);
        assert_eq!(error, None);
    }

    #[test]
    fn errors() {
        let cases: [(&[u8], ProtocolError); 9] = [
            (b"*x\r\n", ProtocolError::InvalidCount),
            (b"*3000000000\r\n", ProtocolError::InvalidCount),
            (b"*\r\n", ProtocolError::InvalidCount),
            (b"*1\r\nfoo\r\n", ProtocolError::ExpectedDollar(b'f')),
            (b"*1\r\n$-1\r\n", ProtocolError::InvalidBulk),
            (b"*1\r\n$x\r\n", ProtocolError::InvalidBulk),
            (b"*1\r\n$99999999999\r\n", ProtocolError::InvalidBulk),
            (b"a \"b\r\n", ProtocolError::UnbalancedQuotes),
            (b"*03\r\n", ProtocolError::InvalidCount),
        ];
        for (input, expect) in cases {
            assert_eq!(drip(input, &OPEN).1, Some(expect), "{}", input.escape_ascii());
        }
        let long = [b'a'; LINE_MAX + 2];
        assert_eq!(Parser::default().parse(&long, &OPEN), Err(ProtocolError::InlineTooBig));
        let long = [b"*1\r\n$", &[b'1'; LINE_MAX + 2][..]].concat();
        assert_eq!(Parser::default().parse(&long, &OPEN), Err(ProtocolError::BulkLineTooBig));
    }

    #[test]
    fn a_whole_request_may_be_asked_for_again() {
        for request in [&b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"[..], b"get k\r\n"] {
            let mut parser = Parser::default();
            let whole = Ok(Parsed::Request { consumed: request.len() });
            assert_eq!(parser.parse(request, &OPEN), whole);
            assert_eq!(parser.parse(request, &OPEN), whole);
            assert_eq!(parser.len(), 2);
        }
    }

    #[test]
    fn unauthenticated() {
        let limits = Limits { authenticated: false, ..OPEN };
        assert_eq!(drip(b"*11\r\n", &limits).1, Some(ProtocolError::UnauthenticatedCount));
        assert_eq!(drip(b"*1\r\n$16385\r\n", &limits).1, Some(ProtocolError::UnauthenticatedBulk));
    }

    #[test]
    fn big_bulk_is_collected_apart() {
        let mut parser = Parser::default();
        let head = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$40000\r\nabc";
        assert_eq!(parser.parse(head, &OPEN), Ok(Parsed::Incomplete));
        assert_eq!(parser.big_bulk(), Some((head.len() - 3, 40000)));
        parser.finish_big_bulk(Bytes::from(vec![7; 40000]));
        assert_eq!(
            parser.parse(&head[..head.len() - 3], &OPEN),
            Ok(Parsed::Request { consumed: head.len() - 3 })
        );
        assert_eq!(parser.args(head).map(<[u8]>::len).collect::<Vec<_>>(), [3, 1, 40000]);
        assert!(parser.owned(2).is_some() && parser.owned(1).is_none());
    }

    #[test]
    fn big_bulk_before_another_argument() {
        let mut parser = Parser::default();
        let head = b"*3\r\n$3\r\nSET\r\n$40000\r\n";
        assert_eq!(parser.parse(head, &OPEN), Ok(Parsed::Incomplete));
        parser.finish_big_bulk(Bytes::from(vec![7; 40000]));
        let whole = [&head[..], b"$1\r\nv\r\n"].concat();
        assert_eq!(parser.parse(&whole, &OPEN), Ok(Parsed::Request { consumed: whole.len() }));
        assert_eq!(parser.args(&whole).map(<[u8]>::len).collect::<Vec<_>>(), [3, 40000, 1]);
    }
}
