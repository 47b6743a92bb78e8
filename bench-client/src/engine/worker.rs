//! One thread of the load: the way of a request from its schedule to its connection.
//!
//! The schedule gives a number, the workload draws the request, the slot map names the node. A lane of that
//! node with room takes it; otherwise it waits in the node's queue. A closed loop draws only when a lane has
//! room; what it draws for other nodes is queued there, so that keys keep their distribution whatever the
//! speed of each node. Answers are judged in [`super::answers`].
//!
//! What is not urgent (timeouts, connections, the map) is in [`super::care`].
//!
//! The loop does all it can between two entries into the kernel; an entry submits the whole batch.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use super::lane::{Flight, Lane, Node, Pending, State};
use super::schedule::Schedule;
use super::watch::{Watch, pin, sharpen_timers};
use super::{Load, Run};
use crate::random::mix;
use crate::reply::Reply;
use crate::ring::{Event, Gather, Ring};
use crate::stats::Tick;
use crate::topology::{Map, NOBODY};
use crate::verify::Ledger;
use crate::workload::template::encode_command;

/// Time between two ticks, in nanoseconds.
pub const TICK_NS: u64 = 1_000_000_000;
/// How often timeouts, waiting requests and the slot map are looked at, in nanoseconds.
pub(super) const CARE_NS: u64 = 5_000_000;
/// How long a lane waits before it connects again, in nanoseconds.
const RECONNECT_NS: u64 = 50_000_000;
/// Operations that are submitted together: more would make the first wait for the last.
const BATCH: usize = 32;
/// Most queued requests of a node in a closed loop; beyond, the thread waits for the slow node.
const QUEUE_CLOSED: usize = 4096;
/// Seconds of its schedule that an open loop queues for a node before it drops requests.
const QUEUE_OPEN_S: f64 = 10.0;
/// Most requests of such a queue, whatever the rate.
const QUEUE_OPEN_MAX: usize = 2_000_000;
/// A closed loop wakes up for this part of its connections, and for no more than this many.
const GATHER_SHARE: usize = 4;
const GATHER_MAX: usize = 32;
/// Answers may gather for this part of the latency that is measured, and for no longer than this.
const GATHER_LATENCY_SHARE: u64 = 8;
const GATHER_NS_MAX: u64 = 200_000;
/// How fast the measured latency follows new answers: by this part of the difference.
const LATENCY_FOLLOWS: u64 = 16;
/// Most requests that are drawn before answers are looked at again.
const OFFERS_MAX: usize = 4096;
/// How long a thread may draw without pause and still be behind its schedule.
const BEHIND_NS_MAX: u64 = 2_000_000_000;
/// Lanes kept free for nodes that appear during the run.
const SPARE_LANES: usize = 1024;

pub struct Worker<'a> {
    pub(super) run: &'a Run,
    pub(super) ring: Ring,
    pub(super) lanes: Vec<Lane>,
    pub(super) nodes: Vec<Node>,
    pub(super) map: Arc<Map>,
    pub(super) version: u64,
    pub(super) tick: Tick,
    pub(super) now: u64,
    /// Requests to be routed again at a time.
    pub(super) put_off: VecDeque<(u64, Pending)>,
    /// When each slot range last gave a success, and whether something failed since.
    pub(super) range_state: Vec<(u64, bool)>,
    /// What verify mode knows.
    pub(super) ledger: Option<Ledger>,
    pub(super) schedule: Schedule,
    pub(super) in_flight: usize,
    wake: Vec<u16>,
    replies: Vec<Reply>,
    scratch: Vec<u8>,
    pub(super) watch: Watch,
    pub(super) ticks: Sender<Tick>,
    pub(super) thread: usize,
    pub(super) next_care: u64,
    /// When to stop waiting for answers, once nothing more is to be sent.
    pub(super) give_up: Option<u64>,
    /// The latency of late, in nanoseconds.
    latency_ns: u64,
    /// Since when an open loop draws without pause to catch up with its schedule.
    behind_since: Option<u64>,
    pub(super) queue_max: usize,
    /// A closed loop draws nothing more until the nodes have caught up with what is queued.
    pub(super) blocked: bool,
}

impl<'a> Worker<'a> {
    pub fn new(run: &'a Run, thread: usize, ticks: Sender<Tick>) -> io::Result<Worker<'a>> {
        let map = run.topology.map();
        if let Some(&cpu) = run.load.cpus.get(thread % run.load.cpus.len().max(1))
            && !pin(cpu)
        {
            return Err(io::Error::other(format!("cannot run on CPU {cpu}")));
        }
        sharpen_timers();
        let queue_max = match run.load.rate {
            Some(rate) => {
                let due = rate / run.load.threads as f64 * QUEUE_OPEN_S;
                (due as usize).clamp(QUEUE_CLOSED, QUEUE_OPEN_MAX)
            }
            None => QUEUE_CLOSED,
        };
        let mut worker = Worker {
            ring: Ring::new(run.load.connections + SPARE_LANES)?,
            version: run.topology.version(),
            tick: Tick::new(thread, run.now_ns(), run.workload.commands.len(), run.ranges.len()),
            now: run.now_ns(),
            range_state: vec![(run.now_ns(), false); run.ranges.len()],
            ledger: run
                .workload
                .verify_threads
                .map(|_| Ledger::new(thread, run.load.threads, run.workload.keys.count())),
            schedule: run.schedule(thread),
            watch: Watch::start(),
            lanes: Vec::new(),
            nodes: Vec::new(),
            put_off: VecDeque::new(),
            in_flight: 0,
            wake: Vec::new(),
            replies: Vec::new(),
            scratch: Vec::new(),
            next_care: 0,
            give_up: None,
            latency_ns: 0,
            behind_since: None,
            run,
            map,
            thread,
            ticks,
            queue_max,
            blocked: false,
        };
        worker.open_lanes();
        Ok(worker)
    }

    pub fn run(mut self) -> io::Result<()> {
        loop {
            self.now = self.run.now_ns();
            if self.now >= self.next_care {
                self.take_care()?;
            }
            self.offer_due()?;
            self.wake_nodes();
            if self.is_done() {
                break;
            }
            let limit = self.idle_limit();
            self.ring.wait(limit, self.gather())?;
            self.now = self.run.now_ns();
            while let Some(event) = self.ring.next_event() {
                self.handle(event);
                if self.ring.queued() >= BATCH {
                    self.ring.submit()?;
                    self.now = self.run.now_ns();
                }
            }
        }
        self.finish();
        Ok(())
    }

    pub(super) fn load(&self) -> &'a Load {
        &self.run.load
    }

    fn open_loop(&self) -> bool {
        self.load().rate.is_some()
    }

    /// How many answers to wake up for. A thread that wakes for each one spends most of its time waking; in a
    /// closed loop with many connections the next answers are near. What waiting adds to the latency is a small
    /// part of it, and no request is asked later for it as long as the server has others to answer. An open
    /// loop measures times that a delay of our own would spoil: it wakes at once.
    fn gather(&self) -> Gather {
        let answers =
            if self.open_loop() { 1 } else { (self.lanes.len() / GATHER_SHARE).clamp(1, GATHER_MAX) };
        let limit_ns = (self.latency_ns / GATHER_LATENCY_SHARE).min(GATHER_NS_MAX);
        Gather { answers, limit: Duration::from_nanos(limit_ns) }
    }

    /// Takes note of a latency that was measured.
    pub(super) fn follow_latency(&mut self, latency_ns: u64) {
        self.latency_ns = (self.latency_ns * (LATENCY_FOLLOWS - 1) + latency_ns) / LATENCY_FOLLOWS;
    }

    /// Until something must be done even if nothing completes.
    fn idle_limit(&self) -> Duration {
        let due = self.schedule.due_ns().filter(|_| !self.schedule.is_over(self.now));
        let until = due.unwrap_or(u64::MAX).min(self.next_care);
        Duration::from_nanos(until.saturating_sub(self.now))
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Connected(lane) => self.connected(lane),
            Event::Received(lane, filled) => {
                let mut replies = std::mem::take(&mut self.replies);
                let state = &mut self.lanes[lane as usize];
                let bytes = self.ring.bytes(&filled);
                let (node, len) = (state.node, bytes.len() as u64);
                let understood = state.receive(bytes, &mut replies);
                self.ring.recycle(filled);
                self.tick.counts(node).bytes_in += len;
                for reply in replies.drain(..) {
                    self.answer(lane, reply);
                }
                self.replies = replies;
                match understood {
                    Ok(()) if self.is_secured(lane) => self.greet(lane),
                    Ok(()) => self.fill(lane),
                    Err(why) => self.break_lane(lane, why),
                }
            }
            Event::Sent(lane, buffer) => {
                let state = &mut self.lanes[lane as usize];
                state.spare = buffer;
                state.sending = false;
                self.flush(lane);
            }
            Event::Broken(lane) => self.break_lane(lane, ""),
            Event::Closed(lane) => self.lanes[lane as usize].state = State::Down(self.now + RECONNECT_NS),
        }
    }

    /// A fresh connection: with TLS its handshake comes first.
    fn connected(&mut self, lane: u32) {
        let keep_values = self.ledger.is_some();
        let state = &mut self.lanes[lane as usize];
        state.reset(keep_values);
        let Some(tls) = &self.run.load.login.tls else { return self.greet(lane) };
        match tls.session(self.map.nodes[usize::from(state.node)]) {
            Ok(session) => {
                state.secure = Some(Box::new(session));
                self.flush(lane);
            }
            Err(_) => self.break_lane(lane, "not-TLS"),
        }
    }

    /// Whether a handshake has just ended.
    fn is_secured(&self, lane: u32) -> bool {
        let state = &self.lanes[lane as usize];
        let secure = state.secure.as_ref().is_some_and(|session| !session.is_handshaking());
        secure && matches!(state.state, State::Connecting(_))
    }

    /// Logs a fresh connection in; requests follow at once, behind the greeting.
    fn greet(&mut self, lane: u32) {
        let node = self.lanes[lane as usize].node;
        let is_replica = self.map.replicas.iter().any(|replicas| replicas.contains(&node));
        self.nodes[usize::from(node)].lost = false;
        let state = &mut self.lanes[lane as usize];
        state.state = State::Up;
        for command in self.run.load.login.commands(is_replica) {
            state.out.extend(command);
            state.flights.push_back(Flight::Setup);
        }
        self.fill(lane);
    }

    /// Gives up a connection; what it had asked is lost (`why` empty), or failed for the reason `why`.
    pub(super) fn break_lane(&mut self, lane: u32, why: &str) {
        let state = &mut self.lanes[lane as usize];
        let node = state.node;
        if matches!(state.state, State::Connecting(_)) {
            self.tick.counts(node).refused += 1;
        }
        state.state = State::Closing;
        let flights = std::mem::take(&mut state.flights);
        state.reset(false);
        if !matches!(why, "" | "timeout") {
            self.tick.count_error(why);
        }
        for flight in flights {
            self.in_flight -= usize::from(flight.is_work());
            if let Flight::Request(pending, _) = flight {
                self.fail_unanswered(node, &pending, why);
            }
        }
        self.ring.close(lane);
        self.note_if_lost(node);
        self.run.topology.request();
    }

    /// What a node without a connection has been asked waits, and so its slots are away.
    fn note_if_lost(&mut self, node: u16) {
        let mine = &mut self.nodes[usize::from(node)];
        if mine.lost || mine.lanes.iter().any(|&lane| self.lanes[lane as usize].state == State::Up) {
            return;
        }
        mine.lost = true;
        let waiting = std::mem::take(&mut mine.queue);
        waiting.iter().for_each(|pending| self.range_failed(pending));
        self.nodes[usize::from(node)].queue = waiting;
    }

    /// Lets `lane` ask as much as it may.
    pub(super) fn fill(&mut self, lane: u32) {
        let state = &self.lanes[lane as usize];
        let (node, pipeline) = (state.node, self.load().pipeline);
        // A closed loop's pipeline is asked and answered as a whole: a window that slides would break up into
        // ever smaller writes.
        let wait_for_rest = !self.open_loop() && !state.flights.is_empty() && !state.out_is_greeting();
        if state.state == State::Up && !wait_for_rest {
            while self.lanes[lane as usize].flights.len() < pipeline {
                let Some(pending) = self.next_for(node) else {
                    self.list_idle(lane);
                    break;
                };
                self.put(lane, pending);
            }
        }
        self.flush(lane);
    }

    pub(super) fn list_idle(&mut self, lane: u32) {
        let state = &mut self.lanes[lane as usize];
        if !state.listed {
            state.listed = true;
            self.nodes[usize::from(state.node)].idle.push(lane);
        }
    }

    /// The next request for `node`: a queued one, or in a closed loop a new one.
    fn next_for(&mut self, node: u16) -> Option<Pending> {
        if let Some(pending) = self.nodes[usize::from(node)].queue.pop_front() {
            return Some(pending);
        }
        while !self.open_loop() && !self.blocked {
            let pending = self.draw()?;
            let target = self.route(&pending);
            if target == node {
                return Some(pending);
            }
            self.enqueue(target, pending);
        }
        None
    }

    fn draw(&mut self) -> Option<Pending> {
        let (number, intended_ns) = self.schedule.take(self.now)?;
        let mut draw = self.run.workload.draw(self.load().seed, number);
        if self.map.cluster || self.ledger.is_some() {
            self.run.workload.place(&mut draw, &mut self.scratch);
        }
        Some(Pending { draw, intended_ns, attempts: 0, floor: 0, asking: false })
    }

    /// The node that a request belongs to, by the current map; [`NOBODY`] when its slot has no owner.
    pub(super) fn route(&self, pending: &Pending) -> u16 {
        if !self.map.cluster {
            return 0;
        }
        let draw = &pending.draw;
        let owner = match draw.slot {
            Some(slot) => self.map.owners[usize::from(slot)],
            None => self.map.owners[(mix(draw.number) % self.map.owners.len() as u64) as usize],
        };
        let share = self.run.workload.replica_share;
        if share == 0.0 || owner == NOBODY || pending.attempts > 0 {
            return owner;
        }
        let reads = self.run.workload.commands[usize::from(draw.command)].reads;
        let replicas = &self.map.replicas[usize::from(owner)];
        let dice = mix(draw.number ^ self.load().seed);
        if reads && !replicas.is_empty() && (dice >> 32) as f64 / ((1u64 << 32) as f64) < share {
            return replicas[dice as u32 as usize % replicas.len()];
        }
        owner
    }

    /// Queues a request for `node` and sees to it that an idle lane takes it. With a full queue an open loop
    /// drops it, and a closed loop stops drawing.
    pub(super) fn enqueue(&mut self, node: u16, pending: Pending) {
        if node == NOBODY {
            return self.put_off(pending);
        }
        self.know_node(node);
        if self.nodes[usize::from(node)].lost {
            self.range_failed(&pending);
        }
        let queue = &mut self.nodes[usize::from(node)].queue;
        if queue.len() >= self.queue_max && self.run.load.rate.is_some() {
            self.tick.counts(node).dropped += 1;
            return;
        }
        queue.push_back(pending);
        self.blocked |= queue.len() >= self.queue_max;
        self.wake.push(node);
    }

    /// Routes a request again a little later.
    pub(super) fn put_off(&mut self, pending: Pending) {
        if self.put_off.len() >= self.queue_max && self.open_loop() {
            self.tick.counts(0).dropped += 1;
            return;
        }
        self.put_off.push_back((self.now + CARE_NS, pending));
        self.blocked |= self.put_off.len() >= self.queue_max;
    }

    fn wake_nodes(&mut self) {
        while let Some(node) = self.wake.pop() {
            while !self.nodes[usize::from(node)].queue.is_empty() {
                let Some(lane) = self.nodes[usize::from(node)].idle.pop() else { break };
                self.lanes[lane as usize].listed = false;
                self.fill(lane);
            }
        }
    }

    /// Writes a request behind what the lane has to send.
    fn put(&mut self, lane: u32, mut pending: Pending) {
        if !self.note_in_ledger(&mut pending) {
            return;
        }
        let state = &mut self.lanes[lane as usize];
        let before = state.out.len();
        if pending.asking {
            state.out.extend(encode_command(&["ASKING"]));
            state.flights.push_back(Flight::Setup);
        }
        self.run.workload.encode(&pending.draw, &mut self.scratch, &mut state.out);
        let counts = self.tick.counts(state.node);
        counts.sent += 1;
        counts.offered += u64::from(pending.attempts == 0 && self.run.load.rate.is_none());
        counts.bytes_out += (state.out.len() - before) as u64;
        let (key, number, writes) = (pending.draw.key, pending.draw.number, pending.draw.command == 0);
        state.flights.push_back(Flight::Request(pending, self.now));
        self.in_flight += 1;
        if self.ledger.is_some() && writes && self.run.load.wait_replicas > 0 {
            state.out.extend(wait_command(&self.run.load));
            state.flights.push_back(Flight::Wait(key, number));
            self.in_flight += 1;
        }
    }

    fn flush(&mut self, lane: u32) {
        let state = &mut self.lanes[lane as usize];
        if state.sending || matches!(state.state, State::Down(_) | State::Closing) {
            return;
        }
        if let Some(session) = &mut state.secure {
            session.seal(&mut state.out);
        }
        if state.out.is_empty() {
            return;
        }
        state.sending = true;
        let bytes = std::mem::replace(&mut state.out, std::mem::take(&mut state.spare));
        self.ring.send(lane, bytes);
    }

    /// Takes the oldest flight of a lane off it.
    pub(super) fn land(&mut self, lane: u32) -> Option<Flight> {
        let flight = self.lanes[lane as usize].flights.pop_front();
        self.in_flight -= usize::from(flight.as_ref().is_some_and(Flight::is_work));
        flight
    }

    /// An open loop's requests that are due. Nothing here waits for the server: a thread that falls behind has
    /// a rate that it cannot hold.
    fn offer_due(&mut self) -> io::Result<()> {
        let Some(rate) = self.load().rate else { return Ok(()) };
        for _ in 0..OFFERS_MAX {
            let Some(pending) = self.draw() else {
                self.behind_since = None;
                return Ok(());
            };
            self.tick.lag.saturating_record(self.now - pending.intended_ns);
            let node = self.route(&pending);
            self.tick.counts(if node == NOBODY { 0 } else { node }).offered += 1;
            self.enqueue(node, pending);
        }
        if self.now - *self.behind_since.get_or_insert(self.now) < BEHIND_NS_MAX {
            return Ok(());
        }
        let text = format!("--rate {rate} is more than --threads {} can even draw here", self.load().threads);
        Err(io::Error::other(text))
    }
}

fn wait_command(load: &Load) -> Vec<u8> {
    let limit_ms = load.wait_limit.as_millis().max(1); // 0 would mean for ever
    encode_command(&["WAIT", &load.wait_replicas.to_string(), &limit_ms.to_string()])
}

impl Flight {
    /// Whether a run has to wait for it.
    fn is_work(&self) -> bool {
        !matches!(self, Flight::Setup)
    }
}

impl Lane {
    /// Whether nothing but the greeting was asked yet.
    fn out_is_greeting(&self) -> bool {
        self.flights.iter().all(|flight| matches!(flight, Flight::Setup))
    }
}
