//! A command line such as `SET __key__ __data__`, turned once into pieces that are quick to write.
//!
//! Filling in text for each request would cost more than the system calls. What never changes (the array
//! header, the command's name, fixed arguments) is encoded once and copied in one go; only placeholders are
//! made anew.
//!
//! | placeholder    | becomes                                         |
//! |----------------|-------------------------------------------------|
//! | `__key__`      | a key's name, as the distribution picks it      |
//! | `__data__`     | a value of a size that the workload gives       |
//! | `__ttl__`      | a number in the workload's `expiry` range       |
//! | `__rand:N__`   | a number below N                                |
//! | `__number__`   | the number of the request in the run            |

use base::key_slot;

use crate::workload::keys::push_digits;
use crate::workload::{Draw, Workload};

/// Most arguments of a command.
const ARGUMENTS_MAX: usize = 1024;

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(Vec<u8>),
    Key,
    Data,
    Ttl,
    Rand(u64),
    Number,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    /// Already encoded.
    Bytes(Vec<u8>),
    /// One argument that is made anew for each request.
    Argument(Vec<Part>),
}

/// A command with placeholders.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    words: Vec<String>,
    pieces: Vec<Piece>,
    has_key: bool,
    slot: SlotRule,
}

/// How the slot of a request follows from its command.
#[derive(Debug, Clone, PartialEq)]
enum SlotRule {
    /// No key: any node may answer.
    Any,
    /// The same key each time.
    Fixed(u16),
    /// The key is this piece.
    Piece(usize),
}

impl Template {
    /// Reads a command line; quotes hold words with spaces together.
    pub fn parse(line: &str) -> Result<Template, String> {
        let words = split_words(line)?;
        if words.is_empty() || words.len() > ARGUMENTS_MAX {
            return Err(format!("'{line}': a command has 1 to {ARGUMENTS_MAX} words"));
        }
        let mut template = Template { pieces: Vec::new(), has_key: false, slot: SlotRule::Any, words };
        template.add_bytes(format!("*{}\r\n", template.words.len()).into_bytes());
        for word in template.words.clone() {
            let parts = parse_parts(&word)?;
            template.has_key |= parts.contains(&Part::Key);
            match &parts[..] {
                [Part::Text(text)] => template.add_bytes(encode_bulk(text)),
                _ => template.pieces.push(Piece::Argument(parts)),
            }
        }
        template.set_first_key(usize::from(template.words.len() > 1));
        Ok(template)
    }

    /// Says which word is the first key (`COMMAND INFO`), 0 for none. Until it is called, that is the word
    /// after the command's name.
    pub fn set_first_key(&mut self, position: usize) {
        let is_dynamic = |word: &String| !matches!(parse_parts(word).as_deref(), Ok([Part::Text(_)]));
        self.slot = match self.words.get(position) {
            None => SlotRule::Any,
            Some(_) if position == 0 => SlotRule::Any,
            Some(word) if !is_dynamic(word) => SlotRule::Fixed(key_slot(word.as_bytes()).number()),
            Some(_) => {
                let before = self.words[..position].iter().filter(|word| is_dynamic(word)).count();
                let mut arguments =
                    self.pieces.iter().enumerate().filter(|(_, p)| matches!(p, Piece::Argument(_)));
                arguments.nth(before).map_or(SlotRule::Any, |(index, _)| SlotRule::Piece(index))
            }
        };
    }

    /// The slot that the request `draw` belongs to, if it has a key. `scratch` is room to work in.
    pub fn slot(&self, workload: &Workload, draw: &Draw, scratch: &mut Vec<u8>) -> Option<u16> {
        let last = match self.slot {
            SlotRule::Any => return None,
            SlotRule::Fixed(slot) => return Some(slot),
            SlotRule::Piece(last) => last,
        };
        // The arguments before the key may draw random numbers too: they must be made to know it.
        let (mut draw, mut keys_used) = (draw.clone(), 0);
        for piece in &self.pieces[..=last] {
            let Piece::Argument(parts) = piece else { continue };
            scratch.clear();
            parts.iter().for_each(|part| write_part(part, workload, &mut draw, &mut keys_used, scratch));
        }
        Some(key_slot(scratch).number())
    }

    /// The command's name in upper case.
    pub fn name(&self) -> String {
        self.words[0].to_ascii_uppercase()
    }

    /// Whether a `__key__` is in it.
    pub fn has_key(&self) -> bool {
        self.has_key
    }

    /// Adds the request `draw` to `out`. `scratch` is room to work in.
    pub fn encode(&self, workload: &Workload, draw: &Draw, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
        let mut draw = draw.clone();
        let mut keys_used = 0;
        for piece in &self.pieces {
            match piece {
                Piece::Bytes(bytes) => out.extend_from_slice(bytes),
                Piece::Argument(parts) => {
                    scratch.clear();
                    for part in parts {
                        write_part(part, workload, &mut draw, &mut keys_used, scratch);
                    }
                    push_bulk(scratch, out);
                }
            }
        }
    }

    fn add_bytes(&mut self, bytes: Vec<u8>) {
        match self.pieces.last_mut() {
            Some(Piece::Bytes(last)) => last.extend(bytes),
            _ => self.pieces.push(Piece::Bytes(bytes)),
        }
    }
}

fn write_part(part: &Part, workload: &Workload, draw: &mut Draw, keys_used: &mut usize, out: &mut Vec<u8>) {
    match part {
        Part::Text(text) => out.extend_from_slice(text),
        Part::Key => {
            let key = match keys_used {
                0 => draw.key,
                _ => workload.keys.pick_beside(draw.key, &mut draw.random),
            };
            *keys_used += 1;
            workload.keys.name(key, out);
        }
        Part::Data => workload.write_value(draw, out),
        Part::Ttl => push_digits(draw.random.between(workload.expiry.0, workload.expiry.1), 1, out),
        Part::Rand(bound) => push_digits(draw.random.below(*bound), 1, out),
        Part::Number => push_digits(draw.number, 1, out),
    }
}

/// Adds one argument: its length, its bytes.
pub fn push_bulk(bytes: &[u8], out: &mut Vec<u8>) {
    push_bulk_header(bytes.len(), out);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn push_bulk_header(len: usize, out: &mut Vec<u8>) {
    if (10..100).contains(&len) {
        // The usual length of keys and small values, in one copy.
        out.extend_from_slice(&[b'$', b'0' + (len / 10) as u8, b'0' + (len % 10) as u8, b'\r', b'\n']);
        return;
    }
    out.push(b'$');
    push_digits(len as u64, 1, out);
    out.extend_from_slice(b"\r\n");
}

/// A whole command in RESP.
pub fn encode_command<T: AsRef<[u8]>>(words: &[T]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    words.iter().for_each(|word| push_bulk(word.as_ref(), &mut out));
    out
}

fn encode_bulk(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    push_bulk(bytes, &mut out);
    out
}

fn parse_parts(word: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = word;
    while let Some(start) = rest.find("__") {
        let Some(len) = rest[start + 2..].find("__") else { break };
        let name = &rest[start + 2..start + 2 + len];
        if start > 0 {
            parts.push(Part::Text(rest[..start].into()));
        }
        parts.push(placeholder(name).ok_or_else(|| {
            format!("unknown placeholder '__{name}__': key, data, ttl, rand:N or number between the lines")
        })?);
        rest = &rest[start + len + 4..];
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    Ok(parts)
}

fn placeholder(name: &str) -> Option<Part> {
    match name {
        "key" => Some(Part::Key),
        "data" => Some(Part::Data),
        "ttl" => Some(Part::Ttl),
        "number" => Some(Part::Number),
        _ => name.strip_prefix("rand:")?.parse().ok().map(Part::Rand),
    }
}

fn split_words(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match quote {
            Some(end) if c == end => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word.take());
    if quote.is_some() { Err(format!("'{line}': a quote is not closed")) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Workload;

    fn encode(line: &str, number: u64) -> String {
        let workload = Workload::of_commands(&[line.to_string()]).unwrap();
        let mut out = Vec::new();
        let draw = workload.draw(1, number);
        workload.encode(&draw, &mut Vec::new(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fixed_text_is_one_piece() {
        let template = Template::parse("ECHO 'a b' \"\"").unwrap();
        assert_eq!(template.pieces, [Piece::Bytes(b"*3\r\n$4\r\nECHO\r\n$3\r\na b\r\n$0\r\n\r\n".to_vec())]);
    }

    #[test]
    fn placeholders_become_values() {
        assert_eq!(encode("GET f__number__x", 12), "*2\r\n$3\r\nGET\r\n$4\r\nf12x\r\n");
        let set = encode("SET __key__ __data__", 3);
        assert!(set.starts_with("*3\r\n$3\r\nSET\r\n$16\r\nkey:0000"), "{set}");
        assert_eq!(set.len(), 4 + 9 + 23 + 5 + 64 + 2);
        assert_eq!(encode("SET __key__ __data__", 3), set, "the same number is the same request");
    }

    #[test]
    fn mistakes_are_explained() {
        for line in ["", "GET __kee__", "SET 'a", "GET __rand:x__"] {
            assert!(Template::parse(line).is_err(), "{line}");
        }
        assert!(Template::parse("GET __").is_ok(), "two lines alone are text");
    }
}
