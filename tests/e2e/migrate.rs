//! MIGRATE: keys go to another server, ours or not, while others are served.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use kit::{Client, Process, Value, free_ports, peer, ringmaster, wait_until};

use crate::replication::writer::fill;

fn ok() -> Value {
    Value::Simple("OK".into())
}

fn ours() -> Process {
    ringmaster(1, &["--bootstrap", "yes", "--enable-debug-command", "yes"])
}

fn keys(client: &mut Client) -> Vec<String> {
    let Value::Array(keys) = client.line("KEYS *") else { panic!("KEYS answers with an array") };
    keys.iter().map(Value::text).collect()
}

fn digests(client: &mut Client, keys: &[String]) -> Vec<String> {
    keys.iter().map(|key| client.call(&["DEBUG", "DIGEST-VALUE", key]).to_string()).collect()
}

/// Every key of `from` goes to `to`, and is the same there.
fn all_go(from: &Process, to: &Process) {
    let (mut here, mut there) = (Client::connect(from.port), Client::connect(to.port));
    let names = keys(&mut here);
    let before = digests(&mut here, &names);
    for key in &names {
        let port = to.port.to_string();
        assert_eq!(here.call(&["MIGRATE", "127.0.0.1", &port, key, "0", "20000"]), ok(), "{key}");
    }
    assert_eq!(here.line("DBSIZE"), Value::Integer(0));
    assert_eq!(there.line("DBSIZE"), Value::Integer(names.len() as i64));
    assert_eq!(digests(&mut there, &names), before);
    let Value::Integer(left_ms) = there.line("PTTL volatile") else { panic!("PTTL answers with a number") };
    assert!((1..=100_000_000).contains(&left_ms), "{left_ms}");
}

/// Every type goes from us to another server and back.
fn there_and_back(other: &Process) {
    let here = ours();
    fill(&mut Client::connect(here.port));
    all_go(&here, other);
    all_go(other, &here);
}

#[test]
fn every_type_goes_to_another_of_ours_and_back() {
    there_and_back(&ours());
}

#[test]
fn every_type_goes_to_redis_and_back() {
    there_and_back(&peer("REDIS_SERVER"));
}

#[test]
fn every_type_goes_to_valkey_and_back() {
    there_and_back(&peer("VALKEY_SERVER"));
}

#[test]
fn its_options_and_errors_are_those_of_redis() {
    let (server, target) = (ours(), ours());
    let (mut here, mut there) = (Client::connect(server.port), Client::connect(target.port));
    let to = |rest: &str| format!("MIGRATE 127.0.0.1 {} {rest}", target.port);
    let go = |here: &mut Client, rest: &str| here.call(&to(rest).split(' ').collect::<Vec<_>>()).to_string();
    assert_eq!(go(&mut here, "{a}1 0 1000"), "+NOKEY");
    here.line("MSET {a}1 1 {a}2 2 {a}3 3");
    assert_eq!(go(&mut here, " 0 1000 COPY KEYS {a}1 {a}2 {a}none"), "+OK");
    assert_eq!(here.line("EXISTS {a}1 {a}2"), Value::Integer(2));
    there.line("SET {a}2 other");
    // What went well before an error is gone.
    let busy = "-ERR Target instance replied with error: BUSYKEY Target key name already exists.";
    assert_eq!(go(&mut here, " 0 1000 KEYS {a}3 {a}2"), busy);
    assert_eq!(here.line("MGET {a}1 {a}2 {a}3").to_string(), "*[\"1\", \"2\", null]");
    assert_eq!(go(&mut here, "{a}2 0 1000 REPLACE"), "+OK");
    assert_eq!(there.line("MGET {a}2 {a}3").to_string(), "*[\"2\", \"3\"]");
    assert_eq!(
        go(&mut here, "{a}1 7 1000 REPLACE"),
        "-ERR Target instance replied with error: ERR SELECT is not allowed in cluster mode"
    );
    there.line("ACL SETUSER default on >secret");
    assert_eq!(
        go(&mut here, "{a}1 0 1000 REPLACE"),
        "+OK",
        "a connection that is kept has logged in when it was made"
    );
    here.line("SET {a}1 1");
    there.line("CLIENT KILL TYPE normal");
    let refused = go(&mut here, "{a}1 0 1000 REPLACE");
    assert!(refused.starts_with("-ERR Target instance replied with error: NOAUTH"), "{refused}");
    assert_eq!(go(&mut here, "{a}1 0 1000 REPLACE AUTH secret"), "+OK");
    here.line("SET {a}1 1");
    assert_eq!(go(&mut here, "{a}1 0 1000 REPLACE AUTH2 default secret"), "+OK");
    here.line("SET {a}1 1");
    let nobody = free_ports(1);
    assert_eq!(
        here.line(&format!("MIGRATE 127.0.0.1 {nobody} {{a}}1 0 1000")).to_string(),
        "-IOERR error or timeout connecting to the client"
    );
    here.line("MULTI");
    here.call(&to("{a}1 0 1000").split(' ').collect::<Vec<_>>());
    let Value::Array(replies) = here.line("EXEC") else { panic!("EXEC answers with an array") };
    assert!(matches!(&replies[0], Value::Error(text) if text.starts_with("ERR MIGRATE")), "{}", replies[0]);
    assert_eq!(here.line("GET {a}1").text(), "1");
}

/// A server that takes one connection and says nothing until it is asked to.
struct Silent(TcpListener);

impl Silent {
    fn new() -> (Silent, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        (Silent(listener), port)
    }

    /// Reads `words` words of what comes, then runs `meanwhile`, then answers `answers`.
    fn answer_after(&self, words: usize, answers: &str, meanwhile: impl FnOnce()) {
        let (mut stream, _) = self.0.accept().expect("a connection");
        let mut lines = BufReader::new(stream.try_clone().expect("a socket")).split(b'\n');
        (0..words).for_each(|_| drop(lines.next()));
        meanwhile();
        stream.write_all(answers.as_bytes()).expect("it is read");
    }
}

#[test]
fn others_are_served_and_writes_to_the_key_wait() {
    let server = ours();
    let mut client = Client::connect(server.port);
    client.line("SET foo 1");
    let (target, port) = Silent::new();
    let mut mover = Client::connect(server.port);
    mover.send(format!("MIGRATE 127.0.0.1 {port} foo 0 20000\r\n").as_bytes());
    let mut writers: Vec<Client> = (0..3).map(|_| Client::connect(server.port)).collect();
    // *2 $6 SELECT $1 0 *4 $14 RESTORE-ASKING
    target.answer_after(7, "+OK\r\n+OK\r\n", || {
        assert_eq!(client.line("GET foo").text(), "1");
        assert_eq!(client.line("SET bar 1"), ok());
        writers[0].send(b"SET foo 2 GET\r\n");
        writers[1].send(b"EVAL \"return redis.call('append', KEYS[1], 'x')\" 1 foo\r\n");
        writers[2].send(b"MULTI\r\nAPPEND foo y\r\nEXEC\r\n");
        wait_until("three wait", || client.line("INFO clients").text().contains("blocked_clients:3"));
        assert_eq!(client.line("GET foo").text(), "1");
    });
    assert_eq!(mover.read(), Some(ok()));
    for writer in &mut writers[..2] {
        assert!(!matches!(writer.read(), None | Some(Value::Error(_))));
    }
    (0..3).for_each(|_| assert!(!matches!(writers[2].read(), None | Some(Value::Error(_)))));
    let now = client.line("GET foo").text();
    assert!(!now.contains('1') && now.contains('y'), "they wrote a new key: {now}");
}

#[test]
fn silence_is_an_error_and_the_key_stays() {
    let server = ours();
    let mut client = Client::connect(server.port);
    client.line("SET foo 1");
    let (target, port) = Silent::new();
    assert_eq!(
        client.line(&format!("MIGRATE 127.0.0.1 {port} foo 0 50")).to_string(),
        "-IOERR error or timeout reading to target instance"
    );
    drop(target);
    assert_eq!(client.line("GET foo").text(), "1");
    assert_eq!(client.line("SET foo 2"), ok());
}

#[test]
fn keys_leave_from_the_address_that_is_named() {
    let server = ours();
    let mut client = Client::connect(server.port);
    client.line("CONFIG SET bind-source-addr 127.0.0.2");
    client.line("SET foo 1");
    let (target, port) = Silent::new();
    client.send(format!("MIGRATE 127.0.0.1 {port} foo 0 20000\r\n").as_bytes());
    let (_, from) = target.0.accept().expect("a connection");
    assert_eq!(from.ip().to_string(), "127.0.0.2");
}

/// The slot of `{foo}`, which the second of two cores has.
const FOO: u16 = 12182;

/// A process of two cores, whose second is giving the slot of `{foo}` with `count` keys to the first.
fn giving(count: usize) -> (Process, Client, Client) {
    let server = ringmaster(2, &["--bootstrap", "yes"]);
    let (mut to, mut from) = (Client::connect(server.port), Client::connect(server.port + 1));
    for number in 0..count {
        from.line(&format!("SET {{foo}}{number} {number}"));
    }
    let (source, target) = (from.line("CLUSTER MYID").text(), to.line("CLUSTER MYID").text());
    assert_eq!(to.line(&format!("CLUSTER SETSLOT {FOO} IMPORTING {source}")), ok());
    assert_eq!(from.line(&format!("CLUSTER SETSLOT {FOO} MIGRATING {target}")), ok());
    (server, from, to)
}

fn names(from: &mut Client, count: usize) -> Vec<String> {
    let reply = from.line(&format!("CLUSTER GETKEYSINSLOT {FOO} {count}"));
    let Value::Array(keys) = reply else { panic!("GETKEYSINSLOT answers with an array") };
    keys.iter().map(Value::text).collect()
}

fn move_keys(from: &mut Client, port: u16, options: &str, keys: &[String]) -> Value {
    let line = format!("MIGRATE 127.0.0.1 {port}  0 5000 {options}KEYS {}", keys.join(" "));
    from.call(&line.split(' ').collect::<Vec<_>>())
}

#[test]
fn who_walks_a_slot_is_met_half_way() {
    let (server, mut from, mut to) = giving(200);
    let count = |client: &mut Client| client.line(&format!("CLUSTER COUNTKEYSINSLOT {FOO}"));
    // No walk: few keys, others than were named, a copy.
    let few = names(&mut from, 3);
    assert_eq!(move_keys(&mut from, server.port, "", &few), ok());
    assert_eq!((count(&mut from), count(&mut to)), (Value::Integer(197), Value::Integer(3)));
    let ten = names(&mut from, 10);
    assert_eq!(move_keys(&mut from, server.port, "", &ten[..9]), ok());
    assert_eq!((count(&mut from), count(&mut to)), (Value::Integer(188), Value::Integer(12)));
    let ten = names(&mut from, 10);
    assert_eq!(move_keys(&mut from, server.port, "COPY ", &ten), ok());
    assert_eq!((count(&mut from), count(&mut to)), (Value::Integer(188), Value::Integer(22)));
    // A key that went along and cannot be there stays, and is said when it is named.
    let ten = names(&mut from, 10);
    let stays = (0..200)
        .map(|number| format!("{{foo}}{number}"))
        .find(|key| !ten.contains(key) && from.line(&format!("EXISTS {key}")) == Value::Integer(1));
    let stays = stays.expect("more than ten are left");
    to.line("ASKING");
    to.line(&format!("SET {stays} other"));
    assert_eq!(names(&mut from, 10), ten);
    assert_eq!(move_keys(&mut from, server.port, "REPLACE ", &ten), ok(), "with REPLACE all goes");
    assert_eq!((count(&mut from), count(&mut to)), (Value::Integer(0), Value::Integer(200)));
    to.line("ASKING");
    assert_eq!(format!("{{foo}}{}", to.line(&format!("GET {stays}")).text()), stays);
}

#[test]
fn what_goes_along_and_is_refused_stays() {
    let (server, mut from, mut to) = giving(30);
    let ten = names(&mut from, 10);
    let busy = (0..30).map(|number| format!("{{foo}}{number}")).find(|key| !ten.contains(key));
    let busy = busy.expect("twenty others");
    to.line("ASKING");
    assert_eq!(to.line(&format!("SET {busy} other")), ok());
    assert_eq!(move_keys(&mut from, server.port, "", &ten), ok());
    assert_eq!(names(&mut from, 10), std::slice::from_ref(&busy));
    let error = move_keys(&mut from, server.port, "", &[busy]).to_string();
    assert!(error.contains("BUSYKEY"), "{error}");
}
