//! Sets: no member twice, in one of three encodings.
//!
//! | encoding    | members              | left by                                             |
//! |-------------|----------------------|-----------------------------------------------------|
//! | `intset`    | integers, sorted     | a string; more than `set-max-intset-entries`        |
//! | `listpack`  | few and short        | more than `set-max-listpack-entries`, or `-value`   |
//! | `hashtable` | any                  | nothing                                             |
//!
//! A set changes its encoding as it grows and never back, as in Redis, where only commands that make a new
//! set ([`Set::shrink_to_ints`], [`Set::pop_many`]) return to a smaller one.

mod pick;
#[cfg(test)]
mod tests;

use super::Limits;
use super::blob::{self, Blob};
use super::int::{self, IntText};
use super::intset::IntSet;
use super::listpack::{Corrupt, Item, Listpack, Strip};
use crate::table::{Cursor, LoadAhead, Lookup, Table};

/// Most integers of an intset whatever the configuration says, as in Redis: its size must fit 32 bits.
const INTSET_ENTRIES_MAX: usize = 1 << 30;
/// How many members of a table stand for all of them when memory is estimated.
const MEMORY_SAMPLES: usize = 16;

/// A set of strings, two words in its owner. Which of the three it is follows the module's table.
pub enum Set {
    /// Encoding `intset`.
    Ints(IntSet),
    /// Encoding `listpack`, which a dump makes of it by [`Strip::repack`].
    Packed(Strip),
    /// Encoding `hashtable`.
    Table(Box<Table<Blob>>),
}

const _: () = assert!(size_of::<Set>() == 16);

impl Clone for Set {
    fn clone(&self) -> Set {
        match self {
            Set::Ints(ints) => Set::Ints(ints.clone()),
            Set::Packed(members) => Set::Packed(members.clone()),
            Set::Table(table) => {
                let mut copy = Box::<Table<Blob>>::default();
                table.iter().for_each(|member| assert!(add_to(&mut copy, member.bytes()), "members differ"));
                Set::Table(copy)
            }
        }
    }
}

impl Default for Set {
    fn default() -> Set {
        Set::new()
    }
}

impl Set {
    /// An empty set, of the smallest encoding.
    pub fn new() -> Set {
        Set::Ints(IntSet::new())
    }

    /// Its table, to load members ahead.
    pub fn table(&self) -> Option<&dyn LoadAhead> {
        if let Set::Table(table) = self { Some(&**table) } else { None }
    }

    /// An empty set of the encoding `listpack`.
    pub fn packed() -> Set {
        Set::Packed(Strip::new())
    }

    /// An empty set for about `count` members, of which `first` is one: what `SADD` makes of a missing key.
    pub fn for_members(first: &[u8], count: usize, limits: &Limits) -> Set {
        if int::from_text(first).is_some() && count <= intset_entries(limits) {
            Set::new()
        } else if count <= limits.set_max_listpack_entries {
            Set::packed()
        } else {
            Set::Table(Box::default())
        }
    }

    /// The set in a listpack of a dump: at least one member, and none twice.
    pub fn from_listpack(members: &Listpack, limits: &Limits) -> Result<Set, Corrupt> {
        let mut texts: Vec<Vec<u8>> = members.iter().map(|(_, member)| member.to_vec()).collect();
        texts.sort_unstable();
        if texts.is_empty() || texts.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Corrupt);
        }
        let mut set = Set::Packed(members.repack());
        set.expect(0, limits);
        Ok(set)
    }

    /// The set in an intset of a dump: at least one member.
    pub fn from_intset(members: IntSet, limits: &Limits) -> Result<Set, Corrupt> {
        if members.is_empty() {
            return Err(Corrupt);
        }
        let mut set = Set::Ints(members);
        set.expect(0, limits);
        Ok(set)
    }

    /// Makes a table at once of a set that holds, or is about to be given, more than its encoding allows.
    pub fn expect(&mut self, more: usize, limits: &Limits) {
        let most = match self {
            Set::Ints(_) => intset_entries(limits),
            Set::Packed(_) => limits.set_max_listpack_entries,
            Set::Table(_) => return,
        };
        if self.len().max(more) > most {
            self.make_table();
        }
    }

    /// `OBJECT ENCODING`.
    pub fn encoding_name(&self) -> &'static str {
        match self {
            Set::Ints(_) => "intset",
            Set::Packed(_) => "listpack",
            Set::Table(_) => "hashtable",
        }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        match self {
            Set::Ints(ints) => ints.len(),
            Set::Packed(members) => members.len(),
            Set::Table(table) => table.len(),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes taken from the allocator; for a table an estimate from some of its members.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Set::Ints(ints) => ints.memory_bytes(),
            Set::Packed(members) => members.memory_bytes(),
            Set::Table(table) => {
                let (count, bytes) = table
                    .iter()
                    .take(MEMORY_SAMPLES)
                    .fold((0, 0), |(count, bytes), member| (count + 1, bytes + member.allocated()));
                size_of::<Table<Blob>>() + table.memory_bytes() + bytes * table.len() / count.max(1)
            }
        }
    }

    /// Whether `member` is in the set.
    pub fn contains<'a>(&self, member: impl Into<Item<'a>>) -> bool {
        let member = member.into();
        match self {
            Set::Ints(ints) => member.as_int().is_some_and(|value| ints.contains(value)),
            Set::Packed(members) => members.find(member.as_bytes(&mut IntText::default()), 0).is_some(),
            Set::Table(table) => table.get(member.as_bytes(&mut IntText::default())).is_some(),
        }
    }

    /// Adds `member`; the answer is whether it was missing.
    pub fn add<'a>(&mut self, member: impl Into<Item<'a>>, limits: &Limits) -> bool {
        let member = member.into();
        let mut buffer = IntText::default();
        match self {
            Set::Ints(ints) => match member.as_int() {
                Some(value) => {
                    let added = ints.add(value);
                    if ints.len() > intset_entries(limits) {
                        self.make_table();
                    }
                    added
                }
                None => {
                    self.leave_ints(member.text_len(), limits);
                    self.add(member, limits)
                }
            },
            Set::Packed(members) => {
                let text = member.as_bytes(&mut buffer);
                if members.find(text, 0).is_some() {
                    return false;
                }
                let fits = members.len() < limits.set_max_listpack_entries
                    && text.len() <= limits.set_max_listpack_value
                    && members.would_fit(text.len());
                if fits {
                    members.push_back(text);
                } else {
                    add_to(self.make_table(), text);
                }
                true
            }
            Set::Table(table) => add_to(table, member.as_bytes(&mut buffer)),
        }
    }

    /// Removes `member`; the answer is whether it was there.
    pub fn remove<'a>(&mut self, member: impl Into<Item<'a>>) -> bool {
        let member = member.into();
        match self {
            Set::Ints(ints) => member.as_int().is_some_and(|value| ints.remove(value)),
            Set::Packed(members) => {
                let found = members.find(member.as_bytes(&mut IntText::default()), 0);
                found.map(|pos| members.remove(pos)).is_some()
            }
            Set::Table(table) => table.remove(member.as_bytes(&mut IntText::default())).is_some(),
        }
    }

    /// Every member: ascending, in the order added, or in none that means anything.
    pub fn iter(&self) -> impl Iterator<Item = Item<'_>> {
        let (ints, packed, table) = match self {
            Set::Ints(ints) => (Some(ints.iter()), None, None),
            Set::Packed(members) => (None, Some(members.iter()), None),
            Set::Table(table) => (None, None, Some(table.iter())),
        };
        let ints = ints.into_iter().flatten().map(Item::Int);
        let packed = packed.into_iter().flatten().map(|(_, member)| member);
        ints.chain(packed).chain(table.into_iter().flatten().map(|member| Item::Str(blob::bytes_of(&member))))
    }

    /// One step of `SSCAN`: calls `emit` for some members and returns where to go on, 0 at the end. A compact
    /// set is emitted whole; a table gives the guarantees of [`Table::scan`].
    pub fn scan(&self, cursor: Cursor, mut emit: impl FnMut(Item<'_>)) -> Cursor {
        match self {
            Set::Table(table) => table.scan(cursor, &mut |member| emit(Item::Str(member.bytes()))),
            _ => {
                self.iter().for_each(emit);
                0
            }
        }
    }

    /// Frees about `count` members of a set that is no longer needed; true when none is left.
    pub fn drain(&mut self, count: usize) -> bool {
        match self {
            Set::Table(table) => table.drain_some(count),
            _ => true,
        }
    }

    /// Makes an intset of a set whose members are all integers, if the limits allow: `SINTERSTORE` does so
    /// with what it found.
    pub fn shrink_to_ints(&mut self, limits: &Limits) {
        if matches!(self, Set::Ints(_)) || self.len() > intset_entries(limits) {
            return;
        }
        let mut values: Vec<i64> = Vec::with_capacity(self.len());
        for member in self.iter() {
            let Some(value) = member.as_int() else { return };
            values.push(value);
        }
        values.sort_unstable();
        let mut ints = IntSet::new();
        values.into_iter().for_each(|value| assert!(ints.add(value), "a member is there once"));
        *self = Set::Ints(ints);
    }

    /// Leaves the intset encoding for a string of `length` bytes: to a listpack when every member fits one.
    fn leave_ints(&mut self, length: usize, limits: &Limits) {
        let Set::Ints(ints) = self else { return };
        let longest = ints.min().into_iter().chain(ints.max()).map(int::text_len).max().unwrap_or(0);
        let fits = ints.len() < limits.set_max_listpack_entries
            && length.max(longest) <= limits.set_max_listpack_value;
        if !fits {
            self.make_table();
            return;
        }
        let mut members = Strip::new();
        ints.iter().for_each(|value| members.push_back_int(value));
        *self = Set::Packed(members);
    }

    /// Makes the set a table and returns that.
    fn make_table(&mut self) -> &mut Table<Blob> {
        if !matches!(self, Set::Table(_)) {
            let mut table = Box::<Table<Blob>>::default();
            for member in self.iter() {
                add_to(&mut table, member.as_bytes(&mut IntText::default()));
            }
            *self = Set::Table(table);
        }
        let Set::Table(table) = self else { unreachable!("made so above") };
        table
    }
}

/// Adds `member` to a table; the answer is whether it was missing.
fn add_to(table: &mut Table<Blob>, member: &[u8]) -> bool {
    match table.lookup(member) {
        Lookup::Found(_) => false,
        Lookup::Vacant(vacancy) => {
            vacancy.insert(Blob::concat(&[member]), false);
            true
        }
    }
}

fn intset_entries(limits: &Limits) -> usize {
    limits.set_max_intset_entries.min(INTSET_ENTRIES_MAX)
}
