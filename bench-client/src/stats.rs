//! What a thread counts, handed to the coordinator once a second.
//!
//! Threads never share a counter: each fills its own [`Tick`] and sends it whole, so counting costs nothing
//! that another core would feel, and the coordinator can add them up in any way: by second, node or command.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use hdrhistogram::Histogram;

use crate::verify::Ledger;

/// Longest latency that is told apart from longer ones, in nanoseconds: an hour.
const LATENCY_MAX_NS: u64 = 3_600_000_000_000;
/// Smallest difference that is kept for short latencies, in nanoseconds.
const LATENCY_STEP_NS: u64 = 100;
/// Significant digits of a latency.
const DIGITS: u8 = 3;
/// Most kinds of error replies that are counted apart.
const ERROR_KINDS_MAX: usize = 32;

/// Latencies in nanoseconds.
pub type Latencies = Histogram<u64>;

/// An empty histogram.
pub fn latencies() -> Latencies {
    Histogram::new_with_bounds(LATENCY_STEP_NS, LATENCY_MAX_NS, DIGITS).expect("constant bounds are valid")
}

macro_rules! counts {
    ($(#[$meta:meta] $name:ident),* $(,)?) => {
        /// Plain counters.
        #[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct Counts { $(#[$meta] pub $name: u64),* }

        impl AddAssign<&Counts> for Counts {
            fn add_assign(&mut self, other: &Counts) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

counts! {
    /// Requests that the load asked for (open loop: that were due).
    offered,
    /// Requests written to a connection, repetitions after a redirection included.
    sent,
    /// Requests that got their final answer, errors included.
    answered,
    /// Requests given up before they were sent: the backlog was full, or the run was over.
    dropped,
    /// Final answers that were errors.
    errors,
    /// Answers that were null: keys that are not there.
    misses,
    /// MOVED answers, followed.
    moved,
    /// ASK answers, followed.
    ask,
    /// TRYAGAIN answers, tried again.
    tryagain,
    /// CLUSTERDOWN, LOADING and MASTERDOWN answers, tried again.
    clusterdown,
    /// Requests whose connection broke before the answer: their outcome is unknown.
    lost,
    /// Requests without an answer within the timeout: their outcome is unknown.
    timeouts,
    /// Connections that could not be made.
    refused,
    /// Bytes written.
    bytes_out,
    /// Bytes read.
    bytes_in,
}

impl Counts {
    /// Requests that failed, in whatever way.
    pub fn failed(&self) -> u64 {
        self.errors + self.lost + self.timeouts
    }
}

/// Latencies of one command on one node.
#[derive(Debug, Clone)]
pub struct Cell {
    /// From sending to the answer.
    pub service: Latencies,
    /// From the intended time to the answer; only an open loop has one.
    pub response: Option<Latencies>,
}

impl Cell {
    /// An empty cell.
    pub fn new(open_loop: bool) -> Cell {
        Cell { service: latencies(), response: open_loop.then(latencies) }
    }

    /// What a user waits: from the intended time in an open loop, else from sending.
    pub fn felt(&self) -> &Latencies {
        self.response.as_ref().unwrap_or(&self.service)
    }

    /// Adds `other` to it.
    pub fn add(&mut self, other: &Cell) {
        self.service.add(&other.service).expect("the same bounds");
        if let (Some(mine), Some(other)) = (&mut self.response, &other.response) {
            mine.add(other).expect("the same bounds");
        }
    }
}

/// How a range of slots fared, as one thread saw it.
#[derive(Debug, Clone, Copy, Default)]
pub struct RangeTick {
    /// Successful answers.
    pub answered: u64,
    /// Requests that failed or had to wait for their node.
    pub failed: u64,
    /// Longest time between two successes with a failure or a wait between them, in nanoseconds.
    pub longest_gap_ns: u64,
}

/// The processor's side of a thread over a tick.
#[derive(Debug, Clone, Copy, Default)]
pub struct Effort {
    /// Time it ran, in nanoseconds.
    pub cpu_ns: u64,
    /// Time it could have run but another thread had the CPU, in nanoseconds.
    pub waited_ns: u64,
}

impl AddAssign for Effort {
    fn add_assign(&mut self, other: Effort) {
        self.cpu_ns += other.cpu_ns;
        self.waited_ns += other.waited_ns;
    }
}

/// One thread's numbers for a span of time.
#[derive(Debug)]
pub struct Tick {
    /// The thread.
    pub thread: usize,
    /// Start and end in nanoseconds since the run began.
    pub span_ns: (u64, u64),
    /// Latencies by node and command: see [`Tick::cell`].
    pub cells: Vec<Option<Box<Cell>>>,
    /// Counters by node.
    pub counts: Vec<Counts>,
    /// How many commands the workload has.
    pub commands: usize,
    /// Error answers by their first word.
    pub errors: BTreeMap<String, u64>,
    /// By slot range of the first map.
    pub ranges: Vec<RangeTick>,
    /// How late requests were put on their way, in nanoseconds: the generator's own fault.
    pub lag: Latencies,
    /// What the thread cost.
    pub effort: Effort,
    /// What verify mode knows; only in a thread's last tick.
    pub ledger: Option<Ledger>,
}

impl Tick {
    /// An empty tick that starts at `start_ns`.
    pub fn new(thread: usize, start_ns: u64, commands: usize, ranges: usize) -> Tick {
        Tick {
            thread,
            span_ns: (start_ns, start_ns),
            cells: Vec::new(),
            counts: Vec::new(),
            commands,
            errors: BTreeMap::new(),
            ranges: vec![RangeTick::default(); ranges],
            lag: latencies(),
            effort: Effort::default(),
            ledger: None,
        }
    }

    /// The latencies of `command` on `node`.
    pub fn cell(&mut self, node: u16, command: u16, open_loop: bool) -> &mut Cell {
        let index = usize::from(node) * self.commands + usize::from(command);
        if index >= self.cells.len() {
            self.cells.resize_with(index + 1, || None);
        }
        self.cells[index].get_or_insert_with(|| Box::new(Cell::new(open_loop)))
    }

    /// The counters of `node`.
    pub fn counts(&mut self, node: u16) -> &mut Counts {
        let index = usize::from(node);
        if index >= self.counts.len() {
            self.counts.resize_with(index + 1, Counts::default);
        }
        &mut self.counts[index]
    }

    /// Counts an error answer by its first word; of a plain ERR by its text, up to what differs each time.
    pub fn count_error(&mut self, text: &str) {
        let ends: &[char] = if text.starts_with("ERR ") { &['\'', ',', ':', '\r'] } else { &[' ', '\r'] };
        let kind: String = text.split(ends).next().unwrap_or("").trim_end().chars().take(60).collect();
        let known = self.errors.len() < ERROR_KINDS_MAX || self.errors.contains_key(&kind);
        *self.errors.entry(if known { kind } else { "other".into() }).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Percentiles of a known distribution must come out within the histogram's promise of three digits.
    #[test]
    fn percentiles_of_a_known_distribution() {
        let mut histogram = latencies();
        // Latencies 10 us, 20 us, ... 10 s, each once: the quantile q lies at q * 10 s.
        for step in 1..=1_000_000u64 {
            histogram.saturating_record(step * 10_000);
        }
        for quantile in [0.001, 0.01, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0] {
            let (found, exact) = (histogram.value_at_quantile(quantile) as f64, quantile * 1e10);
            assert!((found / exact - 1.0).abs() < 1e-3, "{quantile}: {found} instead of {exact}");
        }
    }

    #[test]
    fn errors_have_kinds() {
        let mut tick = Tick::new(0, 0, 1, 0);
        for text in
            ["ERR unknown command 'a', with", "ERR unknown command 'b'", "OOM command", "ERR syntax error"]
        {
            tick.count_error(text);
        }
        let kinds: Vec<_> = tick.errors.into_iter().collect();
        let expected = [("ERR syntax error", 1), ("ERR unknown command", 2), ("OOM", 1)];
        assert_eq!(kinds, expected.map(|(kind, count)| (kind.to_string(), count)));
    }

    #[test]
    fn error_kinds_are_bounded() {
        let mut tick = Tick::new(0, 0, 1, 0);
        (0..1000).for_each(|n| tick.count_error(&format!("E{n} text")));
        assert_eq!(tick.errors.len(), ERROR_KINDS_MAX + 1);
        assert_eq!(tick.errors["other"], 1000 - ERROR_KINDS_MAX as u64);
    }
}
