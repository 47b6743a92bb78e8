//! `maxmemory`, `maxmemory-clients`, and keys that go by themselves.

use std::io::{Read, Write};
use std::net::TcpStream;

use kit::{Client, Value, ringmaster, wait_until};

const MIB: u64 = 1 << 20;

/// A number of INFO.
fn info(client: &mut Client, field: &str) -> u64 {
    let text = client.line("INFO everything").text();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{field} is not in INFO")).trim().parse().expect("a number")
}

/// Sets the keys `from..to` to a KiB each; the errors among the replies.
fn fill(client: &mut Client, from: u64, to: u64) -> Vec<String> {
    let value = vec![b'x'; 1024];
    let mut errors = Vec::new();
    for key in from..to {
        if let Value::Error(text) = client.call(&[b"SET", format!("key:{key}").as_bytes(), &value]) {
            errors.push(text);
        }
    }
    errors
}

#[test]
fn least_recently_used_keys_go_and_memory_stays_below_its_limit() {
    let server = ringmaster(1, &["--bootstrap", "yes", "--maxmemory-policy", "allkeys-lru"]);
    let mut client = Client::connect(server.port);
    let limit = info(&mut client, "used_memory") + 8 * MIB;
    client.line(&format!("CONFIG SET maxmemory {limit}"));
    assert!(fill(&mut client, 0, 20_000).is_empty());
    wait_until("memory is below the limit", || info(&mut client, "used_memory") <= limit);
    let left = match client.line("DBSIZE") {
        Value::Integer(left) => left as u64,
        other => panic!("{other}"),
    };
    // INFO itself takes memory, so more may go meanwhile.
    assert!(info(&mut client, "evicted_keys") >= 20_000 - left);
    assert!((4000..8200).contains(&left), "{left} keys of a KiB in 8 MiB");
}

#[test]
fn without_a_policy_writes_are_refused_and_reads_are_not() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let mut client = Client::connect(server.port);
    client.line("SET before 1");
    client.line("CONFIG SET maxmemory 1");
    let refusal = Value::Error("OOM command not allowed when used memory > 'maxmemory'.".into());
    assert_eq!(client.line("SET key value"), refusal);
    assert_eq!(client.line("GET before"), Value::Bulk("1".into()));
    assert_eq!(client.line("DEL before"), Value::Integer(1));
    client.line("CONFIG SET maxmemory 0");
    assert_eq!(client.line("SET key value"), Value::Simple("OK".into()));
}

#[test]
fn only_keys_that_expire_go_where_the_policy_says_so() {
    let server = ringmaster(1, &["--bootstrap", "yes", "--maxmemory-policy", "volatile-ttl"]);
    let mut client = Client::connect(server.port);
    fill(&mut client, 0, 1000);
    for key in 0..500 {
        client.line(&format!("EXPIRE key:{key} {}", 10_000 + key));
    }
    let used = info(&mut client, "used_memory");
    client.line(&format!("CONFIG SET maxmemory {}", used - MIB / 4));
    wait_until("keys were evicted", || info(&mut client, "evicted_keys") > 200);
    assert_eq!(client.line("EXISTS key:500"), Value::Integer(1), "it does not expire");
    client.line("CONFIG SET maxmemory 1");
    let refused = |client: &mut Client| matches!(client.line("SET key:500 value"), Value::Error(_));
    wait_until("nothing is left that may go", || refused(&mut client));
    assert_eq!(client.line("DBSIZE"), Value::Integer(500));
}

#[test]
fn one_core_uses_what_its_siblings_do_not_need() {
    let server = ringmaster(2, &["--bootstrap", "yes", "--maxmemory-policy", "allkeys-lru"]);
    let mut cores = [Client::connect(server.port), Client::connect(server.port + 1)];
    let start = info(&mut cores[0], "used_memory") + info(&mut cores[1], "used_memory");
    cores[0].line(&format!("CONFIG SET maxmemory {}", start + 8 * MIB));
    // All keys of one slot of each core.
    let mut fill = |core: usize, tag: &str, count: u64| {
        let value = vec![b'x'; 1024];
        for key in 0..count {
            let reply = cores[core].call(&[b"SET", format!("{{{tag}}}{key}").as_bytes(), &value]);
            assert_eq!(reply, Value::Simple("OK".into()));
        }
        [0, 1].map(|i| match cores[i].line("DBSIZE") {
            Value::Integer(keys) => keys,
            other => panic!("{other}"),
        })
    };
    // "b" is in the first half of the slots, "a" in the second.
    let [first, _] = fill(0, "b", 6000);
    assert!(first > 5000, "{first}: more than an even share");
    wait_until("both have an even share, about", || {
        let [first, second] = fill(1, "a", 6000);
        first > 2000 && second > 2000 && first.abs_diff(second) < 1500
    });
}

#[test]
fn the_greediest_client_goes_first() {
    let server = ringmaster(1, &["--bootstrap", "yes", "--maxmemory-clients", "2mb"]);
    let mut modest = Client::connect(server.port);
    modest.line("PING");
    let mut greedy = TcpStream::connect(("127.0.0.1", server.port)).expect("the server listens");
    // Half a request, which waits in the query buffer; the rest of it may find the connection closed.
    let mut half = format!("*2\r\n$4\r\nECHO\r\n${}\r\n", 8 * MIB).into_bytes();
    half.resize(4 * MIB as usize, b'x');
    let _ = greedy.write_all(&half);
    wait_until("a client was evicted", || info(&mut modest, "evicted_clients") == 1);
    let end = greedy.read(&mut [0]);
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    assert_eq!(modest.line("PING"), Value::Simple("PONG".into()));
}

#[test]
fn what_a_client_watches_hears_and_tracks_counts() {
    let server = ringmaster(1, &["--bootstrap", "yes", "--maxmemory-clients", "200000"]);
    let mut modest = Client::connect(server.port);
    let ways =
        ["WATCH {x}", "SUBSCRIBE ", "PSUBSCRIBE ", "SSUBSCRIBE {x}", "CLIENT TRACKING ON BCAST PREFIX "];
    for (evicted, way) in ways.into_iter().enumerate() {
        let mut greedy = Client::connect(server.port);
        greedy.line("HELLO 3");
        // No prefix may begin another.
        let more = (0u32..10_000).map(|n| format!("{way}{n:05}{}\r\n", "x".repeat(80)));
        let gone = more.into_iter().any(|line| {
            let sent = greedy.try_send(line.as_bytes());
            sent.is_none() || greedy.read().is_none()
        });
        assert!(gone, "{way}");
        assert_eq!(info(&mut modest, "evicted_clients"), evicted as u64 + 1);
    }
}

#[test]
fn fields_and_their_hash_go_when_their_time_is_over() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let mut client = Client::connect(server.port);
    client.line("HSET some a 1 b 2");
    client.line("HSET all a 1");
    client.line("HPEXPIRE some 20 FIELDS 1 a");
    client.line("HPEXPIRE all 20 FIELDS 1 a");
    wait_until("both fields are deleted", || info(&mut client, "expired_fields") == 2);
    assert_eq!(client.line("DBSIZE"), Value::Integer(1));
    assert_eq!(
        client.line("HGETALL some"),
        Value::Array(vec![Value::Bulk("b".into()), Value::Bulk("2".into())])
    );
}
