//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.

use std::collections::VecDeque;

use base::{Slot, key_slot};
use commands::{Args, Error, Outcome};
use resp::Reply;
use smallvec::SmallVec;

use super::Call;
use crate::client::Door;
use crate::core::script::Rest;
use crate::core::transaction::{EXEC_ABORT, Queued, Transaction, discarded};
use crate::core::{Core, Runner};
use crate::migrate::MAY_WRITE;
use crate::route::{self, CROSS_SLOT, Permits, Presence, Route};

const NESTED_MULTI: Error = Error::new("ERR MULTI calls can not be nested");
const WATCH_IN_MULTI: Error = Error::new("ERR WATCH inside MULTI is not allowed");
const EXEC_WITHOUT_MULTI: Error = Error::new("ERR EXEC without MULTI");
const DISCARD_WITHOUT_MULTI: Error = Error::new("ERR DISCARD without MULTI");

/// MULTI
pub fn multi(call: &mut Call<'_>) -> Outcome {
    if call.client.in_multi() {
        return Err(NESTED_MULTI);
    }
    call.client.transaction.get_or_insert_default().queueing = true;
    call.client.reply.ok();
    Ok(())
}

/// WATCH key [key ...]
pub fn watch(call: &mut Call<'_>) -> Outcome {
    if call.client.in_multi() {
        return Err(WATCH_IN_MULTI);
    }
    let transaction = call.client.transaction.get_or_insert_default();
    match transaction.remote {
        None => transaction.watches = true,
        Some((_, slot)) if call.args[1..].iter().all(|key| key_slot(key) == slot) => transaction.lost = true,
        Some(_) => return Err(CROSS_SLOT),
    }
    let session = call.core.session(call.client);
    for key in &call.args[1..] {
        call.core.watch_key(session, key_slot(key), key);
    }
    call.client.reply.ok();
    Ok(())
}

/// UNWATCH
pub fn unwatch(call: &mut Call<'_>) -> Outcome {
    forget_watches(call);
    call.client.reply.ok();
    Ok(())
}

/// DISCARD
pub fn discard(call: &mut Call<'_>) -> Outcome {
    if !call.client.in_multi() {
        return Err(DISCARD_WITHOUT_MULTI);
    }
    drop_transaction(call);
    call.client.reply.ok();
    Ok(())
}

/// Forgets queued commands and watched keys.
pub fn drop_transaction(call: &mut Call<'_>) {
    forget_watches(call);
    call.client.transaction = None;
}

/// Drops the transaction whose EXEC is refused for `reason`; what EXEC answers.
pub fn abort_exec(call: &mut Call<'_>, reason: &Error) -> Error {
    drop_transaction(call);
    discarded(reason)
}

fn forget_watches(call: &mut Call<'_>) {
    let Some(transaction) = &mut call.client.transaction else { return };
    let watches = std::mem::take(&mut transaction.watches);
    if let Some((core, _)) = transaction.remote.take() {
        call.core.forget_remote(call.client, core);
    }
    if watches {
        let session = call.core.session(call.client);
        call.core.watch.forget(session);
        call.core.update_listening();
    }
}

/// EXEC
pub fn exec(call: &mut Call<'_>) -> Outcome {
    if !call.client.in_multi() {
        return Err(EXEC_WITHOUT_MULTI);
    }
    if call.client.transaction.as_ref().is_some_and(|t| t.broken) {
        drop_transaction(call);
        return Err(EXEC_ABORT);
    }
    match place(call) {
        Place::Here => {}
        Place::Sibling(core, slot) => {
            call.core.exec_on(call.client, core, slot);
            return Ok(());
        }
        Place::Held => {
            call.client.paused = true;
            return Ok(());
        }
        Place::Lost => {
            drop_transaction(call);
            call.client.reply.null_array();
            return Ok(());
        }
        Place::Nowhere(error) => {
            drop_transaction(call);
            return Err(error);
        }
    }
    let forbidden = call.client.transaction.iter().flat_map(|t| &t.queue);
    let forbidden = forbidden.filter_map(|queued| call.core.state_forbids(queued.found, queued.flags)).next();
    if let Some(reason) = forbidden {
        return Err(abort_exec(call, &reason));
    }
    if call.core.reaches_beyond(call.client) {
        let slot = call.client.transaction.as_ref().and_then(|t| t.slot).unwrap_or(Slot::ZERO);
        call.core.exec_on(call.client, call.core.index, slot);
        return Ok(());
    }
    let session = call.core.session(call.client);
    let dirty = call.core.watch.is_dirty(session) || call.core.watched_expired(session);
    forget_watches(call);
    let Some(transaction) = call.client.transaction.take() else { return Ok(()) };
    if dirty {
        call.client.reply.null_array();
        return Ok(());
    }
    run_queue(call, *transaction);
    Ok(())
}

/// Where a queue runs.
enum Place {
    Here,
    /// At this sibling, whose slot it is.
    Sibling(u16, Slot),
    /// Where it was going its slot is arriving, or keys are leaving: a moment later.
    Held,
    /// Nowhere: what it watched has moved, and so counts as changed.
    Lost,
    Nowhere(Error),
}

fn place(call: &Call<'_>) -> Place {
    let Some(transaction) = &call.client.transaction else { return Place::Here };
    if transaction.lost {
        return Place::Lost;
    }
    if transaction.across {
        return Place::Nowhere(CROSS_SLOT);
    }
    let Some(slot) = transaction.slot else {
        // Nothing of it names a key: it runs where its watched keys are, or here.
        return transaction.remote.map_or(Place::Here, |(core, _)| Place::Sibling(core, Slot::ZERO));
    };
    let writes = transaction.queue.iter().find(|q| q.found.command.has(commands::table::WRITE));
    let sample = writes.or(transaction.queue.first()).map_or(call.found, |queued| queued.found);
    let permits =
        Permits { asking: call.client.asking, readonly: call.client.readonly, asker: call.client.asker() };
    let presence = || presence(call.core, transaction, slot);
    let core = match route::route(&call.core.cluster, sample.command, slot, permits, presence) {
        Route::Here => None,
        elsewhere => match call.core.sibling_of(call.client, &elsewhere) {
            Some(core) => Some(core),
            None => {
                let error = route::refusal(elsewhere, &call.core.cluster, slot, permits.asker);
                return Place::Nowhere(error);
            }
        },
    };
    let writes = transaction.queue.iter().any(|queued| queued.flags & MAY_WRITE != 0);
    if call.client.door == Door::Ingress && call.core.transit.holds(slot)
        || writes && call.core.migrate.leaving.holds_slot(slot)
    {
        return Place::Held;
    }
    match (core, transaction.remote) {
        (None, None) => Place::Here,
        (Some(core), None) if !transaction.watches => Place::Sibling(core, slot),
        (Some(core), Some((watched_at, _))) if core == watched_at => Place::Sibling(core, slot),
        (_, Some((_, watched))) if watched == slot => Place::Lost,
        (_, None) if call.core.watch.is_dirty(call.core.session(call.client)) => Place::Lost,
        _ => Place::Nowhere(CROSS_SLOT),
    }
}

/// Which keys of the queue are here.
fn presence<'a>(core: &Core, transaction: &'a Transaction, slot: Slot) -> Presence<'a> {
    let mut presence = Presence::default();
    for queued in &transaction.queue {
        let words: SmallVec<[&'a [u8]; 12]> = queued.args.iter().map(|arg| &arg[..]).collect();
        // What names no keys for its malformed count is refused when it runs.
        let _ = queued.found.command.each_key(&Args::new(&words), &mut |i| {
            presence.add(words[i], core.keys.get(slot, words[i]).is_some());
        });
    }
    presence
}

fn run_queue(call: &mut Call<'_>, transaction: Transaction) {
    // MULTI named no slot, so EXEC's pays for it.
    call.core.slot_stats.lengthen(b"*1\r\n$5\r\nmulti\r\n".len());
    // A script of somebody else may stand: what may run nevertheless does not wait for it.
    let stood = call.core.scripting.is_standing();
    call.core.begin_unit();
    call.client.reply.array(transaction.queue.len());
    let mut queue: VecDeque<Queued> = transaction.queue.into();
    while let Some(queued) = queue.pop_front() {
        let words: SmallVec<[&[u8]; 12]> = queued.args.iter().map(|arg| &arg[..]).collect();
        let args = Args::new(&words);
        let mark = call.client.reply.mark();
        let runner = Runner { may_block: false, ..call.core.runner(call.client) };
        let slot = transaction.slot;
        let permitted = call.core.permit_in_exec(call.client, queued.found, &args);
        let outcome =
            permitted.and_then(|()| call.core.call_once(call.client, queued.found, &args, slot, runner));
        if let Err(error) = outcome {
            call.core.fail(&mut call.client.reply, mark, &error);
        }
        if !stood && call.core.scripting.is_standing() {
            // The client has the replies so far; what follows comes when the script is done.
            let reply = Reply::new(call.client.proto());
            return call.core.keep_exec(Rest { queue, slot, reply });
        }
    }
    call.core.end_unit();
}
