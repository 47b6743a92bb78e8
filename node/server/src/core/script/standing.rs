//! A script that is over its time: what is kept of it, and how it goes on, a slice each round.

use std::time::Duration;

use bytes::Bytes;
use commands::Args;
use commands::table::Found;
use resp::{Proto, Reply};
use scripting::Answer;
use smallvec::SmallVec;

use super::exec::Rest;
use super::{Caller, drive::TimeLimit};
use crate::core::Core;

/// How long a standing script runs in a round.
const SLICE: Duration = Duration::from_millis(1);

/// A script that stands still.
pub(super) struct Standing {
    /// What it goes on with.
    pub answer: Answer,
    /// The command that runs it.
    pub found: Found,
    /// Its words.
    pub args: Vec<Bytes>,
    /// The version of its reply.
    pub proto: Proto,
    /// What comes after it.
    pub then: Then,
}

/// What comes after a script.
pub(super) enum Then {
    /// Its reply is the whole reply.
    Reply,
    /// It is part of a transaction.
    Exec(Rest),
}

impl Core {
    /// Lets the standing script run for a slice of time.
    #[inline]
    pub fn go_on_with_script(&mut self) {
        if let Some(standing) = self.scripting.standing.take() {
            self.run_slice(*standing);
            self.busy |= self.scripting.is_standing();
        }
    }

    fn run_slice(&mut self, standing: Standing) {
        let Standing { answer, found, args, proto, then } = standing;
        let Some(running) = &self.scripting.running else { return };
        let (caller, started) = (running.caller, running.started);
        // Time does not pass for a script.
        let now_ms = std::mem::replace(&mut self.now_ms, running.started_us / 1000);
        self.scripting.frozen_us = Some(running.started_us);
        let step = self.scripting.engine.resume(answer);
        match self.answer_steps(step, TimeLimit::new(SLICE.as_nanos() as u64)) {
            Err(answer) => {
                self.scripting.standing = Some(Box::new(Standing { answer, found, args, proto, then }));
                self.scripting.frozen_us = None;
            }
            Ok(finished) => {
                let mut reply = Reply::new(proto);
                self.end_script(finished, &mut reply);
                let words: SmallVec<[&[u8]; 12]> = args.iter().map(|arg| &arg[..]).collect();
                let failed = std::mem::take(&mut self.failed_quietly);
                let noted = self.commandlog.mark();
                self.count(found, &Args::new(&words), started, failed, false);
                self.note_hot_keys(found, &Args::new(&words), started, reply.len());
                self.sign_for(caller.runner.session, noted);
                match then {
                    Then::Reply => self.deliver_script_reply(caller, &reply),
                    Then::Exec(rest) => self.go_on_with_exec(caller, rest, &reply),
                }
            }
        }
        self.now_ms = now_ms;
        if !self.scripting.is_standing() {
            self.serve_waiting();
        }
    }

    /// Hands a reply to the client that waited for it, here or at a sibling, and lets it go on.
    pub(super) fn deliver_script_reply(&mut self, caller: Caller, reply: &Reply) {
        self.answer_waiting(caller.runner, reply, true);
    }

    /// The words of the command that runs the standing script, its name, and for how many ms it runs.
    pub fn standing_script(&self) -> Option<(&[Bytes], &str, u64)> {
        let (standing, running) = (self.scripting.standing.as_ref()?, self.scripting.running.as_ref()?);
        Some((&standing.args, &running.name, running.started.elapsed_ns() / 1_000_000))
    }

    /// Whether the standing script is EVAL's.
    pub fn is_eval_standing(&self) -> bool {
        self.scripting.is_standing()
            && self.scripting.running.as_ref().is_some_and(|running| running.origin == super::Origin::Script)
    }
}
