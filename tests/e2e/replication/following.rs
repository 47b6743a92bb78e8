//! What clients see of master and replica.

use kit::{Client, wait_until};

use super::{Make, info};

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
    let backlog: u64 = info(&master, "repl_backlog_histlen").parse().unwrap();
    wait_until("what it held back is freed", || {
        admin.call(&["SET", "k", &value]);
        info(&master, "repl_backlog_histlen").parse::<u64>().unwrap() < 4 << 20
    });
    assert!(backlog > 0);
}
