//! MONITOR and COMMANDLOG: what they show, and where.

use kit::{Client, Value, free_ports, ringmaster};

fn monitor(port: u16) -> Client {
    let mut client = Client::connect(port);
    assert_eq!(client.line("MONITOR").text(), "OK");
    client
}

/// The next line without its time and sender.
fn shown(client: &mut Client) -> String {
    let line = client.read().expect("a line").text();
    line.split_once("] ").expect("a sender").1.to_owned()
}

#[test]
fn commands_are_shown_as_they_run() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let (mut monitor, mut client) = (monitor(server.port), Client::connect(server.port));
    client.line("SET a \"b\"");
    let line = monitor.read().expect("a line").text();
    let (time, rest) = line.split_once(' ').expect("a time");
    assert!(time.split_once('.').is_some_and(|(s, us)| s.parse::<u64>().is_ok() && us.len() == 6), "{line}");
    assert!(rest.starts_with("[0 127.0.0.1:") && rest.ends_with("] \"SET\" \"a\" \"\\\"b\\\"\""), "{line}");
    // Passwords are hidden, and what administrators do; what is queued comes when it runs.
    client.line("AUTH default secret");
    client.line("CLIENT LIST");
    client.line("MULTI");
    client.line("INCR c");
    client.line("ECHO x");
    client.line("EXEC");
    let lines: Vec<String> = (0..5).map(|_| shown(&mut monitor)).collect();
    let expect = [
        "\"AUTH\" \"(redacted)\" \"(redacted)\"",
        "\"MULTI\"",
        "\"INCR\" \"c\"",
        "\"ECHO\" \"x\"",
        "\"EXEC\"",
    ];
    assert_eq!(lines, expect);
    assert!(client.line("CLIENT LIST").text().contains(" flags=O "));
    assert_eq!(monitor.line("GET a").text(), "ERR Replica can't interact with the keyspace");
    assert_eq!(monitor.line("RESET").text(), "RESET");
    assert!(!client.line("CLIENT LIST").text().contains(" flags=O "));
}

#[test]
fn a_core_shows_its_own_and_the_ingress_all() {
    let ingress = free_ports(1);
    let server = ringmaster(2, &["--bootstrap", "yes", "--ingress-port", &ingress.to_string()]);
    // Enough connections that both cores have some.
    let mut of_process: Vec<Client> = (0..6).map(|_| monitor(ingress)).collect();
    let mut of_cores = [0, 1].map(|core| monitor(server.port + core));
    for _ in 0..6 {
        // Connected later than the monitors, so its core knows of all of them.
        let mut client = Client::connect(ingress);
        for (command, core) in [("SET b 1", 0), ("SET a 1", 1), ("GET b", 0), ("GET a", 1)] {
            client.line(command);
            let line = command.split(' ').map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" ");
            assert_eq!(shown(&mut of_cores[core]), line);
            of_process.iter_mut().for_each(|monitor| assert_eq!(shown(monitor), line));
        }
    }
}

/// Entries of a log of COMMANDLOG: bytes, and the command's name.
fn logged(client: &mut Client, why: &str) -> Vec<(i64, String)> {
    let Value::Array(entries) = client.line(&format!("COMMANDLOG GET -1 {why}")) else { panic!("an array") };
    let entry = |entry: Value| match entry {
        Value::Array(fields) => match (&fields[2], &fields[3]) {
            (Value::Integer(bytes), Value::Array(words)) => (*bytes, words[0].text()),
            _ => panic!("{fields:?}"),
        },
        other => panic!("{other}"),
    };
    entries.into_iter().map(entry).collect()
}

#[test]
fn large_requests_and_replies_are_noted() {
    let ingress = free_ports(1);
    let _server = ringmaster(2, &["--bootstrap", "yes", "--ingress-port", &ingress.to_string()]);
    let mut client = Client::connect(ingress);
    let big = "x".repeat(2000);
    client.line("CONFIG SET commandlog-request-larger-than 1000 commandlog-reply-larger-than 1500");
    // Keys of both cores.
    for key in ["a", "b"] {
        client.call(&["SET", key, &big]);
        client.line(&format!("GET {key}"));
        client.line(&format!("GETRANGE {key} 0 10"));
    }
    let script = "redis.call('get', KEYS[1]) return 1";
    client.call(&["EVAL", script, "1", "a"]);
    let requests = logged(&mut client, "large-request");
    assert_eq!(requests.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["SET", "SET"]);
    assert!(requests.iter().all(|(bytes, _)| (2000..2200).contains(bytes)), "{requests:?}");
    let mut replies = logged(&mut client, "large-reply");
    replies.sort();
    let large = |name: &str| (2009, name.to_owned());
    assert_eq!(replies, [large("GET"), large("GET"), large("get")]);
    assert_eq!(client.line("COMMANDLOG LEN large-reply"), Value::Integer(3));
    assert_eq!(client.line("SLOWLOG LEN"), Value::Integer(0));
    client.line("CONFIG SET commandlog-large-reply-max-len 0");
    assert_eq!(client.line("COMMANDLOG LEN large-reply"), Value::Integer(0));
    client.line("COMMANDLOG RESET large-request");
    assert_eq!(client.line("COMMANDLOG LEN large-request"), Value::Integer(0));
}
