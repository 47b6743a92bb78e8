//! From a command's reply to what the script gets.
//!
//! Source: "Redis to Lua type conversion" of the scripting manual, RESP2 and RESP3.

use std::ffi::c_int;

use crate::lua::Stack;

/// Pushes the first value of `reply`, whole RESP that a command of this server wrote.
pub(crate) fn push_reply(stack: &mut Stack<'_>, reply: &[u8]) {
    Reader { stack, rest: reply }.value();
}

/// An error reply's line without its dash, made to begin with a code.
pub(crate) fn error_text(line: &[u8]) -> Vec<u8> {
    if line.contains(&b' ') { line.to_vec() } else { [b"ERR ", line].concat() }
}

struct Reader<'r, 's, 'a> {
    stack: &'s mut Stack<'a>,
    rest: &'r [u8],
}

impl<'r> Reader<'r, '_, '_> {
    /// Pushes the next value.
    fn value(&mut self) {
        let kind = self.rest.first().copied().unwrap_or(b'_');
        let line = self.line();
        match kind {
            b'+' => self.single("ok", |stack| stack.push_bytes(line)),
            b'-' => {
                self.stack.push_error_table(&error_text(line));
                // The command counted it.
                let table = self.stack.top();
                self.stack.push_boolean(true);
                self.stack.set_field(table, "ignore_error_stats_update");
            }
            b':' => self.stack.push_number(number(line) as f64),
            b'$' => match self.bulk(line) {
                Some(bytes) => self.stack.push_bytes(bytes),
                None => self.stack.push_boolean(false),
            },
            b'*' | b'>' => match usize::try_from(number(line)) {
                Ok(len) => self.array(len),
                Err(_) => self.stack.push_boolean(false),
            },
            b'%' => self.map(number(line)),
            b'~' => self.set(number(line)),
            b'#' => self.stack.push_boolean(line == b"t"),
            b',' => self.single("double", |stack| stack.push_number(double(line))),
            b'(' => self.single("big_number", |stack| stack.push_bytes(line)),
            b'=' => self.verbatim(line),
            b'|' => {
                // Attributes are not shown to scripts; the value they belong to follows.
                for _ in 0..2 * number(line) {
                    self.value();
                    self.stack.pop();
                }
                self.value();
            }
            _ => self.stack.push_nil(),
        }
    }

    /// The rest of the line after its first byte.
    fn line(&mut self) -> &'r [u8] {
        let end = self.rest.iter().position(|b| *b == b'\r').unwrap_or(self.rest.len());
        let line = self.rest.get(1..end).unwrap_or_default();
        self.rest = self.rest.get(end + 2..).unwrap_or_default();
        line
    }

    fn bulk(&mut self, len: &[u8]) -> Option<&'r [u8]> {
        let len = usize::try_from(number(len)).ok()?;
        let (bytes, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest.get(2..).unwrap_or_default();
        Some(bytes)
    }

    /// Pushes a table of one named value.
    fn single(&mut self, name: &str, push: impl FnOnce(&mut Stack<'_>)) {
        self.stack.push_table(0, 1);
        let table = self.stack.top();
        push(self.stack);
        self.stack.set_field(table, name);
    }

    fn array(&mut self, len: usize) {
        self.stack.push_table(len, 0);
        let table = self.stack.top();
        for i in 1..=len {
            self.value();
            self.stack.set_item(table, i);
        }
    }

    /// Pushes a table that has the collection pushed by `fill` as its field `name`.
    fn collection(&mut self, name: &str, len: i64, mut add: impl FnMut(&mut Self, c_int)) {
        self.stack.push_table(0, 1);
        let outer = self.stack.top();
        self.stack.push_table(0, usize::try_from(len).unwrap_or(0));
        let inner = self.stack.top();
        for _ in 0..len {
            add(self, inner);
        }
        self.stack.set_field(outer, name);
    }

    fn map(&mut self, len: i64) {
        self.collection("map", len, |reader, map| {
            reader.value();
            reader.value();
            reader.stack.set(map);
        });
    }

    fn set(&mut self, len: i64) {
        self.collection("set", len, |reader, set| {
            reader.value();
            reader.stack.push_boolean(true);
            reader.stack.set(set);
        });
    }

    fn verbatim(&mut self, len: &[u8]) {
        // Three letters, a colon, the text.
        let bytes = self.bulk(len).unwrap_or_default();
        let (format, text) = (bytes.get(..3).unwrap_or_default(), bytes.get(4..).unwrap_or_default());
        self.single("verbatim_string", |stack| {
            stack.push_table(0, 2);
            let table = stack.top();
            stack.push_bytes(text);
            stack.set_field(table, "string");
            stack.push_bytes(format);
            stack.set_field(table, "format");
        });
    }
}

fn number(line: &[u8]) -> i64 {
    resp::parse_integer(line).unwrap_or(0)
}

fn double(line: &[u8]) -> f64 {
    resp::parse_double(line).unwrap_or(f64::NAN)
}
