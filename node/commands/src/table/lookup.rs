//! From the words of a request to its row.
//!
//! The name is looked up on every request, in whatever case the client writes it: a small open-addressed
//! table over the names, hashed with the case bit masked out, built once.

use std::fmt::Write;
use std::ops::Deref;
use std::sync::OnceLock;

use crate::args::Args;
use crate::error::{Error, wrong_arity};
use crate::table::{Command, Run, all};

/// Power of two, several times the number of commands: short probes.
const CELLS: usize = 2048;

/// A row in its place among all.
pub struct Row {
    /// The row that runs.
    pub command: &'static Command,
    /// The container, when `command` is a subcommand.
    pub container: Option<&'static Command>,
    /// Number of the row, dense from 0, for tables of counters.
    pub id: u16,
}

/// The row of a resolved request: one word, which every step from the request to its reply hands on.
#[derive(Clone, Copy)]
pub struct Found(&'static Row);

impl Deref for Found {
    type Target = Row;

    #[inline]
    fn deref(&self) -> &Row {
        self.0
    }
}

struct Index {
    /// Every row, subcommands behind their container.
    rows: Vec<Row>,
    /// Position in `rows` plus one, by hash of the name; 0 is empty.
    cells: Box<[u16; CELLS]>,
}

fn hash(name: &[u8]) -> usize {
    let mixed = name.iter().fold(0xcbf2_9ce4u32, |h, b| (h ^ u32::from(b | 0x20)).wrapping_mul(0x0100_0193));
    (mixed ^ (mixed >> 15)) as usize % CELLS
}

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let (mut rows, mut cells): (Vec<Row>, _) = (Vec::new(), Box::new([0; CELLS]));
        for command in all() {
            let mut at = hash(command.name.as_bytes());
            while cells[at] != 0 {
                at = (at + 1) % CELLS;
            }
            cells[at] = rows.len() as u16 + 1;
            rows.push(Row { command, container: None, id: rows.len() as u16 });
            for sub in command.subcommands {
                rows.push(Row { command: sub, container: Some(command), id: rows.len() as u16 });
            }
        }
        Index { rows, cells }
    })
}

/// Number of rows, subcommands included; their numbers are below it.
pub fn row_count() -> usize {
    index().rows.len()
}

/// The top-level command of this name, in any case.
#[inline]
pub fn find(name: &[u8]) -> Option<Found> {
    let index = index();
    let mut at = hash(name);
    while index.cells[at] != 0 {
        let row = &index.rows[usize::from(index.cells[at]) - 1];
        if row.command.name.as_bytes().eq_ignore_ascii_case(name) {
            return Some(Found(row));
        }
        at = (at + 1) % CELLS;
    }
    None
}

impl Found {
    /// The name with its container's: `get`, `config|get`.
    pub fn full_name(&self) -> String {
        match self.container {
            Some(container) => format!("{}|{}", container.name, self.command.name),
            None => self.command.name.to_owned(),
        }
    }

    /// The subcommand of this name, in any case.
    pub fn sub(&self, name: &[u8]) -> Option<Found> {
        let at =
            self.command.subcommands.iter().position(|sub| sub.name.as_bytes().eq_ignore_ascii_case(name))?;
        Found::by_id(self.id + 1 + at as u16)
    }

    /// The row that `args` ask for, its arity checked; the error is the reply.
    #[inline]
    pub fn resolve(args: &Args<'_>) -> Result<Found, Error> {
        let mut found = find(args[0]).ok_or_else(|| unknown_command(args))?;
        let command = found.command;
        if !command.subcommands.is_empty() && (args.len() > 1 || matches!(command.run, Run::Container)) {
            let name = args.get(1).ok_or_else(|| wrong_arity(command.name))?;
            found = found.sub(name).ok_or_else(|| unknown_subcommand(command, name))?;
        }
        if !found.command.arity_fits(args.len()) {
            return Err(wrong_arity(&found.full_name()));
        }
        Ok(found)
    }

    /// The row named by words as users write them in COMMAND INFO: `get`, `config|get`.
    pub fn by_full_name(name: &[u8]) -> Option<Found> {
        let mut parts = name.splitn(2, |b| *b == b'|');
        let found = find(parts.next()?)?;
        match parts.next() {
            None => Some(found),
            Some(sub) => found.sub(sub),
        }
    }

    /// The row of number `id`.
    pub fn by_id(id: u16) -> Option<Found> {
        index().rows.get(usize::from(id)).map(Found)
    }
}

/// Words of a request are quoted back to at most this many bytes.
const QUOTED_MAX: usize = 128;

fn unknown_command(args: &Args<'_>) -> Error {
    let quote = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(QUOTED_MAX)]).into_owned();
    let mut text = format!("ERR unknown command '{}', with args beginning with: ", quote(args[0]));
    let mut room = QUOTED_MAX;
    for arg in &args[1..] {
        if room == 0 {
            break;
        }
        let shown = &arg[..arg.len().min(room)];
        room = room.saturating_sub(shown.len() + 3);
        write!(text, "'{}' ", quote(shown)).expect("writing to a string cannot fail");
    }
    Error::text(text)
}

fn unknown_subcommand(container: &Command, name: &[u8]) -> Error {
    let name = String::from_utf8_lossy(&name[..name.len().min(QUOTED_MAX)]);
    Error::text(format!("ERR unknown subcommand '{name}'. Try {} HELP.", container.name.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_once() {
        for command in all() {
            let found = find(command.name.to_ascii_uppercase().as_bytes()).expect(command.name);
            assert!(std::ptr::eq(found.command, command), "{} stands twice", command.name);
            assert!(
                !matches!(command.run, Run::Container) || !command.subcommands.is_empty(),
                "{}",
                command.name
            );
        }
    }
}
