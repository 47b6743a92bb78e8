//! LMOVE and its kin: from an end of one list to an end of another, which may be the same.

use store::Type;
use store::types::List;
use store::types::list::Side;

use super::{blocking, popped, push_event, side};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::effects::{Class, Outcome, Unblocked};
use crate::error::{Error, WRONG_TYPE};

/// `LMOVE source destination LEFT|RIGHT LEFT|RIGHT`.
pub(crate) fn lmove(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let route = Route { source: args[1], destination: args[2], from: side(args, 3)?, to: side(args, 4)? };
    if !route.run(ctx)? {
        ctx.reply.null();
    }
    Ok(())
}

/// `RPOPLPUSH source destination`.
pub(crate) fn rpoplpush(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let route = Route { source: args[1], destination: args[2], from: Side::Back, to: Side::Front };
    if !route.run(ctx)? {
        ctx.reply.null();
    }
    Ok(())
}

/// `BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout`.
pub(crate) fn blmove(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let route = Route { source: args[1], destination: args[2], from: side(args, 3)?, to: side(args, 4)? };
    let timeout_ms = blocking::timeout_ms(args, 5)?;
    if route.run(ctx)? {
        ctx.replace(&[b"LMOVE", args[1], args[2], args[3], args[4]]);
    } else {
        ctx.block(&[args[1]], timeout_ms, Unblocked::Null);
    }
    Ok(())
}

/// `BRPOPLPUSH source destination timeout`.
pub(crate) fn brpoplpush(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    let route = Route { source: args[1], destination: args[2], from: Side::Back, to: Side::Front };
    let timeout_ms = blocking::timeout_ms(args, 3)?;
    if route.run(ctx)? {
        ctx.replace(&[b"RPOPLPUSH", args[1], args[2]]);
    } else {
        ctx.block(&[args[1]], timeout_ms, Unblocked::Null);
    }
    Ok(())
}

struct Route<'a> {
    source: &'a [u8],
    destination: &'a [u8],
    from: Side,
    to: Side,
}

impl Route<'_> {
    /// Moves an element and replies with it; false, and no reply, if there is none.
    fn run(&self, ctx: &mut Ctx<'_>) -> Result<bool, Error> {
        if ctx.db.write::<List>(self.source)?.is_none() {
            return Ok(false);
        }
        if ctx.db.kind(self.destination).is_some_and(|kind| kind != Type::List) {
            return Err(WRONG_TYPE);
        }
        let limits = &ctx.settings.limits;
        let Some(source) = ctx.db.write::<List>(self.source)? else { return Ok(false) };
        let is_rotation = self.source == self.destination;
        let moved = match is_rotation {
            true => source.rotate(self.from, self.to, limits),
            false => source.pop(self.from, limits, |item| item.to_vec()),
        };
        let Some(value) = moved else { return Ok(false) };
        let emptied = source.is_empty();
        if !is_rotation {
            ctx.db.write_or_create::<List>(self.destination)?.push(self.to, &value, limits);
        }
        ctx.reply.bulk(&value);
        // Two keys, but Redis counts a move as one change.
        let dirty = ctx.db.effects.dirty;
        ctx.wrote(self.destination, Class::List, push_event(self.to));
        popped(ctx, self.source, self.from, emptied);
        ctx.db.effects.dirty = dirty + 1;
        Ok(true)
    }
}
