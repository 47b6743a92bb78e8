//! Clusters of several processes, made and changed with redis-cli.

use kit::{Client, Process, empty_peer, ringmaster, run, wait_until};

pub fn address(process: &Process) -> String {
    format!("127.0.0.1:{}", process.port)
}

/// Runs `redis-cli --cluster words... --cluster-yes`; its output when it succeeded.
pub fn manage(words: &[&str]) -> Result<String, String> {
    let output = run("redis-cli", &[&["--cluster"], words, &["--cluster-yes"]].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(text) } else { Err(text) }
}

pub fn ask(process: &Process, line: &str) -> String {
    Client::connect(process.port).line(line).text()
}

pub fn create(nodes: &[&Process]) {
    let addresses: Vec<String> = nodes.iter().map(|node| address(node)).collect();
    let words: Vec<&str> = ["create"].into_iter().chain(addresses.iter().map(String::as_str)).collect();
    manage(&words).expect("the cluster is made");
    for node in nodes {
        wait_until("the cluster is up at every node", || {
            let info = ask(node, "CLUSTER INFO");
            info.contains("cluster_state:ok")
                && info.contains(&format!("cluster_known_nodes:{}", nodes.len()))
        });
    }
    wait_until("all agree", || manage(&["check", &addresses[0]]).is_ok());
}

pub fn three() -> [Process; 3] {
    [(); 3].map(|()| ringmaster(1, &[]))
}

#[test]
fn three_processes_are_one_cluster() {
    let nodes = three();
    create(&nodes.each_ref());
    for i in 0..30 {
        let (to, from) = (&nodes[i % 3], &nodes[(i + 1) % 3]);
        let (key, value) = (format!("key:{i}"), format!("value:{i}"));
        let set = run("redis-cli", &["-c", "-p", &to.port.to_string(), "SET", &key, &value]);
        assert_eq!(String::from_utf8_lossy(&set.stdout).trim(), "OK");
        let get = run("redis-cli", &["-c", "-p", &from.port.to_string(), "GET", &key]);
        assert_eq!(String::from_utf8_lossy(&get.stdout).trim(), value);
    }
}

#[test]
fn an_empty_master_comes_and_goes() {
    let nodes = three();
    create(&nodes.each_ref());
    let fourth = ringmaster(1, &[]);
    manage(&["add-node", &address(&fourth), &address(&nodes[0])]).expect("it is added");
    for node in nodes.iter().chain([&fourth]) {
        wait_until("all know four nodes", || ask(node, "CLUSTER INFO").contains("cluster_known_nodes:4"));
    }
    wait_until("all agree", || manage(&["check", &address(&fourth)]).is_ok());
    let id = ask(&fourth, "CLUSTER MYID");
    manage(&["del-node", &address(&nodes[0]), &id]).expect("it is removed");
    for node in &nodes {
        wait_until("all know three nodes", || ask(node, "CLUSTER INFO").contains("cluster_known_nodes:3"));
    }
}

#[test]
fn a_cluster_may_be_mixed_with_redis() {
    let nodes = [ringmaster(1, &[]), ringmaster(1, &[]), empty_peer("REDIS_SERVER")];
    create(&nodes.each_ref());
    // The words of the answer, sorted, as the order of ranges is each server's own.
    let slots = |node: &Process| {
        let output = run("redis-cli", &["-p", &node.port.to_string(), "CLUSTER", "SLOTS"]);
        String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    wait_until("all say the same", || {
        let said: Vec<Vec<String>> = nodes
            .iter()
            .map(|node| {
                let mut words = slots(node);
                words.sort();
                words
            })
            .collect();
        said.iter().all(|one| *one == said[0])
    });
}

#[test]
fn a_process_that_dies_is_seen_to_have_failed() {
    let mut nodes = three();
    create(&nodes.each_ref());
    let dead = ask(&nodes[2], "CLUSTER MYID");
    let start = std::time::Instant::now();
    nodes[2].kill();
    for node in &nodes[..2] {
        wait_until("the others mark it", || {
            let text = ask(node, "CLUSTER NODES");
            text.lines().any(|line| line.starts_with(&dead) && line.contains("master,fail "))
        });
    }
    assert!(start.elapsed().as_secs() < 15, "that took as long as the node timeout: {:?}", start.elapsed());
}
