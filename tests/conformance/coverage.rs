//! Every command is in some transcript, or has a reason not to be.

use std::collections::BTreeSet;

use kit::{Client, Value, ringmaster};

/// Commands that no transcript can compare, and where they are tested. A name stands for its subcommands too.
const ELSEWHERE: &[(&str, &[&str])] = &[
    ("users are not Valkey's own: tests/e2e, node/acl", &["acl"]),
    ("about this cluster, not that one: tests/e2e/cluster.rs", &["cluster"]),
    (
        "files and replicas: tests/e2e",
        &["bgrewriteaof", "bgsave", "save", "lastsave", "shutdown", "failover", "replicaof", "slaveof"],
    ),
    (
        "the stream between master and replica: tests/e2e/replication",
        &["psync", "sync", "replconf", "role", "wait", "waitaof"],
    ),
    ("to another server: tests/e2e", &["migrate"]),
    (
        "messages come unasked: tests/e2e/pubsub.rs, monitor.rs, tracking.rs",
        &[
            "subscribe",
            "psubscribe",
            "ssubscribe",
            "unsubscribe",
            "punsubscribe",
            "sunsubscribe",
            "publish",
            "spublish",
            "pubsub",
            "monitor",
            "client|tracking",
            "client|trackinginfo",
            "client|caching",
        ],
    ),
    (
        "scripts: the public suite's unit/scripting and unit/functions, node/scripting",
        &["eval", "eval_ro", "evalsha", "evalsha_ro", "script", "fcall", "fcall_ro", "function"],
    ),
    ("end or silence the connection: tests/e2e", &["quit", "client|reply", "client|capa"]),
    (
        "about the machine or the moment: unit tests of node/server",
        &["latency", "hotkeys", "memory", "client|list", "command|docs", "config|rewrite", "slowlog"],
    ),
    ("their words are ours", &["help"]),
];

/// Whether an entry of the list above names the command.
fn is_elsewhere(command: &str) -> bool {
    let container = command.split('|').next().unwrap_or(command);
    let is_help = command.ends_with("|help");
    ELSEWHERE
        .iter()
        .flat_map(|(_, names)| *names)
        .any(|name| *name == command || *name == container || (*name == "help" && is_help))
}

/// The commands of the transcripts, also as `container|subcommand`.
fn spoken() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, text) in super::transcripts() {
        for line in super::commands(&text) {
            let words = super::words(line.trim_start_matches(super::MARKS));
            let word = |at: usize| words.get(at).map(|word| String::from_utf8_lossy(word).to_lowercase());
            let (Some(name), second) = (word(0), word(1)) else { continue };
            names.extend(second.map(|second| format!("{name}|{second}")));
            names.insert(name);
        }
    }
    names
}

#[test]
fn every_command_is_in_a_transcript() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let Value::Array(commands) = Client::connect(server.port).line("COMMAND LIST") else {
        panic!("COMMAND LIST answers with an array");
    };
    let commands: BTreeSet<String> = commands.iter().map(Value::text).collect();
    let spoken = spoken();
    let missing: Vec<_> =
        commands.iter().filter(|name| !spoken.contains(*name) && !is_elsewhere(name)).collect();
    assert!(missing.is_empty(), "in no transcript, and no reason given: {missing:?}");
    let has = |name: &str| name == "help" || commands.contains(name);
    let stale: Vec<_> = ELSEWHERE.iter().flat_map(|(_, names)| *names).filter(|name| !has(name)).collect();
    assert!(stale.is_empty(), "no commands: {stale:?}");
}
