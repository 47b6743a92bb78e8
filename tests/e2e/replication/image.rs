//! What clients see while a replica takes an image, and what it brings beside keys.

use kit::{Client, Process, run, wait_until};

use crate::nodes::{Make, ask, attach, info};

/// Slot of `foo`.
const FOO: u16 = 12182;

/// A master with some keys, `k` among them, and its replica.
fn master_with_keys() -> (Process, Process) {
    let (master, replica) = (Make::Ours.master(), Make::Ours.empty());
    ask(&master, "CONFIG SET repl-diskless-sync-delay 0");
    ask(&master, "DEBUG POPULATE 1000");
    ask(&master, "SET k v");
    attach(&replica, &master);
    (master, replica)
}

/// Cuts the link and makes another image necessary, of which a key comes every 50 ms; waits for its begin.
fn begin_image(master: &Process, replica: &Process) {
    ask(master, "CONFIG SET rdb-key-save-delay 50000");
    ask(master, "DEBUG CHANGE-REPL-ID");
    ask(master, "CLIENT KILL TYPE replica");
    wait_until("an image comes in", || info(replica, "master_sync_in_progress") == "1");
}

fn is_shown(asked: &Process, replica: &Process) -> bool {
    let id = ask(replica, "CLUSTER MYID");
    let slots = run("redis-cli", &["-p", &asked.port.to_string(), "CLUSTER", "SLOTS"]).stdout;
    String::from_utf8_lossy(&slots).contains(&id)
}

/// A replica whose data are being replaced was shown to clients, and INFO did not say that it loads.
#[test]
fn a_replica_that_loads_is_hidden() {
    let (master, replica) = master_with_keys();
    wait_until("the replica is shown", || is_shown(&master, &replica) && is_shown(&replica, &replica));

    begin_image(&master, &replica);
    wait_until("the replica is hidden", || !is_shown(&master, &replica) && !is_shown(&replica, &replica));
    assert_eq!((info(&replica, "loading"), info(&replica, "async_loading")), ("1".into(), "0".into()));
    assert_ne!(info(&replica, "loading_start_time"), "");
    assert_eq!(info(&master, "rdb_bgsave_in_progress"), "1");
    ask(&master, "CONFIG SET rdb-key-save-delay 0");
    wait_until("the link is up", || info(&replica, "master_link_status") == "up");
    assert_eq!(info(&replica, "loading"), "0");
    wait_until("the replica is shown again", || is_shown(&master, &replica));

    ask(&replica, "CONFIG SET repl-diskless-load swapdb");
    begin_image(&master, &replica);
    assert_eq!((info(&replica, "loading"), info(&replica, "async_loading")), ("0".into(), "1".into()));
    let mut client = Client::connect(replica.port);
    client.line("READONLY");
    assert_eq!(client.line("GET k").text(), "v");
}

/// The master stands still in the middle of an image: that is over for the replica when it is for the cluster, not only
/// after `repl-timeout` (60 s).
#[test]
fn the_image_of_a_lost_master_is_given_up() {
    let (master, replica) = master_with_keys();
    ask(&replica, "CONFIG SET repl-diskless-load swapdb");
    ask(&replica, "CONFIG SET cluster-node-timeout 1000");
    begin_image(&master, &replica);
    assert_eq!(info(&replica, "async_loading"), "1");
    master.freeze();
    wait_until("the image is given up", || info(&replica, "async_loading") == "0");
    assert!(replica.log().contains("bulk data is given up"));
    assert_ne!(info(&replica, "master_link_status"), "up");
    // A lone master that is lost is the whole majority.
    ask(&replica, "CONFIG SET cluster-allow-reads-when-down yes");
    let mut client = Client::connect(replica.port);
    client.line("READONLY");
    assert_eq!(client.line("GET k").text(), "v");
}

/// A replica that came in the middle of a slot's move did not know of it; one that did answered from what it had
/// where its master asks elsewhere.
#[test]
fn a_new_replica_knows_what_moves() {
    let (source, target) = (Make::Ours.master(), Make::Ours.empty());
    let (leaves, comes) = (Make::Ours.empty(), Make::Ours.empty());
    let (from, to) = (ask(&source, "CLUSTER MYID"), ask(&target, "CLUSTER MYID"));
    for master in [&source, &target] {
        ask(master, "CONFIG SET repl-diskless-sync-delay 0");
    }
    ask(&source, "SET {foo}here v");
    ask(&target, &format!("CLUSTER MEET 127.0.0.1 {}", source.port));
    let ok = |node: &Process, line: &str| wait_until(line, || ask(node, line) == "OK");
    ok(&source, &format!("CLUSTER SETSLOT {FOO} MIGRATING {to}"));
    ok(&target, &format!("CLUSTER SETSLOT {FOO} IMPORTING {from}"));
    attach(&leaves, &source);
    attach(&comes, &target);
    let nodes = [&leaves, &comes].map(|replica| ask(replica, "CLUSTER NODES"));
    assert!(nodes[0].contains(&format!("[{FOO}->-{to}]")), "{}", nodes[0]);
    assert!(nodes[1].contains(&format!("[{FOO}-<-{from}]")), "{}", nodes[1]);
    for replica in [&leaves, &comes] {
        wait_until("it serves", || ask(replica, "CLUSTER INFO").contains("cluster_state:ok"));
        wait_until("it knows everyone", || !ask(replica, "CLUSTER NODES").contains("noaddr"));
    }

    let mut client = Client::connect(leaves.port);
    assert_eq!(client.line("GET {foo}gone").text(), format!("MOVED {FOO} 127.0.0.1:{}", source.port));
    client.line("READONLY");
    assert_eq!(client.line("GET {foo}gone").text(), format!("ASK {FOO} 127.0.0.1:{}", target.port));
    assert!(client.line("MGET {foo}here {foo}gone").text().starts_with("TRYAGAIN "));
    assert_eq!(client.line("GET {foo}here").text(), "v");
    let mut client = Client::connect(comes.port);
    client.line("READONLY");
    client.line("ASKING");
    assert!(client.line("MGET {foo}here {foo}gone").text().starts_with("TRYAGAIN "));
}
