//! Resident memory of collections, many small ones and one large one of each type, beside Valkey's.
//!
//! ```bash
//! VALKEY_SERVER=... cargo build --release -p server && cargo run --release -p tests --example memory [share]
//! ```
//!
//! `share` (1 without it) divides the numbers of elements, for a quick look. Each load goes to a fresh process of either
//! server; the figure is the kernel's for the whole process, less what it was before the first key. The goal is
//! at most 0.85 of Valkey's.

use kit::{Client, Process, encode, peer, ringmaster};

/// Commands sent before their replies are read.
const BATCH: usize = 1_000;
/// Bytes of each of a batch of requests before the first figure is taken.
const WARM_UP: usize = 200;
/// Elements of a small collection, and of a command that fills a large one.
const ELEMENTS: u64 = 10;
/// Small collections of a load.
const SMALL: u64 = 100_000;
/// Elements of a large collection.
const LARGE: u64 = 1_000_000;

/// What is put in: the words of one element.
type Element = fn(u64) -> Vec<String>;

/// A type, as it is filled: the command and its elements.
struct Load {
    name: &'static str,
    command: &'static str,
    element: Element,
}

const LOADS: &[Load] = &[
    Load { name: "hash", command: "HSET", element: |n| vec![format!("field:{n}"), format!("value:{n}")] },
    Load { name: "list", command: "RPUSH", element: |n| vec![format!("element:{n}")] },
    Load { name: "set of integers", command: "SADD", element: |n| vec![shuffled(n).to_string()] },
    Load { name: "set", command: "SADD", element: |n| vec![format!("member:{n}")] },
    Load {
        name: "sorted set",
        command: "ZADD",
        element: |n| vec![shuffled(n).to_string(), format!("member:{n}")],
    },
];

/// Numbers below a million, each once, in no order.
fn shuffled(n: u64) -> u64 {
    n % LARGE * 611_953 % LARGE
}

/// The commands of `SMALL` collections of `ELEMENTS` elements.
fn many(load: &Load, share: u64) -> impl Iterator<Item = Vec<String>> {
    (0..SMALL / share).map(move |number| command(load, format!("key:{number}"), 0))
}

/// The commands of one collection of `LARGE` elements.
fn one(load: &Load, share: u64) -> impl Iterator<Item = Vec<String>> {
    (0..LARGE / share / ELEMENTS).map(move |part| command(load, "key".to_owned(), part * ELEMENTS))
}

fn command(load: &Load, key: String, first: u64) -> Vec<String> {
    let elements = (first..first + ELEMENTS).flat_map(load.element);
    [load.command.to_owned(), key].into_iter().chain(elements).collect()
}

/// The commands of a stream of `LARGE` entries.
fn stream(share: u64) -> impl Iterator<Item = Vec<String>> {
    let words =
        |n| ["XADD", "key", &format!("{n}-1"), "field", &format!("value:{n}")].map(str::to_owned).to_vec();
    (1..=LARGE / share).map(words)
}

/// The kernel's figure of a process's resident memory, in bytes.
fn resident_bytes(process: &Process) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux tells VmRSS");
    let kib: f64 = line.split_ascii_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number");
    kib * 1024.0
}

/// The memory that `commands` take at a fresh server.
fn measure(process: &Process, commands: impl Iterator<Item = Vec<String>>) -> f64 {
    let mut client = Client::connect(process.port);
    // The buffers that a client's requests go through are no part of the data.
    client.send(&encode(&["ECHO", &"x".repeat(WARM_UP)]).repeat(BATCH));
    (0..BATCH).for_each(|_| drop(client.read().expect("ECHO is answered")));
    let before = resident_bytes(process);
    let mut commands = commands.peekable();
    while commands.peek().is_some() {
        let batch: Vec<_> = commands.by_ref().take(BATCH).collect();
        client.send(&batch.iter().flat_map(|words| encode(words)).collect::<Vec<u8>>());
        for words in &batch {
            let reply = client.read().expect("the server answers");
            assert!(!matches!(reply, kit::Value::Error(_)), "{words:?}: {reply}");
        }
    }
    resident_bytes(process) - before
}

fn row(name: &str, commands: impl Fn() -> Box<dyn Iterator<Item = Vec<String>>>) {
    let theirs = measure(&peer("VALKEY_SERVER"), commands());
    let ours = measure(&ringmaster(1, &["--bootstrap", "yes", "--save", ""]), commands());
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    println!("| {name} | {:.1} | {:.1} | {:.2} |", mib(theirs), mib(ours), ours / theirs);
}

fn main() {
    let share: u64 = std::env::args().nth(1).map_or(1, |text| text.parse().expect("a number"));
    println!("| load | Valkey, MiB | ours, MiB | ratio |\n|---|---|---|---|");
    for load in LOADS {
        row(&format!("{} of {}, {} each", SMALL / share, load.name, ELEMENTS), || {
            Box::new(many(load, share))
        });
    }
    for load in LOADS {
        row(&format!("one {} of {}", load.name, LARGE / share), || Box::new(one(load, share)));
    }
    row(&format!("one stream of {}", LARGE / share), || Box::new(stream(share)));
}
