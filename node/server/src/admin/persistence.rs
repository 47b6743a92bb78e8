//! SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE.

use commands::{Args, Outcome, error};
use resp::Reply;

use super::Call;
use crate::core::Core;
use crate::persist::IN_PROGRESS;

/// SAVE
pub fn save(call: &mut Call<'_>) -> Outcome {
    save_here(call.core, &mut call.client.reply)
}

/// BGSAVE [SCHEDULE | CANCEL]
pub fn bgsave(call: &mut Call<'_>) -> Outcome {
    bgsave_here(call.core, call.args, &mut call.client.reply)
}

/// BGREWRITEAOF
pub fn bgrewriteaof(call: &mut Call<'_>) -> Outcome {
    rewrite_here(call.core, &mut call.client.reply)
}

/// LASTSAVE: unix seconds.
pub fn lastsave(call: &mut Call<'_>) -> Outcome {
    call.client.reply.integer(call.core.saves.last_s as i64);
    Ok(())
}

/// SAVE of this core alone.
pub fn save_here(core: &mut Core, reply: &mut Reply) -> Outcome {
    core.save_now()?;
    reply.ok();
    Ok(())
}

/// BGSAVE of this core alone. Nothing but another save can be in its way, so SCHEDULE changes nothing; but between
/// MULTI and EXEC the keys are not in a state to be kept.
pub fn bgsave_here(core: &mut Core, args: &Args<'_>, reply: &mut Reply) -> Outcome {
    match args.len() {
        1 => {}
        2 if args.is(1, "schedule") => {}
        2 if args.is(1, "cancel") => {
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

/// BGREWRITEAOF of this core alone.
pub fn rewrite_here(core: &mut Core, reply: &mut Reply) -> Outcome {
    reply.simple(core.ask_rewrite()?);
    Ok(())
}
