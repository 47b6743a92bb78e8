//! Full synchronisation under writes, and what follows a cut link.

use kit::{Client, Process, encode, ringmaster, wait_until};

use super::writer::{Writer, fill};
use crate::nodes::{Make, ask, attach, info, same_data};

/// A master of make `master` with data, and a replica of make `replica` that came while it was written to.
fn pair(master: Make, replica: Make) -> (Process, Process) {
    let (master, replica) = (master.master(), replica.empty());
    ask(&master, "CONFIG SET repl-diskless-sync-delay 0");
    fill(&mut Client::connect(master.port));
    let writer = Writer::start(master.port);
    attach(&replica, &master);
    let rounds = writer.rounds();
    wait_until("writes go on", || writer.rounds() > rounds + 20);
    writer.stop();
    same_data(&master, &replica);
    (master, replica)
}

/// Cuts the link under writes: the replica goes on from where it was.
fn cut(master: &Process, replica: &Process) {
    let (full, partial) = (info(master, "sync_full"), info(master, "sync_partial_ok"));
    let writer = Writer::start(master.port);
    for _ in 0..3 {
        let rounds = writer.rounds();
        wait_until("writes go on", || writer.rounds() > rounds + 10);
        // Asked first: the replica may be back before the next question.
        let before: u64 = info(master, "sync_partial_ok").parse().unwrap();
        ask(master, "CLIENT KILL TYPE replica");
        wait_until("the replica is back", || {
            info(master, "sync_partial_ok").parse::<u64>().unwrap() > before
        });
    }
    writer.stop();
    same_data(master, replica);
    assert_eq!(info(master, "sync_full"), full, "no full synchronisation was needed");
    assert_ne!(info(master, "sync_partial_ok"), partial);
}

#[test]
fn ours_to_ours() {
    let (master, replica) = pair(Make::Ours, Make::Ours);
    cut(&master, &replica);
}

#[test]
fn ours_to_redis() {
    let (master, replica) = pair(Make::Ours, Make::Redis);
    cut(&master, &replica);
}

#[test]
fn ours_to_valkey() {
    let (master, replica) = pair(Make::Ours, Make::Valkey);
    cut(&master, &replica);
}

#[test]
fn redis_to_ours() {
    let (master, replica) = pair(Make::Redis, Make::Ours);
    cut(&master, &replica);
}

#[test]
fn valkey_to_ours() {
    let (master, replica) = pair(Make::Valkey, Make::Ours);
    cut(&master, &replica);
}

/// Images that go by way of files, at both ends, and straight into memory.
#[test]
fn by_file_and_by_socket() {
    let master = Make::Ours.master();
    fill(&mut Client::connect(master.port));
    for (diskless, load) in [("no", "disabled"), ("no", "swapdb"), ("yes", "on-empty-db"), ("yes", "swapdb")]
    {
        for make in [Make::Ours, Make::Redis] {
            ask(&master, &format!("CONFIG SET repl-diskless-sync {diskless} repl-diskless-sync-delay 0"));
            let replica = make.empty();
            ask(&replica, &format!("CONFIG SET repl-diskless-load {load}"));
            let writer = Writer::start(master.port);
            attach(&replica, &master);
            writer.stop();
            same_data(&master, &replica);
            ask(&master, "FLUSHALL");
            fill(&mut Client::connect(master.port));
            same_data(&master, &replica);
            let id = ask(&replica, "CLUSTER MYID");
            drop(replica);
            ask(&master, &format!("CLUSTER FORGET {id}"));
        }
    }
}

/// A restarted replica asked its master for the stream while it still read its own log, whose end it then applied on top
/// of the master's image.
#[test]
fn a_restarted_replica_reads_its_files_before_it_follows() {
    const WRITES: usize = 10_000;
    let master = Make::Ours.master();
    let mut replica = ringmaster(1, &["--enable-debug-command", "yes", "--appendonly", "yes"]);
    ask(&master, "CONFIG SET repl-diskless-sync-delay 0");
    attach(&replica, &master);
    let mut writer = Client::connect(master.port);
    writer.send(&encode(&["INCR", "counter"]).repeat(WRITES));
    (0..WRITES).for_each(|_| drop(writer.read()));
    same_data(&master, &replica);
    replica.kill();
    replica.restart(&[]).unwrap_or_else(|why| panic!("{why}"));
    same_data(&master, &replica);
    assert_eq!(ask(&master, "GET counter"), WRITES.to_string());
    let log = replica.log();
    let first = |words: &str| log.find(words).unwrap_or_else(|| panic!("{words}: {log}"));
    assert!(first("DB loaded from append only file") < first("Connecting to PRIMARY"), "{log}");
}
