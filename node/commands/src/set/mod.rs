//! The set commands.

mod combine;
pub(crate) mod pick;
mod random;
pub(crate) mod scan;

use store::types::Set;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::db::Expire;
use crate::effects::{Class, Outcome};
use crate::error::Error;
use crate::list::reply_item;
use crate::scan::{ScanOptions, parse_cursor};

pub(crate) use combine::{sdiff, sdiffstore, sinter, sintercard, sinterstore, sunion, sunionstore};
pub(crate) use random::{spop, srandmember};

/// `SADD key member [member ...]`: the number of members that are new.
pub(crate) fn sadd(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let (key, members) = (args[1], &args[2..]);
    let added = add(ctx, key, members)?;
    if added > 0 {
        ctx.wrote(key, Class::Set, "sadd");
    }
    ctx.reply.integer(added as i64);
    Ok(())
}

/// Adds members to the set at `key`, made when it is not there, and tells how many were new.
fn add(ctx: &mut Ctx<'_>, key: &[u8], members: &[&[u8]]) -> Result<usize, Error> {
    let limits = &ctx.settings.limits;
    if let Some(set) = ctx.db.write::<Set>(key)? {
        set.expect(members.len(), limits);
        return Ok(members.iter().filter(|member| set.add(**member, limits)).count());
    }
    let mut set = Set::for_members(members[0], members.len(), limits);
    let added = members.iter().filter(|member| set.add(**member, limits)).count();
    ctx.db.set(key, set.into(), Expire::Clear);
    Ok(added)
}

/// `SREM key member [member ...]`: the number of members removed.
pub(crate) fn srem(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let key = args[1];
    let removed = match ctx.db.write::<Set>(key)? {
        Some(set) => args[2..].iter().filter(|member| set.remove(**member)).count(),
        None => 0,
    };
    if removed > 0 {
        ctx.wrote(key, Class::Set, "srem");
        ctx.db.remove_if_empty::<Set>(key);
    }
    ctx.reply.integer(removed as i64);
    Ok(())
}

/// `SMOVE source destination member`: 1 when the member was in the source.
pub(crate) fn smove(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let (from, to, member) = (args[1], args[2], args[3]);
    if ctx.db.write::<Set>(from)?.is_none() {
        ctx.reply.integer(0);
        return Ok(());
    }
    ctx.db.write::<Set>(to)?;
    let source = ctx.db.write::<Set>(from)?;
    let found = match source {
        Some(set) if from == to => set.contains(member),
        Some(set) => set.remove(member),
        None => false,
    };
    if found && from != to {
        ctx.wrote(from, Class::Set, "srem");
        ctx.db.remove_if_empty::<Set>(from);
        if add(ctx, to, &[member])? > 0 {
            ctx.wrote(to, Class::Set, "sadd");
        }
    }
    ctx.reply.integer(i64::from(found));
    Ok(())
}

/// `SISMEMBER key member`.
pub(crate) fn sismember(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let found = ctx.db.read::<Set>(args[1])?.is_some_and(|set| set.contains(args[2]));
    ctx.reply.integer(i64::from(found));
    Ok(())
}

/// `SMISMEMBER key member [member ...]`.
pub(crate) fn smismember(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let set = ctx.db.read::<Set>(args[1])?;
    ctx.reply.array(args.len() - 2);
    for member in &args[2..] {
        ctx.reply.integer(i64::from(set.is_some_and(|set| set.contains(*member))));
    }
    Ok(())
}

/// `SMEMBERS key`.
pub(crate) fn smembers(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let Some(set) = ctx.db.read::<Set>(args[1])? else {
        ctx.reply.set(0);
        return Ok(());
    };
    ctx.reply.set(set.len());
    set.iter().for_each(|member| reply_item(ctx.reply, member));
    Ok(())
}

/// `SCARD key`.
pub(crate) fn scard(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let len = ctx.db.read::<Set>(args[1])?.map_or(0, Set::len);
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `SSCAN key cursor [MATCH pattern] [COUNT count]`.
pub(crate) fn sscan(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let cursor = parse_cursor(args[2])?;
    let Some(set) = ctx.db.read::<Set>(args[1])? else {
        scan::reply_end(ctx.reply);
        return Ok(());
    };
    let options = ScanOptions::parse(args, 3, |_| Ok(0))?;
    scan::reply_page(ctx.reply, &options, cursor, |at, page| {
        set.scan(at, |member| {
            if page.wants(member) {
                page.reply(member);
            }
        })
    });
    Ok(())
}
