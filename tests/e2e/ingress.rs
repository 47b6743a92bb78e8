//! One port for the whole process.

use kit::{Client, Process, Value, free_ports, ringmaster, wait_until};

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

/// A key of each core.
fn a_key_each(client: &mut Client) -> [String; 2] {
    let mut found = [None, None];
    for i in 0.. {
        let key = format!("key:{i}");
        let Value::Integer(slot) = client.line(&format!("CLUSTER KEYSLOT {key}")) else { panic!("a slot") };
        found[usize::from(slot >= 8192)].get_or_insert(key);
        if let [Some(a), Some(b)] = &found {
            return [a.clone(), b.clone()];
        }
    }
    unreachable!("keys do not end")
}

#[test]
fn slow_commands_have_their_client_and_a_number_of_their_own() {
    let (_server, port) = process();
    let mut client = Client::connect(port);
    let keys = a_key_each(&mut client);
    client.line("CONFIG SET slowlog-log-slower-than 0");
    client.line("CLIENT SETNAME me");
    client.line("SLOWLOG RESET");
    let address = client.line("CLIENT INFO").text();
    let address =
        address.split(' ').find_map(|field| field.strip_prefix("addr=")).expect("an address").to_owned();
    for key in &keys {
        client.line(&format!("SET {key} x"));
        client.call(&["EVAL", "return redis.call('get', KEYS[1])", "1", key]);
        for line in ["MULTI", &format!("GET {key}"), "EXEC"] {
            client.line(line);
        }
    }
    client.line("DBSIZE");
    let Value::Array(entries) = client.line("SLOWLOG GET -1") else { panic!("an array") };
    let mut ids = std::collections::BTreeSet::new();
    let mut commands = std::collections::BTreeSet::new();
    for entry in &entries {
        let Value::Array(fields) = entry else { panic!("an array") };
        assert!(ids.insert(fields[0].text()), "{} is there twice", fields[0]);
        assert_eq!((fields[4].text(), fields[5].text()), (address.clone(), "me".to_owned()), "{entry}");
        let Value::Array(words) = &fields[3] else { panic!("words") };
        commands.insert(words[0].text());
    }
    for command in ["SET", "EVAL", "GET", "DBSIZE"] {
        assert!(commands.contains(command), "{command} is not among {commands:?}");
    }
    assert_eq!(client.line("SLOWLOG GET 3"), {
        let Value::Array(newest) = client.line("SLOWLOG GET 4") else { panic!("an array") };
        Value::Array(newest[1..].to_vec())
    });
}

#[test]
fn the_slow_log_of_the_process_is_as_long_as_it_may_be() {
    let (server, port) = process();
    let mut client = Client::connect(port);
    let keys = a_key_each(&mut client);
    client.line("CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 6");
    let mut cores = [Client::connect(server.port), Client::connect(server.port + 1)];
    let len = |client: &mut Client| {
        let Value::Integer(len) = client.line("SLOWLOG LEN") else { panic!("a number") };
        len
    };
    client.line("SLOWLOG RESET");
    client.line(&format!("SET {} x", keys[0]));
    assert_eq!(len(&mut client), 2, "RESET and SET");
    for i in 0..20 {
        client.line(&format!("SET {} {i}", keys[i % 2]));
    }
    assert_eq!(len(&mut client), 6);
    client.line("CONFIG SET slowlog-log-slower-than -1");
    let Value::Array(entries) = client.line("SLOWLOG GET -1") else { panic!("an array") };
    assert_eq!((entries.len(), len(&mut client)), (6, 6));
    let field = |entry: &Value, at: usize| match entry {
        Value::Array(fields) => fields[at].clone(),
        other => panic!("{other} is no entry"),
    };
    let numbers = entries.iter().map(|entry| match field(entry, 0) {
        Value::Integer(number) => number,
        other => panic!("{other} is no number"),
    });
    let numbers: Vec<i64> = numbers.collect();
    assert!(numbers.windows(2).all(|pair| pair[0] - 1 == pair[1]), "none is missing: {numbers:?}");
    let of_keys = keys.map(|key| entries.iter().filter(|e| field(e, 3).to_string().contains(&key)).count());
    assert!(of_keys.iter().all(|count| *count > 0), "both cores' are there: {entries:?}");
    // A core's own log is the core's, and as long as it may be.
    for core in &mut cores {
        assert_eq!(len(core), 6);
    }
    assert_eq!(client.line("SLOWLOG GET 2"), Value::Array(entries[..2].to_vec()));
    for line in ["COMMANDLOG LEN slow", "SLOWLOG LEN"] {
        assert_eq!(client.line(line), Value::Integer(6), "{line}");
    }
    assert!(client.line("COMMANDLOG LEN quick").text().contains("type should be one of"));
    assert_eq!(client.line("SLOWLOG RESET").text(), "OK");
    assert_eq!(len(&mut client), 0);
}

#[test]
fn a_busy_script_is_found_and_ended_wherever_it_runs() {
    let (_server, port) = process();
    let mut other = Client::connect(port);
    let keys = a_key_each(&mut other);
    other.line("CONFIG SET busy-reply-threshold 10");
    other.call(&[
        "FUNCTION",
        "LOAD",
        "#!lua name=l\nredis.register_function('f', function() while true do end end)",
    ]);
    for key in &keys {
        assert!(other.line("SCRIPT KILL").text().starts_with("NOTBUSY"));
        let mut busy = Client::connect(port);
        busy.send(&kit::encode(&["EVAL", "while true do end", "1", key]));
        kit::wait_until("BUSY", || other.line(&format!("GET {key}")).text().starts_with("BUSY"));
        assert!(other.line("FUNCTION STATS").text().starts_with("BUSY"));
        assert!(other.line("FUNCTION KILL").text().starts_with("BUSY"));
        assert_eq!(other.line("SCRIPT KILL").text(), "OK");
        assert!(busy.read().expect("a reply").text().contains("killed by user"));

        busy.send(&kit::encode(&["FCALL", "f", "1", key]));
        kit::wait_until("BUSY", || other.line(&format!("GET {key}")).text().starts_with("BUSY"));
        let Value::Array(stats) = other.line("FUNCTION STATS") else { panic!("a map") };
        let Value::Array(running) = &stats[1] else { panic!("a function runs: {}", stats[1]) };
        assert_eq!(running[1].text(), "f");
        assert_eq!(other.line("FUNCTION KILL").text(), "OK");
        assert!(busy.read().expect("a reply").text().contains("killed by user"));
    }
    // One that has written cannot be ended. The core that runs it says so, not one that runs none.
    Client::connect(port).send(&kit::encode(&[
        "EVAL",
        "redis.call('set', KEYS[1], 1) while true do end",
        "1",
        &keys[1],
    ]));
    kit::wait_until("UNKILLABLE", || other.line("SCRIPT KILL").text().starts_with("UNKILLABLE"));
}

#[test]
fn settings_at_two_cores_at_once_are_all_obeyed() {
    let server = ringmaster(2, &["--bootstrap", "yes"]);
    let names = ["timeout", "tcp-keepalive"];
    std::thread::scope(|scope| {
        for (core, name) in (0u16..).zip(names) {
            let port = server.port + core;
            scope.spawn(move || {
                let mut client = Client::connect(port);
                for i in 1..=300 {
                    assert_eq!(client.line(&format!("CONFIG SET {name} {i}")).text(), "OK");
                }
            });
        }
    });
    for core in 0..2 {
        let mut client = Client::connect(server.port + core);
        for name in names {
            kit::wait_until("the last value", || {
                let Value::Array(pair) = client.line(&format!("CONFIG GET {name}")) else { panic!("a pair") };
                pair[1].text() == "300"
            });
        }
    }
}

/// The slots and the number of keys that CLUSTER SLOT-STATS names, in its order.
fn slot_keys(client: &mut Client, query: &str) -> Vec<(i64, i64)> {
    let Value::Array(rows) = client.line(&format!("CLUSTER SLOT-STATS {query}")) else { panic!("an array") };
    let row = |row: &Value| match row {
        Value::Array(row) => match &row[..] {
            [Value::Integer(slot), Value::Array(figures)] => match figures[1] {
                Value::Integer(keys) => (*slot, keys),
                ref other => panic!("{other} is no number"),
            },
            _ => panic!("{row:?} is no slot and its figures"),
        },
        other => panic!("{other} is no row"),
    };
    rows.iter().map(row).collect()
}

#[test]
fn slots_are_those_of_the_process() {
    let (server, port) = process();
    // Whichever core takes a connection in, the answer is the same.
    for mut client in (0..4).map(|_| Client::connect(port)) {
        client.line("FLUSHALL");
        let keys = a_key_each(&mut client);
        for (i, key) in keys.iter().enumerate() {
            (0..=i).for_each(|n| drop(client.line(&format!("SET {{{key}}}{n} x"))));
        }
        let slots = keys.each_ref().map(|key| match client.line(&format!("CLUSTER KEYSLOT {key}")) {
            Value::Integer(slot) => slot,
            other => panic!("{other} is no slot"),
        });
        assert_eq!(slot_keys(&mut client, "SLOTSRANGE 0 16383").len(), 16384);
        assert_eq!(slot_keys(&mut client, "SLOTSRANGE 8191 8192"), [(8191, 0), (8192, 0)]);
        let fullest = slot_keys(&mut client, "ORDERBY key-count LIMIT 3");
        assert_eq!(fullest[..2], [(slots[1], 2), (slots[0], 1)]);
        assert_eq!((fullest.len(), fullest[2].1), (3, 0));
        assert!(client.line("CLUSTER SLOT-STATS SLOTSRANGE 1 0").text().contains("greater than end slot"));
        assert_eq!(slot_keys(&mut Client::connect(server.port), "SLOTSRANGE 0 16383").len(), 8192);
        for (i, slot) in slots.iter().enumerate() {
            let expect = Value::Integer(1 + i as i64);
            assert_eq!(client.line(&format!("CLUSTER COUNTKEYSINSLOT {slot}")), expect);
            let named = client.line(&format!("CLUSTER GETKEYSINSLOT {slot} 10"));
            assert!(matches!(&named, Value::Array(keys) if keys.len() == 1 + i), "{named}");
            let named = client.line(&format!("CLUSTER GETKEYSINSLOT {slot} 1"));
            assert!(matches!(&named, Value::Array(keys) if keys.len() == 1), "{named}");
        }
        for line in ["CLUSTER COUNTKEYSINSLOT 16384", "CLUSTER GETKEYSINSLOT 0 -1"] {
            assert!(client.line(line).text().starts_with("ERR Invalid slot"), "{line}");
        }
        assert_eq!(client.line("CLUSTER GETSLOTMIGRATIONS"), Value::Array(Vec::new()));
        assert!(client.line("CLUSTER CANCELSLOTMIGRATIONS").text().contains("No migrations ongoing"));
    }
}

#[test]
fn slots_move_on_the_word_of_whoever_came_in_anywhere() {
    let (server, port) = process();
    let mut cores = [Client::connect(server.port), Client::connect(server.port + 1)];
    let ids = cores.each_mut().map(|core| core.line("CLUSTER MYID").text());
    for (i, mut client) in (0..6).map(|i| (i, Client::connect(port))) {
        let (to, other) = ((i + 1) % 2, i % 2);
        let order = format!("CLUSTER MIGRATESLOTS SLOTSRANGE 0 0 NODE {}", ids[to]);
        assert_eq!(client.line(&order).text(), "OK");
        assert_eq!(client.line(&order).text(), "ERR Target node can not be this node.");
        let wide = format!("CLUSTER MIGRATESLOTS SLOTSRANGE 1 16000 NODE {}", ids[1]);
        assert_eq!(client.line(&wide).text(), "ERR Slots are not served by this node.");
        assert!(client.line("CLUSTER MIGRATESLOTS SLOTSRANGE").text().starts_with("ERR"));
        let served = |core: &mut Client| slot_keys(core, "SLOTSRANGE 0 0").len();
        wait_until("the slot is there", || [to, other].map(|core| served(&mut cores[core])) == [1, 0]);
        // What makes a node another one is for its own port.
        for line in ["CLUSTER RESET", &format!("CLUSTER FORGET {}", ids[0]), "CLUSTER FAILOVER"] {
            assert!(client.line(line).text().contains("is for one node"), "{line}");
        }
        assert_eq!(client.line("CLUSTER SAVECONFIG").text(), "OK");
    }
    let mut client = Client::connect(port);
    for line in
        ["MULTI", "CLUSTER FLUSHSLOTS", &format!("CLUSTER MIGRATESLOTS SLOTSRANGE 0 0 NODE {}", ids[1])]
    {
        client.line(line);
    }
    let Value::Array(replies) = client.line("EXEC") else { panic!("replies") };
    assert!(replies[0].text().contains("is for one node") && replies[1].text() == "OK", "{replies:?}");
}

#[test]
fn refusals_of_all_cores_are_one_log() {
    let (server, port) = process();
    let mut client = Client::connect(port);
    let mut cores = [Client::connect(server.port), Client::connect(server.port + 1)];
    for core in &mut cores {
        core.line("AUTH nobody x");
        core.line("AUTH nobody x");
    }
    // The log is in the order of its milliseconds: the next one has to come.
    let mut time_us = || match client.line("TIME") {
        Value::Array(parts) => {
            let number = |i: usize| parts[i].text().parse::<u64>().expect("a number");
            number(0) * 1_000_000 + number(1)
        }
        other => panic!("{other} is no time"),
    };
    let first = time_us();
    wait_until("two milliseconds go by", || time_us() > first + 2_000);
    cores[1].line("AUTH other x");
    let log = |client: &mut Client, line: &str| {
        let Value::Array(entries) = client.line(line) else { panic!("an array") };
        let entry = |entry: &Value| match entry {
            Value::Array(fields) => [&fields[9], &fields[1], &fields[15]].map(Value::to_string),
            other => panic!("{other} is no entry"),
        };
        entries.iter().map(entry).collect::<Vec<_>>()
    };
    let expect = [["\"other\"", ":1", ":2"], ["\"nobody\"", ":4", ":0"]];
    assert_eq!(log(&mut client, "ACL LOG"), expect, "names, counts, numbers");
    assert_eq!(log(&mut client, "ACL LOG 1"), expect[..1]);
    assert_eq!(log(&mut cores[0], "ACL LOG"), [["\"nobody\"", ":2", ":0"]]);
    assert_eq!(log(&mut cores[1], "ACL LOG"), [expect[0], ["\"nobody\"", ":2", ":1"]]);
    client.line("CONFIG SET acllog-max-len 1");
    assert_eq!(log(&mut client, "ACL LOG").len(), 1);
}

#[test]
fn sizes_of_keys_are_those_of_the_process_and_many_are_sampled() {
    let (_process, port) = process();
    let mut client = Client::connect(port);
    let sizes = |client: &mut Client| -> String {
        client.line("INFO keysizes").text().lines().skip(1).collect::<Vec<_>>().join(" ")
    };
    for (i, key) in ["a", "b", "c", "d"].iter().enumerate() {
        client.line(&format!("SET {key} {}", "x".repeat(1 << i)));
    }
    client.line("RPUSH list 1 2 3");
    client.line("SADD set 1 2 3 4");
    client.line("ZADD zset 1 a");
    client.line("HSET hash field value");
    client.line("XADD stream * field value");
    let exact = "db0_distrib_strings_sizes:1=1,2=1,4=1,8=1 db0_distrib_lists_items:2=1 db0_distrib_sets_items:4=1 \
                 db0_distrib_zsets_items:1=1 db0_distrib_hashes_items:1=1";
    assert_eq!(sizes(&mut client), exact);
    for batch in 0..40 {
        let pairs: String = (0..1000).map(|i| format!(" key:{batch}:{i} 0123456789")).collect();
        client.line(&format!("MSET{pairs}"));
    }
    let many = sizes(&mut client);
    assert!(many.ends_with("keysizes_sampled_keys:16384"), "{many}");
    let strings = many
        .split_once("8=")
        .and_then(|(_, rest)| rest.split([',', ' ']).next())
        .expect("keys of 8 to 15 bytes");
    let strings: u32 = strings.parse().expect("a number");
    assert!((39_000..=40_010).contains(&strings), "{many}");
}
