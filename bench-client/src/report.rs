//! A run's result as data: what the table shows, and what the JSON file holds for `compare` and the page.
//!
//! Times are milliseconds, rates per second, shares between 0 and 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::{Load, Run};
use crate::machine::Machine;
use crate::session::{Outcome, Second};
use crate::stats::{Counts, Effort, Latencies};
use crate::text::count;

/// Version of the file's form; `compare` refuses others.
pub const FORM: u32 = 1;

/// Everything that one call of the program found out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// [`FORM`].
    pub form: u32,
    /// When it started, UTC, RFC 3339.
    pub date: String,
    /// The program's arguments.
    pub command_line: String,
    /// Where the load came from.
    pub machine: Machine,
    /// Name and version of the server.
    pub server: String,
    /// The address that was named.
    pub target: String,
    /// How it was pressed.
    pub load: LoadFacts,
    /// The workload's name and line.
    pub workload: (String, String),
    /// One for each turn of the workload, and all of them again for each of `--repeat`.
    pub runs: Vec<RunReport>,
    /// The rates that `--find-slo` tried.
    pub tries: Vec<crate::slo::Try>,
}

/// The runs of one label, slowest first; there is at least one.
pub struct Repeats<'a>(Vec<&'a RunReport>);

impl Report {
    /// The runs by label, in the order in which labels appear.
    pub fn repeats(&self) -> Vec<Repeats<'_>> {
        let mut all: Vec<Repeats<'_>> = Vec::new();
        for run in &self.runs {
            match all.iter_mut().find(|repeats| repeats.0[0].label == run.label) {
                Some(repeats) => repeats.0.push(run),
                None => all.push(Repeats(vec![run])),
            }
        }
        all.iter_mut().for_each(|r| r.0.sort_by(|a, b| a.throughput.total_cmp(&b.throughput)));
        all
    }
}

impl<'a> Repeats<'a> {
    /// The run in the middle, which stands for all.
    pub fn shown(&self) -> &'a RunReport {
        self.0[self.0.len() / 2]
    }

    /// How the runs spread; nothing to say of one.
    pub fn spread(&self) -> Option<String> {
        let (slowest, fastest) = (self.0[0].throughput, self.0[self.0.len() - 1].throughput);
        let p99s = self.0.iter().map(|run| run.latency.p99);
        let (best, worst) = p99s.fold((f64::MAX, 0f64), |(low, high), p99| (low.min(p99), high.max(p99)));
        (self.0.len() > 1).then(|| {
            format!(
                "the median of {} runs: {} to {} requests/s, p99 {best:.3} to {worst:.3} ms",
                self.0.len(),
                count(slowest as u64),
                count(fastest as u64)
            )
        })
    }
}

/// The load, for the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoadFacts {
    /// Threads of the generator.
    pub threads: usize,
    /// Connections in all.
    pub connections: usize,
    /// Unanswered requests of a connection.
    pub pipeline: usize,
    /// Requests a second; none is a closed loop.
    pub rate: Option<f64>,
    /// What the randomness followed from.
    pub seed: u64,
}

impl From<&Load> for LoadFacts {
    fn from(load: &Load) -> LoadFacts {
        let Load { threads, connections, pipeline, rate, seed, .. } = *load;
        LoadFacts { threads, connections, pipeline, rate, seed }
    }
}

/// One turn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunReport {
    /// The command, or the mix.
    pub label: String,
    /// Measured seconds.
    pub seconds: f64,
    /// Answers a second.
    pub throughput: f64,
    /// Counters over all nodes.
    pub counts: Counts,
    /// What users felt: from the intended time in an open loop, else from sending.
    pub latency: Percentiles,
    /// From sending to the answer; only beside an open loop's latency.
    pub service: Option<Percentiles>,
    /// Error answers by their first word.
    pub errors: BTreeMap<String, u64>,
    /// By command.
    pub commands: Vec<Row>,
    /// By node.
    pub nodes: Vec<Row>,
    /// By slot range; empty without a cluster.
    pub ranges: Vec<RangeRow>,
    /// By second, without the warm-up.
    pub timeline: Vec<Point>,
    /// How the generator itself fared.
    pub generator: Generator,
    /// What verify mode found.
    pub verify: Option<crate::verify::Findings>,
}

/// One command's or node's part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// Name of the command, address of the node.
    pub label: String,
    /// Successful answers a second.
    pub throughput: f64,
    /// Their latency.
    pub latency: Percentiles,
    /// Counters; empty for commands.
    pub counts: Counts,
}

/// One slot range's part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RangeRow {
    /// First and last slot.
    pub slots: (u16, u16),
    /// Its owner at the start.
    pub node: String,
    /// Successful answers.
    pub answered: u64,
    /// Requests that failed or had to wait for their node.
    pub failed: u64,
    /// Longest time without a success while there were failures, in milliseconds.
    pub unavailable_ms: f64,
}

/// One second.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Point {
    /// Seconds since the start.
    pub second: usize,
    /// Answers.
    pub answered: u64,
    /// Failed requests: errors, lost, timeouts.
    pub failed: u64,
    /// Requests dropped unsent.
    pub dropped: u64,
    /// MOVED, ASK, TRYAGAIN, CLUSTERDOWN and LOADING answers that were followed.
    pub redirected: u64,
    /// Latency in milliseconds.
    pub p50: f64,
    /// Latency in milliseconds.
    pub p99: f64,
    /// Latency in milliseconds.
    pub max: f64,
}

/// A distribution of latencies in milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many.
    pub count: u64,
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90%.
    pub p90: f64,
    /// 99%.
    pub p99: f64,
    /// 99.9%.
    pub p999: f64,
    /// 99.99%.
    pub p9999: f64,
    /// The longest, p100.
    pub max: f64,
    /// Percentile and latency, denser towards the end, for drawing.
    pub curve: Vec<(f64, f64)>,
}

impl Percentiles {
    /// Of a histogram.
    pub fn of(latencies: &Latencies) -> Percentiles {
        let at = |quantile| ms(latencies.value_at_quantile(quantile));
        Percentiles {
            count: latencies.len(),
            mean: latencies.mean() / 1e6,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            p9999: at(0.9999),
            max: ms(latencies.max()),
            curve: curve(latencies),
        }
    }

    /// The latency at `percentile`, as the curve knows it.
    pub fn at(&self, percentile: f64) -> f64 {
        let found = self.curve.iter().find(|(p, _)| *p >= percentile);
        found.map_or(self.max, |(_, latency)| *latency)
    }
}

/// Ten points for each halving of the distance to 100%, as far as there are values to tell.
fn curve(latencies: &Latencies) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    let mut step = 0.0;
    while points.len() < 300 && !latencies.is_empty() {
        let above = f64::powf(2.0, -step);
        if above * (latencies.len() as f64) < 0.5 {
            break;
        }
        points.push((100.0 * (1.0 - above), ms(latencies.value_at_quantile(1.0 - above))));
        step += 0.1;
    }
    if !latencies.is_empty() {
        points.push((100.0, ms(latencies.max())));
    }
    points
}

/// The generator's own state, and whether it spoiled the result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Generator {
    /// CPU seconds of all load threads.
    pub cpu_seconds: f64,
    /// Requests per CPU second.
    pub requests_per_cpu_second: f64,
    /// The busiest thread's share of its time on a CPU.
    pub busiest: f64,
    /// The largest share of time that a ready thread waited for a CPU.
    pub waited: f64,
    /// 99% of requests were put on their way at most this late, in milliseconds; 0 in a closed loop.
    pub lag_p99: f64,
    /// Why the result is not the server's alone; empty when it is.
    pub warnings: Vec<String>,
}

/// A thread that is busier than this is a bottleneck.
const BUSY_LIMIT: f64 = 0.95;
/// A ready thread that waits longer than this share for a CPU is disturbed.
const WAITED_LIMIT: f64 = 0.10;
/// A generator may be this late, as a share of the p99 that it reports.
const LAG_LIMIT: f64 = 0.25;

impl Generator {
    fn of(outcome: &Outcome, latency: &Percentiles) -> Generator {
        let shares = |part: fn(&Effort) -> u64| {
            let share =
                outcome.efforts.iter().map(|(effort, alive)| part(effort) as f64 / (*alive).max(1) as f64);
            share.fold(0.0, f64::max)
        };
        let cpu_ns: u64 = outcome.efforts.iter().map(|(effort, _)| effort.cpu_ns).sum();
        let (busiest, waited) = (shares(|e| e.cpu_ns), shares(|e| e.waited_ns));
        let lag_p99 = ms(outcome.lag.value_at_quantile(0.99));
        let mut warnings = Vec::new();
        if busiest > BUSY_LIMIT {
            let text = format!(
                "a generator thread was busy {:.0}% of the time: use more --threads",
                busiest * 100.0
            );
            warnings.push(text);
        }
        if waited > WAITED_LIMIT {
            let text = format!("a generator thread waited {:.0}% of the time for a CPU", waited * 100.0);
            warnings.push(text);
        }
        if lag_p99 > LAG_LIMIT * latency.p99 && !outcome.lag.is_empty() {
            warnings.push(format!("1% of the requests left {lag_p99:.3} ms late or later"));
        }
        Generator {
            cpu_seconds: cpu_ns as f64 / 1e9,
            requests_per_cpu_second: outcome.total().answered as f64 * 1e9 / cpu_ns.max(1) as f64,
            busiest,
            waited,
            lag_p99,
            warnings,
        }
    }
}

/// Builds the report of one turn.
pub fn run_report(run: &Run, outcome: &Outcome) -> RunReport {
    let open_loop = run.load.rate.is_some();
    let all = outcome.all(open_loop);
    let latency = Percentiles::of(all.felt());
    let map = run.topology.map();
    let labels: Vec<&str> = run.workload.commands.iter().map(|c| &c.label[..]).collect();
    let row = |label: String, cell: crate::stats::Cell, counts: Counts| {
        let latency = Percentiles::of(cell.felt());
        Row { label, throughput: latency.count as f64 / outcome.seconds.max(1e-9), latency, counts }
    };
    let commands = labels.iter().enumerate().map(|(index, label)| {
        let cell = outcome.sum(open_loop, |(_, command)| usize::from(command) == index);
        row(label.to_string(), cell, Counts::default())
    });
    let nodes = outcome.counts.iter().enumerate().map(|(index, counts)| {
        let cell = outcome.sum(open_loop, |(node, _)| usize::from(node) == index);
        row(map.nodes[index].to_string(), cell, counts.clone())
    });
    RunReport {
        label: labels.join("+"),
        seconds: outcome.seconds,
        throughput: outcome.throughput(),
        counts: outcome.total(),
        service: open_loop.then(|| Percentiles::of(&all.service)),
        errors: outcome.errors.clone(),
        commands: commands.collect(),
        nodes: nodes.filter(|row| row.counts != Counts::default()).collect(),
        ranges: range_rows(run, outcome),
        timeline: points(&outcome.timeline, outcome.warmup),
        generator: Generator::of(outcome, &latency),
        verify: None,
        latency,
    }
}

fn range_rows(run: &Run, outcome: &Outcome) -> Vec<RangeRow> {
    let map = run.topology.map();
    if !map.cluster {
        return Vec::new();
    }
    let node = |index: u16| map.nodes.get(usize::from(index)).map_or("nobody".into(), |n| n.to_string());
    let rows = run.ranges.iter().zip(&outcome.ranges).map(|(&(first, last, owner), range)| RangeRow {
        slots: (first, last),
        node: node(owner),
        answered: range.answered,
        failed: range.failed,
        unavailable_ms: ms(range.longest_gap_ns),
    });
    rows.collect()
}

fn points(timeline: &[Second], warmup: usize) -> Vec<Point> {
    let seconds = timeline.iter().enumerate().skip(warmup);
    let point = |(second, s): (usize, &Second)| Point {
        second,
        answered: s.counts.answered,
        failed: s.counts.failed(),
        dropped: s.counts.dropped,
        redirected: s.counts.moved + s.counts.ask + s.counts.tryagain + s.counts.clusterdown,
        p50: ms(s.quantiles.0),
        p99: ms(s.quantiles.1),
        max: ms(s.quantiles.2),
    };
    seconds.map(point).collect()
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::stats::latencies;

    /// A run of ten seconds at `rate` with one latency throughout.
    pub fn sample_run(rate: f64, latency_ms: f64) -> RunReport {
        let mut histogram = latencies();
        histogram.record_n((latency_ms * 1e6) as u64, rate as u64 * 10).unwrap();
        let latency = Percentiles::of(&histogram);
        let point = |second| Point {
            second,
            answered: rate as u64,
            failed: 0,
            dropped: 0,
            redirected: 0,
            p50: latency_ms,
            p99: latency_ms,
            max: latency_ms,
        };
        let total = rate as u64 * 10;
        let counts = Counts { offered: total, sent: total, answered: total, ..Counts::default() };
        RunReport {
            label: "GET".into(),
            seconds: 10.0,
            throughput: rate,
            counts: counts.clone(),
            service: None,
            errors: BTreeMap::new(),
            commands: Vec::new(),
            nodes: vec![Row {
                label: "127.0.0.1:7000".into(),
                throughput: rate,
                latency: latency.clone(),
                counts,
            }],
            ranges: Vec::new(),
            timeline: (0..10).map(point).collect(),
            generator: Generator {
                cpu_seconds: 1.0,
                requests_per_cpu_second: total as f64,
                busiest: 0.1,
                waited: 0.0,
                lag_p99: 0.0,
                warnings: Vec::new(),
            },
            verify: None,
            latency,
        }
    }

    /// A report with one such run, 1000 requests a second of 2 ms.
    pub fn sample_report() -> Report {
        Report {
            form: FORM,
            date: "2026-11-22T11:22:54Z".into(),
            command_line: "-D 10s".into(),
            machine: Machine::read(),
            server: "redis 7.0.15".into(),
            target: "127.0.0.1:7000".into(),
            load: LoadFacts { threads: 1, connections: 50, pipeline: 1, rate: None, seed: 1 },
            workload: ("flags".into(), "GET __key__".into()),
            runs: vec![sample_run(1000.0, 2.0)],
            tries: Vec::new(),
        }
    }

    #[test]
    fn the_median_stands_for_repeated_runs() {
        let mut report = sample_report();
        report.runs = [3000.0, 1000.0, 2000.0].map(|rate| sample_run(rate, 2.0)).to_vec();
        report.runs.push(RunReport { label: "SET".into(), ..sample_run(5.0, 1.0) });
        let [gets, sets] = &report.repeats()[..] else { panic!("two labels") };
        assert_eq!((gets.shown().throughput, sets.shown().throughput), (2000.0, 5.0));
        let spread = gets.spread().unwrap();
        assert!(spread.starts_with("the median of 3 runs: 1,000 to 3,000 requests/s"), "{spread}");
        assert_eq!(sets.spread(), None);
    }

    #[test]
    fn a_curve_rises_to_the_maximum() {
        let mut histogram = latencies();
        (1..=100_000u64).for_each(|step| histogram.record(step * 1000).unwrap());
        let p = Percentiles::of(&histogram);
        assert!(p.curve.windows(2).all(|w| w[0].0 <= w[1].0 && w[0].1 <= w[1].1));
        assert_eq!(p.curve.last(), Some(&(100.0, p.max)));
        assert!((p.at(99.0) / p.p99 - 1.0).abs() < 0.01, "{} {}", p.at(99.0), p.p99);
    }
}
