//! The metrics port: what Prometheus reads agrees with INFO, the dashboard works in a browser, and whatever else
//! comes in ends with a status and harms nobody.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use kit::{Client, Process, Value, free_ports, ringmaster, wait_until};

fn server(cores: u16, more: &[&str]) -> (Process, u16) {
    let port = free_ports(1);
    let text = port.to_string();
    let args = [&["--bootstrap", "yes", "--metrics-port", &text], more].concat();
    (ringmaster(cores, &args), port)
}

/// Sends `request` as it is; all that comes back until the end.
fn send(port: u16, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the port listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a valid time");
    // One that is refused may find its end closed before all is said.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(port: u16, path: &str) -> String {
    send(port, format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n").as_bytes())
}

/// The samples of `/metrics`, by name and labels.
fn samples(port: u16) -> HashMap<String, f64> {
    let page = get(port, "/metrics");
    let (head, body) = page.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    let lines = body.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("a number in {line}")))
        })
        .collect()
}

fn info(client: &mut Client, section: &str, field: &str) -> f64 {
    let text = client.line(&format!("INFO {section}")).text();
    let prefix = format!("{field}:");
    let line = text.lines().find_map(|line| line.strip_prefix(&prefix)).expect("the field is there");
    line.trim().parse().expect("a number")
}

#[test]
fn figures_agree_with_info_on_every_core() {
    let (server, port) = server(3, &[]);
    for core in 0..3u16 {
        let mut client = Client::connect(server.port + core);
        // Whatever the slots of this core, some of these keys are in them.
        let set =
            |client: &mut Client, i| client.line(&format!("SET key:{i} v")) == Value::Simple("OK".into());
        let keys = (0..60).filter(|i| set(&mut client, *i)).count();
        assert!(keys > 0);
        client.line("GET key:0");
        client.line("SET key:0");
        let samples = samples(port);
        let of = |name: &str| samples[&format!("ringmaster_{name}{{core=\"{core}\"}}")];
        assert_eq!(of("core_up"), 1.0);
        assert_eq!(of("keys"), keys as f64);
        assert_eq!(of("cluster_ok"), 1.0);
        assert_eq!(of("cluster_known_nodes"), 3.0);
        assert!(of("busy_ratio") <= 1.0 && of("busy_seconds_total") > 0.0);
        let labelled = |name: &str, label: &str| {
            samples.get(&format!("ringmaster_{name}{{core=\"{core}\",{label}}}")).copied()
        };
        assert_eq!(labelled("command_calls_total", "command=\"set\""), Some(keys as f64));
        assert_eq!(labelled("command_duration_seconds_count", "command=\"set\""), Some(keys as f64));
        assert_eq!(
            labelled("command_duration_seconds_bucket", "command=\"set\",le=\"+Inf\""),
            Some(keys as f64)
        );
        assert_eq!(labelled("command_rejected_total", "command=\"set\"").map(|n| n >= 1.0), Some(true));
        // Each INFO is one command more.
        assert_eq!(of("commands_total"), info(&mut client, "stats", "total_commands_processed"));
        assert_eq!(of("keyspace_misses_total"), info(&mut client, "stats", "keyspace_misses"));
        assert_eq!(of("clients"), info(&mut client, "clients", "connected_clients"));
    }
    let samples = samples(port);
    let slots: f64 =
        (0..3).map(|i| samples[&format!("ringmaster_cluster_slots_owned{{core=\"{i}\"}}")]).sum();
    assert_eq!(slots, 16384.0);
    assert_eq!(samples["ringmaster_cores"], 3.0);
}

#[test]
fn a_busy_core_is_missed_and_the_others_are_told() {
    let (server, port) = server(2, &["--enable-debug-command", "yes"]);
    let mut client = Client::connect(server.port + 1);
    client.send(b"DEBUG SLEEP 4\r\n");
    wait_until("the sleeper is missed", || {
        let samples = samples(port);
        assert_eq!(samples["ringmaster_core_up{core=\"0\"}"], 1.0);
        !samples.contains_key("ringmaster_core_up{core=\"1\"}")
    });
    assert_eq!(client.read(), Some(Value::Simple("OK".into())));
    assert!(samples(port).contains_key("ringmaster_core_up{core=\"1\"}"));
}

#[test]
fn a_replica_and_its_lag_are_shown() {
    let (server, port) = server(1, &[]);
    let (replica, replica_port) = server_without_slots();
    let mut client = Client::connect(replica.port);
    client.line(&format!("CLUSTER MEET 127.0.0.1 {}", server.port));
    let id = Client::connect(server.port).line("CLUSTER MYID").text();
    wait_until("the replica follows", || {
        client.line(&format!("CLUSTER REPLICATE {id}")) == Value::Simple("OK".into())
    });
    let label = format!("{{core=\"0\",replica=\"127.0.0.1:{}\"}}", replica.port);
    wait_until("the master knows its replica, and that it is in step", || {
        samples(port).get(&format!("ringmaster_replication_replica_lag_bytes{label}")) == Some(&0.0)
    });
    assert!(samples(port).contains_key(&format!("ringmaster_replication_replica_lag_seconds{label}")));
    wait_until("the link is up", || {
        samples(replica_port).get("ringmaster_replication_link_up{core=\"0\"}") == Some(&1.0)
    });
    let state = get(port, "/api/state");
    assert!(state.contains(&format!("\"name\":\"127.0.0.1:{}\"", replica.port)), "{state}");
}

fn server_without_slots() -> (Process, u16) {
    let port = free_ports(1);
    (ringmaster(1, &["--metrics-port", &port.to_string()]), port)
}

#[test]
fn a_password_is_asked_for() {
    let (server, port) = server(1, &[]);
    let mut client = Client::connect(server.port);
    for line in
        ["ACL SETUSER ops on >word +info", "ACL SETUSER other on >word +get", "CONFIG SET requirepass secret"]
    {
        assert_eq!(client.line(line), Value::Simple("OK".into()));
    }
    let status = |login: &str| {
        let header =
            if login.is_empty() { String::new() } else { format!("Authorization: Basic {login}\r\n") };
        let answer = send(port, format!("GET /metrics HTTP/1.1\r\n{header}\r\n").as_bytes());
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert!(get(port, "/").contains("WWW-Authenticate: Basic realm="));
    // Nobody, noise, default:wrong, default:secret, :secret, ops:word, other:word, ops:secret.
    let cases = [
        ("", "401"),
        ("???", "401"),
        ("ZGVmYXVsdDp3cm9uZw==", "401"),
        ("ZGVmYXVsdDpzZWNyZXQ=", "200"),
        ("OnNlY3JldA==", "200"),
        ("b3BzOndvcmQ=", "200"),
        ("b3RoZXI6d29yZA==", "403"),
        ("b3BzOnNlY3JldA==", "401"),
    ];
    for (login, expect) in cases {
        assert_eq!(status(login), expect, "{login}");
    }
    assert_eq!(info(&mut client, "stats", "acl_access_denied_auth"), 2.0);
    assert!(client.line("ACL LOG").to_string().contains("metrics-port"));
}

#[test]
fn noise_ends_with_a_status_and_harms_nobody() {
    let (server, port) = server(2, &[]);
    let long = [b"GET /metrics HTTP/1.1\r\nA: ".to_vec(), vec![b'a'; 100_000]].concat();
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(100));
    let cases: [(&[u8], &str); 8] = [
        (b"*1\r\n$4\r\nPING\r\n", "400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400"),
        (b"GET /nothing HTTP/1.1\r\n\r\n", "404"),
        (b"GET /api/slots?by=magic HTTP/1.1\r\n\r\n", "400"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "405"),
        (b"GET / HTTP/3.0\r\n\r\n", "505"),
        (&long, "431"),
        (many.as_bytes(), "431"),
    ];
    for (request, expect) in cases {
        let answer = send(port, request);
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert_eq!(status, expect, "{}", request[..request.len().min(60)].escape_ascii());
    }
    let head = send(port, b"HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(Client::connect(server.port).line("PING"), Value::Simple("PONG".into()));
}

#[test]
fn the_slow_are_given_up_and_do_not_stand_in_the_way() {
    let (_server, port) = server(1, &[]);
    let start = Instant::now();
    // One that never ends its head, one that never reads, one that goes at once.
    let mut slow = TcpStream::connect(("127.0.0.1", port)).expect("the port listens");
    slow.write_all(b"GET / HTTP/1.1\r\n").expect("it is read");
    let mut deaf = TcpStream::connect(("127.0.0.1", port)).expect("the port listens");
    deaf.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").expect("it is read");
    let gone = TcpStream::connect(("127.0.0.1", port)).expect("the port listens");
    gone.shutdown(Shutdown::Both).expect("it is open");
    assert!(get(port, "/metrics").starts_with("HTTP/1.1 200"));
    let mut answer = String::new();
    slow.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(start.elapsed() >= Duration::from_secs(5));
    // All places taken: whoever comes then is turned away, and the places are free again after that.
    let idle: Vec<TcpStream> =
        (0..16).map(|_| TcpStream::connect(("127.0.0.1", port)).expect("the port listens")).collect();
    wait_until("the 17th is turned away", || get(port, "/metrics").is_empty());
    drop(idle);
    wait_until("there is room again", || get(port, "/metrics").starts_with("HTTP/1.1 200"));
}

/// The page as a browser has it after it ran for a while.
fn browse(port: u16) -> String {
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--virtual-time-budget=4000", "--dump-dom", &format!("http://127.0.0.1:{port}/")])
        .output()
        .expect("chromium is there: run tests/run");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Keys as somebody may name them who would like the page to do something else.
const RUDE_KEYS: [&[u8]; 4] = [
    b"<img src=x onerror=document.title='hit'>",
    b"</script><script>document.title='hit'</script>",
    b"\"><b id=hit>&lt;'\\",
    b"\x00\xff\r\n\xe2\x80\xae<i>",
];

#[test]
fn hot_keys_on_the_page() {
    let (server, port) = server(2, &["--enable-debug-command", "yes"]);
    let mut cores: Vec<Client> = (0..2).map(|core| Client::connect(server.port + core)).collect();
    let page = browse(port);
    assert!(page.contains("Not tracked. HOTKEYS START METRICS 2 CPU NET"), "{page}");
    assert_eq!(samples(port)["ringmaster_hotkeys_tracking{core=\"1\"}"], 0.0);

    for core in &mut cores {
        assert_eq!(core.line("HOTKEYS START METRICS 2 CPU NET").text(), "OK");
    }
    let value = vec![b'x'; 10_000];
    let long = vec![b'k'; 5000];
    for (i, key) in RUDE_KEYS.into_iter().chain([&long[..]]).enumerate() {
        for core in &mut cores {
            (0..10 - i).for_each(|_| drop(core.call(&[&b"SET"[..], key, &value])));
        }
    }
    let json = get(port, "/api/hotkeys");
    assert!(json.contains("\"tracking\":[0,1]") && json.len() < 5000, "{json}");
    let samples = samples(port);
    assert_eq!(samples["ringmaster_hotkeys_tracking{core=\"1\"}"], 1.0);
    assert!(!samples.keys().any(|name| name.contains("onerror")));
    let page = browse(port);
    let panel = page.split("id=\"hot-panel\"").nth(1).and_then(|rest| rest.split("</section>").next());
    let panel = panel.unwrap_or_else(|| panic!("the panel is on the page: {page}"));
    for shown in [
        "\"&lt;img src=x onerror=document.title='hit'&gt;\"",
        "\"&lt;/script&gt;&lt;script&gt;document.title='hit'&lt;/script&gt;\"",
        "\"\\\"&gt;&lt;b id=hit&gt;&amp;lt;'\\\\\"",
        "\"\\x00\\xff\\r\\n\\xe2\\x80\\xae&lt;i&gt;\"",
        "... (4900 more bytes)",
        "on cores 0, 1",
        ">core 0<",
        ">core 1<",
    ] {
        assert!(panel.contains(shown), "{shown} is not in {panel}");
    }
    for harm in ["<img", "<script", "<b ", "<i>"] {
        assert!(!panel.contains(harm), "{harm} is in {panel}");
    }
    assert!(page.contains("<title>Ringmaster</title>") && !page.contains("id=\"hit\""), "{page}");
    assert_eq!(cores[0].line("HOTKEYS STOP").text(), "OK");
    assert!(get(port, "/api/hotkeys").contains("\"tracking\":[1]"));
    // Who may see figures need not see keys. The page says so: user ops, word.
    assert_eq!(cores[0].line("ACL SETUSER ops on >word +info").text(), "OK");
    let login = "Authorization: Basic b3BzOndvcmQ=\r\n";
    for (path, status) in [("/api/state", "200"), ("/api/hotkeys", "403")] {
        let answer = send(port, format!("GET {path} HTTP/1.1\r\n{login}\r\n").as_bytes());
        assert_eq!(answer.split(' ').nth(1), Some(status), "{path}");
    }
}

#[test]
fn the_dashboard_in_a_browser() {
    let (server, port) = server(2, &["--cluster-slot-stats-enabled", "yes"]);
    let mut keys = [0, 0];
    for core in 0..2u16 {
        let mut client = Client::connect(server.port + core);
        let set =
            |client: &mut Client, i| client.line(&format!("SET key:{i} v")) == Value::Simple("OK".into());
        keys[usize::from(core)] = (0..100).filter(|i| set(&mut client, *i)).count();
    }
    let page = browse(port);
    let shown = |id: &str| {
        let at = page.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("{id} is on the page: {page}"));
        let rest = &page[at..];
        rest[..rest.find('<').unwrap_or(rest.len())].to_owned()
    };
    assert_eq!(keys[0] + keys[1], 100);
    assert!(shown("keys").contains("data-value=\"100\""), "{}", shown("keys"));
    // The map shows as many keys as the cores say they have.
    assert!(shown("slots-about").contains("data-value=\"100\""), "{}", shown("slots-about"));
    assert!(shown("state").ends_with(">cluster up"), "{}", shown("state"));
    for (core, keys) in keys.iter().enumerate() {
        assert!(page.contains(&format!("data-core=\"{core}\" data-keys=\"{keys}\"")), "core {core}: {page}");
    }
    assert!(page.contains("core 1 :") && page.contains("class=\"node master\""), "{page}");
    // The page loads nothing from elsewhere.
    assert!(!page.contains("src=\"http") && !page.contains("href=\"http"));
}
