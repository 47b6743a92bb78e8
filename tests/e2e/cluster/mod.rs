//! Clusters of several processes: made and changed with redis-cli, mixed with real servers, by the users' guide.

mod guide;
mod mixed;
mod tools;

use kit::{Process, ringmaster, run, wait_until};

use crate::nodes::{Make, address, all_agree, ask, manage};

/// Makes a cluster of these nodes, all masters.
pub fn create(nodes: &[&Process]) {
    let addresses: Vec<String> = nodes.iter().map(|node| address(node)).collect();
    let words: Vec<&str> = ["create"].into_iter().chain(addresses.iter().map(String::as_str)).collect();
    manage(&words).expect("the cluster is made");
    all_agree(nodes);
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
fn a_cluster_may_be_mixed_with_redis() {
    create(&[&Make::Ours.empty(), &Make::Ours.empty(), &Make::Redis.empty()]);
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
