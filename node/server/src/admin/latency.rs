//! LATENCY: the samples of the latency monitor, and the distribution of commands' run times.

use std::fmt::Write as _;

use commands::table::Found;
use commands::{Args, Error, Outcome};
use hdrhistogram::Histogram;
use resp::Reply;

use super::Call;
use super::info::ByCommand;
use crate::config::Insight;
use crate::core::Core;
use crate::core::latency::{Latency, Sample, Series};

/// LATENCY LATEST: of every event its newest sample and the worst ever.
pub fn latest(latency: &Latency, reply: &mut Reply) {
    let events = latency.events();
    reply.array(events.len());
    for (name, series) in events {
        let Some(newest) = series.samples().next_back() else { continue };
        reply.array(4);
        reply.bulk(name.as_bytes());
        reply.integer(newest.at_s as i64);
        reply.integer(newest.ms as i64);
        reply.integer(series.worst_ms as i64);
    }
}

/// LATENCY HISTORY event
pub fn history(latency: &Latency, args: &Args<'_>, reply: &mut Reply) {
    let series = latency.find(args[2]).map(|(_, series)| series);
    reply.array(series.map_or(0, |series| series.samples().len()));
    for Sample { at_s, ms } in series.into_iter().flat_map(Series::samples) {
        reply.array(2);
        reply.integer(at_s as i64);
        reply.integer(ms as i64);
    }
}

/// LATENCY RESET [event ...]: how many there were; a part of it tells which, as other cores may have the same.
pub fn reset(call: &mut Call<'_>) -> Outcome {
    let named = &call.args[2..];
    let is_named = |event: &str| named.iter().any(|name| name.eq_ignore_ascii_case(event.as_bytes()));
    let gone = call.core.latency.forget(|event| named.is_empty() || is_named(event));
    let reply = &mut call.client.reply;
    if call.part.is_some() {
        reply.array(gone.len());
        gone.iter().for_each(|name| reply.bulk(name.as_bytes()));
    } else {
        reply.integer(gone.len() as i64);
    }
    Ok(())
}

/// LATENCY GRAPH event
pub fn graph(latency: &Latency, args: &Args<'_>, now_ms: u64, reply: &mut Reply) -> Outcome {
    let Some((name, series)) = latency.find(args[2]) else {
        let name = String::from_utf8_lossy(args[2]);
        return Err(Error::text(format!("ERR No samples available for event '{name}'")));
    };
    let summary = series.summary();
    let mut text = format!(
        "{name} - high {} ms, low {} ms (all time high {} ms)\n{:-<GRAPH_COLUMNS$}\n",
        summary.high, summary.low, series.worst_ms, ""
    );
    let samples: Vec<Sample> = series.samples().collect();
    let parts =
        samples.chunks(GRAPH_COLUMNS).map(|part| draw(part, summary.low, summary.high, now_ms / 1000));
    text.push_str(&parts.collect::<Vec<_>>().join("\n"));
    reply.verbatim("txt", &text);
    Ok(())
}

const GRAPH_COLUMNS: usize = 80;
const GRAPH_ROWS: u64 = 4;
/// What a row shows of a column that ends in it, from low to high.
const GRAPH_TOPS: [char; 3] = ['_', 'o', '#'];

/// Columns of bars, the highest a sample of `high`, and below each how long ago it was, from top to bottom.
fn draw(samples: &[Sample], low: u64, high: u64, now_s: u64) -> String {
    let steps = GRAPH_ROWS * GRAPH_TOPS.len() as u64;
    let level = |sample: &Sample| ((sample.ms - low) * steps / (high - low).max(1)).min(steps - 1);
    let mut text = String::new();
    for row in (0..GRAPH_ROWS).rev() {
        let floor = row * GRAPH_TOPS.len() as u64;
        text.extend(samples.iter().map(|sample| match level(sample).checked_sub(floor) {
            None => ' ',
            Some(above) => GRAPH_TOPS.get(above as usize).copied().unwrap_or('|'),
        }));
        text.push('\n');
    }
    text.push('\n');
    let ages: Vec<String> = samples.iter().map(|sample| age(now_s.saturating_sub(sample.at_s))).collect();
    for line in 0..ages.iter().map(String::len).max().unwrap_or(0) {
        text.extend(ages.iter().map(|age| age.chars().nth(line).unwrap_or(' ')));
        text.push('\n');
    }
    text
}

/// A time in seconds, in the largest unit that is not zero: `5s`, `3m`, `2h`, `9d`.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// LATENCY DOCTOR: the events in words, and what can be done about them.
pub fn report(latency: &Latency, insight: &Insight) -> String {
    let threshold_ms = insight.latency_monitor_threshold;
    if latency.events().len() == 0 {
        return match threshold_ms {
            0 => "The latency monitor is off. CONFIG SET latency-monitor-threshold <milliseconds> turns it on.\n".into(),
            _ => format!("No event has taken {threshold_ms} ms or more.\n"),
        };
    }
    let mut text = String::from("Some events have kept clients waiting:\n\n");
    let mut advice = Vec::new();
    for (number, (name, series)) in (1..).zip(latency.events()) {
        let summary = series.summary();
        let _ = writeln!(
            text,
            "{number}. {name}: {} times, on average {} ms (mean deviation {} ms). The worst ever took {} ms.",
            series.samples().len(),
            summary.average,
            summary.deviation,
            series.worst_ms
        );
        advice.extend(remedy(name));
    }
    if insight.slowlog_log_slower_than < 0 || insight.slowlog_log_slower_than / 1000 > threshold_ms {
        advice.push("SLOWLOG misses commands that are seen here: lower slowlog-log-slower-than.");
    }
    text.push_str("\nWhat may help:\n\n");
    advice.iter().for_each(|line| text.extend(["- ", line, "\n"]));
    text
}

fn remedy(event: &str) -> Option<&'static str> {
    match event {
        "command" => {
            Some("SLOWLOG GET shows the commands that took long. Large collections are a usual cause.")
        }
        "fast-command" => Some(
            "Commands that should take microseconds were held up, so the thread did not get its CPU: look for \
             other load on it, or a noisy neighbour of the virtual machine.",
        ),
        "expire-cycle" => {
            Some("Many keys expire at the same time: spread their expiries, or lower active-expire-effort.")
        }
        _ => None,
    }
}

/// The commands that LATENCY HISTOGRAM [command ...] asks for, those of a container with it, and their run times.
pub fn run_times(core: &Core, args: &Args<'_>) -> ByCommand {
    let asked: Vec<Found> = args[2..].iter().filter_map(|name| Found::by_full_name(name)).collect();
    let is_asked = |found: &Found| {
        let is_sub = |asked: &Found| found.container.is_some_and(|c| std::ptr::eq(c, asked.command));
        args.len() == 2 || asked.iter().any(|asked| found.id == asked.id || is_sub(asked))
    };
    let commands = core.stats.by_command();
    let timed = commands.filter(|(found, stats)| !stats.run_times.is_empty() && is_asked(found));
    timed.map(|(found, stats)| (found.id, stats.clone())).collect()
}

/// LATENCY HISTOGRAM
pub fn histogram(commands: &ByCommand, reply: &mut Reply) {
    reply.map(commands.len());
    for (id, stats) in commands {
        if let Some(found) = Found::by_id(*id) {
            reply.bulk(found.full_name().as_bytes());
            write_histogram(reply, &stats.run_times.histogram());
        }
    }
}

/// The upper end of the first bucket, in nanoseconds; each next one is twice that.
const FIRST_BUCKET_NS: u64 = 1024;

/// One command's calls, and how many took at most so many microseconds, for powers of two as far as calls
/// took. A bucket reaches 1/128 beyond its power: clients know the bounds 1, 2, 4, 8, 16, 33, 66, ...
fn write_histogram(reply: &mut Reply, histogram: &Histogram<u64>) {
    reply.map(2);
    reply.bulk(b"calls");
    reply.integer(histogram.len() as i64);
    reply.bulk(b"histogram_usec");
    let mut bounds = (0..).map(|power| FIRST_BUCKET_NS << power).map(|ns| (ns + ns / 128 - 1) / 1000);
    let mut buckets: Vec<(u64, u64)> = Vec::new();
    let mut below = 0;
    for value in histogram.iter_recorded() {
        below += value.count_since_last_iteration();
        match buckets.last_mut() {
            Some((bound, count)) if value.value_iterated_to() <= *bound => *count = below,
            _ => {
                let bound = bounds.find(|bound| value.value_iterated_to() <= *bound).unwrap_or(u64::MAX);
                buckets.push((bound, below));
            }
        }
    }
    reply.map(buckets.len());
    for (bound, count) in buckets {
        reply.integer(bound as i64);
        reply.integer(count as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use resp::Proto;

    #[test]
    fn buckets_of_powers_of_two() {
        let mut histogram = Histogram::new_with_max(1_000_000_000, 2).unwrap();
        for us in [1, 1, 3, 17, 33, 100_000] {
            histogram.record(us).unwrap();
        }
        let mut reply = Reply::new(Proto::Resp3);
        write_histogram(&mut reply, &histogram);
        let expect = "%2\r\n$5\r\ncalls\r\n:6\r\n$14\r\nhistogram_usec\r\n%4\r\n:1\r\n:2\r\n:4\r\n:3\r\n:33\r\n:5\r\n\
                      :135266\r\n:6\r\n";
        assert_eq!(std::str::from_utf8(reply.as_plain().unwrap()).unwrap(), expect);
    }

    #[test]
    fn bars_and_ages() {
        let samples = [(0, 100), (3000, 111), (3599, 105)].map(|(at_s, ms)| Sample { at_s, ms });
        assert_eq!(draw(&samples, 100, 111, 3600), " # \n | \n |#\n_||\n\n111\nh0s\n m \n");
    }
}
