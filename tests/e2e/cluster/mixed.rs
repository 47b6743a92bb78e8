//! Our nodes among redis-server and valkey-server: roles change in every direction, and all say the same of all.

use kit::{Process, wait_until};

use crate::nodes::{Make, all_agree, ask, cluster, info, is_master, same_data, topology};

/// The replica takes over as an operator told it to (`how`), and its master follows it.
fn fail_over(master: &Process, replica: &Process, how: &str) {
    assert_eq!(ask(replica, &format!("CLUSTER FAILOVER {how}")), "OK");
    wait_until("the replica is master", || is_master(replica));
    wait_until("the master follows it", || !is_master(master) && info(master, "master_link_status") == "up");
}

/// Each of these makes replaces another's master and gives the role back, as an operator wants it.
fn roles_are_swapped(how: &str, back: &str) {
    let masters = [Make::Ours, Make::Redis, Make::Valkey];
    let (masters, replicas) = cluster(masters, &[(Make::Valkey, 0), (Make::Ours, 1), (Make::Ours, 2)]);
    let all: Vec<&Process> = masters.iter().chain(&replicas).collect();
    for (master, replica) in masters.iter().zip(&replicas) {
        fail_over(master, replica, how);
        all_agree(&all);
    }
    for (master, replica) in masters.iter().zip(&replicas) {
        fail_over(replica, master, back);
        same_data(master, replica);
    }
    all_agree(&all);
}

#[test]
fn operators_swap_roles_by_agreement_and_by_force() {
    roles_are_swapped("", "FORCE");
}

#[test]
fn operators_swap_roles_without_a_vote() {
    roles_are_swapped("TAKEOVER", "TAKEOVER");
}

/// The only replica of the second master dies: one of another's moves there.
fn a_replica_moves(masters: [Make; 3], replicas: Make) {
    let replicas = [(replicas, 0), (replicas, 0), (Make::Ours, 1), (Make::Ours, 2)];
    let (masters, mut replicas) = cluster(masters, &replicas);
    let orphan = ask(&masters[1], "CLUSTER MYID");
    replicas[2].kill();
    let follows = |node: &Process, id: &str| {
        let myself = ask(node, "CLUSTER MYID");
        topology(&masters[0])
            .iter()
            .any(|line| line.starts_with(&myself) && line.contains(&format!("slave {id}")))
    };
    wait_until("one of the others takes its place", || {
        replicas[..2].iter().filter(|replica| follows(replica, &orphan)).count() == 1
    });
    let stays = ask(&masters[0], "CLUSTER MYID");
    assert_eq!(replicas[..2].iter().filter(|replica| follows(replica, &stays)).count(), 1);
    wait_until("it is in step", || info(&masters[1], "connected_slaves") == "1");
}

#[test]
fn our_replica_moves_to_an_orphaned_redis() {
    a_replica_moves([Make::Ours, Make::Redis, Make::Valkey], Make::Ours);
}

#[test]
fn a_valkey_replica_moves_to_our_orphaned_master() {
    a_replica_moves([Make::Valkey, Make::Ours, Make::Ours], Make::Valkey);
}
