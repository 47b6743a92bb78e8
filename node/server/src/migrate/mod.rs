//! MIGRATE: keys sent to another server, and deleted here once they are there.
//!
//! Page: <https://redis.io/docs/latest/commands/migrate/>. Redis stands still until the other server has answered.
//! Here a task does the sending (`transfer`), on a connection kept for the next time (`sockets`); the client waits, and
//! all others are served. What that asks for:
//!
//! - A value that is being sent must not change: commands that would write a key under way are held back until the
//!   answer is in (`leaving`), and then run where the key is, or are redirected. Reads are answered here meanwhile: the
//!   key is not served elsewhere before it is gone from here.
//! - A large value is encoded in slices, and lies in chunks until it is sent.
//! - Nothing waits inside a transaction or a script: there MIGRATE is refused.

mod leaving;
mod sockets;
mod transfer;
mod walk;
mod words;

use bytes::Bytes;
use commands::table::Found;
use commands::{Args, Class, Error, discard};
use resp::Reply;

use crate::core::{Core, Runner};
pub use leaving::{Leaving, MAY_WRITE};
use transfer::Outcome;
pub use transfer::{dump_held, parts};
pub use words::Words;

/// What MIGRATE keeps on a core.
#[derive(Default)]
pub struct Migrate {
    /// Keys under way.
    pub leaving: Leaving,
    /// The step that a tool may be about to take.
    step: Option<walk::Step>,
    sockets: sockets::Sockets,
}

/// One MIGRATE under way.
struct Job {
    words: Words,
    /// How many of the keys the client named; the others go along with them.
    named: usize,
    runner: Runner,
    proto: resp::Proto,
}

impl Core {
    /// Begins to send the keys of `words`, which are here, and with them those `ahead`; `runner` is answered when it is done.
    pub fn begin_migrate(&mut self, mut words: Words, ahead: Vec<Bytes>, runner: Runner, proto: resp::Proto) {
        let named = words.keys.len();
        words.keys.extend(ahead);
        self.migrate.leaving.add(words.slot, &words.keys);
        let job = Job { words, named, runner, proto };
        self.spawn(move |core| transfer::run(core, job));
    }

    /// Deletes what has arrived, answers the client and lets those go on that were held back.
    fn end_migrate(&mut self, job: &Job, outcome: Outcome) {
        let Words { slot, keys, copy, .. } = &job.words;
        self.migrate.leaving.remove(*slot, keys);
        // As a replica it leaves deleting to its master.
        if !copy && self.cluster.myself().is_master() {
            self.delete_migrated(job, &outcome.arrived);
        }
        let mut reply = Reply::new(job.proto);
        match outcome.error {
            Some(error) => {
                self.stats.error(error.code());
                reply.error(error.as_str());
            }
            None => reply.ok(),
        }
        self.answer_waiting(job.runner, &reply, true);
        self.release();
        self.serve_waiting();
        self.wake_self();
    }

    fn delete_migrated(&mut self, job: &Job, keys: &[Bytes]) {
        self.effects.reset();
        let mut words = vec![&b"DEL"[..]];
        for key in keys {
            let Some(entry) = self.keys.remove(job.words.slot, key) else { continue };
            self.snapshots.removed(job.words.slot, entry.view());
            discard(&mut self.garbage, entry);
            self.effects.wrote(key, Class::Generic, "del");
            words.push(key);
        }
        self.dirty += self.effects.dirty;
        self.tell_touched(Some(job.runner.session));
        if words.len() > 1 {
            self.propagate(&words);
        }
    }

    /// Looks anew at all that was held back: what may run now runs.
    pub fn release(&mut self) {
        self.resume_paused();
        let held = self.migrate.leaving.take_held();
        self.run_frames(&held.frames);
        held.sessions.into_iter().for_each(|session| self.run_again(session));
    }

    /// Whether a command on keys of `slot` has to wait until keys are gone.
    #[inline]
    pub fn leaving_holds(&self, slot: base::Slot, found: Found, args: &Args<'_>) -> bool {
        let leaving = &self.migrate.leaving;
        leaving.holds_slot(slot) && leaving.holds(slot, found, self.flags_of(found, args), args)
    }

    /// Closes connections to other servers that were not used for some time.
    pub fn close_idle_targets(&mut self) {
        self.migrate.sockets.close_idle(self.now_ms);
    }
}

/// What a client hears when the other server cannot be reached or falls silent.
fn io_error(what: &str) -> Error {
    Error::text(format!("IOERR error or timeout {what}"))
}
