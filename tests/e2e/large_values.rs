//! A large value that comes by RESTORE, MIGRATE or CLUSTER MIGRATESLOTS: others are served while it is decoded.

use std::time::{Duration, Instant};

use kit::{Client, Process, Value, encode, ringmaster, wait_until};

use crate::nodes::info;
use crate::reshard::add;
use crate::slot_migration::{migrate, state};

/// The slot 12182 is the last third's.
const KEY: &str = "{foo}large";
const FIELDS: usize = 40_000;

fn ours(bootstrap: bool) -> Process {
    let mut args = vec!["--enable-debug-command", "yes", "--rdbcompression", "no"];
    args.extend(if bootstrap { &["--bootstrap", "yes"][..] } else { &[] });
    ringmaster(1, &args)
}

/// A hash of 40 MB.
fn make(server: &Process) -> Client {
    let mut client = Client::connect(server.port);
    let value = "x".repeat(1000);
    let commands = (0..FIELDS).flat_map(|field| encode(&["HSET", KEY, &field.to_string(), &value]));
    client.send(&commands.collect::<Vec<u8>>());
    (0..FIELDS).for_each(|_| drop(client.read().expect("the server answers")));
    client
}

fn payload(client: &mut Client) -> Vec<u8> {
    let Value::Bulk(payload) = client.call(&["DUMP", KEY]) else { panic!("a payload") };
    payload.to_vec()
}

fn digest(client: &mut Client, key: &str) -> String {
    client.call(&["DEBUG", "DIGEST-VALUE", key]).to_string()
}

/// Whether another client's value is being decoded; whoever could ask was served meanwhile.
fn is_decoding(client: &mut Client) -> bool {
    client.line("INFO clients").text().contains("blocked_clients:1")
}

/// Sends `command`, a RESTORE of `key`, and returns while its value is decoded. On a busy machine `other` may ask too late:
/// then once more.
fn begin(client: &mut Client, other: &mut Client, key: &str, command: &[u8]) {
    for _ in 0..50 {
        client.send(command);
        let asked_until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < asked_until {
            if is_decoding(other) {
                return;
            }
        }
        client.read();
        other.call(&["UNLINK", key]);
    }
    panic!("decoding is always over too soon");
}

/// The reply to `command`, a RESTORE of `key`, while whose value was decoded `other` did something.
fn restore_while(
    client: &mut Client,
    other: &mut Client,
    key: &str,
    command: &[u8],
    act: impl Fn(&mut Client),
) -> String {
    for _ in 0..50 {
        begin(client, other, key, command);
        act(other);
        let meanwhile = is_decoding(other);
        let reply = client.read().unwrap().text();
        if meanwhile {
            return reply;
        }
        other.call(&["UNLINK", key]);
    }
    panic!("decoding is always over too soon");
}

fn restore(key: &str, payload: &[u8], options: &[&str]) -> Vec<u8> {
    let words: Vec<&[u8]> = [&b"RESTORE"[..], key.as_bytes(), b"0", payload].into();
    encode(&words.into_iter().chain(options.iter().map(|word| word.as_bytes())).collect::<Vec<_>>())
}

#[test]
fn what_happens_meanwhile_counts() {
    let server = ours(true);
    let mut client = make(&server);
    let (payload, before) = (payload(&mut client), digest(&mut client, KEY));
    let mut other = Client::connect(server.port);
    // What is behind it waits for it.
    client.send(&[restore("{foo}copy", &payload, &[]), encode(&["HLEN", "{foo}copy"])].concat());
    let mut behind = Client::connect(server.port);
    behind.send(&[restore("{foo}first", &payload, &[]), encode(&["DEL", "{foo}first"])].concat());
    let further = encode(&["APPEND", "{foo}behind", &"x".repeat(1000)]);
    behind.send(&further.repeat(4000));
    assert_eq!(client.read().unwrap().text(), "OK");
    assert_eq!(client.read(), Some(Value::Integer(FIELDS as i64)));
    assert_eq!(digest(&mut other, "{foo}copy"), before);
    assert_eq!(behind.read().unwrap().text(), "OK");
    assert_eq!(behind.read(), Some(Value::Integer(1)));
    (1..=4000).for_each(|n| assert_eq!(behind.read(), Some(Value::Integer(n * 1000))));
    // The key came while it was decoded.
    let set = |other: &mut Client| drop(other.line("SET {foo}late 1"));
    let reply =
        restore_while(&mut client, &mut other, "{foo}late", &restore("{foo}late", &payload, &[]), set);
    assert!(reply.starts_with("BUSYKEY"), "{reply}");
    let replace = restore("{foo}late", &payload, &["REPLACE", "IDLETIME", "1000"]);
    assert_eq!(restore_while(&mut client, &mut other, "{foo}late", &replace, set), "OK");
    let Value::Integer(idle) = other.line("OBJECT IDLETIME {foo}late") else { panic!("seconds") };
    assert!((1000..1100).contains(&idle), "{idle}");
    assert_eq!(digest(&mut other, "{foo}late"), before);
    // The client goes.
    begin(&mut client, &mut other, "{foo}gone", &restore("{foo}gone", &payload, &[]));
    drop(client);
    wait_until("it is forgotten", || info(&server, "blocked_clients") == "0");
    assert_eq!(other.line("EXISTS {foo}gone"), Value::Integer(0));
    other.call(&["UNLINK", KEY, "{foo}copy", "{foo}late"]);
    wait_until("memory is counted as what it is", || {
        (1..20_000_000).contains(&info(&server, "used_memory").parse::<u64>().unwrap())
    });
}

#[test]
fn its_errors_and_what_must_not_wait() {
    let server = ours(true);
    let mut client = make(&server);
    let payload = payload(&mut client);
    let mut call = |key: &str, payload: &[u8], options: &[&str]| {
        client.send(&restore(key, payload, options));
        client.read().unwrap().text()
    };
    assert_eq!(call(KEY, &payload, &[]), "BUSYKEY Target key name already exists.");
    let mut damaged = payload.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(call("{foo}bad", &damaged, &[]), "ERR DUMP payload version or checksum are wrong");
    assert_eq!(
        call("{foo}bad", &payload, &["FREQ", "256"]),
        "ERR Invalid FREQ value, must be >= 0 and <= 255"
    );
    assert_eq!(call("{foo}bad", &payload, &["ABSTTL"]), "OK");
    client.line("MULTI");
    client.send(&restore("{foo}multi", &payload, &[]));
    assert_eq!(client.read().unwrap().text(), "QUEUED");
    assert_eq!(client.line("EXEC").to_string(), "*[+OK]");
    let script = "return redis.call('RESTORE', KEYS[1], 0, ARGV[1])";
    let words: [&[u8]; 5] = [b"EVAL", script.as_bytes(), b"1", b"{foo}script", &payload];
    assert_eq!(client.call(&words).text(), "OK");
    assert_eq!(digest(&mut client, "{foo}script"), digest(&mut client, KEY));
    assert_eq!(digest(&mut client, "{foo}multi"), digest(&mut client, KEY));
}

#[test]
fn it_comes_by_migrate() {
    let (source, target) = (ours(true), ours(true));
    let (mut mover, mut other) = (make(&source), Client::connect(target.port));
    let before = digest(&mut mover, KEY);
    let words = ["MIGRATE", "127.0.0.1", &target.port.to_string(), KEY, "0", "60000"];
    mover.send(&encode(&words));
    while !is_decoding(&mut other) && other.call(&["EXISTS", KEY]) == Value::Integer(0) {}
    assert_eq!(mover.read().unwrap().text(), "OK");
    assert_eq!(digest(&mut other, KEY), before);
    assert_eq!(mover.call(&["EXISTS", KEY]), Value::Integer(0));
}

#[test]
fn it_comes_with_its_slot() {
    let (source, target) = (ours(true), ours(false));
    add(&source, target.port, &source);
    let before = digest(&mut make(&source), KEY);
    // Others come behind it.
    let mut client = Client::connect(source.port);
    (0..100).for_each(|n| drop(client.line(&format!("SET {{foo}}{n} {n}"))));
    let mut other = Client::connect(target.port);
    migrate(&source, &target, "12182 12182");
    while !is_decoding(&mut other) && state(&target) != "success" {}
    wait_until("the slot has moved", || state(&source) == "success" && state(&target) == "success");
    assert_eq!(digest(&mut other, KEY), before);
    assert_eq!(other.line("CLUSTER COUNTKEYSINSLOT 12182"), Value::Integer(101));
}
