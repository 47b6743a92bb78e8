//! DUMP and RESTORE: a value as bytes, to be put under a key elsewhere.

use bytes::Bytes;
use rdb::dump::Refused;
use store::Entry;
use store::types::int::{self, IntText};

use crate::args::Args;
use crate::ctx::{Ctx, Decoded, Settings};
use crate::db::{Expire, Used, discard};
use crate::effects::{Class, Outcome};
use crate::error::{Error, SYNTAX};

const BUSY_KEY: Error = Error::new("BUSYKEY Target key name already exists.");
const BAD_FOOTER: Error = Error::new("ERR DUMP payload version or checksum are wrong");
const BAD_VALUE: Error = Error::new("ERR Bad data format");
const BAD_IDLE: Error = Error::new("ERR Invalid IDLETIME value, must be >= 0");
const BAD_FREQUENCY: Error = Error::new("ERR Invalid FREQ value, must be >= 0 and <= 255");
const BAD_TTL: Error = Error::new("ERR Invalid TTL value, must be >= 0");

/// Payloads from this length on are decoded aside: it takes them about a millisecond.
const ASIDE_MIN: usize = 256 * 1024;

/// `DUMP key`.
pub(crate) fn dump(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let compress = ctx.settings.compress_dumps;
    match ctx.db.find(args[1]) {
        Some(entry) => ctx.reply.blob(&Bytes::from(rdb::dump::dump(entry, compress))),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// What RESTORE's options say.
#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
    used: Option<Used>,
}

impl Options {
    fn parse(args: &Args<'_>) -> Result<Options, Error> {
        let mut options = Options::default();
        let mut at = 4;
        while at < args.len() {
            let has_value = at + 1 < args.len();
            if args.is(at, "replace") {
                options.replace = true;
            } else if args.is(at, "absttl") {
                options.absolute = true;
            } else if args.is(at, "idletime") && has_value && !matches!(options.used, Some(Used::Often(_))) {
                at += 1;
                let seconds = u64::try_from(args.integer(at)?).map_err(|_| BAD_IDLE)?;
                options.used = Some(Used::Ago(seconds));
            } else if args.is(at, "freq") && has_value && !matches!(options.used, Some(Used::Ago(_))) {
                at += 1;
                let frequency = u8::try_from(args.integer(at)?).map_err(|_| BAD_FREQUENCY)?;
                options.used = Some(Used::Often(frequency));
            } else {
                return Err(SYNTAX);
            }
            at += 1;
        }
        Ok(options)
    }
}

/// `RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]`, and `RESTORE-ASKING`.
pub(crate) fn restore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let options = Options::parse(args)?;
    let key = args[1];
    if !options.replace && ctx.db.exists(key) {
        return Err(BUSY_KEY);
    }
    let ttl = u64::try_from(args.integer(2)?).map_err(|_| BAD_TTL)?;
    let value = match ctx.decoded.take() {
        Some(decoded) => decoded?,
        None if ctx.may_decode_aside && args[3].len() >= ASIDE_MIN => {
            ctx.decode_aside();
            return Ok(());
        }
        None => decode(args[3], ctx.settings)?,
    };
    let there = ctx.db.remove(key);
    let at_ms = if options.absolute { ttl } else { ctx.now_ms().saturating_add(ttl) };
    if ttl > 0 && ctx.db.is_over(at_ms) {
        discard(ctx.db.garbage, Entry::new(key, value, None));
        if there {
            ctx.replace_by_removal(key);
            ctx.wrote(key, Class::Generic, "del");
        }
        ctx.reply.ok();
        return Ok(());
    }
    ctx.db.set(key, value, if ttl > 0 { Expire::At(at_ms) } else { Expire::Clear });
    if let Some(used) = options.used {
        ctx.db.set_used(key, used);
    }
    if ttl > 0 && !options.absolute {
        repeat_with_absolute_time(ctx, args, at_ms);
    }
    ctx.wrote(key, Class::Generic, "restore");
    ctx.reply.ok();
    Ok(())
}

/// The value in a payload of RESTORE.
///
/// # Errors
/// RESTORE's.
pub fn decode(payload: &[u8], settings: &Settings) -> Decoded {
    let restore = if settings.skip_checksums { rdb::dump::restore_unchecked } else { rdb::dump::restore };
    restore(payload, &settings.limits).map_err(|refused| match refused {
        Refused::Footer => BAD_FOOTER,
        Refused::Value => BAD_VALUE,
    })
}

/// Whoever repeats the command later must not count the time from then on.
fn repeat_with_absolute_time(ctx: &mut Ctx<'_>, args: &Args<'_>, at_ms: u64) {
    let mut digits = IntText::default();
    let at = int::to_text(at_ms as i64, &mut digits);
    let mut words: Vec<&[u8]> = args.iter().copied().collect();
    words[2] = at;
    words.push(b"ABSTTL");
    ctx.replace(&words);
}
