//! Counters of a core, as INFO and LATENCY show them.

use std::collections::BTreeMap;

use commands::table::Found;

use crate::core::rounds::Rounds;
use crate::core::run_times::RunTimes;

/// Most different error codes counted, and with how many a script's own go to [`OTHER_CODES`]: it can make up any.
const ERROR_CODES_MAX: usize = 1024;
/// See [`ERROR_CODES_MAX`].
const SCRIPT_CODES_MAX: usize = 128;
/// Under what further codes are counted together.
const OTHER_CODES: &str = "ERRORSTATS_OVERFLOW";

/// What is counted of one command.
#[derive(Debug, Default, Clone)]
pub struct CommandStats {
    /// Times it ran.
    pub calls: u64,
    /// Microseconds it ran in all.
    pub microseconds: u64,
    /// Times it was refused before it ran.
    pub rejected: u64,
    /// Times it ended with an error.
    pub failed: u64,
    /// How long it ran each time, while `latency-tracking` was on.
    pub run_times: RunTimes,
}

impl CommandStats {
    /// Adds what was counted of the same command elsewhere.
    pub fn merge(&mut self, other: CommandStats) {
        self.calls += other.calls;
        self.microseconds += other.microseconds;
        self.rejected += other.rejected;
        self.failed += other.failed;
        self.run_times.merge(other.run_times);
    }
}

/// Samples a second, to tell a rate.
#[derive(Default)]
pub struct Rate {
    last: u64,
    samples: [f64; 16],
    at: usize,
}

impl Rate {
    /// The counter stands at `counter`; what led there is not this rate's.
    pub fn begin(&mut self, counter: u64) {
        self.last = counter;
    }

    /// Takes the counter's present value, `ms` after the last.
    pub fn sample(&mut self, counter: u64, ms: u64) {
        self.samples[self.at] = counter.saturating_sub(self.last) as f64 * 1000.0 / ms.max(1) as f64;
        self.at = (self.at + 1) % self.samples.len();
        self.last = counter;
    }

    /// Units a second, over the last samples.
    pub fn per_second(&self) -> f64 {
        self.samples.iter().sum::<f64>() / self.samples.len() as f64
    }
}

/// Everything a core counts. CONFIG RESETSTAT makes it new.
#[derive(Default)]
pub struct Stats {
    /// Connections accepted.
    pub connections: u64,
    /// Connections refused by `maxclients` or protected mode.
    pub rejected_connections: u64,
    /// Commands run.
    pub commands: u64,
    /// Bytes received from clients, and sent to them.
    pub net_input_bytes: u64,
    /// See `net_input_bytes`.
    pub net_output_bytes: u64,
    /// Keys deleted because their time was over.
    pub expired_keys: u64,
    /// Fields of hashes deleted because their time was over.
    pub expired_fields: u64,
    /// Keys evicted for `maxmemory`.
    pub evicted_keys: u64,
    /// Microseconds that memory was over the limit.
    pub eviction_exceeded_us: u64,
    /// Clients closed for `maxmemory-clients`.
    pub evicted_clients: u64,
    /// Look-ups that found a key, and that did not.
    pub hits: u64,
    /// See `hits`.
    pub misses: u64,
    /// Errors answered, in all and by code.
    pub errors: u64,
    /// See `errors`.
    pub errors_by_code: BTreeMap<String, u64>,
    /// Clients closed for their query or output buffers.
    pub query_buffer_disconnections: u64,
    /// See `query_buffer_disconnections`.
    pub output_buffer_disconnections: u64,
    /// What users lacked: the right password, a command, a key, a channel.
    pub denied_log_ins: u64,
    /// See `denied_log_ins`.
    pub denied_commands: u64,
    /// See `denied_log_ins`.
    pub denied_keys: u64,
    /// See `denied_log_ins`.
    pub denied_channels: u64,
    /// Commands run on the way from the ingress to a sibling, and for a sibling's ingress.
    pub forwarded: u64,
    /// See `forwarded`.
    pub run_for_siblings: u64,
    /// Times the active expiry ran out of its time.
    pub expire_cycles_cut: u64,
    /// Largest memory seen, bytes.
    pub peak_memory: u64,
    /// Receives from clients, and sends to them.
    pub reads: u64,
    /// See `reads`.
    pub writes: u64,
    /// Rounds of the loop.
    pub rounds: Rounds,
    /// Microseconds that commands ran.
    pub commands_us: u64,
    /// Rates.
    pub ops: Rate,
    /// See `ops`.
    pub input_rate: Rate,
    /// See `ops`.
    pub output_rate: Rate,
    /// Nanoseconds that ran but are not counted yet: less than a microsecond.
    rest_ns: u64,
    commands_by_id: Vec<CommandStats>,
}

impl Stats {
    /// What is counted of `found`.
    #[inline]
    pub fn command(&mut self, found: &Found) -> &mut CommandStats {
        let id = usize::from(found.id);
        if id >= self.commands_by_id.len() {
            self.commands_by_id.resize_with(id + 1, CommandStats::default);
        }
        &mut self.commands_by_id[id]
    }

    /// Counts one run of `found`; how many microseconds it is to be counted with.
    #[inline]
    pub fn ran(&mut self, found: &Found, nanoseconds: u64, failed: bool, tracking: bool) -> u64 {
        self.commands += 1;
        let microseconds = self.whole_us(nanoseconds);
        let command = self.command(found);
        command.calls += 1;
        command.microseconds += microseconds;
        command.failed += u64::from(failed);
        if tracking {
            command.run_times.record(nanoseconds);
        }
        microseconds
    }

    /// Counts time that `found` ran before it had to wait; as [`Stats::ran`].
    pub fn ran_in_vain(&mut self, found: &Found, nanoseconds: u64) -> u64 {
        let microseconds = self.whole_us(nanoseconds);
        self.command(found).microseconds += microseconds;
        microseconds
    }

    /// Whole microseconds of a run. What is left counts with the next: many short runs add up to the truth, and
    /// the sums by command and by slot agree.
    #[inline]
    fn whole_us(&mut self, nanoseconds: u64) -> u64 {
        let all = self.rest_ns + nanoseconds;
        self.rest_ns = all % 1000;
        self.commands_us += all / 1000;
        all / 1000
    }

    /// Counts an error answered; `code` is its first word.
    pub fn error(&mut self, code: &str) {
        self.count_error(code, ERROR_CODES_MAX);
    }

    /// Counts an error whose words are a script's.
    pub fn script_error(&mut self, code: &str) {
        self.count_error(code, SCRIPT_CODES_MAX);
    }

    /// Counts an error under its code, or with all others where that is new and `most` are known.
    fn count_error(&mut self, code: &str, most: usize) {
        self.errors += 1;
        let is_known = self.errors_by_code.contains_key(code) || self.errors_by_code.len() < most;
        let code = if is_known { code } else { OTHER_CODES };
        match self.errors_by_code.get_mut(code) {
            Some(count) => *count += 1,
            None => drop(self.errors_by_code.insert(code.to_owned(), 1)),
        }
    }

    /// Commands that ran or were refused, with what is counted of them.
    pub fn by_command(&self) -> impl Iterator<Item = (Found, &CommandStats)> {
        let counted = |s: &CommandStats| s.calls + s.rejected + s.failed > 0;
        let rows = self.commands_by_id.iter().enumerate().filter(move |(_, stats)| counted(stats));
        rows.filter_map(|(id, stats)| Some((Found::by_id(id as u16)?, stats)))
    }
}
