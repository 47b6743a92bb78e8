//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.

use std::collections::VecDeque;

use base::{Slot, key_slot};
use commands::{Args, Error, Outcome};
use resp::Reply;
use smallvec::SmallVec;

use super::Call;
use crate::client::Door;
use crate::core::script::Rest;
use crate::core::transaction::{EXEC_ABORT, Queued, Transaction};
use crate::core::{Core, Runner};
use crate::route::{self, CROSS_SLOT, Permits, Route};

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
    if transaction.remote.is_some() {
        return Err(CROSS_SLOT);
    }
    transaction.watches = true;
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
    Error::text(format!("EXECABORT Transaction discarded because of: {reason}"))
}

fn forget_watches(call: &mut Call<'_>) {
    let Some(transaction) = &mut call.client.transaction else { return };
    let watches = std::mem::take(&mut transaction.watches);
    if let Some(core) = transaction.remote.take() {
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
    if let Err(error) = check_route(call) {
        drop_transaction(call);
        return error.map_or(Ok(()), Err);
    }
    let forbidden = call.client.transaction.iter().flat_map(|t| &t.queue);
    let forbidden = forbidden.filter_map(|queued| call.core.state_forbids(queued.found, queued.flags)).next();
    if let Some(reason) = forbidden {
        return Err(abort_exec(call, &reason));
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

/// Whether the queue's slot is still served here; `Err(None)` when the transaction went to a sibling.
fn check_route(call: &mut Call<'_>) -> Result<(), Option<Error>> {
    let Some(transaction) = &call.client.transaction else { return Ok(()) };
    let remote = transaction.remote;
    let Some(slot) = transaction.slot else {
        // Nothing of it names a key: it runs where its watched keys are, or here.
        return remote.map_or(Ok(()), |core| {
            call.core.exec_remote(call.client, core, Slot::ZERO);
            Err(None)
        });
    };
    let writes = transaction.queue.iter().find(|q| q.found.command.has(commands::table::WRITE));
    let sample = writes.or(transaction.queue.first()).map_or(call.found, |queued| queued.found);
    let permits =
        Permits { asking: call.client.asking, readonly: call.client.readonly, asker: call.client.asker() };
    let (count, present) = (count_keys(transaction), || present_keys(call.core, transaction, slot));
    let core = match route::route(&call.core.cluster, sample.command, slot, count, permits, present) {
        Route::Here => None,
        Route::Node(node) if call.client.door == Door::Ingress => match call.core.sibling(node) {
            Some(core) => Some(core),
            None => {
                return Err(Some(route::redirection("MOVED", &call.core.cluster, slot, node, permits.asker)));
            }
        },
        Route::Node(node) => {
            return Err(Some(route::redirection("MOVED", &call.core.cluster, slot, node, permits.asker)));
        }
        Route::Refuse(error) => return Err(Some(error)),
    };
    let watches_here = call.client.transaction.as_ref().is_some_and(|t| t.watches);
    match (core, remote) {
        (None, None) => Ok(()),
        (Some(core), remote) if remote.unwrap_or(core) == core && !watches_here => {
            call.core.exec_remote(call.client, core, slot);
            Err(None)
        }
        _ => Err(Some(CROSS_SLOT)),
    }
}

/// Number of keys that the queue names.
fn count_keys(transaction: &Transaction) -> usize {
    let mut count = 0;
    each_key(transaction, |_| count += 1);
    count
}

/// How many of them are here.
fn present_keys(core: &Core, transaction: &Transaction, slot: Slot) -> usize {
    let mut present = 0;
    each_key(transaction, |key| present += usize::from(core.keys.get(slot, key).is_some()));
    present
}

fn each_key(transaction: &Transaction, mut visit: impl FnMut(&[u8])) {
    for queued in &transaction.queue {
        let words: SmallVec<[&[u8]; 12]> = queued.args.iter().map(|arg| &arg[..]).collect();
        // What names no keys for its malformed count is refused when it runs.
        let _ = queued.found.command.each_key(&Args::new(&words), &mut |i| visit(words[i]));
    }
}

fn run_queue(call: &mut Call<'_>, transaction: Transaction) {
    // MULTI named no slot, so EXEC's pays for it.
    call.core.slot_stats.lengthen(b"*1\r\n$5\r\nmulti\r\n".len());
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
            call.client.reply.truncate(mark);
            call.core.reply_error(call.client, &error);
        }
        if call.core.scripting.is_standing() {
            // The client has the replies so far; what follows comes when the script is done.
            let reply = Reply::new(call.client.proto());
            return call.core.keep_exec(Rest { queue, slot, reply });
        }
    }
    call.core.end_unit();
}
