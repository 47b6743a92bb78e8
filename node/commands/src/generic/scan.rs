//! KEYS and SCAN: all keys of the core, or those of one slot where the pattern's hash tag says so.

use base::{SLOT_COUNT, Slot, key_slot};
use resp::Reply;
use store::{EntryRef, Keyspace, Type};

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::error::Error;
use crate::glob::{Case, matches, pattern_slot};
use crate::scan::{ScanOptions, parse_cursor};

/// Steps of a scan for each element that COUNT asks for: it ends in time where most tables are empty.
const STEPS_PER_COUNT: usize = 10;

/// `KEYS pattern`.
pub(crate) fn keys(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let pattern = args[1];
    let (db, reply) = (&ctx.db, &mut *ctx.reply);
    let all = pattern == b"*";
    let (header, mut count) = (reply.defer(), 0);
    let mut each = |entry: EntryRef<'_>| {
        let is_over = entry.expire_at().is_some_and(|at_ms| db.is_over(at_ms));
        if !is_over && (all || matches(pattern, entry.key(), Case::Sensitive)) {
            reply.bulk(entry.key());
            count += 1;
        }
    };
    match pattern_slot(pattern) {
        Some(slot) => db.keyspace.slot(slot).iter().for_each(each),
        None => db.keyspace.iter().for_each(|(_, entry)| each(entry)),
    }
    ctx.reply.set_array(header, count);
    Ok(())
}

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`.
pub(crate) fn scan(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let mut cursor = parse_cursor(args[1])?;
    let mut kind = None;
    let options = ScanOptions::parse(args, 2, |at| match () {
        () if args.is(at, "type") && at + 1 < args.len() => {
            kind = Some(parse_type(args[at + 1])?);
            Ok(2)
        }
        () => Ok(0),
    })?;
    let slot = options.pattern.and_then(pattern_slot);
    let mut found = Reply::new(ctx.reply.proto);
    let (mut found_count, mut seen, mut steps) = (0, 0, options.count.saturating_mul(STEPS_PER_COUNT));
    let mut expired = Vec::new();
    loop {
        cursor = step(ctx.db.keyspace, cursor, slot, &mut |entry| {
            seen += 1;
            if kind.is_some_and(|kind| kind != entry.value_type()) || !options.wants(entry.key()) {
                return;
            }
            if entry.expire_at().is_some_and(|at_ms| at_ms <= ctx.db.now_ms) {
                expired.push(entry.key().to_vec());
                return;
            }
            found.bulk(entry.key());
            found_count += 1;
        });
        steps -= 1;
        if cursor == 0 || seen >= options.count || steps == 0 {
            break;
        }
    }
    for key in expired {
        // A look at the key is what deletes it.
        ctx.db.slot = key_slot(&key);
        ctx.db.exists(&key);
    }
    ctx.reply.array(2);
    ctx.reply.bulk_integer(cursor as i64);
    ctx.reply.array(found_count);
    ctx.reply.append(&found);
    Ok(())
}

/// [`Keyspace::scan`], or that of one slot's keys: cursors name their slot in the low bits.
fn step(keyspace: &Keyspace, cursor: u64, only: Option<Slot>, emit: &mut impl FnMut(&store::Entry)) -> u64 {
    let Some(slot) = only else { return keyspace.scan(cursor, emit) };
    let at = cursor as usize % SLOT_COUNT;
    if at > slot.index() || keyspace.slot_len(slot) == 0 {
        return 0;
    }
    let cursor = if at < slot.index() { u64::from(slot.number()) } else { cursor };
    let next = keyspace.scan(cursor, emit);
    if next as usize % SLOT_COUNT == slot.index() { next } else { 0 }
}

fn parse_type(name: &[u8]) -> Result<Type, Error> {
    let types = [Type::String, Type::List, Type::Set, Type::Zset, Type::Hash, Type::Stream];
    let found = types.into_iter().find(|kind| name.eq_ignore_ascii_case(kind.name().as_bytes()));
    found.ok_or_else(|| Error::text(format!("ERR unknown type name '{}'", String::from_utf8_lossy(name))))
}
