//! Transactions of ingress clients.
//!
//! A transaction runs on the core of its keys, as one. Of a command in it that means all cores (FLUSHALL, DBSIZE) that
//! core does its part in the transaction, and the others do theirs right behind it. What is about the client's own
//! connection, or shows the server, runs behind it too, here; its reply comes in its place. The client's next command
//! waits until all of that is done.

use base::Slot;
use commands::Args;
use commands::table::{self, Found, Host, Run};
use resp::{IntegerText, Reply};

use super::flat;
use super::frame::{self, Kind, Words};
use super::gather::{Combine, Gather, array};
use super::pending::Place;
use super::runs_script;
use super::whole::combination;
use crate::admin::debug;
use crate::client::{Client, Door};
use crate::core::transaction::Queued;
use crate::core::{Core, Runner};

/// Where a queued command runs.
pub enum Spot {
    /// On the transaction's core, in the transaction.
    There,
    /// So, and then on all other cores.
    Everywhere(Combine),
    /// On the client's own core, behind the transaction.
    Behind,
}

/// The commands of a transaction whose reply is still to be made whole.
pub type Composed = Vec<(Queued, Spot)>;

impl Core {
    /// Whether a client's transaction has commands that do not run on its core alone.
    pub fn reaches_beyond(&self, client: &Client) -> bool {
        let queue = client.transaction.iter().flat_map(|transaction| &transaction.queue);
        client.door == Door::Ingress
            && self.mesh.cores() > 1
            && queue.into_iter().any(|queued| !matches!(spot(queued, 0), Spot::There))
    }

    /// Runs a whole transaction on `core`, which has its slot.
    pub fn exec_on(&mut self, client: &mut Client, core: u16, slot: Slot) {
        let Some(transaction) = client.transaction.take() else { return };
        let mut with_spot = |queued| {
            let spot = spot(&queued, self.random.bits());
            (queued, spot)
        };
        let queue: Composed = transaction.queue.into_iter().map(&mut with_spot).collect();
        let is_composed = queue.iter().any(|(_, spot)| !matches!(spot, Spot::There));
        let ticket = client.take_place(Place::Open, &mut self.spare_pending);
        let frames = self.exec_request(client, &queue, core, slot, ticket);
        if is_composed {
            client.awaits_sibling = true;
            if let Some(pending) = &mut client.pending {
                pending.compose(queue);
            }
        }
        if core != self.index {
            self.stats.forwarded += 1;
            self.mesh.requests(core).into_iter().for_each(|out| out.extend_from_slice(&frames));
            return;
        }
        let mut reply = Reply::new(client.proto());
        self.exec_own(&frames, &mut reply);
        // It is empty while a script of the transaction stands.
        if !reply.is_empty() {
            self.fill(client, ticket, &flat(&reply), core);
        }
    }

    /// The frames of a transaction, but for what runs behind it.
    fn exec_request(
        &mut self,
        client: &mut Client,
        queue: &Composed,
        core: u16,
        slot: Slot,
        ticket: u32,
    ) -> Vec<u8> {
        let mut frames = Vec::new();
        let exec = table::find(b"exec").expect("the table has EXEC");
        let count = queue.iter().filter(|(_, spot)| !matches!(spot, Spot::Behind)).count();
        let count = IntegerText::new(count as i64);
        let mut add =
            |header: &frame::Header, args: &Args<'_>| frame::write_request(&mut frames, header, args);
        add(&self.header(client, Kind::Exec, exec, slot, ticket), &Args::new(&[count.as_bytes()]));
        for (Queued { found, args, .. }, spot) in queue {
            let words: Words<'_> = args.iter().map(|arg| &arg[..]).collect();
            let args = Args::new(&words);
            let kind = match spot {
                Spot::There => Kind::Queued,
                Spot::Everywhere(_) => Kind::Part,
                Spot::Behind => continue,
            };
            self.tell_monitors(client, *found, &args, core);
            match self.permit_in_exec(client, *found, &args) {
                Ok(()) => add(&self.header(client, kind, *found, slot, ticket), &args),
                Err(error) => {
                    let words = [error.as_str().as_bytes()];
                    add(&self.header(client, Kind::Refused, *found, slot, ticket), &Args::new(&words));
                }
            }
        }
        frames
    }

    /// Makes the reply of a transaction whole that `core` has answered: with what runs behind it.
    pub(super) fn compose(&mut self, client: &mut Client, queue: Composed, resp: &[u8], core: u16) {
        let Some(mut elements) = array(resp) else {
            // Nothing of it ran.
            return client.reply.raw(resp);
        };
        client.reply.array(queue.len());
        for (queued, spot) in queue {
            let words: Words<'_> = queued.args.iter().map(|arg| &arg[..]).collect();
            let args = Args::new(&words);
            match spot {
                Spot::Behind => self.run_behind(client, queued.found, &args),
                Spot::There => client.reply.raw(elements.next().unwrap_or_default()),
                Spot::Everywhere(combine) => {
                    let part = elements.next().unwrap_or_default();
                    if part.starts_with(b"-") {
                        client.reply.raw(part);
                        continue;
                    }
                    let mut gather = Gather::new(combine, self.mesh.cores());
                    gather.add(part, client.proto());
                    self.spread(client, queued.found, &args, gather, Some(core));
                }
            }
        }
    }

    /// Runs a command of a transaction behind it.
    fn run_behind(&mut self, client: &mut Client, found: Found, args: &Args<'_>) {
        let mark = client.reply.mark();
        let outcome = match self.permit_in_exec(client, found, args) {
            Ok(()) if self.spans_process(client, found, args) => self.gather(client, found, args),
            Ok(()) => {
                let runner = Runner { may_block: false, ..self.runner(client) };
                self.call_once(client, found, args, None, runner)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            self.fail(&mut client.reply, mark, &error);
        }
    }
}

fn spot(Queued { found, args, .. }: &Queued, pick: u64) -> Spot {
    let words: Words<'_> = args.iter().map(|arg| &arg[..]).collect();
    let args = &Args::new(&words);
    let combine = combination(*found, args, pick);
    match (found.command.run, combine) {
        // Inside a transaction nothing waits.
        (Run::Host(Host::Wait | Host::Waitaof), _) => Spot::There,
        // It is for the client's own core to check and to apply.
        (Run::Host(Host::ConfigSet), _) => Spot::Behind,
        (_, Some(combine)) => Spot::Everywhere(combine),
        // DEBUG SLEEP is to keep the transaction from going on.
        (Run::Host(Host::Debug), None) if !debug::is_view(args) => Spot::There,
        (Run::Host(_), None) if runs_script(*found) => Spot::There,
        (Run::Data(_), None) if found.command.name != "scan" => Spot::There,
        _ => Spot::Behind,
    }
}
