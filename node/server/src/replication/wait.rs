//! WAIT and WAITAOF: a client waits until enough replicas have processed what it wrote, or until it is on enough disks.
//! SETSLOT waits likewise, to be obeyed here when it was obeyed there.

use commands::Error;
use resp::Reply;

use super::NO_REPLICAS;
use crate::core::Core;
use crate::core::blocking::SessionId;

/// What happens when a wait is over.
pub enum Then {
    /// The client hears how many replicas are far enough.
    Count,
    /// The client hears whether this node's disk has it, which must be so if `local`, and how many replicas' disks.
    Disks {
        /// This node's own disk has to have it.
        local: bool,
    },
    /// If all are, the SETSLOT in these words is obeyed here.
    SetSlot(Vec<String>),
}

/// One client that waits.
pub struct Wait {
    /// Who.
    pub session: SessionId,
    /// The place of the answer, which is then only this core's part of it.
    pub ticket: Option<u32>,
    /// Up to where replicas must be.
    pub offset: u64,
    /// How many of them.
    pub replicas: usize,
    /// When it gives up, unix ms.
    pub deadline_ms: Option<u64>,
    /// What then.
    pub then: Then,
}

/// Who has what was written: this node's disk, and how many replicas or disks of theirs.
pub struct Reached {
    local: bool,
    replicas: usize,
}

impl Reached {
    /// Whether that is what was waited for.
    pub fn satisfies(&self, wait: &Wait) -> bool {
        self.replicas >= wait.replicas && (self.local || !matches!(wait.then, Then::Disks { local: true }))
    }

    /// Writes it as the answer.
    pub fn write(&self, then: &Then, reply: &mut Reply) {
        if let Then::Disks { .. } = then {
            reply.array(2);
            reply.integer(i64::from(self.local));
        }
        reply.integer(self.replicas as i64);
    }
}

/// All that wait, oldest first.
#[derive(Default)]
pub struct Waits(Vec<Wait>);

impl Waits {
    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of clients that wait.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Notes one that begins to wait.
    pub fn add(&mut self, wait: Wait) {
        self.0.push(wait);
    }

    /// Ends a wait.
    pub fn remove(&mut self, session: SessionId) -> Option<Wait> {
        let at = self.0.iter().position(|wait| wait.session == session)?;
        Some(self.0.remove(at))
    }

    /// Whether `session` waits.
    pub fn holds(&self, session: SessionId) -> bool {
        self.iter().any(|wait| wait.session == session)
    }

    fn iter(&self) -> impl Iterator<Item = &Wait> {
        self.0.iter()
    }
}

impl Core {
    /// Begins a wait; replicas are asked how far they are.
    pub fn begin_wait(&mut self, wait: Wait) {
        self.replication.waits.add(wait);
        self.replication.ask_ack = true;
    }

    /// Answers those whose replicas are far enough, and those whose time is over.
    pub fn answer_waits(&mut self) {
        if self.replication.waits.is_empty() {
            return;
        }
        let now_ms = self.now_ms;
        let is_over = |wait: &&Wait| {
            self.reached(wait).satisfies(wait) || wait.deadline_ms.is_some_and(|at| at <= now_ms)
        };
        let done: Vec<SessionId> =
            self.replication.waits.iter().filter(is_over).map(|wait| wait.session).collect();
        for session in done {
            self.answer_wait(session);
        }
    }

    /// Answers a client that waits with how many replicas are far enough by now; whether there was one.
    pub fn answer_wait(&mut self, session: SessionId) -> bool {
        let Some(wait) = self.replication.waits.remove(session) else { return false };
        let reached = self.reached(&wait);
        let answer = match &wait.then {
            Then::SetSlot(_) if reached.replicas < wait.replicas => Err(NO_REPLICAS),
            Then::SetSlot(words) => self.set_slot(words, session),
            Then::Count | Then::Disks { .. } => Ok(()),
        };
        self.end_replica_wait(&wait, answer.map(|()| reached));
        true
    }

    /// Ends a wait with an error; whether there was one.
    pub fn refuse_wait(&mut self, session: SessionId, error: Error) -> bool {
        let wait = self.replication.waits.remove(session);
        wait.map(|wait| self.end_replica_wait(&wait, Err(error))).is_some()
    }

    fn end_replica_wait(&mut self, wait: &Wait, answer: Result<Reached, Error>) {
        let mut reply = Reply::default();
        match (answer, &wait.then) {
            (Err(error), _) => {
                self.stats.error(error.code());
                reply.error(error.as_str());
            }
            (Ok(_), Then::SetSlot(_)) => reply.ok(),
            (Ok(reached), then) => reached.write(then, &mut reply),
        }
        match wait.ticket {
            Some(ticket) => self.answer(wait.session, ticket, &reply),
            None => self.resume_waiter(wait.session, |client| client.append(&reply)),
        }
    }

    /// Who has what `wait` is about by now.
    pub fn reached(&self, wait: &Wait) -> Reached {
        let replicas = &self.replication.replicas;
        match wait.then {
            Then::Count | Then::SetSlot(_) => Reached { local: false, replicas: replicas.acked(wait.offset) },
            Then::Disks { .. } => Reached {
                local: self.log_offset().is_some_and(|offset| offset >= wait.offset),
                replicas: replicas.acked_on_disk(wait.offset),
            },
        }
    }

    /// A client of this core that waited goes on, with this reply.
    pub fn resume_waiter(&mut self, session: SessionId, write: impl FnOnce(&mut resp::Reply)) {
        let client = self.clients.get(session.index).filter(|c| c.generation == session.generation);
        if let Some(client) = client {
            client.blocked = false;
            write(&mut client.reply);
            self.mark_outgoing(session.index);
        }
    }
}
