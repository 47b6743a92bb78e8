//! How many requests a busy core waits for before it wakes.
//!
//! A core that is quicker than its clients would wake for each request alone: a system call, a switch of tasks and cold
//! caches for every one. So it lets some more come first, as network cards do with their interrupts; the kernel collects
//! them without waking anybody. How many is what the last millisecond says: about as many as came in a window
//! (`coalesce-usec`), but at most half of the clients that spoke, for a client that waits for its reply sends nothing
//! more. A lone client, or a few, are so never kept waiting, nor are those of a core with little to do, nor anybody while
//! siblings speak; no request is for longer than the window. Clients that send pipelines ask for throughput, and a
//! pipeline takes a while anyway: for them the window is twice as long.

use crate::core::Core;

/// What came of late.
#[derive(Debug, Default)]
pub struct Company {
    /// The millisecond that is counted now, unix ms.
    ms: u64,
    /// Receives in it.
    receives: u64,
    /// Clients that spoke in it.
    clients: u64,
    /// A sibling spoke in it.
    siblings: bool,
    /// Commands that had run when it began.
    commands: u64,
    /// See [`Company::expected`].
    expected: usize,
    /// Pipelines came.
    pipelined: bool,
}

/// Fewer than that in a window are not worth a wait: the core has time to spare.
const LEAST: u64 = 3;
/// The most that is waited for: a round should not be longer than its clients' patience.
const MOST: u64 = 64;
/// Commands a receive, on average, that make pipelines.
const PIPELINE: u64 = 4;

impl Company {
    /// Counts a receive; `first`: of this client in this millisecond.
    #[inline]
    pub fn received(&mut self, first: bool) {
        self.receives += 1;
        self.clients += u64::from(first);
    }

    /// Notes that a sibling spoke: somebody waits for its next word, too, and that would be late by the window.
    #[inline]
    pub fn heard_sibling(&mut self) {
        self.siblings = true;
    }

    /// Begins a round at `now_ms`, before which `commands` have run; the window is `window_us` long.
    #[inline]
    fn begin_round(&mut self, now_ms: u64, window_us: u32, commands: u64) {
        if now_ms == self.ms {
            return;
        }
        // A clock that was set back tells nothing.
        let us = now_ms.saturating_sub(self.ms).max(1) * 1000;
        let in_window = self.receives * u64::from(window_us) / us;
        let pipelined = commands.saturating_sub(self.commands) >= self.receives * PIPELINE;
        let expected = match in_window {
            ..LEAST => 1,
            _ if self.siblings => 1,
            // Half as many again: as a rule the whole window is waited for.
            _ => ((in_window << u32::from(pipelined)) * 3 / 2).min(self.clients / 2).min(MOST) as usize,
        };
        *self = Company { ms: now_ms, commands, expected, pipelined, ..Company::default() };
    }

    /// The receives worth waiting for, within the window; 1 is any, at once.
    pub fn expected(&self) -> usize {
        self.expected.max(1)
    }

    /// How long to wait for them, where `window_us` is the window of those who do not send pipelines.
    pub fn window_us(&self, window_us: u32) -> u32 {
        window_us << u32::from(self.pipelined)
    }
}

impl Core {
    /// Looks at what came of late, at the beginning of a round.
    #[inline]
    pub fn expect_company(&mut self) {
        self.company.begin_round(self.now_ms, self.config.network.coalesce_usec, self.stats.commands);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_US: u32 = 100;

    /// What is expected after a millisecond in which each of `clients` spoke `times` times.
    fn after(clients: u64, times: u64) -> usize {
        let mut company = Company::default();
        company.begin_round(1000, WINDOW_US, 0);
        for _ in 0..clients {
            (0..times).for_each(|i| company.received(i == 0));
        }
        company.begin_round(1001, WINDOW_US, 0);
        company.expected()
    }

    #[test]
    fn as_many_are_expected_as_came_in_a_window() {
        assert_eq!(after(50, 1), 7);
        assert_eq!(after(50, 2), 15);
        assert_eq!(after(10_000, 1), MOST as usize);
    }

    #[test]
    fn a_core_with_time_to_spare_waits_for_nobody() {
        assert_eq!(after(29, 1), 1);
        assert_eq!(after(30, 1), 4);
    }

    #[test]
    fn few_clients_wait_for_nobody() {
        assert_eq!(after(0, 0), 1);
        assert_eq!(after(1, 100), 1);
        assert_eq!(after(3, 100), 1);
        // Of four, two answers may be awaited by the others.
        assert_eq!(after(4, 100), 2);
    }

    #[test]
    fn pipelines_wait_twice_as_long() {
        for (commands, expected, window_us) in [(399, 15, WINDOW_US), (400, 30, 2 * WINDOW_US)] {
            let mut company = Company::default();
            company.begin_round(1000, WINDOW_US, 5000);
            (0..100).for_each(|_| company.received(true));
            company.begin_round(1001, WINDOW_US, 5000 + commands);
            assert_eq!((company.expected(), company.window_us(WINDOW_US)), (expected, window_us));
        }
    }

    #[test]
    fn nobody_waits_while_siblings_speak() {
        let mut company = Company::default();
        for (ms, siblings, expected) in [(1, true, 1), (2, false, 15), (3, false, 15)] {
            company.begin_round(ms, WINDOW_US, 0);
            (0..100).for_each(|_| company.received(true));
            if siblings {
                company.heard_sibling();
            }
            company.begin_round(ms + 1, WINDOW_US, 0);
            assert_eq!(company.expected(), expected);
        }
    }

    #[test]
    fn a_pause_ends_it() {
        let mut company = Company::default();
        company.begin_round(1000, WINDOW_US, 0);
        (0..100).for_each(|_| company.received(true));
        company.begin_round(1001, WINDOW_US, 0);
        assert_eq!(company.expected(), 15);
        (0..100).for_each(|_| company.received(true));
        company.begin_round(1101, WINDOW_US, 0);
        assert_eq!(company.expected(), 1);
    }

    #[test]
    fn no_window_no_company() {
        let mut company = Company::default();
        (0..1000).for_each(|_| company.received(true));
        company.begin_round(1, 0, 0);
        assert_eq!(company.expected(), 1);
    }
}
