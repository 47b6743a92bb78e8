//! BITOP: strings combined bit by bit.

use std::ops::{BitAndAssign, BitOrAssign, BitXorAssign};

use bytes::Bytes;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Class, Outcome};
use crate::error::{Error, SYNTAX};
use crate::string::set_raw;

const NOT_TAKES_ONE: Error = Error::new("ERR BITOP NOT must be called with a single source key.");

/// Bytes combined from all sources before going on: they stay in the innermost cache.
const BLOCK: usize = 16 * 1024;

#[derive(Clone, Copy, PartialEq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

/// `BITOP AND | OR | XOR | NOT destination key [key ...]`: the length of the result, that of the longest source;
/// shorter ones count as filled up with zeros.
pub(crate) fn bitop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let names =
        [("and", Operation::And), ("or", Operation::Or), ("xor", Operation::Xor), ("not", Operation::Not)];
    let found = names.into_iter().find(|(name, _)| args.is(1, name));
    let operation = found.map(|(_, operation)| operation).ok_or(SYNTAX)?;
    if operation == Operation::Not && args.len() != 4 {
        return Err(NOT_TAKES_ONE);
    }
    let mut sources = Vec::with_capacity(args.len() - 3);
    for key in &args[3..] {
        let string = ctx.db.read_string(key)?;
        sources.push(string.map(|string| string.to_bytes()).unwrap_or_default());
    }
    let result = combine(operation, &sources);
    let (key, len) = (args[2], result.len());
    if len > 0 {
        set_raw(ctx, key, result);
        ctx.wrote(key, Class::String, "set");
    } else if ctx.db.remove(key) {
        ctx.wrote(key, Class::Generic, "del");
    }
    ctx.reply.integer(len as i64);
    Ok(())
}

fn combine(operation: Operation, sources: &[Bytes]) -> Vec<u8> {
    let len = sources.iter().map(Bytes::len).max().unwrap_or(0);
    let Some((first, others)) = sources.split_first() else { return Vec::new() };
    let mut result = Vec::with_capacity(len);
    result.extend_from_slice(first);
    result.resize(len, 0);
    for (i, block) in result.chunks_mut(BLOCK).enumerate() {
        if operation == Operation::Not {
            block.iter_mut().for_each(|byte| *byte = !*byte);
        }
        for other in others {
            let there = other.get(i * BLOCK..).unwrap_or(&[]);
            let (common, alone) = block.split_at_mut(there.len().min(block.len()));
            match operation {
                Operation::And => {
                    pairwise(common, there, u8::bitand_assign);
                    alone.fill(0);
                }
                Operation::Or => pairwise(common, there, u8::bitor_assign),
                Operation::Xor => pairwise(common, there, u8::bitxor_assign),
                Operation::Not => {}
            }
        }
    }
    result
}

/// `change` for each byte of `bytes` with the one of `with`, which is at least as long. Inlined, the compiler makes
/// it work on whole vectors.
#[inline(always)]
fn pairwise(bytes: &mut [u8], with: &[u8], change: impl Fn(&mut u8, u8)) {
    bytes.iter_mut().zip(with).for_each(|(byte, with)| change(byte, *with));
}
