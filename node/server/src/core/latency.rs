//! The latency monitor: events that took at least `latency-monitor-threshold` milliseconds, and when.
//!
//! An event is a part of the server that can keep clients waiting (`command`, `fast-command`,
//! `expire-cycle`, ...). Of each the newest samples are kept, one a second at most: of a bad second the
//! longest counts.
//!
//! Source: "Redis latency monitoring" of the documentation.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Samples kept of an event.
const SAMPLES_MAX: usize = 160;

/// One sample: the longest of its second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Unix seconds.
    pub at_s: u64,
    /// How long the event took, in ms.
    pub ms: u64,
}

/// What is known of one event.
#[derive(Debug, Default, Clone)]
pub struct Series {
    samples: VecDeque<Sample>,
    /// The longest ever, in ms.
    pub worst_ms: u64,
}

/// The samples of an event in figures, in ms.
#[derive(Debug, PartialEq, Eq)]
pub struct Summary {
    /// Longest.
    pub high: u64,
    /// Shortest.
    pub low: u64,
    /// Average.
    pub average: u64,
    /// Mean distance from the average.
    pub deviation: u64,
}

/// All events, by name.
#[derive(Debug, Default, Clone)]
pub struct Latency {
    events: BTreeMap<&'static str, Series>,
}

impl Latency {
    /// Notes that `event` took `elapsed`, if that is `threshold_ms` or more; a threshold of 0 notes nothing.
    #[inline]
    pub fn observe(&mut self, event: &'static str, elapsed: Duration, threshold_ms: i64, now_ms: u64) {
        let ms = elapsed.as_millis() as u64;
        if threshold_ms > 0 && ms >= threshold_ms as u64 {
            self.events.entry(event).or_default().add(Sample { at_s: now_ms / 1000, ms });
        }
    }

    /// What is known of the event of this name.
    pub fn find(&self, event: &[u8]) -> Option<(&'static str, &Series)> {
        let name = std::str::from_utf8(event).ok()?;
        self.events.get_key_value(name).map(|(name, series)| (*name, series))
    }

    /// Every event that was noted.
    pub fn events(&self) -> impl ExactSizeIterator<Item = (&'static str, &Series)> {
        self.events.iter().map(|(name, series)| (*name, series))
    }

    /// Forgets the events that `wrong` picks; their names.
    pub fn forget(&mut self, mut wrong: impl FnMut(&str) -> bool) -> Vec<&'static str> {
        let gone: Vec<&'static str> = self.events.keys().copied().filter(|name| wrong(name)).collect();
        gone.iter().for_each(|name| drop(self.events.remove(name)));
        gone
    }

    /// Adds what another core noted.
    pub fn merge(&mut self, other: Latency) {
        other
            .events
            .into_iter()
            .for_each(|(name, series)| self.events.entry(name).or_default().merge(series));
    }
}

impl Series {
    fn add(&mut self, sample: Sample) {
        self.worst_ms = self.worst_ms.max(sample.ms);
        match self.samples.back_mut() {
            Some(last) if last.at_s == sample.at_s => last.ms = last.ms.max(sample.ms),
            _ => self.samples.push_back(sample),
        }
        if self.samples.len() > SAMPLES_MAX {
            self.samples.pop_front();
        }
    }

    fn merge(&mut self, other: Series) {
        let mut samples: Vec<Sample> = self.samples.drain(..).chain(other.samples).collect();
        samples.sort_by_key(|sample| sample.at_s);
        samples.into_iter().for_each(|sample| self.add(sample));
        self.worst_ms = self.worst_ms.max(other.worst_ms);
    }

    /// The samples, oldest first; there is at least one.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = Sample> + DoubleEndedIterator {
        self.samples.iter().copied()
    }

    /// The samples in figures.
    pub fn summary(&self) -> Summary {
        let count = self.samples.len().max(1) as u64;
        let times = || self.samples.iter().map(|sample| sample.ms);
        let average = times().sum::<u64>() / count;
        Summary {
            high: times().max().unwrap_or(0),
            low: times().min().unwrap_or(0),
            average,
            deviation: times().map(|ms| ms.abs_diff(average)).sum::<u64>() / count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sample_a_second_and_no_more_than_fit() {
        let mut latency = Latency::default();
        let mut note = |ms, now_ms| latency.observe("command", Duration::from_millis(ms), 100, now_ms);
        note(99, 1000);
        note(150, 1000);
        note(200, 1999);
        note(120, 1999);
        (2..=200).for_each(|s| note(100 + s, s * 1000));
        let (_, series) = latency.find(b"command").unwrap();
        assert_eq!(series.samples().len(), SAMPLES_MAX);
        assert_eq!(series.samples().next(), Some(Sample { at_s: 41, ms: 141 }));
        assert_eq!(series.worst_ms, 300);
        assert_eq!(series.summary(), Summary { high: 300, low: 141, average: 220, deviation: 40 });
        assert!(latency.find(b"COMMAND").is_none());
        assert!(latency.forget(|name| name == "other").is_empty());
        assert_eq!(latency.forget(|_| true), ["command"]);
    }

    #[test]
    fn of_several_cores() {
        let noted = |samples: &[(u64, u64)]| {
            let mut latency = Latency::default();
            for (at_s, ms) in samples {
                latency.observe("command", Duration::from_millis(*ms), 1, at_s * 1000);
            }
            latency
        };
        let mut latency = noted(&[(1, 10), (3, 30)]);
        latency.merge(noted(&[(2, 90), (3, 20)]));
        let (_, series) = latency.find(b"command").unwrap();
        let samples: Vec<(u64, u64)> = series.samples().map(|sample| (sample.at_s, sample.ms)).collect();
        assert_eq!((samples, series.worst_ms), (vec![(1, 10), (2, 90), (3, 30)], 90));
    }

    #[test]
    fn the_longest_of_a_second_counts() {
        let mut latency = Latency::default();
        for ms in [150, 200, 120] {
            latency.observe("fork", Duration::from_millis(ms), 100, 5000);
        }
        latency.observe("fork", Duration::from_millis(500), 0, 9000);
        let (_, series) = latency.find(b"fork").unwrap();
        assert_eq!(series.samples().collect::<Vec<_>>(), [Sample { at_s: 5, ms: 200 }]);
    }
}
