//! One reply made of several cores' replies.

use std::collections::BTreeSet;

use resp::{Proto, Reply};

/// What a core says to SCRIPT KILL that runs no script.
const NOT_BUSY: &[u8] = b"-NOTBUSY ";

/// How parts become a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    /// Integers are added up.
    Sum,
    /// All say `+OK`.
    Ok,
    /// Arrays are joined, in any order, up to so many elements.
    Join(usize),
    /// One of those that are no null, picked by this number.
    OneOf(u64),
    /// The first that is no error; else an error, rather one of a core that has something to do with it.
    Any,
    /// Arrays of bulk strings are joined, each string once.
    Union,
    /// As [`Combine::Union`], but only counted.
    CountUnion,
    /// Arrays of the same names, each with an integer: the integers are added up by name.
    SumPairs,
    /// Integers, or arrays of them: the least of each.
    Least,
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
    candidates: Vec<Vec<u8>>,
    names: BTreeSet<Vec<u8>>,
    pairs: Vec<(Vec<u8>, i64)>,
    /// What is the least so far, and whether it stands in an array.
    least: Vec<i64>,
    is_array: bool,
}

impl Gather {
    /// A reply of `parts` parts.
    pub fn new(combine: Combine, parts: usize) -> Gather {
        Gather {
            combine,
            missing: parts,
            sum: 0,
            joined: Vec::new(),
            elements: 0,
            error: None,
            candidates: Vec::new(),
            names: BTreeSet::new(),
            pairs: Vec::new(),
            least: Vec::new(),
            is_array: false,
        }
    }

    /// Adds a part; the whole reply when it was the last.
    pub fn add(&mut self, part: &[u8], proto: Proto) -> Option<Reply> {
        self.missing -= 1;
        match part.first() {
            Some(b'-') => {
                if self.error.as_ref().is_none_or(|error| error.starts_with(NOT_BUSY)) {
                    self.error = Some(part.to_vec());
                }
            }
            _ => self.add_good(part),
        }
        (self.missing == 0).then(|| self.whole(proto))
    }

    fn add_good(&mut self, part: &[u8]) {
        match self.combine {
            Combine::Sum => self.sum += line_number(part).0,
            Combine::Ok => {}
            Combine::Join(most) => self.join(part, most),
            Combine::Least => self.add_least(part),
            Combine::OneOf(_) if matches!(part, b"$-1\r\n" | b"_\r\n") => {}
            Combine::OneOf(_) | Combine::Any => self.candidates.push(part.to_vec()),
            Combine::Union | Combine::CountUnion => self.names.extend(elements(part).map(<[u8]>::to_vec)),
            Combine::SumPairs => self.add_pairs(part),
        }
    }

    fn join(&mut self, part: &[u8], most: usize) {
        let (count, end) = line_number(part);
        let (count, room) = (count.max(0) as usize, most - self.elements);
        match count <= room {
            true => self.joined.extend_from_slice(&part[end..]),
            false => {
                array(part).into_iter().flatten().take(room).for_each(|e| self.joined.extend_from_slice(e))
            }
        }
        self.elements += count.min(room);
    }

    fn add_least(&mut self, part: &[u8]) {
        self.is_array = part.starts_with(b"*");
        let numbers: Vec<i64> = match array(part) {
            Some(elements) => elements.map(|element| line_number(element).0).collect(),
            None => vec![line_number(part).0],
        };
        match self.least.is_empty() {
            true => self.least = numbers,
            false => {
                self.least.iter_mut().zip(numbers).for_each(|(least, number)| *least = number.min(*least))
            }
        }
    }

    /// The cores name the same names in the same order.
    fn add_pairs(&mut self, part: &[u8]) {
        let parts: Vec<&[u8]> = elements(part).collect();
        for (i, pair) in parts.chunks_exact(2).enumerate() {
            let number = resp::parse_integer(pair[1]).unwrap_or(0);
            match self.pairs.get_mut(i) {
                Some((_, sum)) => *sum += number,
                None => self.pairs.push((pair[0].to_vec(), number)),
            }
        }
    }

    fn whole(&mut self, proto: Proto) -> Reply {
        let mut reply = Reply::new(proto);
        let error =
            self.error.as_ref().filter(|_| self.combine != Combine::Any || self.candidates.is_empty());
        if let Some(error) = error {
            reply.raw(error);
            return reply;
        }
        match self.combine {
            Combine::Sum => reply.integer(self.sum),
            Combine::Ok => reply.ok(),
            Combine::Join(_) => {
                reply.array(self.elements);
                reply.raw(&self.joined);
            }
            Combine::Least => {
                if self.is_array {
                    reply.array(self.least.len());
                }
                self.least.iter().for_each(|number| reply.integer(*number));
            }
            Combine::Any => reply.raw(&self.candidates[0]),
            Combine::OneOf(pick) => match self.candidates.len() {
                0 => reply.null(),
                count => reply.raw(&self.candidates[(pick % count as u64) as usize]),
            },
            Combine::Union => {
                reply.array(self.names.len());
                self.names.iter().for_each(|name| reply.bulk(name));
            }
            Combine::CountUnion => reply.integer(self.names.len() as i64),
            Combine::SumPairs => {
                reply.array(2 * self.pairs.len());
                for (name, sum) in &self.pairs {
                    reply.bulk(name);
                    reply.integer(*sum);
                }
            }
        }
        reply
    }
}

/// The elements of an array of bulk strings and integers, the latter as their digits.
fn elements(resp: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = &resp[line_number(resp).1..];
    std::iter::from_fn(move || {
        let (number, end) = line_number(rest);
        let (element, next) = match rest.first()? {
            b'$' => (rest.get(end..end + number.max(0) as usize)?, end + number.max(0) as usize + 2),
            _ => (rest.get(1..end - 2)?, end),
        };
        rest = rest.get(next..)?;
        Some(element)
    })
}

/// The elements of an array as RESP; `None` for what is no array.
pub fn array(resp: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let (count, end) = line_number(resp);
    let mut rest = &resp[end..];
    let next = move || {
        let (element, behind) = rest.split_at_checked(value_len(rest)?)?;
        rest = behind;
        Some(element)
    };
    (resp.starts_with(b"*") && count >= 0).then(|| std::iter::from_fn(next))
}

/// The length of the value that `resp` begins with.
fn value_len(resp: &[u8]) -> Option<usize> {
    let (number, end) = line_number(resp);
    let parts = match resp.first()? {
        b'$' | b'=' | b'!' if number >= 0 => return Some(end + number as usize + 2),
        b'*' | b'~' | b'>' => number,
        b'%' => 2 * number,
        // An attribute goes ahead of a value.
        b'|' => 2 * number + 1,
        _ => 0,
    };
    (0..parts).try_fold(end, |len, _| Some(len + value_len(resp.get(len..)?)?))
}

/// The number on the first line (`:N`, `*N`), and where the next line begins.
pub fn line_number(resp: &[u8]) -> (i64, usize) {
    let end = resp.iter().position(|b| *b == b'\r').unwrap_or(resp.len());
    (resp::parse_integer(resp.get(1..end).unwrap_or_default()).unwrap_or(0), (end + 2).min(resp.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(combine: Combine, parts: &[&[u8]]) -> String {
        let mut gather = Gather::new(combine, parts.len());
        let reply = parts.iter().filter_map(|part| gather.add(part, Proto::Resp2)).last().unwrap();
        String::from_utf8(reply.as_plain().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn one_of_those_with_something_to_say() {
        let parts: [&[u8]; 3] = [b"$1\r\na\r\n", b"$-1\r\n", b"$1\r\nb\r\n"];
        assert_eq!(whole(Combine::OneOf(6), &parts), "$1\r\na\r\n");
        assert_eq!(whole(Combine::OneOf(7), &parts), "$1\r\nb\r\n");
        assert_eq!(whole(Combine::OneOf(7), &parts[1..2]), "$-1\r\n");
        let parts: [&[u8]; 2] = [b"-ERR no\r\n", b":2\r\n"];
        assert_eq!(whole(Combine::Any, &parts), ":2\r\n");
        assert_eq!(whole(Combine::Any, &parts[..1]), "-ERR no\r\n");
        let parts: [&[u8]; 3] = [b"-NOTBUSY no\r\n", b"-UNKILLABLE\r\n", b"-NOTBUSY no\r\n"];
        assert_eq!(whole(Combine::Any, &parts), "-UNKILLABLE\r\n");
        assert_eq!(whole(Combine::Least, &[b":7\r\n", b":5\r\n", b":6\r\n"]), ":5\r\n");
        let parts: [&[u8]; 2] = [b"*2\r\n:1\r\n:0\r\n", b"*2\r\n:1\r\n:3\r\n"];
        assert_eq!(whole(Combine::Least, &parts), "*2\r\n:1\r\n:0\r\n");
    }

    #[test]
    fn elements_of_any_kind() {
        let parts = [
            "+OK\r\n",
            "$-1\r\n",
            "*2\r\n:1\r\n*0\r\n",
            "$2\r\n\r\n\r\n",
            "%1\r\n+a\r\n,1.5\r\n",
            "*-1\r\n",
            "-E\r\n",
        ];
        let whole = format!("*{}\r\n{}", parts.len(), parts.concat());
        let found: Vec<&[u8]> = array(whole.as_bytes()).unwrap().collect();
        assert_eq!(found, parts.map(str::as_bytes));
        assert!(array(b"*-1\r\n").is_none() && array(b"-ERR\r\n").is_none());
        assert_eq!(array(b"*0\r\n").unwrap().count(), 0);
    }

    #[test]
    fn no_more_than_was_asked_for() {
        let parts: [&[u8]; 3] = [b"*1\r\n$1\r\na\r\n", b"*2\r\n$1\r\nb\r\n$1\r\nc\r\n", b"*0\r\n"];
        assert_eq!(whole(Combine::Join(2), &parts), "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
        assert_eq!(whole(Combine::Join(0), &parts), "*0\r\n");
        assert_eq!(whole(Combine::Join(3), &parts), "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n");
    }

    #[test]
    fn lists_of_names() {
        let parts: [&[u8]; 3] =
            [b"*2\r\n$1\r\nb\r\n$2\r\n\r\n\r\n", b"*0\r\n", b"*2\r\n$1\r\nb\r\n$1\r\na\r\n"];
        assert_eq!(whole(Combine::Union, &parts), "*3\r\n$2\r\n\r\n\r\n$1\r\na\r\n$1\r\nb\r\n");
        assert_eq!(whole(Combine::CountUnion, &parts), ":3\r\n");
        let parts: [&[u8]; 2] =
            [b"*4\r\n$1\r\na\r\n:1\r\n$0\r\n\r\n:0\r\n", b"*4\r\n$1\r\na\r\n:20\r\n$0\r\n\r\n:0\r\n"];
        assert_eq!(whole(Combine::SumPairs, &parts), "*4\r\n$1\r\na\r\n:21\r\n$0\r\n\r\n:0\r\n");
    }
}
