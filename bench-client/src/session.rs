//! One run from start to end: collects the threads' ticks, shows progress, and adds everything up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::engine::{self, Run};
use crate::live::Live;
use crate::stats::{Cell, Counts, Effort, Latencies, RangeTick, Tick, latencies};
use crate::verify::Ledger;

/// Set by SIGINT: the run under way ends early and is reported.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// Most seconds of a timeline; a longer run goes on without one.
const SECONDS_MAX: usize = 100_000;

/// One second of the timeline, over all threads.
#[derive(Debug, Clone)]
pub struct Second {
    /// Sums over all nodes.
    pub counts: Counts,
    /// Latencies as users felt them.
    pub felt: Option<Latencies>,
    /// p50, p99 and maximum, in nanoseconds.
    pub quantiles: (u64, u64, u64),
    /// The histogram in HdrHistogram's compressed form, when a log was asked for.
    pub encoded: Vec<u8>,
    /// How many threads have told about it.
    threads: usize,
}

impl Second {
    /// A second that nothing is known of yet.
    pub fn empty() -> Second {
        Second {
            counts: Counts::default(),
            felt: Some(latencies()),
            quantiles: (0, 0, 0),
            encoded: Vec::new(),
            threads: 0,
        }
    }
}

/// All that a run has found out.
#[derive(Debug)]
pub struct Outcome {
    /// Measured time in seconds, warm-up not counted.
    pub seconds: f64,
    /// Latencies by node and command.
    pub cells: BTreeMap<(u16, u16), Cell>,
    /// Counters by node.
    pub counts: Vec<Counts>,
    /// Error answers by their first word.
    pub errors: BTreeMap<String, u64>,
    /// By slot range of the first map.
    pub ranges: Vec<RangeTick>,
    /// How late requests were put on their way.
    pub lag: Latencies,
    /// What each thread cost, and how long it lived in nanoseconds.
    pub efforts: Vec<(Effort, u64)>,
    /// What verify mode's threads know.
    pub ledgers: Vec<Ledger>,
    /// Second by second, warm-up included.
    pub timeline: Vec<Second>,
    /// Seconds of `timeline` that are warm-up.
    pub warmup: usize,
}

impl Outcome {
    /// Counters over all nodes.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.counts.iter().for_each(|counts| total += counts);
        total
    }

    /// All latencies together; `open_loop` as the run was.
    pub fn all(&self, open_loop: bool) -> Cell {
        self.sum(open_loop, |_| true)
    }

    /// The latencies of the cells that `wanted` names by node and command.
    pub fn sum(&self, open_loop: bool, wanted: impl Fn((u16, u16)) -> bool) -> Cell {
        let mut sum = Cell::new(open_loop);
        self.cells.iter().filter(|(key, _)| wanted(**key)).for_each(|(_, cell)| sum.add(cell));
        sum
    }

    /// Answers a second.
    pub fn throughput(&self) -> f64 {
        self.total().answered as f64 / self.seconds.max(1e-9)
    }
}

/// How a run is followed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Follow {
    /// Seconds at the start that are not measured.
    pub warmup: usize,
    /// Whether each second's histogram is kept in compressed form.
    pub encode: bool,
    /// Whether to show progress.
    pub live: bool,
}

/// Runs the load and returns when all threads have ended.
pub fn run(run: &Arc<Run>, follow: Follow) -> Result<Outcome, String> {
    let (ticks, threads) = engine::start(run).map_err(|e| format!("cannot start the load's threads: {e}"))?;
    let mut collector = Collector::new(run, follow);
    loop {
        match ticks.recv_timeout(Duration::from_millis(50)) {
            Ok(tick) => collector.take(tick),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
        }
        if INTERRUPTED.load(Ordering::Relaxed) {
            run.stop();
        }
    }
    collector.live.end();
    for thread in threads {
        let ended = thread.join().map_err(|_| "a load thread failed".to_string())?;
        ended.map_err(|e| explain(&e))?;
    }
    Ok(collector.outcome)
}

/// A failure of a thread's ring, as a sentence with its remedy.
fn explain(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::ENOSYS) => {
            "io_uring is not available here: kernel 6.1 or newer, allowed by seccomp and by \
             /proc/sys/kernel/io_uring_disabled, is needed"
                .into()
        }
        Some(libc::ENOMEM) => "too little locked memory for io_uring: raise it (ulimit -l)".into(),
        Some(libc::EMFILE) => "too many connections for the open-file limit: raise it (ulimit -n)".into(),
        Some(_) => format!("a load thread failed: {error}"),
        // One of our own: a whole sentence.
        None => error.to_string(),
    }
}

struct Collector<'a> {
    run: &'a Run,
    follow: Follow,
    outcome: Outcome,
    live: Live,
}

impl<'a> Collector<'a> {
    fn new(run: &'a Run, follow: Follow) -> Collector<'a> {
        let outcome = Outcome {
            seconds: 0.0,
            cells: BTreeMap::new(),
            counts: Vec::new(),
            errors: BTreeMap::new(),
            ranges: vec![RangeTick::default(); run.ranges.len()],
            lag: latencies(),
            efforts: vec![Default::default(); run.load.threads],
            ledgers: Vec::new(),
            timeline: Vec::new(),
            warmup: follow.warmup,
        };
        Collector { run, follow, outcome, live: Live::new(&run.load, follow.live) }
    }

    fn take(&mut self, mut tick: Tick) {
        self.outcome.ledgers.extend(tick.ledger.take());
        let second = (tick.span_ns.0 / engine::TICK_NS) as usize;
        if second < SECONDS_MAX {
            self.take_second(second, &tick);
        }
        if second >= self.follow.warmup {
            self.take_total(tick);
        }
    }

    fn take_second(&mut self, index: usize, tick: &Tick) {
        if self.outcome.timeline.len() <= index {
            self.outcome.timeline.resize_with(index + 1, Second::empty);
        }
        let second = &mut self.outcome.timeline[index];
        tick.counts.iter().for_each(|counts| second.counts += counts);
        if let Some(felt) = &mut second.felt {
            let cells = tick.cells.iter().flatten();
            cells.for_each(|cell| felt.add(cell.felt()).expect("the same bounds"));
            second.quantiles = (felt.value_at_quantile(0.5), felt.value_at_quantile(0.99), felt.max());
        }
        second.threads += 1;
        if second.threads == self.run.load.threads {
            let felt = second.felt.take();
            if let Some(felt) = felt.filter(|_| self.follow.encode) {
                second.encoded = crate::output::hdr::encode(&felt);
            }
            self.live.show(index, &self.outcome.timeline[index]);
        }
    }

    fn take_total(&mut self, tick: Tick) {
        let outcome = &mut self.outcome;
        let measured_ns = tick.span_ns.1.saturating_sub(self.follow.warmup as u64 * engine::TICK_NS);
        outcome.seconds = outcome.seconds.max(measured_ns as f64 / 1e9);
        for (index, cell) in tick.cells.into_iter().enumerate() {
            let Some(cell) = cell else { continue };
            let key = ((index / tick.commands) as u16, (index % tick.commands) as u16);
            match outcome.cells.get_mut(&key) {
                Some(sum) => sum.add(&cell),
                None => drop(outcome.cells.insert(key, *cell)),
            }
        }
        if outcome.counts.len() < tick.counts.len() {
            outcome.counts.resize_with(tick.counts.len(), Counts::default);
        }
        outcome.counts.iter_mut().zip(&tick.counts).for_each(|(sum, counts)| *sum += counts);
        for (kind, count) in tick.errors {
            *outcome.errors.entry(kind).or_default() += count;
        }
        for (sum, range) in outcome.ranges.iter_mut().zip(&tick.ranges) {
            sum.answered += range.answered;
            sum.failed += range.failed;
            sum.longest_gap_ns = sum.longest_gap_ns.max(range.longest_gap_ns);
        }
        outcome.lag.add(&tick.lag).expect("the same bounds");
        let (effort, alive_ns) = &mut outcome.efforts[tick.thread];
        *effort += tick.effort;
        *alive_ns += tick.span_ns.1 - tick.span_ns.0;
    }
}
