//! Storing a sorted set that a command made: ZRANGESTORE, ZUNIONSTORE, GEOSEARCHSTORE and their kin.

use store::types::Zset;

use crate::ctx::Ctx;
use crate::db::Expire;
use crate::effects::Class;

/// Puts `zset` under `key`, whatever was there, or deletes the key if the set is empty; replies with the
/// number of members.
pub(crate) fn store(ctx: &mut Ctx<'_>, key: &[u8], zset: Zset, event: &'static str) {
    let len = zset.len();
    if len > 0 {
        ctx.db.set(key, zset.into(), Expire::Clear);
        ctx.wrote(key, Class::Zset, event);
    } else if ctx.db.remove(key) {
        ctx.wrote(key, Class::Generic, "del");
    }
    ctx.reply.integer(len as i64);
}
