//! TLS as its users use it: redis-cli, redis-py, certificates that fit and that do not.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use kit::{Client, Process, Value, free_ports, ringmaster, run};
use pkcs8::{LineEnding, PrivateKeyInfoRef, SecretDocument};
use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// An authority and what it has signed, as files in a folder that goes with this value.
pub struct Paper {
    folder: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Paper {
    /// A new authority, which has signed `own`.
    pub fn new() -> Paper {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("ringmaster-tls-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("the temporary folder can be written");
        let mut params = CertificateParams::new(vec![]).expect("no name is wrong");
        params.distinguished_name.push(DnType::CommonName, format!("authority of {}", folder.display()));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let paper = Paper { folder, authority };
        paper.write("ca.crt", &paper.authority.pem());
        paper.sign("own");
        paper
    }

    /// A certificate for this machine, as `name.crt` and `name.key`.
    pub fn sign(&self, name: &str) -> Certificate {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("good names");
        let certificate = params.signed_by(&key, &self.authority).expect("a certificate");
        self.write(&format!("{name}.crt"), &certificate.pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
        certificate
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).expect("the folder can be written");
    }

    /// Where the file `name` is.
    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// A server of `cores` cores, and its first TLS port.
    fn server(&self, cores: u16, more: &[&str]) -> (Process, u16) {
        let port = free_ports(cores);
        let (text, own, key, ca) =
            (port.to_string(), self.path("own.crt"), self.path("own.key"), self.path("ca.crt"));
        let tls =
            ["--tls-port", &text, "--tls-cert-file", &own, "--tls-key-file", &key, "--tls-ca-cert-file", &ca];
        (ringmaster(cores, &[&["--bootstrap", "yes"], &tls[..], more].concat()), port)
    }

    /// redis-cli over TLS, trusting this authority; `more` may show a certificate.
    fn cli(&self, port: u16, more: &[&str]) -> String {
        let (port, ca) = (port.to_string(), self.path("ca.crt"));
        let output = run("redis-cli", &[&["--tls", "--cacert", &ca, "-p", &port], more].concat());
        text(&output)
    }

    pub fn cli_with_certificate(&self, port: u16, more: &[&str]) -> String {
        let (own, key) = (self.path("own.crt"), self.path("own.key"));
        self.cli(port, &[&["--cert", &own, "--key", &key], more].concat())
    }
}

impl Drop for Paper {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn redis_cli_follows_the_cluster_by_tls_ports() {
    let paper = Paper::new();
    let (_server, port) = paper.server(3, &[]);
    for i in 0..20 {
        let (key, value) = (format!("key:{i}"), "x".repeat(i * 5000));
        assert_eq!(paper.cli_with_certificate(port, &["-c", "SET", &key, &value]).trim(), "OK");
        assert_eq!(paper.cli_with_certificate(port, &["-c", "GET", &key]).trim(), value);
    }
    let slots = paper.cli_with_certificate(port, &["CLUSTER", "SLOTS"]);
    assert!((0..3).all(|i| slots.lines().any(|line| line == (port + i).to_string())), "{slots}");
}

#[test]
fn our_generator_over_tls() {
    let paper = Paper::new();
    let (_server, port) = paper.server(2, &[]);
    let (port, ca, own, key) =
        (port.to_string(), paper.path("ca.crt"), paper.path("own.crt"), paper.path("own.key"));
    let bench = |papers: &[&str]| {
        let load = ["-p", &port, "-q", "--tls", "-n", "3000", "-P", "16", "-d", "10-40000"];
        let set = ["--command", "SET __key__ __data__", "--resp", "3"];
        let program = kit::binary("ringmaster-bench").display().to_string();
        text(&run(&program, &[&load[..], &set, papers].concat()))
    };
    let done = bench(&["--cacert", &ca, "--cert", &own, "--key", &key]);
    // Both cores by their TLS ports, and nothing but answers.
    assert!(done.matches("127.0.0.1:").count() >= 3 && !done.contains("counted:"), "{done}");
    assert!(bench(&["--insecure", "--cert", &own, "--key", &key]).contains("SET: "));
    for (papers, expected) in [
        (vec![], "--tls needs --cacert"),
        (vec!["--cacert", &ca], "CertificateRequired"),
        (vec!["--cacert", "/nowhere/ca.crt"], "/nowhere/ca.crt"),
    ] {
        let refused = bench(&papers);
        assert!(refused.contains(expected) && refused.trim_end().lines().count() == 1, "{refused}");
    }
    let stranger = Paper::new();
    assert!(bench(&["--cacert", &stranger.path("ca.crt")]).contains("UnknownIssuer"));
}

#[test]
fn redis_py_over_tls() {
    let paper = Paper::new();
    let (_server, port) = paper.server(3, &["--tls-auth-clients", "no"]);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(here.join(".venv/bin/python"))
        .args([here.join("e2e/redis_py_tls.py").as_os_str(), port.to_string().as_ref()])
        .arg(paper.path("ca.crt"))
        .output()
        .expect("python runs: tests/run installs it");
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn who_shows_no_certificate_is_refused_unless_allowed() {
    let paper = Paper::new();
    let (server, port) = paper.server(1, &[]);
    assert!(!paper.cli(port, &["PING"]).contains("PONG"));
    assert_eq!(paper.cli_with_certificate(port, &["PING"]).trim(), "PONG");
    let stranger = Paper::new();
    let (crt, key) = (stranger.path("own.crt"), stranger.path("own.key"));
    assert!(!paper.cli(port, &["--cert", &crt, "--key", &key, "PING"]).contains("PONG"));
    Client::connect(server.port).line("CONFIG SET tls-auth-clients optional");
    assert_eq!(paper.cli(port, &["PING"]).trim(), "PONG");
}

#[test]
fn a_certificate_is_replaced_while_running() {
    let paper = Paper::new();
    let (server, port) = paper.server(1, &["--tls-auth-clients", "no"]);
    let mut client = Client::connect(server.port);
    let set = |client: &mut Client, file: &str| {
        client.call(&[
            "CONFIG",
            "SET",
            "tls-cert-file",
            &format!("{file}.crt"),
            "tls-key-file",
            &format!("{file}.key"),
        ])
    };
    let stranger = Paper::new();
    assert_eq!(set(&mut client, &stranger.path("own")), Value::Simple("OK".into()));
    assert!(!paper.cli(port, &["PING"]).contains("PONG"), "its authority is unknown");
    paper.sign("next");
    assert_eq!(set(&mut client, &paper.path("next")), Value::Simple("OK".into()));
    assert_eq!(paper.cli(port, &["PING"]).trim(), "PONG");
    let refused = set(&mut client, &paper.path("nothing")).text();
    assert!(refused.starts_with("ERR CONFIG SET failed"), "{refused}");
    assert_eq!(paper.cli(port, &["PING"]).trim(), "PONG");
}

#[test]
fn noise_on_the_tls_port_harms_nobody() {
    let paper = Paper::new();
    let (_server, port) = paper.server(1, &["--tls-auth-clients", "no"]);
    for noise in [&b"PING\r\n"[..], b"\x16\x03\x01\xff\xff", &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0], &[0; 70_000]]
    {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        let _ = stream.write_all(noise);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(paper.cli(port, &["PING"]).trim(), "PONG");
}

#[test]
fn settings_that_do_not_fit_are_one_sentence() {
    let paper = Paper::new();
    let binary = std::env::current_exe().expect("a path").with_file_name("../ringmaster");
    let start = |more: &[&str]| {
        let port = free_ports(2).to_string();
        let base = ["--port", "0", "--tls-port", &port, "--dir", paper.folder.to_str().expect("a path")];
        let output = Command::new(&binary).args(base).args(more).output().expect("it starts");
        assert_eq!(output.status.code(), Some(1));
        text(&output)
    };
    assert!(start(&[]).contains("No tls-cert-file or tls-key-file configured!"));
    let (own, key, ca) = (paper.path("own.crt"), paper.path("own.key"), paper.path("ca.crt"));
    let files = ["--tls-cert-file", &own, "--tls-key-file", &key];
    assert!(start(&files).contains("Either tls-ca-cert-file or tls-ca-cert-dir must be specified"));
    let all = [&files[..], &["--tls-ca-cert-file", &ca]].concat();
    assert!(start(&[&all[..], &["--tls-protocols", "SSLv3"]].concat()).contains("Invalid tls-protocols"));
    assert!(start(&[&all[..], &["--tls-ciphers", "RC4-MD5"]].concat()).contains("tls-ciphers"));
    let mixed = ["--tls-cert-file", &own, "--tls-key-file", &ca, "--tls-ca-cert-file", &ca];
    assert!(start(&mixed).contains("Failed to load private key"));
}

#[test]
fn a_key_with_a_password_is_opened_by_it() {
    let paper = Paper::new();
    let plain = SecretDocument::from_pem(&fs::read_to_string(paper.path("own.key")).unwrap()).unwrap().1;
    let encrypted = PrivateKeyInfoRef::try_from(plain.as_bytes()).unwrap().encrypt("secret").unwrap();
    paper.write("own.key", &encrypted.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF).unwrap());
    let (server, port) = paper.server(1, &["--tls-auth-clients", "no", "--tls-key-file-pass", "secret"]);
    assert_eq!(paper.cli(port, &["PING"]).trim(), "PONG");
    let mut client = Client::connect(server.port);
    let refused = client.line("CONFIG SET tls-key-file-pass wrong").text();
    assert!(refused.ends_with("Unable to update TLS configuration. Check server logs."), "{refused}");
    assert!(server.log().contains("it cannot be decrypted"), "{}", server.log());
}
