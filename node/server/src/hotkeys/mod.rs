//! HOTKEYS: which keys cost most, by time and by bytes, while somebody wants to know.
//!
//! A command is noted when it has run, with the time it took and the bytes of its request and reply; its keys share both
//! evenly. What a transaction runs is noted command by command; a script is one command with the keys it was given. On
//! a replica the master's commands count as well. While nobody tracks, a command costs one branch.

mod heavy_hitters;
mod report;

use std::sync::atomic::Ordering;

use cluster::SlotSet;
use commands::Args;
use commands::table::Found;
use heavy_hitters::HeavyHitters;
pub use report::Report;

use crate::admin::info::Cpu;
use crate::clock::Moment;
use crate::core::Core;

/// What is to be tracked, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Keys by the time their commands run.
    pub cpu: bool,
    /// Keys by the bytes of requests and replies.
    pub net: bool,
    /// How many keys are told.
    pub count: usize,
    /// When it ends by itself.
    pub duration_ms: Option<u64>,
    /// One in so many commands is looked at.
    pub ratio: u64,
    /// Keys of these slots only.
    pub slots: Option<SlotSet>,
}

/// What commands cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Time, in nanoseconds.
    pub ns: u64,
    /// Bytes of requests and replies.
    pub bytes: u64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        self.ns += other.ns;
        self.bytes += other.bytes;
    }
}

/// What the core had used at a moment.
struct Used {
    at_ms: u64,
    cpu: Cpu,
    net_bytes: u64,
}

impl Used {
    fn now(core: &Core) -> Used {
        let net_bytes = core.stats.net_input_bytes + core.stats.net_output_bytes;
        Used { at_ms: crate::clock::unix_ms(), cpu: Cpu::of_thread(), net_bytes }
    }
}

struct Session {
    plan: Plan,
    start: Used,
    /// None while it goes on.
    end: Option<Used>,
    by_cpu: HeavyHitters,
    by_net: HeavyHitters,
    all: Cost,
    selected: Cost,
    sampled: Cost,
}

/// The tracking of a core: what goes on, or what is left of the last.
#[derive(Default)]
pub struct Hotkeys {
    session: Option<Box<Session>>,
    is_on: bool,
}

impl Hotkeys {
    /// Whether commands are tracked.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Forgets what is left of the last tracking.
    pub fn reset(&mut self) {
        self.session = None;
    }
}

impl Core {
    /// Tracks from now on; the core has been claimed for it.
    pub fn start_hotkeys(&mut self, plan: Plan) {
        let session = Session {
            plan,
            start: Used::now(self),
            end: None,
            by_cpu: HeavyHitters::default(),
            by_net: HeavyHitters::default(),
            all: Cost::default(),
            selected: Cost::default(),
            sampled: Cost::default(),
        };
        self.hotkeys = Hotkeys { session: Some(Box::new(session)), is_on: true };
    }

    /// Tracks no more; what was seen stays.
    pub fn stop_hotkeys(&mut self) {
        let now = Used::now(self);
        if let Some(session) = &mut self.hotkeys.session {
            session.end = Some(now);
        }
        self.hotkeys.is_on = false;
        self.place().tracks_keys.store(false, Ordering::Relaxed);
    }

    /// Ends a tracking whose time is over.
    pub fn end_hotkeys(&mut self) {
        let session = self.hotkeys.session.as_ref().filter(|_| self.hotkeys.is_on);
        let over = session.is_some_and(|session| {
            let spent = self.now_ms.saturating_sub(session.start.at_ms);
            session.plan.duration_ms.is_some_and(|duration_ms| spent >= duration_ms)
        });
        if over {
            self.stop_hotkeys();
        }
    }

    /// Notes a command that began at `start` and answered with so many bytes, while commands are tracked. A script's
    /// commands are part of it.
    #[inline]
    pub fn note_hot_keys(&mut self, found: Found, args: &Args<'_>, start: Moment, bytes_out: usize) {
        if self.hotkeys.is_on && !self.scripting.is_running() {
            self.track_keys(found, args, start, bytes_out);
        }
    }

    #[cold]
    fn track_keys(&mut self, found: Found, args: &Args<'_>, start: Moment, bytes_out: usize) {
        let Core { hotkeys: Hotkeys { session: Some(session), .. }, random, .. } = self else { return };
        let cost = Cost { ns: start.elapsed_ns(), bytes: (args.request_len() + bytes_out) as u64 };
        session.all += cost;
        let (mut keys, mut is_selected) = (0, true);
        // A malformed count of keys names none.
        let _ = found.command.each_key(args, &mut |i| {
            keys += 1;
            is_selected &=
                session.plan.slots.as_ref().is_none_or(|slots| slots.contains(base::key_slot(args[i])));
        });
        if keys == 0 || !is_selected {
            return;
        }
        session.selected += cost;
        if session.plan.ratio > 1 && random.below(session.plan.ratio) != 0 {
            return;
        }
        session.sampled += cost;
        let _ = found.command.each_key(args, &mut |i| {
            if session.plan.cpu {
                session.by_cpu.add(args[i], cost.ns / keys);
            }
            if session.plan.net {
                session.by_net.add(args[i], cost.bytes / keys);
            }
        });
    }
}
