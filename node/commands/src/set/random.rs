//! SPOP and SRANDMEMBER.

use store::types::Set;

use super::pick::{Picks, picks};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Class, Outcome};
use crate::error::{NOT_POSITIVE, SYNTAX};
use crate::list::reply_item;

/// Members of one SREM that an SPOP goes on as.
const REMOVED_AT_ONCE: usize = 1024;

/// `SPOP key [count]`. Goes on as the removal of just those members.
pub(crate) fn spop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    match args.len() {
        2 => pop_one(ctx, args[1]),
        3 => {
            let count = args.integer(2).ok().and_then(|count| usize::try_from(count).ok());
            pop_many(ctx, args[1], count.ok_or(NOT_POSITIVE)?)
        }
        _ => Err(SYNTAX),
    }
}

fn pop_one(ctx: &mut Ctx<'_>, key: &[u8]) -> Outcome {
    let Some(member) = ctx.db.write::<Set>(key)?.and_then(|set| set.pop(ctx.random)) else {
        ctx.reply.null();
        return Ok(());
    };
    ctx.reply.bulk(&member);
    ctx.replace(&[b"SREM", key, &member]);
    ctx.wrote(key, Class::Set, "spop");
    ctx.db.remove_if_empty::<Set>(key);
    Ok(())
}

fn pop_many(ctx: &mut Ctx<'_>, key: &[u8], count: usize) -> Outcome {
    let Some(len) = ctx.db.write::<Set>(key)?.map(|set| set.len()).filter(|_| count > 0) else {
        ctx.reply.set(0);
        return Ok(());
    };
    ctx.reply.set(count.min(len));
    if count >= len {
        if let Some(set) = ctx.db.write::<Set>(key)? {
            set.iter().for_each(|member| reply_item(ctx.reply, member));
        }
        ctx.wrote(key, Class::Set, "spop");
        ctx.db.remove(key);
        ctx.replace_by_removal(key);
        ctx.notify(key, Class::Generic, "del");
        return Ok(());
    }
    let recording = ctx.db.effects.recording;
    let mut popped: Vec<Vec<u8>> = Vec::new();
    if let Some(set) = ctx.db.write::<Set>(key)? {
        set.pop_many(count, &ctx.settings.limits, ctx.random, |member| {
            reply_item(ctx.reply, member);
            if recording {
                popped.push(member.to_vec());
            }
        });
    }
    for members in popped.chunks(REMOVED_AT_ONCE) {
        let words: Vec<&[u8]> =
            [&b"SREM"[..], key].into_iter().chain(members.iter().map(Vec::as_slice)).collect();
        ctx.replace(&words);
    }
    ctx.wrote(key, Class::Set, "spop");
    Ok(())
}

/// `SRANDMEMBER key [count]`: count different members, or, when negative, that many draws.
pub(crate) fn srandmember(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    if args.len() > 3 {
        return Err(SYNTAX);
    }
    if args.len() == 2 {
        match ctx.db.read::<Set>(args[1])?.and_then(|set| set.random(ctx.random)) {
            Some(member) => reply_item(ctx.reply, member),
            None => ctx.reply.null(),
        }
        return Ok(());
    }
    let picks = picks(args)?;
    let Some(set) = ctx.db.read::<Set>(args[1])? else {
        ctx.reply.array(0);
        return Ok(());
    };
    match picks {
        Picks::Different(count) => {
            let count = count.min(set.len());
            ctx.reply.array(count);
            set.sample(count, ctx.random, |member| reply_item(ctx.reply, member));
        }
        Picks::Draws(count) => {
            ctx.reply.array(count);
            (0..count)
                .filter_map(|_| set.random(ctx.random))
                .for_each(|member| reply_item(ctx.reply, member));
        }
    }
    Ok(())
}
