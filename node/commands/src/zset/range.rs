//! The ranges: ZRANGE in all its forms, ZRANGESTORE, ZREMRANGEBY*.
//!
//! The older commands (ZRANGEBYSCORE, ZREVRANGE, ...) are ZRANGE with some options fixed, so all of them are
//! one [`Query`].

use std::ops::Range;

use store::types::Zset;
use store::types::int::IntText;
use store::types::zset::{LexRange, ScoreRange};

use super::{bound, reply_members};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Class, Outcome};
use crate::error::{Error, SYNTAX};
use crate::list::index_range;

const LIMIT_BY_RANK: Error =
    Error::new("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
const SCORES_BY_LEX: Error =
    Error::new("ERR syntax error, WITHSCORES not supported in combination with BYLEX");

/// `ZRANGE key start stop [BYSCORE|BYLEX] [REV] [LIMIT offset count] [WITHSCORES]`.
pub(crate) fn zrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    reply_range(ctx, args, Form { by: None, reverse: None })
}

/// `ZREVRANGE key start stop [WITHSCORES]`.
pub(crate) fn zrevrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    reply_range(ctx, args, Form { by: Some(By::Rank), reverse: Some(true) })
}

/// `ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]`.
pub(crate) fn zrangebyscore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    reply_range(ctx, args, Form { by: Some(By::Score), reverse: Some(false) })
}

/// `ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]`.
pub(crate) fn zrevrangebyscore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    reply_range(ctx, args, Form { by: Some(By::Score), reverse: Some(true) })
}

/// `ZRANGEBYLEX key min max [LIMIT offset count]`.
pub(crate) fn zrangebylex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    reply_range(ctx, args, Form { by: Some(By::Lex), reverse: Some(false) })
}

/// `ZREVRANGEBYLEX key max min [LIMIT offset count]`.
pub(crate) fn zrevrangebylex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    reply_range(ctx, args, Form { by: Some(By::Lex), reverse: Some(true) })
}

/// `ZRANGESTORE destination source start stop [BYSCORE|BYLEX] [REV] [LIMIT offset count]`.
pub(crate) fn zrangestore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let query = Query::parse(args, 2, true, Form { by: None, reverse: None })?;
    let limits = &ctx.settings.limits;
    let mut result = Zset::new();
    if let Some(source) = ctx.db.read::<Zset>(args[2])? {
        let ranks = query.ranks(source);
        if let Bounds::Rank(..) = query.bounds {
            // By rank their number is known before any is looked at: Redis then chooses the encoding by it.
            result.expect(ranks.len(), 0, limits);
        }
        for (member, score) in source.range(ranks) {
            result.insert(member.as_bytes(&mut IntText::default()), score, limits);
        }
    }
    super::store(ctx, args[1], result, "zrangestore");
    Ok(())
}

/// `ZREMRANGEBYRANK key start stop`.
pub(crate) fn zremrangebyrank(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    remove_range(ctx, args, Bounds::Rank(args.integer(2)?, args.integer(3)?), "zremrangebyrank")
}

/// `ZREMRANGEBYSCORE key min max`.
pub(crate) fn zremrangebyscore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    remove_range(ctx, args, Bounds::Score(bound::score_range(args[2], args[3])?), "zremrangebyscore")
}

/// `ZREMRANGEBYLEX key min max`.
pub(crate) fn zremrangebylex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    remove_range(ctx, args, Bounds::Lex(bound::lex_range(args[2], args[3])?), "zremrangebylex")
}

fn remove_range(ctx: &mut Ctx<'_>, args: &Args<'_>, bounds: Bounds<'_>, event: &'static str) -> Outcome {
    let Some(zset) = ctx.db.write::<Zset>(args[1])? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let removed = zset.remove_range(bounds.ranks(zset));
    let emptied = zset.is_empty();
    ctx.reply.integer(removed as i64);
    if removed > 0 {
        ctx.wrote(args[1], Class::Zset, event);
    }
    if emptied {
        ctx.db.remove_if_empty::<Zset>(args[1]);
    }
    Ok(())
}

fn reply_range(ctx: &mut Ctx<'_>, args: &Args<'_>, form: Form) -> Outcome {
    let query = Query::parse(args, 1, false, form)?;
    let Some(zset) = ctx.db.read::<Zset>(args[1])? else {
        ctx.reply.array(0);
        return Ok(());
    };
    let members = zset.range(query.ranks(zset));
    if query.reverse {
        reply_members(ctx.reply, members.rev(), query.with_scores);
    } else {
        reply_members(ctx.reply, members, query.with_scores);
    }
    Ok(())
}

/// What a range is measured by.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// What a command's name fixes of a range; ZRANGE leaves all to options.
#[derive(Clone, Copy)]
struct Form {
    by: Option<By>,
    reverse: Option<bool>,
}

enum Bounds<'a> {
    Rank(i64, i64),
    Score(ScoreRange),
    Lex(LexRange<'a>),
}

impl Bounds<'_> {
    /// The ranks within the bounds, counted from the lowest score.
    fn ranks(&self, zset: &Zset) -> Range<usize> {
        match self {
            Bounds::Rank(start, stop) => index_range(*start, *stop, zset.len()),
            Bounds::Score(range) => zset.ranks_by_score(range),
            Bounds::Lex(range) => zset.ranks_by_lex(range),
        }
    }
}

/// A range as a command asks for it.
struct Query<'a> {
    bounds: Bounds<'a>,
    reverse: bool,
    with_scores: bool,
    /// Members to leave out first; negative leaves out all.
    offset: i64,
    /// Members to give at most; negative is all.
    count: i64,
}

impl<'a> Query<'a> {
    /// What stands from the source key's argument on.
    fn parse(args: &'a Args<'_>, key: usize, is_store: bool, form: Form) -> Result<Query<'a>, Error> {
        let (mut by, mut reverse) = (form.by, form.reverse);
        let (mut with_scores, mut offset, mut count) = (false, 0, -1);
        let mut at = key + 3;
        while at < args.len() {
            if !is_store && args.is(at, "withscores") {
                with_scores = true;
            } else if args.is(at, "limit") && at + 2 < args.len() {
                (offset, count) = (args.integer(at + 1)?, args.integer(at + 2)?);
                at += 2;
            } else if reverse.is_none() && args.is(at, "rev") {
                reverse = Some(true);
            } else if by.is_none() && args.is(at, "bylex") {
                by = Some(By::Lex);
            } else if by.is_none() && args.is(at, "byscore") {
                by = Some(By::Score);
            } else {
                return Err(SYNTAX);
            }
            at += 1;
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if count != -1 && by == By::Rank {
            return Err(LIMIT_BY_RANK);
        }
        if with_scores && by == By::Lex {
            return Err(SCORES_BY_LEX);
        }
        let (first, second) = (args[key + 1], args[key + 2]);
        // Backwards, the higher bound stands first.
        let (min, max) = if reverse { (second, first) } else { (first, second) };
        let bounds = match by {
            By::Rank => Bounds::Rank(args.integer(key + 1)?, args.integer(key + 2)?),
            By::Score => Bounds::Score(bound::score_range(min, max)?),
            By::Lex => Bounds::Lex(bound::lex_range(min, max)?),
        };
        Ok(Query { bounds, reverse, with_scores, offset, count })
    }

    /// The ranks asked for, counted from the lowest score.
    fn ranks(&self, zset: &Zset) -> Range<usize> {
        let (ranks, len) = (self.bounds.ranks(zset), zset.len());
        if let Bounds::Rank(..) = self.bounds {
            return if self.reverse { len - ranks.end..len - ranks.start } else { ranks };
        }
        let skip = usize::try_from(self.offset).unwrap_or(usize::MAX).min(ranks.len());
        let take = usize::try_from(self.count).unwrap_or(usize::MAX).min(ranks.len() - skip);
        if self.reverse {
            let end = ranks.end - skip;
            end - take..end
        } else {
            let start = ranks.start + skip;
            start..start + take
        }
    }
}
