//! The result as one page: figures, latency curve, timeline, nodes. It needs nothing outside itself, and
//! carries the whole report as JSON (`#report`) for whoever wants the numbers.

use crate::output::chart::{Chart, Line, bars, escape};
use crate::report::{Report, RunReport};
use crate::text::{count, milliseconds};

const STYLE: &str = "
body{font:15px/1.45 system-ui,sans-serif;color:#1c2733;background:#f4f6f8;margin:0}
main{max-width:920px;margin:0 auto;padding:24px}
section{background:#fff;border-radius:8px;padding:16px 24px;margin:16px 0;box-shadow:0 1px 3px #0002}
h1{font-size:22px;margin:0}h2{font-size:18px;margin:4px 0 12px}h3{font-size:14px;margin:20px 0 0;color:#51606f}
.facts,.legend{color:#51606f;margin:4px 0;font-size:13px}
.cards{display:flex;flex-wrap:wrap;gap:10px}
.card{background:#eef2f6;border-radius:6px;padding:8px 14px;min-width:96px}
.card b{display:block;font-size:21px}.card span{font-size:12px;color:#51606f}
.bad{background:#fdecea;color:#a12318}.warn{background:#fff4d6;padding:8px 14px;border-radius:6px;margin:10px 0}
svg{width:100%;height:auto}svg text{font-size:12px;fill:#51606f}.grid{stroke:#dfe5ea;stroke-width:1}
polyline{fill:none;stroke-width:2}rect{fill:#2f7ed8}.legend em{float:right}
.main{stroke:#2f7ed8;color:#2f7ed8}.second{stroke:#e08a1e;color:#e08a1e}.third{stroke:#9aa7b3;color:#9aa7b3}
.alarm{stroke:#d03b2d;color:#d03b2d}.fill{stroke:none}.main.fill{fill:#2f7ed833}.alarm.fill{fill:#d03b2d33}
";

/// Percentiles that get a mark on the axis.
const MARKS: [f64; 8] = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999, 99.9999];

/// A curve whose longest latency is this many times its median is drawn on a logarithmic axis.
const LOGARITHMIC_FROM: f64 = 30.0;

/// The page.
pub fn render(report: &Report) -> String {
    let runs: String = report.runs.iter().map(|run| section(run, report.load.rate.is_some())).collect();
    // `</` would end the script element early.
    let json = serde_json::to_string(report).unwrap_or_default().replace("</", "<\\/");
    format!(
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>{title}</title><style>{STYLE}</style>\
         </head><body><main><h1>{title}</h1>{facts}{runs}</main>\
         <script type='application/json' id='report'>{json}</script></body></html>\n",
        title = escape(&format!("{} at {}", report.server, report.target)),
        facts = facts(report),
    )
}

fn facts(report: &Report) -> String {
    let (load, machine) = (&report.load, &report.machine);
    let pressure =
        load.rate.map_or("closed loop".into(), |rate| format!("open loop, {}/s", count(rate as u64)));
    let lines = [
        format!("{} · workload {}: {}", report.date, report.workload.0, report.workload.1),
        format!(
            "{pressure} · {} threads, {} connections, pipeline {}",
            load.threads, load.connections, load.pipeline
        ),
        format!(
            "{} × {} · Linux {} · governor {} · {}",
            machine.cpus, machine.cpu, machine.kernel, machine.governor, machine.bench
        ),
        format!("ringmaster-bench {}", report.command_line),
    ];
    lines.iter().map(|line| format!("<p class='facts'>{}</p>", escape(line))).collect()
}

fn section(run: &RunReport, open_loop: bool) -> String {
    let mut out = format!("<section><h2>{}</h2>{}", escape(&run.label), cards(run));
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
    if !run.nodes.is_empty() {
        out += "<h3>Nodes</h3>";
        out += &node_bars(run);
    }
    out + &ranges(run) + "</section>"
}

fn cards(run: &RunReport) -> String {
    let ms = |value: f64| milliseconds((value * 1e6) as u64) + " ms";
    let latency = &run.latency;
    let mut cards = vec![
        ("requests/s", count(run.throughput as u64), false),
        ("p50", ms(latency.p50), false),
        ("p99", ms(latency.p99), false),
        ("p99.9", ms(latency.p999), false),
        ("max", ms(latency.max), false),
        ("failed", count(run.counts.failed()), run.counts.failed() > 0),
    ];
    if run.counts.dropped > 0 {
        cards.push(("dropped unsent", count(run.counts.dropped), true));
    }
    if let Some(found) = &run.verify {
        cards.push(("lost acknowledged writes", count(found.lost), found.lost > 0));
        cards.push(("lost after WAIT", count(found.lost_waited), found.lost_waited > 0));
        cards.push(("stale reads", count(found.stale), found.stale > 0));
        cards.push(("corrupt values", count(found.corrupt), found.corrupt > 0));
    }
    let card = |(name, value, bad): (&str, String, bool)| {
        let class = if bad { "card bad" } else { "card" };
        format!("<div class='{class}'><b>{value}</b><span>{name}</span></div>")
    };
    format!("<div class='cards'>{}</div>", cards.into_iter().map(card).collect::<String>())
}

/// Each nine of the percentile takes the same room, as HdrHistogram's plots do.
fn percentile_x(percentile: f64) -> f64 {
    -(1.0 - percentile / 100.0).log10()
}

fn latency_curve(run: &RunReport, open_loop: bool) -> String {
    let points = |curve: &[(f64, f64)]| -> Vec<(f64, f64)> {
        let mut points: Vec<(f64, f64)> = curve
            .iter()
            .filter(|(p, _)| *p < 100.0)
            .map(|(p, latency)| (percentile_x(*p), *latency))
            .collect();
        // 100% has no place on this axis: the longest stands at the end.
        if let (Some((x, _)), Some((_, longest))) = (points.last().copied(), curve.last()) {
            points.push((x, *longest));
        }
        points
    };
    let name = if open_loop { "from the intended time" } else { "from sending" };
    let felt = points(&run.latency.curve);
    let end = felt.last().map_or(1.0, |p| p.0);
    let mut lines = vec![Line { name, class: "main", points: felt, filled: false }];
    if let Some(service) = &run.service {
        lines.push(Line {
            name: "service time",
            class: "second",
            points: points(&service.curve),
            filled: false,
        });
    }
    let marks = MARKS.iter().map(|p| (percentile_x(*p), format!("{p}%"))).filter(|(x, _)| *x <= end + 0.05);
    let logarithmic = run.latency.max > LOGARITHMIC_FROM * run.latency.p50;
    let unit = if logarithmic { "milliseconds, logarithmic" } else { "milliseconds" };
    Chart { height: 280.0, unit, marks: marks.collect(), logarithmic, lines }.render()
}

fn second_marks(run: &RunReport) -> Vec<(f64, String)> {
    let (Some(first), Some(last)) = (run.timeline.first(), run.timeline.last()) else { return Vec::new() };
    let step = (last.second - first.second).div_ceil(10).max(1);
    (first.second..=last.second).step_by(step).map(|s| (s as f64, format!("{s} s"))).collect()
}

fn throughput_line(run: &RunReport) -> String {
    let series = |of: fn(&crate::report::Point) -> u64| {
        run.timeline.iter().map(|p| (p.second as f64, of(p) as f64)).collect::<Vec<_>>()
    };
    let mut lines =
        vec![Line { name: "answered", class: "main", points: series(|p| p.answered), filled: true }];
    if run.counts.failed() + run.counts.dropped > 0 {
        let points = series(|p| p.failed + p.dropped);
        lines.push(Line { name: "failed or dropped", class: "alarm", points, filled: true });
    }
    Chart {
        height: 190.0,
        unit: "requests in the second",
        marks: second_marks(run),
        logarithmic: false,
        lines,
    }
    .render()
}

fn latency_line(run: &RunReport) -> String {
    let series = |of: fn(&crate::report::Point) -> f64| {
        run.timeline.iter().map(|p| (p.second as f64, of(p))).collect::<Vec<_>>()
    };
    let lines = vec![
        Line { name: "p50", class: "main", points: series(|p| p.p50), filled: false },
        Line { name: "p99", class: "second", points: series(|p| p.p99), filled: false },
        Line { name: "max", class: "third", points: series(|p| p.max), filled: false },
    ];
    Chart { height: 190.0, unit: "milliseconds", marks: second_marks(run), logarithmic: false, lines }
        .render()
}

fn node_bars(run: &RunReport) -> String {
    let row = |row: &crate::report::Row| {
        let p99 = milliseconds((row.latency.p99 * 1e6) as u64);
        let failed = row.counts.failed();
        let failures = if failed > 0 { format!(", {} failed", count(failed)) } else { String::new() };
        let note = format!("{}/s, p99 {p99} ms{failures}", count(row.throughput as u64));
        (row.label.clone(), row.throughput, note)
    };
    bars(&run.nodes.iter().map(row).collect::<Vec<_>>())
}

fn ranges(run: &RunReport) -> String {
    let away: Vec<_> = run.ranges.iter().filter(|range| range.failed > 0).collect();
    if away.is_empty() {
        return String::new();
    }
    let rows = away.iter().map(|range| {
        let name = format!("slots {}-{}", range.slots.0, range.slots.1);
        let note = format!("{:.0} ms, {} failures", range.unavailable_ms, count(range.failed));
        (name, range.unavailable_ms, note)
    });
    format!("<h3>Longest time without a success, by slots</h3>{}", bars(&rows.collect::<Vec<_>>()))
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
