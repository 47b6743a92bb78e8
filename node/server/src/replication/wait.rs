//! WAIT: a client waits until enough replicas have processed what it wrote. SETSLOT waits likewise, to be obeyed here
//! when it was obeyed there.

use super::NO_REPLICAS;
use crate::core::Core;
use crate::core::blocking::SessionId;

/// What happens when a wait is over.
pub enum Then {
    /// The client hears how many replicas are far enough.
    Count,
    /// If all are, the SETSLOT in these words is obeyed here.
    SetSlot(Vec<String>),
}

/// One client that waits.
pub struct Wait {
    /// Who.
    pub session: SessionId,
    /// Up to where replicas must be.
    pub offset: u64,
    /// How many of them.
    pub replicas: usize,
    /// When it gives up, unix ms.
    pub deadline_ms: Option<u64>,
    /// What then.
    pub then: Then,
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

    fn over(&self, done: impl Fn(&Wait) -> bool) -> Vec<SessionId> {
        self.0.iter().filter(|wait| done(wait)).map(|wait| wait.session).collect()
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
        let (replicas, now_ms) = (&self.replication.replicas, self.now_ms);
        let done = self.replication.waits.over(|wait| {
            replicas.acked(wait.offset) >= wait.replicas || wait.deadline_ms.is_some_and(|at| at <= now_ms)
        });
        for session in done {
            self.answer_wait(session);
        }
    }

    /// Answers a client that waits with how many replicas are far enough by now; whether there was one.
    pub fn answer_wait(&mut self, session: SessionId) -> bool {
        let Some(wait) = self.replication.waits.remove(session) else { return false };
        let acked = self.replication.replicas.acked(wait.offset);
        let answer = match wait.then {
            Then::Count => Ok(Some(acked as i64)),
            Then::SetSlot(_) if acked < wait.replicas => Err(NO_REPLICAS),
            Then::SetSlot(words) => self.set_slot(&words).map(|()| None),
        };
        if let Err(error) = &answer {
            self.stats.error(error.code());
        }
        self.resume_waiter(session, |reply| match answer {
            Ok(Some(count)) => reply.integer(count),
            Ok(None) => reply.ok(),
            Err(error) => reply.error(error.as_str()),
        });
        true
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
