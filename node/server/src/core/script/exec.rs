//! The rest of a transaction in which a script stands.

use std::collections::VecDeque;

use base::Slot;
use commands::Args;
use resp::Reply;
use smallvec::SmallVec;

use super::Caller;
use super::standing::Then;
use crate::client::Client;
use crate::core::transaction::Queued;
use crate::core::{Core, Runner};

/// What is left of a transaction.
pub struct Rest {
    /// Commands still to run.
    pub queue: VecDeque<Queued>,
    /// The slot of their keys.
    pub slot: Option<Slot>,
    /// The reply so far.
    pub reply: Reply,
}

impl Core {
    /// Keeps what is left of the transaction in which the script stands.
    pub fn keep_exec(&mut self, rest: Rest) {
        if let Some(standing) = &mut self.scripting.standing {
            standing.then = Then::Exec(rest);
        }
    }

    /// Goes on with a transaction whose script is done, and hands its reply over.
    pub(super) fn go_on_with_exec(&mut self, caller: Caller, mut rest: Rest, reply: &Reply) {
        rest.reply.append(reply);
        let session = caller.runner.session;
        let own = session.core == self.index;
        let client = own.then(|| self.clients.take(session.index, session.generation)).flatten();
        let whole = match client {
            Some(mut client) => {
                let whole = self.run_rest(&mut client, caller, rest);
                if !self.late.is_empty() {
                    self.deliver_late(&mut client);
                }
                self.clients.put(client);
                whole
            }
            // A sibling's client, or one that is gone: the transaction goes on without it.
            None => match self.take_stand_in(caller.runner) {
                Ok(mut client) => {
                    let whole = self.run_rest(&mut client, caller, rest);
                    self.give_stand_in(client);
                    whole
                }
                Err(_) => {
                    self.end_unit();
                    None
                }
            },
        };
        if let Some(whole) = whole {
            self.deliver_script_reply(caller, &whole);
        }
    }

    /// Runs what is left; the whole reply, unless a script stands again.
    fn run_rest(&mut self, client: &mut Client, caller: Caller, mut rest: Rest) -> Option<Reply> {
        // The client's buffer holds what is the client's; the transaction's reply grows apart.
        std::mem::swap(&mut client.reply, &mut rest.reply);
        while let Some(queued) = rest.queue.pop_front() {
            let words: SmallVec<[&[u8]; 12]> = queued.args.iter().map(|arg| &arg[..]).collect();
            let mark = client.reply.mark();
            let runner = Runner { may_block: false, ..caller.runner };
            let outcome = self.call_once(client, queued.found, &Args::new(&words), rest.slot, runner);
            if let Err(error) = outcome {
                self.fail(&mut client.reply, mark, &error);
            }
            if self.scripting.is_standing() {
                std::mem::swap(&mut client.reply, &mut rest.reply);
                self.keep_exec(rest);
                return None;
            }
        }
        std::mem::swap(&mut client.reply, &mut rest.reply);
        self.end_unit();
        Some(rest.reply)
    }
}
