//! ZADD, ZINCRBY and ZREM.

use store::types::Zset;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Class, Outcome};
use crate::error::{Error, SYNTAX};

const XX_AND_NX: Error = Error::new("ERR XX and NX options at the same time are not compatible");
const GT_LT_NX: Error = Error::new("ERR GT, LT, and/or NX options at the same time are not compatible");
const INCR_PAIRS: Error = Error::new("ERR INCR option supports a single increment-element pair");
const NAN: Error = Error::new("ERR resulting score is not a number (NaN)");

/// `ZADD key [NX|XX] [GT|LT] [CH] [INCR] score member [score member ...]`.
pub(crate) fn zadd(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    add(ctx, args, Options::default())
}

/// `ZINCRBY key increment member`; Redis takes ZADD's options here too.
pub(crate) fn zincrby(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    add(ctx, args, Options { incr: true, ..Options::default() })
}

/// `ZREM key member [member ...]`.
pub(crate) fn zrem(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let Some(zset) = ctx.db.write::<Zset>(args[1])? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let removed = args[2..].iter().filter(|member| zset.remove(member).is_some()).count();
    let emptied = zset.is_empty();
    ctx.reply.integer(removed as i64);
    if removed > 0 {
        ctx.wrote(args[1], Class::Zset, "zrem");
    }
    if emptied {
        ctx.db.remove_if_empty::<Zset>(args[1]);
    }
    Ok(())
}

#[derive(Clone, Copy, Default)]
struct Options {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
    ch: bool,
    incr: bool,
}

impl Options {
    /// Takes the options from argument 2 on; gives the index of the first score.
    fn parse(&mut self, args: &Args<'_>) -> Result<usize, Error> {
        let mut at = 2;
        loop {
            let option = match args.get(at) {
                Some(word) if word.eq_ignore_ascii_case(b"nx") => &mut self.nx,
                Some(word) if word.eq_ignore_ascii_case(b"xx") => &mut self.xx,
                Some(word) if word.eq_ignore_ascii_case(b"gt") => &mut self.gt,
                Some(word) if word.eq_ignore_ascii_case(b"lt") => &mut self.lt,
                Some(word) if word.eq_ignore_ascii_case(b"ch") => &mut self.ch,
                Some(word) if word.eq_ignore_ascii_case(b"incr") => &mut self.incr,
                _ => break,
            };
            *option = true;
            at += 1;
        }
        let words = args.len() - at;
        if words == 0 || words % 2 == 1 {
            Err(SYNTAX)
        } else if self.nx && self.xx {
            Err(XX_AND_NX)
        } else if (self.nx && (self.gt || self.lt)) || (self.gt && self.lt) {
            Err(GT_LT_NX)
        } else if self.incr && words > 2 {
            Err(INCR_PAIRS)
        } else {
            Ok(at)
        }
    }

    /// What becomes of a member whose score is `old`.
    fn decide(self, old: Option<f64>, score: f64) -> Decision {
        let Some(old) = old else {
            return if self.xx { Decision::Leave } else { Decision::Add(score) };
        };
        if self.nx {
            return Decision::Leave;
        }
        let new = if self.incr { old + score } else { score };
        if new.is_nan() {
            Decision::Refuse
        } else if (self.lt && new >= old) || (self.gt && new <= old) {
            Decision::Leave
        } else if new == old {
            Decision::Keep(new)
        } else {
            Decision::Change(new)
        }
    }
}

/// What ZADD does with one member, and the score it then has.
#[derive(Clone, Copy, PartialEq)]
enum Decision {
    Add(f64),
    Change(f64),
    /// The score is what it was already, but perhaps for the sign of zero: that stays as it was, too.
    Keep(f64),
    /// An option forbids a change.
    Leave,
    /// The sum of opposite infinities.
    Refuse,
}

fn add(ctx: &mut Ctx<'_>, args: &Args<'_>, mut options: Options) -> Outcome {
    let key = args[1];
    let first = options.parse(args)?;
    let scores = (first..args.len()).step_by(2).map(|at| args.double(at));
    let scores = scores.collect::<Result<Vec<f64>, Error>>()?;
    let members = || args[first + 1..].iter().step_by(2);
    let longest = members().map(|member| member.len()).max().unwrap_or(0);
    if options.xx && ctx.db.write::<Zset>(key)?.is_none() {
        return reply(ctx, options, (0, 0), Decision::Leave);
    }
    let limits = &ctx.settings.limits;
    let zset = ctx.db.write_or_create::<Zset>(key)?;
    zset.expect(scores.len(), longest, limits);
    let (mut added, mut changed, mut last) = (0, 0, Decision::Leave);
    for (member, &score) in members().zip(&scores) {
        zset.update(member, limits, |old| {
            last = options.decide(old, score);
            match last {
                Decision::Add(new) | Decision::Change(new) => Some(new),
                Decision::Keep(_) | Decision::Leave | Decision::Refuse => None,
            }
        });
        added += usize::from(matches!(last, Decision::Add(_)));
        changed += usize::from(matches!(last, Decision::Change(_)));
    }
    if added + changed > 0 {
        ctx.wrote(key, Class::Zset, if options.incr { "zincr" } else { "zadd" });
    }
    reply(ctx, options, (added, changed), last)
}

fn reply(ctx: &mut Ctx<'_>, options: Options, (added, changed): (usize, usize), last: Decision) -> Outcome {
    if !options.incr {
        ctx.reply.integer((added + if options.ch { changed } else { 0 }) as i64);
        return Ok(());
    }
    match last {
        Decision::Add(score) | Decision::Change(score) | Decision::Keep(score) => ctx.reply.double(score),
        Decision::Leave => ctx.reply.null(),
        Decision::Refuse => return Err(NAN),
    }
    Ok(())
}
