//! HOTKEYS, and what redis-cli finds: the keys that are used most, and those that are largest.

use std::collections::HashMap;

use kit::{Client, Value, free_ports, ringmaster, run, wait_until};

/// HOTKEYS GET by field.
fn report(client: &mut Client) -> HashMap<String, Value> {
    let Value::Array(mut whole) = client.line("HOTKEYS GET") else { panic!("an array of one map") };
    let Some(Value::Array(fields)) = whole.pop() else { panic!("a map") };
    fields.chunks(2).map(|pair| (pair[0].text(), pair[1].clone())).collect()
}

fn number(report: &HashMap<String, Value>, field: &str) -> i64 {
    match report.get(field) {
        Some(Value::Integer(number)) => *number,
        other => panic!("{field} is {other:?}"),
    }
}

/// The keys of a list, the hottest first.
fn keys(report: &HashMap<String, Value>, list: &str) -> Vec<String> {
    let Value::Array(pairs) = &report[list] else { panic!("{list} is a list") };
    pairs.chunks(2).map(|pair| pair[0].text()).collect()
}

/// Uses key `hot:i` the more the less `i` is, and many others once; the first ten are the hottest.
fn use_keys(client: &mut Client) {
    let mut requests = Vec::new();
    for round in 0..200 {
        for i in (0..10).filter(|i| round % (i + 1) == 0) {
            requests.extend(format!("SET hot:{i} {}\r\n", "x".repeat(500)).bytes());
        }
        (0..20).for_each(|i| requests.extend(format!("SET cold:{round}:{i} x\r\n").bytes()));
    }
    let count = requests.iter().filter(|byte| **byte == b'\n').count();
    client.send(&requests);
    (0..count).for_each(|_| assert_eq!(client.read().expect("a reply").text(), "OK"));
}

#[test]
fn the_hottest_keys_come_first() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let mut client = Client::connect(server.port);
    assert_eq!(client.line("HOTKEYS GET"), Value::Null);
    assert_eq!(client.line("HOTKEYS STOP"), Value::Null);
    assert_eq!(client.line("HOTKEYS START METRICS 2 CPU NET COUNT 5").text(), "OK");
    assert!(client.line("HOTKEYS START METRICS 1 CPU").text().contains("already in progress"));
    assert!(client.line("HOTKEYS RESET").text().contains("stop tracking first"));
    use_keys(&mut client);
    let seen = report(&mut client);
    assert_eq!(number(&seen, "tracking-active"), 1);
    let hottest: Vec<String> = (0..5).map(|i| format!("hot:{i}")).collect();
    assert_eq!(keys(&seen, "by-net-bytes"), hottest);
    assert_eq!(keys(&seen, "by-cpu-time-us").len(), 5);
    let all = Value::Array(vec![Value::Array(vec![Value::Integer(0), Value::Integer(16383)])]);
    assert_eq!(seen["selected-slots"], all);
    for field in ["total-net-bytes", "net-bytes-all-commands-all-slots", "all-commands-all-slots-us"] {
        assert!(number(&seen, field) > 0, "{field}");
    }
    assert!(!seen.contains_key("all-commands-selected-slots-us"));
    assert_eq!(client.line("HOTKEYS STOP").text(), "OK");
    client.line("SET later x");
    let stopped = report(&mut client);
    assert_eq!(number(&stopped, "tracking-active"), 0);
    assert_eq!(keys(&stopped, "by-net-bytes"), hottest);
    assert_eq!(client.line("HOTKEYS RESET").text(), "OK");
    assert_eq!(client.line("HOTKEYS GET"), Value::Null);
}

#[test]
fn transactions_scripts_and_selected_slots() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let mut client = Client::connect(server.port);
    let Value::Integer(slot) = client.line("CLUSTER KEYSLOT {t}") else { panic!("a slot") };
    assert_eq!(client.line(&format!("HOTKEYS START METRICS 1 NET SAMPLE 1 SLOTS 1 {slot}")).text(), "OK");
    for line in ["MULTI", "SET {t}a 1", "SET {t}b 1", "SET {t}a 2", "EXEC", "SET other 1"] {
        client.line(line);
    }
    let script = "redis.call('set', KEYS[1], 1) redis.call('set', KEYS[1], 2) return string.rep('x', 1000)";
    client.call(&["EVAL", script, "1", "{t}script"]);
    let seen = report(&mut client);
    assert_eq!(keys(&seen, "by-net-bytes"), ["{t}script", "{t}a", "{t}b"]);
    let single = Value::Array(vec![Value::Array(vec![Value::Integer(slot)])]);
    assert_eq!(seen["selected-slots"], single);
    let (selected, all) = ["net-bytes-all-commands-selected-slots", "net-bytes-all-commands-all-slots"]
        .map(|f| number(&seen, f))
        .into();
    assert!(0 < selected && selected < all);
    assert!(!seen.contains_key("total-cpu-time-user-ms") && !seen.contains_key("by-cpu-time-us"));
    // It ends by itself.
    client.line("HOTKEYS STOP");
    assert_eq!(client.line("HOTKEYS START METRICS 1 CPU DURATION 1").text(), "OK");
    wait_until("the end of tracking", || number(&report(&mut client), "tracking-active") == 0);
}

#[test]
fn the_ingress_shows_the_keys_of_the_process() {
    let ingress = free_ports(1);
    let server = ringmaster(2, &["--bootstrap", "yes", "--ingress-port", &ingress.to_string()]);
    let mut client = Client::connect(ingress);
    assert_eq!(client.line("HOTKEYS GET"), Value::Null);
    assert_eq!(client.line("HOTKEYS START METRICS 1 NET COUNT 5").text(), "OK");
    use_keys(&mut client);
    let seen = report(&mut client);
    assert_eq!(keys(&seen, "by-net-bytes"), (0..5).map(|i| format!("hot:{i}")).collect::<Vec<_>>());
    let all = Value::Array(vec![Value::Array(vec![Value::Integer(0), Value::Integer(16383)])]);
    assert_eq!(seen["selected-slots"], all);
    // A core tells of its own.
    let mut of_core = keys(&report(&mut Client::connect(server.port)), "by-net-bytes");
    of_core.retain(|key| key.starts_with("hot:"));
    assert!(!of_core.is_empty() && of_core.len() < 10);
    assert_eq!(client.line("HOTKEYS STOP").text(), "OK");
    assert_eq!(client.line("HOTKEYS RESET").text(), "OK");
    assert_eq!(client.line("HOTKEYS GET"), Value::Null);
    // Slots of both cores may be chosen here, and only a core's own there.
    assert_eq!(client.line("HOTKEYS START METRICS 1 CPU SLOTS 2 0 16383").text(), "OK");
    assert_eq!(client.line("HOTKEYS STOP").text(), "OK");
    let refused = Client::connect(server.port).line("HOTKEYS START METRICS 1 CPU SLOTS 1 16383").text();
    assert_eq!(refused, "ERR slot 16383 not handled by this node");
}

#[test]
fn the_ingress_tracks_on_all_cores_or_on_none() {
    let ingress = free_ports(1);
    let server = ringmaster(3, &["--bootstrap", "yes", "--ingress-port", &ingress.to_string()]);
    let mut client = Client::connect(ingress);
    let mut cores: Vec<Client> = (0..3).map(|i| Client::connect(server.port + i)).collect();
    let in_progress = "ERR hotkey tracking session already in progress";
    let not_stopped = "ERR hotkey tracking session in progress, stop tracking first";
    let start = "HOTKEYS START METRICS 1 NET";
    // What ended is kept by whoever is not to start, or to forget.
    assert_eq!(cores[0].line(start).text(), "OK");
    assert_eq!(cores[0].line("HOTKEYS STOP").text(), "OK");
    let ended = report(&mut cores[0]);
    for tracking in 1..3 {
        assert_eq!(cores[tracking].line(start).text(), "OK");
        assert_eq!(client.line(start).text(), in_progress);
        assert_eq!(client.line("HOTKEYS RESET").text(), not_stopped);
        assert_eq!(cores[3 - tracking].line("HOTKEYS STOP"), Value::Null);
        assert_eq!(report(&mut cores[0]), ended);
        assert_eq!(client.line("HOTKEYS STOP").text(), "OK");
        assert_eq!(client.line("HOTKEYS STOP"), Value::Null);
    }
    // Wherever the client is, all track when it is told so.
    for line in [start, "HOTKEYS STOP", start] {
        assert_eq!(client.line(line).text(), "OK");
        for core in &mut cores {
            let is_on = i64::from(line == start);
            assert_eq!(number(&report(core), "tracking-active"), is_on);
        }
    }
    assert_eq!(cores[2].line(start).text(), in_progress);
    // One that stopped may start alone, and then not with the others.
    assert_eq!(cores[2].line("HOTKEYS STOP").text(), "OK");
    assert_eq!(cores[2].line(start).text(), "OK");
    assert_eq!(client.line(start).text(), in_progress);
    for line in ["HOTKEYS STOP", "MULTI", start, "HOTKEYS GET"] {
        assert_ne!(client.line(line), Value::Null, "{line}");
    }
    let Value::Array(replies) = client.line("EXEC") else { panic!("replies") };
    assert_eq!(replies[0].text(), "OK");
    // A time that is over is over for all.
    assert_eq!(client.line("HOTKEYS STOP").text(), "OK");
    assert_eq!(client.line("HOTKEYS START METRICS 1 CPU DURATION 1").text(), "OK");
    wait_until("the end of tracking", || client.line(start).text() == "OK");
}

fn redis_cli(port: u16, args: &[&str]) -> String {
    let output = run("redis-cli", &[&["-p", &port.to_string()], args].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn redis_cli_finds_hot_and_big_keys() {
    let ingress = free_ports(1);
    let server = ringmaster(2, &["--bootstrap", "yes", "--ingress-port", &ingress.to_string()]);
    let mut client = Client::connect(ingress);
    client.line("CONFIG SET maxmemory-policy allkeys-lfu");
    let largest = format!("SET largest:string {}", "x".repeat(5000));
    for line in [
        &largest,
        "SET small x",
        "RPUSH largest:list a b c",
        "RPUSH list a",
        "SADD largest:set a b",
        "SET hot x",
    ] {
        client.line(line);
    }
    client.line("XADD largest:stream * a b");
    (0..2000).for_each(|_| drop(client.line("GET hot")));
    for port in [ingress, server.port, server.port + 1] {
        redis_cli(port, &["--hotkeys"]);
        redis_cli(port, &["--bigkeys"]);
        redis_cli(port, &["--memkeys"]);
    }
    let hot = redis_cli(ingress, &["--hotkeys"]);
    let first = hot.lines().find(|line| line.starts_with("hot key found")).expect("a hot key");
    assert!(first.ends_with("\"hot\""), "{hot}");
    let big = redis_cli(ingress, &["--bigkeys"]);
    assert!(big.contains("Sampled 7 keys in the keyspace!"), "{big}");
    // Some versions put the names in two pairs of quotes.
    let big = big.replace(['\'', '"'], "");
    for expect in [
        "largest:string has 5000 bytes",
        "largest:list has 3 items",
        "largest:set has 2 members",
        "largest:stream has 1 entries",
    ] {
        assert!(big.contains(expect), "{expect} is not in {big}");
    }
    let large = redis_cli(ingress, &["--memkeys"]);
    let line = large.lines().find(|line| line.starts_with("Biggest string")).expect("a biggest string");
    assert!(line.contains("largest:string") && line.ends_with("bytes"), "{line}");
}
