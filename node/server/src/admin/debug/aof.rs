//! DEBUG commands about the append-only file.

use std::time::Duration;

use commands::{Error, Outcome};

use crate::admin::Call;
use crate::log::{notice, warning};

const NOT_LOADED: Error = Error::new("ERR Error trying to load the AOF files, check server logs");

/// DEBUG LOADAOF
pub(super) fn load(call: &mut Call<'_>) -> Outcome {
    call.core.reload_log().map_err(|sentence| {
        warning!("{sentence}");
        NOT_LOADED
    })?;
    notice!("Append Only File loaded by DEBUG LOADAOF");
    call.client.reply.ok();
    Ok(())
}

/// DEBUG AOF-FLUSH-SLEEP microseconds
pub(super) fn flush_sleep(call: &mut Call<'_>) -> Outcome {
    let us = call.args.integer(2)?;
    call.core.aof.write_pause = Duration::from_micros(us.max(0).unsigned_abs());
    call.client.reply.ok();
    Ok(())
}
