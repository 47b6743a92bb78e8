//! Sorted-set commands: looking members up here, the rest in files by idea.
//!
//! Every range, by rank, score or text, becomes a range of ranks first (see [`range`]); from there on the
//! commands are the same.

mod add;
mod bound;
mod combine;
mod pop;
mod random;
mod range;
mod scan;
mod stored;

pub(crate) use add::{zadd, zincrby, zrem};
pub(crate) use combine::{zdiff, zdiffstore, zinter, zintercard, zinterstore, zunion, zunionstore};
pub(crate) use pop::{bzmpop, bzpopmax, bzpopmin, zmpop, zpopmax, zpopmin};
pub(crate) use random::zrandmember;
pub(crate) use range::{
    zrange, zrangebylex, zrangebyscore, zrangestore, zremrangebylex, zremrangebyrank, zremrangebyscore,
    zrevrange, zrevrangebylex, zrevrangebyscore,
};
pub(crate) use scan::zscan;
pub(crate) use stored::store;

use resp::{Proto, Reply};
use store::types::Zset;
use store::types::listpack::Item;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::error::{SYNTAX, wrong_arity};
use crate::list::reply_item;

/// `ZCARD key`.
pub(crate) fn zcard(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let len = ctx.db.read::<Zset>(args[1])?.map_or(0, Zset::len);
    ctx.reply.integer(len as i64);
    Ok(())
}

/// `ZSCORE key member`.
pub(crate) fn zscore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let zset = ctx.db.read::<Zset>(args[1])?;
    reply_score(ctx.reply, zset.and_then(|zset| zset.score(args[2])));
    Ok(())
}

/// `ZMSCORE key member [member ...]`.
pub(crate) fn zmscore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let zset = ctx.db.read::<Zset>(args[1])?;
    ctx.reply.array(args.len() - 2);
    for member in &args[2..] {
        reply_score(ctx.reply, zset.and_then(|zset| zset.score(member)));
    }
    Ok(())
}

/// `ZRANK key member [WITHSCORE]`.
pub(crate) fn zrank(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    rank(ctx, args, false, "zrank")
}

/// `ZREVRANK key member [WITHSCORE]`.
pub(crate) fn zrevrank(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    rank(ctx, args, true, "zrevrank")
}

fn rank(ctx: &mut Ctx<'_>, args: &Args<'_>, reverse: bool, name: &str) -> Outcome {
    let with_score = match args.len() {
        3 => false,
        4 if args.is(3, "withscore") => true,
        4 => return Err(SYNTAX),
        _ => return Err(wrong_arity(name)),
    };
    let zset = ctx.db.read::<Zset>(args[1])?;
    let found = zset.and_then(|zset| {
        let (rank, score) = zset.rank(args[2])?;
        Some((if reverse { zset.len() - 1 - rank } else { rank }, score))
    });
    match found {
        Some((rank, score)) if with_score => {
            ctx.reply.array(2);
            ctx.reply.integer(rank as i64);
            ctx.reply.double(score);
        }
        Some((rank, _)) => ctx.reply.integer(rank as i64),
        None if with_score => ctx.reply.null_array(),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `ZCOUNT key min max`.
pub(crate) fn zcount(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let range = bound::score_range(args[2], args[3])?;
    let count = ctx.db.read::<Zset>(args[1])?.map_or(0, |zset| zset.ranks_by_score(&range).len());
    ctx.reply.integer(count as i64);
    Ok(())
}

/// `ZLEXCOUNT key min max`.
pub(crate) fn zlexcount(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let range = bound::lex_range(args[2], args[3])?;
    let count = ctx.db.read::<Zset>(args[1])?.map_or(0, |zset| zset.ranks_by_lex(&range).len());
    ctx.reply.integer(count as i64);
    Ok(())
}

fn reply_score(reply: &mut Reply, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

/// The header of `len` members; with scores they are pairs, which RESP2 has flat in one array.
fn reply_members_header(reply: &mut Reply, len: usize, with_scores: bool) {
    let flat_pairs = with_scores && reply.proto == Proto::Resp2;
    reply.array(if flat_pairs { 2 * len } else { len });
}

/// A member behind [`reply_members_header`], with its score if asked for.
fn reply_member(reply: &mut Reply, (member, score): (Item<'_>, f64), with_score: bool) {
    if with_score && reply.proto == Proto::Resp3 {
        reply.array(2);
    }
    reply_item(reply, member);
    if with_score {
        reply.double(score);
    }
}

/// All of `members` as one reply.
fn reply_members<'a>(
    reply: &mut Reply,
    members: impl ExactSizeIterator<Item = (Item<'a>, f64)>,
    with_scores: bool,
) {
    reply_members_header(reply, members.len(), with_scores);
    members.for_each(|member| reply_member(reply, member, with_scores));
}
