//! Rounds of a core's loop: how many, how long, how full. INFO's `eventloop_*` fields.
//!
//! A round that brought nothing is not counted: an idle core looks idle. The work that runs by the clock counts
//! as a round each time, as it does where one loop does all.

use crate::core::stats::Rate;

/// What is known of the rounds so far.
#[derive(Default)]
pub struct Rounds {
    /// How many.
    pub count: u64,
    /// Nanoseconds in all.
    pub nanoseconds: u64,
    /// Nanoseconds of the work that runs by the clock.
    pub cron_ns: u64,
    /// The longest, nanoseconds.
    pub longest_ns: u64,
    /// The most commands run in one.
    pub most_commands: u64,
    /// CPU time of the core's thread, microseconds, as it was last looked at.
    pub cpu_us: u64,
    /// Rounds, and microseconds in them, a second.
    count_rate: Rate,
    us_rate: Rate,
    cpu_rate: Rate,
}

impl Rounds {
    /// Counts a round.
    #[inline]
    pub fn ended(&mut self, nanoseconds: u64, commands: u64) {
        self.count += 1;
        self.nanoseconds += nanoseconds;
        self.longest_ns = self.longest_ns.max(nanoseconds);
        self.most_commands = self.most_commands.max(commands);
    }

    /// Counts work that ran by the clock.
    pub fn cron_ended(&mut self, nanoseconds: u64) {
        self.cron_ns += nanoseconds;
        self.ended(nanoseconds, 0);
    }

    /// Takes samples for the rates, `ms` after the last; the thread has used `cpu_us` of CPU time since it began.
    pub fn sample(&mut self, ms: u64, cpu_us: u64) {
        if self.cpu_us == 0 {
            // The thread is older than these counters.
            self.cpu_rate.begin(cpu_us);
        }
        self.cpu_us = cpu_us;
        self.cpu_rate.sample(cpu_us, ms);
        self.count_rate.sample(self.count, ms);
        self.us_rate.sample(self.nanoseconds / 1000, ms);
    }

    /// How full the core is, 0 to 1: the share of its time that its thread has used of late. The thread sleeps
    /// whenever there is nothing to do, in the ring or in its executor, so this counts all work and no waiting:
    /// commands, the kernel's part of receiving and sending, background work.
    pub fn busy_share(&self) -> f64 {
        (self.cpu_rate.per_second() / 1e6).clamp(0.0, 1.0)
    }

    /// Rounds a second.
    pub fn per_second(&self) -> f64 {
        self.count_rate.per_second()
    }

    /// Microseconds a round takes.
    pub fn usual_us(&self) -> f64 {
        let count = self.count_rate.per_second();
        if count > 0.0 { self.us_rate.per_second() / count } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_counted_and_averaged() {
        let mut rounds = Rounds::default();
        for _ in 0..10 {
            rounds.ended(2_000, 3);
        }
        rounds.cron_ended(20_000);
        assert_eq!((rounds.count, rounds.nanoseconds, rounds.cron_ns), (11, 40_000, 20_000));
        assert_eq!((rounds.longest_ns, rounds.most_commands), (20_000, 3));
        rounds.sample(100, 0);
        assert!((rounds.usual_us() - 40.0 / 11.0).abs() < 1e-9);
    }

    #[test]
    fn a_core_is_as_full_as_its_thread_is_busy() {
        let mut rounds = Rounds::default();
        rounds.sample(100, 7_000_000);
        (1..=16).for_each(|i| rounds.sample(100, 7_000_000 + i * 25_000));
        assert!((rounds.busy_share() - 0.25).abs() < 1e-9);
        // A late sample must not show more than there is.
        (1..=16).for_each(|i| rounds.sample(100, 9_000_000 + i * 250_000));
        assert!((rounds.busy_share() - 1.0).abs() < 1e-9);
    }
}
