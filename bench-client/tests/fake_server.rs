//! The binary against small servers that misbehave on purpose: each run must tell what really happened.
//!
//! The servers run in this process and know just enough of the protocol (arrays of bulk strings in, a line or
//! a string out), so that the tests need no Redis and every fault comes at a known place.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;

/// Makes the reply to a command, given the server's keys.
type Answer = fn(&[String], &mut HashMap<String, String>, &str) -> String;

/// Starts a server on a free port for the rest of the test; `context` is handed to `answer`.
fn serve(listener: TcpListener, answer: Answer, context: String) {
    let keys = Arc::new(Mutex::new(HashMap::new()));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (keys, context) = (keys.clone(), context.clone());
            thread::spawn(move || converse(stream, answer, &keys, &context));
        }
    });
}

fn converse(stream: TcpStream, answer: Answer, keys: &Mutex<HashMap<String, String>>, context: &str) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(words) = read_command(&mut reader) {
        let reply = match words[0].as_str() {
            "PING" => "+PONG\r\n".into(),
            "COMMAND" => "*1\r\n*-1\r\n".into(),
            _ => answer(&words, &mut keys.lock().unwrap(), context),
        };
        if reply.is_empty() || writer.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}

fn read_command(reader: &mut impl BufRead) -> Option<Vec<String>> {
    let mut line = String::new();
    let mut number = |reader: &mut dyn BufRead| {
        line.clear();
        reader.read_line(&mut line).ok()?;
        line.trim_end().get(1..)?.parse::<usize>().ok()
    };
    let count = number(reader)?;
    let mut words = Vec::new();
    for _ in 0..count {
        let mut word = vec![0; number(reader)? + 2];
        reader.read_exact(&mut word).ok()?;
        word.truncate(word.len() - 2);
        words.push(String::from_utf8(word).ok()?);
    }
    Some(words)
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    (listener, port)
}

fn bench(port: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringmaster-bench"));
    command.args(["-p", port, "-q"]).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// GET and SET of a correct single server.
fn honest(words: &[String], keys: &mut HashMap<String, String>, _: &str) -> String {
    match words[0].as_str() {
        "INFO" => bulk("redis_version:7.0.0\r\ncluster_enabled:0\r\n"),
        "SET" => {
            keys.insert(words[1].clone(), words[2].clone());
            "+OK\r\n".into()
        }
        "ASKING" => "+OK\r\n".into(),
        "GET" => keys.get(&words[1]).map_or("$-1\r\n".into(), |value| bulk(value)),
        _ => "-ERR unknown command\r\n".into(),
    }
}

#[test]
fn an_honest_server_loses_nothing() {
    let (listener, port) = listen();
    serve(listener, honest, String::new());
    let output = bench(&port, &["--verify", "-n", "3000", "-c", "4", "--threads", "2"]);
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains(" 0 lost an acknowledged write") && text.contains("; 0 corrupt"), "{text}");
    assert!(text.contains(" 0 stale"), "{text}");
}

#[test]
fn forgotten_and_damaged_writes_are_counted() {
    // Acknowledges every write; forgets keys that end in 3 and damages those that end in 7.
    fn forgetful(words: &[String], keys: &mut HashMap<String, String>, context: &str) -> String {
        match (words[0].as_str(), words.get(1).and_then(|key| key.chars().last())) {
            ("SET", Some('3')) => "+OK\r\n".into(),
            ("SET", Some('7')) => {
                keys.insert(words[1].clone(), words[2].replace("rmb1", "rmb2"));
                "+OK\r\n".into()
            }
            _ => honest(words, keys, context),
        }
    }
    let (listener, port) = listen();
    serve(listener, forgetful, String::new());
    let output = bench(&port, &["--verify", "--reads", "0", "-n", "2000", "-c", "4"]);
    let text = text(&output);
    assert!(text.contains("read back 2,000 keys: 200 lost an acknowledged write"), "{text}");
    assert!(text.contains("; 200 corrupt"), "{text}");
}

/// A cluster node that says all slots are its own, but sends half of the keys on to the node `context`.
fn moving(words: &[String], keys: &mut HashMap<String, String>, context: &str) -> String {
    let (own, other) = context.split_once(' ').unwrap();
    match words[0].as_str() {
        "INFO" => bulk("redis_version:7.0.0\r\ncluster_enabled:1\r\n"),
        "CLUSTER" => format!(
            "*2\r\n*3\r\n:0\r\n:16382\r\n*2\r\n{}:{own}\r\n*3\r\n:16383\r\n:16383\r\n*2\r\n{}:{other}\r\n",
            bulk("127.0.0.1"),
            bulk("127.0.0.1")
        ),
        "GET" if words[1].ends_with('1') => format!("-MOVED 1 127.0.0.1:{other}\r\n"),
        "GET" if words[1].ends_with('2') => format!("-ASK 1 127.0.0.1:{other}\r\n"),
        // Only the first time.
        "GET" if words[1].ends_with('3') && keys.insert(words[1].clone(), String::new()).is_none() => {
            "-TRYAGAIN Multiple keys request during rehashing of slot\r\n".into()
        }
        "GET" if words[1].ends_with('4') && keys.insert(words[1].clone(), String::new()).is_none() => {
            "-CLUSTERDOWN The cluster is down\r\n".into()
        }
        _ => honest(words, keys, context),
    }
}

#[test]
fn redirections_are_followed_and_counted() {
    let ((first, port), (second, other)) = (listen(), listen());
    serve(first, moving, format!("{port} {other}"));
    serve(second, honest, String::new());
    let output = bench(&port, &["-n", "1000", "-c", "2", "-r", "10", "--distribution", "sequential"]);
    let text = text(&output);
    assert!(text.contains(" MOVED") && text.contains(" ASK"), "{text}");
    assert!(text.contains(" TRYAGAIN") && text.contains(" CLUSTERDOWN"), "{text}");
    assert!(text.contains("800 misses"), "every request got its answer, 200 an empty value: {text}");
    assert!(!text.contains("error replies"), "{text}");
}

#[test]
fn lost_connections_are_counted_and_made_again() {
    // Hangs up instead of answering a key that ends in 9.
    fn hanging_up(words: &[String], keys: &mut HashMap<String, String>, context: &str) -> String {
        let hang_up = words[0] == "GET" && words[1].ends_with('9');
        if hang_up { String::new() } else { honest(words, keys, context) }
    }
    let (listener, port) = listen();
    serve(listener, hanging_up, String::new());
    let output = bench(&port, &["-n", "100", "-c", "1", "-r", "100", "--distribution", "sequential"]);
    let text = text(&output);
    assert!(text.contains("10 lost with their connection") && text.contains("90 misses"), "{text}");
}

#[test]
fn repeated_runs_can_be_compared() {
    let (listener, port) = listen();
    serve(listener, honest, String::new());
    let file = std::env::temp_dir().join(format!("ringmaster-bench-{}.json", std::process::id()));
    let path = file.display().to_string();
    let shown = text(&bench(&port, &["-n", "500", "-c", "2", "--repeat", "4", "--json", &path]));
    assert!(shown.contains("the median of 4 runs: "), "{shown}");
    let compared = Command::new(env!("CARGO_BIN_EXE_ringmaster-bench"))
        .args(["compare", &path, &path])
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    let compared = text(&compared);
    assert_eq!(compared.matches("noise").count(), 4, "a thing is like itself in every figure: {compared}");
    assert!(compared.contains("4 runs") && !compared.contains("--repeat"), "{compared}");
}

#[test]
fn mistakes_are_one_line() {
    let ((closed, port), (open, honest_port)) = (listen(), listen());
    serve(closed, |_, _, _| "-NOAUTH Authentication required.\r\n".into(), String::new());
    serve(open, honest, String::new());
    let file = std::env::temp_dir().join(format!("ringmaster-bench-{}.toml", std::process::id()));
    std::fs::write(&file, "about = 'x'\n[keys]\ncuont = 3\n[[commands]]\nrun = 'PING'\n").unwrap();
    let file = file.display().to_string();
    for (port, arguments, expected) in [
        ("1", vec![], "cannot connect"),
        (&port[..], vec!["--cluster", "yes"], "not a cluster node"),
        (&port[..], vec!["-a", "wrong"], "NOAUTH"),
        (&port[..], vec!["-t", "nowhere.toml"], "nowhere.toml"),
        (&port[..], vec!["-t", &file], "line 3: unknown field `cuont`"),
        (&port[..], vec!["--verify", "-r", "10"], "--keys"),
        (&port[..], vec!["--rate", "0"], "a rate is"),
        (&port[..], vec!["--json", "/nowhere/x"], "cannot write /nowhere/x"),
        (&honest_port[..], vec!["--rate", "900m", "-D", "9s", "-r", "10"], "can even draw here"),
        (&honest_port[..], vec!["--cpus", "1000"], "cannot run on CPU 1000"),
    ] {
        let output = bench(port, &arguments);
        let text = text(&output);
        assert!(!output.status.success() && text.contains(expected), "{text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    }
    std::fs::remove_file(&file).unwrap();
}
