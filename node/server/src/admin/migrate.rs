//! MIGRATE; see `migrate`.

use commands::{Error, Outcome};

use super::Call;
use crate::core::access::Access;
use crate::migrate::Words;

const MOVING: Error = Error::new("ERR The slot is being migrated as a whole");
const IN_UNIT: Error =
    Error::new("ERR MIGRATE waits for another server, which a transaction or a script cannot do");

/// MIGRATE host port key|"" db timeout [COPY] [REPLACE] [AUTH password | AUTH2 user password] [KEYS key ...]
pub fn migrate(call: &mut Call<'_>) -> Outcome {
    let mut words = Words::read(call.args)?;
    let session = call.core.session(call.client);
    // Nobody moves by the way what they may not move by name.
    let may_all = call.client.access == Access::Everything;
    let ahead = if may_all { call.core.keys_ahead(session, &words) } else { Vec::new() };
    let (slot, now_ms, core) = (words.slot, call.core.now_ms, &*call.core);
    words.keys.retain(|key| core.keys.get(slot, key).is_some_and(|entry| !entry.is_over(now_ms)));
    if words.keys.is_empty() {
        call.client.reply.simple("NOKEY");
        return Ok(());
    }
    if call.core.exports.holds_slot(slot) {
        return Err(MOVING);
    }
    if !call.may_block || call.core.in_unit() {
        return Err(IN_UNIT);
    }
    let (runner, proto) = (call.core.runner(call.client), call.client.proto());
    call.core.begin_migrate(words, ahead, runner, proto);
    call.client.blocked = true;
    Ok(())
}
