//! The loop of a core: completions in, requests run, replies out, one system call a round.
//!
//! A round: take all completions; run the requests they brought; take what siblings sent; write what they appended
//! to the log; queue the replies; enter the ring, which sends them and waits for more. While there is work the loop goes on, letting
//! glommio's tasks in when it is their turn. When there is none it waits in the ring for a moment, then parks
//! on an event descriptor through glommio, so that an idle core costs no CPU.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::iter;
use std::rc::Rc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::aof::Gate;
use crate::client::{Client, Closing, Role};
use crate::clock::{self, Moment};
use crate::core::{Core, foresight};
use crate::executor::{self, Parking};
use crate::listener::Listeners;
use crate::log::warning;
use crate::ring::{ClientRing, Completion, Op, Wait};

/// How long an empty wait inside the ring lasts; glommio's own tasks are late by at most that.
const RING_WAIT: Duration = Duration::from_micros(500);
/// How long a slice of work lasts that clients should not feel, and the wait for them after it, while there are any.
pub const PACE: Duration = Duration::from_micros(100);
/// How long a reply waits at most for those of siblings to the same pipeline, and the most bytes that do.
const HOLD_NS: u64 = 1_000_000;
const HOLD_BYTES: usize = 16 * 1024;
/// After so many empty waits in a row the core parks.
const WAITS_BEFORE_PARKING: u32 = 4;

/// One core's loop and what it owns besides the core's state.
pub struct Reactor {
    core: Rc<RefCell<Core>>,
    ring: ClientRing,
    listeners: Listeners,
    parking: Parking,
    /// Sends that were queued for the next enter.
    sends: usize,
    /// Sends that were submitted and are not done: their peers are slow.
    slow_sends: usize,
    /// Clients whose replies wait for others of the same pipeline, which siblings are at, and since when.
    held: VecDeque<(u32, Moment)>,
}

/// Completions handled together.
type Batch = SmallVec<[Completion; foresight::REQUESTS]>;

/// What a round brought.
enum Round {
    /// Bytes of clients, or room for bytes to them.
    Clients,
    /// Messages of siblings alone.
    Siblings,
    /// Nothing.
    Nothing,
}

impl Reactor {
    /// The loop of `core`, whose ring is `ring`.
    pub fn new(core: Rc<RefCell<Core>>, ring: ClientRing, parking: Parking) -> Reactor {
        let (listeners, held) = (Listeners::default(), VecDeque::new());
        Reactor { core, ring, listeners, parking, sends: 0, slow_sends: 0, held }
    }

    /// Serves until the process shuts down.
    pub async fn run(mut self) {
        self.ring.arm_event_fd(false);
        let mut empty_waits = 0;
        while !self.core.borrow().process.is_stopping() {
            empty_waits = match self.round() {
                Round::Clients => 0,
                // News of siblings is no reason to expect more: a parked core parks again.
                Round::Siblings => empty_waits,
                Round::Nothing => empty_waits + 1,
            };
            let paced = std::mem::take(&mut self.core.borrow_mut().paced);
            if paced || empty_waits <= self.waits_before_parking() || self.core.borrow().busy {
                let limit = match paced {
                    false => RING_WAIT,
                    true if empty_waits <= WAITS_BEFORE_PARKING => PACE,
                    // No client is there to be waited for.
                    true => Duration::ZERO,
                };
                self.enter(limit);
            } else {
                self.park().await;
            }
            // Work in slices goes on at once where no client is waiting.
            if paced || std::mem::take(&mut self.core.borrow_mut().busy) && empty_waits > 0 {
                executor::yield_now().await;
            } else {
                executor::yield_if_needed().await;
            }
        }
        self.listeners.shut();
        self.core.borrow_mut().finish_nodes_conf();
        self.core.borrow_mut().finish_log();
    }

    /// The empty waits in a row after which the core parks. Keys and slots on their way to another server are glommio's: its
    /// answer is not seen while the core waits in its own ring, and a client waits for it.
    fn waits_before_parking(&self) -> u32 {
        if self.core.borrow().migrate.leaving.holds_any() { 0 } else { WAITS_BEFORE_PARKING }
    }

    /// Takes completions and messages, runs what they bring, queues replies.
    fn round(&mut self) -> Round {
        let core = self.core.clone();
        let mut core = core.borrow_mut();
        let (start, commands) = (Moment::now(), core.stats.commands);
        core.now_ms = clock::unix_ms();
        core.round_began = start;
        core.expect_company();
        core.end_rests();
        core.follow_users();
        if core.cluster.has_effects() {
            // No command runs between what the brain has decided and what follows from it.
            core.cluster_changed();
        }
        self.listeners.follow(&core.process.doors, core.index, &mut self.ring);
        let mut events = 0;
        loop {
            let batch: Batch = iter::from_fn(|| self.ring.next()).take(foresight::REQUESTS).collect();
            if batch.len() > 1 {
                core.foresee(batch.iter().map(|completion| self.ring.bytes(completion)));
            }
            for completion in &batch {
                events += usize::from(!matches!(completion.token.op, Op::Wake | Op::WakeSent));
                self.handle(&mut core, completion);
            }
            if batch.len() < foresight::REQUESTS {
                break;
            }
        }
        let messages = core.take_messages();
        if messages {
            core.company.heard_sibling();
        }
        core.go_on_with_script();
        resume(&mut core);
        if core.tracking.has_news() {
            core.broadcast();
        }
        self.welcome(&mut core);
        core.push_stream();
        core.push_nodes_conf(&mut self.ring);
        let gate = core.commit(&mut self.ring);
        let gate = core.nodes_file.narrow(gate);
        self.flush(&mut core, gate, start);
        self.let_go(&mut core, gate, events == 0 && !messages);
        core.send_messages(&mut self.ring, gate);
        core.tend_shutdown();
        core.paced |= !core.resting.is_empty();
        if events > 0 || messages {
            let commands = core.stats.commands.saturating_sub(commands);
            if events > 0 || commands > 0 {
                core.rest.rouse();
            }
            core.stats.rounds.ended(start.elapsed_ns(), commands);
        }
        match (events, messages) {
            (1.., _) => Round::Clients,
            (0, true) => Round::Siblings,
            (0, false) => Round::Nothing,
        }
    }

    fn handle(&mut self, core: &mut Core, completion: &Completion) {
        match completion.token.op {
            Op::Recv => self.received(core, completion),
            Op::Send => self.sent(core, completion),
            Op::Accept => self.listeners.accepted(core, &mut self.ring, completion),
            Op::Sync => {
                self.sends += core.synced(completion.token.index, completion.result, &mut self.ring);
            }
            Op::SyncNodes => core.synced_nodes_conf(completion.result),
            Op::Wake | Op::WakeSent | Op::Cancel => {}
        }
    }

    fn received(&mut self, core: &mut Core, completion: &Completion) {
        let token = completion.token;
        let Some(mut client) = core.clients.take(token.index, token.generation) else {
            return self.ring.release(completion);
        };
        client.receiving = completion.more;
        if completion.result > 0 {
            core.stats.reads += 1;
            core.equip(&mut client);
            match client.secure.take() {
                None => core.receive(&mut client, self.ring.bytes(completion)),
                Some(secure) => core.receive_secure(&mut client, secure, self.ring.bytes(completion)),
            }
            self.ring.release(completion);
            if !client.deaf && core.has_enough_of(&client) {
                client.deaf = true;
                if completion.more {
                    self.ring.end_recv(token);
                }
            }
            if !completion.more && client.closing != Closing::Now && !client.deaf {
                self.arm_recv(&mut client);
            }
        } else if matches!(-completion.result, libc::ENOBUFS | libc::ECANCELED)
            && client.closing != Closing::Now
        {
            // All buffers were in use at that moment; they are free again now. Or it was told to hear nothing. Who is in
            // the middle of a long request may have filled them all, and would do so again: it comes behind the others.
            match client.deaf {
                true => {}
                false if client.input.is_some() => core.arrivals.push(client.index),
                false => self.arm_recv(&mut client),
            }
        } else {
            client.shut();
        }
        leave(core, client);
    }

    /// Begins to receive from connections that the core made itself, or that come behind others.
    fn welcome(&mut self, core: &mut Core) {
        while let Some(index) = core.arrivals.pop() {
            if let Some(client) = core.clients.get(index) {
                self.arm_recv(client);
            }
        }
    }

    fn arm_recv(&mut self, client: &mut Client) {
        client.receiving = true;
        self.ring.recv(client.token(Op::Recv), client.fd());
    }

    fn sent(&mut self, core: &mut Core, completion: &Completion) {
        let token = completion.token;
        self.slow_sends = self.slow_sends.saturating_sub(1);
        let Some(mut client) = core.clients.take(token.index, token.generation) else { return };
        core.stats.writes += 1;
        core.stats.net_output_bytes += completion.result.max(0) as u64;
        match client.finish_send(completion.result, &mut self.ring) {
            Some(buffer) => core.give_buffer(buffer),
            None => self.sends += usize::from(client.sending.is_some()),
        }
        core.count_client(&mut client);
        if client.role == Role::Replica {
            core.replica_took(&client);
            return leave(core, client);
        }
        // Replies written meanwhile, a goodbye that waited for the last byte, or nothing.
        if client.has_to_send() || client.closing != Closing::No {
            leave(core, client);
        } else {
            core.clients.put(client);
        }
    }

    /// Keeps the replies of `client` for now where siblings are at its further commands: their replies come soon as a rule,
    /// and one send costs less than two.
    fn holds(&mut self, client: &Client, now: Moment) -> bool {
        let waits = client.pending.is_some() && !client.awaits_sibling && client.closing == Closing::No;
        if !waits || client.ready().len() > HOLD_BYTES {
            return false;
        }
        if client.has_to_send() {
            self.held.push_back((client.index, now));
        }
        true
    }

    /// Lets replies go that were held for too long, or all, when nothing came meanwhile.
    fn let_go(&mut self, core: &mut Core, gate: Gate, all: bool) {
        while let Some((index, since)) = self.held.front() {
            if !all && since.elapsed_ns() < HOLD_NS {
                return;
            }
            let index = *index;
            self.held.pop_front();
            self.start_send(core, index, gate);
        }
    }

    /// Lets the replies of a client leave as `gate` allows.
    fn start_send(&mut self, core: &mut Core, index: u32, gate: Gate) {
        let Some(client) = core.clients.get(index) else { return };
        let gate = if core.nodes_file.has_saved(client.answer_after) { gate } else { Gate::Wait };
        match gate {
            Gate::Open => self.sends += usize::from(client.start_send(&mut self.ring)),
            Gate::Join if client.park_reply() => core.aof.kept.park(index),
            Gate::Join | Gate::Wait => core.aof.kept.wait(client),
        }
    }

    /// Lets the replies of all clients that have some leave, as `gate` allows, and ends clients that are going.
    fn flush(&mut self, core: &mut Core, gate: Gate, now: Moment) {
        let mut outbox = std::mem::take(&mut core.outbox);
        for index in outbox.drain(..) {
            let Some(client) = core.clients.get(index) else { continue };
            client.queued = false;
            core.check_output(index);
            let Some(client) = core.clients.get(index) else { continue };
            // A replica may be ahead of the disk: what it hears is nothing acknowledged.
            let is_replica = client.role == Role::Replica;
            if is_replica {
                core.fill_replica(index);
            }
            let gate = if is_replica { Gate::Open } else { gate };
            let Some(client) = core.clients.get(index) else { continue };
            if self.holds(client, now) {
                continue;
            }
            self.start_send(core, index, gate);
            let Some(client) = core.clients.get(index) else { continue };
            if client.closing == Closing::AfterReply && client.is_answered() {
                client.shut();
            }
            if client.closing == Closing::Now && client.is_quiet() {
                let generation = client.generation;
                if let Some(client) = core.clients.take(index, generation) {
                    core.forget_client(client);
                }
            }
        }
        core.evict_clients();
        // Eviction may have queued others meanwhile.
        outbox.append(&mut core.outbox);
        core.outbox = outbox;
    }

    /// Submits, and waits for news until `limit` has passed.
    fn enter(&mut self, limit: Duration) {
        let core = self.core.borrow();
        let wait = if limit.is_zero()
            || core.busy
            || !core.outbox.is_empty()
            || !core.mesh.may_wait()
            || core.migrate.leaving.holds_any()
        {
            Wait::No
        } else {
            // A send completes inside the enter that submits it, unless its peer is slow.
            let own = if self.slow_sends == 0 { self.sends } else { 0 };
            Wait::For {
                own,
                wanted: core.company.expected(),
                window: core.company.window_us(core.config.network.coalesce_usec),
                limit,
            }
        };
        if let Err(e) = self.ring.enter(wait) {
            warning!("Entering the client ring failed: {e}");
        }
        core.mesh.awake();
        self.slow_sends += std::mem::take(&mut self.sends);
    }

    /// Waits without using the CPU until a completion, a message or a signal comes.
    async fn park(&mut self) {
        self.ring.arm_event_fd(true);
        let news = {
            let core = self.core.borrow();
            let may_wait = core.mesh.may_wait();
            // With signalling on, what came before would not be signalled: look once more.
            if let Err(e) = self.ring.enter(Wait::No) {
                warning!("Entering the client ring failed: {e}");
            }
            !may_wait || self.ring.has_completions() || core.process.is_stopping()
        };
        if !news {
            self.parking.park().await;
        }
        self.core.borrow().mesh.awake();
        self.ring.arm_event_fd(false);
    }
}

/// Runs requests that clients had to hold back and that may run now.
fn resume(core: &mut Core) {
    let mut at = 0;
    // Running them may queue others.
    while let Some(index) = core.outbox.get(at).copied() {
        at += 1;
        let Some(client) = core.clients.get(index) else { continue };
        if client.may_run() && client.input.is_some() && client.pending.is_none() {
            let generation = client.generation;
            if let Some(mut client) = core.clients.take(index, generation) {
                core.run_input(&mut client);
                core.clients.put(client);
            }
        }
    }
}

/// Puts a client back whose turn is over, to be looked at when replies are flushed.
fn leave(core: &mut Core, mut client: Box<Client>) {
    let index = client.index;
    core.count_client(&mut client);
    if !client.queued {
        client.queued = true;
        core.outbox.push(index);
    }
    core.clients.put(client);
}
