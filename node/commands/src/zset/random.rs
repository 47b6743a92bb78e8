//! ZRANDMEMBER.

use std::collections::HashSet;

use base::Random;
use store::types::Zset;
use store::types::listpack::Item;
use store::types::sample::Selection;

use super::{reply_member, reply_members_header};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::error::{Error, OUT_OF_RANGE, SYNTAX};
use crate::list::reply_item;
use crate::set::pick::{Picks, picks};

/// Where more than one in this many members is wanted, one walk over all is cheaper than single draws.
const SINGLE_DRAWS: usize = 3;

/// `ZRANDMEMBER key [count [WITHSCORES]]`: count different members, or, when negative, that many draws.
pub(crate) fn zrandmember(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    if args.len() == 2 {
        match ctx.db.read::<Zset>(args[1])?.and_then(|zset| draw(zset, ctx.random)) {
            Some((member, _)) => reply_item(ctx.reply, member),
            None => ctx.reply.null(),
        }
        return Ok(());
    }
    let picks = picks(args)?;
    let with_scores = with_scores(args)?;
    let Some(zset) = ctx.db.read::<Zset>(args[1])? else {
        ctx.reply.array(0);
        return Ok(());
    };
    match picks {
        Picks::Different(count) => {
            let count = count.min(zset.len());
            reply_members_header(ctx.reply, count, with_scores);
            sample(zset, count, ctx.random, |member| reply_member(ctx.reply, member, with_scores));
        }
        Picks::Draws(count) => {
            reply_members_header(ctx.reply, count, with_scores);
            let draws = (0..count).filter_map(|_| draw(zset, ctx.random));
            draws.for_each(|member| reply_member(ctx.reply, member, with_scores));
        }
    }
    Ok(())
}

fn with_scores(args: &Args<'_>) -> Result<bool, Error> {
    if args.len() == 3 {
        return Ok(false);
    }
    if args.len() > 4 || !args.is(3, "withscores") {
        return Err(SYNTAX);
    }
    // Two replies a member must still be a number of replies.
    if args.integer(2)?.unsigned_abs() > i64::MAX as u64 / 2 { Err(OUT_OF_RANGE) } else { Ok(true) }
}

/// A member drawn fairly.
fn draw<'a>(zset: &'a Zset, random: &mut Random) -> Option<(Item<'a>, f64)> {
    zset.get(random.below(zset.len() as u64) as usize)
}

/// Calls `emit` with `count` (at most all) different members, each subset as likely as any other.
fn sample(zset: &Zset, count: usize, random: &mut Random, mut emit: impl FnMut((Item<'_>, f64))) {
    let len = zset.len();
    if zset.as_listpack().is_some() || count >= len / SINGLE_DRAWS {
        let mut selection = Selection::new(count, len);
        return zset.iter().filter(|_| selection.take(random)).for_each(emit);
    }
    let mut drawn = HashSet::with_capacity(count);
    while drawn.len() < count {
        let rank = random.below(len as u64) as usize;
        if drawn.insert(rank) {
            zset.get(rank).into_iter().for_each(&mut emit);
        }
    }
}
