//! Runs seeds: `sim [--moves] [--disk MS] --seed N [--trace]`, `sim [--moves] [--disk MS] --seeds FROM COUNT`,
//! `sim --storm NODES [CORES [TIMEOUT_MS]]`.
//!
//! Exit codes: 0 all well, 1 an invariant broke or nothing converged, 2 wrong arguments. A failing seed prints
//! the one command that replays it. A crash of the simulator itself is neither: it panics (101).

use std::process::ExitCode;

use sim::storm::storm;
use sim::{Options, run_seed};

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let mut ways = Ways { moves: take_flag(&mut words, "--moves"), ..Ways::default() };
    ways.trace = take_flag(&mut words, "--trace");
    if let Some(at) = words.iter().position(|word| word == "--disk")
        && let Some(ms) = words.get(at + 1).and_then(|word| word.parse().ok())
    {
        ways.disk_ms = Some(ms);
        words.drain(at..at + 2);
    }
    let numbers: Vec<u64> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let first = words.first().map(String::as_str).filter(|_| words.len() == numbers.len() + 1);
    match (first, numbers.as_slice()) {
        (Some("--seed"), [seed]) => seeds(*seed, 1, ways),
        (Some("--seeds"), [from, count]) => seeds(*from, *count, ways),
        (Some("--storm"), [count, rest @ ..]) => {
            let cores = rest.first().copied().unwrap_or(1) as usize;
            let timeout = rest.get(1).copied().unwrap_or(15_000);
            match storm(1, *count as usize, cores, timeout) {
                Ok(report) => {
                    println!("{report:?}");
                    ExitCode::SUCCESS
                }
                Err(why) => {
                    println!("storm of {count}: {why}");
                    ExitCode::FAILURE
                }
            }
        }
        _ => {
            eprintln!(
                "sim [--moves] [--disk MS] (--seed N [--trace] | --seeds FROM COUNT) | --storm NODES [CORES [TIMEOUT_MS]]"
            );
            ExitCode::from(2)
        }
    }
}

/// What is not as the seed says.
#[derive(Default)]
struct Ways {
    moves: bool,
    disk_ms: Option<u64>,
    trace: bool,
}

impl Ways {
    fn options(&self, seed: u64) -> Options {
        let usual = Options::of_seed(seed);
        let disk_ms = self.disk_ms.unwrap_or(usual.disk_ms);
        Options { moves: self.moves, trace: self.trace, disk_ms, ..usual }
    }

    fn words(&self) -> String {
        let disk = self.disk_ms.map(|ms| format!("--disk {ms} ")).unwrap_or_default();
        format!("{}{disk}", if self.moves { "--moves " } else { "" })
    }
}

/// Whether `flag` was among `words`; it is not any more.
fn take_flag(words: &mut Vec<String>, flag: &str) -> bool {
    let before = words.len();
    words.retain(|word| word != flag);
    words.len() < before
}

fn seeds(from: u64, count: u64, ways: Ways) -> ExitCode {
    let (mut failed, mut events, mut virtual_ms, mut promotions, mut faults, mut moved) = (0, 0, 0, 0, 0, 0);
    let option = ways.words();
    let (mut healed, mut minority) = (Vec::new(), 0);
    for seed in from..from + count {
        if seed > from && (seed - from).is_multiple_of(100) {
            eprintln!("{} seeds done, {failed} failed", seed - from);
        }
        match run_seed(seed, ways.options(seed)) {
            Ok(outcome) => {
                events += outcome.events;
                virtual_ms += outcome.virtual_ms;
                promotions += outcome.promotions;
                faults += outcome.faults;
                moved += outcome.moves;
                healed.push(outcome.healed_in_ms);
                minority = minority.max(outcome.minority_percent);
            }
            Err(why) => {
                failed += 1;
                println!("seed {seed}: {why}\n  replay: cargo run --release -p sim -- {option}--seed {seed}");
            }
        }
    }
    healed.sort_unstable();
    let at = |part: usize| healed.get((healed.len() * part / 100).min(healed.len().max(1) - 1)).copied();
    println!(
        "{count} seeds from {from}: {failed} failed; {events} events, {faults} faults, {moved} moves, {promotions} promotions, \
         {} virtual hours; converged in ms: median {:?}, 99% {:?}, worst {:?}; \
         served in a minority for {minority}% of the node timeout at most",
        virtual_ms / 3_600_000,
        at(50),
        at(99),
        healed.last()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
