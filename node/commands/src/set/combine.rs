//! Intersection, union and difference, replied or stored.
//!
//! Costs are Redis's. An intersection walks the smallest set and asks the others. A difference walks the
//! first set and asks the others, or takes the others' members out of a copy of it, whichever looks like
//! less work.

use store::types::listpack::Item;
use store::types::{Limits, Set};
use store::{Entry, Value};

use crate::args::Args;
use crate::ctx::Ctx;
use crate::db::{Db, Expire};
use crate::effects::{Class, Outcome};
use crate::error::{Error, SYNTAX};
use crate::list::reply_item;

const NO_KEYS: Error = Error::new("ERR numkeys should be greater than 0");
const TOO_MANY_KEYS: Error = Error::new("ERR Number of keys can't be greater than number of args");
const NEGATIVE_LIMIT: Error = Error::new("ERR LIMIT can't be negative");

/// A temporary result of more members than this is freed in slices.
const FREED_AT_ONCE: usize = 64;

/// `SINTER key [key ...]`.
pub(crate) fn sinter(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    check(ctx, &args[1..])?;
    let (header, mut count) = (ctx.reply.defer(), 0);
    intersect(&sets(&ctx.db, &args[1..]), |member| {
        reply_item(ctx.reply, member);
        count += 1;
        true
    });
    ctx.reply.set_set(header, count);
    Ok(())
}

/// `SINTERCARD numkeys key [key ...] [LIMIT limit]`.
pub(crate) fn sintercard(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let count = args.integer(1).ok().and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|&count| count > 0).ok_or(NO_KEYS)?;
    let options_at = count.checked_add(2).filter(|&at| at <= args.len()).ok_or(TOO_MANY_KEYS)?;
    let limit = limit(args, options_at)?;
    let keys = &args[2..options_at];
    check(ctx, keys)?;
    let mut found = 0;
    intersect(&sets(&ctx.db, keys), |_| {
        found += 1;
        found != limit
    });
    ctx.reply.integer(found as i64);
    Ok(())
}

/// The limit among the options from `at` on; 0 is none.
fn limit(args: &Args<'_>, mut at: usize) -> Result<usize, Error> {
    let mut limit = 0;
    while at < args.len() {
        if !args.is(at, "limit") || at + 1 == args.len() {
            return Err(SYNTAX);
        }
        let value = args.integer(at + 1).map_err(|_| NEGATIVE_LIMIT)?;
        limit = usize::try_from(value).map_err(|_| NEGATIVE_LIMIT)?;
        at += 2;
    }
    Ok(limit)
}

/// `SINTERSTORE destination key [key ...]`.
pub(crate) fn sinterstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    check(ctx, &args[2..])?;
    let limits = &ctx.settings.limits;
    let sets = sets(&ctx.db, &args[2..]);
    let mut result = match sets.iter().flatten().min_by_key(|set| set.len()) {
        Some(Set::Ints(_)) | None => Set::new(),
        Some(_) => Set::packed(),
    };
    intersect(&sets, |member| {
        result.add(member, limits);
        true
    });
    result.shrink_to_ints(limits);
    store(ctx, args[1], result, "sinterstore");
    Ok(())
}

/// `SUNION key [key ...]`.
pub(crate) fn sunion(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    check(ctx, &args[1..])?;
    let (sets, limits) = (sets(&ctx.db, &args[1..]), &ctx.settings.limits);
    let result = union(&sets, scratch(&sets, limits), limits);
    reply_set(ctx, result);
    Ok(())
}

/// `SUNIONSTORE destination key [key ...]`.
pub(crate) fn sunionstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    check(ctx, &args[2..])?;
    let result = union(&sets(&ctx.db, &args[2..]), Set::new(), &ctx.settings.limits);
    store(ctx, args[1], result, "sunionstore");
    Ok(())
}

/// `SDIFF key [key ...]`.
pub(crate) fn sdiff(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    check(ctx, &args[1..])?;
    let (sets, limits) = (sets(&ctx.db, &args[1..]), &ctx.settings.limits);
    let result = difference(&sets, scratch(&sets, limits), limits);
    reply_set(ctx, result);
    Ok(())
}

/// `SDIFFSTORE destination key [key ...]`.
pub(crate) fn sdiffstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    check(ctx, &args[2..])?;
    let result = difference(&sets(&ctx.db, &args[2..]), Set::new(), &ctx.settings.limits);
    store(ctx, args[1], result, "sdiffstore");
    Ok(())
}

/// Looks every key up, as a read, so that afterwards all that is there is a set and alive.
fn check(ctx: &mut Ctx<'_>, keys: &[&[u8]]) -> Outcome {
    keys.iter().try_for_each(|key| ctx.db.read::<Set>(key).map(|_| ()))
}

/// The sets of keys that were checked, each `None` where there is none.
fn sets<'a>(db: &'a Db<'_>, keys: &[&[u8]]) -> Vec<Option<&'a Set>> {
    keys.iter().map(|key| db.keyspace.get(db.slot, key).and_then(|entry| entry.get())).collect()
}

/// Calls `emit` with every member that all sets have, until it returns false.
fn intersect(sets: &[Option<&Set>], mut emit: impl FnMut(Item<'_>) -> bool) {
    let Some(mut sets) = sets.iter().copied().collect::<Option<Vec<&Set>>>() else { return };
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return };
    for member in smallest.iter() {
        if others.iter().all(|other| std::ptr::eq(*other, *smallest) || other.contains(member))
            && !emit(member)
        {
            return;
        }
    }
}

/// An empty set for a result that is only replied: of integers a small one, else a table, which finds a
/// member in constant time.
fn scratch(sets: &[Option<&Set>], limits: &Limits) -> Set {
    if sets.iter().flatten().all(|set| matches!(set, Set::Ints(_))) {
        return Set::new();
    }
    Set::for_members(b"", usize::MAX, limits)
}

/// Adds every member of every set to `result`.
fn union(sets: &[Option<&Set>], mut result: Set, limits: &Limits) -> Set {
    for member in sets.iter().flatten().flat_map(|set| set.iter()) {
        result.add(member, limits);
    }
    result
}

/// Adds what the first set has and no other one to `result`.
fn difference(sets: &[Option<&Set>], mut result: Set, limits: &Limits) -> Set {
    let Some((Some(first), others)) = sets.split_first() else { return result };
    let mut others: Vec<&Set> = others.iter().flatten().copied().collect();
    if others.iter().any(|other| std::ptr::eq(*other, *first)) {
        return result;
    }
    let total: usize = others.iter().map(|other| other.len()).sum();
    // Asking stops at the first set that has the member, so it is given some advantage.
    if first.len() * (others.len() + 1) / 2 <= first.len() + total {
        // A large set is likelier to have a member.
        others.sort_by_key(|other| std::cmp::Reverse(other.len()));
        for member in first.iter().filter(|member| !others.iter().any(|other| other.contains(*member))) {
            result.add(member, limits);
        }
        return result;
    }
    for member in first.iter() {
        result.add(member, limits);
    }
    for member in others.iter().flat_map(|other| other.iter()) {
        if result.remove(member) && result.is_empty() {
            break;
        }
    }
    result
}

/// Replies with a set made for this reply; what is large of it is freed in slices later.
fn reply_set(ctx: &mut Ctx<'_>, set: Set) {
    ctx.reply.set(set.len());
    set.iter().for_each(|member| reply_item(ctx.reply, member));
    if set.len() > FREED_AT_ONCE {
        ctx.db.garbage.push(Entry::new(b"", Value::from(set), None));
    }
}

/// Puts a result under `key`, or, when it is empty, deletes that; replies with its length.
fn store(ctx: &mut Ctx<'_>, key: &[u8], result: Set, event: &'static str) {
    let len = result.len();
    if len > 0 {
        ctx.db.set(key, result.into(), Expire::Clear);
        ctx.wrote(key, Class::Set, event);
    } else if ctx.db.remove(key) {
        ctx.wrote(key, Class::Generic, "del");
    }
    ctx.reply.integer(len as i64);
}
