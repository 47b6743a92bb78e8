//! The line that shows a run while it goes on; only on a terminal, and on stderr, so that it spoils no file.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use crate::engine::Load;
use crate::session::Second;
use crate::text::{count, milliseconds};

const BAR_WIDTH: usize = 24;

/// See the module's head.
pub struct Live {
    on: bool,
    requests: Option<u64>,
    duration: Option<Duration>,
    answered: u64,
}

impl Live {
    /// For a run with this load; `wanted` is `false` with `--quiet`.
    pub fn new(load: &Load, wanted: bool) -> Live {
        let on = wanted && stderr().is_terminal();
        Live { on, requests: load.requests, duration: load.duration, answered: 0 }
    }

    /// Shows second `index`, which is complete.
    pub fn show(&mut self, index: usize, second: &Second) {
        self.answered += second.counts.answered;
        if !self.on {
            return;
        }
        let (p50, p99, max) = second.quantiles;
        let failed = second.counts.failed();
        let errors = if failed > 0 { format!("  {} failed", count(failed)) } else { String::new() };
        let line = format!(
            "{} {:>4} s  {:>10}/s  p50 {}  p99 {}  max {} ms{errors}",
            self.bar(index),
            index + 1,
            count(second.counts.answered),
            milliseconds(p50),
            milliseconds(p99),
            milliseconds(max),
        );
        self.print(&line);
    }

    /// Wipes the line.
    pub fn end(&self) {
        if self.on {
            self.print("");
        }
    }

    fn bar(&self, index: usize) -> String {
        let by_time = self.duration.map_or(0.0, |d| (index + 1) as f64 / d.as_secs_f64());
        let by_count = self.requests.map_or(0.0, |n| self.answered as f64 / n.max(1) as f64);
        bar(by_time.max(by_count))
    }

    fn print(&self, line: &str) {
        // A terminal that is gone is no reason to stop measuring.
        let _ = write!(stderr(), "\r\x1b[K{line}");
        let _ = stderr().flush();
    }
}

/// A bar that is `share` full.
pub fn bar(share: f64) -> String {
    let full = (share.clamp(0.0, 1.0) * BAR_WIDTH as f64).round() as usize;
    format!("[{}{}]", "#".repeat(full), ".".repeat(BAR_WIDTH - full))
}
