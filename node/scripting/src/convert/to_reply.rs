//! From what a script returns to the reply.
//!
//! Source: "Lua to Redis type conversion" of the scripting manual. A table is what its field says (`err`, `ok`,
//! `double`, `big_number`, `verbatim_string`, `map`, `set`, looked for in this order), else an array up to its first nil.
//! Fields are read without metamethods: converting must not run the script again.

use std::convert::Infallible;
use std::ffi::c_int;

use resp::{Proto, Reply};

use crate::lua::{Kind, Stack};
use crate::step::Finished;

/// Appends the value on top, returned by a script that speaks `proto`, to the reply of `finished`; takes it.
pub(crate) fn write_reply(stack: &mut Stack<'_>, proto: Proto, finished: &mut Finished) {
    let outermost = stack.top();
    Writer { stack, proto, finished, outermost }.value();
}

/// Writes an error; `text` begins with its code. Line ends inside become spaces, those at its end are cut.
pub(crate) fn error_line(reply: &mut Reply, text: &[u8]) {
    line(reply, b'-', text);
}

struct Writer<'w, 'a> {
    stack: &'w mut Stack<'a>,
    proto: Proto,
    finished: &'w mut Finished,
    /// Where the value that is the whole reply stands.
    outermost: c_int,
}

impl Writer<'_, '_> {
    fn reply(&mut self) -> &mut Reply {
        &mut self.finished.reply
    }

    /// Writes the value on top and takes it.
    fn value(&mut self) {
        // For a table's fields and a pair of it.
        if !self.stack.has_room(6) {
            self.finished.errors.push("ERR".to_owned());
            self.reply().error("ERR reached lua stack limit");
            return self.stack.pop();
        }
        let top = self.stack.top();
        let reply = &mut self.finished.reply;
        match self.stack.kind(top) {
            Kind::String => reply.bulk(self.stack.bytes(top).unwrap_or_default()),
            Kind::Number => reply.integer(self.stack.number(top).unwrap_or_default() as i64),
            Kind::Boolean => match (self.proto, self.stack.boolean(top)) {
                (Proto::Resp3, value) => reply.boolean(value),
                (Proto::Resp2, true) => reply.integer(1),
                (Proto::Resp2, false) => reply.null(),
            },
            Kind::Table => self.table(top),
            _ => reply.null(),
        }
        self.stack.truncate(top - 1);
    }

    /// Writes the table at `table`; may leave values above it.
    fn table(&mut self, table: c_int) {
        let field = table + 1;
        for (name, write) in [("err", Self::error as fn(&mut Self, c_int) -> bool), ("ok", Self::status)] {
            self.stack.get_field(table, name);
            if self.stack.kind(field) == Kind::String && write(self, table) {
                return;
            }
            self.stack.truncate(table);
        }
        self.typed(table);
    }

    fn error(&mut self, table: c_int) -> bool {
        self.stack.get_field(table, "ignore_error_stats_update");
        let counted = self.stack.boolean(table + 2);
        let text = self.stack.bytes(table + 1).unwrap_or_default();
        if !counted {
            let code = text.split(|b| *b == b' ').next().unwrap_or_default();
            self.finished.errors.push(String::from_utf8_lossy(code).into_owned());
        }
        // An error among other values is one of them.
        self.finished.failed |= table == self.outermost;
        line(&mut self.finished.reply, b'-', text);
        true
    }

    fn status(&mut self, table: c_int) -> bool {
        line(&mut self.finished.reply, b'+', self.stack.bytes(table + 1).unwrap_or_default());
        true
    }

    /// The types of RESP3, then arrays.
    fn typed(&mut self, table: c_int) {
        let field = table + 1;
        self.stack.get_field(table, "double");
        if self.stack.kind(field) == Kind::Number {
            let number = self.stack.number(field).unwrap_or_default();
            return self.reply().double(number);
        }
        self.stack.truncate(table);
        self.stack.get_field(table, "big_number");
        if let Some(digits) = self.stack.bytes(field) {
            return big_number(&mut self.finished.reply, digits);
        }
        self.stack.truncate(table);
        self.stack.get_field(table, "verbatim_string");
        if self.stack.kind(field) == Kind::Table && self.verbatim(field) {
            return;
        }
        self.stack.truncate(table);
        self.stack.get_field(table, "map");
        if self.stack.kind(field) == Kind::Table {
            return self.pairs(field, true);
        }
        self.stack.truncate(table);
        self.stack.get_field(table, "set");
        if self.stack.kind(field) == Kind::Table {
            return self.pairs(field, false);
        }
        self.stack.truncate(table);
        self.array(table);
    }

    fn verbatim(&mut self, table: c_int) -> bool {
        self.stack.get_field(table, "format");
        self.stack.get_field(table, "string");
        let (Some(format), Some(text)) = (self.stack.bytes(table + 1), self.stack.bytes(table + 2)) else {
            return false;
        };
        self.finished.reply.verbatim_bytes(format, text);
        true
    }

    /// Writes a map's pairs, or a set's keys.
    fn pairs(&mut self, table: c_int, is_map: bool) {
        let header = self.reply().defer();
        let (mut len, proto, outermost) = (0, self.proto, self.outermost);
        let finished = &mut *self.finished;
        let Ok(()) = self.stack.each_pair(table, |stack| -> Result<(), Infallible> {
            let (key, value) = (stack.top() - 1, stack.top());
            stack.push_copy(key);
            let mut writer = Writer { stack, proto, finished, outermost };
            writer.value();
            if is_map {
                writer.stack.push_copy(value);
                writer.value();
            }
            len += 1;
            Ok(())
        });
        if is_map {
            self.reply().set_map(header, len);
        } else {
            self.reply().set_set(header, len);
        }
    }

    fn array(&mut self, table: c_int) {
        let mut len = 0;
        while self.has_item(table, len + 1) {
            len += 1;
        }
        self.reply().array(len);
        for i in 1..=len {
            self.stack.get_item(table, i);
            self.value();
        }
    }

    fn has_item(&mut self, table: c_int, index: usize) -> bool {
        self.stack.get_item(table, index);
        let found = self.stack.kind(table + 1) != Kind::Nil;
        self.stack.pop();
        found
    }
}

fn big_number(reply: &mut Reply, digits: &[u8]) {
    if reply.proto == Proto::Resp3 {
        return line(reply, b'(', digits);
    }
    reply.bulk(&one_line(digits));
}

fn one_line(text: &[u8]) -> Vec<u8> {
    text.iter().map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { *b }).collect()
}

/// Writes a reply of one line.
fn line(reply: &mut Reply, kind: u8, text: &[u8]) {
    let end = text.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |last| last + 1);
    reply.raw(&[&[kind][..], &one_line(&text[..end]), b"\r\n"].concat());
}
