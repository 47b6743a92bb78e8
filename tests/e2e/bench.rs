//! `ringmaster-bench` and real servers: one that stalls, a cluster that loses a master, and the page as a browser
//! shows it.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use kit::{Client, Process, binary, ringmaster, run, wait_until};
use serde_json::Value;

/// Starts `ringmaster-bench` against `server`; its JSON goes to the file `name` in the server's folder.
fn start(server: &Process, name: &str, arguments: &[&str]) -> Child {
    let json = server.folder.join(name);
    Command::new(binary("ringmaster-bench"))
        .args(["-q", "-p", &server.port.to_string(), "--json", &json.display().to_string()])
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts")
}

/// Waits for its end and gives its first run.
fn finish(mut bench: Child, server: &Process, name: &str) -> Value {
    assert!(bench.wait().expect("a child of ours").success());
    let text = fs::read_to_string(server.folder.join(name)).expect("it wrote its JSON");
    let mut report: Value = serde_json::from_str(&text).expect("JSON");
    report["runs"][0].take()
}

fn number(run: &Value, path: &str) -> f64 {
    run.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no number {path} in {run}"))
}

fn signal(process: &Process, signal: i32) {
    // SAFETY: a child that was not waited for, so its number is still its own.
    unsafe { libc::kill(process.pid() as i32, signal) };
}

/// A server that stops for 200 ms in each second: one request in five of an open loop is due while it stands, and
/// its p99 says so. A closed loop does not ask meanwhile, and hides it.
#[test]
fn an_open_loop_shows_what_a_closed_loop_hides() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let open = start(&server, "open", &["-D", "4s", "--rate", "2000", "-c", "4"]);
    let closed = start(&server, "closed", &["-D", "4s", "-c", "1"]);
    let [open, closed] = std::thread::scope(|scope| {
        let ((ended, wait), stalling) = (channel(), &server);
        scope.spawn(move || {
            let over =
                |limit| wait.recv_timeout(Duration::from_millis(limit)) != Err(RecvTimeoutError::Timeout);
            while !over(800) {
                signal(stalling, libc::SIGSTOP);
                let over = over(200);
                signal(stalling, libc::SIGCONT);
                if over {
                    break;
                }
            }
        });
        let runs = [finish(open, &server, "open"), finish(closed, &server, "closed")];
        ended.send(()).expect("somebody waits");
        runs
    });
    let [seen, hidden] = [&open, &closed].map(|run| number(run, "/latency/p99"));
    assert!(seen > 150.0, "p99 of the open loop: {seen} ms");
    assert!(hidden < seen / 2.0, "p99 of the closed loop: {hidden} ms, of the open loop: {seen} ms");
    assert!(number(&closed, "/latency/max") > 150.0, "the closed loop met the stall");
}

/// Three masters, each with a replica.
fn three_and_three() -> Vec<Process> {
    let nodes: Vec<Process> = (0..6).map(|_| ringmaster(1, &["--cluster-node-timeout", "2000"])).collect();
    let addresses: Vec<String> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let words = ["--cluster", "create"].into_iter().chain(addresses.iter().map(String::as_str));
    let output =
        run("redis-cli", &words.chain(["--cluster-replicas", "1", "--cluster-yes"]).collect::<Vec<_>>());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    for node in &nodes {
        wait_until("every master has its replica", || {
            let mut client = Client::connect(node.port);
            let links = |text: String| text.contains("connected_slaves:1") || text.contains("link_status:up");
            let nodes = client.line("CLUSTER NODES").text();
            client.line("CLUSTER INFO").text().contains("cluster_state:ok")
                && links(client.line("INFO replication").text())
                && nodes.lines().filter(|line| line.contains("slave")).count() == 3
        });
    }
    nodes
}

/// Reads may go to the replicas, which know from READONLY that they are meant.
fn replicas_answer(nodes: &[Process]) {
    // A replica is shown to clients once it has data.
    finish(
        start(&nodes[0], "filled", &["--command", "SET __key__ __data__", "-n", "1000"]),
        &nodes[0],
        "filled",
    );
    let mut client = Client::connect(nodes[0].port);
    wait_until("clients are told of all nodes", || {
        let slots = client.line("CLUSTER SLOTS").to_string();
        nodes.iter().all(|node| slots.contains(&node.port.to_string()))
    });
    let load = ["--command", "GET __key__", "-n", "2000", "--replica-share", "1", "--resp", "3"];
    let run = finish(start(&nodes[0], "replicas", &load), &nodes[0], "replicas");
    assert_eq!(number(&run, "/counts/answered"), 2000.0);
    assert_eq!((number(&run, "/counts/moved"), number(&run, "/counts/errors")), (0.0, 0.0));
    let rows = run["nodes"].as_array().expect("nodes").iter();
    let answered = |row: &&Value| number(row, "/counts/answered") > 0.0;
    let asked: Vec<&str> = rows.filter(answered).filter_map(|row| row["label"].as_str()).collect();
    let is_master =
        |node: &&str| nodes[..3].iter().any(|master| **node == format!("127.0.0.1:{}", master.port));
    assert!(asked.len() == 3 && !asked.iter().any(is_master), "{asked:?}");
}

/// Nothing that WAIT has confirmed is lost with a master, and the report says how long whose slots were away.
#[test]
fn a_failover_is_measured_and_loses_nothing_that_wait_confirmed() {
    let mut nodes = three_and_three();
    replicas_answer(&nodes);
    let load =
        ["--verify", "--wait", "1", "--rate", "800", "-D", "10s", "-r", "100000", "-c", "24", "--html"];
    let page = nodes[1].folder.join("page.html").display().to_string();
    let bench = start(&nodes[1], "failover", &[&load[..], &[&page]].concat());
    let mut client = Client::connect(nodes[0].port);
    let written = |client: &mut Client| client.line("DBSIZE") != kit::Value::Integer(0);
    wait_until("the first writes are in", || written(&mut client));
    nodes[0].kill();
    let run = finish(bench, &nodes[1], "failover");
    assert!(number(&run, "/verify/waited") > 500.0, "{run}");
    assert_eq!(number(&run, "/verify/lost_waited"), 0.0);
    assert_eq!(number(&run, "/verify/corrupt"), 0.0);
    assert_eq!(number(&run, "/verify/unreadable"), 0.0, "the replica took over");
    let dead = format!("127.0.0.1:{}", nodes[0].port);
    let ranges = run["ranges"].as_array().expect("ranges");
    let away = |range: &&Value| number(range, "/unavailable_ms") > 0.0;
    let lost: Vec<&Value> = ranges.iter().filter(|range| range["node"] == dead[..]).collect();
    assert!(!lost.is_empty() && lost.iter().all(away), "{ranges:?}");
    let answered_again = |range: &&Value| number(range, "/unavailable_ms") < 8000.0;
    assert!(ranges.iter().all(|range| answered_again(&range)), "{ranges:?}");
    show(&page, &nodes[1]);
}

/// Opens a page in Chromium, where `bench_page.js` compares it with the report that it carries.
fn show(page: &str, server: &Process) {
    let script = include_str!("bench_page.js");
    let html = fs::read_to_string(page).expect("the page was written");
    let copy = server.folder.join("checked.html");
    fs::write(&copy, html.replace("</body>", &format!("<script>{script}</script></body>")))
        .expect("a folder");
    let profile = format!("--user-data-dir={}", server.folder.join("chromium").display());
    let url = format!("file://{}", copy.display());
    let output =
        run("chromium", &["--headless", "--no-sandbox", "--disable-gpu", &profile, "--dump-dom", &url]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("RIGHT in "), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_page_shows_what_the_report_says() {
    let server = ringmaster(3, &["--bootstrap", "yes"]);
    let page = server.folder.join("page.html").display().to_string();
    let mix = ["--command", "3: GET __key__", "--command", "1: SET __key__ __data__", "-r", "1000"];
    let bench = start(&server, "mix", &[&mix[..], &["-D", "3s", "--html", &page]].concat());
    let run = finish(bench, &server, "mix");
    assert_eq!(run["nodes"].as_array().map(Vec::len), Some(3));
    show(&page, &server);
}
