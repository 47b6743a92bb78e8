//! From EVAL, EVALSHA or FCALL to a script that begins: finding it, its keys, and the checks of its flags.
//!
//! Order of checks and texts: the scripting manual, "Script flags", and what Redis answers.

use std::rc::Rc;

use base::key_slot;
use commands::table::{self, Flags as CommandFlags, Found, Host, Run};
use commands::{Args, Error, Outcome};
use resp::Reply;
use scripting::{Flags, Function, Script, Step};

use super::{Caller, Origin, Running};
use crate::clock::{self, Moment};
use crate::core::Core;

const NO_SCRIPT: Error = Error::new("NOSCRIPT No matching script. Please use EVAL.");
const NO_FUNCTION: Error = Error::new("ERR Function not found");
const BAD_KEYS: Error = Error::new("ERR Bad number of keys provided");
const TOO_MANY_KEYS: Error = Error::new("ERR Number of keys can't be greater than number of args");
const NEGATIVE_KEYS: Error = Error::new("ERR Number of keys can't be negative");
const NOT_IN_CLUSTER: Error = Error::new("ERR Can not run script on cluster, 'no-cluster' flag is set.");
const WRITES_IN_READ: Error = Error::new("ERR Can not execute a script with write flag using *_ro command.");
const NO_MEMORY: Error =
    Error::new("OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'");

/// A script or a function.
enum Code {
    Script(Rc<Script>),
    Function(Rc<Function>),
}

impl Code {
    fn flags(&self) -> Option<Flags> {
        match self {
            Code::Script(script) => script.flags,
            Code::Function(function) => Some(function.flags),
        }
    }

    fn name(&self) -> &str {
        match self {
            Code::Script(script) => &script.sha,
            Code::Function(function) => &function.name,
        }
    }
}

impl Core {
    /// The flags of a command that runs a script: what the script says about itself takes the place of what the row
    /// must assume.
    pub fn script_flags(&self, found: Found, args: &Args<'_>) -> CommandFlags {
        let row = found.command.flags;
        let engine = &self.scripting.engine;
        let declared = match found.command.run {
            Run::Host(Host::Eval | Host::EvalRo) => Flags::declared_by(args[1]),
            Run::Host(Host::Evalsha | Host::EvalshaRo) => engine.script_of_sha(args[1]).and_then(|s| s.flags),
            _ => engine.find_function(args[1]).map(|function| function.flags),
        };
        let Some(declared) = declared else { return row };
        let mut flags = row & !(table::STALE | table::DENYOOM | table::WRITE | table::MAY_REPLICATE);
        if !declared.has(Flags::NO_WRITES) {
            flags |= table::WRITE;
            if !declared.has(Flags::ALLOW_OOM) {
                flags |= table::DENYOOM;
            }
        }
        if declared.has(Flags::ALLOW_STALE) {
            flags |= table::STALE;
        }
        flags
    }

    /// Runs EVAL, EVALSHA, FCALL or one of their read-only forms for `caller`. Afterwards the script is done and
    /// its reply written, or it stands and nothing is written yet.
    pub fn run_script(
        &mut self,
        caller: Caller,
        found: Found,
        args: &Args<'_>,
        reply: &mut Reply,
    ) -> Outcome {
        let (origin, is_read_only) = match found.command.run {
            Run::Host(Host::Fcall) => (Origin::Function, false),
            Run::Host(Host::FcallRo) => (Origin::Function, true),
            Run::Host(Host::EvalRo | Host::EvalshaRo) => (Origin::Script, true),
            _ => (Origin::Script, false),
        };
        if self.scripting.engine.is_running() {
            return Err(super::nested::DENIED);
        }
        let (code, keys) = match origin {
            Origin::Script => {
                // A number that is none is told before a script that is unknown; of functions it is the other way.
                let keys = count_keys(args, commands::error::NOT_INTEGER)?;
                (Code::Script(self.find_script(found, args)?), keys)
            }
            Origin::Function => {
                let function = self.scripting.engine.find_function(args[1]).ok_or(NO_FUNCTION)?;
                (Code::Function(function), count_keys(args, BAD_KEYS)?)
            }
        };
        self.check_flags(code.flags(), is_read_only)?;
        let running = Running::new(&code, origin, is_read_only, caller, args, keys);
        let (keys, rest) = args[3..].split_at(keys);
        self.begin_unit();
        // Time does not pass for a script, not even that which this round began with.
        self.now_ms = running.started_us / 1000;
        self.scripting.frozen_us = Some(running.started_us);
        self.scripting.running = Some(running);
        let step = self.begin_script(&code, keys, rest, reply);
        self.drive_script(step, found, args, reply);
        Ok(())
    }

    fn begin_script(&mut self, code: &Code, keys: &[&[u8]], args: &[&[u8]], reply: &Reply) -> Step {
        let engine = &mut self.scripting.engine;
        match code {
            Code::Script(script) => engine.start_script(script, keys, args, reply.proto),
            Code::Function(function) => engine.start_function(function, keys, args, reply.proto),
        }
    }

    fn find_script(&mut self, found: Found, args: &Args<'_>) -> Result<Rc<Script>, Error> {
        let engine = &mut self.scripting.engine;
        if matches!(found.command.run, Run::Host(Host::Evalsha | Host::EvalshaRo)) {
            return engine.script_of_sha(args[1]).ok_or(NO_SCRIPT);
        }
        engine.load_script(args[1], false).map_err(|text| Error::text(format!("ERR {text}")))
    }

    /// Whether a script with these flags may run now; without flags each of its commands will be asked.
    fn check_flags(&self, flags: Option<Flags>, is_read_only: bool) -> Outcome {
        let Some(flags) = flags else { return Ok(()) };
        if flags.has(Flags::NO_CLUSTER) {
            return Err(NOT_IN_CLUSTER);
        }
        if !flags.has(Flags::NO_WRITES) && is_read_only {
            return Err(WRITES_IN_READ);
        }
        let allows_oom = flags.has(Flags::ALLOW_OOM) || flags.has(Flags::NO_WRITES);
        if self.out_of_memory && !allows_oom {
            return Err(NO_MEMORY);
        }
        Ok(())
    }
}

impl Running {
    fn new(
        code: &Code,
        origin: Origin,
        is_read_only: bool,
        caller: Caller,
        args: &Args<'_>,
        keys: usize,
    ) -> Running {
        let has = |flag| code.flags().is_some_and(|flags| flags.has(flag));
        Running {
            origin,
            name: code.name().to_owned(),
            caller,
            is_read_only: is_read_only || has(Flags::NO_WRITES),
            allows_oom: has(Flags::ALLOW_OOM),
            allows_cross_slot: code.flags().is_none() || has(Flags::ALLOW_CROSS_SLOT),
            slot: (keys > 0).then(|| key_slot(args[3])),
            is_dirty: false,
            is_killed: false,
            started: Moment::now(),
            started_us: clock::unix_us(),
        }
    }
}

/// The number of keys that `args` announce; `malformed` when it is none.
fn count_keys(args: &Args<'_>, malformed: Error) -> Result<usize, Error> {
    let count = resp::parse_integer(args[2]).ok_or(malformed)?;
    if count > (args.len() - 3) as i64 {
        return Err(TOO_MANY_KEYS);
    }
    usize::try_from(count).map_err(|_| NEGATIVE_KEYS)
}
