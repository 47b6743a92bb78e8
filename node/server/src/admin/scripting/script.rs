//! SCRIPT LOAD, EXISTS, FLUSH, SHOW, KILL, DEBUG.

use commands::{Args, Error, Outcome};
use resp::Reply;

use crate::core::Core;

const NO_SCRIPT: Error = Error::new("NOSCRIPT No matching script. Please use EVAL.");
const FLUSH_OPTIONS: Error = Error::new("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
const DEBUG_OPTIONS: Error = Error::new("ERR Use SCRIPT DEBUG YES/SYNC/NO");
const NO_DEBUGGER: Error = Error::new("ERR there is no Lua debugger in this server");

/// SCRIPT LOAD script: its SHA-1.
pub fn load(core: &mut Core, args: &Args<'_>, reply: &mut Reply) -> Outcome {
    let script = core.scripting.engine.load_script(args[2], true);
    let script = script.map_err(|text| Error::text(format!("ERR {text}")))?;
    reply.bulk(script.sha.as_bytes());
    Ok(())
}

/// SCRIPT EXISTS sha1 [sha1 ...]
pub fn exists(core: &mut Core, args: &Args<'_>, reply: &mut Reply) -> Outcome {
    reply.array(args.len() - 2);
    for sha in &args[2..] {
        reply.integer(i64::from(core.scripting.engine.script_of_sha(sha).is_some()));
    }
    Ok(())
}

/// SCRIPT FLUSH [ASYNC | SYNC]
pub fn flush(core: &mut Core, args: &Args<'_>, reply: &mut Reply) -> Outcome {
    match args.len() {
        2 => {}
        3 if args.is(2, "async") || args.is(2, "sync") => {}
        _ => return Err(FLUSH_OPTIONS),
    }
    core.scripting.engine.flush_scripts();
    reply.ok();
    Ok(())
}

/// SCRIPT SHOW sha1: its text.
pub fn show(core: &mut Core, args: &Args<'_>, reply: &mut Reply) -> Outcome {
    let script = core.scripting.engine.script_of_sha(args[2]).ok_or(NO_SCRIPT)?;
    reply.blob(&script.body);
    Ok(())
}

/// SCRIPT KILL and FUNCTION KILL.
pub fn kill(core: &mut Core, is_function: bool, reply: &mut Reply) -> Outcome {
    core.kill_script(is_function)?;
    reply.ok();
    Ok(())
}

/// SCRIPT DEBUG YES | SYNC | NO
pub fn debug(args: &Args<'_>, reply: &mut Reply) -> Outcome {
    if args.is(2, "yes") || args.is(2, "sync") {
        return Err(NO_DEBUGGER);
    }
    if !args.is(2, "no") {
        return Err(DEBUG_OPTIONS);
    }
    reply.ok();
    Ok(())
}
