//! Large values that RESTORE brings: a helper thread decodes them while the core serves others.
//!
//! To check and decode hundreds of megabytes takes seconds. The command waits meanwhile as one that waits for a key
//! (`blocking`), but for none; once its value is there it runs again with all its checks, and puts it in. So until then
//! nothing has happened: the client may go, the slot may leave, the key may be written.
//!
//! What must not wait decodes at once: transactions, scripts, a master's stream, a sibling's command.

use std::time::Duration;

use bytes::Bytes;
use cluster::Asker;
use commands::{Args, Decoded, discard};
use smallvec::SmallVec;
use store::Entry;

use crate::client::{Client, Closing};
use crate::clock;
use crate::core::Core;
use crate::core::blocking::{Blocked, SessionId};
use crate::executor;
use crate::route::{self, Permits, Route};

/// Between two looks whether a value may be put in.
const LOOK: Duration = Duration::from_millis(1);
/// Bytes of further commands that are taken from a client that waits for its value.
const ENOUGH: usize = 1024 * 1024;

impl Core {
    /// Begins to decode what the command of `session` brings, which waits for that.
    pub fn decode_aside(&self, session: SessionId) {
        let Some(payload) = self.waiting.get(session).and_then(Blocked::payload).cloned() else { return };
        let settings = self.settings.clone();
        self.spawn(move |core| async move {
            let bytes = payload.clone();
            let decoded = executor::aside(move || commands::decode(&bytes, &settings)).await;
            while core.borrow().holds_decoded(session) {
                executor::sleep(LOOK).await;
            }
            core.borrow_mut().take_decoded(session, &payload, decoded);
            // Nobody else has it any more, and giving back so much memory takes time.
            executor::aside(move || drop(payload)).await;
        });
    }

    /// Whether `client`, which waits for its value or rests, has sent so much behind it that the rest may stay where it is:
    /// while a large value is decoded, another could come and be over the limit of its query buffer.
    pub fn has_enough_of(&self, client: &Client) -> bool {
        let waits_for_value =
            || self.waiting.get(self.session(client)).is_some_and(|blocked| blocked.payload().is_some());
        client.input.as_ref().is_some_and(|input| input.len() >= ENOUGH)
            && (client.resting || client.blocked && waits_for_value())
    }

    /// Whether a value must not be put in yet: its slot is on its way elsewhere, writes pause, or a script is not done.
    fn holds_decoded(&self, session: SessionId) -> bool {
        let Some(blocked) = self.waiting.get(session) else { return false };
        self.migrate.leaving.holds_slot(blocked.slot)
            || self.pause.until_ms(clock::unix_ms()).is_some()
            || self.scripting.is_standing()
    }

    /// Runs the command of `session` again, if it still waits for what is in `payload`.
    fn take_decoded(&mut self, session: SessionId, payload: &Bytes, decoded: Decoded) {
        self.now_ms = clock::unix_ms();
        self.decoded = Some(decoded);
        // The session may have come to another command; but while this payload is here none other has its place.
        let same = |blocked: &Blocked| blocked.payload().is_some_and(|own| own.as_ptr() == payload.as_ptr());
        let going = self.client_of(session).is_some_and(|client| client.closing == Closing::Now);
        if self.waiting.get(session).is_some_and(same) && !going {
            match self.where_now(session) {
                Some(error) => self.give_up_waiting(session, Some(&error)),
                None => self.run_again(session),
            }
            self.serve_waiting();
        }
        if going {
            // It may be deaf, so that nothing else tells the loop.
            self.mark_outgoing(session.index);
        }
        self.wake_self();
        if let Some(Ok(value)) = self.decoded.take() {
            discard(&mut self.garbage, Entry::new(b"", value, None));
        }
    }

    /// Where a waiting command would be sent by now, unless it may run here.
    fn where_now(&self, session: SessionId) -> Option<commands::Error> {
        let blocked = self.waiting.get(session)?;
        if self.importing.contains(blocked.slot) {
            return None;
        }
        let asker = self.client_of(session).map_or(Asker::default(), |client| client.asker());
        let words: SmallVec<[&[u8]; 8]> = blocked.args.iter().map(|arg| &arg[..]).collect();
        // ASKING was said before, or else it would not wait.
        let permits = Permits { asking: true, readonly: false, asker };
        match self.route(blocked.found, &Args::new(&words), blocked.slot, permits) {
            Route::Here => None,
            Route::Refuse(error) => Some(error),
            elsewhere => Some(route::refusal(elsewhere, &self.cluster, blocked.slot, asker)),
        }
    }
}
