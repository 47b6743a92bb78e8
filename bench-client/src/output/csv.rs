//! The timeline as CSV, a line for each second.
//!
//! Repeated runs follow each other as they ran: `second` begins again with each.

use std::fmt::Write;

use crate::report::Report;

/// All runs of the report; the first column names the run.
pub fn render(report: &Report) -> String {
    let mut out = String::from("run,second,answered,failed,dropped,redirected,p50_ms,p99_ms,max_ms\n");
    for run in &report.runs {
        for p in &run.timeline {
            writeln!(
                out,
                "{},{},{},{},{},{},{:.4},{:.4},{:.4}",
                run.label, p.second, p.answered, p.failed, p.dropped, p.redirected, p.p50, p.p99, p.max
            )
            .expect("writing to a string cannot fail");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample_report;

    #[test]
    fn a_line_for_each_second() {
        let csv = render(&sample_report());
        assert_eq!(csv.lines().count(), 11);
        assert_eq!(csv.lines().nth(1), Some("GET,0,1000,0,0,0,2.0000,2.0000,2.0000"));
    }
}
