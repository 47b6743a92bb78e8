//! Loading, from texts in memory: files, includes, options, errors, and random bytes.

use super::{Config, Files, Loaded, load};
use commands::glob::{self, Case};
use std::collections::HashMap;
use std::io;

/// Files by path; `-` is standard input. The folder `/data` exists.
#[derive(Default)]
struct Memory(HashMap<String, Vec<u8>>);

impl Memory {
    fn with(files: &[(&str, &str)]) -> Memory {
        Memory(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
    }
}

impl Files for Memory {
    fn read(&mut self, path: &str) -> io::Result<Vec<u8>> {
        self.0.get(path).cloned().ok_or_else(|| io::Error::from_raw_os_error(2))
    }
    fn read_stdin(&mut self) -> io::Result<Vec<u8>> {
        self.read("-")
    }
    fn glob(&mut self, pattern: &str) -> Vec<String> {
        let matching = |path: &&String| glob::matches(pattern.as_bytes(), path.as_bytes(), Case::Sensitive);
        let mut found: Vec<String> = self.0.keys().filter(matching).cloned().collect();
        found.sort();
        found
    }
    fn resolve_dir(&mut self, dir: &str) -> io::Result<String> {
        match dir {
            "." => Ok("/here".to_owned()),
            "/data" => Ok("/data".to_owned()),
            _ => Err(io::Error::from_raw_os_error(2)),
        }
    }
}

fn load_with(files: &[(&str, &str)], args: &[&str]) -> Result<Loaded, String> {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    load(&args, &mut Memory::with(files)).map_err(|e| e.to_string())
}

fn loaded(text: &str, options: &[&str]) -> Loaded {
    let args = [&["f.conf"], options].concat();
    load_with(&[("f.conf", text)], &args).unwrap_or_else(|e| panic!("{e}"))
}

fn shown(config: &Config, name: &str) -> String {
    config.get(&[name.as_bytes()]).pop().unwrap_or_else(|| panic!("no {name}")).1
}

/// Checks directives after loading `text` and options: `name=value` pairs as CONFIG GET shows them.
fn check(text: &str, options: &[&str], expect: &[(&str, &str)]) {
    let config = loaded(text, options).config;
    for (name, value) in expect {
        assert_eq!(shown(&config, name), *value, "{name} after {text:?} {options:?}");
    }
}

/// Checks the message for `text`: its first line's number and text, and the reason.
fn check_error(text: &str, options: &[&str], quoted: &str, reason: &str) {
    let args = [&["f.conf"], options].concat();
    let message = load_with(&[("f.conf", text)], &args).expect_err(text);
    assert!(message.starts_with("\n*** FATAL CONFIG FILE ERROR (Version "), "{message}");
    assert!(message.contains(&format!("\n>>> '{quoted}'\n")), "{message}");
    assert!(message.ends_with(&format!("\n{reason}")), "{message}");
}

#[test]
fn syntax() {
    let text = "# comment\n\n  port\t7000 \r\nrequirepass \"\\x41\\\"b c\"\nlogfile ''\n\
                PIDFILE 'a\\'b'\nmaxmemory 1Kb\n";
    check(
        text,
        &[],
        &[
            ("port", "7000"),
            ("requirepass", "A\"b c"),
            ("logfile", ""),
            ("pidfile", "a'b"),
            ("maxmemory", "1024"),
        ],
    );
    // Later lines win; both spellings are one directive.
    check(
        "slave-read-only no\nreplica-read-only yes\nslave-read-only no",
        &[],
        &[("replica-read-only", "no")],
    );
    check(
        "unixsocketperm 0700\nmaxmemory-clients 20%",
        &[],
        &[("unixsocketperm", "700"), ("maxmemory-clients", "20%")],
    );
    let latin1 = b"# caf\xe9\nport 1".to_vec();
    let mut files = Memory(HashMap::from([("f".to_owned(), latin1)]));
    assert_eq!(load(&["f".to_owned()], &mut files).unwrap().config.network.port, 1);
}

#[test]
fn lists() {
    let save = "3600 1 300 100 60 10000";
    check(
        "",
        &[],
        &[
            ("save", save),
            (
                "client-output-buffer-limit",
                "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
            ),
        ],
    );
    check("save 100 100", &[], &[("save", "100 100")]);
    check("save 900 1\nsave 300 10", &["--save", "100", "100"], &[("save", "900 1 300 10 100 100")]);
    check("save 900 1", &["--save", ""], &[("save", "")]);
    check("save \"900 1 5 5\"", &[], &[("save", "900 1 5 5")]);
    check(
        "client-output-buffer-limit replica 1mb 0 0\nclient-output-buffer-limit pubsub 1 2 3",
        &[],
        &[("client-output-buffer-limit", "normal 0 0 0 slave 1048576 0 0 pubsub 1 2 3")],
    );
    check("bind 127.0.0.1 -::1", &[], &[("bind", "127.0.0.1 -::1")]);
    check("bind \"\"", &[], &[("bind", "")]);
    check(
        "notify-keyspace-events KEA\nlatency-tracking-info-percentiles 50.0 99.99",
        &[],
        &[("notify-keyspace-events", "AKE"), ("latency-tracking-info-percentiles", "50 99.99")],
    );
}

#[test]
fn options() {
    check(
        "",
        &["--maxmemory 700mb", "--loglevel 'verbose'"],
        &[("maxmemory", "734003200"), ("loglevel", "verbose")],
    );
    check("", &["loglevel", "verbose", "--port", "7"], &[("loglevel", "verbose"), ("port", "7")]);
    check("", &["--logfile", "--my-file", "--port", "7"], &[("logfile", "--my-file"), ("port", "7")]);
    check("", &["--save", "--loglevel", "debug"], &[("save", ""), ("loglevel", "debug")]);
    check("", &["--loglevel", "debug", "--save"], &[("save", ""), ("loglevel", "debug")]);
    check(
        "",
        &["--logfile", "--save", "--save", "", "--port", "7"],
        &[("logfile", "--save"), ("save", ""), ("port", "7")],
    );
    check(
        "",
        &["--shutdown-on-sigint", "nosave", "force", "now", "--shutdown-on-sigterm", "nosave force"],
        &[("shutdown-on-sigint", "nosave now force"), ("shutdown-on-sigterm", "nosave force")],
    );
    check("port 1", &["--port", "2", "--port", "3"], &[("port", "3")]);
    let stdin =
        load_with(&[("f", "port 1\nhz 11"), ("-", "port 2\ntimeout 5")], &["f", "--timeout", "6", "-"])
            .unwrap();
    let config = &stdin.config;
    assert_eq!((config.network.port, config.network.timeout, config.general.hz), (2, 6, 11));
    assert_eq!(stdin.file.unwrap().to_str(), Some("f"));
}

#[test]
fn option_errors() {
    const COUNT: &str = "wrong number of arguments";
    check_error("", &["--invalid"], "invalid", "Bad directive or wrong number of arguments");
    check_error("", &["--port"], "port", COUNT);
    check_error("", &["--port", "6380", "--loglevel"], "loglevel", COUNT);
    check_error("", &["--port", "6379", "6380"], "port \"6379\" \"6380\"", COUNT);
    check_error("", &["--port", "--loglevel", "verbose"], "port \"--loglevel\" \"verbose\"", COUNT);
    let integer = "argument couldn't be parsed into an integer";
    check_error("", &["--port", "--bla", "--loglevel", "verbose"], "port \"--bla\"", integer);
    let words = "argument(s) must be one of the following: debug, verbose, notice, warning, nothing";
    check_error("", &["--logfile", "--my-file", "--loglevel", "--bla"], "loglevel \"--bla\"", words);
    let words = "argument(s) must be one of the following: default, save, nosave, now, force";
    check_error("", &["--shutdown-on-sigint"], "shutdown-on-sigint", words);
    check_error(
        "",
        &["--replicaof", "127.0.0.1", "abc"],
        "replicaof \"127.0.0.1\" \"abc\"",
        "Invalid primary port",
    );
    check_error("", &["--replicaof", "--h", "--abc"], "replicaof \"--h\"", COUNT);
    let message = load_with(&[], &["--replicaof", "h", "1"]).unwrap_err();
    assert!(message.ends_with(") ***\nreplicaof directive not allowed in cluster mode"), "{message}");
}

#[test]
fn file_errors() {
    check_error(
        "port 1\n  hz x # no comment here",
        &[],
        "hz x # no comment here",
        "wrong number of arguments",
    );
    check_error("foo bar", &[], "foo bar", "Bad directive or wrong number of arguments");
    check_error("logfile \"a", &[], "logfile \"a", "Unbalanced quotes in configuration line");
    check_error("logfile \"a\"b", &[], "logfile \"a\"b", "Unbalanced quotes in configuration line");
    check_error("port 65536", &[], "port 65536", "argument must be between 0 and 65535 inclusive");
    check_error("dir /missing", &[], "dir /missing", "No such file or directory");
    check_error("dir ''", &[], "dir ''", "dir can't be empty");
    check_error("cores 0", &[], "cores 0", "argument must be 'auto' or between 1 and 1024");
    check_error(
        "rename-command FLUSHALL \"\"",
        &[],
        "rename-command FLUSHALL \"\"",
        "rename-command is not supported: commands keep their names",
    );
    check_error(
        "loadmodule /x.so",
        &[],
        "loadmodule /x.so",
        "loadmodule is not supported: there are no modules",
    );
    check_error("user", &[], "user", "Bad directive or wrong number of arguments");
    let declared = "Error in user declaration";
    check_error("user bob oops", &[], "user bob oops", &format!("{declared} 'oops': Syntax error"));
    check_error(
        "user bob on\nuser bob",
        &[],
        "user bob",
        &format!("{declared} 'bob': Duplicate user found. A user can only be defined once in config files"),
    );
    let message = load_with(&[("f", "port 1\n\nhz x")], &["f"]).unwrap_err();
    assert!(message.contains("\nReading the configuration file, at line 3 (f)\n"), "{message}");
    let message = load_with(&[], &["none.conf"]).unwrap_err();
    assert!(
        message.ends_with("Fatal error, can't open config file 'none.conf': No such file or directory"),
        "{message}"
    );
}

#[test]
fn includes() {
    let files = [("f", "port 1\ninclude a\ninclude d/*.conf\ninclude none/*\nhz 7"), ("a", "port 2\nhz 6")];
    let more = [("d/1.conf", "timeout 1"), ("d/2.conf", "timeout 2"), ("d/3.txt", "timeout 3")];
    let config = load_with(&[&files[..], &more].concat(), &["f"]).unwrap().config;
    assert_eq!((config.network.port, config.general.hz, config.network.timeout), (2, 7, 2));
    let message = load_with(&[("f", "include f\ninclude f")], &["f"]).unwrap_err();
    assert!(message.contains("include nests more than 16 deep"), "{message}");
    let message = load_with(&[("f", "include a"), ("a", "\nbad")], &["f"]).unwrap_err();
    assert!(message.contains("at line 2 (a)\n>>> 'bad'\n"), "{message}");
    let message = load_with(&[("f", "include a")], &["f"]).unwrap_err();
    assert!(
        message.contains(">>> 'include a'\nFatal error, can't open config file 'a': No such file"),
        "{message}"
    );
}

#[test]
fn our_own_and_warnings() {
    let loaded = loaded(
        "cores auto\nbootstrap yes\ningress-port 7000\ncluster-enabled no\ndatabases 16\n\
         io-threads 4\nio-threads 2\nappendonly no\nmaxmemory 1gb\nhz 900\nlua-replicate-commands yes\n\
         requirepass unseen\nuser default on >secret ~* +@all\nuser bob\ndir /data",
        &[],
    );
    let config = &loaded.config;
    assert_eq!(config.ringmaster.cores, super::Cores::Auto);
    assert!(config.ringmaster.bootstrap && config.cluster.enabled);
    assert_eq!((config.general.databases, config.general.hz), (1, 500));
    assert_eq!(config.general.dir, "/data");
    assert!(loaded.users.authenticate(b"default", b"secret").is_some() && loaded.users.get(b"bob").is_some());
    let begins: Vec<&str> = loaded.warnings.iter().map(|w| w.split(' ').next().unwrap_or("")).collect();
    for name in ["lua-replicate-commands", "io-threads", "databases", "cluster-enabled"] {
        assert_eq!(begins.iter().filter(|begin| **begin == name).count(), 1, "{name} in {begins:?}");
    }
    assert!(!begins.contains(&"appendonly"), "{begins:?}");
    assert!(loaded.warnings.iter().any(|w| w.starts_with("io-threads is accepted and has no effect: ")));
}

/// Random lines of words the parser knows and of bytes it does not: an error or a configuration, no panic.
#[test]
fn random_bytes_never_panic() {
    let mut random = base::Random::new(7);
    let names: Vec<&str> = super::directives::rows().flat_map(|row| row.names()).collect();
    let words = [
        "\"",
        "'",
        "yes",
        "no",
        "-1",
        "99999999999999999999",
        "1gb",
        "20%",
        "\\x4",
        "normal",
        "0",
        "\0",
        "*",
        "A",
    ];
    let mut starts = 0;
    for _ in 0..20_000 {
        let mut text = Vec::new();
        for _ in 0..random.below(4) {
            text.extend(names[random.below(names.len() as u64) as usize].as_bytes());
            for _ in 0..random.below(5) {
                text.extend(b" ");
                match random.below(3) {
                    0 => text.extend((0..random.below(6)).map(|_| random.bits() as u8)),
                    _ => text.extend(words[random.below(words.len() as u64) as usize].as_bytes()),
                }
            }
            text.push(b'\n');
        }
        let option = String::from_utf8_lossy(&text).into_owned();
        let mut files = Memory(HashMap::from([("f".to_owned(), text)]));
        starts += usize::from(load(&["f".to_owned()], &mut files).is_ok());
        let _ = load(&[format!("--{option}"), option], &mut files).map_err(|e| e.to_string());
    }
    assert!(starts > 1000, "only {starts} texts were good");
}
