//! What a core does beside serving: expiry, freeing, time-outs, the cluster's timers.
//!
//! A glommio task that wakes some times a second. Work that can be long is done in slices, with the client
//! loop let in between.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::admin::info::Cpu;
use crate::client::{Closing, Role};
use crate::clock::{self, Moment};
use crate::core::Core;
use crate::core::eviction::Room;
use crate::core::rest::rest;
use crate::executor;

/// The longest a slice of background work takes.
const SLICE: Duration = Duration::from_micros(200);
/// Usual time between two rounds, and while somebody waits for a moment to come.
const INTERVAL: Duration = Duration::from_millis(100);
const SHORT_INTERVAL: Duration = Duration::from_millis(10);
/// Most of a round's interval that active expiry may take, at `active-expire-effort` 1; each step adds 2%.
const EXPIRE_SHARE_PERCENT: u32 = 25;

/// Runs the background work of a core until the process ends.
pub async fn run(core: Rc<RefCell<Core>>) {
    let (mut last, mut commands) = (Instant::now(), 0);
    let (process, index) = (core.borrow().process.clone(), usize::from(core.borrow().index));
    while !process.is_stopping() {
        let round = Instant::now();
        if process.shutdown.is_asked() {
            // Waiting for replicas has an end, though nothing comes in.
            core.borrow().wake_self();
        }
        if !core.borrow().cron_paused {
            core.borrow_mut().tick(last.elapsed());
            // Nothing changes under a script that stands.
            if !core.borrow().scripting.is_standing() {
                expire(&core, round).await;
                evict(&core).await;
            }
            free(&core).await;
        }
        last = round;
        let (interval, is_quiet) = {
            let core = core.borrow();
            if core.has_work_for_clients() {
                core.wake_self();
            }
            let before = std::mem::replace(&mut commands, core.stats.commands);
            let interval = if core.expects_moment() { SHORT_INTERVAL } else { INTERVAL };
            (interval.saturating_sub(round.elapsed()), commands == before && core.is_quiet())
        };
        let time = if is_quiet { interval.max(core.borrow().time_for_brain()) } else { interval };
        process.cores[index].pulse.beat(process.clock.now_ms() + time.as_millis() as u64).await;
        match is_quiet {
            true => rest(&core, time).await,
            false => executor::sleep(time).await,
        }
    }
}

/// Deletes keys whose time is over, as long as that finds many and the share of time allows.
async fn expire(core: &Rc<RefCell<Core>>, round: Instant) {
    let mut spent = Duration::ZERO;
    loop {
        let budget = core.borrow_mut().expire_some(&mut spent);
        let Some(budget) = budget else { break };
        if round.elapsed() > budget {
            core.borrow_mut().stats.expire_cycles_cut += 1;
            break;
        }
        executor::yield_now().await;
    }
    core.borrow_mut().note_event("expire-cycle", spent);
}

/// Goes on with evicting while no command does.
async fn evict(core: &Rc<RefCell<Core>>) {
    while core.borrow_mut().evict(SLICE) == Room::Soon {
        executor::yield_now().await;
    }
}

async fn free(core: &Rc<RefCell<Core>>) {
    while !core.borrow_mut().free_slice(SLICE) {
        executor::yield_now().await;
    }
}

impl Core {
    /// One slice of expiry, whose time adds to `spent`; where another is worth it, how long all may take.
    fn expire_some(&mut self, spent: &mut Duration) -> Option<Duration> {
        // What expires on a replica is its master's to delete.
        if self.loading.is_some()
            || !self.active_expire
            || !self.deletes_overdue()
            || !self.keys.may_expire()
            || self.cluster.myself().is_replica()
        {
            return None;
        }
        let effort = self.config.keyspace.active_expire_effort;
        let share = EXPIRE_SHARE_PERCENT + 2 * effort.saturating_sub(1);
        let start = Instant::now();
        let worth = self.expire_slice(SLICE);
        *spent += start.elapsed();
        worth.then_some(INTERVAL * share / 100)
    }

    /// Tells the latency monitor of an event.
    fn note_event(&mut self, event: &'static str, elapsed: Duration) {
        self.latency.observe(event, elapsed, self.config.insight.latency_monitor_threshold, self.now_ms);
    }

    /// Whether nothing but the brain needs this task before the next command or news.
    fn is_quiet(&self) -> bool {
        let may_expire = self.keys.may_expire() && !self.cluster.myself().is_replica();
        !self.expects_moment() && self.loading.is_none() && !may_expire && !self.process.shutdown.is_asked()
    }

    /// How long the brain has nothing to do.
    fn time_for_brain(&self) -> Duration {
        Duration::from_millis(self.cluster.next_deadline().saturating_sub(self.bus_now()))
    }

    /// Whether something is to happen at a set moment soon.
    fn expects_moment(&self) -> bool {
        self.pause.until_ms(self.now_ms).is_some()
            || self.waiting.next_deadline_ms().is_some()
            || !self.replication.waits.is_empty()
    }

    /// The work of one round that is never long; `since` is the time since the last.
    fn tick(&mut self, since: Duration) {
        let start = Moment::now();
        self.now_ms = clock::unix_ms();
        self.end_timed_out();
        self.answer_waits();
        self.end_pause();
        self.end_hotkeys();
        self.drive_cluster();
        self.give_up_lost_image();
        if self.loading.is_none() {
            self.save_if_due();
            self.rewrite_if_due();
        }
        self.limit_tracking();
        let ms = since.as_millis() as u64;
        self.stats.ops.sample(self.stats.commands, ms);
        self.stats.input_rate.sample(self.stats.net_input_bytes, ms);
        self.stats.output_rate.sample(self.stats.net_output_bytes, ms);
        self.stats.rounds.sample(ms, Cpu::of_thread().all_us());
        self.publish_memory();
        self.stats.peak_memory = self.stats.peak_memory.max(self.used_memory());
        if self.now_ms / 1000 != (self.now_ms - ms.min(self.now_ms)) / 1000 {
            // Should a wake-up of the ring or of a client ever be lost, it costs a client a second, not its connection.
            self.wake_self();
            if self.pause.until_ms(self.now_ms).is_none() {
                self.resume_paused();
            }
            self.close_idle_clients();
            self.close_idle_targets();
            self.delete_strays();
            self.balance_slots();
            self.replication_second();
        }
        self.stats.rounds.cron_ended(start.elapsed_ns());
    }

    /// Closes clients that were idle for `timeout` seconds, and those over a soft output limit for too long.
    fn close_idle_clients(&mut self) {
        let timeout_ms = u64::from(self.config.network.timeout) * 1000;
        let now_ms = self.now_ms;
        let mut over = Vec::new();
        for client in self.clients.iter_mut() {
            let idle = client.role == Role::Client
                && timeout_ms > 0
                && !client.blocked
                && now_ms.saturating_sub(client.active_ms) >= timeout_ms;
            if idle && client.closing == Closing::No {
                client.shut();
            }
            if client.soft_limit_ms > 0 {
                over.push(client.index);
            }
        }
        over.into_iter().for_each(|index| self.check_output(index));
    }

    /// Lets clients go on whose pause is over.
    fn end_pause(&mut self) {
        if self.pause.take_ended(self.now_ms) {
            self.update_overdue();
            self.resume_paused();
        }
    }

    /// Lets all clients go on that a pause held back.
    pub fn resume_paused(&mut self) {
        let mut held = Vec::new();
        for client in self.clients.iter_mut().filter(|client| client.paused) {
            client.paused = false;
            held.push(client.index);
        }
        held.into_iter().for_each(|index| self.mark_outgoing(index));
        let frames = self.pause.take_frames();
        self.run_frames(&frames);
    }
}
