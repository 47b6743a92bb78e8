//! Answering a script's steps until it is done or its time is up.

use commands::table::Found;
use commands::{Args, Error};
use resp::Reply;
use scripting::{Answer, Call, Finished, LogLevel, Step};

use super::standing::{Standing, Then};
use super::{Origin, nested};
use crate::clock::Moment;
use crate::core::Core;
use crate::log::{self, warning};

/// What a script that is ended raises.
const KILLED: &str = "ERR Script killed by user with SCRIPT KILL...";
const NANOSECONDS_A_MILLISECOND: u64 = 1_000_000;

/// When a script is to be left standing.
#[derive(Clone, Copy)]
pub(super) struct TimeLimit {
    from: Moment,
    limit_ns: u64,
}

impl TimeLimit {
    /// `limit_ns` from now on.
    pub fn new(limit_ns: u64) -> TimeLimit {
        TimeLimit { from: Moment::now(), limit_ns }
    }

    /// Whether it has passed.
    pub fn is_over(self) -> bool {
        self.from.elapsed_ns() >= self.limit_ns
    }
}

impl Core {
    /// Runs a script that has begun, as the command `args`, until it is done, and writes its reply; or until
    /// `busy-reply-threshold` is over, and leaves it standing.
    pub(super) fn drive_script(&mut self, step: Step, found: Found, args: &Args<'_>, reply: &mut Reply) {
        let threshold_ms = u64::try_from(self.config.limits.busy_reply_threshold).unwrap_or(0);
        let limit_ns = match threshold_ms {
            0 => u64::MAX,
            ms => ms.saturating_mul(NANOSECONDS_A_MILLISECOND),
        };
        match self.answer_steps(step, TimeLimit::new(limit_ns)) {
            Ok(finished) => self.end_script(finished, reply),
            Err(answer) => {
                self.log_slow_script();
                self.scripting.standing = Some(Box::new(Standing {
                    answer,
                    found,
                    args: (0..args.len()).map(|i| args.to_bytes(i)).collect(),
                    proto: reply.proto,
                    then: Then::Reply,
                }));
                self.scripting.frozen_us = None;
            }
        }
    }

    /// Answers steps until the script is done. When its time is up before: the answer it is to go on with.
    pub(super) fn answer_steps(&mut self, mut step: Step, limit: TimeLimit) -> Result<Finished, Answer> {
        loop {
            let answer = match step {
                Step::Done(finished) => return Ok(finished),
                Step::Call(call) => self.answer_call(call),
                Step::Permission(call) => Answer::Permission(self.answer_permission(&call)),
                Step::Log(level, text) => {
                    log_line(level, &text);
                    Answer::Continue
                }
                Step::Slice if self.scripting.running.as_ref().is_some_and(|running| running.is_killed) => {
                    warning!("Lua script killed by user with SCRIPT KILL.");
                    Answer::Kill(KILLED)
                }
                Step::Slice => Answer::Continue,
            };
            if limit.is_over() {
                return Err(answer);
            }
            step = self.scripting.engine.resume(answer);
        }
    }

    fn answer_call(&mut self, mut call: Box<Call>) -> Answer {
        match self.run_nested(&mut call) {
            Ok(()) => Answer::Replied(call),
            Err(error) => {
                self.stats.error(error.code());
                Answer::Refused(call, error.as_str().to_owned())
            }
        }
    }

    fn answer_permission(&mut self, call: &Call) -> Option<bool> {
        let words = call.words();
        let found = Found::resolve(&Args::new(&words)).ok()?;
        Some(self.script_may_run(found, &Args::new(&words)))
    }

    /// Takes note of a script's end and appends its reply.
    pub(super) fn end_script(&mut self, finished: Finished, reply: &mut Reply) {
        for code in &finished.errors {
            self.stats.script_error(code);
        }
        self.failed_quietly = finished.failed;
        reply.append(&finished.reply);
        self.scripting.engine.recycle(finished);
        self.scripting.running = None;
        self.scripting.frozen_us = None;
        self.end_unit();
    }

    fn log_slow_script(&self) {
        let Some(running) = &self.scripting.running else { return };
        let command = if running.origin == Origin::Script { "SCRIPT KILL" } else { "FUNCTION KILL" };
        warning!(
            "Slow script detected: still in execution after {} milliseconds. You can try killing the script using \
             the {command} command. Script name is: {}.",
            running.started.elapsed_ns() / NANOSECONDS_A_MILLISECOND,
            running.name
        );
    }

    /// SCRIPT KILL and FUNCTION KILL: ends the script that runs, if it was called so and has written nothing.
    pub fn kill_script(&mut self, is_function: bool) -> Result<(), Error> {
        let busy = self.scripting.busy();
        let Some(running) = self.scripting.running.as_mut().filter(|_| self.scripting.standing.is_some())
        else {
            return Err(nested::NOT_BUSY);
        };
        if running.is_dirty {
            return Err(nested::UNKILLABLE);
        }
        if (running.origin == Origin::Function) != is_function {
            return Err(busy);
        }
        running.is_killed = true;
        Ok(())
    }
}

pub(super) fn log_line(level: LogLevel, text: &str) {
    match level {
        LogLevel::Debug => log::debug!("{text}"),
        LogLevel::Verbose => log::verbose!("{text}"),
        LogLevel::Notice => log::notice!("{text}"),
        LogLevel::Warning => log::warning!("{text}"),
    }
}
