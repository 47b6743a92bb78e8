//! A master dies, or hands over: its replica takes its slots, with the data, and the others follow it without a new
//! copy of everything.

use kit::{Client, Process, wait_until};

use crate::nodes::{Make, all_agree, ask, cluster, info, is_master, same_data};

/// Keys of the first master's slots.
fn write_keys(port: u16, from: u32) -> Vec<String> {
    let mut client = Client::connect(port);
    let keys = (from..from + 300).map(|i| format!("key:{i}"));
    keys.filter(|key| client.call(&["SET", key, key]).text() == "OK").collect()
}

fn check_keys(port: u16, keys: &[String]) {
    let mut client = Client::connect(port);
    // Who has just been elected may still have to hear that the cluster is whole again.
    wait_until("the cluster is up", || client.line("CLUSTER INFO").text().contains("cluster_state:ok"));
    for key in keys {
        assert_eq!(client.call(&["GET", key]).text(), *key);
    }
}

/// Waits until the others agree that `node` serves what another did.
fn agreed(nodes: &[&Process], node: &Process) {
    let id = ask(node, "CLUSTER MYID");
    for other in nodes {
        wait_until("all see the new master", || {
            let text = ask(other, "CLUSTER NODES");
            let line = text.lines().find(|line| line.starts_with(&id)).unwrap_or_default();
            line.contains("master")
                && line.contains('-')
                && ask(other, "CLUSTER INFO").contains("cluster_state:ok")
        });
    }
}

/// The master dies; one of its replicas takes over and the other goes on with it.
fn master_dies(masters: [Make; 3], replicas: [Make; 2]) {
    let masters_are_silent = masters.contains(&Make::Redis);
    let (mut masters, replicas) = cluster(masters, &replicas.map(|make| (make, 0)));
    let keys = write_keys(masters[0].port, 0);
    assert!(!keys.is_empty());
    replicas.iter().for_each(|replica| same_data(&masters[0], replica));
    masters[0].kill();
    wait_until("a replica takes over", || replicas.iter().any(is_master));
    let (new, other) =
        if is_master(&replicas[0]) { (&replicas[0], &replicas[1]) } else { (&replicas[1], &replicas[0]) };
    agreed(&[&masters[1], &masters[2], other], new);
    check_keys(new.port, &keys);
    let more = write_keys(new.port, 1000);
    assert!(!more.is_empty());
    wait_until("the other follows it", || info(new, "connected_slaves") == "1");
    same_data(new, other);
    // Redis 7.0 tells nobody of shards: its replicas cannot know that they are of one history.
    if !masters_are_silent {
        assert_eq!(info(new, "sync_full"), "0", "the stream went on: {}", new.log());
        assert_ne!(info(new, "sync_partial_ok"), "0");
    }
}

#[test]
fn ours_take_over_from_ours() {
    master_dies([Make::Ours; 3], [Make::Ours; 2]);
}

#[test]
fn ours_take_over_from_redis() {
    master_dies([Make::Redis, Make::Redis, Make::Ours], [Make::Ours; 2]);
}

#[test]
fn ours_take_over_from_valkey() {
    master_dies([Make::Valkey, Make::Valkey, Make::Ours], [Make::Ours; 2]);
}

#[test]
fn redis_takes_over_from_ours() {
    master_dies([Make::Ours, Make::Redis, Make::Ours], [Make::Redis; 2]);
}

#[test]
fn valkey_takes_over_from_ours() {
    master_dies([Make::Ours, Make::Valkey, Make::Ours], [Make::Valkey; 2]);
}

/// An operator swaps the roles: nothing is copied anew, and no write is lost.
#[test]
fn roles_are_swapped() {
    for (master, replica) in [
        (Make::Ours, Make::Ours),
        (Make::Ours, Make::Redis),
        (Make::Valkey, Make::Ours),
        (Make::Ours, Make::Valkey),
    ] {
        let (masters, replicas) = cluster([master, Make::Ours, Make::Ours], &[(replica, 0)]);
        let keys = write_keys(masters[0].port, 0);
        assert_eq!(ask(&replicas[0], "CLUSTER FAILOVER"), "OK");
        wait_until("the replica is master", || is_master(&replicas[0]));
        wait_until("the master is replica", || !is_master(&masters[0]));
        all_agree(&[&masters[1], &masters[2], &masters[0], &replicas[0]]);
        check_keys(replicas[0].port, &keys);
        write_keys(replicas[0].port, 1000);
        same_data(&replicas[0], &masters[0]);
        assert_eq!(info(&replicas[0], "sync_full"), "0", "{}", replicas[0].log());
    }
}

/// TAKEOVER needs nobody's consent; the old master comes back as a replica.
#[test]
fn a_dead_master_returns_as_replica() {
    let (masters, replicas) = cluster([Make::Ours; 3], &[(Make::Ours, 0)]);
    assert!(!write_keys(masters[0].port, 0).is_empty());
    assert_eq!(ask(&replicas[0], "CLUSTER FAILOVER TAKEOVER"), "OK");
    wait_until("the replica is master", || is_master(&replicas[0]));
    wait_until("the master is replica", || !is_master(&masters[0]));
    same_data(&replicas[0], &masters[0]);
}
