//! One port for the whole process.

use kit::{Client, Process, Value, free_ports, ringmaster};

fn process() -> (Process, u16) {
    let ingress = free_ports(1);
    let server = ringmaster(2, &["--bootstrap", "yes", "--ingress-port", &ingress.to_string()]);
    (server, ingress)
}

#[test]
fn commands_run_wherever_their_keys_are() {
    let (_server, port) = process();
    let mut client = Client::connect(port);
    let (mut set, mut get) = (Vec::new(), Vec::new());
    for i in 0..1000 {
        set.extend(format!("SET key:{i} {i}\r\n").bytes());
        get.extend(format!("GET key:{i}\r\nECHO {i}\r\n").bytes());
    }
    client.send(&set);
    (0..1000).for_each(|_| assert_eq!(client.read(), Some(Value::Simple("OK".into()))));
    client.send(&get);
    for i in 0..1000 {
        // In the order of the requests, though two cores answer.
        assert_eq!(client.read(), Some(Value::Bulk(i.to_string().into())));
        assert_eq!(client.read(), Some(Value::Bulk(i.to_string().into())));
    }
    assert_eq!(client.line("DBSIZE"), Value::Integer(1000));
}

#[test]
fn many_keys_are_taken_apart() {
    let (_server, port) = process();
    let mut client = Client::connect(port);
    assert_eq!(client.line("MSET a 1 b 2 c 3 d 4"), Value::Simple("OK".into()));
    let bulk = |text: &str| Value::Bulk(text.into());
    let expect = vec![bulk("1"), bulk("4"), Value::Null, bulk("2"), bulk("3")];
    assert_eq!(client.line("MGET a d nothing b c"), Value::Array(expect));
    assert_eq!(client.line("EXISTS a b c d nothing"), Value::Integer(4));
    assert_eq!(client.line("TOUCH a b"), Value::Integer(2));
    assert_eq!(client.line("DEL a b"), Value::Integer(2));
    assert_eq!(client.line("UNLINK c d nothing"), Value::Integer(2));
    assert_eq!(client.line("DBSIZE"), Value::Integer(0));
    assert!(client.line("RENAME a b").text().starts_with("CROSSSLOT"));
}

#[test]
fn the_whole_process_is_scanned_and_flushed() {
    let (_server, port) = process();
    let mut client = Client::connect(port);
    for i in 0..300 {
        client.line(&format!("SET key:{i} x"));
    }
    let (mut cursor, mut seen) = ("0".to_owned(), std::collections::BTreeSet::new());
    loop {
        let Value::Array(parts) = client.line(&format!("SCAN {cursor} COUNT 50")) else {
            panic!("SCAN is an array")
        };
        cursor = parts[0].text();
        let Value::Array(keys) = &parts[1] else { panic!("keys are an array") };
        seen.extend(keys.iter().map(Value::text));
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen.len(), 300);
    let Value::Array(keys) = client.line("KEYS key:1*") else { panic!("KEYS is an array") };
    assert_eq!(keys.len(), 111);
    assert!(matches!(client.line("RANDOMKEY"), Value::Bulk(_)));
    assert_eq!(client.line("FLUSHALL"), Value::Simple("OK".into()));
    assert_eq!(client.line("DBSIZE"), Value::Integer(0));
    assert_eq!(client.line("RANDOMKEY"), Value::Null);
}

#[test]
fn transactions_run_on_the_core_of_their_keys() {
    let (_server, port) = process();
    // Slots of both cores: one transaction here, one at the sibling, whichever core the connection is on.
    for key in ["a", "b", "foo", "bar"] {
        let (mut client, mut other) = (Client::connect(port), Client::connect(port));
        assert_eq!(client.line(&format!("WATCH {key}")), Value::Simple("OK".into()));
        client.line("MULTI");
        assert_eq!(client.line(&format!("SET {key} 1")), Value::Simple("QUEUED".into()));
        assert_eq!(client.line(&format!("INCR {key}")), Value::Simple("QUEUED".into()));
        assert_eq!(client.line("EXEC"), Value::Array(vec![Value::Simple("OK".into()), Value::Integer(2)]));
        // A watched key that somebody else changes stops the next one.
        client.line(&format!("WATCH {key}"));
        other.line(&format!("SET {key} 5"));
        client.line("MULTI");
        client.line(&format!("INCR {key}"));
        assert_eq!(client.line("EXEC"), Value::Null);
        assert_eq!(client.line(&format!("GET {key}")), Value::Bulk("5".into()));
        client.line("MULTI");
        client.line(&format!("SET {key} 1"));
        client.line(&format!("SET other{key}x 1"));
        assert!(client.line("EXEC").text().starts_with("CROSSSLOT"));
    }
}
