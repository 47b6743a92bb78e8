//! One reply made of several cores' replies.

use resp::{Proto, Reply};

/// How parts become a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    /// Integers are added up.
    Sum,
    /// All say `+OK`.
    Ok,
    /// Arrays are joined, in any order.
    Join,
    /// The first that is no null.
    First,
}

/// A reply whose parts are coming in.
pub struct Gather {
    combine: Combine,
    missing: usize,
    sum: i64,
    /// Elements of joined arrays, as RESP.
    joined: Vec<u8>,
    elements: usize,
    error: Option<Vec<u8>>,
    first: Option<Vec<u8>>,
}

impl Gather {
    /// A reply of `parts` parts.
    pub fn new(combine: Combine, parts: usize) -> Gather {
        Gather { combine, missing: parts, sum: 0, joined: Vec::new(), elements: 0, error: None, first: None }
    }

    /// Adds a part; the whole reply when it was the last.
    pub fn add(&mut self, part: &[u8], proto: Proto) -> Option<Reply> {
        self.missing -= 1;
        match part.first() {
            Some(b'-') => {
                self.error.get_or_insert_with(|| part.to_vec());
            }
            _ => self.add_good(part),
        }
        (self.missing == 0).then(|| self.whole(proto))
    }

    fn add_good(&mut self, part: &[u8]) {
        match self.combine {
            Combine::Sum => self.sum += line_number(part).0,
            Combine::Ok => {}
            Combine::Join => {
                let (count, end) = line_number(part);
                self.elements += count.max(0) as usize;
                self.joined.extend_from_slice(&part[end..]);
            }
            Combine::First => {
                if !matches!(part, b"$-1\r\n" | b"_\r\n") {
                    self.first.get_or_insert_with(|| part.to_vec());
                }
            }
        }
    }

    fn whole(&mut self, proto: Proto) -> Reply {
        let mut reply = Reply::new(proto);
        if let Some(error) = &self.error {
            reply.raw(error);
            return reply;
        }
        match self.combine {
            Combine::Sum => reply.integer(self.sum),
            Combine::Ok => reply.ok(),
            Combine::Join => {
                reply.array(self.elements);
                reply.raw(&self.joined);
            }
            Combine::First => match &self.first {
                Some(first) => reply.raw(first),
                None => reply.null(),
            },
        }
        reply
    }
}

/// The number on the first line (`:N`, `*N`), and where the next line begins.
pub fn line_number(resp: &[u8]) -> (i64, usize) {
    let end = resp.iter().position(|b| *b == b'\r').unwrap_or(resp.len());
    (resp::parse_integer(resp.get(1..end).unwrap_or_default()).unwrap_or(0), (end + 2).min(resp.len()))
}
