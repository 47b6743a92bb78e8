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
//! `MODEL_CORES` and `MODEL_INGRESS=yes` choose the process the commands go to. Through the ingress differences remain:
//! DEBUG DIGEST-VALUE asks the core that accepted the connection, MSET and DEL may cross slots there.

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

/// Our process, and the port commands go to: the first core's, or the ingress.
fn our_process() -> (kit::Process, u16) {
    let cores = number("MODEL_CORES").unwrap_or(1) as u16;
    let more = ["--bootstrap", "yes", "--enable-protected-configs", "yes", "--enable-debug-command", "yes"];
    if std::env::var("MODEL_INGRESS").is_ok_and(|text| text == "yes") {
        let port = kit::free_ports(1);
        let text = port.to_string();
        return (ringmaster(cores, &[&more[..], &["--ingress-port", &text]].concat()), port);
    }
    let ours = ringmaster(cores, &more);
    let port = ours.port;
    (ours, port)
}

#[test]
fn random_commands_do_what_they_do_in_valkey() {
    let theirs = peer("VALKEY_SERVER");
    let (_ours, port) = our_process();
    let rows = commands::rows();
    let mut pair = Pair::connect(theirs.port, port);
    let (first, count) = (number("MODEL_SEED").unwrap_or(BRIEF_SEED), number("MODEL_COMMANDS"));
    let rounds = count.map_or(BRIEF, |count| count as usize).div_ceil(ROUND) as u64;
    let (mut compared, mut failures) = (0, Vec::new());
    for seed in first..first + rounds {
        let round = round(seed, &rows);
        compared += round.commands().count();
        if let Some(found) = pair.run(&round) {
            let told = shrink::report(&mut pair, round, found);
            failures.push(format!(
                "{told}\nrepeat: MODEL_SEED={seed} MODEL_COMMANDS=1 cargo test -p tests --test model"
            ));
        }
        if failures.len() >= number("MODEL_FAILURES").unwrap_or(1) as usize {
            break;
        }
    }
    println!("{compared} commands compared");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
