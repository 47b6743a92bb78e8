//! Commands that scripts call: the checks that they pass, and running them.
//!
//! Source: the scripting manual, and the order in which Redis checks.

use base::Slot;
use commands::table::{self, Found, Host, Run};
use commands::{Args, Error, Outcome};
use scripting::{Call, Spread};

use crate::admin;
use crate::client::{Client, Door, NOWHERE};
use crate::clock::Moment;
use crate::core::access::Access;
use crate::core::{Core, Runner};
use crate::route::{self, Keys, Permits, Route};

pub(super) const DENIED: Error = Error::new("ERR This Redis command is not allowed from script");
pub(super) const NOT_BUSY: Error = Error::new("NOTBUSY No scripts in execution right now.");
pub(super) const UNKILLABLE: Error = Error::new(
    "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script \
     termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
);
const UNKNOWN: Error = Error::new("ERR Unknown command called from script");
const WRONG_ARITY: Error = Error::new("ERR Wrong number of args calling command from script");
const READ_ONLY: Error = Error::new("ERR Write commands are not allowed from read-only scripts.");
const NOT_LOCAL: Error = Error::new("ERR Script attempted to access a non local key in a cluster node");
const OTHER_SLOT: Error = Error::new("ERR Script attempted to access keys that do not hash to the same slot");
const LEAVING: Error = Error::new("TRYAGAIN Script attempted to write a key that is being migrated");
const NOT_SERVED: Error = Error::new("ERR Script attempted to access a slot not served");
const DOWN: Error = Error::new("ERR Script attempted to execute a command while the cluster is down");
const DOWN_READ_ONLY: Error =
    Error::new("ERR Script attempted to execute a write command while the cluster is down and readonly");

impl Core {
    /// Runs a command for the script; its reply, also when it is an error, is in `call`. `Err` when it was not run.
    pub(super) fn run_nested(&mut self, call: &mut Call) -> Outcome {
        let mut reply = std::mem::take(&mut call.reply);
        let outcome = self.run_words(&call.words(), call.spread, &mut reply);
        call.reply = reply;
        outcome
    }

    fn run_words(&mut self, words: &[&[u8]], spread: Spread, reply: &mut resp::Reply) -> Outcome {
        let args = Args::new(words);
        let found = match Found::resolve(&args) {
            Ok(found) => found,
            Err(_)
                if table::find(words[0])
                    .is_some_and(|found| !matches!(found.command.run, Run::Container)) =>
            {
                return self.refuse_nested(table::find(words[0]), WRONG_ARITY);
            }
            Err(_) => return self.refuse_nested(None, UNKNOWN),
        };
        let slot = match self.check_nested(found, &args) {
            Ok(slot) => slot,
            Err(error) => return self.refuse_nested(Some(found), error),
        };
        let Some(running) = &self.scripting.running else { return Err(DENIED) };
        let caller = running.caller;
        let runner = Runner { may_block: false, ..caller.runner };
        let mark = reply.mark();
        let outer = std::mem::replace(&mut self.spread, spread);
        let outcome = match found.command.run {
            Run::Data(_) => self.run_data(reply, found, &args, slot, runner),
            Run::Host(host) => self.run_by_stand_in(reply, host, found, &args, runner),
            Run::Container => return Err(UNKNOWN),
        };
        self.spread = outer;
        self.tell_monitors_of_call(found, &args);
        if let Err(error) = outcome {
            self.fail(reply, mark, &error);
        }
        Ok(())
    }

    fn refuse_nested(&mut self, found: Option<Found>, error: Error) -> Outcome {
        if let Some(found) = found {
            self.stats.command(&found).rejected += 1;
        }
        Err(error)
    }

    /// The slot of the command's keys, if the script may run it.
    fn check_nested(&mut self, found: Found, args: &Args<'_>) -> Result<Option<Slot>, Error> {
        let command = found.command;
        if matches!(command.run, Run::Container) {
            return Err(UNKNOWN);
        }
        if command.has(table::NO_MANDATORY_KEYS)
            || command.has(table::NOSCRIPT) && !self.scripting.lifts_denial
        {
            return Err(DENIED);
        }
        if let Some(caller) = self.scripting.running.as_ref().map(|running| running.caller)
            && let Some(user) = caller.runner.user
        {
            self.permit_in_script(caller.runner.session, user, found, args)?;
        }
        let Some(running) = &self.scripting.running else { return Err(DENIED) };
        if running.is_read_only && command.flags & (table::WRITE | table::MAY_REPLICATE) != 0 {
            return Err(READ_ONLY);
        }
        // What is half done must be finished, whatever has become of the server meanwhile.
        if !running.is_dirty {
            let allows_oom = running.allows_oom;
            let flags = command.flags & !if allows_oom { table::DENYOOM } else { 0 };
            if let Some(error) = self.state_forbids(found, flags) {
                return Err(error);
            }
        }
        if let Some(running) = self.scripting.running.as_mut().filter(|_| command.has(table::WRITE)) {
            running.is_dirty = true;
        }
        self.check_keys(found, args)
    }

    /// As [`Core::check_slot`]; a script that names its keys is held back as a whole while they leave, one that does
    /// not cannot wait.
    fn check_keys(&mut self, found: Found, args: &Args<'_>) -> Result<Option<Slot>, Error> {
        let slot = self.check_slot(found, args)?;
        match slot {
            Some(slot) if self.leaving_holds(slot, found, args) => Err(LEAVING),
            _ => Ok(slot),
        }
    }

    /// The slot of the command's keys, if it is here and the script may access it.
    fn check_slot(&mut self, found: Found, args: &Args<'_>) -> Result<Option<Slot>, Error> {
        let slot = match route::keys_of(found.command, args) {
            Keys::None => return Ok(None),
            Keys::In(slot) => slot,
            Keys::Across => {
                return Err(Error::text(format!(
                    "ERR Command '{}' in script attempted to access keys that don't hash to the same slot",
                    found.full_name()
                )));
            }
        };
        let permits = self.scripting.running.as_ref().map_or(Permits::default(), |r| r.caller.permits);
        match self.route(found, args, slot, permits) {
            Route::Here => {}
            Route::Node(_) | Route::Ask(_) => return Err(NOT_LOCAL),
            Route::Refuse(error) => return Err(route_error(found, &error)),
        }
        let Some(running) = &mut self.scripting.running else { return Err(DENIED) };
        if !running.allows_cross_slot && *running.slot.get_or_insert(slot) != slot {
            return Err(OTHER_SLOT);
        }
        Ok(Some(slot))
    }

    /// Whether the script's user may run the command.
    pub(super) fn script_may_run(&self, found: Found, args: &Args<'_>) -> bool {
        let Some(running) = &self.scripting.running else { return false };
        running.caller.runner.user.is_none_or(|user| self.permits_user(user, found, args))
    }

    /// Runs a command that needs a client: none of the real ones, for it must change nothing of its caller's.
    fn run_by_stand_in(
        &mut self,
        reply: &mut resp::Reply,
        host: Host,
        found: Found,
        args: &Args<'_>,
        runner: Runner,
    ) -> Outcome {
        let start = Moment::now();
        let outcome = self
            .with_stand_in(reply, runner, |core, client| admin::run(core, client, host, found, args, false));
        self.count(found, args, start, outcome.is_err(), false);
        outcome
    }

    /// Runs something for a client that no connection has; what that is answered goes to `reply`.
    pub fn with_stand_in(
        &mut self,
        reply: &mut resp::Reply,
        runner: Runner,
        run: impl FnOnce(&mut Core, &mut Client) -> Outcome,
    ) -> Outcome {
        let mut client = self.take_stand_in(runner)?;
        std::mem::swap(&mut client.reply, reply);
        let outcome = run(self, &mut client);
        std::mem::swap(&mut client.reply, reply);
        client.transaction = None;
        self.give_stand_in(client);
        outcome
    }

    /// A client that no connection has.
    pub(super) fn take_stand_in(&mut self, runner: Runner) -> Result<Box<Client>, Error> {
        let user = runner.user.and_then(|user| self.users.by_id(user)).unwrap_or(self.users.default_user());
        let (user, access) = (user.clone(), runner.user.map_or(Access::Everything, |_| Access::ByRules));
        if let Some(mut client) = self.scripting.stand_in.take() {
            (client.user, client.access) = (user, access);
            return Ok(client);
        }
        let nowhere = std::fs::File::open("/dev/null")
            .map_err(|e| Error::text(format!("ERR no descriptor for a script's client: {e}")))?;
        let mut client =
            Box::new(Client::new(nowhere.into(), Door::Node, "".into(), "".into(), user, self.now_ms));
        (client.authenticated, client.access) = (true, access);
        client.index = NOWHERE;
        Ok(client)
    }

    /// Gives it back.
    pub(super) fn give_stand_in(&mut self, client: Box<Client>) {
        self.scripting.stand_in = Some(client);
    }
}

/// What a script is told where a client would be sent elsewhere or away.
fn route_error(found: Found, error: &Error) -> Error {
    match error.code() {
        "TRYAGAIN" => Error::text(format!(
            "ERR Unable to execute command '{}' in script because undeclared keys were accessed during rehashing of \
             the slot",
            found.full_name()
        )),
        _ if error.as_str().contains("read commands") => DOWN_READ_ONLY,
        _ if error.as_str().contains("not served") => NOT_SERVED,
        _ => DOWN,
    }
}
