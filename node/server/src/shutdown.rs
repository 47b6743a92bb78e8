//! The end of the process, asked for by a signal or by SHUTDOWN.
//!
//! Nothing that was acknowledged may be missing from what the last save keeps, and a command that came in at one core
//! may still be on its way to another. So the cores end together: each holds back writes and says that it is quiet;
//! when all are quiet, each waits for its replicas (`shutdown-timeout`), puts its log on the disk, saves its keys
//! where save points or SAVE ask for that, and says whether it may go. If all may, the main thread stops them. If one
//! cannot keep its data, all stay, unless FORCE was said.
//!
//! ```text
//!  asked --> every core: paused, quiet --> replicas have all, or time is over --> saved --> all may go: stopped
//!    ^                                                                              |
//!    +-------------------- withdrawn: ABORT, or a core failed <---------------------+
//! ```

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use commands::Error;

use crate::aof::State as LogState;
use crate::config::{Config, shutdown as flag};
use crate::core::Core;
use crate::core::blocking::SessionId;
use crate::core::pause::What;
use crate::log::{notice, warning};

/// What clients hear that asked for an end that does not come.
const FAILED: Error = Error::new("ERR Errors trying to SHUTDOWN. Check logs.");
/// SHUTDOWN ABORT without anything to abort.
pub const NONE_ASKED: Error = Error::new("ERR No shutdown in progress.");

/// Who asked for the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// SIGTERM: `shutdown-on-sigterm` says how.
    Terminate,
    /// SIGINT: `shutdown-on-sigint` says how.
    Interrupt,
    /// SHUTDOWN, with these flags.
    Command(u32),
}

impl Wish {
    fn flags(self, config: &Config) -> u32 {
        match self {
            Wish::Terminate => config.general.shutdown_on_sigterm,
            Wish::Interrupt => config.general.shutdown_on_sigint,
            Wish::Command(flags) => flags,
        }
    }
}

/// What all cores know of the end. Looked at in every round by one atomic; the rest is behind a lock, taken only when
/// an end was asked for.
pub struct Shutdown {
    is_asked: AtomicBool,
    state: Mutex<State>,
}

struct State {
    /// How often an end was asked for.
    round: u64,
    wish: Option<Wish>,
    cores: usize,
    quiet: usize,
    ready: usize,
    failed: bool,
}

/// How far the cores are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// They are about it, or nobody asked.
    Open,
    /// All may go.
    Agreed,
    /// One cannot.
    Failed,
}

impl Shutdown {
    /// A process of `cores`, of which nobody wants the end.
    pub fn new(cores: usize) -> Shutdown {
        let state = State { round: 0, wish: None, cores, quiet: 0, ready: 0, failed: false };
        Shutdown { is_asked: AtomicBool::new(false), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Whether an end was asked for.
    #[inline]
    pub fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::Relaxed)
    }

    /// Asks for the end; an end that was asked for already stays as it was.
    pub fn ask(&self, wish: Wish) {
        let mut state = self.state();
        if state.wish.is_none() {
            let (round, cores) = (state.round + 1, state.cores);
            *state = State { round, wish: Some(wish), cores, quiet: 0, ready: 0, failed: false };
            self.is_asked.store(true, Ordering::Relaxed);
        }
    }

    /// Takes the wish back; false when there was none.
    pub fn withdraw(&self) -> bool {
        let wished = self.state().wish.take().is_some();
        self.is_asked.store(false, Ordering::Relaxed);
        wished
    }

    fn asked(&self) -> Option<(u64, Wish)> {
        let state = self.state();
        Some((state.round, state.wish?))
    }

    /// A core holds writes back.
    fn say_quiet(&self, round: u64) {
        let mut state = self.state();
        state.quiet += usize::from(state.round == round);
    }

    fn all_quiet(&self, round: u64) -> bool {
        let state = self.state();
        state.round == round && state.quiet == state.cores
    }

    /// A core may go, or cannot.
    fn say_ready(&self, round: u64, may_go: bool) {
        let mut state = self.state();
        if state.round == round {
            state.ready += 1;
            state.failed |= !may_go;
        }
    }

    /// How far the cores are.
    pub fn outcome(&self) -> Outcome {
        let state = self.state();
        match state.wish {
            Some(_) if state.failed => Outcome::Failed,
            Some(_) if state.ready == state.cores => Outcome::Agreed,
            _ => Outcome::Open,
        }
    }
}

/// What a core knows of the end that was asked for.
#[derive(Default)]
pub struct Ending {
    step: Step,
    /// Clients that asked for it.
    waiting: Vec<SessionId>,
}

impl Ending {
    /// The client of `session` is gone.
    pub fn forget(&mut self, session: SessionId) {
        self.waiting.retain(|waiting| *waiting != session);
    }
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nobody asked.
    #[default]
    None,
    /// In this round, with these flags, until that moment, unix ms: writes are held back.
    Quiet { round: u64, flags: u32, until_ms: u64 },
    /// All cores hold them back.
    AllQuiet { round: u64, flags: u32, until_ms: u64 },
    /// It has said whether it may go.
    Ready { round: u64 },
}

impl Step {
    fn round(self) -> Option<u64> {
        match self {
            Step::None => None,
            Step::Quiet { round, .. } | Step::AllQuiet { round, .. } | Step::Ready { round } => Some(round),
        }
    }
}

impl Core {
    /// The client of `session` asked for the end: it hears of it only when it does not come.
    pub fn ask_shutdown(&mut self, session: SessionId, flags: u32) {
        self.ending.waiting.push(session);
        self.process.shutdown.ask(Wish::Command(flags));
        self.process.wake_cores();
    }

    /// Number of clients that asked for the end.
    pub fn shutdown_waiters(&self) -> usize {
        self.ending.waiting.len()
    }

    /// Milliseconds for which replicas are waited for at most, while they are.
    pub fn shutdown_ms(&self) -> Option<u64> {
        match self.ending.step {
            Step::Quiet { until_ms, .. } | Step::AllQuiet { until_ms, .. } => {
                Some(until_ms.saturating_sub(self.now_ms))
            }
            Step::None | Step::Ready { .. } => None,
        }
    }

    /// Goes towards the end that was asked for, or back from it. Called in every round.
    #[inline]
    pub fn tend_shutdown(&mut self) {
        if self.process.shutdown.is_asked() || self.ending.step != Step::None {
            self.tend_shutdown_now();
        }
    }

    fn tend_shutdown_now(&mut self) {
        let asked = self.process.shutdown.asked();
        match (self.ending.step, asked) {
            (Step::None, None) => {}
            (Step::None, Some((round, wish))) => self.grow_quiet(round, wish),
            (step, asked) if asked.map(|(round, _)| round) != step.round() => self.stay(),
            (Step::Quiet { round, flags, until_ms }, _) => {
                // What siblings sent before they were quiet is taken in the next round.
                if self.process.shutdown.all_quiet(round) {
                    self.ending.step = Step::AllQuiet { round, flags, until_ms };
                    self.wake_self();
                }
            }
            (Step::AllQuiet { round, flags, until_ms }, _) => {
                let waits = self.now_ms < until_ms && self.lagging_replicas() > 0;
                // A script that stands is in the middle of something, which nobody may keep.
                let stands = self.scripting.is_standing() && self.saves_at_end(flags);
                if !waits && !stands {
                    self.make_ready(round, flags);
                }
            }
            (Step::Ready { .. }, _) => {}
        }
    }

    /// Holds back writes.
    fn grow_quiet(&mut self, round: u64, wish: Wish) {
        let mut flags = wish.flags(&self.config);
        if self.loading.is_some() {
            flags = flags & !flag::SAVE | flag::NOSAVE | flag::NOW;
        }
        let timeout_ms = u64::from(self.config.general.shutdown_timeout) * 1000;
        let until_ms = if flags & flag::NOW != 0 { 0 } else { self.now_ms + timeout_ms };
        if self.now_ms < until_ms && self.lagging_replicas() > 0 {
            notice!("Waiting for replicas before shutting down.");
            self.replication.ask_for_acks();
        }
        self.pause.start(u64::MAX, What::Writes, self.now_ms);
        self.update_overdue();
        self.ending.step = Step::Quiet { round, flags, until_ms };
        let process = self.process.clone();
        process.shutdown.say_quiet(round);
        process.wake_cores();
    }

    /// The end does not come: clients are served on.
    fn stay(&mut self) {
        self.ending.step = Step::None;
        self.pause.stop();
        self.update_overdue();
        self.resume_paused();
        for session in std::mem::take(&mut self.ending.waiting) {
            self.resume_waiter(session, |reply| reply.error(FAILED.as_str()));
        }
        self.wake_self();
    }

    fn saves_at_end(&self, flags: u32) -> bool {
        let points = !self.config.persistence.save.is_empty() && flags & flag::NOSAVE == 0;
        self.loading.is_none() && (points || flags & flag::SAVE != 0)
    }

    /// Keeps the data, and says whether that worked.
    fn make_ready(&mut self, round: u64, flags: u32) {
        self.tell_of_replicas();
        let kept = self.keep_data(flags);
        if !kept && flags & flag::FORCE != 0 {
            warning!("Exiting nevertheless: FORCE was said.");
        }
        self.ending.step = Step::Ready { round };
        self.process.shutdown.say_ready(round, kept || flags & flag::FORCE != 0);
        self.process.nudge_main();
    }

    fn keep_data(&mut self, flags: u32) -> bool {
        if self.aof.state() == LogState::Waiting && flags & flag::FORCE == 0 {
            warning!("Writing initial AOF, can't exit.");
            return false;
        }
        self.give_rewrite_up();
        // There is no need for the one that runs.
        let _ = self.cancel_save();
        self.finish_log();
        if !self.saves_at_end(flags) {
            return true;
        }
        notice!("Saving the final RDB snapshot before exiting.");
        let saved = self.save_regardless();
        if saved.is_err() {
            warning!("Error trying to save the DB, can't exit.");
        }
        saved.is_ok()
    }

    fn tell_of_replicas(&self) {
        let (all, lagging) = (self.replication.replicas.len(), self.lagging_replicas());
        let offset = self.replication.offset();
        for replica in self.replication.replicas.iter().filter(|replica| !replica.has_acked(offset)) {
            let (name, behind) = (replica.name(), offset.saturating_sub(replica.acked));
            let (lag, state) = (replica.lag_s(self.now_ms), replica.state());
            warning!(
                "Lagging replica {name} reported offset {behind} behind master, lag={lag}, state={state}."
            );
        }
        if all > 0 {
            notice!("{} of {all} replicas are in sync when shutting down.", all - lagging);
        }
    }

    fn lagging_replicas(&self) -> usize {
        self.replication.replicas.len() - self.replication.replicas.acked(self.replication.offset())
    }
}
