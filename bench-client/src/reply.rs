//! Finds where replies end in a stream of bytes, and keeps only what the run needs of them.
//!
//! A full decoder would build a tree for each reply, only to throw it away: the generator must cost far less
//! than the server it measures. What it needs is "one more reply is complete", whether it was an error, and at
//! times an integer or a value. So the scanner keeps no tree: `open` counts the values that are still missing
//! from the current reply (an array of n adds n), and bulk bytes are skipped, not copied. It may stop after
//! any byte and go on with the next read. RESP2 and RESP3 are both understood (RESP3 specification, redis.io).

/// Longest line (header, simple string, error) that is believed; a server that sends more is not one.
const LINE_MAX: usize = 64 * 1024;
/// Most values that one reply may still be missing.
const OPEN_MAX: u64 = 1 << 32;
/// Largest bulk string (`proto-max-bulk-len` may be raised to this on a server).
const BULK_MAX: i64 = 1 << 40;

/// What a complete reply was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Anything that is none of the below.
    Done,
    /// A null bulk string, array or RESP3 null.
    Nil,
    /// An integer.
    Integer(i64),
    /// A string's bytes; only when the scanner was told to keep values.
    Value(Vec<u8>),
    /// An error, without the leading `-`.
    Error(Box<str>),
    /// A RESP3 push: not the answer to a request.
    Push,
}

/// The bytes are not RESP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotResp;

/// The state between two reads of one connection.
#[derive(Debug, Default)]
pub struct Scanner {
    /// Values missing until the current reply is complete; 0 between replies.
    open: u64,
    /// Bytes of the current bulk string, with its CRLF, that are still to come.
    bulk_left: usize,
    /// The start of a line whose end has not come yet.
    line: Vec<u8>,
    /// What the current reply will be when it is complete.
    result: Option<Reply>,
    /// Whether top-level strings are copied out.
    keep_values: bool,
}

impl Scanner {
    /// A scanner at the start of a stream; with `keep_values` it hands out strings as [`Reply::Value`].
    pub fn new(keep_values: bool) -> Scanner {
        Scanner { keep_values, ..Scanner::default() }
    }

    /// Takes all of `bytes` and adds each reply that they complete to `replies`.
    pub fn scan(&mut self, mut bytes: &[u8], replies: &mut Vec<Reply>) -> Result<(), NotResp> {
        while !bytes.is_empty() {
            if self.bulk_left > 0 {
                let here = self.bulk_left.min(bytes.len());
                self.take_bulk(&bytes[..here]);
                bytes = &bytes[here..];
                if self.bulk_left == 0 {
                    self.close_value(replies);
                }
                continue;
            }
            let Some(end) = bytes.iter().position(|&b| b == b'\n') else {
                self.line.extend_from_slice(bytes);
                return if self.line.len() > LINE_MAX { Err(NotResp) } else { Ok(()) };
            };
            let (line, rest) = bytes.split_at(end + 1);
            bytes = rest;
            if self.line.is_empty() {
                self.take_line(line, replies)?;
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.take_line(&whole, replies)?;
            }
        }
        Ok(())
    }

    fn take_bulk(&mut self, bytes: &[u8]) {
        self.bulk_left -= bytes.len();
        if let Some(Reply::Value(value)) = &mut self.result
            && self.open == 1
        {
            value.extend_from_slice(bytes);
            if self.bulk_left == 0 {
                value.truncate(value.len() - 2);
            } // the CRLF
        }
    }

    /// A whole line, with its CRLF: a scalar, or the header of a string or an aggregate.
    fn take_line(&mut self, line: &[u8], replies: &mut Vec<Reply>) -> Result<(), NotResp> {
        let [kind, body @ .., b'\r', b'\n'] = line else { return Err(NotResp) };
        let top = self.open == 0;
        if top {
            self.open = 1;
            self.result = None;
        }
        match kind {
            b'+' => self.found(top, Reply::Done),
            b'-' => self.found(top, Reply::Error(String::from_utf8_lossy(body).into())),
            b':' => self.found(top, Reply::Integer(number(body)?)),
            b'_' => self.found(top, Reply::Nil),
            b',' | b'#' | b'(' => self.found(top, Reply::Done),
            b'$' | b'=' | b'!' => return self.open_bulk(*kind, number(body)?, top, replies),
            b'*' | b'~' | b'%' | b'>' | b'|' => {
                return self.open_aggregate(*kind, number(body)?, top, replies);
            }
            _ => return Err(NotResp),
        }
        self.close_value(replies);
        Ok(())
    }

    fn found(&mut self, top: bool, reply: Reply) {
        if top {
            self.result = Some(reply);
        }
    }

    fn open_bulk(&mut self, kind: u8, len: i64, top: bool, replies: &mut Vec<Reply>) -> Result<(), NotResp> {
        if len > BULK_MAX {
            return Err(NotResp);
        }
        let Ok(len) = usize::try_from(len) else {
            self.found(top, Reply::Nil);
            self.close_value(replies);
            return Ok(());
        };
        self.bulk_left = len + 2;
        let reply = match kind {
            b'!' => Reply::Error("blob error".into()),
            _ if self.keep_values => Reply::Value(Vec::new()),
            _ => Reply::Done,
        };
        self.found(top, reply);
        Ok(())
    }

    fn open_aggregate(
        &mut self,
        kind: u8,
        len: i64,
        top: bool,
        replies: &mut Vec<Reply>,
    ) -> Result<(), NotResp> {
        let Ok(len) = u64::try_from(len) else {
            self.found(top, Reply::Nil);
            self.close_value(replies);
            return Ok(());
        };
        let values = if matches!(kind, b'%' | b'|') { len.saturating_mul(2) } else { len };
        self.open = self.open.saturating_add(values);
        if self.open > OPEN_MAX {
            return Err(NotResp);
        }
        match kind {
            // An attribute only decorates the value that follows it: it completes nothing itself.
            b'|' => return Ok(()),
            b'>' => self.found(top, Reply::Push),
            _ => self.found(top, Reply::Done),
        }
        self.close_value(replies);
        Ok(())
    }

    /// One value is complete, and with the last one the reply.
    fn close_value(&mut self, replies: &mut Vec<Reply>) {
        self.open -= 1;
        if self.open == 0 {
            replies.push(self.result.take().unwrap_or(Reply::Done));
        }
    }
}

fn number(text: &[u8]) -> Result<i64, NotResp> {
    let (digits, sign) = match text {
        [b'-', rest @ ..] => (rest, -1),
        [b'+', rest @ ..] => (rest, 1),
        _ => (text, 1),
    };
    if digits.is_empty() || digits.len() > 19 {
        return Err(NotResp);
    }
    let mut value: i64 = 0;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return Err(NotResp);
        }
        value = value.checked_mul(10).and_then(|v| v.checked_add(i64::from(digit - b'0'))).ok_or(NotResp)?;
    }
    Ok(value * sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(bytes: &[u8], chunk: usize, keep: bool) -> Result<Vec<Reply>, NotResp> {
        let (mut scanner, mut replies) = (Scanner::new(keep), Vec::new());
        for part in bytes.chunks(chunk) {
            scanner.scan(part, &mut replies)?;
        }
        Ok(replies)
    }

    #[test]
    fn every_split_gives_the_same_replies() {
        let bytes = b"+OK\r\n-ERR no\r\n:42\r\n$-1\r\n$5\r\na\r\nbc\r\n*2\r\n$1\r\nx\r\n*2\r\n:1\r\n-E\r\n*0\r\n*-1\r\n_\r\n\
            %1\r\n+k\r\n,1.5\r\n>2\r\n+invalidate\r\n*0\r\n|1\r\n+ttl\r\n:9\r\n#t\r\n$0\r\n\r\n";
        let expected = [
            Reply::Done,
            Reply::Error("ERR no".into()),
            Reply::Integer(42),
            Reply::Nil,
            Reply::Value(b"a\r\nbc".to_vec()),
            Reply::Done,
            Reply::Done,
            Reply::Nil,
            Reply::Nil,
            Reply::Done,
            Reply::Push,
            Reply::Done,
            Reply::Value(Vec::new()),
        ];
        for chunk in 1..=bytes.len() {
            assert_eq!(scan(bytes, chunk, true).unwrap(), expected, "in parts of {chunk}");
        }
    }

    #[test]
    fn values_are_kept_only_when_asked() {
        assert_eq!(scan(b"$1\r\nx\r\n", 100, false), Ok(vec![Reply::Done]));
        assert_eq!(scan(b"$1\r\nx\r\n", 100, true), Ok(vec![Reply::Value(b"x".to_vec())]));
    }

    #[test]
    fn what_is_not_resp() {
        let long = [b'+'; LINE_MAX + 2];
        for bytes in [&b"HTTP/1.1 400\r\n"[..], b"$x\r\n", b"+OK\n", b"*99999999999\r\n", b":\r\n", &long] {
            assert_eq!(scan(bytes, usize::MAX, false), Err(NotResp));
        }
    }
}
