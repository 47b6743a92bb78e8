//! LCS: the longest common subsequence of two strings, its length, or where it matches.
//!
//! The textbook table of the lengths for every pair of beginnings, then the way back from its end. The table is
//! what bounds the command: four bytes for each pair of positions, at most `proto-max-bulk-len`.

use bytes::Bytes;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::error::{Error, SYNTAX};

const NOT_STRINGS: Error = Error::new("ERR The specified keys must contain string values");
const LEN_OR_IDX: Error = Error::new("ERR If you want both the length and indexes, please just use IDX.");
const TOO_LONG: Error = Error::new("ERR String too long for LCS");
const TOO_MUCH_MEMORY: Error =
    Error::new("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");

#[derive(Default)]
struct Options {
    len: bool,
    idx: bool,
    min_match_len: usize,
    with_match_len: bool,
}

/// `LCS key1 key2 [LEN] [IDX] [MINMATCHLEN length] [WITHMATCHLEN]`.
pub(crate) fn lcs(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let a = read(ctx, args[1])?;
    let b = read(ctx, args[2])?;
    let options = Options::parse(args)?;
    let table = Table::new(&a, &b, ctx.settings.string_max)?;
    if options.idx {
        reply_matches(ctx, &table, &options);
    } else if options.len {
        ctx.reply.integer(table.longest() as i64);
    } else {
        let bytes: Vec<u8> =
            table.matches().iter().rev().flat_map(|m| &a[m.a..m.a + m.len]).copied().collect();
        ctx.reply.bulk(&bytes);
    }
    Ok(())
}

fn read(ctx: &mut Ctx<'_>, key: &[u8]) -> Result<Bytes, Error> {
    let string = ctx.db.read_string(key).map_err(|_| NOT_STRINGS)?;
    Ok(string.map(|string| string.to_bytes()).unwrap_or_default())
}

impl Options {
    fn parse(args: &Args<'_>) -> Result<Options, Error> {
        let mut options = Options::default();
        let mut at = 3;
        while at < args.len() {
            if args.is(at, "idx") {
                options.idx = true;
            } else if args.is(at, "len") {
                options.len = true;
            } else if args.is(at, "withmatchlen") {
                options.with_match_len = true;
            } else if args.is(at, "minmatchlen") && at + 1 < args.len() {
                at += 1;
                options.min_match_len = usize::try_from(args.integer(at)?).unwrap_or(0);
            } else {
                return Err(SYNTAX);
            }
            at += 1;
        }
        if options.len && options.idx { Err(LEN_OR_IDX) } else { Ok(options) }
    }
}

fn reply_matches(ctx: &mut Ctx<'_>, table: &Table<'_>, options: &Options) {
    let mut matches = table.matches();
    matches.retain(|m| m.len >= options.min_match_len);
    ctx.reply.map(2);
    ctx.reply.bulk(b"matches");
    ctx.reply.array(matches.len());
    for m in matches {
        ctx.reply.array(if options.with_match_len { 3 } else { 2 });
        for start in [m.a, m.b] {
            ctx.reply.array(2);
            ctx.reply.integer(start as i64);
            ctx.reply.integer((start + m.len - 1) as i64);
        }
        if options.with_match_len {
            ctx.reply.integer(m.len as i64);
        }
    }
    ctx.reply.bulk(b"len");
    ctx.reply.integer(table.longest() as i64);
}

/// A run of bytes that both strings have: where it starts in each, and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Match {
    a: usize,
    b: usize,
    len: usize,
}

/// Cell `(i, j)` is the length of the longest common subsequence of the first `i` bytes of `a` and the first `j`
/// of `b`.
struct Table<'s> {
    a: &'s [u8],
    b: &'s [u8],
    cells: Vec<u32>,
}

impl<'s> Table<'s> {
    fn new(a: &'s [u8], b: &'s [u8], bytes_max: usize) -> Result<Table<'s>, Error> {
        const LEN_MAX: usize = u32::MAX as usize - 1;
        if a.len() >= LEN_MAX || b.len() >= LEN_MAX {
            return Err(TOO_LONG);
        }
        let count =
            (a.len() + 1).checked_mul(b.len() + 1).filter(|count| *count <= bytes_max / size_of::<u32>());
        let mut cells = vec![0; count.ok_or(TOO_MUCH_MEMORY)?];
        let width = b.len() + 1;
        for (i, a_byte) in a.iter().enumerate() {
            let (done, row) = cells.split_at_mut((i + 1) * width);
            let above = &done[i * width..];
            for (j, b_byte) in b.iter().enumerate() {
                row[j + 1] = if a_byte == b_byte { above[j] + 1 } else { above[j + 1].max(row[j]) };
            }
        }
        Ok(Table { a, b, cells })
    }

    fn cell(&self, i: usize, j: usize) -> u32 {
        self.cells[i * (self.b.len() + 1) + j]
    }

    /// The length of the longest common subsequence.
    fn longest(&self) -> u32 {
        self.cell(self.a.len(), self.b.len())
    }

    /// The runs that make up the longest common subsequence, last first; of several such, the one that Redis
    /// finds.
    fn matches(&self) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        let (mut i, mut j) = (self.a.len(), self.b.len());
        while i > 0 && j > 0 {
            if self.a[i - 1] == self.b[j - 1] {
                match matches.last_mut() {
                    Some(m) if m.a == i && m.b == j => *m = Match { a: i - 1, b: j - 1, len: m.len + 1 },
                    _ => matches.push(Match { a: i - 1, b: j - 1, len: 1 }),
                }
                (i, j) = (i - 1, j - 1);
            } else if self.cell(i - 1, j) > self.cell(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        matches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_the_longest() {
        let table = Table::new(b"ohmytext", b"mynewtext", 1 << 20).unwrap();
        assert_eq!(table.longest(), 6);
        assert_eq!(table.matches(), [Match { a: 4, b: 5, len: 4 }, Match { a: 2, b: 0, len: 2 }]);
        assert_eq!(Table::new(b"", b"abc", 1 << 20).unwrap().matches(), []);
    }

    #[test]
    fn bounded_memory() {
        assert!(Table::new(&[0; 31], &[0; 31], 4096).is_ok());
        assert_eq!(Table::new(&[0; 32], &[0; 31], 4096).err(), Some(TOO_MUCH_MEMORY));
    }
}
