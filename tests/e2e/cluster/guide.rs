//! The users' guide to Redis Cluster, command by command and in its order, on our nodes.
//!
//! What it shows with ports 7000 to 7005 runs on free ports here.

use std::time::{Duration, Instant};

use kit::{Client, Process, Value, ringmaster, ringmaster_with_file, run, wait_until};

use crate::nodes::{address, all_agree, answer, ask, info, is_master, manage};

/// The guide's settings, apart from the port; the file of the cluster's state is named by it.
const SETTINGS: &str = "cluster-enabled yes
cluster-config-file nodes-{port}.conf
cluster-node-timeout 5000
cluster-require-full-coverage no
cluster-slave-validity-factor 10
cluster-migration-barrier 1
";
/// The guide's own figure for a failover.
const DOWN_TIME_MAX: Duration = Duration::from_secs(8);

/// Runs redis-cli against a node; what it prints.
fn cli(node: &Process, words: &[&str]) -> String {
    let output = run("redis-cli", &[&["-p", &node.port.to_string()], words].concat());
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Six nodes by the guide's file, made a cluster with a replica for each master; masters first.
fn build() -> Vec<Process> {
    let nodes: Vec<Process> = (0..6).map(|_| ringmaster_with_file(1, SETTINGS)).collect();
    let addresses: Vec<String> = nodes.iter().map(address).collect();
    let words = ["create"].into_iter().chain(addresses.iter().map(String::as_str));
    let words: Vec<&str> = words.chain(["--cluster-replicas", "1"]).collect();
    let text = answer(&words, "yes\n");
    for part in [
        "Master[0] -> Slots 0 - 5460",
        "Master[1] -> Slots 5461 - 10922",
        "Master[2] -> Slots 10923 - 16383",
        "[OK] All nodes agree about slots configuration.",
        "[OK] All 16384 slots covered.",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    all_agree(&nodes.iter().collect::<Vec<_>>());
    for node in &nodes {
        assert!(node.folder.join(format!("nodes-{}.conf", node.port)).exists());
    }
    nodes[3..].iter().for_each(|replica| {
        wait_until("the replica is in step", || info(replica, "master_link_status") == "up");
    });
    nodes
}

fn master_of<'a>(nodes: &'a [Process], replica: &Process) -> &'a Process {
    let port = info(replica, "master_port");
    nodes.iter().find(|node| node.port.to_string() == port).expect("one of ours")
}

/// A node that redirects a key, and the one that serves it.
fn places<'a>(nodes: &'a [Process], key: &str) -> (&'a Process, &'a Process) {
    let line = format!("GET {key}");
    let (serve, redirect): (Vec<&Process>, Vec<&Process>) =
        nodes[..3].iter().partition(|node| !ask(node, &line).starts_with("MOVED"));
    (redirect[0], serve[0])
}

#[test]
fn keys_and_clients() {
    let nodes = build();
    let all = &nodes[0];
    // Hash tags keep keys together, and let a transaction have them all.
    for (key, value) in [("profile", "Andrew"), ("settings", "theme:dark"), ("cart", "items:5")] {
        assert_eq!(cli(all, &["-c", "SET", &format!("{{user:1000}}:{key}"), value]), "OK");
    }
    let mut client = Client::connect(places(&nodes, "{user:1000}:cart").1.port);
    for line in ["MULTI", "GET {user:1000}:profile", "GET {user:1000}:settings"] {
        client.line(line);
    }
    assert_eq!(client.line("EXEC").to_string(), r#"*["Andrew", "theme:dark"]"#);
    // MOVED, and what a client does then.
    assert_eq!(cli(all, &["-c", "SET", "user:1000", "Andrew"]), "OK");
    let slot = cli(all, &["CLUSTER", "KEYSLOT", "user:1000"]);
    let (wrong, right) = places(&nodes, "user:1000");
    assert_eq!(ask(wrong, "GET user:1000"), format!("MOVED {slot} {}", address(right)));
    assert_eq!(ask(right, "GET user:1000"), "Andrew");
    asking(wrong, right, &slot);
    // What a cluster cannot do, and how it can be done.
    assert!(cli(all, &["MGET", "user:1", "user:2", "user:3"]).starts_with("CROSSSLOT"));
    let (_, right) = places(&nodes, "{users}:1");
    let values = Client::connect(right.port).line("MGET {users}:1 {users}:2 {users}:3");
    assert_eq!(values, Value::Array(vec![Value::Null; 3]));
    let mut client = Client::connect(places(&nodes, "{user:1}:name").1.port);
    for line in ["MULTI", "SET {user:1}:name Andrew", "SET {user:1}:age 30"] {
        client.line(line);
    }
    assert_eq!(client.line("EXEC").to_string(), "*[+OK, +OK]");
    assert!(cli(all, &["SELECT", "1"]).starts_with("ERR SELECT is not allowed in cluster mode"));
    // Monitoring.
    let text = cli(all, &["CLUSTER", "INFO"]);
    for line in ["cluster_state:ok", "cluster_slots_assigned:16384", "cluster_known_nodes:6"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let text = cli(all, &["CLUSTER", "NODES"]);
    let line = format!("{}@{} myself,master - 0 ", address(all), all.port + 10000);
    assert!(text.contains(&line) && text.contains("connected 0-5460"), "{text}");
    let text = manage(&["check", &address(all)]).expect("check");
    assert!(text.contains("[OK] All 16384 slots covered."), "{text}");
    let text = manage(&["info", &address(all)]).expect("info");
    assert!(text.contains("keys in 3 masters."), "{text}");
}

/// A slot on the move: its source sends clients on for keys it lacks, and its target serves those who were sent.
fn asking(target: &Process, source: &Process, slot: &str) {
    let ids = [source, target].map(|node| ask(node, "CLUSTER MYID"));
    assert_eq!(ask(target, &format!("CLUSTER SETSLOT {slot} IMPORTING {}", ids[0])), "OK");
    assert_eq!(ask(source, &format!("CLUSTER SETSLOT {slot} MIGRATING {}", ids[1])), "OK");
    let key = "{user:1000}:migrating_key";
    assert_eq!(ask(source, &format!("GET {key}")), format!("ASK {slot} {}", address(target)));
    let mut client = Client::connect(target.port);
    assert!(client.line(&format!("GET {key}")).text().starts_with("MOVED"), "without ASKING");
    for line in ["ASKING", &format!("SET {key} value"), "ASKING"] {
        assert_eq!(client.line(line).text(), "OK");
    }
    assert_eq!(client.line(&format!("GET {key}")).text(), "value");
    client.line("ASKING");
    assert_eq!(client.line(&format!("DEL {key}")), Value::Integer(1));
    for node in [source, target] {
        assert_eq!(ask(node, &format!("CLUSTER SETSLOT {slot} STABLE")), "OK");
    }
}

#[test]
fn failovers() {
    let mut nodes = build();
    // By hand, in each of the guide's ways, there and back. Masters vote about a shard once in two timeouts only.
    for (replica, how, back) in [(&nodes[3], None, None), (&nodes[4], Some("FORCE"), Some("TAKEOVER"))] {
        let master = master_of(&nodes, replica);
        for (node, how) in [(replica, how), (master, back)] {
            let words: Vec<&str> = ["CLUSTER", "FAILOVER"].into_iter().chain(how).collect();
            assert_eq!(cli(node, &words), "OK");
            wait_until("it is master", || is_master(node));
            all_agree(&nodes.iter().collect::<Vec<_>>());
        }
        wait_until("it follows again", || info(replica, "master_link_status") == "up");
    }
    // By itself: the master dies, and its replica goes on with its data.
    let port = master_of(&nodes, &nodes[5]).port;
    let dead = nodes.iter().position(|node| node.port == port).expect("one of ours");
    let mut client = Client::connect(port);
    let key =
        (0..).map(|i| format!("key:{i}")).find(|key| client.call(&["SET", key, "value"]).text() == "OK");
    let key = key.expect("some key is there");
    assert_eq!(client.line("WAIT 1 5000"), Value::Integer(1));
    nodes[dead].kill();
    let died = Instant::now();
    wait_until("its replica takes writes", || ask(&nodes[5], &format!("APPEND {key} !")) == "Integer(6)");
    assert!(died.elapsed() < DOWN_TIME_MAX, "it took {:?}", died.elapsed());
    assert_eq!(ask(&nodes[5], &format!("GET {key}")), "value!");
    nodes[dead].restart(&[]).expect("it starts again");
    wait_until("the old master comes back as a replica", || !is_master(&nodes[dead]));
    all_agree(&nodes.iter().collect::<Vec<_>>());
}

#[test]
fn a_node_is_added_and_gets_its_share() {
    let mut nodes = build();
    nodes.push(ringmaster(1, &[]));
    let text = answer(&["add-node", &address(&nodes[6]), &address(&nodes[0])], "");
    assert!(text.contains("[OK] New node added correctly."), "{text}");
    all_agree(&nodes.iter().collect::<Vec<_>>());
    assert_eq!(cli(&nodes[0], &["-c", "SET", "user:1000", "Andrew"]), "OK");
    // What it asks for is given as options here: how many slots, to whom, from whom.
    let (first, id) = (address(&nodes[0]), ask(&nodes[6], "CLUSTER MYID"));
    let to = ["--cluster-slots", "4096", "--cluster-to", &id, "--cluster-from", "all"];
    manage(&[&["reshard", &first], &to[..]].concat()).expect("slots are moved");
    all_agree(&nodes.iter().collect::<Vec<_>>());
    for node in [&nodes[0], &nodes[1], &nodes[2], &nodes[6]] {
        let text = manage(&["info", &address(node)]).expect("info");
        assert!(text.contains("in 4 masters.") && text.matches("4096 slots").count() >= 2, "{text}");
    }
    assert_eq!(cli(&nodes[6], &["-c", "GET", "user:1000"]), "Andrew");
}
