//! What clients see of master and replica: roles, reads, refusals, WAIT.

use kit::{Client, Process, Value, wait_until};

use crate::nodes::{Make, ask, attach, info, same_data};

#[test]
fn a_replica_reads_and_refuses_writes() {
    let (master, replica) = (Make::Ours.master(), Make::Ours.empty());
    ask(&master, "CONFIG SET repl-diskless-sync-delay 0");
    ask(&master, "SET k v");
    attach(&replica, &master);
    same_data(&master, &replica);
    let mut client = Client::connect(replica.port);
    assert!(client.line("GET k").text().starts_with("MOVED "), "without READONLY");
    assert_eq!(client.line("READONLY").text(), "OK");
    assert_eq!(client.line("GET k").text(), "v");
    assert!(client.line("SET k w").text().starts_with("MOVED"));
    assert!(client.line("FLUSHALL").text().starts_with("READONLY You can't write"));
    assert!(client.line("REPLICAOF NO ONE").text().contains("not allowed in cluster mode"));
    assert!(client.line("WAIT 1 0").text().starts_with("ERR WAIT cannot be used with replica"));
    let Value::Array(role) = client.line("ROLE") else { panic!("ROLE is an array") };
    assert_eq!((role[0].text().as_str(), role[3].text().as_str()), ("slave", "connected"));
    let Value::Array(role) = Client::connect(master.port).line("ROLE") else { panic!("ROLE is an array") };
    assert!(matches!(&role[2], Value::Array(replicas) if replicas.len() == 1));
    assert!(ask(&master, "CLIENT LIST TYPE replica").contains("flags=S"));
    assert!(ask(&replica, "CLIENT LIST TYPE master").contains("flags=M"));
    assert!(info(&master, "slave0").contains("state=online"));
    assert_eq!(info(&master, "connected_clients"), "1", "who asks, and not the replica");
}

/// A key whose time is over is hidden on the replica and deleted when the master says so.
#[test]
fn expiry_is_the_masters() {
    let (master, replica) = (Make::Ours.master(), Make::Ours.empty());
    ask(&master, "CONFIG SET repl-diskless-sync-delay 0");
    ask(&master, "DEBUG SET-ACTIVE-EXPIRE 0");
    attach(&replica, &master);
    ask(&master, "SET k v PX 1");
    same_data(&master, &replica);
    let mut client = Client::connect(replica.port);
    client.line("READONLY");
    wait_until("its time is over", || client.line("GET k") == Value::Null);
    assert_eq!(client.line("DBSIZE"), Value::Integer(1), "it is still there");
    assert_eq!(ask(&master, "GET k"), "Null");
    wait_until("the master's deletion came", || client.line("DBSIZE") == Value::Integer(0));
}

#[test]
fn wait_counts_replicas() {
    let master = Make::Ours.master();
    ask(&master, "CONFIG SET repl-diskless-sync-delay 0");
    let mut client = Client::connect(master.port);
    assert_eq!(client.line("WAIT 0 0"), Value::Integer(0));
    assert_eq!(client.line("WAIT 1 50"), Value::Integer(0), "there is none");
    let replicas = [Make::Ours.empty(), Make::Redis.empty()];
    replicas.iter().for_each(|replica| attach(replica, &master));
    for i in 0..20 {
        client.line(&format!("SET k {i}"));
        assert_eq!(client.line("WAIT 2 5000"), Value::Integer(2));
    }
    client.line("SET k x");
    assert_eq!(client.line("WAIT 3 200"), Value::Integer(2), "the time is over");
    client.line("MULTI");
    client.line("SET k y");
    client.line("WAIT 2 0");
    let Value::Array(replies) = client.line("EXEC") else { panic!("EXEC is an array") };
    assert!(matches!(replies[1], Value::Integer(0..=2)), "in a transaction nothing waits");
}

#[test]
fn writes_need_good_replicas() {
    let (master, replica) = (Make::Ours.master(), Make::Ours.empty());
    ask(&master, "CONFIG SET repl-diskless-sync-delay 0 min-replicas-to-write 1");
    assert!(ask(&master, "SET k v").starts_with("NOREPLICAS"));
    attach(&replica, &master);
    wait_until("the replica counts", || ask(&master, "SET k v") == "OK");
    // One that is silent counts no more; what counts as silent is decided anew with the configuration.
    ask(&master, "CONFIG SET min-replicas-max-lag 1");
    kit::run("kill", &["-STOP", &replica.pid().to_string()]);
    wait_until("it is late", || ask(&master, "SET k v").starts_with("NOREPLICAS"));
    let mut client = Client::connect(master.port);
    client.send(b"CONFIG SET min-replicas-max-lag 1000\r\nSET k v\r\n");
    assert_eq!([client.read(), client.read()].map(|reply| reply.unwrap().text()), ["OK", "OK"]);
    drop(replica);
    wait_until("it counts no more", || ask(&master, "SET k v").starts_with("NOREPLICAS"));
}

/// Who waits for a master's end reads in its log which replica it waits for.
#[test]
fn a_master_that_ends_names_who_lags() {
    let (mut master, replica) = (Make::Ours.master(), Make::Ours.empty());
    ask(&master, "CONFIG SET repl-diskless-sync-delay 0 shutdown-timeout 1");
    attach(&replica, &master);
    kit::run("kill", &["-STOP", &replica.pid().to_string()]);
    ask(&master, "SET k v");
    assert!(master.end());
    let log = master.log();
    let line = format!("Lagging replica 127.0.0.1:{} reported offset ", replica.port);
    assert!(log.contains(&line) && log.contains("0 of 1 replicas are in sync"), "{log}");
}

/// A replica that reads nothing is cut by its output limit; the master and its other replicas go on.
#[test]
fn a_slow_replica_is_cut() {
    let master = Make::Ours.master();
    let mut admin = Client::connect(master.port);
    let limit =
        ["CONFIG", "SET", "client-output-buffer-limit", "replica 20mb 0 0", "repl-backlog-size", "1mb"];
    assert_eq!(admin.call(&limit).text(), "OK");
    let mut deaf = Client::connect(master.port);
    deaf.send(b"SYNC\r\n");
    wait_until("it follows", || info(&master, "slave0").contains("state=online"));
    let value = "x".repeat(1 << 20);
    wait_until("it is cut", || {
        admin.call(&["SET", "k", &value]);
        info(&master, "connected_slaves") == "0"
    });
    assert_eq!(info(&master, "client_output_buffer_limit_disconnections"), "1");
    // With no further write: what nobody reads any more is not kept for the next one to drop.
    wait_until("what it held back is freed", || {
        info(&master, "repl_backlog_histlen").parse::<u64>().unwrap() < 2 << 20
    });
    assert_ne!(info(&master, "repl_backlog_histlen"), "0");
}

/// SETSLOT in the stream, which took its master's last slot, made a replica follow another; but the link to the old
/// one stayed open, and its master counted it as a replica.
#[test]
fn a_replica_that_changes_masters_leaves_the_old_one() {
    let (heir, master, replica) = (Make::Ours.master(), Make::Ours.empty(), Make::Ours.empty());
    ask(&master, "CONFIG SET repl-diskless-sync-delay 0 cluster-allow-replica-migration no");
    ask(&heir, "CONFIG SET repl-diskless-sync-delay 0");
    ask(&master, &format!("CLUSTER MEET 127.0.0.1 {}", heir.port));
    let ids = [&heir, &master].map(|node| ask(node, "CLUSTER MYID"));
    let ok = |node: &Process, words: String| {
        wait_until(&words, || ask(node, &format!("CLUSTER SETSLOT 0 {words}")) == "OK");
    };
    ok(&master, format!("IMPORTING {}", ids[0]));
    ok(&master, format!("NODE {}", ids[1]));
    ok(&heir, format!("NODE {}", ids[1]));
    attach(&replica, &master);
    wait_until("the replica knows the heir", || ask(&replica, "CLUSTER NODES").contains(&ids[0]));
    assert_eq!(ask(&master, &format!("CLUSTER SETSLOT 0 NODE {}", ids[0])), "OK");
    wait_until("the replica follows the heir", || {
        info(&replica, "master_port") == heir.port.to_string() && info(&replica, "master_link_status") == "up"
    });
    wait_until("the old link is closed", || info(&master, "connected_slaves") == "0");
}

/// Clients that may read from a replica may wait there too; every packet of the bus sent them away.
#[test]
fn a_reader_waits_on_a_replica() {
    let (master, replica) = (Make::Ours.master(), Make::Ours.empty());
    ask(&master, "CONFIG SET repl-diskless-sync-delay 0");
    attach(&replica, &master);
    wait_until("it serves", || ask(&replica, "CLUSTER INFO").contains("cluster_state:ok"));
    let mut reader = Client::connect(replica.port);
    reader.line("READONLY");
    reader.send(b"XREAD BLOCK 0 STREAMS s $\r\n");
    wait_until("it waits", || info(&replica, "blocked_clients") == "1");
    let packets = || {
        let text = ask(&replica, "CLUSTER INFO");
        let field = text.lines().find_map(|line| line.strip_prefix("cluster_stats_messages_received:"));
        field.unwrap_or_default().trim().parse::<u64>().unwrap()
    };
    let before = packets();
    wait_until("the bus was heard", || packets() > before + 2);
    assert_eq!(info(&replica, "blocked_clients"), "1");
    ask(&master, "XADD s 1-1 a b");
    assert!(matches!(reader.read(), Some(Value::Array(_))));
}
