//! Commands on keys whatever their values: deleting, renaming, expiry, listing.

mod copy;
mod expire;
pub(crate) mod object;
mod restore;
mod scan;

use store::EntryRef;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Class, Outcome};
use crate::error::{Error, NO_SUCH_KEY};

pub(crate) use copy::copy;
pub(crate) use expire::{
    Conditions, expire, expireat, expiretime, persist, pexpire, pexpireat, pexpiretime, pttl, ttl,
};
pub use restore::decode;
pub(crate) use restore::{dump, restore};
pub(crate) use scan::{keys, scan};

/// Keys whose time is over that RANDOMKEY comes upon before it gives up.
const RANDOM_TRIES: usize = 10_000;

const NO_MOVE: Error = Error::new("ERR MOVE is not allowed in cluster mode");

/// `DEL key [key ...]`: how many were there. A large collection is freed in slices, as with UNLINK.
pub(crate) fn del(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let mut count = 0;
    for key in &args[1..] {
        if ctx.db.remove(key) {
            ctx.wrote(key, Class::Generic, "del");
            count += 1;
        }
    }
    ctx.reply.integer(count);
    Ok(())
}

/// `UNLINK key [key ...]`.
pub(crate) fn unlink(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    del(ctx, args)
}

/// `EXISTS key [key ...]`: how many are there; one named twice counts twice.
pub(crate) fn exists(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let count = args[1..].iter().filter(|key| look(ctx, key, |_| ()).is_some()).count();
    ctx.reply.integer(count as i64);
    Ok(())
}

/// `TOUCH key [key ...]`: how many are there.
pub(crate) fn touch(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let count = args[1..].iter().filter(|key| ctx.db.find(key).is_some()).count();
    ctx.reply.integer(count as i64);
    Ok(())
}

/// `TYPE key`.
pub(crate) fn type_of(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let kind = look(ctx, args[1], |entry| entry.value_type());
    ctx.reply.simple(kind.map_or("none", |kind| kind.name()));
    Ok(())
}

/// `RANDOMKEY`: any key of the core, or null.
pub(crate) fn randomkey(ctx: &mut Ctx<'_>, _args: &Args<'_>) -> Outcome {
    // Usually each look at a key whose time is over deletes it; where it only hides the key, all may be such.
    for _ in 0..RANDOM_TRIES {
        let picked = ctx.db.keyspace.random_key(&mut || ctx.random.bits());
        let Some((slot, key)) = picked.map(|(slot, entry)| (slot, entry.key().to_vec())) else {
            ctx.reply.null();
            return Ok(());
        };
        ctx.db.slot = slot;
        if ctx.db.exists(&key) {
            ctx.reply.bulk(&key);
            return Ok(());
        }
    }
    ctx.reply.null();
    Ok(())
}

/// `RENAME key newkey`.
pub(crate) fn rename(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    if !ctx.db.exists(args[1]) {
        return Err(NO_SUCH_KEY);
    }
    move_value(ctx, args[1], args[2]);
    ctx.reply.ok();
    Ok(())
}

/// `RENAMENX key newkey`: 1 when renamed, 0 when `newkey` is there.
pub(crate) fn renamenx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    if !ctx.db.exists(args[1]) {
        return Err(NO_SUCH_KEY);
    }
    let free = !ctx.db.exists(args[2]);
    if free {
        move_value(ctx, args[1], args[2]);
    }
    ctx.reply.integer(i64::from(free));
    Ok(())
}

/// Gives the value at `from` the key `to`, replacing what is there; nothing when both are the same.
fn move_value(ctx: &mut Ctx<'_>, from: &[u8], to: &[u8]) {
    if from == to {
        return;
    }
    let Some(entry) = ctx.db.take(from) else { return };
    ctx.db.put(entry.rename(to));
    ctx.notify(to, Class::New, "new");
    ctx.wrote(from, Class::Generic, "rename_from");
    ctx.wrote(to, Class::Generic, "rename_to");
}

/// `MOVE key db`: a cluster has one database.
pub(crate) fn move_key(_ctx: &mut Ctx<'_>, _args: &Args<'_>) -> Outcome {
    Err(NO_MOVE)
}

/// What `see` tells of the key. Counts as a hit or a miss, but not as a use of the key.
fn look<R>(ctx: &mut Ctx<'_>, key: &[u8], see: impl FnOnce(EntryRef<'_>) -> R) -> Option<R> {
    let seen = ctx.db.peek(key).map(see);
    match seen {
        Some(_) => ctx.db.effects.hits += 1,
        None => ctx.db.effects.miss(key),
    }
    seen
}
