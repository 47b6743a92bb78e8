//! Clients that know clusters, run as their users run them.

use std::path::Path;
use std::process::Command;

use kit::{free_ports, ringmaster, run};

fn python(script: &str, environment: &str, ports: &[u16]) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = here.join(environment).join("bin/python");
    assert!(python.exists(), "{} is missing: run tests/run", python.display());
    let output = Command::new(python)
        .arg(here.join("e2e").join(script))
        .args(ports.iter().map(u16::to_string))
        .output()
        .expect("python runs");
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script} failed:\n{text}");
}

#[test]
fn redis_py_and_valkey_glide() {
    let server = ringmaster(3, &["--bootstrap", "yes"]);
    python("redis_py.py", ".venv", &[server.port]);
    python("glide_client.py", ".venv", &[server.port]);
}

#[test]
fn redis_py_listens() {
    let ingress = free_ports(1);
    let server = ringmaster(2, &["--bootstrap", "yes", "--ingress-port", &ingress.to_string()]);
    python("redis_py_listen.py", ".venv", &[server.port, ingress]);
}

#[test]
fn redis_py_cluster() {
    let server = ringmaster(3, &["--bootstrap", "yes"]);
    python("redis_py_cluster.py", ".venv-old", &[server.port]);
}

#[test]
fn the_redis_crate() {
    use redis::Commands;
    let server = ringmaster(3, &["--bootstrap", "yes"]);
    let client = redis::cluster::ClusterClient::new([format!("redis://127.0.0.1:{}", server.port)]).unwrap();
    let mut connection = client.get_connection().unwrap();
    for i in 0..500 {
        let () = connection.set(format!("key:{i}"), i).unwrap();
    }
    for i in 0..500 {
        let value: i32 = connection.get(format!("key:{i}")).unwrap();
        assert_eq!(value, i);
    }
    let values: Vec<i32> = connection.mget(&["{t}a", "{t}b"]).unwrap_or_default();
    assert!(values.is_empty());
}

#[test]
fn redis_cli_and_redis_benchmark() {
    let server = ringmaster(3, &["--bootstrap", "yes"]);
    let port = server.port.to_string();
    for i in 0..20 {
        let (key, value) = (format!("key:{i}"), i.to_string());
        let set = run("redis-cli", &["-c", "-p", &port, "SET", &key, &value]);
        assert_eq!(String::from_utf8_lossy(&set.stdout).lines().last(), Some("OK"));
        let get = run("redis-cli", &["-c", "-p", &port, "GET", &key]);
        assert_eq!(String::from_utf8_lossy(&get.stdout).lines().last(), Some(value.as_str()));
    }
    let bench = ["--cluster", "-p", &port, "-n", "20000", "-r", "1000", "-t", "set,get", "-P", "16", "-q"];
    let bench = run("redis-benchmark", &bench);
    let text = String::from_utf8_lossy(&bench.stdout).into_owned();
    assert!(bench.status.success() && text.contains("requests per second"), "{text}");
    assert!(!text.contains("rror"), "{text}");
}

/// A script of Node's in `e2e`, with what `tests/run` installs in `node_modules`.
fn node(script: &str, ports: &[u16]) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(here.join("node_modules").exists(), "node_modules is missing: run tests/run");
    let output = Command::new("node")
        .arg(here.join("e2e").join(script))
        .args(ports.iter().map(u16::to_string))
        .output()
        .expect("node is there: run tests/run");
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script} failed:\n{text}");
}

#[test]
fn ioredis_and_bullmq() {
    let ingress = free_ports(1);
    let server = ringmaster(3, &["--bootstrap", "yes", "--ingress-port", &ingress.to_string()]);
    node("ioredis_bullmq.mjs", &[server.port, ingress]);
}

#[test]
fn redis_py_locks_scripts_and_celery() {
    let ingress = free_ports(1);
    let server = ringmaster(3, &["--bootstrap", "yes", "--ingress-port", &ingress.to_string()]);
    python("redis_py_apps.py", ".venv", &[server.port, ingress]);
}
