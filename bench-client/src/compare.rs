//! `compare A.json B.json`: ratios with their spread, and whether they mean anything.
//!
//! Two runs of the same thing never give the same number. How far apart chance alone puts them shows in how
//! the seconds of one run differ: from their standard deviation follows a 95% interval of the ratio (first
//! order propagation). When 1 lies inside, the difference is noise. Seconds of one run are more alike than
//! runs on different days are, so the interval is the least that is to be believed.

use std::fs;
use std::path::Path;

use crate::report::{FORM, Point, Report, RunReport};
use crate::text::count;

/// Half-width of a 95% interval, in standard errors, for the few tens of seconds that runs have.
const INTERVAL: f64 = 2.1;
/// With fewer seconds nothing is said about spread.
const SECONDS_MIN: usize = 5;

/// A ratio B/A with the half-width of its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ratio {
    value: f64,
    spread: Option<f64>,
}

impl Ratio {
    /// `disturbed`: a generator was a bottleneck, so that a difference may be its own and not the server's.
    fn verdict(&self, more_is_better: bool, disturbed: bool) -> &'static str {
        match self.spread {
            None => "too few seconds to judge",
            Some(spread) if (self.value - 1.0).abs() <= spread => "noise",
            _ if disturbed => "not to be trusted: a generator was a bottleneck",
            _ if (self.value > 1.0) == more_is_better => "better",
            _ => "worse",
        }
    }
}

/// Reads a report that `--json` wrote.
pub fn read(path: &Path) -> Result<Report, String> {
    let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let text = fs::read_to_string(path).map_err(|e| failed(&e))?;
    let report: Report = serde_json::from_str(&text).map_err(|e| failed(&e))?;
    if report.form != FORM {
        return Err(failed(&format!("has form {}, this program reads {FORM}", report.form)));
    }
    Ok(report)
}

/// The comparison as text: B in relation to A.
pub fn render(a: &Report, b: &Report) -> Result<String, String> {
    let mut out = format!("A: {} ({})\nB: {} ({})\n", a.server, a.date, b.server, b.date);
    for (what, in_a, in_b) in differences(a, b) {
        out.push_str(&format!("! different {what}: {in_a} | {in_b}\n"));
    }
    let mut pairs = 0;
    for run_a in &a.runs {
        let Some(run_b) = b.runs.iter().find(|run| run.label == run_a.label) else { continue };
        pairs += 1;
        out.push_str(&format!("\n{}\n", run_a.label));
        out.push_str(&format!("  {:<14} {:>12} {:>12}   B/A\n", "", "A", "B"));
        out.push_str(&compare_runs(run_a, run_b));
    }
    if pairs == 0 {
        return Err("the two files have no run in common".into());
    }
    Ok(out)
}

fn differences(a: &Report, b: &Report) -> Vec<(&'static str, String, String)> {
    let load = |r: &Report| {
        let l = &r.load;
        let rate = l.rate.map_or("closed loop".into(), |rate| format!("{rate}/s"));
        format!("{} threads, {} connections, pipeline {}, {rate}", l.threads, l.connections, l.pipeline)
    };
    let machine = |r: &Report| format!("{} x {}, Linux {}", r.machine.cpus, r.machine.cpu, r.machine.kernel);
    let workload = |r: &Report| r.workload.0.clone();
    let all = [
        ("workload", workload(a), workload(b)),
        ("load", load(a), load(b)),
        ("machine", machine(a), machine(b)),
    ];
    all.into_iter().filter(|(_, in_a, in_b)| in_a != in_b).collect()
}

fn compare_runs(a: &RunReport, b: &RunReport) -> String {
    let mut out = String::new();
    let disturbed = [a, b].iter().any(|run| !run.generator.warnings.is_empty());
    let mut line = |name: &str, text: [String; 2], ratio: Ratio, more_is_better: bool| {
        let spread = ratio.spread.map_or(String::new(), |s| format!(" ± {s:.3}"));
        let verdict = ratio.verdict(more_is_better, disturbed);
        out.push_str(&format!(
            "  {name:<14} {:>12} {:>12}   {:.3}{spread}  {verdict}\n",
            text[0], text[1], ratio.value
        ));
    };
    let rates = [a.throughput, b.throughput].map(|rate| count(rate as u64));
    line("requests/s", rates, ratio(a, b, a.throughput, b.throughput, |p| p.answered as f64), true);
    let ms = |pair: [f64; 2]| pair.map(|value| format!("{value:.3} ms"));
    let (la, lb) = (&a.latency, &b.latency);
    line("p50", ms([la.p50, lb.p50]), ratio(a, b, la.p50, lb.p50, |p| p.p50), false);
    line("p99", ms([la.p99, lb.p99]), ratio(a, b, la.p99, lb.p99, |p| p.p99), false);
    line("max", ms([la.max, lb.max]), ratio(a, b, la.max, lb.max, |p| p.max), false);
    out
}

/// The ratio of two values, with the spread that `of` shows over the seconds of both runs.
fn ratio(a: &RunReport, b: &RunReport, in_a: f64, in_b: f64, of: fn(&Point) -> f64) -> Ratio {
    let value = in_b / in_a.max(f64::MIN_POSITIVE);
    let errors = relative_error(whole_seconds(a), of).zip(relative_error(whole_seconds(b), of));
    Ratio { value, spread: errors.map(|(ea, eb)| value * INTERVAL * ea.hypot(eb)) }
}

/// The last second of a run is seldom whole.
fn whole_seconds(run: &RunReport) -> &[Point] {
    &run.timeline[..run.timeline.len().saturating_sub(1)]
}

/// Standard error of the mean, as a share of the mean.
fn relative_error(points: &[Point], of: fn(&Point) -> f64) -> Option<f64> {
    let n = points.len() as f64;
    if points.len() < SECONDS_MIN {
        return None;
    }
    let mean = points.iter().map(of).sum::<f64>() / n;
    let variance = points.iter().map(|point| (of(point) - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean > 0.0).then(|| (variance / n).sqrt() / mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample_run;

    fn run(rate: f64, wobble: f64) -> RunReport {
        let mut run = sample_run(rate, 1.0);
        for (second, point) in run.timeline.iter_mut().enumerate() {
            let sign = if second % 2 == 0 { 1.0 } else { -1.0 };
            point.answered = (rate * (1.0 + sign * wobble)) as u64;
        }
        run
    }

    fn verdict(a: &RunReport, b: &RunReport) -> &'static str {
        ratio(a, b, a.throughput, b.throughput, |p| p.answered as f64)
            .verdict(true, !b.generator.warnings.is_empty())
    }

    #[test]
    fn a_difference_within_the_wobble_is_noise() {
        assert_eq!(verdict(&run(100_000.0, 0.1), &run(102_000.0, 0.1)), "noise");
        assert_eq!(verdict(&run(100_000.0, 0.01), &run(102_000.0, 0.01)), "better");
        assert_eq!(verdict(&run(100_000.0, 0.01), &run(90_000.0, 0.01)), "worse");
    }

    #[test]
    fn a_disturbed_run_proves_nothing() {
        let mut disturbed = run(90_000.0, 0.01);
        disturbed.generator.warnings.push("waited for a CPU".into());
        assert!(verdict(&run(100_000.0, 0.01), &disturbed).starts_with("not to be trusted"));
    }

    #[test]
    fn short_runs_are_not_judged() {
        let mut short = run(100_000.0, 0.01);
        short.timeline.truncate(3);
        assert_eq!(verdict(&short, &short), "too few seconds to judge");
    }
}
