//! Where a command's keys are: key specifications, and finding the keys by them.
//!
//! Source: "Command key specifications" of the command documentation.

use crate::args::Args;
use crate::table::Command;

/// What is done with the keys of a specification; COMMAND INFO's words.
pub type KeyFlags = u16;
/// Reads and writes the value.
pub const RW: KeyFlags = 1 << 0;
/// Reads only.
pub const RO: KeyFlags = 1 << 1;
/// Overwrites.
pub const OW: KeyFlags = 1 << 2;
/// Removes.
pub const RM: KeyFlags = 1 << 3;
/// Gives the value to the client, or uses it.
pub const ACCESS: KeyFlags = 1 << 4;
/// Changes what is there.
pub const UPDATE: KeyFlags = 1 << 5;
/// Adds without regard to what is there.
pub const INSERT: KeyFlags = 1 << 6;
/// Deletes by name, not by content.
pub const DELETE: KeyFlags = 1 << 7;
/// A channel, placed like a key: it tells the slot and is no key.
pub const NOT_KEY: KeyFlags = 1 << 8;
/// The specification may not find all keys.
pub const INCOMPLETE: KeyFlags = 1 << 9;
/// Which flags hold depends on the arguments; see [`Command::each_key_use`].
pub const VARIABLE: KeyFlags = 1 << 10;

/// The names of key flags, in COMMAND INFO's order.
pub const KEY_FLAG_NAMES: &[(KeyFlags, &str)] = &[
    (RO, "RO"),
    (RW, "RW"),
    (OW, "OW"),
    (RM, "RM"),
    (ACCESS, "access"),
    (UPDATE, "update"),
    (INSERT, "insert"),
    (DELETE, "delete"),
    (NOT_KEY, "not_key"),
    (INCOMPLETE, "incomplete"),
    (VARIABLE, "variable_flags"),
];

/// Where the search for keys begins.
#[derive(Debug, Clone, Copy)]
pub enum Begin {
    /// At this argument.
    Index(usize),
    /// After this word, searched from argument `from` on (backwards when negative).
    Keyword {
        /// The word.
        word: &'static str,
        /// Where to begin; negative counts from the end and searches backwards.
        from: i32,
    },
    /// After the last option of this name. COMMAND INFO has no words for that and calls it unknown.
    Option {
        /// The option.
        word: &'static str,
        /// Where options begin.
        from: usize,
        /// Options with values of their own, which may be any words, and how many.
        others: &'static [(&'static str, usize)],
    },
    /// At this argument, unless it is empty: MIGRATE's keys are then elsewhere. COMMAND INFO says `index`.
    Filled(usize),
    /// Behind the first option of this name, which is the last option of all. COMMAND INFO says `keyword`, from the
    /// last word but one backwards, which is right when no key has the option's name.
    Rest {
        /// The option.
        word: &'static str,
        /// Where options begin.
        from: usize,
        /// Options with values of their own, which may be any words, and how many.
        others: &'static [(&'static str, usize)],
    },
    /// Nobody can tell.
    Unknown,
}

/// How keys follow the beginning.
#[derive(Debug, Clone, Copy)]
pub enum Find {
    /// Every `step`-th argument up to `last`: relative to the beginning, or to the end when negative.
    /// `limit` 2 and up: only that part of what remains (2 = the first half).
    Range {
        /// Last key.
        last: i32,
        /// Distance between keys.
        step: usize,
        /// See above.
        limit: usize,
    },
    /// A count stands at `count`, keys from `first` on; both relative to the beginning.
    Count {
        /// Where the count stands.
        count: usize,
        /// Where the first key stands.
        first: usize,
        /// Distance between keys.
        step: usize,
    },
    /// Nobody can tell.
    Unknown,
}

/// One specification.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    /// What is done with the keys.
    pub flags: KeyFlags,
    /// Where they begin.
    pub begin: Begin,
    /// How they follow.
    pub find: Find,
}

/// One key, at `index`.
pub const fn one(index: usize, flags: KeyFlags) -> KeySpec {
    range(index, 0, 1, flags)
}

/// Keys from `index` on, every `step`-th, to `last` (relative to `index`, or negative: from the end).
pub const fn range(index: usize, last: i32, step: usize, flags: KeyFlags) -> KeySpec {
    KeySpec { flags, begin: Begin::Index(index), find: Find::Range { last, step, limit: 0 } }
}

/// A count at `index`, keys right behind it.
pub const fn counted(index: usize, flags: KeyFlags) -> KeySpec {
    KeySpec { flags, begin: Begin::Index(index), find: Find::Count { count: 0, first: 1, step: 1 } }
}

/// One key after the word `word`, searched from argument `from` on.
pub const fn after(word: &'static str, from: i32, flags: KeyFlags) -> KeySpec {
    KeySpec { flags, begin: Begin::Keyword { word, from }, find: Find::Range { last: 0, step: 1, limit: 0 } }
}

/// The value of the last option `word`, where options begin at `from` and some have values of their own.
pub const fn option(
    word: &'static str,
    from: usize,
    others: &'static [(&'static str, usize)],
    flags: KeyFlags,
) -> KeySpec {
    let begin = Begin::Option { word, from, others };
    KeySpec { flags, begin, find: Find::Range { last: 0, step: 1, limit: 0 } }
}

/// One key, at `index` unless that is empty.
pub const fn filled(index: usize, flags: KeyFlags) -> KeySpec {
    KeySpec { flags, begin: Begin::Filled(index), find: Find::Range { last: 0, step: 1, limit: 0 } }
}

/// All behind the option `word`, where options begin at `from` and some have values of their own.
pub const fn rest(
    word: &'static str,
    from: usize,
    others: &'static [(&'static str, usize)],
    flags: KeyFlags,
) -> KeySpec {
    let begin = Begin::Rest { word, from, others };
    KeySpec { flags, begin, find: Find::Range { last: -1, step: 1, limit: 0 } }
}

/// Keys that are made of what the command reads.
pub const fn unknown(flags: KeyFlags) -> KeySpec {
    KeySpec { flags, begin: Begin::Unknown, find: Find::Unknown }
}

/// The first half of what follows the word `word`.
pub const fn first_half_after(word: &'static str, from: i32, flags: KeyFlags) -> KeySpec {
    KeySpec { flags, begin: Begin::Keyword { word, from }, find: Find::Range { last: -1, step: 1, limit: 2 } }
}

/// Why no keys could be taken from a command's arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// The count of keys is no number, or more than there are arguments.
    BadCount,
}

impl KeySpec {
    /// Calls `each` with the index of every key.
    pub fn each(&self, args: &Args<'_>, each: &mut dyn FnMut(usize)) -> Result<(), KeyError> {
        let Some(begin) = self.begin(args) else { return Ok(()) };
        let count = args.len();
        match self.find {
            Find::Range { last, step, limit } => {
                let last = match usize::try_from(last) {
                    Ok(offset) => begin + offset,
                    Err(_) if limit > 1 => begin + (count - begin) / limit - usize::from(count > begin),
                    Err(_) => count.saturating_sub(last.unsigned_abs() as usize),
                };
                (begin..=last.min(count - 1)).step_by(step).for_each(each);
            }
            Find::Count { count: at, first, step } => {
                let number = args.get(begin + at).and_then(|arg| resp::parse_integer(arg));
                let number = number.and_then(|n| usize::try_from(n).ok()).ok_or(KeyError::BadCount)?;
                let room = count.saturating_sub(begin + first);
                if number > room.div_ceil(step) {
                    return Err(KeyError::BadCount);
                }
                (0..number).for_each(|i| each(begin + first + i * step));
            }
            Find::Unknown => {}
        }
        Ok(())
    }

    fn begin(&self, args: &Args<'_>) -> Option<usize> {
        match self.begin {
            Begin::Index(index) => (index < args.len()).then_some(index),
            Begin::Keyword { word, from } => {
                let at = if from >= 0 {
                    (from as usize..args.len()).find(|i| args.is(*i, word))
                } else {
                    let start = args.len().checked_sub(from.unsigned_abs() as usize)?;
                    (1..=start).rev().find(|i| args.is(*i, word))
                };
                at.map(|i| i + 1).filter(|i| *i < args.len())
            }
            Begin::Option { word, from, others } => {
                let (mut at, mut value) = (from, None);
                while at < args.len() {
                    if args.is(at, word) && at + 1 < args.len() {
                        value = Some(at + 1);
                        at += 1;
                    }
                    let other = others.iter().find(|(name, _)| args.is(at, name));
                    at += 1 + other.map_or(0, |(_, values)| *values);
                }
                value
            }
            Begin::Filled(index) => args.get(index).filter(|word| !word.is_empty()).map(|_| index),
            Begin::Rest { word, from, others } => {
                let mut at = from;
                while at < args.len() && !args.is(at, word) {
                    let other = others.iter().find(|(name, _)| args.is(at, name));
                    at += 1 + other.map_or(0, |(_, values)| *values);
                }
                (at + 1 < args.len()).then_some(at + 1)
            }
            Begin::Unknown => None,
        }
    }
}

impl Command {
    /// Calls `each` with the index of every key (and shard channel), in the order of the specifications.
    pub fn each_key(&self, args: &Args<'_>, each: &mut dyn FnMut(usize)) -> Result<(), KeyError> {
        self.keys.iter().try_for_each(|spec| spec.each(args, each))
    }

    /// Calls `each` with the index of every key and with what is done with it in this very call.
    pub fn each_key_use(
        &self,
        args: &Args<'_>,
        each: &mut dyn FnMut(usize, KeyFlags),
    ) -> Result<(), KeyError> {
        self.keys.iter().filter(|spec| spec.flags & NOT_KEY == 0).try_for_each(|spec| {
            let flags = self.use_of(spec, args);
            spec.each(args, &mut |index| each(index, flags))
        })
    }

    /// The index of the key of a command that has one, at a place that is always the same, and what is done with it in
    /// this very call. Nearly all that is asked is such a command.
    #[inline]
    pub fn lone_key(&self, args: &Args<'_>) -> Option<(usize, KeyFlags)> {
        let [spec] = self.keys else { return None };
        match (spec.begin, spec.find) {
            (Begin::Index(index), Find::Range { last: 0, .. })
                if index < args.len() && spec.flags & NOT_KEY == 0 =>
            {
                Some((index, self.use_of(spec, args)))
            }
            _ => None,
        }
    }

    #[inline]
    fn use_of(&self, spec: &KeySpec, args: &Args<'_>) -> KeyFlags {
        if spec.flags & VARIABLE != 0 { self.flags_in_use(args) } else { spec.flags }
    }

    /// As [`Command::each_key`], for the keys that the command may change, make or remove.
    pub fn each_written_key(&self, args: &Args<'_>, each: &mut dyn FnMut(usize)) -> Result<(), KeyError> {
        self.each_key_use(args, &mut |index, flags| {
            if flags & (RW | OW | RM) != 0 {
                each(index);
            }
        })
    }

    /// What is done with the keys of a command where that depends on its other words.
    fn flags_in_use(&self, args: &Args<'_>) -> KeyFlags {
        let reads_only = match self.name {
            "set" if (3..args.len()).any(|i| args.is(i, "get")) => false,
            "set" => return OW | UPDATE,
            "bitfield" => bitfield_reads_only(args),
            _ => false,
        };
        if reads_only { RO | ACCESS } else { RW | ACCESS | UPDATE }
    }

    /// Whether it reads keys that are in none of its words (SORT's BY and GET).
    pub fn reads_unnamed_keys(&self) -> bool {
        self.keys.iter().any(|spec| matches!(spec.begin, Begin::Unknown))
    }

    /// COMMAND INFO's first key, last key and step: those of a simple range from a fixed index; zeros where
    /// there is none.
    pub fn key_range(&self) -> (i64, i64, i64) {
        let mut whole: Option<(i64, i64, i64)> = None;
        for spec in self.keys {
            let (Begin::Index(index) | Begin::Filled(index), Find::Range { last, step, limit: 0 | 1 }) =
                (spec.begin, spec.find)
            else {
                continue;
            };
            let first = index as i64;
            let last = if last >= 0 { first + i64::from(last) } else { i64::from(last) };
            let step = step as i64;
            whole = Some(match whole {
                None => (first, last, step),
                // A range that goes on where the last one ended, as BITOP's or SMOVE's second key.
                Some((f, l, _)) if f < first => (f, if last < 0 { last } else { l.max(last) }, step),
                Some(other) => other,
            });
        }
        whole.unwrap_or((0, 0, 0))
    }
}

/// Whether all of BITFIELD's operations are GET; a line that is wrong counts as one that writes.
fn bitfield_reads_only(args: &Args<'_>) -> bool {
    let mut at = 2;
    while at < args.len() {
        let values = match () {
            () if args.is(at, "get") => 2,
            () if args.is(at, "overflow") => 1,
            () => return false,
        };
        if at + values >= args.len() {
            return false;
        }
        at += 1 + values;
    }
    true
}

/// The first key of a command whose keys are a simple range from a fixed index; the hot path of routing.
#[inline]
pub fn first_key<'a>(command: &Command, words: &[&'a [u8]]) -> Option<&'a [u8]> {
    match command.keys {
        [KeySpec { begin: Begin::Index(index), find: Find::Range { .. }, .. }, ..] => {
            words.get(*index).copied()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(spec: KeySpec, line: &str) -> Result<Vec<usize>, KeyError> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut found = Vec::new();
        spec.each(&Args::new(&words), &mut |i| found.push(i)).map(|()| found)
    }

    #[test]
    fn finds_keys() {
        assert_eq!(keys(one(1, RO), "get k"), Ok(vec![1]));
        assert_eq!(keys(range(1, -1, 2, OW), "mset a 1 b 2"), Ok(vec![1, 3]));
        assert_eq!(keys(range(1, -2, 1, RW), "blpop a b 0"), Ok(vec![1, 2]));
        assert_eq!(keys(counted(1, RO), "sintercard 2 a b limit 1"), Ok(vec![2, 3]));
        assert_eq!(keys(counted(1, RO), "sintercard 9 a"), Err(KeyError::BadCount));
        assert_eq!(keys(counted(1, RO), "sintercard x a"), Err(KeyError::BadCount));
        assert_eq!(keys(first_half_after("STREAMS", 1, RO), "xread streams a b 0 0"), Ok(vec![2, 3]));
        assert_eq!(keys(first_half_after("STREAMS", 1, RO), "xread streams"), Ok(vec![]));
        assert_eq!(keys(after("STORE", 1, OW), "sort k store d"), Ok(vec![3]));
        let store = option("STORE", 2, &[("by", 1), ("limit", 2)], OW);
        assert_eq!(keys(store, "sort k store d"), Ok(vec![3]));
        assert_eq!(keys(store, "sort k limit 0 store store a store b desc"), Ok(vec![8]));
        assert_eq!(keys(store, "sort k store d by store xx"), Ok(vec![3]));
        assert_eq!(keys(store, "sort k store"), Ok(vec![]));
        assert_eq!(keys(filled(3, RW), "migrate h 1 k 0 5"), Ok(vec![3]));
        assert_eq!(keys(filled(3, RW), "migrate h 1  0 5"), Ok(vec![]));
        let rest = rest("KEYS", 6, &[("auth", 1), ("auth2", 2)], RW);
        assert_eq!(keys(rest, "migrate h 1  0 5 copy keys a keys b"), Ok(vec![8, 9, 10]));
        assert_eq!(keys(rest, "migrate h 1  0 5 auth keys keys a"), Ok(vec![9]));
        assert_eq!(keys(rest, "migrate h 1  0 5 keys"), Ok(vec![]));
    }
}
