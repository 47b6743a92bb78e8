//! The result as one page: figures, latency curve, timeline, nodes. It needs nothing outside itself, no script
//! either, follows the reader's choice of light or dark, and carries the whole report as JSON (`#report`) for
//! whoever wants the numbers.

use crate::output::chart::{Chart, Line, bars, escape};
use crate::report::{Percentiles, Point, Repeats, Report, Row, RunReport};
use crate::text::{count, milliseconds};

const STYLE: &str = include_str!("page.css");

/// Percentiles that get a mark on the axis.
const MARKS: [f64; 8] = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999, 99.9999];
/// A curve whose longest latency is this many times its median is drawn on a logarithmic axis.
const LOGARITHMIC_FROM: f64 = 30.0;

/// The page.
pub fn render(report: &Report) -> String {
    let open_loop = report.load.rate.is_some();
    let runs: String = report.repeats().iter().map(|repeats| section(repeats, open_loop)).collect();
    // `</` would end the script element early.
    let json = serde_json::to_string(report).unwrap_or_default().replace("</", "<\\/");
    format!(
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>\
         <meta name='viewport' content='width=device-width'><title>{server} at {target}</title>\
         <style>{STYLE}</style></head>\n<body><main><header><h1>{server} <small>at {target}</small></h1>{facts}\
         </header>\n{runs}{origin}</main>\n<script type='application/json' id='report'>{json}</script></body></html>\n",
        server = escape(&report.server),
        target = escape(&report.target),
        facts = facts(report),
        origin = origin(report),
    )
}

/// What was asked, and how hard.
fn facts(report: &Report) -> String {
    let load = &report.load;
    let plural = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let chips = [
        load.rate.map_or("closed loop".into(), |rate| format!("open loop, {}/s", count(rate as u64))),
        plural(load.threads, "thread"),
        plural(load.connections, "connection"),
        format!("pipeline {}", load.pipeline),
    ];
    let chips: String = chips.iter().map(|chip| format!("<span>{chip}</span>")).collect();
    let (name, about) = &report.workload;
    format!("<p>{}: {}</p><p class='chips'>{chips}</p>", escape(name), escape(about))
}

/// Where and how the result came to be, so that it can be had again.
fn origin(report: &Report) -> String {
    let machine = &report.machine;
    let lines = [
        format!("ringmaster-bench {}", report.command_line),
        format!(
            "{} · {} × {} · Linux {} · governor {} · {}",
            report.date, machine.cpus, machine.cpu, machine.kernel, machine.governor, machine.bench
        ),
    ];
    let lines: String = lines.iter().map(|line| format!("<p>{}</p>", escape(line))).collect();
    format!("<footer>{lines}</footer>")
}

fn section(repeats: &Repeats<'_>, open_loop: bool) -> String {
    let run = repeats.shown();
    let mut out = format!("<section class='run'><h2>{}</h2>", escape(&run.label));
    out.extend(repeats.spread().map(|spread| format!("<p class='note'>{}</p>", escape(&spread))));
    out += &cards(run);
    for warning in &run.generator.warnings {
        out += &format!("<p class='warn'>The generator was a bottleneck: {}</p>", escape(warning));
    }
    out += "<h3>Latency by percentile</h3>";
    out += &latency_curve(run, open_loop);
    if run.timeline.len() > 1 {
        out += "<h3>Second by second</h3>";
        out += &throughput_line(run);
        out += &latency_line(run);
    }
    out += &ranges(run);
    if run.commands.len() > 1 {
        out += "<h3>Commands</h3>";
        out += &table(&run.commands);
    }
    if !run.nodes.is_empty() {
        out += "<h3>Nodes</h3>";
        out += &node_bars(run);
    }
    out + "</section>\n"
}

fn cards(run: &RunReport) -> String {
    let latency = &run.latency;
    // A figure, its name, and whether it is good news or bad, where that can be said.
    let mut cards = vec![
        ("requests/s", count(run.throughput as u64), None),
        ("p50", time(latency.p50), None),
        ("p99", time(latency.p99), None),
        ("p99.9", time(latency.p999), None),
        ("max", time(latency.max), None),
        ("failed", count(run.counts.failed()), Some(run.counts.failed() == 0)),
    ];
    if run.counts.dropped > 0 {
        cards.push(("dropped unsent", count(run.counts.dropped), Some(false)));
    }
    if let Some(found) = &run.verify {
        let zero_is_good = |name, number| (name, count(number), Some(number == 0));
        cards.push(("acknowledged writes", count(found.acknowledged), None));
        cards.push(zero_is_good("of these lost", found.lost));
        cards.push(("confirmed by WAIT", count(found.waited), None));
        cards.push(zero_is_good("of those lost", found.lost_waited));
        cards.push(zero_is_good("stale reads", found.stale));
        cards.push(zero_is_good("corrupt values", found.corrupt));
    }
    let card = |(name, value, good): (&str, String, Option<bool>)| {
        let class = good.map_or("", |good| if good { " good" } else { " bad" });
        format!("<div class='card{class}'><b>{value}</b><span>{name}</span></div>")
    };
    format!("<div class='cards'>{}</div>", cards.into_iter().map(card).collect::<String>())
}

/// A latency in milliseconds, or when it is long in seconds.
fn time(ms: f64) -> String {
    if ms < 10_000.0 { milliseconds((ms * 1e6) as u64) + " ms" } else { format!("{:.1} s", ms / 1e3) }
}

/// Each nine of the percentile takes the same room, as HdrHistogram's plots do.
fn percentile_x(percentile: f64) -> f64 {
    -(1.0 - percentile / 100.0).log10()
}

fn latency_curve(run: &RunReport, open_loop: bool) -> String {
    let points = |curve: &[(f64, f64)]| -> Vec<(f64, f64)> {
        let below = curve.iter().filter(|(percentile, _)| *percentile < 100.0);
        let mut points: Vec<_> = below.map(|(p, latency)| (percentile_x(*p), *latency)).collect();
        // 100% has no place on this axis: the longest stands at the end.
        if let (Some((x, _)), Some((_, longest))) = (points.last().copied(), curve.last()) {
            points.push((x, *longest));
        }
        points
    };
    let name = if open_loop { "from the intended time" } else { "from sending" };
    let felt = points(&run.latency.curve);
    let end = felt.last().map_or(1.0, |p| p.0);
    let mut lines = vec![Line { name, class: "main", points: felt, filled: true }];
    if let Some(service) = &run.service {
        let points = points(&service.curve);
        lines.push(Line { name: "service time", class: "second", points, filled: false });
    }
    let marks = MARKS.iter().map(|p| (percentile_x(*p), format!("{p}%"))).filter(|(x, _)| *x <= end + 0.05);
    let latency = &run.latency;
    let known = [(50.0, latency.p50), (90.0, latency.p90), (99.0, latency.p99), (99.9, latency.p999)];
    let callout = |(p, ms): (f64, f64)| (percentile_x(p), ms, time(ms));
    let logarithmic = run.latency.max > LOGARITHMIC_FROM * run.latency.p50;
    Chart {
        class: "curve",
        height: 300.0,
        unit: if logarithmic { "milliseconds, logarithmic" } else { "milliseconds" },
        marks: marks.collect(),
        logarithmic,
        lines,
        callouts: known.into_iter().map(callout).filter(|(x, ..)| *x <= end).collect(),
        hovers: Vec::new(),
    }
    .render()
}

/// A chart over the seconds of a run, each of which tells all about itself under the pointer.
fn timeline<'a>(run: &RunReport, class: &'a str, unit: &'a str, lines: Vec<Line<'a>>) -> String {
    let last = run.timeline.len().saturating_sub(1);
    let step = last.div_ceil(10).max(1);
    let mark = |p: &Point| (p.second as f64, format!("{} s", p.second));
    let hover = |p: &Point| {
        let ms = |value: f64| milliseconds((value * 1e6) as u64);
        let words = format!(
            "second {}: {} answered, {} failed, {} dropped, {} redirected; p50 {}, p99 {}, max {} ms",
            p.second,
            count(p.answered),
            count(p.failed),
            count(p.dropped),
            count(p.redirected),
            ms(p.p50),
            ms(p.p99),
            ms(p.max)
        );
        (p.second as f64, words)
    };
    Chart {
        class,
        height: 190.0,
        unit,
        marks: run.timeline.iter().step_by(step).map(mark).collect(),
        logarithmic: false,
        lines,
        callouts: Vec::new(),
        hovers: run.timeline.iter().map(hover).collect(),
    }
    .render()
}

fn series(run: &RunReport, of: fn(&Point) -> f64) -> Vec<(f64, f64)> {
    run.timeline.iter().map(|p| (p.second as f64, of(p))).collect()
}

fn throughput_line(run: &RunReport) -> String {
    let points = series(run, |p| p.answered as f64);
    let mut lines = vec![Line { name: "answered", class: "main", points, filled: true }];
    if run.counts.failed() + run.counts.dropped > 0 {
        let points = series(run, |p| (p.failed + p.dropped) as f64);
        lines.push(Line { name: "failed or dropped", class: "alarm", points, filled: true });
    }
    timeline(run, "answered", "requests in the second", lines)
}

fn latency_line(run: &RunReport) -> String {
    let line = |name, class, of| Line { name, class, points: series(run, of), filled: false };
    let lines = vec![
        line("max", "third", |p| p.max),
        line("p99", "second", |p| p.p99),
        line("p50", "main", |p| p.p50),
    ];
    timeline(run, "latency", "milliseconds", lines)
}

/// Percentiles, a row for each command.
fn table(rows: &[Row]) -> String {
    let cells = |p: &Percentiles| {
        let values = [p.mean, p.p50, p.p90, p.p99, p.p999, p.p9999, p.max];
        let cell = |value: f64| format!("<td>{}</td>", milliseconds((value * 1e6) as u64));
        values.map(cell).concat()
    };
    let row = |row: &Row| {
        let (label, rate) = (escape(&row.label), count(row.throughput as u64));
        format!("<tr><th>{label}</th><td>{rate}</td>{}</tr>", cells(&row.latency))
    };
    let names = ["ms", "requests/s", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"];
    let head = names.map(|name| format!("<th>{name}</th>")).concat();
    format!("<table><tr>{head}</tr>{}</table>", rows.iter().map(row).collect::<String>())
}

fn node_bars(run: &RunReport) -> String {
    let row = |row: &Row| {
        let p99 = milliseconds((row.latency.p99 * 1e6) as u64);
        let failed = row.counts.failed();
        let failures = if failed > 0 { format!(", {} failed", count(failed)) } else { String::new() };
        let note = format!("{}/s, p99 {p99} ms{failures}", count(row.throughput as u64));
        (row.label.clone(), row.throughput, note)
    };
    bars("nodes", &run.nodes.iter().map(row).collect::<Vec<_>>())
}

fn ranges(run: &RunReport) -> String {
    let away: Vec<_> = run.ranges.iter().filter(|range| range.failed > 0).collect();
    if away.is_empty() {
        return String::new();
    }
    let rows = away.iter().map(|range| {
        let name = format!("slots {}-{}", range.slots.0, range.slots.1);
        let note = format!("{:.0} ms, {} failed or had to wait", range.unavailable_ms, count(range.failed));
        (name, range.unavailable_ms, note)
    });
    let bars = bars("away", &rows.collect::<Vec<_>>());
    format!("<h3>Longest time without a success, by slots</h3>{bars}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample_report;

    #[test]
    fn the_figures_are_those_of_the_report() {
        let report = sample_report();
        let page = render(&report);
        for figure in ["<b>1,000</b><span>requests/s", "<b>2.00 ms</b><span>p99<", "1,000/s, p99 2.00 ms"] {
            assert!(page.contains(figure), "{figure}");
        }
        let json = page.split("id='report'>").nth(1).unwrap().split("</script>").next().unwrap();
        let carried: Report = serde_json::from_str(json).unwrap();
        let same = serde_json::to_value(carried).unwrap() == serde_json::to_value(&report).unwrap();
        assert!(same, "the page carries the report unchanged");
    }

    #[test]
    fn nothing_from_outside_and_nothing_unescaped() {
        let mut report = sample_report();
        report.command_line = "--command '</script><b>'".into();
        let page = render(&report);
        assert!(!page.contains("http") && !page.contains("src=") && !page.contains("</script><b>"));
    }
}
