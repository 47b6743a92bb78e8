//! `fuzz TARGET|all [--seed N] [--runs N | --seconds N]`, `fuzz TARGET --input FILE`.
//!
//! Without a seed one is taken from the clock and shown. Exit codes: 0 nothing found, 2 wrong arguments; a failed
//! input ends the program with a panic and is left in the working folder.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuzz::{Span, TARGETS, Target, run, try_one};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let options: Option<Vec<(&str, &str)>> = words
        .get(1..)
        .unwrap_or_default()
        .chunks(2)
        .map(|pair| Some((pair[0].strip_prefix("--")?, pair.get(1)?.as_str())))
        .collect();
    let targets: Vec<&Target> = match words.first().map(String::as_str) {
        Some("all") => TARGETS.iter().collect(),
        Some(name) => TARGETS.iter().filter(|target| target.name == name).collect(),
        None => Vec::new(),
    };
    let Some(options) = options.filter(|_| !targets.is_empty()) else {
        eprintln!(
            "fuzz TARGET|all [--seed N] [--runs N | --seconds N]\nfuzz TARGET --input FILE\n\nTargets:"
        );
        TARGETS.iter().for_each(|target| eprintln!("  {:<12} {}", target.name, target.about));
        return ExitCode::from(2);
    };
    let text = |name: &str| options.iter().find(|(option, _)| *option == name).map(|(_, value)| *value);
    let number = |name: &str| text(name).and_then(|value| value.parse::<u64>().ok());
    fuzz::report_panics(Path::new("."));
    if let Some(file) = text("input") {
        let input = std::fs::read(file).expect("the input can be read");
        println!("{}: {:?}", targets[0].name, try_one(targets[0], &input));
        return ExitCode::SUCCESS;
    }
    let seed = number("seed").unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
    });
    let span = match (number("runs"), number("seconds")) {
        (Some(runs), _) => Span::Runs(runs),
        (None, seconds) => Span::Time(Duration::from_secs(seconds.unwrap_or(60))),
    };
    for target in targets {
        println!("{}, seed {seed}: {:?}", target.name, run(target, seed, span));
    }
    ExitCode::SUCCESS
}
