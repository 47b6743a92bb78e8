//! Which request comes next, and when it was meant to be sent.
//!
//! A closed loop sends when an answer made room, so a server that stalls is asked less and looks better than
//! it is. An open loop has a schedule that does not wait for anybody: each request has an intended time, and
//! its latency counts from there, sent late or not.

use std::time::Duration;

use crate::random::Random;

/// When the requests of an open loop are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Arrivals {
    /// One every 1/rate seconds.
    Even,
    /// At random (exponential gaps), as independent users come.
    Poisson,
}

/// The schedule of one thread: numbers `thread, thread + threads, ...`.
#[derive(Debug)]
pub struct Schedule {
    next: u64,
    stride: u64,
    /// No request has this number or a higher one.
    limit: u64,
    /// Nothing is due from here on, in nanoseconds since the run began.
    end_ns: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    due_ns: f64,
    gap_ns: f64,
    arrivals: Arrivals,
    random: Random,
}

impl Schedule {
    /// A closed loop of at most `requests` in all threads, over after `duration`.
    pub fn closed(
        thread: usize,
        threads: usize,
        requests: Option<u64>,
        duration: Option<Duration>,
    ) -> Schedule {
        Schedule {
            next: thread as u64,
            stride: threads as u64,
            limit: requests.unwrap_or(u64::MAX),
            end_ns: duration.map_or(u64::MAX, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)),
            open: None,
        }
    }

    /// The same with `rate` requests a second over all threads, from `start_ns` on.
    pub fn at_rate(mut self, rate: f64, arrivals: Arrivals, seed: u64, start_ns: u64) -> Schedule {
        let gap_ns = 1e9 / rate * self.stride as f64;
        let offset = gap_ns / self.stride as f64 * self.next as f64;
        let random = Random::of(seed ^ 0x6172_7269_7665, self.next);
        self.open = Some(Open { due_ns: start_ns as f64 + offset, gap_ns, arrivals, random });
        self
    }

    /// Whether there is nothing more to come at `now_ns`.
    pub fn is_over(&self, now_ns: u64) -> bool {
        let due = self.due_ns().unwrap_or(now_ns);
        self.next >= self.limit || due >= self.end_ns
    }

    /// No further requests.
    pub fn end(&mut self) {
        self.limit = 0;
    }

    /// When the next request of an open loop is due.
    pub fn due_ns(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.due_ns as u64)
    }

    /// The next request: its number and its intended time.
    pub fn take(&mut self, now_ns: u64) -> Option<(u64, u64)> {
        if self.is_over(now_ns) {
            return None;
        }
        let intended = match &mut self.open {
            None => now_ns,
            Some(open) => {
                let due = open.due_ns;
                if due as u64 > now_ns {
                    return None;
                }
                open.due_ns += match open.arrivals {
                    Arrivals::Even => open.gap_ns,
                    Arrivals::Poisson => -open.gap_ns * (1.0 - open.random.unit()).ln(),
                };
                due as u64
            }
        };
        let number = self.next;
        self.next = self.next.saturating_add(self.stride);
        Some((number, intended))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dues(mut schedule: Schedule, until_ns: u64) -> Vec<(u64, u64)> {
        std::iter::from_fn(|| schedule.take(until_ns)).collect()
    }

    #[test]
    fn threads_share_an_even_schedule() {
        let of = |thread| Schedule::closed(thread, 2, None, None).at_rate(1000.0, Arrivals::Even, 1, 0);
        assert_eq!(dues(of(0), 4_000_000), [(0, 0), (2, 2_000_000), (4, 4_000_000)]);
        assert_eq!(dues(of(1), 4_000_000), [(1, 1_000_000), (3, 3_000_000)]);
    }

    #[test]
    fn poisson_keeps_the_rate() {
        let second = Some(Duration::from_secs(10));
        let schedule = Schedule::closed(0, 1, None, second).at_rate(10_000.0, Arrivals::Poisson, 1, 0);
        let count = dues(schedule, u64::MAX).len();
        // Five standard deviations (316 each) around 100,000.
        assert!((98_419..101_581).contains(&count), "{count}");
    }

    #[test]
    fn limits_end_it() {
        let mut schedule = Schedule::closed(1, 3, Some(6), None);
        assert_eq!(
            (schedule.take(5), schedule.take(9), schedule.take(9)),
            (Some((1, 5)), Some((4, 9)), None)
        );
        let mut schedule = Schedule::closed(0, 1, None, Some(Duration::from_secs(1)));
        assert!(schedule.take(999_999_999).is_some() && schedule.take(1_000_000_000).is_none());
        let mut schedule = Schedule::closed(0, 1, None, None);
        schedule.end();
        assert!(schedule.is_over(0));
    }
}
