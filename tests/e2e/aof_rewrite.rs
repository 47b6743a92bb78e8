//! The append-only file rewritten: by command, by growth, turned on and off, and taken over by real servers.

use std::fs;
use std::path::PathBuf;

use kit::{Client, Process, Value, lone_peer, run, wait_until};

use crate::dataset::{connect, digest, fill, info, server};

fn folder(process: &Process) -> PathBuf {
    process.folder.join("appendonlydir")
}

fn manifest(process: &Process) -> String {
    fs::read_to_string(folder(process).join("appendonly.aof.manifest")).unwrap()
}

/// Files of the log, but for the manifest.
fn files(process: &Process) -> Vec<String> {
    let entries = fs::read_dir(folder(process)).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.ends_with(".manifest"));
    names.sort();
    names
}

fn rewrite(client: &mut Client) {
    let before = info(client, "aof_rewrites");
    assert_eq!(client.line("BGREWRITEAOF").text(), "Background append only file rewriting started");
    wait_until("the rewrite is done", || info(client, "aof_rewrites") != before);
    assert_eq!(info(client, "aof_last_bgrewrite_status"), "ok");
}

#[test]
fn a_rewritten_log_holds_the_same() {
    for (preamble, base) in [("yes", "appendonly.aof.2.base.rdb"), ("no", "appendonly.aof.2.base.aof")] {
        let mut server = server(&["--appendonly", "yes", "--aof-use-rdb-preamble", preamble]);
        let mut client = connect(&server);
        client.call(&[
            "FUNCTION",
            "LOAD",
            "#!lua name=kept\nredis.register_function('f', function() return 7 end)",
        ]);
        fill(&mut client);
        rewrite(&mut client);
        client.line("SET after 1");
        let before = digest(&mut client);
        let expected = format!("file {base} seq 2 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n");
        wait_until("the history is gone", || manifest(&server) == expected);
        wait_until("its files are", || files(&server) == [base, "appendonly.aof.2.incr.aof"]);
        let check =
            run("redis-check-aof", &[folder(&server).join("appendonly.aof.manifest").to_str().unwrap()]);
        let text = String::from_utf8_lossy(&check.stdout).into_owned();
        assert!(text.contains("All AOF files and manifest are valid"), "{text}");
        server.kill();
        server.restart(&[]).unwrap();
        let mut client = connect(&server);
        assert_eq!(digest(&mut client), before, "aof-use-rdb-preamble {preamble}");
        assert_eq!(client.line("FCALL f 0"), Value::Integer(7));
        assert_eq!(client.line("GET after").text(), "1");
    }
}

#[test]
fn a_log_with_an_image_goes_to_real_servers_and_back() {
    for peer in ["REDIS_SERVER", "VALKEY_SERVER"] {
        let mut ours = server(&["--appendonly", "yes"]);
        let mut client = connect(&ours);
        fill(&mut client);
        rewrite(&mut client);
        client.line("SET after 1");
        let written = digest(&mut client);
        ours.end();
        let mut theirs = lone_peer(peer, &["--appendonly", "no"]);
        theirs.end();
        copy_folder(&ours, &theirs);
        theirs.restart(&["--appendonly", "yes"]).unwrap();
        let mut client = Client::connect(theirs.port);
        assert_eq!(digest(&mut client), written, "{peer} loads ours");
        client.line("FLUSHALL");
        fill(&mut client);
        client.line("BGREWRITEAOF");
        wait_until("the rewrite is done", || info(&mut client, "aof_rewrite_in_progress") == "0");
        client.line("SET after 2");
        let written = digest(&mut client);
        theirs.end();
        fs::remove_dir_all(folder(&ours)).unwrap();
        copy_folder(&theirs, &ours);
        ours.restart(&[]).unwrap();
        assert_eq!(digest(&mut connect(&ours)), written, "we load what {peer} wrote");
    }
}

fn copy_folder(from: &Process, to: &Process) {
    fs::create_dir_all(folder(to)).unwrap();
    for entry in fs::read_dir(folder(from)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder(to).join(path.file_name().unwrap())).unwrap();
    }
}

#[test]
fn turned_on_and_off_while_it_runs() {
    let mut server = server(&["--save", ""]);
    let mut client = connect(&server);
    fill(&mut client);
    assert_eq!(client.line("CONFIG SET appendonly yes").text(), "OK");
    client.line("SET during 1");
    wait_until("there is a log", || info(&mut client, "aof_rewrites") == "1");
    client.line("SET after 1");
    let before = digest(&mut client);
    server.kill();
    server.restart(&["--appendonly", "yes"]).unwrap();
    let mut client = connect(&server);
    assert_eq!(digest(&mut client), before);
    assert_eq!(client.line("CONFIG SET appendonly no").text(), "OK");
    assert_eq!(info(&mut client, "aof_enabled"), "0");
    client.line("SET unlogged 1");
    assert_eq!(client.line("CONFIG SET appendonly yes").text(), "OK");
    wait_until("there is a log again", || info(&mut client, "aof_rewrites") == "1");
    server.kill();
    server.restart(&["--appendonly", "yes"]).unwrap();
    assert_eq!(connect(&server).line("GET unlogged").text(), "1");
}

#[test]
fn growth_asks_for_a_rewrite() {
    let server = server(&["--appendonly", "yes", "--auto-aof-rewrite-min-size", "100kb"]);
    let mut client = connect(&server);
    let value = "x".repeat(10_000);
    for _ in 0..20 {
        client.line(&format!("SET k {value}"));
    }
    wait_until("it was rewritten", || info(&mut client, "aof_rewrites") != "0");
    assert!(server.log().contains("Starting automatic rewriting of AOF on"));
    let size: u64 = info(&mut client, "aof_current_size").parse().unwrap();
    assert!(size < 150_000, "{size}");
}

#[test]
fn clients_wait_for_disks() {
    let server = server(&["--appendonly", "yes"]);
    let mut client = connect(&server);
    client.line("SET k v");
    assert_eq!(client.line("WAITAOF 1 0 0"), Value::Array(vec![Value::Integer(1), Value::Integer(0)]));
    assert_eq!(client.line("WAITAOF 0 1 10"), Value::Array(vec![Value::Integer(1), Value::Integer(0)]));
    assert!(client.line("WAITAOF 2 0 0").text().contains("out of range"));
    client.line("CONFIG SET appendonly no");
    assert!(client.line("WAITAOF 1 0 0").text().contains("appendonly is disabled"));
}
