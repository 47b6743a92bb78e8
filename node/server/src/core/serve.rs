//! Serving sessions that wait, and answering those whose time is over.

use commands::{Args, Error, Unblocked};
use resp::Reply;
use smallvec::SmallVec;
use store::KeyLookup;

use crate::client::Answers;
use crate::clock;
use crate::core::blocking::{Blocked, SessionId};
use crate::core::{Core, Runner};

/// How a wait ended, for the statistics.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// The command ran and was counted; what it ran in vain before is to be added.
    Ran,
    /// Its user may not run it any more.
    Refused,
    /// It did not run: the time was over, or somebody said so, as an error or not.
    GivenUp { failed: bool },
}

impl Core {
    /// Runs the commands of sessions whose keys were written, until no written key is left. Inside a unit (see
    /// `propagate`) this is left to its end.
    pub fn serve_waiting(&mut self) {
        // A script that stands is not done with their keys.
        if self.scripting.is_standing() {
            return;
        }
        if self.in_unit() {
            return;
        }
        while let Some((key, sessions)) = self.waiting.next_ready() {
            // What wrote the key may have taken long: it can be over by now.
            self.now_ms = clock::unix_ms();
            for session in sessions {
                if self.may_be_served(session, &key) {
                    self.run_again(session);
                }
            }
        }
    }

    /// Whether `key` holds now what the session waits for.
    fn may_be_served(&mut self, session: SessionId, key: &[u8]) -> bool {
        let Some(blocked) = self.waiting.get(session) else { return false };
        let kind = match self.keys.lookup(blocked.slot, key) {
            KeyLookup::Found(entry) => Some(entry.value_type()),
            KeyLookup::Vacant(_) => None,
        };
        blocked.takes(kind)
    }

    /// Runs a waiting session's command again; it is answered, or waits on at its old place.
    pub fn run_again(&mut self, session: SessionId) {
        let Some(blocked) = self.waiting.get(session) else { return };
        if self.migrate.leaving.holds_slot(blocked.slot) {
            return self.migrate.leaving.hold_session(session);
        }
        let (found, slot, proto, runner) = (blocked.found, blocked.slot, blocked.proto, blocked.runner);
        let args: Vec<bytes::Bytes> = blocked.args.clone();
        let words: SmallVec<[&[u8]; 12]> = args.iter().map(|arg| &arg[..]).collect();
        let mut reply = Reply::new(proto);
        let mark = reply.mark();
        let interrupted = self.slot_stats.begin(blocked.bytes);
        let noted = self.commandlog.mark();
        let args = Args::new(&words);
        self.begin_woken(session);
        let (outcome, end) = match self.permit_session(session, runner.user, found, &args) {
            Ok(()) => (self.run_data(&mut reply, found, &args, Some(slot), runner), End::Ran),
            Err(error) => (self.refuse(found, error), End::Refused),
        };
        if let Err(error) = outcome {
            self.source_failed(session, &error);
            self.fail(&mut reply, mark, &error);
        }
        self.sign_for(session, noted);
        if !reply.is_empty() {
            self.end_wait(session, &reply, end);
        }
        self.end_woken();
        self.slot_stats.resume(interrupted);
    }

    /// Whether a session waits here for what may never come: what MIGRATE or RESTORE wait for ends by itself.
    pub fn may_unblock(&self, session: SessionId) -> bool {
        self.replication.waits.holds(session)
            || self.waiting.get(session).is_some_and(|blocked| blocked.payload().is_none())
    }

    /// Ends a session's wait, if it waits here: CLIENT UNBLOCK.
    pub fn unblock(&mut self, session: SessionId, with_error: bool) {
        if !self.may_unblock(session) {
            return;
        }
        let error = Error::new("UNBLOCKED client unblocked via CLIENT UNBLOCK");
        let waited_for_replicas = match with_error {
            true => self.refuse_wait(session, error.clone()),
            // It answers as when its time is over.
            false => self.answer_wait(session),
        };
        if !waited_for_replicas {
            self.give_up_waiting(session, with_error.then_some(&error));
        }
    }

    /// Ends a wait without its command having run: the time is over, or somebody said so.
    pub fn give_up_waiting(&mut self, session: SessionId, error: Option<&Error>) {
        if let Some(error) = error {
            self.source_failed(session, error);
        }
        let Some(blocked) = self.waiting.get(session) else { return };
        let mut reply = Reply::new(blocked.proto);
        match (error, blocked.on_timeout) {
            (Some(error), _) => {
                self.stats.error(error.code());
                reply.error(error.as_str());
            }
            (None, Unblocked::NullArray) => reply.null_array(),
            (None, Unblocked::Null) => reply.null(),
        }
        let interrupted = self.slot_stats.begin(blocked.bytes);
        self.slot_stats.bill(blocked.slot);
        self.end_wait(session, &reply, End::GivenUp { failed: error.is_some() });
        self.slot_stats.resume(interrupted);
    }

    /// Hands the reply of a wait to its client, here or at a sibling.
    fn end_wait(&mut self, session: SessionId, reply: &Reply, end: End) {
        let Some(Blocked { found, runner, spent_ns, .. }) = self.waiting.remove(session) else { return };
        let us = match end {
            End::Ran => self.stats.ran_in_vain(&found, spent_ns),
            End::Refused => 0,
            End::GivenUp { failed } => {
                self.stats.ran(&found, spent_ns, failed, self.config.insight.latency_tracking)
            }
        };
        self.slot_stats.ran(us);
        self.slot_stats.settle(reply.len());
        self.update_listening();
        self.answer_waiting(runner, reply, end != End::Refused);
    }

    /// Hands a reply to the session that waits for it, here or at a sibling, and lets it go on; `counts` says that its
    /// command ran.
    pub fn answer_waiting(&mut self, runner: Runner, reply: &Reply, counts: bool) {
        let session = runner.session;
        if let Some(ticket) = runner.ticket {
            return self.answer(session, ticket, reply);
        }
        // The session's own client is never the one whose command runs now: that one does not wait.
        let Some(client) = self.clients.get(session.index).filter(|c| c.generation == session.generation)
        else {
            return;
        };
        client.blocked = false;
        client.commands += u64::from(counts);
        if std::mem::take(&mut client.deaf) && !client.receiving {
            self.arrivals.push(session.index);
        }
        // A source of slots is not answered.
        if client.answers == Answers::On && client.import.is_none() {
            client.reply.append(reply);
        }
        self.mark_outgoing(session.index);
    }

    /// The loop goes on with this client: replies to send, requests to run.
    pub fn mark_outgoing(&mut self, index: u32) {
        if let Some(client) = self.clients.get(index).filter(|client| !client.queued) {
            client.queued = true;
            self.outbox.push(index);
        }
    }

    /// Ends all waits whose time is over.
    pub fn end_timed_out(&mut self) {
        for session in self.waiting.timed_out(self.now_ms) {
            self.give_up_waiting(session, None);
        }
    }
}
