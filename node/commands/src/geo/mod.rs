//! Geo commands: sorted sets whose scores are the numbers of [cells](cell) on a map.
//!
//! A place added is a member of an ordinary sorted set; whatever works on those works on places too.

mod cell;
mod options;
mod search;
mod shape;

pub(crate) use search::{
    georadius, georadius_ro, georadiusbymember, georadiusbymember_ro, geosearch, geosearchstore,
};

use resp::{Proto, Reply};
use store::types::Zset;

use self::cell::{LATITUDE_MAX, LONGITUDE_MAX, Point, STEP_MAX};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::Outcome;
use crate::error::{Error, SYNTAX};
use crate::zset;

const BAD_UNIT: Error = Error::new("ERR unsupported unit provided. please use M, KM, FT, MI");

/// Latitude where the map of geohash texts ends; that of scores ends earlier.
const STANDARD_LATITUDE_MAX: f64 = 90.0;
/// Digits of a geohash text, five bits each.
const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
/// Digits of a geohash text that a score has bits for; one more, always 0, makes it as long as it used to be.
const GEOHASH_DIGITS: u32 = 10;

/// `GEOADD key [NX|XX] [CH] longitude latitude member [longitude latitude member ...]`: a ZADD of scores.
pub(crate) fn geoadd(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let is_option = |at: &usize| args.is(*at, "nx") || args.is(*at, "xx") || args.is(*at, "ch");
    let first = (2..args.len()).find(|at| !is_option(at)).unwrap_or(args.len());
    let has = |word: &str| (2..first).any(|at| args.is(at, word));
    if !(args.len() - first).is_multiple_of(3) || (has("nx") && has("xx")) {
        return Err(SYNTAX);
    }
    let mut scores = Vec::with_capacity((args.len() - first) / 3);
    for at in (first..args.len()).step_by(3) {
        scores.push(point(args, at)?.score().to_string().into_bytes());
    }
    let members = args[first..].iter().skip(2).step_by(3);
    let mut words: Vec<&[u8]> = vec![b"ZADD"];
    words.extend(&args[1..first]);
    words.extend(scores.iter().zip(members).flat_map(|(score, member)| [score.as_slice(), member]));
    let dirty = ctx.db.effects.dirty;
    zset::zadd(ctx, &Args::new(&words))?;
    if ctx.db.effects.dirty != dirty {
        ctx.replace(&words);
    }
    Ok(())
}

/// `GEODIST key member1 member2 [M|KM|FT|MI]`.
pub(crate) fn geodist(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let unit = match args.len() {
        4 => 1.0,
        5 => unit(args, 4)?,
        _ => return Err(SYNTAX),
    };
    let places =
        ctx.db.read::<Zset>(args[1])?.and_then(|zset| Some((place(zset, args[2])?, place(zset, args[3])?)));
    match places {
        Some((a, b)) => reply_distance(ctx.reply, shape::distance(a, b) / unit),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `GEOHASH key [member ...]`.
pub(crate) fn geohash(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let zset = ctx.db.read::<Zset>(args[1])?;
    ctx.reply.array(args.len() - 2);
    for member in &args[2..] {
        match zset.and_then(|zset| place(zset, member)) {
            Some(place) => ctx.reply.bulk(&geohash_text(place)),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

/// `GEOPOS key [member ...]`.
pub(crate) fn geopos(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let zset = ctx.db.read::<Zset>(args[1])?;
    ctx.reply.array(args.len() - 2);
    for member in &args[2..] {
        match zset.and_then(|zset| place(zset, member)) {
            Some(place) => reply_point(ctx.reply, place),
            None => ctx.reply.null_array(),
        }
    }
    Ok(())
}

/// The text others know as the place's geohash: eleven digits on the map from pole to pole.
fn geohash_text(place: Point) -> Vec<u8> {
    let bits = place.cell(STEP_MAX, STANDARD_LATITUDE_MAX).bits;
    let digit = |n: u32| ALPHABET[(bits >> (2 * STEP_MAX - 5 * (n + 1)) & 31) as usize];
    (0..GEOHASH_DIGITS).map(digit).chain([ALPHABET[0]]).collect()
}

/// Where a member is.
fn place(zset: &Zset, member: &[u8]) -> Option<Point> {
    zset.score(member).map(Point::from_score)
}

/// Arguments `at` and the next as longitude and latitude on the map.
fn point(args: &Args<'_>, at: usize) -> Result<Point, Error> {
    let (longitude, latitude) = (args.double(at)?, args.double(at + 1)?);
    if longitude.abs() > LONGITUDE_MAX || latitude.abs() > LATITUDE_MAX {
        let text = format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}");
        return Err(Error::text(text));
    }
    Ok(Point { longitude, latitude })
}

/// Argument `at` as a unit of length, in metres.
fn unit(args: &Args<'_>, at: usize) -> Result<f64, Error> {
    let units = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
    let found = units.iter().find(|(name, _)| args.is(at, name));
    found.map(|(_, metres)| *metres).ok_or(BAD_UNIT)
}

/// A distance as a bulk string with four decimals.
fn reply_distance(reply: &mut Reply, distance: f64) {
    let scaled = (distance * 10_000.0).round_ties_even() as i64;
    let (whole, decimals) = (scaled.unsigned_abs() / 10_000, scaled.unsigned_abs() % 10_000);
    let sign = if scaled < 0 { "-" } else { "" };
    reply.bulk(format!("{sign}{whole}.{decimals:04}").as_bytes());
}

/// A place as longitude and latitude, with up to 17 decimals.
fn reply_point(reply: &mut Reply, place: Point) {
    reply.array(2);
    for degrees in [place.longitude, place.latitude] {
        let text = format!("{degrees:.17}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        let text = if text == "-0" { "0" } else { text };
        match reply.proto {
            Proto::Resp2 => reply.bulk(text.as_bytes()),
            Proto::Resp3 => reply.raw(format!(",{text}\r\n").as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let score = |longitude, latitude| Point { longitude, latitude }.score() as f64;
        let text = |longitude, latitude| geohash_text(Point::from_score(score(longitude, latitude)));
        // From the command page of GEOHASH.
        assert_eq!(text(13.361389, 38.115556), b"sqc8b49rny0");
        assert_eq!(text(15.087269, 37.502669), b"sqdtr74hyu0");
    }

    #[test]
    fn replies() {
        let mut reply = Reply::new(Proto::Resp2);
        reply_distance(&mut reply, 166274.15155);
        reply_distance(&mut reply, 0.0);
        reply_point(&mut reply, Point { longitude: -0.5, latitude: 0.0 });
        let expect = b"$11\r\n166274.1516\r\n$6\r\n0.0000\r\n*2\r\n$4\r\n-0.5\r\n$1\r\n0\r\n";
        assert_eq!(reply.as_plain().unwrap(), expect);
    }
}
