//! Starting and ending.

use std::fs;
use std::process::Command;

use kit::{Client, Value, answers, ringmaster, run, wait_until};

#[test]
fn a_process_of_three_cores_is_a_working_cluster() {
    let mut server = ringmaster(3, &["--bootstrap", "yes"]);
    let port = server.port.to_string();
    let check = run("redis-cli", &["--cluster", "check", &format!("127.0.0.1:{port}")]);
    let text = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(text.contains("[OK] All 16384 slots covered."), "{text}");
    let nodes = Client::connect(server.port).line("CLUSTER NODES").text();
    assert_eq!(nodes.lines().filter(|line| line.contains("master")).count(), 3, "{nodes}");
    for word in ["PID: ", "Server initialized", "Ready to accept connections"] {
        assert!(server.log().contains(word), "the log lacks {word:?}: {}", server.log());
    }
    assert!(server.end(), "SIGTERM ends it with exit code 0");
}

#[test]
fn the_cluster_is_the_same_after_a_restart() {
    let mut server = ringmaster(2, &["--bootstrap", "yes"]);
    let mut client = Client::connect(server.port);
    let id = client.line("CLUSTER MYID");
    assert!(server.end());
    let binary = std::env::current_exe().unwrap();
    let binary = binary.parent().unwrap().parent().unwrap().join("ringmaster");
    let dir = server.folder.display().to_string();
    let port = server.port.to_string();
    let fewer =
        Command::new(&binary).args(["--port", &port, "--dir", &dir, "--cores", "1"]).output().unwrap();
    assert_eq!(fewer.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&fewer.stderr).contains("2 cores"), "{:?}", fewer);
    let mut again = Command::new(&binary)
        .args(["--port", &port, "--dir", &dir, "--cores", "2"])
        .stdout(fs::File::create(server.folder.join("log2")).unwrap())
        .spawn()
        .unwrap();
    wait_until("the server is back", || {
        let log = || fs::read_to_string(server.folder.join("log2")).unwrap_or_default();
        assert!(again.try_wait().unwrap().is_none(), "it ended: {}", log());
        answers(server.port)
    });
    let mut client = Client::connect(server.port);
    assert_eq!(client.line("CLUSTER MYID"), id);
    // Nobody else can have taken its slots over: it need not wait for news of them.
    assert!(client.line("CLUSTER INFO").text().starts_with("cluster_state:ok"));
    again.kill().unwrap();
    again.wait().unwrap();
}

/// A damaged `nodes.conf` is refused in one sentence with the line at fault, and stays as it is.
#[test]
fn a_damaged_nodes_conf_is_refused() {
    let mut server = ringmaster(1, &["--bootstrap", "yes"]);
    assert!(server.end());
    let file = server.folder.join("nodes.conf");
    let good = fs::read_to_string(&file).unwrap();
    let damages: [(&str, &str, &str); 4] = [
        ("myself,master", "myself,monarch", "line 1: unknown flag 'monarch'"),
        ("0-16383", "0-16384", "line 1: '16384' is not a slot"),
        ("lastVoteEpoch 0", "lastVoteEpoch x", "line 2: lastVoteEpoch 'x' is not a number in range"),
        ("myself,", "", "no node is called myself"),
    ];
    for (right, wrong, why) in damages {
        let bad = good.replacen(right, wrong, 1);
        fs::write(&file, &bad).unwrap();
        let log = server.restart(&[]).expect_err("it must not start");
        let sentence = format!("corrupted cluster config file {}: {why}\n", file.display());
        assert!(log.contains(&sentence), "{sentence} is not in {log}");
        assert_eq!(fs::read_to_string(&file).unwrap(), bad);
    }
    fs::write(&file, &good).unwrap();
    server.restart(&[]).expect("it starts");
}

/// The disk is waited for by who asked for a promise, and by nobody else: an answer tells what is in the file.
#[test]
fn an_answer_tells_what_nodes_conf_has() {
    let nodes = [ringmaster(1, &["--bootstrap", "yes"]), ringmaster(1, &[])];
    let mut clients = nodes.each_ref().map(|node| Client::connect(node.port));
    let mut readers = nodes.each_ref().map(|node| Client::connect(node.port));
    clients[0].line(&format!("CLUSTER MEET 127.0.0.1 {}", nodes[1].port));
    let epoch = |client: &mut Client| {
        let info = client.line("CLUSTER INFO").text();
        let found = info.lines().find_map(|line| line.strip_prefix("cluster_current_epoch:"));
        found.expect("it is there").parse::<u64>().expect("a number")
    };
    let mut newest = 1;
    for turn in 0..10 {
        // The second begins: the first has the newest epoch already.
        let i = (turn + 1) % 2;
        wait_until("it has heard of the newest epoch", || epoch(&mut clients[i]) >= newest);
        readers[i].send(b"PING\r\n");
        let answer = clients[i].line("CLUSTER BUMPEPOCH").text();
        newest = answer.trim_start_matches("BUMPED ").parse().expect(&answer);
        let text = fs::read_to_string(nodes[i].folder.join("nodes.conf")).unwrap();
        assert!(text.contains(&format!("currentEpoch {newest} ")), "{newest} is not in {text}");
        assert_eq!(readers[i].read(), Some(Value::Simple("PONG".into())));
    }
    wait_until("nothing is left over", || {
        let mut left = fs::read_dir(&nodes[0].folder).unwrap().flatten().map(|entry| entry.file_name());
        left.all(|name| !name.to_string_lossy().ends_with(".tmp"))
    });
}

/// A node that cannot keep a promise makes none, and serves on.
#[test]
fn nothing_is_promised_while_nodes_conf_cannot_be_written() {
    let (first, second) = (ringmaster(1, &["--bootstrap", "yes"]), ringmaster(1, &[]));
    let (mut asker, mut reader) = (Client::connect(second.port), Client::connect(second.port));
    asker.line(&format!("CLUSTER MEET 127.0.0.1 {}", first.port));
    wait_until("they know each other", || reader.line("CLUSTER INFO").text().contains("cluster_state:ok"));
    let in_the_way = second.folder.join(format!("nodes.conf.{}.tmp", second.pid()));
    fs::create_dir(&in_the_way).unwrap();
    asker.send(b"CLUSTER BUMPEPOCH\r\n");
    wait_until("it says so", || second.log().contains("Could not write the cluster configuration file"));
    assert!(reader.line("CLUSTER INFO").text().contains("cluster_my_epoch:2"), "it has heard of the command");
    assert_eq!(reader.line("PING"), Value::Simple("PONG".into()));
    let kept = || fs::read_to_string(second.folder.join("nodes.conf")).unwrap().contains("currentEpoch 2 ");
    assert!(!kept());
    fs::remove_dir(&in_the_way).unwrap();
    assert_eq!(asker.read().expect("an answer").text(), "BUMPED 2");
    assert!(kept() && second.log().contains("is written again"));
}

/// From one core, whose files are where Redis has them, to two and to three.
#[test]
fn more_cores_join_as_empty_masters() {
    let mut server = ringmaster(3, &["--cores", "1", "--bootstrap", "yes"]);
    let port = server.port;
    let id = Client::connect(port).line("CLUSTER MYID");
    for cores in 2..=3 {
        assert!(server.end());
        server.restart(&["--cores", &cores.to_string()]).expect("it starts with one more");
        assert_eq!(Client::connect(port).line("CLUSTER MYID"), id);
        assert!(server.folder.join(port.to_string()).join("nodes.conf").exists());
        all_masters_know_each_other(port, cores);
    }
}

/// The first of so many cores serves all slots, and all know that.
fn all_masters_know_each_other(port: u16, cores: u16) {
    for core in 0..cores {
        wait_until("each knows all", || {
            let text = Client::connect(port + core).line("CLUSTER NODES").text();
            let masters: Vec<&str> = text.lines().filter(|line| line.contains("master")).collect();
            let empty = masters.iter().filter(|line| line.ends_with("connected")).count();
            (masters.len(), empty) == (usize::from(cores), usize::from(cores) - 1)
        });
    }
    let check = run("redis-cli", &["--cluster", "check", &format!("127.0.0.1:{port}")]);
    let text = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(text.contains("[OK] All 16384 slots covered."), "{text}");
    assert!(text.contains("[OK] All nodes agree about slots configuration."), "{text}");
    assert!(text.contains(&format!("in {cores} masters")), "{text}");
}

#[test]
fn a_port_in_use_is_one_clear_sentence() {
    let server = ringmaster(1, &[]);
    let binary = std::env::current_exe().unwrap();
    let binary = binary.parent().unwrap().parent().unwrap().join("ringmaster");
    let second = Command::new(binary).args(["--port", &server.port.to_string()]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(text.contains("listening socket") && text.contains(&server.port.to_string()), "{text}");
}

#[test]
fn an_unknown_directive_is_named_with_its_line() {
    let binary = std::env::current_exe().unwrap();
    let binary = binary.parent().unwrap().parent().unwrap().join("ringmaster");
    let file = std::env::temp_dir().join(format!("ringmaster-test-{}.conf", std::process::id()));
    fs::write(&file, "port 7000\nno-such-thing 1\n").unwrap();
    let output = Command::new(binary).arg(&file).output().unwrap();
    fs::remove_file(&file).unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("FATAL CONFIG FILE ERROR") && text.contains("line 2"), "{text}");
}
