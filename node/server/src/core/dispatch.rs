//! From a parsed request to its reply: the checks every command passes, then its handler.
//!
//! Order of checks, as clients may see it: the name and the number of arguments, the password, where the keys
//! live, whether MULTI queues it, whether a pause holds it back. A command refused inside MULTI breaks the
//! transaction.

use std::time::Duration;

use acl::UserId;
use base::Slot;
use commands::table::{self, Flags, Found, Host, Run};
use commands::{Args, Ctx, Db, Error, Outcome};
use resp::Reply;

use crate::admin;
use crate::client::{Answers, Client, Door, Role};
use crate::clock::Moment;
use crate::core::Core;
use crate::core::access::Access;
use crate::core::blocking::{Blocked, SessionId};
use crate::core::commandlog::Why;
use crate::core::listener::listener_forbids;
use crate::core::request::Read;
use crate::core::transaction::Queued;
use crate::route::{self, CROSS_SLOT, Keys, Permits, Presence, Route};

const OUT_OF_MEMORY: Error = Error::new("OOM command not allowed when used memory > 'maxmemory'.");
const SAVING_FAILS: Error = Error::new(
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that \
     may modify the data set are disabled, because this instance is configured to report errors during writes if \
     RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the \
     RDB error.",
);

/// Who runs a data command, and what that means for it.
#[derive(Clone, Copy)]
pub struct Runner {
    /// The session, should it have to wait.
    pub session: SessionId,
    /// Place of the reply, for a sibling's client.
    pub ticket: Option<u32>,
    /// Whether it may wait.
    pub may_block: bool,
    /// Whether keys are not marked as used (CLIENT NO-TOUCH).
    pub no_touch: bool,
    /// Whose permissions hold; none when nothing is to be asked.
    pub user: Option<UserId>,
    /// Whether what it reads is remembered (CLIENT TRACKING).
    pub tracks: bool,
    /// Whether it counts as a call: a part of one adds only its time.
    pub counts: bool,
}

impl Core {
    /// Runs one request of `client`, or queues, forwards, refuses or holds it back.
    pub fn run_request(&mut self, client: &mut Client, args: &Args<'_>, read: Read) {
        self.run_answered(client, args, read);
        if !self.late.is_empty() {
            self.deliver_late(client);
        }
    }

    /// Runs one request; its reply, if it is made now, is written unless CLIENT REPLY says no.
    fn run_answered(&mut self, client: &mut Client, args: &Args<'_>, read: Read) {
        self.late.begin(client);
        self.make_room();
        if !self.late.is_empty() {
            // What had to give way was evicted before the command: so is the word of it.
            self.deliver_late(client);
        }
        let mark = client.reply.mark();
        let before = client.reply.len();
        let had_places = client.pending.is_some();
        let asking = client.asking;
        if let Err(error) = self.check_and_run(client, args, read, asking) {
            self.break_transaction(client);
            client.unsay(mark, had_places);
            let mark = client.reply.mark();
            self.fail(&mut client.reply, mark, &error);
        }
        // ASKING is for one command, or for one transaction.
        if asking && !client.in_multi() {
            client.asking =
                read.is_some_and(|(found, _)| matches!(found.command.run, Run::Host(Host::Asking)));
        }
        if client.tracks_reads {
            self.end_caching(client, read.map(|(found, _)| found));
        }
        if client.is_muted() {
            client.unsay(mark, had_places);
        }
        client.answers = match client.answers {
            Answers::SkipNext => Answers::Skip,
            Answers::Skip => Answers::On,
            answers => answers,
        };
        if self.slot_stats.is_on() && !client.blocked && !client.paused {
            self.slot_stats.settle(client.reply.len().saturating_sub(before));
        }
    }

    fn check_and_run(&mut self, client: &mut Client, args: &Args<'_>, read: Read, asking: bool) -> Outcome {
        let Some((found, keys)) = read else {
            return self.refuse_unresolved(client, args);
        };
        let command = found.command;
        client.last_row = Some(found.id);
        if client.access != Access::Everything || command.flags & (table::PROTECTED | table::NO_MULTI) != 0 {
            self.admit(client, found, args)?;
        }
        if client.import.is_some() && !matches!(command.run, Run::Host(Host::ClusterSyncslots)) {
            self.run_import(client, found, keys, args);
            return Ok(());
        }
        let slot = match keys {
            Keys::None => None,
            Keys::In(slot) => {
                // What is not here is nearly always a sibling's, and needs no closer look.
                if client.door == Door::Ingress
                    && !self.cluster.serves(slot)
                    && !command.has(table::PUBSUB)
                    && let Some(core) = self.cluster.serving_sibling(slot)
                {
                    return self.forward(client, found, args, slot, core, false);
                }
                // A script that may write is its master's to run.
                let readonly = client.readonly && self.flags_of(found, args) & table::WRITE == 0;
                let permits = Permits { asking, readonly, asker: client.asker() };
                match self.route(found, args, slot, permits) {
                    Route::Here if self.transit.holds(slot) && client.pending.is_some() => {
                        client.paused = true;
                        return Ok(());
                    }
                    Route::Here => {}
                    Route::Refuse(error) => return self.refuse(found, error),
                    elsewhere => match self.sibling_of(client, &elsewhere) {
                        // Subscribers live on the core that accepted them.
                        Some(_) if command.has(table::PUBSUB) => {}
                        Some(core) => {
                            let asking = matches!(elsewhere, Route::Ask(_));
                            return self.forward(client, found, args, slot, core, asking);
                        }
                        None => {
                            let error = route::refusal(elsewhere, &self.cluster, slot, permits.asker);
                            return self.refuse(found, error);
                        }
                    },
                }
                self.slot_stats.bill(slot);
                Some(slot)
            }
            Keys::Across if client.door == Door::Ingress && !client.in_multi() => {
                let outcome = self.scatter(client, found, args);
                client.settle(&mut self.spare_pending);
                return outcome;
            }
            Keys::Across => return self.refuse(found, CROSS_SLOT),
        };
        let flags = self.flags_of(found, args);
        if let Some(error) = self.state_forbids(found, flags) {
            return self.refuse_by_state(client, found, error);
        }
        if (client.subscriber || client.monitor || client.role == Role::Replica)
            && let Some(error) = listener_forbids(client, found)
        {
            return self.refuse(found, error);
        }
        if client.in_multi() && !passes_multi(found) {
            return self.queue(client, found, flags, args, slot);
        }
        if self.pause.holds(found, flags, client, self.now_ms) {
            client.paused = true;
            return Ok(());
        }
        if slot.is_some_and(|slot| self.leaving_holds(slot, found, args)) {
            client.paused = true;
            return Ok(());
        }
        if client.door == Door::Ingress && self.spans_process(client, found, args) {
            let outcome = self.gather(client, found, args);
            client.settle(&mut self.spare_pending);
            return outcome;
        }
        self.call(client, found, args, slot)
    }

    /// The traits of a command that runs now: its row's, but for scripts, which may have their own.
    #[inline]
    pub fn flags_of(&self, found: Found, args: &Args<'_>) -> Flags {
        if found.command.has(table::NO_MANDATORY_KEYS) {
            return self.script_flags(found, args);
        }
        found.command.flags
    }

    /// Where a command on keys of `slot` runs.
    #[inline]
    pub fn route(&self, found: Found, args: &Args<'_>, slot: Slot, permits: Permits) -> Route {
        route::route(&self.cluster, found.command, slot, permits, || {
            let mut presence = Presence::default();
            // What names no keys for its malformed count is refused when it runs.
            let _ = found.command.each_key(args, &mut |i| {
                let entry = self.keys.get(slot, args[i]);
                presence.add(args[i], entry.is_some_and(|entry| !entry.is_over(self.now_ms)));
            });
            presence
        })
    }

    /// The sibling that a command of an ingress client has to go to.
    pub fn sibling_of(&self, client: &Client, route: &Route) -> Option<u16> {
        match route {
            Route::Node(node) | Route::Ask(node) if client.door == Door::Ingress => self.sibling(*node),
            _ => None,
        }
    }

    /// Why the server's state does not allow `found`, whose traits now are `flags`.
    pub fn state_forbids(&self, found: Found, flags: Flags) -> Option<Error> {
        if let Some(error) = self.loading_forbids(flags) {
            return Some(error);
        }
        if self.out_of_memory && flags & table::DENYOOM != 0 {
            return Some(OUT_OF_MEMORY);
        }
        if flags & table::WRITE != 0 || matches!(found.command.run, Run::Host(Host::Ping)) {
            if self.saving_fails() {
                return Some(SAVING_FAILS);
            }
            if let Some(error) = self.log_trouble() {
                return Some(error);
            }
        }
        self.role_forbids(flags).or_else(|| self.busy_forbids(flags))
    }

    /// Counts a command that is refused before it runs.
    pub fn refuse(&mut self, found: Found, error: Error) -> Outcome {
        self.stats.command(&found).rejected += 1;
        Err(error)
    }

    /// Refuses a command for the server's state; EXEC then drops its transaction.
    fn refuse_by_state(&mut self, client: &mut Client, found: Found, error: Error) -> Outcome {
        if matches!(found.command.run, Run::Host(Host::Exec)) && client.in_multi() {
            let error = admin::abort_exec(self, client, found, &error);
            return self.refuse(found, error);
        }
        self.refuse(found, error)
    }

    /// Says why a request has no row.
    fn refuse_unresolved(&mut self, client: &mut Client, args: &Args<'_>) -> Outcome {
        client.last_row = None;
        if let Some(found) = table::find(args[0]) {
            self.stats.command(&found).rejected += 1;
        }
        if args[0].eq_ignore_ascii_case(b"post") || args[0].eq_ignore_ascii_case(b"host:") {
            crate::log::warning!(
                "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands \
                 to Redis. This is likely due to an attacker attempting to use Cross Protocol Scripting to \
                 compromise your Redis instance. Connection from {} aborted.",
                client.peer
            );
            client.shut();
            return Ok(());
        }
        Found::resolve(args).map(drop)
    }

    /// Between MULTI and EXEC a command that is refused makes EXEC refuse too.
    fn break_transaction(&self, client: &mut Client) {
        if let Some(transaction) = &mut client.transaction {
            transaction.broken |= transaction.queueing;
        }
    }

    /// Queues a command between MULTI and EXEC.
    pub fn queue(
        &mut self,
        client: &mut Client,
        found: Found,
        flags: Flags,
        args: &Args<'_>,
        slot: Option<Slot>,
    ) -> Outcome {
        if self.out_of_memory {
            return self.refuse(found, OUT_OF_MEMORY);
        }
        let Some(transaction) = &mut client.transaction else { return Ok(()) };
        if slot.is_some_and(|slot| *transaction.slot.get_or_insert(slot) != slot) {
            transaction.across = true;
        }
        transaction.queue.push(Queued::new(found, flags, args));
        client.reply.simple("QUEUED");
        Ok(())
    }

    /// Runs a command that passed all checks, and whatever its effects set off.
    pub fn call(
        &mut self,
        client: &mut Client,
        found: Found,
        args: &Args<'_>,
        slot: Option<Slot>,
    ) -> Outcome {
        let runner = self.runner(client);
        let before = self.stats.commands;
        let noted = self.commandlog.mark();
        self.note_request(found, args);
        if self.commandlog.mark() != noted {
            self.commandlog.sign(noted, &client.peer, &client.name);
        }
        let outcome = self.call_once(client, found, args, slot, runner);
        // With those of a transaction or a script, and without one that begins to wait.
        client.commands += self.stats.commands.saturating_sub(before);
        client.blocked |= !self.waiting.is_empty() && self.waiting.get(runner.session).is_some();
        if self.effects.recording {
            client.write_offset = self.replication.offset();
        }
        self.serve_waiting();
        outcome
    }

    /// Runs one command and counts it; EXEC calls this for each of its own.
    pub fn call_once(
        &mut self,
        client: &mut Client,
        found: Found,
        args: &Args<'_>,
        slot: Option<Slot>,
        runner: Runner,
    ) -> Outcome {
        let noted = self.commandlog.mark();
        self.late.begin(client);
        let outcome = match found.command.run {
            Run::Data(_) => self.run_data(&mut client.reply, found, args, slot, runner),
            Run::Host(host) => {
                // What it runs in turn has times of its own.
                self.laps.cut();
                let (start, before) = (Moment::now(), client.reply.len());
                let stood = self.scripting.is_standing();
                let outcome = admin::run(self, client, host, found, args, runner.may_block);
                if stood || !self.scripting.is_standing() {
                    let bytes_out = client.reply.len().saturating_sub(before);
                    self.count_host(found, args, start, outcome.is_err(), bytes_out);
                }
                outcome
            }
            Run::Container => Err(commands::error::wrong_arity(found.command.name)),
        };
        self.tell_monitors(client, found, args, self.index);
        if self.commandlog.mark() != noted {
            self.commandlog.sign(noted, &client.peer, &client.name);
        }
        outcome
    }

    /// Counts a command that is none on data and has run; a script that is left standing has not.
    pub fn count_host(
        &mut self,
        found: Found,
        args: &Args<'_>,
        start: Moment,
        failed: bool,
        bytes_out: usize,
    ) {
        let failed = failed | std::mem::take(&mut self.failed_quietly);
        self.count(found, args, start, failed, false);
        self.note_hot_keys(found, args, start, bytes_out);
        self.note_reply(found, args, bytes_out);
    }

    /// Runs a data command, counts it, and hands its effects on.
    #[inline]
    pub fn run_data(
        &mut self,
        reply: &mut Reply,
        found: Found,
        args: &Args<'_>,
        slot: Option<Slot>,
        runner: Runner,
    ) -> Outcome {
        let Run::Data(handler) = found.command.run else {
            return Err(commands::error::SYNTAX);
        };
        let reads_every_key = runner.user.is_none_or(|user| self.may_read_every_key(user, found, args));
        let (start, before) = (self.laps.begin(), reply.len());
        if self.snapshots.is_active() {
            self.save_first(found, args, slot);
        }
        self.begin_unit();
        if let Some(slot) = slot.filter(|_| self.slot_stats.is_on() && !found.command.keys.is_empty()) {
            self.slot_stats.bill(slot);
        }
        self.effects.reset();
        let mut ctx = Ctx {
            db: Db::new(
                &mut self.keys,
                slot.unwrap_or(Slot::ZERO),
                self.now_ms,
                &mut self.effects,
                &mut self.garbage,
                &self.settings,
            )
            .no_touch(runner.no_touch),
            reply,
            settings: &self.settings,
            random: &mut self.random,
            may_block: runner.may_block,
            reads_every_key,
            // A sibling's command does not wait: others of the same client may be behind it.
            may_decode_aside: runner.may_block && runner.ticket.is_none(),
            decoded: &mut self.decoded,
        };
        let outcome = handler(&mut ctx, args);
        // A command that waits is counted when its wait ends.
        if outcome.is_err() || self.effects.block.is_none() {
            match runner.counts {
                true => self.count(found, args, start, outcome.is_err(), true),
                false => drop(self.stats.ran_in_vain(&found, start.elapsed_ns())),
            }
            self.note_hot_keys(found, args, start, reply.len() - before);
        }
        self.note_reply(found, args, reply.len() - before);
        self.spread_effects(found, args, slot, runner, reply.proto, start);
        if runner.tracks && found.command.has(table::READONLY) {
            self.remember_read(found, args, runner.session);
        }
        if self.effects.recording {
            self.propagate_effects(found, args);
        }
        self.end_unit();
        outcome
    }

    /// Hands what the last command did to all that listen.
    fn spread_effects(
        &mut self,
        found: Found,
        args: &Args<'_>,
        slot: Option<Slot>,
        runner: Runner,
        proto: resp::Proto,
        start: Moment,
    ) {
        let effects = &mut self.effects;
        self.dirty += effects.dirty;
        self.stats.hits += effects.hits;
        self.stats.misses += effects.misses;
        self.stats.expired_keys += effects.expired.len() as u64;
        self.tell_touched(Some(runner.session));
        let effects = &mut self.effects;
        if effects.flush {
            self.flush_all();
            // The file on the disk must not bring the keys back.
            self.saves.scheduled |=
                found.command.name == "flushall" && !self.config.persistence.save.is_empty();
            return;
        }
        if let (Some(block), Some(slot)) = (effects.block.take(), slot) {
            let spent_ns = start.elapsed_ns();
            // One that waits already and found nothing again keeps its place.
            if let Some(blocked) = self.waiting.get_mut(runner.session) {
                blocked.spent_ns += spent_ns;
            } else {
                let args = (0..args.len()).map(|i| args.to_bytes(i)).collect();
                let mut blocked = Blocked::new(found, args, slot, block, proto, runner);
                (blocked.spent_ns, blocked.bytes) = (spent_ns, self.slot_stats.request_bytes());
                self.waiting.add(runner.session, blocked);
                self.update_listening();
                self.decode_aside(runner.session);
            }
        }
    }

    /// Counts a run in the statistics and the slow log.
    #[inline]
    pub fn count(&mut self, found: Found, args: &Args<'_>, start: Moment, failed: bool, is_data: bool) {
        let elapsed_ns = self.laps.end(start);
        let us = self.stats.ran(&found, elapsed_ns, failed, self.config.insight.latency_tracking);
        // A data command has a unit of its own; what is deeper is part of a transaction's or a script's time.
        if self.slot_stats.is_on() && self.unit.depth() <= u32::from(is_data) {
            self.slot_stats.ran(us);
        }
        let latency_ms = self.config.insight.latency_monitor_threshold;
        if latency_ms > 0 {
            let event = if found.command.has(table::FAST) { "fast-command" } else { "command" };
            self.latency.observe(event, Duration::from_nanos(elapsed_ns), latency_ms, self.now_ms);
        }
        if self.commandlog.takes(Why::Slow, elapsed_ns) {
            self.note_command(Why::Slow, found, args, elapsed_ns / 1000);
        }
    }

    /// Counts an error, and puts it in the place of what a failed command has written to `reply` since `mark`: a
    /// handler may have begun its reply when it found that it cannot go on.
    pub fn fail(&mut self, reply: &mut Reply, mark: (usize, usize), error: &Error) {
        reply.truncate(mark);
        self.stats.error(error.code());
        reply.error(error.as_str());
    }

    /// Writes an error and counts it.
    pub fn reply_error(&mut self, client: &mut Client, error: &Error) {
        self.stats.error(error.code());
        client.reply.error(error.as_str());
    }

    /// The session of a client of this core.
    pub fn session(&self, client: &Client) -> SessionId {
        SessionId { core: self.index, index: client.index, generation: client.generation }
    }
}

/// Commands that run at once, also between MULTI and EXEC.
fn passes_multi(found: Found) -> bool {
    matches!(
        found.command.run,
        Run::Host(Host::Exec | Host::Discard | Host::Multi | Host::Watch | Host::Quit | Host::Reset)
    )
}
