//! The result on the terminal.

use std::fmt::Write;

use crate::report::{Percentiles, Report, Row, RunReport};
use crate::stats::Counts;
use crate::text::{count, percent};

/// The whole report.
pub fn render(report: &Report) -> String {
    let mut out = header(report);
    for repeats in report.repeats() {
        out.push('\n');
        out.extend(repeats.spread().map(|spread| spread + "\n"));
        out.push_str(&render_run(repeats.shown(), report.load.rate));
    }
    out
}

fn header(report: &Report) -> String {
    let load = &report.load;
    let pressure = match load.rate {
        Some(rate) => format!("open loop at {}/s", count(rate as u64)),
        None => "closed loop".into(),
    };
    format!(
        "{} at {}, {pressure}, {} threads, {} connections, pipeline {}\nworkload {}: {}\n",
        report.server,
        report.target,
        load.threads,
        load.connections,
        load.pipeline,
        report.workload.0,
        report.workload.1
    )
}

/// One turn.
fn render_run(run: &RunReport, rate: Option<f64>) -> String {
    let mut out = String::new();
    let line = |out: &mut String, text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(
        &mut out,
        format!("{}: {} requests/s over {:.1} s", run.label, count(run.throughput as u64), run.seconds),
    );
    if rate.is_some() {
        let c = &run.counts;
        let [offered, sent, answered, dropped] = [c.offered, c.sent, c.answered, c.dropped].map(count);
        line(&mut out, format!("offered {offered}, sent {sent}, answered {answered}, dropped {dropped}"));
    }
    out.push('\n');
    out.push_str(&latency_table(run));
    out.push_str(&counters(&run.counts, run));
    out.push_str(&ranges(run));
    out.push_str(&verified(run));
    let g = &run.generator;
    line(
        &mut out,
        format!(
            "generator: {} requests per CPU second, busiest thread {} busy, waited {} for a CPU",
            count(g.requests_per_cpu_second as u64),
            percent(g.busiest),
            percent(g.waited)
        ),
    );
    for warning in &g.warnings {
        line(&mut out, format!("! the generator was a bottleneck: {warning}"));
    }
    out
}

fn latency_table(run: &RunReport) -> String {
    let mut out = format!(
        "  {:<22} {:>11} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9}\n",
        "latency in ms", "requests/s", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"
    );
    let latency_name = if run.service.is_some() { "from intended time" } else { "all" };
    row(&mut out, latency_name, run.throughput, &run.latency);
    if let Some(service) = &run.service {
        row(&mut out, "service time", run.throughput, service);
    }
    for part in [&run.commands, &run.nodes] {
        if part.len() > 1 {
            part.iter().for_each(|Row { label, throughput, latency, .. }| {
                row(&mut out, label, *throughput, latency)
            });
        }
    }
    out.push('\n');
    out
}

fn row(out: &mut String, label: &str, throughput: f64, p: &Percentiles) {
    let ms = |value: f64| crate::text::milliseconds((value * 1e6) as u64);
    writeln!(
        out,
        "  {label:<22} {:>11} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9}",
        count(throughput as u64),
        ms(p.mean),
        ms(p.p50),
        ms(p.p90),
        ms(p.p99),
        ms(p.p999),
        ms(p.p9999),
        ms(p.max)
    )
    .expect("writing to a string cannot fail");
}

/// What is worth a line only when it happened.
fn counters(counts: &Counts, run: &RunReport) -> String {
    let named = [
        ("misses", counts.misses),
        ("MOVED", counts.moved),
        ("ASK", counts.ask),
        ("TRYAGAIN", counts.tryagain),
        ("CLUSTERDOWN or LOADING", counts.clusterdown),
        ("connections refused", counts.refused),
        ("lost with their connection", counts.lost),
        ("timeouts", counts.timeouts),
        ("errors", counts.errors),
    ];
    let mut out = String::new();
    let seen: Vec<String> =
        named.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{} {name}", count(*n))).collect();
    if !seen.is_empty() {
        out = format!("counted: {}\n", seen.join(", "));
    }
    if !run.errors.is_empty() {
        let kinds: Vec<String> = run.errors.iter().map(|(kind, n)| format!("{} {kind}", count(*n))).collect();
        out.push_str(&format!("error replies: {}\n", kinds.join(", ")));
    }
    out
}

/// What verify mode found.
fn verified(run: &RunReport) -> String {
    let Some(f) = &run.verify else { return String::new() };
    let [acknowledged, waited, unknown] = [f.acknowledged, f.waited, f.unknown].map(count);
    let mut out = format!(
        "verified: {acknowledged} writes acknowledged, {waited} confirmed by WAIT, {unknown} without an answer\n\
         read back {} keys: {} lost an acknowledged write, {} of these confirmed by WAIT; {} corrupt\n\
         checked {} reads: {} stale\n",
        count(f.checked),
        count(f.lost),
        count(f.lost_waited),
        count(f.corrupt),
        count(f.reads),
        count(f.stale)
    );
    if f.unreadable > 0 {
        out.push_str(&format!("! {} keys could not be read back\n", count(f.unreadable)));
    }
    out
}

/// Slot ranges that were away for a while.
fn ranges(run: &RunReport) -> String {
    let mut out = String::new();
    for range in run.ranges.iter().filter(|range| range.failed > 0) {
        out.push_str(&format!(
            "slots {}-{} ({}): {} failed or had to wait, longest time without a success {:.0} ms\n",
            range.slots.0,
            range.slots.1,
            range.node,
            count(range.failed),
            range.unavailable_ms
        ));
    }
    out
}
