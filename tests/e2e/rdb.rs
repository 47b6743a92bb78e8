//! RDB files: what was saved is there after a restart, files of real servers load here and ours there, and a file
//! that is damaged is refused.

use std::fs;
use std::path::PathBuf;

use kit::{Client, Process, Value, answers, lone_peer, ringmaster, run, wait_until};

use crate::dataset::{connect, digest, fill, info, server};

const LIBRARY: &str = "#!lua name=kept\nredis.register_function('f', function() return 7 end)";

fn dump(process: &Process) -> PathBuf {
    process.folder.join("dump.rdb")
}

fn is_true_dump(process: &Process) -> bool {
    run("redis-check-rdb", &[dump(process).to_str().unwrap()]).status.success()
}

#[test]
fn what_was_saved_is_there_after_a_crash_and_what_was_ended_too() {
    let mut server = server(&[]);
    let mut client = connect(&server);
    fill(&mut client);
    client.call(&["FUNCTION", "LOAD", LIBRARY]);
    let saved = digest(&mut client);
    assert_eq!(client.line("SAVE").text(), "OK");
    assert!(is_true_dump(&server), "redis-check-rdb accepts the file");
    client.line("SET unsaved 1");
    server.kill();
    server.restart(&[]).unwrap();
    let mut client = connect(&server);
    assert_eq!(digest(&mut client), saved);
    assert_eq!(client.line("FCALL f 0"), Value::Integer(7));
    let keys: u64 = info(&mut client, "rdb_last_load_keys_loaded").parse().unwrap();
    assert_eq!(client.line("DBSIZE"), Value::Integer(keys as i64));
    // With save points an orderly end saves; SHUTDOWN NOSAVE does not.
    client.line("SET ended 1");
    assert!(server.end(), "{}", server.log());
    assert!(server.log().contains("Saving the final RDB snapshot before exiting."));
    server.restart(&[]).unwrap();
    let mut client = connect(&server);
    assert_eq!(client.line("GET ended").text(), "1");
    client.line("SET dropped 1");
    client.send(b"SHUTDOWN NOSAVE\r\n");
    wait_until("it has ended", || !answers(server.port));
    server.kill();
    server.restart(&["--save", ""]).unwrap();
    let mut client = connect(&server);
    assert_eq!(client.line("EXISTS ended"), Value::Integer(1));
    assert_eq!(client.line("EXISTS dropped"), Value::Integer(0));
    client.line("SET forced 1");
    client.send(b"SHUTDOWN SAVE\r\n");
    wait_until("it has ended", || !answers(server.port));
    server.kill();
    server.restart(&[]).unwrap();
    assert_eq!(connect(&server).line("EXISTS forced"), Value::Integer(1));
}

#[test]
fn each_core_loads_its_own_file() {
    let mut server = ringmaster(3, &["--bootstrap", "yes"]);
    let names: Vec<String> = (0..300).map(|i| format!("key:{i}")).collect();
    let ports: Vec<u16> = (0..3).map(|i| server.port + i).collect();
    let sizes = |ports: &[u16]| -> Vec<Value> {
        ports.iter().map(|port| Client::connect(*port).line("DBSIZE")).collect()
    };
    for port in &ports {
        let mut client = Client::connect(*port);
        wait_until("the cluster serves", || client.line("CLUSTER INFO").text().contains("cluster_state:ok"));
        names.iter().for_each(|name| drop(client.line(&format!("SET {name} {name}"))));
    }
    let before = sizes(&ports);
    assert!(server.end(), "{}", server.log());
    for port in &ports {
        assert!(server.folder.join(port.to_string()).join("dump.rdb").exists());
    }
    server.restart(&[]).unwrap();
    ports.iter().for_each(|port| wait_until("the core has loaded", || answers(*port)));
    assert_eq!(sizes(&ports), before);
}

#[test]
fn real_servers_load_our_file_and_we_theirs() {
    for peer in ["REDIS_SERVER", "VALKEY_SERVER"] {
        let mut ours = server(&[]);
        let mut client = connect(&ours);
        fill(&mut client);
        let written = digest(&mut client);
        assert!(ours.end());
        let mut theirs = lone_peer(peer, &[]);
        theirs.end();
        fs::copy(dump(&ours), dump(&theirs)).unwrap();
        theirs.restart(&[]).unwrap();
        let mut client = Client::connect(theirs.port);
        assert_eq!(digest(&mut client), written, "{peer} loads ours");
        client.line("FLUSHALL");
        fill(&mut client);
        let written = digest(&mut client);
        assert_eq!(client.line("SAVE").text(), "OK");
        theirs.kill();
        fs::copy(dump(&theirs), dump(&ours)).unwrap();
        ours.restart(&[]).unwrap();
        assert_eq!(digest(&mut connect(&ours)), written, "we load what {peer} wrote");
    }
}

#[test]
fn a_damaged_file_is_refused_with_the_place() {
    let mut server = server(&[]);
    let mut client = connect(&server);
    fill(&mut client);
    assert!(server.end());
    let good = fs::read(dump(&server)).unwrap();
    let mut refused = |content: &[u8]| {
        fs::write(dump(&server), content).unwrap();
        let log = server.restart(&[]).unwrap_err();
        let lines: Vec<&str> =
            log.lines().filter(|line| line.contains("Fatal error loading the DB")).collect();
        assert_eq!(lines.len(), 1, "{log}");
        lines[0].to_owned()
    };
    let cut = refused(&good[..good.len() / 2]);
    assert!(cut.contains("Short read") && cut.contains("offset"), "{cut}");
    let mut changed = good.clone();
    let middle = changed.len() - 4;
    changed[middle] ^= 1;
    assert!(refused(&changed).contains("CRC error"));
    assert!(refused(b"something else").contains("Wrong signature"));
    // The first byte behind the header is no opcode and no type that is known.
    let mut changed = good.clone();
    changed[9] = 200;
    let unknown = refused(&changed);
    assert!(unknown.contains("offset 9") || unknown.contains("offset 10"), "{unknown}");
}

#[test]
fn keys_whose_time_is_over_are_not_loaded() {
    let mut server = server(&[]);
    let mut client = connect(&server);
    client.line("DEBUG SET-ACTIVE-EXPIRE 0");
    client.line("SET soon v PX 1");
    client.line("SET late v EX 1000");
    // Whoever looked at it would delete it.
    assert!(server.end());
    server.restart(&[]).unwrap();
    let mut client = connect(&server);
    assert_eq!(client.line("DBSIZE"), Value::Integer(1));
    assert_eq!(info(&mut client, "rdb_last_load_keys_expired"), "1");
}

#[test]
fn reloaded_by_debug() {
    let server = server(&[]);
    let mut client = connect(&server);
    fill(&mut client);
    let before = digest(&mut client);
    assert_eq!(client.line("DEBUG RELOAD").text(), "OK");
    assert_eq!(digest(&mut client), before);
    client.line("SET added 1");
    assert!(client.line("DEBUG RELOAD NOSAVE NOFLUSH").text().contains("check server logs"));
    assert_eq!(client.line("DEBUG RELOAD NOSAVE NOFLUSH MERGE").text(), "OK");
    assert_eq!(client.line("GET added").text(), "1");
    assert_eq!(client.line("DEBUG RELOAD NOSAVE").text(), "OK");
    assert_eq!(digest(&mut client), before);
    assert!(client.line("DEBUG RELOAD SOMEHOW").text().contains("only supports"));
}

#[test]
fn an_end_that_cannot_save_does_not_come() {
    let server = server(&["--dbfilename", "dump.rdb"]);
    let mut client = connect(&server);
    client.line("SET k v");
    // A folder in the file's place.
    fs::create_dir(dump(&server)).unwrap();
    assert_eq!(client.line("SHUTDOWN").text(), "ERR Errors trying to SHUTDOWN. Check logs.");
    assert_eq!(client.line("SET more v").text(), "OK");
    assert_eq!(client.line("SHUTDOWN ABORT").text(), "ERR No shutdown in progress.");
    client.send(b"SHUTDOWN FORCE\r\n");
    wait_until("it has ended", || !answers(server.port));
}
