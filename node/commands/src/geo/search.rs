//! GEOSEARCH, GEORADIUS and GEORADIUSBYMEMBER with their kin: the places within an area.

use resp::Reply;
use store::types::Zset;
use store::types::int::IntText;
use store::types::listpack::Item;
use store::types::zset::{ScoreBound, ScoreRange};

use super::cell::{Cell, Point};
use super::options::{Command, Options, Order};
use super::shape::Shape;
use super::{reply_distance, reply_point};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::list::reply_item;
use crate::zset;

/// `GEOSEARCH key FROMMEMBER member|FROMLONLAT longitude latitude BYRADIUS radius unit|BYBOX width height unit
/// [ASC|DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]`.
pub(crate) fn geosearch(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    search(ctx, args, 1, Command::Search)
}

/// `GEOSEARCHSTORE destination source FROMMEMBER ... [STOREDIST]`; see GEOSEARCH.
pub(crate) fn geosearchstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    search(ctx, args, 2, Command::SearchStore)
}

/// `GEORADIUS key longitude latitude radius unit [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC|DESC]
/// [STORE key|STOREDIST key]`.
pub(crate) fn georadius(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    search(ctx, args, 1, Command::Radius { by_member: false, read_only: false })
}

/// `GEORADIUS_RO key longitude latitude radius unit ...`: GEORADIUS without STORE.
pub(crate) fn georadius_ro(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    search(ctx, args, 1, Command::Radius { by_member: false, read_only: true })
}

/// `GEORADIUSBYMEMBER key member radius unit ...`: GEORADIUS around a member.
pub(crate) fn georadiusbymember(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    search(ctx, args, 1, Command::Radius { by_member: true, read_only: false })
}

/// `GEORADIUSBYMEMBER_RO key member radius unit ...`: GEORADIUSBYMEMBER without STORE.
pub(crate) fn georadiusbymember_ro(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    search(ctx, args, 1, Command::Radius { by_member: true, read_only: true })
}

/// A place found.
struct Found<'a> {
    member: Item<'a>,
    score: f64,
    point: Point,
    /// From the centre, in metres.
    distance: f64,
}

fn search(ctx: &mut Ctx<'_>, args: &Args<'_>, source: usize, command: Command) -> Outcome {
    let zset = ctx.db.read::<Zset>(args[source])?;
    let options = Options::parse(command, args, zset)?;
    let found = match (zset, &options.shape) {
        (Some(zset), Some(shape)) => find(zset, shape, &options),
        _ => Vec::new(),
    };
    let Some(destination) = options.destination else {
        reply(ctx.reply, &found, &options);
        return Ok(());
    };
    let limits = &ctx.settings.limits;
    let mut result = Zset::new();
    for place in &found {
        let score = if destination.by_distance { place.distance / options.unit } else { place.score };
        result.insert(place.member.as_bytes(&mut IntText::default()), score, limits);
    }
    result.settle(limits);
    let event = if command == Command::SearchStore { "geosearchstore" } else { "georadiusstore" };
    zset::store(ctx, destination.key, result, event);
    Ok(())
}

/// The places within `shape`, as many and in the order as asked for.
fn find<'a>(zset: &'a Zset, shape: &Shape, options: &Options<'_>) -> Vec<Found<'a>> {
    let enough = if options.any { options.count } else { usize::MAX };
    let inside = |(member, score): (Item<'a>, f64)| {
        let point = Point::from_score(score);
        Some(Found { member, score, point, distance: shape.distance_inside(point)? })
    };
    let cells = shape.cells().into_iter();
    let places = cells.flat_map(|cell| zset.range(zset.ranks_by_score(&scores(cell))));
    let mut found: Vec<_> = places.filter_map(inside).take(enough).collect();
    match options.order {
        Order::Any => {}
        Order::Nearest => found.sort_by(|a, b| a.distance.total_cmp(&b.distance)),
        Order::Furthest => found.sort_by(|a, b| b.distance.total_cmp(&a.distance)),
    }
    found.truncate(options.count);
    found
}

fn scores(cell: Cell) -> ScoreRange {
    let (first, end) = cell.scores();
    ScoreRange {
        min: ScoreBound { score: first as f64, exclusive: false },
        max: ScoreBound { score: end as f64, exclusive: true },
    }
}

fn reply(reply: &mut Reply, found: &[Found<'_>], options: &Options<'_>) {
    let parts = [options.with_distance, options.with_hash, options.with_point];
    let parts = parts.into_iter().filter(|wanted| *wanted).count();
    reply.array(found.len());
    for place in found {
        if parts > 0 {
            reply.array(1 + parts);
        }
        reply_item(reply, place.member);
        if options.with_distance {
            reply_distance(reply, place.distance / options.unit);
        }
        if options.with_hash {
            reply.integer(place.score as i64);
        }
        if options.with_point {
            reply_point(reply, place.point);
        }
    }
}
