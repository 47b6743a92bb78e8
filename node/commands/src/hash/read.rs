//! HGET and the other commands that only look.

use resp::Reply;
use store::types::Hash;
use store::types::hash::{ALL, FieldRef};
use store::types::listpack::Item;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::list::reply_item;
use crate::scan::{ScanOptions, parse_cursor};
use crate::set::scan;

/// `HGET key field`.
pub(crate) fn hget(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let now = ctx.field_time_ms();
    let found = ctx.db.read::<Hash>(args[1])?.and_then(|hash| hash.get(args[2], now));
    reply_value(ctx.reply, found);
    Ok(())
}

/// `HMGET key field [field ...]`.
pub(crate) fn hmget(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let now = ctx.field_time_ms();
    let hash = ctx.db.read::<Hash>(args[1])?;
    ctx.reply.array(args.len() - 2);
    for field in &args[2..] {
        reply_value(ctx.reply, hash.and_then(|hash| hash.get(field, now)));
    }
    Ok(())
}

/// `HGETALL key`.
pub(crate) fn hgetall(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let now = ctx.field_time_ms();
    let Some(hash) = ctx.db.read::<Hash>(args[1])? else {
        ctx.reply.map(0);
        return Ok(());
    };
    ctx.reply.map(hash.len(now));
    for FieldRef { field, value, .. } in hash.iter(now) {
        reply_item(ctx.reply, field);
        reply_item(ctx.reply, value);
    }
    Ok(())
}

/// `HKEYS key`.
pub(crate) fn hkeys(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    list(ctx, args, |field| field.field)
}

/// `HVALS key`.
pub(crate) fn hvals(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    list(ctx, args, |field| field.value)
}

fn list(ctx: &mut Ctx<'_>, args: &Args<'_>, part: impl Fn(FieldRef<'_>) -> Item<'_>) -> Outcome {
    let now = ctx.field_time_ms();
    let Some(hash) = ctx.db.read::<Hash>(args[1])? else {
        ctx.reply.array(0);
        return Ok(());
    };
    ctx.reply.array(hash.len(now));
    hash.iter(now).for_each(|field| reply_item(ctx.reply, part(field)));
    Ok(())
}

/// `HLEN key`: the fields that are stored, expired ones included.
pub(crate) fn hlen(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let len = ctx.db.read::<Hash>(args[1])?.map_or(0, |hash| hash.len(ALL));
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `HSTRLEN key field`.
pub(crate) fn hstrlen(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let now = ctx.field_time_ms();
    let found = ctx.db.read::<Hash>(args[1])?.and_then(|hash| hash.get(args[2], now));
    ctx.reply.integer(found.map_or(0, |found| found.value.text_len() as i64));
    Ok(())
}

/// `HEXISTS key field`.
pub(crate) fn hexists(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let now = ctx.field_time_ms();
    let found = ctx.db.read::<Hash>(args[1])?.and_then(|hash| hash.get(args[2], now));
    ctx.reply.integer(i64::from(found.is_some()));
    Ok(())
}

/// `HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]`.
pub(crate) fn hscan(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let now = ctx.field_time_ms();
    let cursor = parse_cursor(args[2])?;
    let Some(hash) = ctx.db.read::<Hash>(args[1])? else {
        scan::reply_end(ctx.reply);
        return Ok(());
    };
    let mut values = true;
    let options = ScanOptions::parse(args, 3, |at| {
        let is_mine = args.is(at, "novalues");
        values &= !is_mine;
        Ok(usize::from(is_mine))
    })?;
    scan::reply_page(ctx.reply, &options, cursor, |at, page| {
        hash.scan(at, now, |FieldRef { field, value, .. }| {
            if page.wants(field) {
                page.reply(field);
                if values {
                    page.reply(value);
                }
            }
        })
    });
    Ok(())
}

/// A field's value, or null.
pub(super) fn reply_value(reply: &mut Reply, found: Option<FieldRef<'_>>) {
    match found {
        Some(found) => reply_item(reply, found.value),
        None => reply.null(),
    }
}
