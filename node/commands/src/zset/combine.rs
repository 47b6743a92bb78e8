//! Several sorted sets, or sets, at once: union, intersection and difference.
//!
//! A set counts as a sorted set whose scores are all 1. Sums of doubles depend on their order, so the inputs
//! of unions and intersections are taken smallest first, as Redis takes them.

use base::Slot;
use store::Keyspace;
use store::types::int::IntText;
use store::types::listpack::Item;
use store::types::{Limits, Set, Zset};

use super::reply_members;
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::error::{Error, NOT_INTEGER, SYNTAX, WRONG_TYPE};

const NOT_WEIGHT: Error = Error::new("ERR weight value is not a float");
const LIMIT_NEGATIVE: Error = Error::new("ERR LIMIT can't be negative");

/// `ZUNION numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]`.
pub(crate) fn zunion(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    reply(ctx, args, Operation::Union, "zunion")
}

/// `ZINTER numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]`.
pub(crate) fn zinter(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    reply(ctx, args, Operation::Intersection, "zinter")
}

/// `ZDIFF numkeys key [key ...] [WITHSCORES]`.
pub(crate) fn zdiff(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    reply(ctx, args, Operation::Difference, "zdiff")
}

/// `ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX]`.
pub(crate) fn zunionstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    store(ctx, args, Operation::Union, "zunionstore")
}

/// `ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX]`.
pub(crate) fn zinterstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    store(ctx, args, Operation::Intersection, "zinterstore")
}

/// `ZDIFFSTORE destination numkeys key [key ...]`.
pub(crate) fn zdiffstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    store(ctx, args, Operation::Difference, "zdiffstore")
}

/// `ZINTERCARD numkeys key [key ...] [LIMIT limit]`.
pub(crate) fn zintercard(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let keys = keys(args, 1, "zintercard")?;
    check_types(ctx, keys)?;
    let options = Options::parse(args, keys.len(), 2 + keys.len(), Operation::Count)?;
    let inputs = inputs(ctx.db.keyspace, ctx.db.slot, keys, &options, Operation::Count);
    let (first, others) = inputs.split_first().expect("there is at least one key");
    let shared = |member: Item<'_>| others.iter().all(|other| other.source.score(member).is_some());
    let mut count = 0;
    first.source.each(|member, _| {
        count += usize::from(shared(member));
        count < options.limit
    });
    ctx.reply.integer(count as i64);
    Ok(())
}

fn reply(ctx: &mut Ctx<'_>, args: &Args<'_>, operation: Operation, name: &str) -> Outcome {
    let keys = keys(args, 1, name)?;
    check_types(ctx, keys)?;
    let options = Options::parse(args, keys.len(), 2 + keys.len(), operation)?;
    let result = combine(ctx, keys, &options, operation);
    reply_members(ctx.reply, result.iter(), options.with_scores);
    Ok(())
}

fn store(ctx: &mut Ctx<'_>, args: &Args<'_>, operation: Operation, name: &'static str) -> Outcome {
    let keys = keys(args, 2, name)?;
    check_types(ctx, keys)?;
    let options = Options::parse(args, keys.len(), 3 + keys.len(), operation)?;
    if options.with_scores {
        return Err(SYNTAX);
    }
    let mut result = combine(ctx, keys, &options, operation);
    result.settle(&ctx.settings.limits);
    super::store(ctx, args[1], result, name);
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Union,
    Intersection,
    Difference,
    /// The number of members of an intersection.
    Count,
}

/// How the scores of a member that several inputs have become one.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, score: f64, other: f64) -> f64 {
        match self {
            // Opposite infinities make 0 here, not NaN.
            Aggregate::Sum => not_nan(score + other),
            Aggregate::Min => {
                if other < score {
                    other
                } else {
                    score
                }
            }
            Aggregate::Max => {
                if other > score {
                    other
                } else {
                    score
                }
            }
        }
    }
}

fn not_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// The keys whose number stands at `at`.
fn keys<'a>(args: &'a Args<'_>, at: usize, name: &str) -> Result<&'a [&'a [u8]], Error> {
    let count = args.integer(at)?;
    if count < 1 {
        return Err(Error::text(format!("ERR at least 1 input key is needed for '{name}' command")));
    }
    let end = usize::try_from(count).map_err(|_| NOT_INTEGER)?.saturating_add(at + 1);
    args.get(at + 1..end).ok_or(SYNTAX)
}

struct Options {
    /// One for each key.
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    limit: usize,
}

impl Options {
    fn parse(args: &Args<'_>, keys: usize, mut at: usize, operation: Operation) -> Result<Options, Error> {
        let mut options = Options {
            weights: vec![1.0; keys],
            aggregate: Aggregate::Sum,
            with_scores: false,
            limit: usize::MAX,
        };
        let weighs = matches!(operation, Operation::Union | Operation::Intersection);
        while at < args.len() {
            if weighs && args.is(at, "weights") && at + keys < args.len() {
                for (n, weight) in options.weights.iter_mut().enumerate() {
                    *weight = args.double(at + 1 + n).map_err(|_| NOT_WEIGHT)?;
                }
                at += 1 + keys;
            } else if weighs && args.is(at, "aggregate") && at + 1 < args.len() {
                options.aggregate = match () {
                    () if args.is(at + 1, "sum") => Aggregate::Sum,
                    () if args.is(at + 1, "min") => Aggregate::Min,
                    () if args.is(at + 1, "max") => Aggregate::Max,
                    () => return Err(SYNTAX),
                };
                at += 2;
            } else if operation != Operation::Count && args.is(at, "withscores") {
                options.with_scores = true;
                at += 1;
            } else if operation == Operation::Count && args.is(at, "limit") && at + 1 < args.len() {
                let limit = args.integer(at + 1).ok().and_then(|limit| usize::try_from(limit).ok());
                options.limit = limit.ok_or(LIMIT_NEGATIVE)?;
                if options.limit == 0 {
                    options.limit = usize::MAX;
                }
                at += 2;
            } else {
                return Err(SYNTAX);
            }
        }
        Ok(options)
    }
}

/// Refuses keys that hold neither sets nor sorted sets; expires and counts them as looked up.
fn check_types(ctx: &mut Ctx<'_>, keys: &[&[u8]]) -> Outcome {
    for key in keys {
        let fits = ctx.db.find(key).is_none_or(|e| e.get::<Zset>().is_some() || e.get::<Set>().is_some());
        if !fits {
            return Err(WRONG_TYPE);
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Absent,
    Zset(&'a Zset),
    Set(&'a Set),
}

impl Source<'_> {
    fn len(&self) -> usize {
        match self {
            Source::Absent => 0,
            Source::Zset(zset) => zset.len(),
            Source::Set(set) => set.len(),
        }
    }

    fn score(&self, member: Item<'_>) -> Option<f64> {
        match self {
            Source::Absent => None,
            Source::Zset(zset) => zset.score(member.as_bytes(&mut IntText::default())),
            Source::Set(set) => set.contains(member).then_some(1.0),
        }
    }

    /// Calls `visit` with every member and its score until it answers false.
    fn each(&self, mut visit: impl FnMut(Item<'_>, f64) -> bool) {
        match self {
            Source::Absent => {}
            Source::Zset(zset) => drop(zset.iter().all(|(member, score)| visit(member, score))),
            Source::Set(set) => drop(set.iter().all(|member| visit(member, 1.0))),
        }
    }
}

/// One input and its weight.
struct Input<'a> {
    source: Source<'a>,
    weight: f64,
}

/// The inputs in the order they are to be combined in.
fn inputs<'a>(
    keyspace: &'a Keyspace,
    slot: Slot,
    keys: &[&[u8]],
    options: &Options,
    operation: Operation,
) -> Vec<Input<'a>> {
    let source = |key: &[u8]| match keyspace.get(slot, key) {
        None => Source::Absent,
        Some(entry) => match (entry.get::<Zset>(), entry.get::<Set>()) {
            (Some(zset), _) => Source::Zset(zset),
            (None, Some(set)) => Source::Set(set),
            (None, None) => Source::Absent,
        },
    };
    let weighted =
        keys.iter().zip(&options.weights).map(|(key, &weight)| Input { source: source(key), weight });
    let mut inputs: Vec<_> = weighted.collect();
    if operation != Operation::Difference {
        inputs.sort_by_key(|input| input.source.len());
    }
    inputs
}

fn combine(ctx: &Ctx<'_>, keys: &[&[u8]], options: &Options, operation: Operation) -> Zset {
    let inputs = inputs(ctx.db.keyspace, ctx.db.slot, keys, options, operation);
    let limits = &ctx.settings.limits;
    let mut result = Zset::new();
    // A small set would lose the sign of a negative zero.
    result.expect(usize::MAX, 0, limits);
    match operation {
        Operation::Union => unite(&inputs, options.aggregate, &mut result, limits),
        Operation::Intersection | Operation::Count => {
            intersect(&inputs, options.aggregate, &mut result, limits)
        }
        Operation::Difference => subtract(&inputs, &mut result, limits),
    }
    result
}

fn unite(inputs: &[Input<'_>], aggregate: Aggregate, result: &mut Zset, limits: &Limits) {
    for input in inputs {
        input.source.each(|member, score| {
            let score = not_nan(input.weight * score);
            result.update(member.as_bytes(&mut IntText::default()), limits, |old| {
                Some(old.map_or(score, |old| aggregate.of(old, score)))
            });
            true
        });
    }
}

fn intersect(inputs: &[Input<'_>], aggregate: Aggregate, result: &mut Zset, limits: &Limits) {
    let (first, others) = inputs.split_first().expect("there is at least one key");
    first.source.each(|member, score| {
        let start = not_nan(first.weight * score);
        let combined = others.iter().try_fold(start, |score, other| {
            Some(aggregate.of(score, other.weight * other.source.score(member)?))
        });
        if let Some(score) = combined {
            result.insert(member.as_bytes(&mut IntText::default()), score, limits);
        }
        true
    });
}

fn subtract(inputs: &[Input<'_>], result: &mut Zset, limits: &Limits) {
    let (first, others) = inputs.split_first().expect("there is at least one key");
    // Either each member of the first is looked up in the others, or theirs are removed from a copy of it.
    let look_ups = first.source.len() * others.len() / 2;
    let removals: usize = inputs.iter().map(|input| input.source.len()).sum();
    let by_look_up = look_ups <= removals;
    first.source.each(|member, score| {
        if !by_look_up || others.iter().all(|other| other.source.score(member).is_none()) {
            result.insert(member.as_bytes(&mut IntText::default()), score, limits);
        }
        true
    });
    if !by_look_up {
        for other in others {
            other.source.each(|member, _| {
                result.remove(member.as_bytes(&mut IntText::default()));
                !result.is_empty()
            });
        }
    }
}
