//! Runs seeds: `sim [--moves] --seed N [--trace]`, `sim [--moves] --seeds FROM COUNT`, `sim --storm NODES [CORES [TIMEOUT_MS]]`.
//!
//! Exit codes: 0 all well, 1 an invariant broke or nothing converged, 2 wrong arguments. A failing seed prints
//! the one command that replays it. A crash of the simulator itself is neither: it panics (101).

use std::process::ExitCode;

use sim::storm::storm;
use sim::{Options, run_seed};

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<u64> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let trace = words.iter().any(|word| word == "--trace");
    let moves = words.iter().any(|word| word == "--moves");
    words.retain(|word| word != "--moves");
    match (words.first().map(String::as_str), numbers.as_slice()) {
        (Some("--seed"), [seed]) => seeds(*seed, 1, moves, trace),
        (Some("--seeds"), [from, count]) => seeds(*from, *count, moves, trace),
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
                "sim [--moves] --seed N [--trace] | [--moves] --seeds FROM COUNT | --storm NODES [CORES [TIMEOUT_MS]]"
            );
            ExitCode::from(2)
        }
    }
}

fn seeds(from: u64, count: u64, moves: bool, trace: bool) -> ExitCode {
    let (mut failed, mut events, mut virtual_ms, mut promotions, mut faults, mut moved) = (0, 0, 0, 0, 0, 0);
    let option = if moves { "--moves " } else { "" };
    let (mut healed, mut minority) = (Vec::new(), 0);
    for seed in from..from + count {
        if seed > from && (seed - from).is_multiple_of(100) {
            eprintln!("{} seeds done, {failed} failed", seed - from);
        }
        match run_seed(seed, Options { moves, trace, ..Options::of_seed(seed) }) {
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
