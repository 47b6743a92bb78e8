//! The ingress as one server: what was told or done by the accepting core alone, where the process is meant.

use kit::{Client, Process, Value, free_ports, ringmaster, wait_until};

/// Keys of both cores' slots.
const KEYS: [&str; 4] = ["a", "b", "foo", "bar"];

/// A process of two cores, and its ingress port.
fn process() -> (Process, u16) {
    let ingress = free_ports(1);
    let args =
        ["--bootstrap", "yes", "--enable-debug-command", "yes", "--ingress-port", &ingress.to_string()];
    (ringmaster(2, &args), ingress)
}

/// So many connections that both cores have accepted some.
fn clients(port: u16) -> Vec<Client> {
    let clients: Vec<Client> = (0..16).map(|_| Client::connect(port)).collect();
    clients.into_iter().map(greeted).collect()
}

fn greeted(mut client: Client) -> Client {
    client.line("PING");
    client
}

fn ok() -> Value {
    Value::Simple("OK".into())
}

fn info(client: &mut Client, section: &str, field: &str) -> String {
    let text = client.line(&format!("INFO {section}")).text();
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("no {field} in {text}")).to_owned()
}

/// INFO showed a part of the keys, the clients and the calls.
#[test]
fn info_is_of_the_process() {
    let (_server, port) = process();
    let mut clients = clients(port);
    for (i, client) in clients.iter_mut().enumerate() {
        client.line(&format!("SET key:{i} x"));
    }
    let client = &mut clients[0];
    client.line("EXPIRE key:1 1000");
    let keyspace = info(client, "keyspace", "db0");
    assert!(keyspace.starts_with("keys=16,expires=1,avg_ttl="), "{keyspace}");
    assert_eq!(info(client, "clients", "connected_clients"), "16");
    assert_eq!(info(client, "persistence", "rdb_changes_since_last_save"), "17");
    assert!(info(client, "commandstats", "cmdstat_set").starts_with("calls=16,"));
    client.line("MGET key:1 key:2 key:3 key:4");
    client.line("DBSIZE");
    for call in ["cmdstat_mget", "cmdstat_dbsize"] {
        // One call, whoever did a part of it.
        assert!(info(client, "commandstats", call).starts_with("calls=1,"));
    }
    client.line("LPUSH key:1 x");
    client.line("LPUSH key:3 x");
    assert_eq!(info(client, "errorstats", "errorstat_WRONGTYPE"), "count=2");
    assert_eq!(client.line("CONFIG RESETSTAT"), ok());
    assert!(!client.line("INFO commandstats").text().contains("cmdstat_set"));
    assert!(client.line("MEMORY STATS").to_string().contains("\"keys.count\", :16,"));
    assert!(client.line("LATENCY HISTOGRAM ping").to_string().starts_with("*["));
}

/// A client that waits at a sibling was not counted, and could not be unblocked.
#[test]
fn waiting_clients_are_seen_and_unblocked() {
    let (_server, port) = process();
    let mut client = Client::connect(port);
    for key in KEYS {
        let mut waiting = Client::connect(port);
        let id = waiting.line("CLIENT ID").to_string().trim_start_matches(':').to_owned();
        waiting.send(format!("BLPOP {key} 0\r\n").as_bytes());
        wait_until("a client waits", || info(&mut client, "clients", "blocked_clients") == "1");
        assert_eq!(client.line(&format!("CLIENT UNBLOCK {id} ERROR")), Value::Integer(1));
        assert!(waiting.read().expect("an answer").text().starts_with("UNBLOCKED"));
        assert_eq!(client.line(&format!("CLIENT UNBLOCK {id}")), Value::Integer(0));
    }
}

/// A pipeline that pushed at a sibling and popped again took what another client waited for.
#[test]
fn waiting_clients_come_before_the_next_command() {
    let (_server, port) = process();
    let (mut waiting, mut client) = (Client::connect(port), Client::connect(port));
    for key in KEYS {
        waiting.send(format!("BLPOP {key} 0\r\n").as_bytes());
        wait_until("a client waits", || info(&mut client, "clients", "blocked_clients") == "1");
        client.send(format!("RPUSH {key} x\r\nLPOP {key}\r\n").as_bytes());
        assert_eq!(client.read(), Some(Value::Integer(1)));
        assert_eq!(client.read(), Some(Value::Null));
        assert_eq!(waiting.read().expect("an answer").to_string(), format!("*[\"{key}\", \"x\"]"));
    }
}

/// CLIENT LIST and CLIENT KILL knew only the accepting core's connections.
#[test]
fn clients_of_all_cores_are_listed_and_killed() {
    let (_server, port) = process();
    let mut clients = clients(port);
    let mut client = clients.pop().expect("there are many");
    let list = client.line("CLIENT LIST").text();
    assert_eq!(list.lines().count(), 16);
    let ids = clients.iter_mut().map(|other| other.line("CLIENT ID").to_string());
    for id in ids.collect::<Vec<_>>() {
        assert_eq!(client.line(&format!("CLIENT KILL ID {}", &id[1..])), Value::Integer(1));
    }
    wait_until("they are gone", || client.line("CLIENT LIST").text().lines().count() == 1);
    assert!(client.line("CLIENT KILL 127.0.0.1:1").text().contains("No such client"));
    assert_eq!(client.line("CLIENT KILL TYPE normal"), Value::Integer(0));
}

/// A pause held back only the clients of the core that was asked for it.
#[test]
fn a_pause_is_for_all_clients() {
    let (_server, port) = process();
    let mut clients = clients(port);
    let mut client = clients.pop().expect("there are many");
    assert_eq!(client.line("CLIENT PAUSE 100000 WRITE"), ok());
    clients.iter_mut().for_each(|client| client.send(b"SET a x\r\n"));
    wait_until("all wait", || info(&mut client, "clients", "blocked_clients") == "15");
    assert_eq!(client.line("CLIENT UNPAUSE"), ok());
    clients.iter_mut().for_each(|client| assert_eq!(client.read(), Some(ok())));
}

/// A node that was paused, for a failover say, went on to write what came by way of the ingress.
#[test]
fn a_paused_core_writes_nothing_for_its_siblings() {
    let (server, port) = process();
    let mut clients = clients(port);
    for core in 0..2 {
        let mut node = Client::connect(server.port + core);
        let Some(key) = KEYS.iter().find(|key| node.line(&format!("GET {key}")) == Value::Null) else {
            panic!("each core has one of the keys")
        };
        assert_eq!(node.line("CLIENT PAUSE 100000 WRITE"), ok());
        // What follows in the same connection waits too.
        let requests = format!("ECHO first\r\nSET {key} x\r\nGET {key}\r\n");
        clients.iter_mut().for_each(|client| client.send(requests.as_bytes()));
        wait_until("all wait", || info(&mut node, "clients", "blocked_clients") == "16");
        // What came before does not, though a sibling owes the rest.
        clients.iter_mut().for_each(|client| assert_eq!(client.read(), Some(Value::Bulk("first".into()))));
        assert_eq!(node.line(&format!("GET {key}")), Value::Null);
        let mut reader = Client::connect(port);
        reader.send(format!("MULTI\r\nGET {key}\r\nEXEC\r\n").as_bytes());
        let replies: Vec<String> = (0..3).map(|_| reader.read().expect("a reply").to_string()).collect();
        assert_eq!(replies, ["+OK", "+QUEUED", "*[null]"]);
        assert_eq!(node.line("CLIENT UNPAUSE"), ok());
        for client in &mut clients {
            assert_eq!(client.read(), Some(ok()));
            assert_eq!(client.read(), Some(Value::Bulk("x".into())));
        }
    }
}

/// DEBUG meant the accepting core: keys were not found, and half of them not reloaded.
#[test]
fn debug_is_of_the_process() {
    let (server, port) = process();
    let mut client = Client::connect(port);
    assert_eq!(client.line("DEBUG POPULATE 100"), ok());
    assert_eq!(client.line("DBSIZE"), Value::Integer(100));
    for key in KEYS {
        client.line(&format!("SET {key} x"));
        assert!(client.line(&format!("DEBUG OBJECT {key}")).text().contains("encoding:embstr"));
    }
    assert!(client.line("DEBUG OBJECT nothing").text().contains("no such key"));
    let digest = client.line("DEBUG DIGEST");
    let values = client.line("DEBUG DIGEST-VALUE a b foo nothing");
    let Value::Array(values) = values else { panic!("an array") };
    assert!(values[0] == values[1] && values[1] == values[2] && values[3].text() == "0".repeat(40));
    assert_eq!(client.line("DEBUG RELOAD"), ok());
    assert_eq!(client.line("DEBUG DIGEST"), digest);
    assert_eq!(client.line("DBSIZE"), Value::Integer(104));
    for core in 0..2 {
        // Files were written by both.
        assert!(Client::connect(server.port + core).line("INFO persistence").text().contains("rdb_saves:1"));
    }
    client.line("DEBUG SET-ACTIVE-EXPIRE 0");
    client.line("DEBUG SET-ACTIVE-EXPIRE 1");
    KEYS.iter().for_each(|key| drop(client.line(&format!("PEXPIRE {key} 1"))));
    wait_until("they expire", || client.line("DBSIZE") == Value::Integer(100));
}

/// The slow log and what was refused were the accepting core's alone.
#[test]
fn logs_are_of_the_process() {
    let (_server, port) = process();
    let mut clients = clients(port);
    let client = &mut clients[0];
    client.line("CONFIG SET slowlog-log-slower-than 0");
    client.line("SLOWLOG RESET");
    KEYS.iter().for_each(|key| drop(client.line(&format!("SET {key} x"))));
    let slow = client.line("SLOWLOG GET -1").to_string();
    for key in KEYS {
        assert!(slow.contains(&format!("[\"SET\", \"{key}\", \"x\"]")), "{slow}");
    }
    // The newest first, whichever core it ran on.
    let at = |key: &str| slow.find(&format!("[\"SET\", \"{key}\"")).expect("it was slow");
    assert!(KEYS.windows(2).all(|pair| at(pair[0]) > at(pair[1])), "{slow}");
    assert!(matches!(client.line("SLOWLOG LEN"), Value::Integer(5..)));
    let Value::Array(newest) = client.line("SLOWLOG GET 2") else { panic!("an array") };
    assert_eq!(newest.len(), 2);
    assert!(client.line("SLOWLOG GET -2").text().contains("count should be greater"));
    assert_eq!(client.line("ACL SETUSER someone on nopass +auth"), ok());
    for client in &mut clients[1..] {
        client.line("AUTH someone x");
        assert!(client.line("GET a").text().starts_with("NOPERM"));
    }
    let refused = clients[0].line("ACL LOG").to_string();
    // The same refusal is one entry, and counted, wherever it was.
    assert_eq!(refused.matches("\"username\", \"someone\"").count(), 1, "{refused}");
    assert!(refused.contains(&format!("\"count\", :{},", clients.len() - 1)), "{refused}");
    assert_eq!(clients[0].line("ACL LOG RESET"), ok());
    assert_eq!(clients[0].line("ACL LOG").to_string(), "*[]");
}

/// Between MULTI and EXEC what means the process was done by one core, and what is about the connection was an error
/// when the transaction ran at a sibling.
#[test]
fn a_transaction_reaches_beyond_its_core() {
    let (_server, port) = process();
    let mut client = Client::connect(port);
    let id = client.line("CLIENT ID");
    for key in KEYS {
        for other in KEYS {
            client.line(&format!("SET {other} x"));
        }
        let queue = [
            &format!("SET {key} y"),
            "DBSIZE",
            "PING",
            "CLIENT ID",
            "FLUSHALL",
            &format!("SET {key} z"),
            "DBSIZE",
            &format!("GET {key}"),
            "INFO keyspace",
            "PUBLISH nobody hears",
        ];
        client.send(format!("MULTI\r\n{}\r\nEXEC\r\nECHO behind\r\n", queue.join("\r\n")).as_bytes());
        (0..=queue.len()).for_each(|_| drop(client.read()));
        let Some(Value::Array(replies)) = client.read() else { panic!("an array") };
        let shown: Vec<String> = replies.iter().map(Value::to_string).collect();
        let info = "\"# Keyspace\\r\\ndb0:keys=1,expires=0,avg_ttl=0\\r\\n\"";
        let expect = ["+OK", ":4", "+PONG", &id.to_string(), "+OK", "+OK", ":1", "\"z\"", info, ":0"];
        assert_eq!(shown, expect);
        assert_eq!(client.read().expect("a reply").text(), "behind");
        assert_eq!(client.line("DBSIZE"), Value::Integer(1));
        // One that does not run does nothing anywhere.
        let mut other = Client::connect(port);
        client.line(&format!("WATCH {key}"));
        other.line(&format!("SET {key} changed"));
        client.send(b"MULTI\r\nPING\r\nFLUSHALL\r\nEXEC\r\n");
        (0..3).for_each(|_| drop(client.read()));
        assert_eq!(client.read(), Some(Value::Null));
        assert_eq!(client.line("DBSIZE"), Value::Integer(1));
    }
    client.send(b"MULTI\r\nFLUSHALL\r\nDBSIZE\r\nCONFIG SET timeout 77\r\nCONFIG GET timeout\r\nEXEC\r\n");
    (0..5).for_each(|_| drop(client.read()));
    let replies = client.read().expect("a reply").to_string();
    assert_eq!(replies, "*[+OK, :0, +OK, *[\"timeout\", \"77\"]]");
}

/// WAIT told of the replicas of the accepting core, wherever the client had written.
#[test]
fn wait_is_for_the_replicas_of_every_core() {
    let ingress = free_ports(1);
    let args =
        ["--bootstrap", "yes", "--repl-diskless-sync-delay", "0", "--ingress-port", &ingress.to_string()];
    let (server, port) = (ringmaster(2, &args), ingress);
    let mut replicas = Vec::new();
    let mut follow = |core: u16| {
        let id = Client::connect(server.port + core).line("CLUSTER MYID").text();
        let replica = ringmaster(1, &[]);
        let mut client = Client::connect(replica.port);
        client.line(&format!("CLUSTER MEET 127.0.0.1 {}", server.port));
        wait_until("it knows its master", || client.line(&format!("CLUSTER REPLICATE {id}")).text() == "OK");
        let mut master = Client::connect(server.port + core);
        wait_until("it follows", || master.line("INFO replication").text().contains("state=online"));
        replicas.push(replica);
    };
    follow(0);
    let mut clients = clients(port);
    for client in &mut clients {
        client.send(b"SET a x\r\nSET b x\r\nWAIT 1 1\r\nECHO behind\r\n");
        let replies: Vec<String> = (0..4).map(|_| client.read().expect("a reply").to_string()).collect();
        assert_eq!(replies[2..], [":0", "\"behind\""]);
    }
    follow(1);
    for client in &mut clients[..4] {
        client.line("SET a y");
        assert_eq!(client.line("WAIT 1 0"), Value::Integer(1));
        assert_eq!(client.line("WAITAOF 0 0 0").to_string(), "*[:0, :0]");
    }
    // Who waits for more than there are can be freed.
    let mut waiting = Client::connect(port);
    let id = waiting.line("CLIENT ID").to_string();
    for (reason, answer) in [("TIMEOUT", ":1"), ("ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK")] {
        waiting.send(b"WAIT 5 0\r\n");
        wait_until("it waits", || {
            clients[0].line(&format!("CLIENT UNBLOCK {} {reason}", &id[1..])) == Value::Integer(1)
        });
        assert_eq!(waiting.read().expect("an answer").to_string(), answer);
    }
}

/// A connection that was to be closed when it was answered was closed while siblings had the answers.
#[test]
fn quit_lets_siblings_answer_first() {
    let (_server, port) = process();
    for key in KEYS {
        let mut client = Client::connect(port);
        client.send(format!("SET {key} x\r\nGET {key}\r\nQUIT\r\n").as_bytes());
        let replies: Vec<Option<String>> = (0..4).map(|_| client.read().map(|reply| reply.text())).collect();
        assert_eq!(replies, [Some("OK".into()), Some("x".into()), Some("OK".into()), None]);
        let mut client = Client::connect(port);
        client.send(b"CLIENT KILL TYPE normal SKIPME no\r\n");
        assert_eq!(client.read(), Some(Value::Integer(1)));
        assert_eq!(client.read(), None);
    }
}

/// CONFIG SET was answered when siblings did not go by it yet; two of them, said at two cores, undid each other.
#[test]
fn a_directive_is_set_when_it_is_said_so() {
    let (_server, port) = process();
    let mut clients = clients(port);
    for i in 1..200 {
        let (one, other) = (i % 16, (i + 1 + i / 16) % 16);
        assert_eq!(clients[one].line(&format!("CONFIG SET slowlog-max-len {i}")), ok());
        assert_eq!(clients[other].line(&format!("CONFIG SET timeout {i}")), ok());
        for client in &mut clients {
            let shown = client.line("CONFIG GET slowlog-max-len timeout").to_string();
            assert_eq!(shown.matches(&format!("\"{i}\"")).count(), 2, "{shown}");
        }
    }
}

/// EXEC at a sibling that was busy with a script took the script's place: its client got the transaction's reply, and
/// the transaction's none.
#[test]
fn a_transaction_does_not_meddle_with_a_script() {
    let (_server, port) = process();
    let mut clients = clients(port);
    clients[0].line("CONFIG SET busy-reply-threshold 1");
    for key in KEYS {
        let mut busy = Client::connect(port);
        busy.send(&kit::encode(&["EVAL", "while true do end", "1", key]));
        wait_until("the script is slow", || {
            clients[0].line(&format!("GET {key}")).text().starts_with("BUSY")
        });
        for client in &mut clients {
            client.send(format!("MULTI\r\nSET {key} x\r\nEXEC\r\nECHO behind\r\n").as_bytes());
            let replies: Vec<String> = (0..4).map(|_| client.read().expect("a reply").text()).collect();
            // MULTI and ECHO may be refused as well, on the core that is busy.
            assert!(replies[2].contains("BUSY") || replies[2].contains("without MULTI"), "{replies:?}");
        }
        assert_eq!(clients[0].line("SCRIPT KILL"), ok());
        assert!(busy.read().expect("an answer").text().contains("killed by user"));
        assert_eq!(clients[0].line(&format!("GET {key}")), Value::Null);
    }
}

/// Between MULTI and EXEC a command on a sibling's keys was queued though memory was short.
#[test]
fn nothing_is_queued_when_memory_is_short() {
    let (_server, port) = process();
    let mut client = Client::connect(port);
    assert_eq!(client.line("CONFIG SET maxmemory 1"), ok());
    for key in KEYS {
        client.line("MULTI");
        assert!(client.line(&format!("SET {key} x")).text().starts_with("OOM"));
        assert!(client.line("EXEC").text().starts_with("EXECABORT"));
    }
}

/// Commands that siblings ran were answered though CLIENT REPLY said no: whoever read on got answers to other questions.
#[test]
fn nothing_is_answered_when_no_reply_is_wanted() {
    let (_server, port) = process();
    let mut client = Client::connect(port);
    let sets: String = KEYS.iter().map(|key| format!("SET {key} x\r\n")).collect();
    let skipped: String = KEYS.iter().map(|key| format!("CLIENT REPLY SKIP\r\nSET {key} y\r\n")).collect();
    let transaction = "MULTI\r\nSET a z\r\nDBSIZE\r\nEXEC\r\n";
    let pipeline = format!(
        "PING 1\r\n{skipped}PING 2\r\nCLIENT REPLY SKIP\r\nMGET a b foo bar\r\nGET a\r\nCLIENT REPLY OFF\r\n{sets}\
         DEL a b foo\r\nDBSIZE\r\nMGET a b foo bar\r\n{transaction}CLIENT REPLY ON\r\nPING 3\r\n{transaction}PING 4\r\n\
         MGET a b foo bar\r\n"
    );
    client.send(pipeline.as_bytes());
    let expected = [
        "\"1\"",
        "\"2\"",
        "\"y\"",
        "+OK",
        "\"3\"",
        "+OK",
        "+QUEUED",
        "+QUEUED",
        "*[+OK, :2]",
        "\"4\"",
        "*[\"z\", null, null, \"x\"]",
    ];
    for expected in expected {
        assert_eq!(client.read().expect("an answer").to_string(), expected);
    }
}

/// Values of all sizes, own ones and siblings', are answered in the order of the requests.
#[test]
fn a_pipeline_is_answered_in_order() {
    let (_server, port) = process();
    let mut client = Client::connect(port);
    let sizes = [0, 3, 31, 32, 33, 500, 5_000, 20_000, 100_000];
    let value = |i: usize| char::from(b'a' + (i % 26) as u8).to_string().repeat(sizes[i % sizes.len()]);
    let keys = 200;
    for i in 0..keys {
        assert_eq!(client.call(&["SET", &format!("key:{i}"), &value(i)]), ok());
    }
    let gets: String = (0..3 * keys).map(|i| format!("GET key:{}\r\n", i % keys)).collect();
    client.send(gets.as_bytes());
    for i in 0..3 * keys {
        let answer = client.read().expect("an answer").text();
        assert!(answer == value(i % keys), "the answer to request {i} has {} bytes", answer.len());
    }
}
