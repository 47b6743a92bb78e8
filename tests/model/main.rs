//! Random commands over all types, sent to a live Valkey and to us: every reply is the same, and so is what is
//! stored in the end.
//!
//! Nobody thinks of every odd argument; a generator does, given time. Commands come from a table of their syntax
//! (`commands`), which `grammar` expands with words that are often wrong in a telling way (`words`). A run is cut
//! into rounds. A round begins with empty servers and its own seed, so it is repeated alone; its commands are sent
//! in one piece, the replies compared one by one as the table says (`compare`), and then the keys (`keys`). A round
//! in which something differs is cut down to the commands that matter (`shrink`).
//!
//! Not to be compared, and so kept out of the words: what a clock decides (a key that expires while the round
//! runs) and what chance decides (a member that SPOP takes; the key is deleted right after).
//!
//! ```bash
//! cargo test -p tests --test model                                     # a short run with fixed seeds
//! MODEL_COMMANDS=1000000 cargo test -p tests --test model -- --nocapture
//! MODEL_SEED=7 MODEL_COMMANDS=1 cargo test -p tests --test model       # one round, as a failure tells
//! ```
//!
//! Keys are in one slot; through the ingress, commands that may cross slots there and not in Valkey are left out.
//! `MODEL_FAILURES` says how many rounds may fail before the run ends.

mod commands;
mod compare;
mod grammar;
mod keys;
mod pair;
mod shrink;
mod words;

use base::Random;
use kit::{peer, ringmaster};

use commands::{Command, Row};
use pair::{Pair, Round};

/// Commands of a round.
const ROUND: usize = 1000;
/// Commands of a run that says nothing else.
const BRIEF: usize = 20_000;
/// The first seed of such a run.
const BRIEF_SEED: u64 = 1;
/// Thresholds small enough to be crossed in a round, set in every second one; the default in the others.
const THRESHOLDS: &[(&str, &str, &str)] = &[
    ("hash-max-listpack-entries", "4", "512"),
    ("hash-max-listpack-value", "16", "64"),
    ("set-max-intset-entries", "4", "512"),
    ("set-max-listpack-entries", "4", "128"),
    ("set-max-listpack-value", "16", "64"),
    ("zset-max-listpack-entries", "4", "128"),
    ("zset-max-listpack-value", "16", "64"),
    ("list-max-listpack-size", "3", "-2"),
    ("stream-node-max-entries", "3", "100"),
    ("hll-sparse-max-bytes", "64", "3000"),
];

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

/// The round with this seed.
fn round(seed: u64, rows: &[Row]) -> Round {
    let mut random = Random::new(seed);
    let threshold = |&(name, small, usual): &(_, _, _)| {
        Command::setting(&["CONFIG", "SET", name, if seed.is_multiple_of(2) { small } else { usual }])
    };
    let mut settings: Vec<Command> = THRESHOLDS.iter().map(threshold).collect();
    settings.push(Command::setting(&["HELLO", if seed % 4 < 2 { "2" } else { "3" }]));
    // Real servers save after FLUSHALL.
    settings.push(Command::setting(&["CONFIG", "SET", "save", ""]));
    settings.push(Command::setting(&["FLUSHALL"]));
    Round { settings, requests: (0..ROUND).map(|_| commands::random_request(rows, &mut random)).collect() }
}

/// What our process is started with; DEBUG tells what is stored.
const OPTIONS: [&str; 6] =
    ["--bootstrap", "yes", "--enable-protected-configs", "yes", "--enable-debug-command", "yes"];

#[test]
fn random_commands_do_what_they_do_in_valkey() {
    let theirs = peer("VALKEY_SERVER");
    let ours = ringmaster(1, &OPTIONS);
    compare(Pair::connect(theirs.port, ours.port), "random");
}

#[test]
fn through_the_ingress_too() {
    let theirs = peer("VALKEY_SERVER");
    let port = kit::free_ports(1);
    let _ours = ringmaster(3, &[&OPTIONS[..], &["--ingress-port", &port.to_string()]].concat());
    compare(Pair::connect_to_ingress(theirs.port, port), "ingress");
}

/// Runs rounds until enough of them failed; `test` is a word of the test's name.
fn compare(mut pair: Pair, test: &str) {
    let rows = commands::rows();
    let (first, count) = (number("MODEL_SEED").unwrap_or(BRIEF_SEED), number("MODEL_COMMANDS"));
    let rounds = count.map_or(BRIEF, |count| count as usize).div_ceil(ROUND) as u64;
    let (mut compared, mut failures) = (0, Vec::new());
    for seed in first..first + rounds {
        let mut round = round(seed, &rows);
        round.requests.retain(|request| pair.compares(request));
        compared += round.commands().count();
        if let Some(found) = pair.run(&round) {
            let told = shrink::report(&mut pair, round, found);
            let repeat =
                format!("MODEL_SEED={seed} MODEL_COMMANDS=1 cargo test -p tests --test model {test}");
            failures.push(format!("{told}\nrepeat: {repeat}"));
        }
        if failures.len() >= number("MODEL_FAILURES").unwrap_or(1) as usize {
            break;
        }
    }
    println!("{compared} commands compared");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
