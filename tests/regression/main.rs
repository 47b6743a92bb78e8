//! One test per bug that was found: its name says what went wrong.

mod ingress;

use kit::{Client, Value, ringmaster, wait_until};

/// A value that arrived in several pieces and was the request's last argument was waited for for ever.
#[test]
fn a_big_last_argument_ends_its_request() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let mut client = Client::connect(server.port);
    let big = vec![b'x'; 1_000_000];
    assert_eq!(client.call(&[&b"SET"[..], b"k", &big]), Value::Simple("OK".into()));
    assert_eq!(client.call(&["GET", "k"]), Value::Bulk(big));
}

/// A command refused between MULTI and EXEC for another reason than its syntax let EXEC run the rest.
#[test]
fn a_refused_command_breaks_the_transaction() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let mut client = Client::connect(server.port);
    client.line("MULTI");
    client.line("MULTI");
    assert!(client.line("EXEC").text().starts_with("EXECABORT"));
}

/// A client that waited to move an element to a key of the wrong type was never told so; and one whose key came as
/// another type must wait on.
#[test]
fn a_waiting_client_hears_of_the_wrong_destination_only() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let (mut waiting, mut client) = (Client::connect(server.port), Client::connect(server.port));
    waiting.send(b"BLPOP {k}list 0\r\n");
    wait_until_blocked(&mut client);
    let mut other = Client::connect(server.port);
    other.send(b"MULTI\r\nRPUSH {k}list a\r\nDEL {k}list\r\nSET {k}list text\r\nEXEC\r\nDEL {k}list\r\nRPUSH {k}list b\r\n");
    assert_eq!(waiting.read().expect("an answer").to_string(), "*[\"{k}list\", \"b\"]");
    other.line("SET {k}wrong text");
    waiting.send(b"BRPOPLPUSH {k}list {k}wrong 0\r\n");
    wait_until_blocked(&mut client);
    other.line("RPUSH {k}list c");
    assert!(waiting.read().expect("an answer").text().starts_with("WRONGTYPE"));
}

/// A key that a long transaction made, and whose time was over at its end, was given to a client that waited for it.
#[test]
fn a_waiting_client_is_served_by_the_clock_of_now() {
    let server = ringmaster(1, &["--bootstrap", "yes", "--enable-debug-command", "yes"]);
    let (mut waiting, mut client) = (Client::connect(server.port), Client::connect(server.port));
    waiting.send(b"BLPOP list 0\r\n");
    wait_until_blocked(&mut client);
    client.send(b"MULTI\r\nRPUSH list a\r\nPEXPIRE list 1\r\nDEBUG SLEEP 0.01\r\nEXEC\r\nRPUSH list b\r\n");
    assert_eq!(waiting.read().expect("an answer").to_string(), "*[\"list\", \"b\"]");
}

fn wait_until_blocked(client: &mut Client) {
    wait_until("a client waits", || client.line("INFO clients").text().contains("blocked_clients:1\r\n"));
}

/// A command that had begun its reply when it failed (LTRIM on a set) was answered by both the reply and the error:
/// through the ingress all replies after it came one too late, and a script saw success.
#[test]
fn an_error_replaces_a_reply_that_was_begun() {
    let ingress = kit::free_ports(1);
    let _server = ringmaster(2, &["--bootstrap", "yes", "--ingress-port", &ingress.to_string()]);
    // Keys of both cores: one is the core's own that accepted the client, the other a sibling's.
    for key in ["a", "b"] {
        let mut client = Client::connect(ingress);
        client.line(&format!("SADD {key} x"));
        assert!(client.line(&format!("LTRIM {key} 0 1")).text().starts_with("WRONGTYPE"));
        assert_eq!(client.line("ECHO next").text(), "next");
        let script = "return redis.pcall('ltrim', KEYS[1], 0, 1)";
        assert!(client.call(&["EVAL", script, "1", key]).text().starts_with("WRONGTYPE"));
        assert_eq!(client.line("ECHO next").text(), "next");
    }
}

/// RANDOMKEY at the ingress only found keys of the core that had accepted the client, when that had any.
#[test]
fn randomkey_finds_the_keys_of_all_cores() {
    let ingress = kit::free_ports(1);
    let _server = ringmaster(2, &["--bootstrap", "yes", "--ingress-port", &ingress.to_string()]);
    let mut client = Client::connect(ingress);
    let keys = ["a", "b"]; // One on each core.
    keys.iter().for_each(|key| drop(client.line(&format!("SET {key} x"))));
    for key in keys {
        wait_until("it is found", || client.line("RANDOMKEY").text() == key);
    }
}

/// DEBUG RELOAD was refused while a background save ran.
#[test]
fn a_reload_does_not_mind_a_background_save() {
    let server = ringmaster(1, &["--bootstrap", "yes", "--enable-debug-command", "yes"]);
    let mut client = Client::connect(server.port);
    client.line("SET a x");
    client.send(b"BGSAVE\r\nDEBUG RELOAD\r\nGET a\r\n");
    let replies: Vec<String> = (0..3).map(|_| client.read().expect("a reply").text()).collect();
    assert_eq!(replies, ["Background saving started", "OK", "x"]);
}

/// FLUSHALL, which has the emptied keyspace saved, made the next BGSAVE fail, and the next SAVE.
#[test]
fn a_save_that_flushall_began_gives_way() {
    let server = ringmaster(1, &["--bootstrap", "yes", "--save", "3600 1"]);
    let mut client = Client::connect(server.port);
    client.line("FLUSHALL");
    client.line("CONFIG SET rdb-key-save-delay 100000000");
    client.line("SET a x");
    let in_progress =
        |client: &mut Client| client.line("INFO persistence").text().contains("rdb_bgsave_in_progress:1");
    wait_until("what FLUSHALL asked for has begun", || in_progress(&mut client));
    assert_eq!(client.line("BGSAVE").text(), "Background saving started");
    assert!(client.line("BGSAVE").text().starts_with("ERR Background save already in progress"));
    assert_eq!(client.line("BGSAVE CANCEL").text(), "Background saving cancelled");
    client.line("CONFIG SET rdb-key-save-delay 0");
    wait_until("it is given up", || !in_progress(&mut client));
    assert_eq!(client.line("BGSAVE").text(), "Background saving started");
    wait_until("it is done", || client.line("INFO persistence").text().contains("rdb_saves:1"));
    client.line("CONFIG SET rdb-key-save-delay 100000000");
    client.line("FLUSHALL");
    client.line("SET a x");
    wait_until("what FLUSHALL asked for has begun", || in_progress(&mut client));
    client.line("CONFIG SET rdb-key-save-delay 0");
    assert_eq!(client.line("SAVE").text(), "OK");
}

/// The save that FLUSHALL asks for kept a log from beginning when it was turned on; DEBUG LOADAOF then loaded what an older
/// log had left.
#[test]
fn a_log_begins_at_once_though_a_save_is_under_way() {
    let options = ["--bootstrap", "yes", "--save", "3600 1", "--enable-debug-command", "yes"];
    let server = ringmaster(1, &options);
    let mut client = Client::connect(server.port);
    let says = |client: &mut Client, field: &str| {
        client.line("INFO persistence").text().lines().any(|line| line == field)
    };
    client.line("SET a x");
    client.line("CONFIG SET rdb-key-save-delay 3000000");
    assert_eq!(client.line("BGSAVE").text(), "Background saving started");
    assert_eq!(client.line("CONFIG SET appendonly yes").text(), "OK");
    assert!(says(&mut client, "aof_rewrite_scheduled:0") && says(&mut client, "aof_rewrite_in_progress:1"));
    assert!(client.line("DEBUG LOADAOF").text().starts_with("ERR"), "there is nothing to load yet");
    assert_eq!(client.line("GET a").text(), "x");
    wait_until("it has a base", || says(&mut client, "aof_rewrite_in_progress:0"));
    client.line("SET b y");
    assert_eq!(client.line("DEBUG LOADAOF").text(), "OK");
    assert_eq!(["GET a", "GET b"].map(|line| client.line(line).text()), ["x", "y"]);
}

/// With less locked memory than an executor wants, the process waited for ever for a core that had ended.
#[test]
fn too_little_locked_memory_is_one_clear_sentence() {
    let binary = kit::binary("ringmaster");
    let limit = format!("--memlock={0}:{0}", 496 << 10);
    let port = kit::free_ports(1).to_string();
    let output = kit::run("prlimit", &[&limit, "--", &binary.display().to_string(), "--port", &port]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("may lock 496 KiB together, and 1 core needs 512 KiB; raise the limit"), "{text}");
}
