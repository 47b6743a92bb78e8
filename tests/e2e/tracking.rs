//! Client-side caching: a client hears of every key it may have in its cache.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use kit::{Client, Process, Value, free_ports, ringmaster, wait_until};

fn caching(port: u16, options: &str) -> Client {
    let mut client = Client::connect(port);
    client.line("HELLO 3");
    assert_eq!(client.line(&format!("CLIENT TRACKING ON {options}")).text(), "OK");
    client
}

/// The keys of an invalidation; none for all.
fn stale(value: Option<Value>) -> Vec<String> {
    match value.expect("a message") {
        Value::Typed('>', words) if words[0].text() == "invalidate" => match &words[1] {
            Value::Array(keys) => keys.iter().map(Value::text).collect(),
            other => vec![other.to_string()],
        },
        other => panic!("{other} is no invalidation"),
    }
}

fn process() -> (Process, u16) {
    let ingress = free_ports(1);
    let server = ringmaster(2, &["--bootstrap", "yes", "--ingress-port", &ingress.to_string()]);
    (server, ingress)
}

#[test]
fn what_was_read_is_told_once() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let (mut client, mut other) = (caching(server.port, ""), Client::connect(server.port));
    client.line("SET a 1");
    client.line("GET a");
    other.line("SET a 2");
    assert_eq!(stale(client.read()), ["a"]);
    // Not read again, not told again; its own write is told after the reply.
    other.line("SET a 3");
    client.line("GET b");
    client.line("GET a");
    assert_eq!(client.line("INCR a"), Value::Integer(4));
    assert_eq!(stale(client.read()), ["a"]);
    client.line("MULTI");
    client.line("GET a");
    client.line("INCR a");
    assert_eq!(client.line("EXEC"), Value::Array(vec![Value::Bulk("4".into()), Value::Integer(5)]));
    assert_eq!(stale(client.read()), ["a"]);
    other.line("SET b 1 PX 20");
    assert_eq!(stale(client.read()), ["b"]);
    client.line("GET b");
    wait_until("the key's time is over", || other.line("GET b") == Value::Null);
    // It may have been gone when it was read; then it changes now.
    other.line("SET b 2");
    assert_eq!(stale(client.read()), ["b"]);
    client.line("GET b");
    other.line("FLUSHALL");
    assert_eq!(stale(client.read()), ["null"]);
    assert!(client.line("CLIENT INFO").text().contains(" flags=t "));
    assert!(other.line("INFO stats").text().contains("tracking_total_keys:0\r\n"));
}

#[test]
fn the_table_is_bounded() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let (mut client, mut other) = (caching(server.port, ""), Client::connect(server.port));
    other.line("CONFIG SET tracking-table-max-keys 10");
    for i in 0..30 {
        client.send(format!("GET {{t}}{i}\r\n").as_bytes());
    }
    let told = (0..50).filter(|_| matches!(client.read(), Some(Value::Typed('>', _)))).count();
    assert_eq!(told, 20);
    assert!(other.line("INFO stats").text().contains("tracking_total_keys:10\r\n"));
    other.line("CONFIG SET tracking-table-max-keys 3");
    (0..7).for_each(|_| assert_eq!(stale(client.read()).len(), 1));
}

#[test]
fn on_the_ingress_keys_of_all_cores_are_tracked() {
    let (server, ingress) = process();
    let mut clients: Vec<Client> = (0..6).map(|_| caching(ingress, "")).collect();
    let mut broadcasting: Vec<Client> =
        (0..6).map(|_| caching(ingress, "BCAST PREFIX a PREFIX f NOLOOP")).collect();
    // Keys of both cores, written at the core that has them.
    for (key, core) in [("b", 0), ("a", 1), ("foo", 1), ("bar", 0)] {
        let mut writer = Client::connect(server.port + core);
        clients.iter_mut().for_each(|client| drop(client.line(&format!("GET {key}"))));
        assert_eq!(writer.line(&format!("SET {key} 1")).text(), "OK");
        clients.iter_mut().for_each(|client| assert_eq!(stale(client.read()), [key]));
        if key.starts_with(['a', 'f']) {
            broadcasting.iter_mut().for_each(|client| assert_eq!(stale(client.read()), [key]));
        }
        // Its own write is no news to a client that said so, wherever the key is.
        let [first, second] = &mut broadcasting[..2] else { panic!("there are more") };
        first.line(&format!("SET {key} 2"));
        if key.starts_with(['a', 'f']) {
            assert_eq!(stale(second.read()), [key]);
            broadcasting[2..].iter_mut().for_each(|client| assert_eq!(stale(client.read()), [key]));
        }
        assert_eq!(broadcasting[0].line("PING").text(), "PONG");
    }
    clients.iter_mut().for_each(|client| drop(client.line("GET b")));
    Client::connect(server.port).line("FLUSHALL");
    clients.iter_mut().for_each(|client| assert_eq!(stale(client.read()), ["null"]));
}

#[test]
fn messages_may_go_to_another_connection() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let (mut target, mut client) = (Client::connect(server.port), Client::connect(server.port));
    let Value::Integer(id) = target.line("CLIENT ID") else { panic!("an ID is a number") };
    target.line("SUBSCRIBE __redis__:invalidate");
    let missing = client.line("CLIENT TRACKING ON REDIRECT 9999").text();
    assert_eq!(missing, "ERR The client ID you want redirect to does not exist");
    client.line(&format!("CLIENT TRACKING ON OPTIN REDIRECT {id}"));
    assert_eq!(client.line("CLIENT GETREDIR"), Value::Integer(id));
    client.line("GET a");
    client.line("CLIENT CACHING YES");
    client.line("GET b");
    client.line("MSET {x}1 1 {x}2 2");
    client.line("SET a 1");
    client.line("SET b 1");
    let expect = vec![
        Value::Bulk("message".into()),
        Value::Bulk("__redis__:invalidate".into()),
        Value::Array(vec![Value::Bulk("b".into())]),
    ];
    assert_eq!(target.read(), Some(Value::Array(expect)));
    client.line("HELLO 3");
    client.line("CLIENT CACHING YES");
    client.line("GET b");
    drop(target);
    wait_until("the target is gone", || !client.line("CLIENT LIST").text().contains(&format!("id={id} ")));
    assert_eq!(client.line("SET b 2").text(), "OK");
    assert_eq!(
        client.read(),
        Some(Value::Typed('>', vec![Value::Bulk("tracking-redir-broken".into()), Value::Integer(id)]))
    );
    assert!(client.line("CLIENT INFO").text().contains(" flags=tR "));
}

#[test]
fn a_cache_never_stays_stale() {
    const KEYS: usize = 40;
    let (_server, ingress) = process();
    let done = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut writer = Client::connect(ingress);
                for i in 0..4000 {
                    writer.line(&format!("SET key:{} {i}", i * 7 % KEYS));
                }
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        let mut caches = (0..3).map(|_| (caching(ingress, ""), HashMap::new())).collect::<Vec<_>>();
        let mut i = 0;
        while done.load(Ordering::Relaxed) < 2 {
            for (client, cache) in &mut caches {
                i += 1;
                // Two at once, whose cores may answer in any order.
                let keys = [i % KEYS, i * 3 % KEYS].map(|i| format!("key:{i}"));
                client.send(keys.iter().map(|key| format!("GET {key}\r\n")).collect::<String>().as_bytes());
                for key in keys {
                    let value = read_answer(client, cache);
                    cache.insert(key, value);
                }
            }
        }
        let mut truth = Client::connect(ingress);
        wait_until("all caches are right", || {
            caches.iter_mut().all(|(client, cache)| {
                client.send(b"PING\r\n");
                read_answer(client, cache);
                cache.iter().all(|(key, value)| truth.line(&format!("GET {key}")) == *value)
            })
        });
    });
}

/// The next reply; invalidations before it are obeyed.
fn read_answer(client: &mut Client, cache: &mut HashMap<String, Value>) -> Value {
    loop {
        match client.read() {
            Some(Value::Typed('>', words)) => {
                for key in stale(Some(Value::Typed('>', words))) {
                    cache.remove(&key);
                }
            }
            other => return other.expect("a reply"),
        }
    }
}
