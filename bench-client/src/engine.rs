//! Runs a load: a thread for each core, each with its own ring, connections, schedule and counters.
//!
//! Threads share nothing but the slot map and a stop flag. See [`worker`] for the way of a request.

mod answers;
mod care;
pub mod lane;
pub mod schedule;
pub mod watch;
mod worker;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use base::SLOT_COUNT;

use crate::admin::Login;
use crate::stats::Tick;
use crate::topology::{Map, Topology};
use crate::workload::Workload;
use schedule::{Arrivals, Schedule};
pub use worker::TICK_NS;
use worker::Worker;

/// How hard to press: all that is not the workload.
#[derive(Debug, Clone)]
pub struct Load {
    /// Threads of the generator.
    pub threads: usize,
    /// Connections over all threads and nodes.
    pub connections: usize,
    /// Most unanswered requests of a connection.
    pub pipeline: usize,
    /// Requests in all; `None`: until `duration` is over.
    pub requests: Option<u64>,
    /// How long to send.
    pub duration: Option<Duration>,
    /// Requests a second over all threads; `None` is a closed loop.
    pub rate: Option<f64>,
    /// How an open loop's requests are spread over time.
    pub arrivals: Arrivals,
    /// How long an answer may take.
    pub timeout: Duration,
    /// What all randomness of the run follows from.
    pub seed: u64,
    /// How connections log in.
    pub login: Login,
    /// In verify mode: replicas that `WAIT` asks to confirm each write; 0 sends no `WAIT`.
    pub wait_replicas: u32,
    /// How long the server may hold a `WAIT`.
    pub wait_limit: Duration,
    /// CPU of each thread; empty: the kernel decides.
    pub cpus: Vec<usize>,
}

/// What all threads of one run see.
pub struct Run {
    /// How hard to press.
    pub load: Load,
    /// What to ask.
    pub workload: Workload,
    /// Whom to ask.
    pub topology: Arc<Topology>,
    /// Time zero.
    pub start: Instant,
    /// Ends the sending early.
    pub stop: AtomicBool,
    /// The slot ranges of the map at the start, and for each slot the index of its range.
    pub ranges: Vec<(u16, u16, u16)>,
    range_of: Vec<u16>,
}

/// Most slot ranges that are reported apart; a more scattered map is cut into this many equal parts.
const RANGES_MAX: usize = 128;

impl Run {
    /// A run that starts now.
    pub fn new(load: Load, workload: Workload, topology: Arc<Topology>) -> Run {
        let ranges = report_ranges(&topology.map());
        let mut range_of = vec![0; SLOT_COUNT];
        for (index, &(first, last, _)) in ranges.iter().enumerate() {
            range_of[usize::from(first)..=usize::from(last)].fill(index as u16);
        }
        Run {
            load,
            workload,
            topology,
            start: Instant::now(),
            stop: AtomicBool::new(false),
            ranges,
            range_of,
        }
    }

    /// Nanoseconds since the run began.
    pub fn now_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// Tells the threads to send nothing new.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn schedule(&self, thread: usize) -> Schedule {
        let load = &self.load;
        let closed = Schedule::closed(thread, load.threads, load.requests, load.duration);
        match load.rate {
            Some(rate) => closed.at_rate(rate, load.arrivals, load.seed, 0),
            None => closed,
        }
    }
}

fn report_ranges(map: &Map) -> Vec<(u16, u16, u16)> {
    let ranges = map.ranges();
    if ranges.len() <= RANGES_MAX {
        return ranges;
    }
    let size = (SLOT_COUNT / RANGES_MAX) as u16;
    (0..RANGES_MAX as u16)
        .map(|i| (i * size, i * size + size - 1, map.owners[usize::from(i * size)]))
        .collect()
}

/// The threads of a run and what they tell.
pub type Started = (Receiver<Tick>, Vec<JoinHandle<io::Result<()>>>);

/// Starts the threads; their ticks come through the receiver, which closes when all have ended.
pub fn start(run: &Arc<Run>) -> io::Result<Started> {
    let (sender, receiver) = channel();
    let spawn = |thread: usize| {
        let (run, sender): (Arc<Run>, Sender<Tick>) = (run.clone(), sender.clone());
        let name = format!("bench-{thread}");
        let work = move || {
            let ended = Worker::new(&run, thread, sender).and_then(Worker::run);
            // The others are of no use without it.
            ended.inspect_err(|_| run.stop())
        };
        thread::Builder::new().name(name).spawn(work)
    };
    let threads = (0..run.load.threads).map(spawn).collect::<io::Result<Vec<_>>>()?;
    Ok((receiver, threads))
}
