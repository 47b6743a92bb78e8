//! The append-only file: what was acknowledged is there after a crash, files of real servers load here and ours
//! there, and what is damaged is refused or repaired as Redis does.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kit::{Client, Process, Value, encode, lone_peer, ringmaster, run, wait_until};

use crate::dataset::{connect, digest, fill, info, server};

const ALWAYS: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

fn folder(process: &Process) -> PathBuf {
    process.folder.join("appendonlydir")
}

/// The file that grows.
fn growing(process: &Process) -> PathBuf {
    let manifest = fs::read_to_string(folder(process).join("appendonly.aof.manifest")).unwrap();
    let last = manifest.lines().last().unwrap().split(' ').nth(1).unwrap().to_owned();
    folder(process).join(last)
}

/// Writes a log of one incremental file, of these commands, in the place of the server's own, which has ended.
fn put_log(process: &Process, content: &[u8]) {
    let _ = fs::remove_dir_all(folder(process));
    fs::create_dir_all(folder(process)).unwrap();
    fs::write(folder(process).join("appendonly.aof.1.incr.aof"), content).unwrap();
    put_manifest(process, "file appendonly.aof.1.incr.aof seq 1 type i\n");
}

fn put_manifest(process: &Process, text: &str) {
    fs::create_dir_all(folder(process)).unwrap();
    fs::write(folder(process).join("appendonly.aof.manifest"), text).unwrap();
}

fn command(line: &str) -> Vec<u8> {
    encode(&line.split(' ').collect::<Vec<_>>())
}

fn commands(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| command(line)).collect()
}

#[test]
fn every_type_is_there_after_a_crash() {
    for policy in ["always", "everysec", "no"] {
        let mut server = server(&["--appendonly", "yes", "--appendfsync", policy]);
        let mut client = connect(&server);
        fill(&mut client);
        let before = digest(&mut client);
        server.kill();
        server.restart(&[]).unwrap();
        let mut client = connect(&server);
        assert_eq!(digest(&mut client), before, "appendfsync {policy}");
        client.line("SET more 1");
        assert!(server.end(), "{}", server.log());
        assert!(server.log().contains("Calling fsync() on the AOF file."));
        server.restart(&["--cores", "1"]).unwrap();
        assert_eq!(connect(&server).line("GET more").text(), "1");
    }
}

#[test]
fn each_core_has_its_own_log() {
    let mut server =
        ringmaster(3, &["--bootstrap", "yes", "--appendonly", "yes", "--enable-debug-command", "yes"]);
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let set_all = |port: u16| {
        let done = names.iter().filter(|name| {
            let reply = Client::connect(port).line(&format!("SET {name} {name}"));
            reply == Value::Simple("OK".to_owned())
        });
        done.count()
    };
    let ports: Vec<u16> = (0..3).map(|i| server.port + i).collect();
    assert_eq!(ports.iter().map(|port| set_all(*port)).sum::<usize>(), names.len());
    server.kill();
    server.restart(&[]).unwrap();
    let kept = |port: &u16| {
        wait_until("the core has loaded", || kit::answers(*port));
        match Client::connect(*port).line("DBSIZE") {
            Value::Integer(size) => size as usize,
            other => panic!("{other}"),
        }
    };
    assert_eq!(ports.iter().map(kept).sum::<usize>(), names.len());
    for port in ports {
        let log = server.folder.join(port.to_string()).join("appendonlydir/appendonly.aof.1.incr.aof");
        assert!(log.exists(), "{}", log.display());
    }
}

/// Clients write numbers to keys of their own until the server is killed; each returns the last one acknowledged.
fn write_until_killed(port: u16, clients: usize, ready: &Barrier, stop: &AtomicBool) -> Vec<u64> {
    std::thread::scope(|scope| {
        let writers: Vec<_> =
            (0..clients).map(|i| scope.spawn(move || write_numbers(port, i, ready, stop))).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    })
}

fn write_numbers(port: u16, client: usize, ready: &Barrier, stop: &AtomicBool) -> u64 {
    let (mut connection, mut acknowledged) = (Client::connect(port), 0);
    ready.wait();
    while !stop.load(Ordering::Relaxed) {
        // Some write one at a time, some in pipelines, some in transactions.
        let (first, count) = (acknowledged + 1, [1, 1, 8, 30][client % 4]);
        let mut request = Vec::new();
        for number in first..first + count {
            let set = command(&format!("SET key:{client} {number}"));
            request.extend_from_slice(&set);
        }
        if connection.try_send(&request).is_none() {
            break;
        }
        for number in first..first + count {
            match connection.read() {
                Some(Value::Simple(ok)) if ok == "OK" => acknowledged = number,
                _ => return acknowledged,
            }
        }
    }
    acknowledged
}

/// `AOF_KILL_ROUNDS=1000 cargo test -p tests --test e2e -- aof::killed` for a thousand rounds.
#[test]
fn killed_at_any_point_it_keeps_what_it_acknowledged() {
    let rounds = std::env::var("AOF_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    let mut server = server(&ALWAYS);
    for round in 0..rounds {
        let (port, stop, ready) = (server.port, AtomicBool::new(false), Barrier::new(9));
        let acknowledged = std::thread::scope(|scope| {
            let writers = scope.spawn(|| write_until_killed(port, 8, &ready, &stop));
            // Another moment each round: by the clock, which nothing in the server goes by.
            let moment = Duration::from_micros(1_000 + (round * 7_919) % 150_000);
            ready.wait();
            // In most rounds the log is rewritten meanwhile.
            if round % 4 != 0 {
                Client::connect(port).send(&command("BGREWRITEAOF"));
            }
            let start = Instant::now();
            while start.elapsed() < moment {
                std::hint::spin_loop();
            }
            server.kill();
            stop.store(true, Ordering::Relaxed);
            writers.join().unwrap()
        });
        server.restart(&[]).unwrap_or_else(|why| panic!("round {round}: {why}"));
        let mut client = connect(&server);
        for (i, acknowledged) in acknowledged.iter().enumerate() {
            let kept: u64 = client.line(&format!("GET key:{i}")).text().parse().unwrap_or(0);
            assert!(
                kept >= *acknowledged,
                "round {round}: key:{i} is {kept}, acknowledged was {acknowledged}"
            );
        }
        client.line("FLUSHALL");
    }
}

#[test]
fn a_torn_end_is_cut_or_refused_as_asked() {
    let mut server = server(&["--appendonly", "yes"]);
    server.kill();
    let whole = commands(&["SET a 1", "SET b 2", "MULTI", "SET a 3", "SET b 4", "EXEC"]);
    let two = commands(&["SET a 1", "SET b 2"]).len();
    for cut in [1, 5, 30, 60, whole.len() - two - 1] {
        put_log(&server, &whole[..whole.len() - cut]);
        let refused = server.restart(&["--aof-load-truncated", "no"]).unwrap_err();
        assert!(
            refused.contains("Unexpected end of file reading the append only file appendonly.aof.1.incr.aof")
        );
        server.restart(&["--aof-load-truncated", "yes"]).unwrap();
        let log = server.log();
        assert!(log.contains("loaded anyway because aof-load-truncated is enabled"), "{log}");
        let mut client = connect(&server);
        let kept = ["GET a", "GET b"].map(|line| client.line(line).text());
        assert_eq!(kept, ["1", "2"], "cut by {cut}");
        server.kill();
        assert_eq!(fs::metadata(growing(&server)).unwrap().len() as usize, two, "cut by {cut}");
        // What is left is whole, and more can follow.
        server.restart(&["--aof-load-truncated", "no"]).unwrap();
        connect(&server).line("SET c 5");
        server.kill();
        server.restart(&["--aof-load-truncated", "no"]).unwrap();
        assert_eq!(connect(&server).line("GET c").text(), "5");
        server.kill();
    }
}

#[test]
fn what_is_no_log_ends_the_start() {
    let mut server = server(&["--appendonly", "yes"]);
    server.kill();
    let good = commands(&["SET a 1"]);
    for (content, why) in [
        ([&good[..], b"!!!", &good].concat(), "Bad file format reading the append only file"),
        ([&good[..], &[0; 100]].concat(), "Bad file format reading the append only file"),
        (commands(&["SET a 1", "BLA x", "SET b 1"]), "Unknown command 'BLA' reading the append only file"),
        (commands(&["SELECT 3", "SET a 1"]), "only database 0"),
        (commands(&["RENAME a b"]), "keys of several slots"),
    ] {
        put_log(&server, &content);
        let log = server.restart(&[]).unwrap_err();
        assert!(log.contains(why), "{why}: {log}");
    }
    for (manifest, why) in [
        ("", "Found an empty AOF manifest"),
        ("file a seq 1 type x\n", "Unknown AOF file type"),
        ("file a seq 2 type i\nfile b seq 1 type i\n", "Found a non-monotonic sequence number"),
        ("file missing.aof seq 1 type i\n", "missing.aof length. stat: No such file or directory"),
    ] {
        put_manifest(&server, manifest);
        let log = server.restart(&[]).unwrap_err();
        assert!(log.contains(why), "{why}: {log}");
    }
    let last = "file appendonly.aof.1.incr.aof seq 1 type i\nfile appendonly.aof.2.incr.aof seq 2 type i\n";
    put_log(&server, &good[..good.len() - 1]);
    fs::write(folder(&server).join("appendonly.aof.2.incr.aof"), &good).unwrap();
    put_manifest(&server, last);
    let log = server.restart(&[]).unwrap_err();
    assert!(log.contains("the truncated file is not the last file"), "{log}");
}

#[test]
fn what_others_wrote_by_hand_loads() {
    let mut server = server(&["--appendonly", "yes"]);
    server.kill();
    let mut log = b"#TS:1628217470\r\n".to_vec();
    log.extend(commands(&[
        "RPUSH list foo",
        "PEXPIREAT list 1000",
        "RPUSH list bar",
        "SADD set a b c",
        "SPOP set 2",
        "MSET x 1 y 2 z 3",
        "DEL x y",
        "SET relative v EX 1000",
        "CLUSTER SLOTS",
    ]));
    put_log(&server, &log);
    server.restart(&["--aof-load-truncated", "no"]).unwrap();
    let mut client = connect(&server);
    for (line, expected) in [
        // Its time was over when it was loaded, not when RPUSH was run again.
        ("LLEN list", ":0"),
        ("SCARD set", ":1"),
        ("MGET z", "*[\"3\"]"),
        ("EXISTS x", ":0"),
        ("GET relative", "\"v\""),
    ] {
        assert_eq!(client.line(line).to_string(), expected, "{line}");
    }
    // The one file of a version before 7 moves into the folder and becomes the base.
    server.kill();
    fs::remove_dir_all(folder(&server)).unwrap();
    fs::write(server.folder.join("appendonly.aof"), commands(&["SET old 1"])).unwrap();
    server.restart(&[]).unwrap();
    assert!(server.log().contains("Successfully migrated an old-style AOF file (appendonly.aof)"));
    assert_eq!(connect(&server).line("GET old").text(), "1");
    let manifest = fs::read_to_string(folder(&server).join("appendonly.aof.manifest")).unwrap();
    assert_eq!(manifest, "file appendonly.aof seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n");
}

#[test]
fn real_servers_load_our_log_and_we_theirs() {
    for peer in ["REDIS_SERVER", "VALKEY_SERVER"] {
        let mut ours = server(&["--appendonly", "yes"]);
        let mut client = connect(&ours);
        fill(&mut client);
        let written = digest(&mut client);
        ours.end();
        let manifest = folder(&ours).join("appendonly.aof.manifest");
        let check = run("redis-check-aof", &[manifest.to_str().unwrap()]);
        let text = String::from_utf8_lossy(&check.stdout).into_owned();
        assert!(text.contains("All AOF files and manifest are valid"), "{text}");
        let mut theirs = lone_peer(peer, &["--appendonly", "no"]);
        theirs.end();
        copy_folder(&folder(&ours), &folder(&theirs));
        theirs.restart(&["--appendonly", "yes"]).unwrap();
        let mut client = Client::connect(theirs.port);
        assert_eq!(digest(&mut client), written, "{peer} loads ours");
        // Now the other way: they write on, and we load.
        client.line("FLUSHALL");
        client.line("CONFIG SET aof-use-rdb-preamble no");
        client.line("BGREWRITEAOF");
        wait_until("the rewrite is done", || info(&mut client, "aof_rewrite_in_progress") == "0");
        fill(&mut client);
        let written = digest(&mut client);
        theirs.end();
        fs::remove_dir_all(folder(&ours)).unwrap();
        copy_folder(&folder(&theirs), &folder(&ours));
        ours.restart(&[]).unwrap();
        assert_eq!(digest(&mut connect(&ours)), written, "we load what {peer} wrote");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// A file system of some bytes, where the machine lets us have one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn new(bytes: usize) -> Option<SmallDisk> {
        let folder = std::env::temp_dir().join(format!("ringmaster-disk-{}-{bytes}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (size, path) = (format!("size={bytes}"), folder.display().to_string());
        let mounted = run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", &path]).status.success();
        if !mounted {
            println!("not checked, for want of the right to mount: a full disk");
        }
        mounted.then_some(SmallDisk(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run("umount", &["-l", &self.0.display().to_string()]);
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_full_disk_stops_writes_until_there_is_room() {
    let Some(disk) = SmallDisk::new(2 << 20) else { return };
    let dir = disk.0.display().to_string();
    let mut server = server(&["--appendonly", "yes", "--appendfsync", "no", "--dir", &dir]);
    let mut client = connect(&server);
    client.line("SET before 1");
    let ballast = disk.0.join("ballast");
    let mut file = fs::File::create(&ballast).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    let value = "x".repeat(100_000);
    // The one that fills the disk is answered: it is in memory, and will be in the file.
    client.line(&format!("SET filling {value}"));
    wait_until("writes are refused", || {
        let reply = client.line("SET refused 1").text();
        reply == "MISCONF Errors writing to the AOF file: No space left on device"
    });
    assert_eq!(info(&mut client, "aof_last_write_status"), "err");
    assert_eq!(client.line("GET before").text(), "1", "reads are served");
    assert!(client.line("PING").text().starts_with("MISCONF"));
    fs::remove_file(&ballast).unwrap();
    wait_until("writes are taken again", || client.line("SET after 1").text() == "OK");
    assert_eq!(info(&mut client, "aof_last_write_status"), "ok");
    assert!(server.log().contains("AOF write error looks solved. The server can write again."));
    let before = digest(&mut client);
    server.kill();
    server.restart(&["--aof-load-truncated", "no"]).unwrap();
    assert_eq!(digest(&mut connect(&server)), before, "nothing is lost, nothing is there twice");
    server.kill();
}

#[test]
fn a_full_disk_ends_a_server_that_must_not_lose_a_write() {
    let Some(disk) = SmallDisk::new(1 << 20) else { return };
    let dir = disk.0.display().to_string();
    let mut server = server(&[&ALWAYS[..], &["--dir", &dir]].concat());
    let mut client = connect(&server);
    let (value, mut acknowledged) = ("x".repeat(10_000), 0);
    while client.try_send(&command(&format!("SET key:{} {value}", acknowledged + 1))).is_some()
        && client.read() == Some(Value::Simple("OK".to_owned()))
    {
        acknowledged += 1;
    }
    assert!(server.log().contains("Can't recover from AOF write error"), "{}", server.log());
    assert!((10..=110).contains(&acknowledged), "{acknowledged}");
    let room = SmallDisk::new(4 << 20).unwrap();
    copy_folder(&disk.0.join("appendonlydir"), &room.0.join("appendonlydir"));
    fs::copy(disk.0.join("nodes.conf"), room.0.join("nodes.conf")).unwrap();
    wait_until("it has ended", || !kit::answers(server.port));
    server.kill();
    server.restart(&["--dir", &room.0.display().to_string()]).unwrap();
    let mut client = connect(&server);
    assert_eq!(client.line(&format!("EXISTS key:{acknowledged}")), Value::Integer(1));
    server.kill();
}

#[test]
fn what_one_command_did_is_one_in_the_log() {
    let mut server = server(&["--appendonly", "yes", "--appendfsync", "no"]);
    let mut client = connect(&server);
    for line in
        ["MULTI", "SET a 1", "INCR a", "EXEC", "GET a", "DEL nothing", "SPOP nothing", "FLUSHALL", "FLUSHALL"]
    {
        client.line(line);
    }
    server.end();
    let log = String::from_utf8(fs::read(growing(&server)).unwrap()).unwrap();
    let words: Vec<&str> = log.split("\r\n").filter(|word| !word.starts_with(['*', '$'])).collect();
    assert_eq!(words.join(" ").trim(), "SELECT 0 MULTI SET a 1 INCR a EXEC FLUSHALL FLUSHALL");
}
