//! EVAL, SCRIPT, FCALL and FUNCTION: the commands around scripts. What a script does while it runs is in `core::script`.
//!
//! On the ingress those that change what is known mean every core of the process: a script loaded there can be run
//! wherever its keys are.

pub mod function;
mod script;

use commands::Outcome;
use commands::table::Host;

use super::Call;
use crate::client::describe;
use crate::core::script::Caller;
use crate::route::Permits;

/// EVAL, EVALSHA, FCALL and their read-only forms.
pub fn eval(call: &mut Call<'_>) -> Outcome {
    let permits =
        Permits { asking: call.client.asking, readonly: call.client.readonly, asker: call.client.asker() };
    let caller = Caller { runner: call.core.runner(call.client), permits };
    call.core.tell_monitors_first(call.client, call.found, call.args, call.core.index);
    let outcome = call.core.run_script(caller, call.found, call.args, &mut call.client.reply);
    if call.core.acl_log.is_unsigned() {
        let line = describe(call.client, call.core);
        call.core.acl_log.sign(&line);
    }
    outcome?;
    call.client.blocked |= call.core.scripting.is_standing();
    Ok(())
}

/// SCRIPT and FUNCTION subcommands.
pub fn manage(call: &mut Call<'_>) -> Outcome {
    let (core, args, reply) = (&mut *call.core, call.args, &mut call.client.reply);
    match call.host {
        Host::FunctionDelete => function::delete(core, args, reply),
        Host::FunctionDump => function::dump(core, reply),
        Host::FunctionFlush => function::flush(core, args, reply),
        Host::FunctionKill => script::kill(core, true, reply),
        Host::FunctionList => function::list(core, args, reply),
        Host::FunctionLoad => function::load(core, args, reply),
        Host::FunctionRestore => function::restore(core, args, reply),
        Host::ScriptDebug => script::debug(args, reply),
        Host::ScriptExists => script::exists(core, args, reply),
        Host::ScriptFlush => script::flush(core, args, reply),
        Host::ScriptKill => script::kill(core, false, reply),
        Host::ScriptLoad => script::load(core, args, reply),
        Host::ScriptShow => script::show(core, args, reply),
        _ => Ok(()),
    }
}

/// Whether `host` runs a script.
pub fn runs_script(host: Host) -> bool {
    matches!(host, Host::Eval | Host::EvalRo | Host::Evalsha | Host::EvalshaRo | Host::Fcall | Host::FcallRo)
}
