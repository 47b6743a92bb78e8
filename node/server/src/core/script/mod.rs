//! Scripts of a core: what runs, what stands still, and who waits for it.
//!
//! A script is one command to everybody else: nothing of the core changes under it, its time stands still, and what it
//! did goes out as one. It runs in steps (`scripting::Step`), each of which is answered here (`drive`); commands it
//! calls pass the checks in `nested`.
//!
//! One that is over `busy-reply-threshold` is left standing. The core goes on with its rounds: other clients get BUSY,
//! SCRIPT KILL and SHUTDOWN NOSAVE are obeyed, the cluster hears of the core, and each round the script gets a slice of
//! time (`standing`). What comes after the script, the rest of a transaction and the reply, is kept with it.

mod drive;
mod exec;
mod load;
mod nested;
mod prepare;
mod standing;

use base::Slot;
use commands::Error;
use commands::table::{self, Flags};
use scripting::{Engine, Settings, Version};

use crate::admin::REDIS_VERSION;
use crate::client::Client;
use crate::clock::Moment;
use crate::config::Config;
use crate::core::{Core, Runner};
use crate::route::Permits;
use crate::start::random_u64;
pub use exec::Rest;
pub use load::Policy;
use standing::Standing;

/// 7.2.4 as scripts compare it: a byte each.
const REDIS_VERSION_NUMBER: u32 = 0x0007_0204;

const BUSY_SCRIPT: Error =
    Error::new("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.");
const BUSY_FUNCTION: Error =
    Error::new("BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.");

/// Scripting of one core.
pub struct Scripting {
    /// Compiled scripts and functions.
    pub engine: Engine,
    /// The script that runs or stands.
    running: Option<Running>,
    /// What comes after it, when it stands.
    standing: Option<Box<Standing>>,
    /// Runs the commands of scripts that need a client.
    stand_in: Option<Box<Client>>,
    /// DEBUG SET-DISABLE-DENY-SCRIPTS: scripts may call what they otherwise may not.
    pub lifts_denial: bool,
    /// The script's time, unix us: it does not pass.
    frozen_us: Option<u64>,
}

/// Who called a script.
#[derive(Clone, Copy)]
pub struct Caller {
    /// The session that gets the reply, and as whom its commands run.
    pub runner: Runner,
    /// What it may of slots that are not here.
    pub permits: Permits,
}

/// Whether a script was called as EVAL or as FCALL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Script,
    Function,
}

/// The script that runs.
struct Running {
    origin: Origin,
    /// Its SHA-1 or the function's name.
    name: String,
    caller: Caller,
    /// It may write nothing.
    is_read_only: bool,
    /// It may write above `maxmemory`.
    allows_oom: bool,
    /// Its keys may be in several slots.
    allows_cross_slot: bool,
    /// The slot of its keys, once one is known.
    slot: Option<Slot>,
    /// It has called a command that writes.
    is_dirty: bool,
    /// SCRIPT KILL was said.
    is_killed: bool,
    started: Moment,
    /// Its time, unix us.
    started_us: u64,
}

impl Scripting {
    /// No scripts yet.
    pub fn new(config: &Config) -> Scripting {
        let version =
            Version { redis: REDIS_VERSION, redis_number: REDIS_VERSION_NUMBER, server: "ringmaster" };
        let memory_limit = config.limits.lua_memory_limit;
        Scripting {
            engine: Engine::new(Settings { version, memory_limit, seed: random_u64() as u32 }),
            running: None,
            standing: None,
            stand_in: None,
            lifts_denial: false,
            frozen_us: None,
        }
    }

    /// Whether a script stands still: it is over its time and not done.
    #[inline]
    pub fn is_standing(&self) -> bool {
        self.standing.is_some()
    }

    /// Whether a script runs or stands.
    #[inline]
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// The time of commands, unix us, where it is a script's.
    pub fn time_us(&self) -> Option<u64> {
        self.frozen_us
    }

    /// What other commands are told while a script stands.
    fn busy(&self) -> Error {
        match self.running.as_ref().map(|running| running.origin) {
            Some(Origin::Function) => BUSY_FUNCTION,
            _ => BUSY_SCRIPT,
        }
    }
}

impl Core {
    /// Why a command with these flags is refused while a script stands.
    #[inline]
    pub fn busy_forbids(&self, flags: Flags) -> Option<Error> {
        if self.scripting.is_standing() && flags & table::ALLOW_BUSY == 0 {
            return Some(self.scripting.busy());
        }
        None
    }
}
