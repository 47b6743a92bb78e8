//! HGETEX and HSETEX: values and expiry of fields in one command.

use resp::IntegerText;
use store::types::Hash;
use store::types::hash::Expiry;

use super::expire::{propagate_delete, propagate_expiry, propagate_persist, unix_ms};
use super::read::reply_value;
use super::{FIELD_COUNT, counted_fields, fields_keyword};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Class, Outcome};
use crate::error::{Error, SYNTAX};
use crate::expiry::Timing;

/// What stands between the key and `FIELDS`.
#[derive(Default)]
struct Options {
    /// NX, XX: whether the key must be there.
    key_exists: Option<bool>,
    /// FNX, FXX: whether every field must be there.
    fields_exist: Option<bool>,
    keep_ttl: bool,
    persist: bool,
    /// What the expiry means, and which argument it is.
    expiry: Option<(Timing, usize)>,
}

/// Which of the two a set of options belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    Get,
    Set,
}

impl Options {
    /// The options up to `end`.
    fn parse(args: &Args<'_>, end: usize, of: Of) -> Result<Options, Error> {
        let mut options = Options::default();
        let mut at = 2;
        while at < end {
            let untimed = options.expiry.is_none();
            if let Some(timing) = Timing::of_option(args, at).filter(|_| at + 1 < end) {
                // The same option may come again; its last number counts.
                let same = options.expiry.is_none_or(|(other, _)| other == timing);
                if !same || options.keep_ttl || options.persist {
                    return Err(SYNTAX);
                }
                at += 1;
                options.expiry = Some((timing, at));
            } else if of == Of::Get && args.is(at, "persist") && untimed {
                options.persist = true;
            } else if of == Of::Set && args.is(at, "keepttl") && untimed {
                options.keep_ttl = true;
            } else if of == Of::Set && (args.is(at, "nx") || args.is(at, "xx")) {
                demand(&mut options.key_exists, args.is(at, "xx"))?;
            } else if of == Of::Set && (args.is(at, "fnx") || args.is(at, "fxx")) {
                demand(&mut options.fields_exist, args.is(at, "fxx"))?;
            } else {
                return Err(SYNTAX);
            }
            at += 1;
        }
        Ok(options)
    }

    /// When the fields are to expire.
    fn expiry_ms(&self, args: &Args<'_>, now: u64, command: &str) -> Result<Option<u64>, Error> {
        self.expiry.map(|(timing, index)| unix_ms(args, index, timing, now, command)).transpose()
    }

    /// Whether the condition on the key holds.
    fn allow_key(&self, exists: bool) -> bool {
        self.key_exists.is_none_or(|wanted| wanted == exists)
    }

    /// Whether the condition on the fields holds.
    fn allow_fields(&self, hash: Option<&Hash>, pairs: &[[&[u8]; 2]], now: u64) -> bool {
        let is_there = |field: &[u8]| hash.is_some_and(|hash| hash.get(field, now).is_some());
        self.fields_exist.is_none_or(|wanted| pairs.iter().all(|[field, _]| is_there(field) == wanted))
    }

    /// Whether the command's own words depend on the time or on what is there.
    fn must_be_replaced(&self) -> bool {
        self.key_exists.is_some() || self.fields_exist.is_some() || self.expiry.is_some()
    }
}

/// Notes a demand; its opposite must not have been made.
fn demand(option: &mut Option<bool>, wanted: bool) -> Result<(), Error> {
    if option.is_some_and(|before| before != wanted) {
        return Err(SYNTAX);
    }
    *option = Some(wanted);
    Ok(())
}

/// `HGETEX key [EX seconds | PX ms | EXAT unix-s | PXAT unix-ms | PERSIST] FIELDS numfields field
/// [field ...]`.
pub(crate) fn hgetex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let fields_at = fields_keyword(args, 2).ok_or(FIELD_COUNT)?;
    let options = Options::parse(args, fields_at, Of::Get)?;
    let fields = counted_fields(args, fields_at, 1)?;
    let (key, now) = (args[1], ctx.field_time_ms());
    let mut hash = ctx.db.write::<Hash>(key)?;
    let at = options.expiry_ms(args, now, "hgetex")?;
    let over = at.is_some_and(|at| at <= now);
    let mut changed = Vec::new();
    ctx.reply.array(fields.len());
    for field in fields {
        reply_value(ctx.reply, hash.as_ref().and_then(|hash| hash.get(field, now)));
        let Some(hash) = hash.as_mut() else { continue };
        let done = match at {
            Some(_) if over => hash.remove(field, now),
            Some(_) => hash.set_expiry(field, at, now),
            None => {
                let timed = hash.get(field, now).is_some_and(|found| found.expiry.is_some());
                options.persist && timed && hash.set_expiry(field, None, now)
            }
        };
        if done {
            changed.push(field);
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    let event = match at {
        Some(_) if over => {
            propagate_delete(ctx, key, &changed);
            "hexpired"
        }
        Some(at) => {
            propagate_expiry(ctx, key, at, &changed);
            ctx.db.note_timed_fields(key);
            "hexpire"
        }
        None => {
            propagate_persist(ctx, key, &changed);
            "hpersist"
        }
    };
    ctx.wrote(key, Class::Hash, event);
    ctx.db.remove_if_empty::<Hash>(key);
    Ok(())
}

/// `HSETEX key [NX | XX] [FNX | FXX] [EX seconds | PX ms | EXAT unix-s | PXAT unix-ms | KEEPTTL] FIELDS
/// numfields field value [field value ...]`: 1 when all were set, 0 when a condition did not hold.
pub(crate) fn hsetex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let fields_at = fields_keyword(args, 2).ok_or(FIELD_COUNT)?;
    let options = Options::parse(args, fields_at, Of::Set)?;
    let words = counted_fields(args, fields_at, 2)?;
    let pairs = words.as_chunks::<2>().0;
    let (key, now) = (args[1], ctx.field_time_ms());
    let hash = ctx.db.write::<Hash>(key)?;
    // In this order, as in Valkey: a key that is not as demanded hides a wrong expiry.
    if !options.allow_key(hash.is_some()) {
        ctx.reply.integer(0);
        return Ok(());
    }
    let at = options.expiry_ms(args, now, "hsetex")?;
    if !options.allow_fields(hash.as_deref(), pairs, now) {
        ctx.reply.integer(0);
        return Ok(());
    }
    match at {
        Some(at) if at <= now => set_over(ctx, key, pairs)?,
        _ => set_alive(ctx, key, pairs, &options, at)?,
    }
    ctx.reply.integer(1);
    Ok(())
}

/// Sets fields to a time that is over: they are deleted.
fn set_over(ctx: &mut Ctx<'_>, key: &[u8], pairs: &[[&[u8]; 2]]) -> Outcome {
    let now = ctx.field_time_ms();
    let hash = ctx.db.write::<Hash>(key)?;
    let was_there = hash.is_some();
    let deleted: Vec<&[u8]> = match hash {
        Some(hash) => pairs.iter().map(|[field, _]| *field).filter(|field| hash.remove(field, now)).collect(),
        None => Vec::new(),
    };
    if deleted.is_empty() {
        ctx.notify(key, Class::Hash, "hset");
    } else {
        propagate_delete(ctx, key, &deleted);
        ctx.wrote(key, Class::Hash, "hset");
    }
    ctx.notify(key, Class::Hash, "hexpire");
    ctx.notify(key, Class::Hash, "hexpired");
    if !was_there {
        ctx.notify(key, Class::Generic, "del");
    }
    ctx.db.remove_if_empty::<Hash>(key);
    Ok(())
}

fn set_alive(
    ctx: &mut Ctx<'_>,
    key: &[u8],
    pairs: &[[&[u8]; 2]],
    options: &Options,
    at: Option<u64>,
) -> Outcome {
    let (now, limits) = (ctx.field_time_ms(), &ctx.settings.limits);
    let expiry = match at {
        Some(at) => Expiry::At(at),
        None if options.keep_ttl => Expiry::Keep,
        None => Expiry::Never,
    };
    let hash = ctx.db.write_or_create::<Hash>(key)?;
    hash.expect(pairs.len(), limits);
    let mut expired: Vec<&[u8]> = Vec::new();
    for [field, value] in pairs {
        if hash.has_expired(field, now) {
            expired.push(field);
        }
        hash.set(field, value, expiry, now, limits);
    }
    propagate_set(ctx, key, pairs, options, at, &expired);
    if !expired.is_empty() {
        ctx.notify(key, Class::Hash, "hexpired");
    }
    ctx.wrote(key, Class::Hash, "hset");
    if at.is_some() {
        ctx.db.note_timed_fields(key);
        ctx.notify(key, Class::Hash, "hexpire");
    }
    Ok(())
}

/// The command goes on with an absolute time and without conditions. With KEEPTTL whoever repeats it must
/// not take the expiry of a field that had expired here.
fn propagate_set(
    ctx: &mut Ctx<'_>,
    key: &[u8],
    pairs: &[[&[u8]; 2]],
    options: &Options,
    at: Option<u64>,
    expired: &[&[u8]],
) {
    let stale = options.keep_ttl && !expired.is_empty();
    if stale {
        propagate_delete(ctx, key, expired);
    }
    if !stale && !options.must_be_replaced() {
        return;
    }
    let (time, count) = (at.map(|at| IntegerText::new(at as i64)), IntegerText::new(pairs.len() as i64));
    let mut words: Vec<&[u8]> = vec![b"HSETEX", key];
    match &time {
        Some(time) => words.extend([b"PXAT", time.as_bytes()]),
        None if options.keep_ttl => words.push(b"KEEPTTL"),
        None => {}
    }
    words.extend([b"FIELDS", count.as_bytes()]);
    words.extend(pairs.as_flattened());
    ctx.replace(&words);
}
