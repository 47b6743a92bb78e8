//! XADD, XTRIM, XDEL, XSETID: what changes the entries.
//!
//! Two things are not the same everywhere: the ID that `*` becomes, and how far `~` trims, which depends on how
//! entries happen to lie in nodes. Both are replaced by what came of them before the command is repeated
//! elsewhere.

use std::borrow::Cow;

use store::Value;
use store::types::Limits;
use store::types::stream::{AddError, Log, NewId, SetIdError, Stream, StreamId, Trim};

use super::{INVALID_ID, IdText, parse_id, parse_ids, reply_id};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::db::Expire;
use crate::effects::{Class, Outcome};
use crate::error::{Error, NO_SUCH_KEY, SYNTAX, wrong_arity};

const TWO_STRATEGIES: Error =
    Error::new("ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
const NEGATIVE_MAXLEN: Error = Error::new("ERR The MAXLEN argument must be >= 0.");
const NEGATIVE_LIMIT: Error = Error::new("ERR The LIMIT argument must be >= 0.");
const LIMIT_WITHOUT_STRATEGY: Error =
    Error::new("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
const LIMIT_WITHOUT_TILDE: Error =
    Error::new("ERR syntax error, LIMIT cannot be used without the special ~ option");
const NO_STRATEGY: Error = Error::new("ERR syntax error, XTRIM must be called with a trimming strategy");
const ZERO_ID: Error = Error::new("ERR The ID specified in XADD must be greater than 0-0");
const EXHAUSTED: Error =
    Error::new("ERR The stream has exhausted the last possible ID, unable to add more items");
const ID_TOO_SMALL: Error =
    Error::new("ERR The ID specified in XADD is equal or smaller than the target stream top item");
const TOO_LARGE: Error = Error::new("ERR Elements are too large to be stored");

/// Most entries an approximate trim removes at once, and how many if the configuration says nothing useful.
const LIMIT_MAX: u64 = 1_000_000;
const LIMIT_DEFAULT: u64 = 10_000;
/// Nodes' worth of entries an approximate trim removes unless told otherwise.
const LIMIT_NODES: u64 = 100;

/// A trimming option.
struct Trimming {
    to: Trim,
    is_approximate: bool,
    /// Most entries to remove; 0 for no limit.
    limit: u64,
    /// Where the threshold stands.
    threshold_at: usize,
}

/// The options of XADD up to the ID, or all of XTRIM's.
#[derive(Default)]
struct Options {
    trimming: Option<Trimming>,
    /// Where LIMIT stands.
    limit_at: Option<usize>,
    no_create: bool,
    /// The ID; always there in XADD, unless the arguments ended before it.
    id: Option<NewId>,
    /// Where the ID stands, or would.
    id_at: usize,
}

impl Options {
    fn parse(args: &Args<'_>, node_max_entries: usize, is_add: bool) -> Result<Options, Error> {
        let mut options = Options::default();
        let (mut limit, mut at) = (None, 2);
        while at < args.len() {
            let has_more = at + 1 < args.len();
            if has_more && (args.is(at, "maxlen") || args.is(at, "minid")) {
                if options.trimming.is_some() {
                    return Err(TWO_STRATEGIES);
                }
                let trimming = Trimming::parse(args, at)?;
                at = trimming.threshold_at;
                options.trimming = Some(trimming);
            } else if has_more && args.is(at, "limit") {
                options.limit_at = Some(at);
                limit = Some(u64::try_from(args.integer(at + 1)?).map_err(|_| NEGATIVE_LIMIT)?);
                at += 1;
            } else if is_add && args.is(at, "nomkstream") {
                options.no_create = true;
            } else if is_add {
                options.id = Some(NewId::parse(args[at]).ok_or(INVALID_ID)?);
                break;
            } else {
                return Err(SYNTAX);
            }
            at += 1;
        }
        options.id_at = at;
        match &mut options.trimming {
            None if limit.is_some_and(|limit| limit > 0) => return Err(LIMIT_WITHOUT_STRATEGY),
            None if !is_add => return Err(NO_STRATEGY),
            Some(trimming) if trimming.is_approximate => {
                trimming.limit = limit.unwrap_or_else(|| default_limit(node_max_entries));
            }
            _ if limit.is_some() => return Err(LIMIT_WITHOUT_TILDE),
            _ => {}
        }
        Ok(options)
    }

    /// The command's words with the ID it got and the trim it did: `=` for `~`, without LIMIT.
    fn rewrite<'a>(&self, args: &Args<'a>, log: &Log, id: Option<StreamId>) -> Vec<Cow<'a, [u8]>> {
        let mut words: Vec<Cow<'a, [u8]>> = args.iter().map(|word| Cow::Borrowed(*word)).collect();
        let mut put = |at: usize, word: &[u8]| words[at] = Cow::Owned(word.to_vec());
        if let Some(id) = id {
            put(self.id_at, IdText::new(id).as_bytes());
        }
        if let Some(trimming) = self.trimming.as_ref().filter(|trimming| trimming.is_approximate) {
            put(trimming.threshold_at - 1, b"=");
            match trimming.to {
                Trim::MaxLen(_) => put(trimming.threshold_at, log.len().to_string().as_bytes()),
                Trim::MinId(_) => put(trimming.threshold_at, IdText::new(log.first_slot()).as_bytes()),
            }
            if let Some(at) = self.limit_at {
                words.drain(at..at + 2);
            }
        }
        words
    }
}

impl Trimming {
    /// `MAXLEN|MINID [=|~] threshold`, the first word at `at` and at least one behind it.
    fn parse(args: &Args<'_>, at: usize) -> Result<Trimming, Error> {
        let has_sign = at + 2 < args.len() && matches!(args[at + 1], b"~" | b"=");
        let threshold_at = at + 1 + usize::from(has_sign);
        let to = if args.is(at, "maxlen") {
            Trim::MaxLen(u64::try_from(args.integer(threshold_at)?).map_err(|_| NEGATIVE_MAXLEN)?)
        } else {
            Trim::MinId(parse_id(args[threshold_at])?)
        };
        Ok(Trimming { to, is_approximate: has_sign && args[at + 1] == b"~", limit: 0, threshold_at })
    }

    fn apply(&self, log: &mut Log) -> u64 {
        log.trim(self.to, self.is_approximate, self.limit)
    }
}

fn default_limit(node_max_entries: usize) -> u64 {
    match (node_max_entries as u64).saturating_mul(LIMIT_NODES) {
        0 => LIMIT_DEFAULT,
        limit => limit.min(LIMIT_MAX),
    }
}

fn add_error(error: AddError) -> Error {
    match error {
        AddError::Exhausted => EXHAUSTED,
        AddError::TooSmall => ID_TOO_SMALL,
        AddError::TooLarge => TOO_LARGE,
    }
}

fn replace(ctx: &mut Ctx<'_>, words: &[Cow<'_, [u8]>]) {
    let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
    ctx.replace(&words);
}

/// An XADD that was understood.
struct Addition<'a> {
    options: Options,
    wanted: NewId,
    /// Field, value, field, value...
    pairs: &'a [&'a [u8]],
    now_ms: u64,
}

/// What came of it.
struct Added<'a> {
    id: StreamId,
    trimmed: u64,
    /// The words to repeat it elsewhere, where they are not its own.
    words: Option<Vec<Cow<'a, [u8]>>>,
}

impl<'a> Addition<'a> {
    fn parse(args: &'a Args<'_>, limits: &Limits, now_ms: u64) -> Result<Addition<'a>, Error> {
        let options = Options::parse(args, limits.stream_node_max_entries, true)?;
        let pairs = args.get(options.id_at + 1..).unwrap_or_default();
        let is_whole = pairs.len() >= 2 && pairs.len() % 2 == 0;
        let wanted = options.id.filter(|_| is_whole).ok_or_else(|| wrong_arity("xadd"))?;
        if wanted == NewId::Exact(StreamId::MIN) {
            return Err(ZERO_ID);
        }
        Ok(Addition { options, wanted, pairs, now_ms })
    }

    fn apply(
        &self,
        log: &mut Log,
        limits: &Limits,
        args: &Args<'a>,
        is_recording: bool,
    ) -> Result<Added<'a>, Error> {
        let id = log.new_id(self.wanted, self.now_ms).map_err(add_error)?;
        log.add(id, self.pairs, limits).map_err(add_error)?;
        let trimming = self.options.trimming.as_ref();
        let trimmed = trimming.map_or(0, |trimming| trimming.apply(log));
        let is_repeatable =
            matches!(self.wanted, NewId::Exact(_)) && !trimming.is_some_and(|trim| trim.is_approximate);
        let words = (is_recording && !is_repeatable).then(|| self.options.rewrite(args, log, Some(id)));
        Ok(Added { id, trimmed, words })
    }
}

/// XADD key [NOMKSTREAM] [MAXLEN|MINID [=|~] threshold [LIMIT count]] id field value [field value ...]
pub(crate) fn xadd(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let (settings, is_recording) = (ctx.settings, ctx.db.effects.recording);
    let addition = Addition::parse(args, &settings.limits, ctx.now_ms())?;
    let key = args[1];
    let apply = |log: &mut Log| addition.apply(log, &settings.limits, args, is_recording);
    let added = match ctx.db.write::<Stream>(key)? {
        Some(stream) => apply(&mut stream.log)?,
        None if addition.options.no_create => {
            ctx.reply.null();
            return Ok(());
        }
        None => {
            let mut stream = Stream::new();
            let added = apply(&mut stream.log)?;
            ctx.db.set(key, Value::Stream(stream), Expire::Clear);
            added
        }
    };
    reply_id(ctx.reply, added.id);
    ctx.wrote(key, Class::Stream, "xadd");
    if added.trimmed > 0 {
        ctx.notify(key, Class::Stream, "xtrim");
    }
    if let Some(words) = added.words {
        replace(ctx, &words);
    }
    Ok(())
}

/// XTRIM key MAXLEN|MINID [=|~] threshold [LIMIT count]
pub(crate) fn xtrim(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let options = Options::parse(args, ctx.settings.limits.stream_node_max_entries, false)?;
    let key = args[1];
    let is_recording = ctx.db.effects.recording;
    let Some(stream) = ctx.db.write::<Stream>(key)? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let trimmed = options.trimming.as_ref().map_or(0, |trimming| trimming.apply(&mut stream.log));
    let is_approximate = options.trimming.as_ref().is_some_and(|trimming| trimming.is_approximate);
    let words =
        (is_recording && trimmed > 0 && is_approximate).then(|| options.rewrite(args, &stream.log, None));
    if trimmed > 0 {
        ctx.wrote(key, Class::Stream, "xtrim");
    }
    if let Some(words) = words {
        replace(ctx, &words);
    }
    ctx.reply.integer(trimmed as i64);
    Ok(())
}

/// XDEL key id [id ...]
pub(crate) fn xdel(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let key = args[1];
    let Some(stream) = ctx.db.write::<Stream>(key)? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let deleted = stream.log.delete(&parse_ids(args, 2)?);
    if deleted > 0 {
        ctx.wrote(key, Class::Stream, "xdel");
    }
    ctx.reply.integer(deleted as i64);
    Ok(())
}

/// XSETID key last-id [ENTRIESADDED count] [MAXDELETEDID id]
pub(crate) fn xsetid(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    const NEGATIVE_ADDED: Error = Error::new("ERR entries_added must be positive");
    const BELOW_GIVEN: Error =
        Error::new("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
    const BELOW_DELETED: Error =
        Error::new("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id");
    const BELOW_TOP: Error =
        Error::new("ERR The ID specified in XSETID is smaller than the target stream top item");
    const ADDED_BELOW_LENGTH: Error =
        Error::new("ERR The entries_added specified in XSETID is smaller than the target stream length");

    let (key, last_id) = (args[1], parse_id(args[2])?);
    let (mut added, mut max_deleted) = (None, StreamId::MIN);
    let mut at = 3;
    while at < args.len() {
        if at + 1 < args.len() && args.is(at, "entriesadded") {
            added = Some(u64::try_from(args.integer(at + 1)?).map_err(|_| NEGATIVE_ADDED)?);
        } else if at + 1 < args.len() && args.is(at, "maxdeletedid") {
            max_deleted = parse_id(args[at + 1])?;
            if last_id < max_deleted {
                return Err(BELOW_GIVEN);
            }
        } else {
            return Err(SYNTAX);
        }
        at += 2;
    }
    let stream = ctx.db.write::<Stream>(key)?.ok_or(NO_SUCH_KEY)?;
    let max_deleted = Some(max_deleted).filter(|id| *id != StreamId::MIN);
    stream.log.set_id(last_id, added, max_deleted).map_err(|error| match error {
        SetIdError::BelowDeleted => BELOW_DELETED,
        SetIdError::BelowTop => BELOW_TOP,
        SetIdError::AddedBelowLength => ADDED_BELOW_LENGTH,
    })?;
    ctx.db.effects.dirty += 1;
    ctx.notify(key, Class::Stream, "xsetid");
    ctx.reply.ok();
    Ok(())
}
