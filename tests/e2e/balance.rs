//! `slot-balance`: slots go to the cores that have least to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use kit::{Client, Process, Value, encode, free_ports, ringmaster, wait_until};

fn slot_of(client: &mut Client, key: &str) -> u16 {
    match client.call(&["CLUSTER", "KEYSLOT", key]) {
        Value::Integer(slot) => slot as u16,
        other => panic!("{other} is no slot"),
    }
}

/// Keys of different slots: so many of the first core's half, so many of the second's.
fn keys(client: &mut Client, first: usize, second: usize) -> Vec<(String, u16)> {
    let (mut found, mut wanted) = (Vec::new(), [first, second]);
    for i in 0.. {
        let key = format!("key:{i}");
        let slot = slot_of(client, &key);
        let half = &mut wanted[usize::from(slot >= 8192)];
        if *half > 0 && found.iter().all(|(_, other)| *other != slot) {
            *half -= 1;
            found.push((key, slot));
        }
        if wanted == [0, 0] {
            break;
        }
    }
    found
}

/// The slots that the node on `port` serves, as ranges.
fn ranges(port: u16) -> Vec<(u16, u16)> {
    let text = Client::connect(port).line("CLUSTER NODES").text();
    let me = text.lines().find(|line| line.contains("myself")).expect("it knows itself");
    let range = |word: &str| {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    me.split(' ').skip(8).filter_map(range).collect()
}

fn uptime(client: &mut Client) -> u64 {
    let text = client.line("INFO server").text();
    let field = text.lines().find_map(|line| line.strip_prefix("uptime_in_seconds:"));
    field.and_then(|number| number.trim().parse().ok()).expect("a number")
}

fn moves(server: &Process) -> usize {
    server.log().matches("slot-balance: ").count()
}

#[test]
fn a_skewed_load_is_spread_and_then_stays() {
    let ingress = free_ports(1);
    let server = ringmaster(
        2,
        &["--bootstrap", "yes", "--ingress-port", &ingress.to_string(), "--slot-balance", "auto"],
    );
    let mut client = Client::connect(server.port);
    // All are asked for equally often: three quarters of the load are the first core's.
    let keys = keys(&mut client, 60, 20);
    let requests: Vec<u8> = keys.iter().flat_map(|(key, _)| encode(&["GET", key])).collect();
    let (stop, count) = (Arc::new(AtomicBool::new(false)), keys.len());
    let stopped = stop.clone();
    let loader = thread::spawn(move || {
        let mut client = Client::connect(ingress);
        while !stopped.load(Ordering::Relaxed) {
            client.send(&requests);
            (0..count).for_each(|_| assert_eq!(client.read(), Some(Value::Null)));
        }
    });
    let first_has = || {
        let ranges = ranges(server.port);
        let has = |slot: u16| ranges.iter().any(|(first, last)| (*first..=*last).contains(&slot));
        keys.iter().filter(|(_, slot)| has(*slot)).count()
    };
    // What commands cost is measured, and differs on a crowded machine.
    let even = |first: usize| (32..=48).contains(&first);
    wait_until("the load is spread", || even(first_has()));
    let (at, before) = (uptime(&mut client), moves(&server));
    assert!((1..=4).contains(&before), "{}", server.log());
    wait_until("some time goes by", || uptime(&mut client) >= at + 10);
    assert!(even(first_has()) && moves(&server) <= before + 2, "{}", server.log());
    stop.store(true, Ordering::Relaxed);
    loader.join().expect("every request is answered");
}

#[test]
fn a_core_that_is_added_gets_its_share() {
    let mut server = ringmaster(2, &["--bootstrap", "yes", "--slot-balance", "auto"]);
    Client::connect(server.port).line("SET foo 1");
    assert!(server.end());
    server.restart(&["--cores", "3"]).expect("it starts");
    let slots = |core: u16| {
        ranges(server.port + core).iter().map(|(first, last)| u32::from(last - first) + 1).sum::<u32>()
    };
    wait_until("the third has its share", || slots(2) >= 2700);
    wait_until("all slots are served", || (0..3).map(slots).sum::<u32>() == 16384);
    assert!(server.log().contains("it has none"));
}
