//! DEBUG commands about files: loading them again, writing them slowly.

use std::time::Duration;

use commands::{Error, Outcome};

use crate::admin::Call;
use crate::log::{notice, warning};
use crate::persist::Present;

const NOT_LOADED: Error = Error::new("ERR Error trying to load the AOF files, check server logs");
const NOT_RELOADED: Error = Error::new("ERR Error trying to load the RDB dump, check server logs");
const BAD_OPTION: Error = Error::new("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");

/// DEBUG RELOAD [MERGE] [NOFLUSH] [NOSAVE]
pub(super) fn reload(call: &mut Call<'_>) -> Outcome {
    let (mut save, mut flush, mut merge) = (true, true, false);
    for index in 2..call.args.len() {
        match () {
            () if call.args.is(index, "nosave") => save = false,
            () if call.args.is(index, "noflush") => flush = false,
            () if call.args.is(index, "merge") => merge = true,
            () => return Err(BAD_OPTION),
        }
    }
    let present = match (flush, merge) {
        (true, _) => Present::Replaced,
        (false, true) => Present::Merged,
        (false, false) => Present::Kept,
    };
    if save {
        call.core.save_regardless()?;
    }
    call.core.reload_file(present).map_err(|sentence| {
        warning!("{sentence}");
        NOT_RELOADED
    })?;
    warning!("DB reloaded by DEBUG RELOAD");
    call.client.reply.ok();
    Ok(())
}

/// DEBUG LOADAOF
pub(super) fn load_log(call: &mut Call<'_>) -> Outcome {
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
