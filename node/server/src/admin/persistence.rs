//! SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE.

use commands::{Outcome, error};

use super::Call;
use crate::persist::IN_PROGRESS;

/// SAVE
pub fn save(call: &mut Call<'_>) -> Outcome {
    call.core.save_now()?;
    call.client.reply.ok();
    Ok(())
}

/// BGSAVE [SCHEDULE | CANCEL]. Nothing but another save can be in its way, so SCHEDULE changes nothing; but between
/// MULTI and EXEC the keys are not in a state to be kept.
pub fn bgsave(call: &mut Call<'_>) -> Outcome {
    let (core, reply) = (&mut *call.core, &mut call.client.reply);
    match call.args.len() {
        1 => {}
        2 if call.args.is(1, "schedule") => {}
        2 if call.args.is(1, "cancel") => {
            reply.simple(core.cancel_save()?);
            return Ok(());
        }
        _ => return Err(error::SYNTAX),
    }
    if core.in_unit() {
        if core.saves.running().is_some() {
            return Err(IN_PROGRESS);
        }
        core.saves.scheduled = true;
        reply.simple("Background saving scheduled");
    } else {
        core.begin_wanted_save()?;
        reply.simple("Background saving started");
    }
    Ok(())
}

/// BGREWRITEAOF
pub fn bgrewriteaof(call: &mut Call<'_>) -> Outcome {
    call.client.reply.simple(call.core.ask_rewrite()?);
    Ok(())
}

/// LASTSAVE: unix seconds.
pub fn lastsave(call: &mut Call<'_>) -> Outcome {
    call.client.reply.integer(call.core.saves.last_s as i64);
    Ok(())
}
