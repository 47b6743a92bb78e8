//! MONITOR.

use commands::{Error, Outcome};

use super::Call;

const NOT_IN_EXEC: Error = Error::new("ERR MONITOR isn't allowed for DENY BLOCKING client");

/// MONITOR
pub fn monitor(call: &mut Call<'_>) -> Outcome {
    if !call.may_block {
        return Err(NOT_IN_EXEC);
    }
    call.client.reply.ok();
    call.client.monitor = true;
    call.core.monitors.add(call.client);
    call.core.wants_changed();
    Ok(())
}
