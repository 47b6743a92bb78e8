//! The HdrHistogram interval log, for the plotters and analysers that read it.
//!
//! A histogram for each second would fill the memory of a long run, so a second's histogram is encoded as soon
//! as it is complete. Values are nanoseconds; maxima in the log are milliseconds, as the log's readers expect.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer, V2Serializer};

use crate::session::Second;
use crate::stats::Latencies;

/// A histogram in the compact form "V2", not yet deflated.
pub fn encode(latencies: &Latencies) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoded = V2Serializer::new().serialize(latencies, &mut bytes);
    encoded.expect("a vector takes every byte, and the histogram fits the form");
    bytes
}

/// The log of runs that started at `start`: for each its label and its seconds.
pub fn render(start: SystemTime, runs: &[(String, Vec<Second>)]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut writer = IntervalLogWriterBuilder::new()
        .add_comment("ringmaster-bench: latencies in nanoseconds")
        .with_start_time(start)
        .with_base_time(UNIX_EPOCH)
        .with_max_value_divisor(1e6)
        .begin_log_with(&mut out, &mut serializer)
        .map_err(|e| format!("interval log: {e}"))?;
    let since_epoch = start.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut offset = 0;
    for (label, seconds) in runs {
        let label: String = label.chars().map(|c| if " ,\r\n".contains(c) { '_' } else { c }).collect();
        for second in seconds {
            if let Ok(histogram) = Deserializer::new().deserialize::<u64, _>(&mut &second.encoded[..]) {
                let begin = since_epoch + Duration::from_secs(offset);
                let written =
                    writer.write_histogram(&histogram, begin, Duration::from_secs(1), Tag::new(&label));
                written.map_err(|e| format!("interval log: {e:?}"))?;
            }
            offset += 1;
        }
    }
    drop(writer);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::latencies;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    #[test]
    fn the_log_can_be_read_again() {
        let mut histogram = latencies();
        histogram.record_n(5_000_000, 10).unwrap();
        let mut second = Second::empty();
        second.encoded = encode(&histogram);
        let seconds = vec![second; 3];
        let log = render(UNIX_EPOCH, &[("SET GET".into(), seconds)]).unwrap();
        let intervals: Vec<_> = IntervalLogIterator::new(&log)
            .filter_map(|entry| match entry.unwrap() {
                LogEntry::Interval(interval) => {
                    Some((interval.tag().unwrap().as_str().to_string(), interval.max()))
                }
                _ => None,
            })
            .collect();
        assert_eq!(intervals.len(), 3);
        assert_eq!(intervals[0].0, "SET_GET");
        assert!((intervals[0].1 - 5.0).abs() < 0.01, "{}", intervals[0].1);
    }
}
