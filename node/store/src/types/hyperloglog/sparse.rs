//! The sparse registers: runs of equal registers, in order, that together cover all 16384.
//!
//! ```text
//! ZERO   00llllll            l+1 registers at 0, 1..=64
//! XZERO  01llllll llllllll   l+1 registers at 0, 1..=16384, high bits first
//! VAL    1rrrrrll            l+1 registers (1..=4) at rank r+1 (1..=32)
//! ```
//!
//! Raising one register splits the run that holds it into at most three and then joins equal neighbours.
//! Which neighbours are joined is fixed too (at most five steps from the run before), because two servers
//! that saw the same PFADDs must hold the same bytes.

use super::{HEADER_LEN, HllError, REGISTERS};
use std::fmt::Write;

const VAL_MAX_RANK: u8 = 32;
const VAL_MAX_LEN: usize = 4;
const ZERO_MAX_LEN: usize = 64;
const XZERO_BIT: u8 = 0x40;
const VAL_BIT: u8 = 0x80;
/// How many opcodes are looked at for joining after a change.
const JOIN_STEPS: usize = 5;

/// A run of registers that hold the same rank.
#[derive(Clone, Copy)]
pub struct Run {
    /// Their common value; 0 for registers never touched.
    pub rank: u8,
    /// How many registers, at least 1.
    pub len: usize,
    /// Bytes of the opcode.
    bytes: usize,
}

/// What became of [`raise`].
pub enum Raise {
    /// The register was high enough already.
    Unchanged,
    /// The register was raised.
    Done,
    /// The rank or the length is more than the sparse form may hold; nothing was changed.
    NeedsDense,
}

/// Reads the opcode at the start of `ops`; None at its end or if the opcode is cut off.
fn read(ops: &[u8]) -> Option<Run> {
    let &first = ops.first()?;
    if first & VAL_BIT != 0 {
        return Some(Run { rank: (first >> 2 & 0x1f) + 1, len: usize::from(first & 3) + 1, bytes: 1 });
    }
    let high = usize::from(first & 0x3f);
    if first & XZERO_BIT == 0 {
        return Some(Run { rank: 0, len: high + 1, bytes: 1 });
    }
    Some(Run { rank: 0, len: (high << 8 | usize::from(*ops.get(1)?)) + 1, bytes: 2 })
}

fn val(rank: u8, len: usize) -> u8 {
    VAL_BIT | (rank - 1) << 2 | (len - 1) as u8
}

/// Appends a run of `len` untouched registers (1..=16384) in its shortest opcode.
pub fn push_zeros(ops: &mut Vec<u8>, len: usize) {
    let stored = len - 1;
    if len > ZERO_MAX_LEN {
        ops.push(XZERO_BIT | (stored >> 8) as u8);
    }
    ops.push(stored as u8);
}

fn push_run(ops: &mut Vec<u8>, rank: u8, len: usize) {
    match (rank, len) {
        (_, 0) => {}
        (0, len) => push_zeros(ops, len),
        (rank, len) => ops.push(val(rank, len)),
    }
}

/// Calls `visit(first register, run)` for every run of `ops` (the value without its header).
///
/// # Errors
/// [`HllError::Corrupt`] if the runs do not cover exactly all registers. Runs before the fault were visited,
/// none of them beyond the last register.
pub fn each_run(ops: &[u8], mut visit: impl FnMut(usize, Run)) -> Result<(), HllError> {
    let (mut at, mut first) = (0, 0);
    while let Some(run) = read(&ops[at..]).filter(|run| first + run.len <= REGISTERS) {
        visit(first, run);
        at += run.bytes;
        first += run.len;
    }
    if at == ops.len() && first == REGISTERS { Ok(()) } else { Err(HllError::Corrupt) }
}

/// Sets register `index` to `rank` if it is lower. `value` is the whole string, header included.
///
/// # Errors
/// [`HllError::Corrupt`] if no run covers the register.
pub fn raise(value: &mut Vec<u8>, index: usize, rank: u8, max_bytes: usize) -> Result<Raise, HllError> {
    if rank > VAL_MAX_RANK {
        return Ok(Raise::NeedsDense);
    }
    let (mut at, mut before, mut first) = (HEADER_LEN, HEADER_LEN, 0);
    let run = loop {
        let run = read(&value[at..]).ok_or(HllError::Corrupt)?;
        if index < first + run.len {
            break run;
        }
        before = at;
        at += run.bytes;
        first += run.len;
    };
    if run.rank >= rank {
        return Ok(Raise::Unchanged);
    }
    let mut split = Vec::with_capacity(5);
    push_run(&mut split, run.rank, index - first);
    split.push(val(rank, 1));
    push_run(&mut split, run.rank, first + run.len - index - 1);
    if split.len() > run.bytes && value.len() + split.len() - run.bytes > max_bytes {
        return Ok(Raise::NeedsDense);
    }
    value.splice(at..at + run.bytes, split);
    join_neighbours(value, before);
    Ok(Raise::Done)
}

/// Joins runs of equal rank, starting with the opcode at byte `at`.
fn join_neighbours(value: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOIN_STEPS {
        let Some(run) = read(&value[at..]) else { return };
        let next = read(&value[at + run.bytes..]);
        match next {
            // A joined run stays in place: it may join once more.
            Some(next) if run.rank > 0 && next.rank == run.rank && run.len + next.len <= VAL_MAX_LEN => {
                value[at + 1] = val(run.rank, run.len + next.len);
                value.remove(at);
            }
            _ => at += run.bytes,
        }
    }
}

/// The opcodes as text: `Z:len`, `z:len`, `v:rank,len`, with spaces between.
///
/// # Errors
/// [`HllError::Corrupt`] if the last opcode is cut off.
pub fn decode(ops: &[u8]) -> Result<String, HllError> {
    let (mut text, mut at) = (String::new(), 0);
    while at < ops.len() {
        let run = read(&ops[at..]).ok_or(HllError::Corrupt)?;
        at += run.bytes;
        let written = match run {
            Run { rank: 0, len, bytes: 1 } => write!(text, "z:{len} "),
            Run { rank: 0, len, .. } => write!(text, "Z:{len} "),
            Run { rank, len, .. } => write!(text, "v:{rank},{len} "),
        };
        written.expect("a String takes all text");
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raises: &[(usize, u8)], expect: &str) {
        let mut value = super::super::new();
        for &(index, rank) in raises {
            assert!(matches!(raise(&mut value, index, rank, 3000), Ok(Raise::Done)));
        }
        assert_eq!(decode(&value[HEADER_LEN..]).as_deref(), Ok(expect));
    }

    #[test]
    fn runs_split_and_join() {
        check(&[], "Z:16384");
        check(&[(0, 3)], "v:3,1 Z:16383");
        check(&[(16383, 3)], "Z:16383 v:3,1");
        check(&[(64, 1), (66, 1)], "z:64 v:1,1 z:1 v:1,1 Z:16317");
        check(&[(64, 1), (66, 1), (65, 1)], "z:64 v:1,3 Z:16317");
        check(&[(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)], "v:1,4 v:1,1 Z:16379");
        check(&[(0, 1), (1, 1), (2, 1), (1, 2)], "v:1,1 v:2,1 v:1,1 Z:16381");
        check(&[(0, 1), (1, 1), (2, 1), (1, 2), (0, 2), (2, 2)], "v:2,3 Z:16381");
    }

    #[test]
    fn what_does_not_fit_asks_for_the_dense_form() {
        let mut value = super::super::new();
        let splits_in_three = value.len() + 2;
        assert!(matches!(raise(&mut value, 5, 33, 3000), Ok(Raise::NeedsDense)));
        assert!(matches!(raise(&mut value, 5, 32, splits_in_three - 1), Ok(Raise::NeedsDense)));
        assert!(matches!(raise(&mut value, 5, 32, splits_in_three), Ok(Raise::Done)));
        assert!(matches!(raise(&mut value, 5, 32, 0), Ok(Raise::Unchanged)));
        assert!(matches!(raise(&mut value, 5, 31, 0), Ok(Raise::Unchanged)));
    }

    #[test]
    fn broken_runs_are_an_error() {
        let none = |_: usize, _: Run| ();
        assert!(each_run(&[], none).is_err());
        assert!(each_run(&[XZERO_BIT | 0x3f], none).is_err(), "opcode cut off");
        assert!(each_run(&[XZERO_BIT | 0x3f, 0xff], none).is_ok());
        assert!(each_run(&[XZERO_BIT | 0x3f, 0xff, 0], none).is_err(), "one register too many");
        assert!(each_run(&[XZERO_BIT | 0x3f, 0xfe], none).is_err(), "one register missing");
        let mut short = vec![0; HEADER_LEN];
        short.push(0);
        assert!(raise(&mut short, 1, 1, 3000).is_err());
    }
}
