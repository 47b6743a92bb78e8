//! `--find-slo p99=1ms`: the highest rate at which a promise about latency holds.
//!
//! Each try is an open loop, so that a rate the server cannot hold shows as latency and not as a lower rate.
//! A closed loop first finds what the server can do at all; the search then halves the range (geometrically,
//! as rates differ by factors), and the rate it settles on has to hold once more.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::report::RunReport;
use crate::text::count;

/// The search ends when the best good rate and the lowest bad one differ by less than this factor.
const CLOSE_ENOUGH: f64 = 1.05;
/// Most tries.
const TRIES_MAX: usize = 16;
/// A rate holds only when at least this share of what was offered was answered.
const ANSWERED_MIN: f64 = 0.99;

/// A promise: this percentile stays at or below this latency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slo {
    /// Percentile, above 0, at most 100.
    pub percentile: f64,
    /// Latency in milliseconds.
    pub limit_ms: f64,
}

impl FromStr for Slo {
    type Err = String;

    /// Reads `p99=1ms` or `p99.9=500us`.
    fn from_str(text: &str) -> Result<Slo, String> {
        let wrong = || format!("'{text}' is no promise: write p99=1ms or p99.9=500us");
        let (percentile, limit) = text.strip_prefix('p').and_then(|t| t.split_once('=')).ok_or_else(wrong)?;
        let percentile: f64 = percentile.parse().map_err(|_| wrong())?;
        let limit: Duration = crate::cli::duration(limit).map_err(|_| wrong())?;
        if !(percentile > 0.0 && percentile <= 100.0) {
            return Err(wrong());
        }
        Ok(Slo { percentile, limit_ms: limit.as_secs_f64() * 1e3 })
    }
}

/// One rate that was tried.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Try {
    /// Requests a second.
    pub rate: f64,
    /// The promised percentile's latency, in milliseconds.
    pub latency_ms: f64,
    /// Whether the promise held.
    pub holds: bool,
    /// What was wrong beside the latency; empty for nothing.
    pub note: String,
}

impl Slo {
    /// Whether a run at `rate` keeps the promise.
    pub fn judge(&self, rate: f64, run: &RunReport) -> Try {
        let latency_ms = run.latency.at(self.percentile);
        let answered = run.counts.answered as f64 / run.counts.offered.max(1) as f64;
        let mut note = String::new();
        if answered < ANSWERED_MIN || run.counts.failed() > 0 {
            note = format!("{:.1}% answered, {} failed", answered * 100.0, run.counts.failed());
        }
        let holds = latency_ms <= self.limit_ms && note.is_empty() && run.latency.count > 0;
        if let Some(warning) = run.generator.warnings.first() {
            note = format!("{note} ({warning})").trim().to_string();
        }
        Try { rate, latency_ms, holds, note }
    }

    /// Searches with `attempt`, which runs a rate and gives its report, up to `ceiling` requests a second.
    /// Gives all tries and the report of the best rate that held, if one did.
    pub fn search(
        &self,
        ceiling: f64,
        mut attempt: impl FnMut(f64) -> Result<RunReport, String>,
        mut tell: impl FnMut(&Try),
    ) -> Result<(Vec<Try>, Option<RunReport>), String> {
        let (mut good, mut bad) = (ceiling / 1024.0, ceiling * 1.1);
        let (mut tries, mut best) = (Vec::new(), None);
        let mut rate = ceiling * 0.7;
        while bad / good > CLOSE_ENOUGH && tries.len() < TRIES_MAX {
            let run = attempt(rate)?;
            let result = self.judge(rate, &run);
            tell(&result);
            if result.holds {
                (good, best) = (rate, Some(run));
            } else {
                bad = rate;
            }
            tries.push(result);
            rate = (good * bad).sqrt();
        }
        Ok((tries, best))
    }
}

/// A try as a line.
pub fn line(slo: &Slo, result: &Try) -> String {
    let verdict = if result.holds { "holds" } else { "fails" };
    let p = slo.percentile;
    format!(
        "{:>12}/s  p{p} {:>8.3} ms  {verdict} {}",
        count(result.rate as u64),
        result.latency_ms,
        result.note
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample_run;

    #[test]
    fn promises() {
        assert_eq!("p99=1ms".parse(), Ok(Slo { percentile: 99.0, limit_ms: 1.0 }));
        assert_eq!("p99.9=500us".parse(), Ok(Slo { percentile: 99.9, limit_ms: 0.5 }));
        for wrong in ["99=1ms", "p=1ms", "p101=1ms", "p99", "p99=x"] {
            assert!(wrong.parse::<Slo>().is_err(), "{wrong}");
        }
    }

    /// A server whose latency grows as a queue's does finds its rate within the search's precision.
    #[test]
    fn the_search_finds_the_rate() {
        let slo: Slo = "p99=1ms".parse().unwrap();
        let capacity = 100_000.0;
        let attempt = |rate: f64| {
            let latency = if rate < capacity { 0.1 / (1.0 - rate / capacity) } else { 1000.0 };
            Ok(sample_run(rate, latency))
        };
        let (tries, best) = slo.search(capacity, attempt, |_| {}).unwrap();
        let found = best.unwrap().throughput;
        assert!((85_000.0..=90_000.0).contains(&found), "{found}");
        assert!(tries.len() < TRIES_MAX);
    }
}
