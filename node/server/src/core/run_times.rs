//! How long the runs of a command took, by distribution.
//!
//! Nearly all runs are briefer than the finest step of a histogram in microseconds, and most of its cost is to find that out. So
//! those are counted beside it.

use hdrhistogram::Histogram;

/// Longest run time that is told apart, in microseconds.
const MAX_US: u64 = 1_000_000_000;
/// Runs below that count as one microsecond.
const BRIEF_NS: u64 = 2_000;

/// Run times.
#[derive(Debug, Default, Clone)]
pub struct RunTimes {
    brief: u64,
    /// Absent until there is one.
    longer: Option<Box<Histogram<u64>>>,
}

impl RunTimes {
    /// Counts a run.
    #[inline]
    pub fn record(&mut self, nanoseconds: u64) {
        if nanoseconds < BRIEF_NS {
            self.brief += 1;
        } else {
            let longer = self.longer.get_or_insert_with(|| Box::new(empty()));
            longer.saturating_record(nanoseconds / 1000);
        }
    }

    /// Whether none was counted.
    pub fn is_empty(&self) -> bool {
        self.brief == 0 && self.longer.is_none()
    }

    /// Adds those of the same command elsewhere.
    pub fn merge(&mut self, other: RunTimes) {
        self.brief += other.brief;
        match (&mut self.longer, other.longer) {
            (Some(own), Some(more)) => own.add(&*more).expect("all have the same bounds"),
            (own @ None, more) => *own = more,
            (Some(_), None) => {}
        }
    }

    /// All of them, in microseconds, at least one.
    pub fn histogram(&self) -> Histogram<u64> {
        let mut all = self.longer.as_deref().cloned().unwrap_or_else(empty);
        all.record_n(1, self.brief).expect("one is within bounds");
        all
    }
}

fn empty() -> Histogram<u64> {
    Histogram::new_with_max(MAX_US, 2).expect("constants within bounds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brief_and_longer_runs_are_told_apart_and_together() {
        let (mut here, mut there) = (RunTimes::default(), RunTimes::default());
        assert!(here.is_empty());
        [0, 999, 1_000, 1_999].into_iter().for_each(|ns| here.record(ns));
        assert!(!here.is_empty());
        there.record(2_000);
        there.record(1);
        there.record(u64::MAX);
        here.merge(there);
        let all = here.histogram();
        assert_eq!((all.len(), all.count_at(1), all.count_at(2)), (7, 5, 1));
        assert!(all.max() >= MAX_US);
    }
}
