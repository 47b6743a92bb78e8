//! Entry IDs: `<milliseconds>-<sequence>`, the order of a stream and the key of everything in it.
//!
//! What a client may write in an ID's place is wider than what a server prints. The number parts follow
//! Redis's `string2ull`: a canonical integer first, then what C's `strtoull` takes, with its blanks, signs
//! and leading zeros. That is odd, but a client library that pads its IDs with zeros depends on it.

use std::fmt;

/// Longest text that is looked at for an ID.
const TEXT_MAX: usize = 127;

/// One entry's place in a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Milliseconds since 1970.
    pub ms: u64,
    /// Counts the entries of one millisecond.
    pub seq: u64,
}

/// The ID an XADD asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewId {
    /// `*`: the present millisecond, or the next sequence number if the stream is ahead of the clock.
    Auto,
    /// `<ms>-*`: the next sequence number of this millisecond.
    AutoSeq(u64),
    /// Both parts given.
    Exact(StreamId),
}

impl StreamId {
    /// 0-0, which no entry has.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The last ID a stream can hold.
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

    /// The ID with these parts.
    pub const fn new(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    /// The smallest ID above this one; None above [`Self::MAX`].
    pub fn next(self) -> Option<StreamId> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId { ms: self.ms.checked_add(1)?, seq: 0 }),
        }
    }

    /// The largest ID below this one; None below [`Self::MIN`].
    pub fn prev(self) -> Option<StreamId> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId { ms: self.ms.checked_sub(1)?, seq: u64::MAX }),
        }
    }

    /// Reads `<ms>-<seq>` or `<ms>`, which means `<ms>-<missing_seq>`; None for anything else.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<StreamId> {
        if text.len() > TEXT_MAX {
            return None;
        }
        let (ms, seq) = split(text);
        let seq = seq.map_or(Some(missing_seq), parse_number)?;
        Some(StreamId { ms: parse_number(ms)?, seq })
    }

    /// As [`Self::parse`], but `-` and `+` are the smallest and the largest ID.
    pub fn parse_bound(text: &[u8], missing_seq: u64) -> Option<StreamId> {
        match text {
            b"-" => Some(StreamId::MIN),
            b"+" => Some(StreamId::MAX),
            text => StreamId::parse(text, missing_seq),
        }
    }

    /// The 16 bytes, big-endian, that name a node or a pending entry in RDB files.
    pub fn to_be_bytes(self) -> [u8; 16] {
        (u128::from(self.ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }

    /// The reverse of [`Self::to_be_bytes`].
    pub fn from_be_bytes(bytes: [u8; 16]) -> StreamId {
        let id = u128::from_be_bytes(bytes);
        StreamId { ms: (id >> 64) as u64, seq: id as u64 }
    }
}

impl NewId {
    /// Reads the ID argument of XADD; a missing sequence number is 0.
    pub fn parse(text: &[u8]) -> Option<NewId> {
        match split(text) {
            (b"*", None) => Some(NewId::Auto),
            (ms, Some(b"*")) if text.len() <= TEXT_MAX => parse_number(ms).map(NewId::AutoSeq),
            _ => StreamId::parse(text, 0).map(NewId::Exact),
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// Cuts at the first dash.
fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|&byte| byte == b'-') {
        Some(dash) => (&text[..dash], Some(&text[dash + 1..])),
        None => (text, None),
    }
}

/// An unsigned number as Redis reads it: see the top of this file.
fn parse_number(text: &[u8]) -> Option<u64> {
    if let Some(number) = super::super::int::from_text(text) {
        return u64::try_from(number).ok();
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let text = &text[text.iter().take_while(|byte| is_blank(byte)).count()..];
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits
        .iter()
        .try_fold(0u64, |number, &digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?;
    Some(if negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<(u64, u64)>) {
        let expect = expect.map(|(ms, seq)| StreamId { ms, seq });
        assert_eq!(StreamId::parse(text.as_bytes(), 7), expect, "{text:?}");
    }

    #[test]
    fn what_is_an_id() {
        check("5-3", Some((5, 3)));
        check("5", Some((5, 7)));
        check("18446744073709551615-18446744073709551615", Some((u64::MAX, u64::MAX)));
        check("007-010", Some((7, 10)));
        check(" 5-+3", Some((5, 3)));
        check("5--03", Some((5, 3u64.wrapping_neg())));
        for text in ["", "-", "+", "-5", "5-", "5--3", "5-3-1", "5 -3", "x", "18446744073709551616", "5-*"] {
            check(text, None);
        }
        check(&"0".repeat(TEXT_MAX), Some((0, 7)));
        check(&"0".repeat(TEXT_MAX + 1), None);
        assert_eq!(StreamId::parse_bound(b"+", 0), Some(StreamId::MAX));
        assert_eq!(StreamId::parse_bound(b"-", 0), Some(StreamId::MIN));
    }

    #[test]
    fn what_xadd_takes() {
        assert_eq!(NewId::parse(b"*"), Some(NewId::Auto));
        assert_eq!(NewId::parse(b"5-*"), Some(NewId::AutoSeq(5)));
        assert_eq!(NewId::parse(b"5"), Some(NewId::Exact(StreamId::new(5, 0))));
        assert_eq!(NewId::parse(b"*-5"), None);
        assert_eq!(NewId::parse(b"-"), None);
    }

    #[test]
    fn neighbours_and_bytes() {
        assert_eq!(StreamId::new(1, u64::MAX).next(), Some(StreamId::new(2, 0)));
        assert_eq!(StreamId::new(2, 0).prev(), Some(StreamId::new(1, u64::MAX)));
        assert_eq!((StreamId::MAX.next(), StreamId::MIN.prev()), (None, None));
        let id = StreamId::new(0x0102, u64::MAX - 1);
        assert_eq!(StreamId::from_be_bytes(id.to_be_bytes()), id);
        assert_eq!(id.to_string(), "258-18446744073709551614");
    }
}
